"""The loop over servers and bridges: each runs alone for as long as nothing can reach it that is not known yet.

They meet over wires alone, and a frame needs its time on the wire, so what one sends up to a moment settles what comes
to the other for some time more (conservative synchronisation: K. M. Chandy and J. Misra, IEEE Transactions on Software
Engineering 5(5), 1979; R. E. Bryant, MIT/LCS/TR-188, 1977). How far each runs in one go changes no result.

While servers run nothing is shared between them, so several threads can each run some: in turns, between which the
first thread lets the bridges run and hands frames over. Which server runs in which thread changes no result either.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.processor import give_way, pause, prefetch_at, seen, show
from hwmodel.compiled.records import I64, NEVER, ints, offset_of, record
from hwmodel.machine.cache_hints import prefetch_begun, prefetch_servers
from hwmodel.machine.commanded import run_commanded_server
from hwmodel.machine.counts.journey_sums import fold
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT, IDLE, OVERFLOW
from hwmodel.machine.engine import ADVANCE, BEGIN, close_books, run_server
from hwmodel.machine.network.bridge import comes
from hwmodel.machine.network.bridge_commands import advance_bridge_through
from hwmodel.machine.network.bridge_places import let_go, pop
from hwmodel.machine.network.bridge_state import BRIDGE_PORT, NOBODY
from hwmodel.machine.network.hops import have_room_for_hops, hop_of
from hwmodel.machine.network.wires import comes_to_adapter, first_of
from hwmodel.machine.pci_buses import BUSES, run_buses
from hwmodel.machine.pcie.tree_state import TREES
from hwmodel.machine.pcie_trees import look_at_switches, run_trees
from hwmodel.machine.time.clock import ADAPTER_PORTS, TIMERS
from hwmodel.machine.time.commands import next_command_fs
from hwmodel.rules.capacities import MAX_SERVERS

MAX_BRIDGES = 64
MAX_THREADS = 64

# Of a port of an adapter: the bridge at the other end of its wire (by its place among the bridges), the port there, and
# the least time from that bridge's beginning to send until anything of it comes here.
END = record(*ints("bridge", "port", "crossing_fs"))
WORDS_A_LINE = 8  # of the processor's caches
# Of a server or a bridge. `safe_fs`: all that it sends up to then is known. `next_fs`: when its next event is. `end`:
# of the `n_ends` ports of a server. Each has lines of the processor's caches to itself.
COMPONENT = record(
    *ints("safe_fs", "next_fs", "n_ends"),
    ("end", END, (ADAPTER_PORTS,)),
    ("apart", I64, (WORDS_A_LINE - 3 * (ADAPTER_PORTS + 1) % WORDS_A_LINE,)),
)
# What one thread shows the others, in lines that nothing else is in.
FLAG = record(*ints("value"), ("apart", I64, (15,)))
# What one thread does in each turn: the servers from `first` of `system.order` on, before `end`. `n_events`, `stopped`:
# what came of the last turn. `asks_ahead`: what its servers will look at is prefetched. `done`: its last turn.
SHARE = record(
    *ints("first", "end", "asks_ahead", "n_events", "stopped"), ("apart", I64, (11,)), ("done", FLAG)
)  # fmt: skip
# `window_fs`: how far one may run before the others are looked at, at most. `stops_exactly`: no bridge runs ahead of
# the server, so that the run may end behind any of its events. `limit_fs`: how far all may run in this turn. `turn`:
# its number, `system.OVER` behind the last.
SYSTEM = record(
    ("server", COMPONENT, (MAX_SERVERS,)),
    ("bridge", COMPONENT, (MAX_BRIDGES,)),
    ("share", SHARE, (MAX_THREADS,)),
    ("turn", FLAG),
    *ints("n_servers", "n_bridges", "n_shares", "window_fs", "stops_exactly", "limit_fs"),
    ("order", I64, (MAX_SERVERS,)),
    ("trees", TREES),
    ("buses", BUSES),
)


OVER = -1  # as the number of a turn: there is none left
BEGUN_AT = offset_of(BRIDGE_PORT, "begun")
LOOKS = 2000  # at a flag, some tens of microseconds, before a thread that waits lets others have its core


@kernel
def learn_beyond(nic, bridge, port_number, crossing):
    """Give a frame on a wire, and all later ones of its kind, its hop at the bridge, if it has none yet (below 0)."""
    if crossing.template < 0:
        kind = -1 - crossing.template
        crossing.template = hop_of_copy(nic, bridge, port_number, kind)


@kernel
def hop_of_copy(nic, bridge, port_number, copy_kind):
    """Return what a copy that leaves an adapter is at the port of a bridge; a new hop is not decided on yet."""
    have_room_for_hops(bridge, 1)
    header, kind = nic.headers.copy_header[copy_kind], nic.traffic.copy_kind[copy_kind]
    came = nic.headers.template_header[header.template]
    kind.next_template = hop_of(bridge, port_number, came.sender, came.target, header.octets, header.n_bytes)
    return kind.next_template


@kernel
def hand_up(nic, bridge, port_number):
    """Hand a bridge the frames that a server has begun to send; the server frees them when it next takes some."""
    sent = nic.wire[bridge.port[port_number].params.adapter_port].sent
    for number in range(sent.head, sent.tail):
        crossing = sent.ring[number & sent.mask]
        learn_beyond(nic, bridge, port_number, crossing)
        comes(bridge, port_number, crossing)
    bridge.port[port_number].n_given = sent.tail


@kernel
def hand_in(nic, bridge, port_number, until_fs):
    """Give a bridge what stations outside have begun to send up to a time; return when the next of it begins."""
    sent = nic.outside.sent
    while sent.head != sent.tail:
        crossing = first_of(sent)
        if crossing.begun_fs > until_fs:
            return crossing.begun_fs
        learn_beyond(nic, bridge, port_number, crossing)
        comes(bridge, port_number, crossing)
        sent.head += 1
    return NEVER


@kernel
def take(nic, bridge, port_number):
    """Let a server take what a bridge has begun to send to it, and forget what the bridge was given.

    It is the server's thread that does, so that what the server looks at next is near; nothing of the bridge changes.
    """
    port = bridge.port[port_number]
    nic.wire[port.params.adapter_port].sent.head = port.n_given
    place = port.begun.first
    while place != NOBODY:
        slot = bridge.slot[place]
        comes_to_adapter(nic, port.params.adapter_port, slot.crossing)
        place = slot.following


@kernel
def take_all(system, component, nic, bridges):
    """Let a server take what has been sent to all its ports; return until when nothing else can come."""
    horizon_fs = system.limit_fs
    for at in range(component.n_ends):
        end = component.end[at]
        take(nic, bridges[end.bridge], end.port)
        horizon_fs = min(horizon_fs, system.bridge[end.bridge].safe_fs + end.crossing_fs)
    return horizon_fs


@kernel
def release(bridge, port_number):
    """Forget what a server has taken."""
    begun = bridge.port[port_number].begun
    while begun.first != NOBODY:
        let_go(bridge, pop(bridge, begun))


@kernel
def earliest(system):
    """Return when the next event of all is."""
    at_fs = next_within(system)
    for number in range(system.n_bridges):
        at_fs = min(at_fs, system.bridge[number].next_fs)
    return at_fs


@kernel
def is_shared(system):
    """Say whether adapters share PCIe switches or buses, so that they run in short turns on one thread."""
    return system.trees.n_switches > 0 or system.buses.n_buses > 0


@kernel
def nothing_before(system, at_fs):
    """Let each bridge be safe up to the earliest event of all, before which nobody sends anything."""
    for number in range(system.n_bridges):
        component = system.bridge[number]
        component.safe_fs = max(component.safe_fs, at_fs - 1)


@kernel
def horizon_of_bridge(system, bridge, until_fs):
    """Return how far a bridge may run: until then every frame that its ports forward has been handed to it."""
    horizon_fs = until_fs
    for number in range(bridge.params.n_outer_ports):
        port = bridge.port[number]
        peer = system.server[port.params.peer]
        horizon_fs = min(horizon_fs, peer.safe_fs + port.params.crossing_fs)
        if system.stops_exactly:
            horizon_fs = min(horizon_fs, peer.safe_fs)
    return horizon_fs


@kernel
def run_bridge(system, number, bridge, words, servers, until_fs):
    """Let a bridge take what was sent to it, run, and hand on what it sends."""
    component = system.bridge[number]
    waiting_fs = NEVER  # for the line outside, with no event of its own
    for port_number in range(bridge.params.n_outer_ports):
        port = bridge.port[port_number]
        if port.params.is_outside:
            waiting_fs = hand_in(
                servers[port.params.peer], bridge, port_number, system.server[port.params.peer].safe_fs
            )
        else:
            release(bridge, port_number)
            hand_up(servers[port.params.peer], bridge, port_number)
    horizon_fs = horizon_of_bridge(system, bridge, until_fs)
    component.next_fs = min(bridge.clock.next_at[TIMERS], next_command_fs(bridge.commands))
    if component.next_fs <= horizon_fs:
        component.next_fs = advance_bridge_through(bridge, words, servers, horizon_fs)
        if bridge.n_kept > 0:
            horizon_fs = bridge.clock.now_fs  # what agents do about it follows
    component.next_fs = min(component.next_fs, waiting_fs)
    component.safe_fs = max(component.safe_fs, horizon_fs)
    for port_number in range(bridge.params.n_outer_ports):
        port = bridge.port[port_number]
        if port.params.is_outside == 0 and port.begun.first != NOBODY:
            peer, come_fs = system.server[port.params.peer], bridge.slot[port.begun.first].crossing.come_fs
            peer.next_fs = min(peer.next_fs, come_fs)


@kernel
def settle_wires(system, servers, bridges):
    """Let all servers take what has been sent to them."""
    for number in range(system.n_servers):
        component = system.server[number]
        for at in range(component.n_ends):
            end = component.end[at]
            take(servers[number], bridges[end.bridge], end.port)
            release(bridges[end.bridge], end.port)


@kernel
def end_together(system, servers, bridges):
    """Note that nothing happens any more: all have come to where the last event of all was."""
    now_fs = 0
    for number in range(system.n_servers):
        now_fs = max(now_fs, servers[number].clock.now_fs)
    for number in range(system.n_bridges):
        now_fs = max(now_fs, bridges[number].clock.now_fs)
    for number in range(system.n_servers):
        servers[number].clock.now_fs = now_fs


@kernel
def wait_while(flag, value):
    """Wait until another thread shows something else than a value; return it."""
    n_looks = 0
    shown = seen(flag)
    while shown == value:
        if n_looks < LOOKS:
            n_looks += 1
            pause()
        else:
            give_way()
        shown = seen(flag)
    return shown


@kernel
def call_server(servers, number, until_fs, part):
    """Let the program that a server needs do a part of its run; return when the next event or command is."""
    if servers[number].commands.tail > 0:
        return run_commanded_server(servers, number, until_fs, NEVER, part)
    return run_server(servers, number, until_fs, NEVER, part)


@kernel
def run_part(system, share, servers, number, until_fs):
    """Run a server's events up to then, counted in its share; return how far it came: not so far where it stopped."""
    nic = servers[number]
    before = nic.clock.n_events
    system.server[number].next_fs = call_server(servers, number, until_fs, ADVANCE)
    share.n_events += nic.clock.n_events - before
    stopped = why_stopped(nic)
    if stopped:
        share.stopped = max(share.stopped, stopped)
        return nic.clock.now_fs
    return until_fs


