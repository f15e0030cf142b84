"""Commands that bridges carry out as they run: other settings, and frames that agents there send."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.machine.network.bridge import advance_bridge, forwards_at, send_own
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.learning import age_out
from hwmodel.machine.time.commands import (
    AGEING,
    GIVEN,
    LATENCY,
    POLICER,
    SECURITY,
    TABLE,
    next_command_fs,
    rewrite_bucket,
    write_words,
)


@kernel
def take_other_latency(bridge, command, words, now_fs):
    """Change the latency for the frames whose last byte, or header in cut-through, comes from now on."""
    box = bridge.box[command.part]
    before_fs = box.params.latency_fs
    write_words(bridge.commands, command, words)
    for port_number in range(bridge.params.n_ports):
        port = bridge.port[port_number]
        if port.params.box != command.part or port.come.first == NOBODY:
            continue
        place = port.come.first
        while place != NOBODY:
            slot = bridge.slot[place]
            if slot.due_fs - before_fs >= now_fs:
                slot.due_fs += box.params.latency_fs - before_fs
            place = slot.following
        due_fs = max(bridge.slot[port.come.first].due_fs, now_fs)
        if due_fs != port.forwards_fs:
            forwards_at(bridge, port_number, due_fs)


@kernel
def obey(bridge, words, servers, now_fs, command):
    """Carry out one command; `words`: the records of all bridges."""
    if command.kind == GIVEN:
        send_own(bridge, servers, now_fs, command)
        return
    if command.kind == POLICER:
        rewrite_bucket(bridge.commands, command, words, bridge.policer[command.part], now_fs)
        return
    if command.kind == LATENCY:
        take_other_latency(bridge, command, words, now_fs)
        return
    if command.kind == AGEING and bridge.box[command.part].params.learns:
        age_out(bridge, now_fs - 1, command.part)
        bridge.box[command.part].next_expiry_fs = 0  # found anew, by the new ageing time, when it is needed
    write_words(bridge.commands, command, words)
    if command.kind == TABLE:
        bridge.generation += 1
    elif command.kind == SECURITY:
        bridge.port[command.part].is_shut = 0


@kernel
def obey_bridge_due(bridge, words, servers, now_fs):
    """Carry out all commands that are due; `words`: the records of all bridges."""
    commands = bridge.commands
    while next_command_fs(commands) <= now_fs:
        obey(bridge, words, servers, now_fs, commands.ring[commands.head])
        commands.head += 1


@kernel
def advance_bridge_through(bridge, words, servers, until_fs):
    """Advance, and carry out the commands on the way, each before all else of its instant.

    Return when the next event or command is.
    """
    commands = bridge.commands
    while True:
        command_fs = next_command_fs(commands)
        at_fs = advance_bridge(bridge, servers, min(until_fs, command_fs - 1))
        if command_fs > until_fs or bridge.clock.overflow or bridge.n_kept > 0:
            return min(at_fs, command_fs)
        obey_bridge_due(bridge, words, servers, command_fs)
