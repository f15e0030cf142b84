"""What commands do to an adapter beside writing its tables and parameters."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.tables import VIDS
from hwmodel.machine.adapter.driver_jobs import begin_job, drop_jobs
from hwmodel.machine.adapter.function_life import function_off, function_on
from hwmodel.machine.adapter.read_arbiter import has_waiting_reads, issue
from hwmodel.machine.adapter.scheduler import begin_limit, end_limit
from hwmodel.machine.adapter.switching import look_what_is_next
from hwmodel.machine.adapter.watches import begin_to_listen, begin_watch
from hwmodel.machine.guest.cores import refill_what_is_taken
from hwmodel.machine.network.bond import leg_changes
from hwmodel.machine.network.mac import expect_line_anew
from hwmodel.machine.network.pauses import DEAD
from hwmodel.machine.network.wires import expect_outside_anew
from hwmodel.machine.pcie.link import catch_up, expect_rest_of_read
from hwmodel.machine.time.commands import (
    DRIVER_JOB,
    DROPPING,
    FUNCTION_OFF,
    FUNCTION_ON,
    GIVEN,
    LINE_RATE,
    LINK,
    LISTENING,
    OUTSIDE_RATE,
    POLICER,
    RECEIVE_LIMIT,
    REFILL,
    SECURITY,
    SHAPER,
    SOURCE,
    TABLE,
    VLAN,
    WATCHED,
    WIRE_STATE,
    next_command_fs,
    rewrite_bucket,
    write_words,
)
from hwmodel.machine.traffic.sources import frame_given, frame_given_outside, load_changes, wire_changes


@kernel
def wire_state_changes(nic, number, now_fs):
    """Let a port know that its wire is dead, or alive again."""
    mac = nic.port[number].mac
    mac.is_stopped = mac.is_stopped & ~DEAD | mac.params.is_down
    if nic.virtual_switch.bond.params.n_legs > 0:
        leg_changes(nic.virtual_switch.bond, nic.clock, mac, number, now_fs)
    if nic.params.has_flow_control:
        look_what_is_next(nic, number, now_fs)


@kernel
def obey_due(nic, words, now_fs):
    """Carry out all commands that are due; `words`: the records of all servers."""
    commands = nic.commands
    while next_command_fs(commands) <= now_fs:
        obey(nic, words, now_fs, commands.ring[commands.head])
        commands.head += 1
    if nic.reads.has_freed:
        nic.reads.has_freed = 0
        if has_waiting_reads(nic):
            issue(nic, now_fs)  # as after any event: reads already waiting take the freed tags before new ones join


@kernel
def obey(nic, words, now_fs, command):
    """Carry out one command."""
    commands, part = nic.commands, command.part
    if command.kind == SHAPER:
        was_limited = nic.function[part].params.shaper_den > 0
        write_words(commands, command, words)
        if nic.function[part].params.shaper_den == 0:
            end_limit(nic, part)
        elif not was_limited:
            begin_limit(nic, part)
    elif command.kind == POLICER:
        rewrite_bucket(commands, command, words, nic.traffic.policer[part], now_fs)
    elif command.kind == RECEIVE_LIMIT:
        rewrite_bucket(commands, command, words, nic.arbiter.receives[part], now_fs)
    elif command.kind == FUNCTION_OFF:
        function_off(nic, now_fs, part)
        drop_jobs(nic, now_fs, part)
    elif command.kind == FUNCTION_ON:
        function_on(nic, now_fs, part)
    elif command.kind == DRIVER_JOB:
        begin_job(nic, command)
    elif command.kind == WATCHED:
        begin_watch(nic, words, commands, command)
    elif command.kind == LISTENING:
        begin_to_listen(nic, commands, command)
    elif command.kind == GIVEN and part < 0:
        frame_given_outside(nic, now_fs)
    elif command.kind == GIVEN:
        frame_given(nic, part)
    elif command.kind == SOURCE:
        load_changes(nic, part)
    elif command.kind == LINK:
        catch_up(nic.clock, nic.pcie[part], now_fs)
        write_words(commands, command, words)
        expect_rest_of_read(nic.clock, nic.pcie[part])
    else:
        write_words(commands, command, words)
        follow_written(nic, now_fs, command)


@kernel
def follow_written(nic, now_fs, command):
    """Do what has to follow when a command's words are written."""
    if command.kind == LINE_RATE:
        expect_line_anew(nic.port[command.part].mac)
    elif command.kind == DROPPING:
        nic.moves_due = 1  # the copy that waits for a descriptor may be dropped now
    elif command.kind == SECURITY:
        nic.virtual_switch.learned.port[command.part].is_shut = 0
    elif command.kind == REFILL:
        refill_what_is_taken(nic, now_fs, command.part)
    elif command.kind == WIRE_STATE:
        wire_state_changes(nic, command.part, now_fs)
        wire_changes(nic, command.part)
    elif command.kind == OUTSIDE_RATE:
        expect_outside_anew(nic.outside, now_fs)
    elif command.kind in (TABLE, VLAN):
        nic.headers.generation += 1
        if command.kind == VLAN:
            switch = nic.port[command.part // VIDS].switch
            switch.vlan_changed[command.part % VIDS] = nic.headers.generation
        else:
            nic.port[command.part].switch.others_changed = nic.headers.generation