@kernel
def run_share(system, share, servers, bridges):
    """Run a thread's servers, each until all that may come to it is known (conservative lookahead)."""
    share.n_events = share.stopped = 0
    n_servers = share.end - share.first
    if share.asks_ahead:
        for at in range(n_servers):
            end = system.server[system.order[share.first + at]].end[0]
            prefetch_at(bridges[end.bridge].port[end.port], BEGUN_AT)
    for at in range(n_servers):
        number = system.order[share.first + at]
        component, nic = system.server[number], servers[number]
        if share.asks_ahead and at + 1 < n_servers:
            after = system.server[system.order[share.first + at + 1]].end[0]
            prefetch_begun(bridges[after.bridge], after.port)
        horizon_fs = take_all(system, component, nic, bridges)
        if component.next_fs <= horizon_fs:
            if share.asks_ahead:
                prefetch_servers(servers, system.order, share.first, n_servers, at, horizon_fs)
            horizon_fs = run_part(system, share, servers, number, horizon_fs)
        component.safe_fs = max(component.safe_fs, horizon_fs)


@kernel
def run_with_trees(system, share, servers, bridges):
    """Run all servers and the PCIe switches and buses between them, in short turns, until all that may come is known.

    What has already happened says how far servers may run before the others look at them again (`turn_end_fs`).
    """
    share.n_events = share.stopped = 0
    trees, buses = system.trees, system.buses
    horizon_fs = system.limit_fs
    for number in range(system.n_servers):
        horizon_fs = min(horizon_fs, take_all(system, system.server[number], servers[number], bridges))
    at_fs = next_within(system)
    while at_fs <= horizon_fs and share.stopped == 0:
        until_fs = min(turn_end_fs(system, at_fs, horizon_fs), before_commands_fs(system, servers, at_fs))
        settled_fs = until_fs
        for number in range(system.n_servers):
            component = system.server[number]
            component.safe_fs = max(component.safe_fs, until_fs)
            if component.next_fs <= until_fs:
                reached_fs = run_part(system, share, servers, number, until_fs)
                look_at_switches(trees, number)
                if reached_fs < until_fs:
                    component.safe_fs = reached_fs
                    settled_fs = min(settled_fs, reached_fs)
        if trees.n_switches > 0:
            run_trees(system, servers, settled_fs)
        if buses.n_buses > 0:
            run_buses(system, servers, settled_fs)
        if trees.overflow:
            share.stopped = OVERFLOW
        at_fs = next_within(system)
    if share.stopped == 0:
        for number in range(system.n_servers):
            system.server[number].safe_fs = max(system.server[number].safe_fs, horizon_fs)


@kernel
def turn_end_fs(system, now_fs, horizon_fs):
    """Return until when servers may run: before that nothing new can reach them from PCIe switches and buses.

    A choice of a switch or a bus reaches a server or a host `ahead_fs` later at the soonest. A switch chooses again at
    its next event, or for what a server sends it from now on, which leads to something there `beyond_fs` later.
    """
    trees = system.trees
    servers_fs = np.int64(horizon_fs)
    for number in range(system.n_servers):
        servers_fs = min(servers_fs, system.server[number].next_fs)
    until_fs = min(min(trees.next_fs, horizon_fs) + trees.ahead_fs, servers_fs + trees.beyond_fs) - 1
    return min(horizon_fs, until_fs, now_fs - 1 + system.buses.ahead_fs)


@kernel
def before_commands_fs(system, servers, at_fs):
    """Return the instant before the first command after a time: a function that goes finds the switches up to date."""
    first_fs = NEVER
    for number in range(system.n_servers):
        commands = servers[number].commands
        at = commands.head
        while at < commands.tail and commands.ring[at].at_fs <= at_fs:
            at += 1
        if at < commands.tail:
            first_fs = min(first_fs, commands.ring[at].at_fs - 1)
    return first_fs


@kernel
def next_within(system):
    """Return when the next event of a server, a PCIe switch or a bus is."""
    at_fs = min(system.trees.next_fs, system.buses.next_fs)
    for number in range(system.n_servers):
        at_fs = min(at_fs, system.server[number].next_fs)
    return at_fs


@kernel
def why_stopped(component):
    """Return why a server or bridge wants the run to end, 0 if it does not: `OVERFLOW` before all else."""
    if component.clock.overflow or component.ledger.overflow:
        return OVERFLOW
    return component.ledger.is_stopping


@kernel
def follow(system, share, servers, bridges):
    """Run a thread's servers in each turn that the first thread begins."""
    turn = wait_while(system.turn, 0)
    while turn != OVER:
        run_share(system, share, servers, bridges)
        show(share.done, turn)
        turn = wait_while(system.turn, turn)


@kernel
def take_turns(system, servers, bridges, until_fs, n_events):
    """Begin turns until a time, or until so many events have been, or somebody stops; return why it stopped, if any."""
    left, stopped, turn = n_events, 0, 0
    words_of_bridges = bridges.view(np.int64)
    at_fs = earliest(system)
    while at_fs <= until_fs and left > 0 and stopped == 0:
        nothing_before(system, at_fs)
        system.limit_fs = min(until_fs, at_fs - 1 + system.window_fs)
        turn += 1
        show(system.turn, turn)
        if is_shared(system):  # on one thread
            run_with_trees(system, system.share[0], servers, bridges)
        else:
            run_share(system, system.share[0], servers, bridges)
        for number in range(system.n_shares):
            share = system.share[number]
            if number > 0:
                wait_while(share.done, turn - 1)
            left -= share.n_events
            stopped = max(stopped, share.stopped)
        for number in range(system.n_bridges):
            run_bridge(system, number, bridges[number], words_of_bridges, servers, system.limit_fs)
            stopped = max(stopped, why_stopped(bridges[number]))
        at_fs = earliest(system)
    show(system.turn, OVER)
    settle_wires(system, servers, bridges)
    return stopped


@entry
def run_system(systems, servers, bridges, until_fs, n_events, thread):
    """Advance all servers and bridges to `until_fs`; return why they stopped (`DONE`, ...).

    `systems` is a one-element record array of SYSTEM, `servers` one of SERVER, `bridges` one of BRIDGE. After
    `n_events` events, or where a server stops, all that run beside it come to the end of what they were given. `thread`
    0 does all that is no other thread's share. Each other one of `system.n_shares` runs its own share beside it, and
    returns 0 when thread 0 has come to the end. All flags must be 0 at the start.
    """
    system = systems[0]
    if thread > 0:
        follow(system, system.share[thread], servers, bridges)
        return DONE
    until_fs = min(until_fs, NEVER - 1)
    for number in range(system.n_servers):
        system.server[number].next_fs = call_server(servers, number, 0, BEGIN)
    for number in range(system.n_bridges):
        bridges[number].ledger.is_stopping = 0
    stopped = take_turns(system, servers, bridges, until_fs, n_events)
    at_fs = earliest(system)
    if at_fs >= NEVER and stopped == 0:
        end_together(system, servers, bridges)
    for number in range(system.n_servers):
        close_books(servers[number], system.server[number].next_fs, until_fs)
    for number in range(system.n_bridges):
        fold(bridges[number].ledger)
    if stopped:
        return stopped
    if at_fs >= NEVER:
        return IDLE
    if at_fs > until_fs:
        for number in range(system.n_servers):
            servers[number].clock.now_fs = until_fs
        return DONE
    return EVENTS_SPENT
