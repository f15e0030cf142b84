"""The loop over servers and bridges: each runs alone for as long as nothing can reach it that is not known yet.

They meet over wires alone, and a frame needs its time on the wire, so what one sends up to a moment settles what comes
to the other for some time more (conservative synchronisation: K. M. Chandy and J. Misra, IEEE Transactions on Software
Engineering 5(5), 1979; R. E. Bryant, MIT/LCS/TR-188, 1977). How far each runs in one go changes no result.
"""

from __future__ import annotations

from . import entry, kernel
from .adjacent import advance_bridge, comes, let_go, pop
from .adjacent_layout import NOBODY
from .engine import advance, begin_all, close_books
from .events import first_elsewhere, first_of_links
from .hints import servers_come_near
from .journey_sums import fold
from .layout import DONE, EVENTS_SPENT, IDLE, NEVER, OVERFLOW, TIMERS
from .wires import comes_to_adapter, first_of


@kernel
def hand_up(nic, bridge, port_number):
    """Give a bridge what a server has begun to send to it."""
    sent = nic.wire.sent
    while sent.head != sent.tail:
        comes(bridge, port_number, first_of(sent))
        sent.head += 1


@kernel
def hand_in(nic, bridge, port_number, until_fs):
    """Give a bridge what stations outside have begun to send up to a time; return when the next of it begins."""
    sent = nic.wire.outside.sent
    while sent.head != sent.tail:
        crossing = first_of(sent)
        if crossing.begun_fs > until_fs:
            return crossing.begun_fs
        comes(bridge, port_number, crossing)
        sent.head += 1
    return NEVER


@kernel
def hand_down(bridge, port_number, nic):
    """Give a server what a bridge has begun to send to it; return when the first of it comes, `NEVER` if none."""
    begun = bridge.port[port_number].begun
    first_fs = NEVER
    while begun.first != NOBODY:
        place = pop(bridge, begun)
        crossing = bridge.slot[place].crossing
        comes_to_adapter(nic, crossing)
        first_fs = min(first_fs, crossing.come_fs)
        let_go(bridge, place)
    return first_fs


@kernel
def begin_server(nic, component):
    """Start a server at time 0, and look at when its next event is."""
    nic.ledger.is_stopping = 0
    if nic.clock.has_started == 0:
        begin_all(nic)
    if nic.moves_due or nic.reads_due or nic.traffic.n_hungry > 0:
        component.next_fs = nic.clock.now_fs  # what the start makes possible
    else:
        component.next_fs = min(first_elsewhere(nic.clock), first_of_links(nic.clock))


@kernel
def earliest(system):
    """Return when the next event of all is."""
    at_fs = NEVER
    for number in range(system.n_servers):
        at_fs = min(at_fs, system.server[number].next_fs)
    for number in range(system.n_bridges):
        at_fs = min(at_fs, system.bridge[number].next_fs)
    return at_fs


@kernel
def nothing_before(system, at_fs):
    """Note that nobody sends before the next event of all."""
    for number in range(system.n_servers):
        component = system.server[number]
        component.safe_fs = max(component.safe_fs, at_fs - 1)
    for number in range(system.n_bridges):
        component = system.bridge[number]
        component.safe_fs = max(component.safe_fs, at_fs - 1)


@kernel
def horizon_of_bridge(system, bridge, until_fs):
    """Return how far a bridge may run: as far as all is known that its ports forward until then."""
    horizon_fs = until_fs
    for number in range(bridge.n_outer_ports):
        port = bridge.port[number]
        peer = system.server[port.peer]
        horizon_fs = min(horizon_fs, peer.safe_fs + port.crossing_fs + bridge.box[port.box].latency_fs)
        if system.stops_exactly:
            horizon_fs = min(horizon_fs, peer.safe_fs)
    return horizon_fs


@kernel
def run_bridge(system, number, bridge, servers, until_fs):
    """Let a bridge take what was sent to it, run, and hand on what it sends."""
    component = system.bridge[number]
    waiting_fs = NEVER  # for the line outside, with no event of its own
    for port_number in range(bridge.n_outer_ports):
        port = bridge.port[port_number]
        if port.is_outside:
            waiting_fs = hand_in(servers[port.peer], bridge, port_number, system.server[port.peer].safe_fs)
        else:
            hand_up(servers[port.peer], bridge, port_number)
    horizon_fs = horizon_of_bridge(system, bridge, until_fs)
    component.next_fs = bridge.clock.next_at[TIMERS]
    if component.next_fs <= horizon_fs:
        component.next_fs = advance_bridge(bridge, horizon_fs)
    component.next_fs = min(component.next_fs, waiting_fs)
    component.safe_fs = max(component.safe_fs, horizon_fs)
    for port_number in range(bridge.n_outer_ports):
        port = bridge.port[port_number]
        if port.is_outside == 0:
            peer = system.server[port.peer]
            peer.next_fs = min(peer.next_fs, hand_down(bridge, port_number, servers[port.peer]))


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


@entry
def run_system(systems, servers, bridges, until_fs, n_events):
    """Advance all servers and bridges to `until_fs`; return why they stopped (`layout.DONE`, ...).

    `systems` is a one-element record array of SYSTEM, `servers` one of `layout.NIC`, `bridges` one of BRIDGE. After
    `n_events` events, or where a server stops, all that run beside it come to the end of what they were given.
    """
    system = systems[0]
    until_fs = min(until_fs, NEVER - 1)
    left = n_events
    stopped = 0
    for number in range(system.n_servers):
        begin_server(servers[number], system.server[number])
    for number in range(system.n_bridges):
        bridges[number].ledger.is_stopping = 0
    at_fs = earliest(system)
    while at_fs <= until_fs and left > 0 and stopped == 0:
        nothing_before(system, at_fs)
        limit_fs = min(until_fs, at_fs - 1 + system.window_fs)
        for number in range(system.n_servers):
            component, nic = system.server[number], servers[number]
            horizon_fs = min(limit_fs, system.bridge[component.bridge].safe_fs + component.crossing_fs)
            if component.next_fs <= horizon_fs:
                if system.asks_ahead:
                    servers_come_near(servers, system.n_servers, number, horizon_fs)
                before = nic.clock.n_events
                component.next_fs = advance(nic, horizon_fs, NEVER)
                left -= nic.clock.n_events - before
                overflow = nic.clock.overflow or nic.ledger.overflow
                if nic.ledger.is_stopping or overflow:
                    stopped = OVERFLOW if overflow else nic.ledger.is_stopping
                    horizon_fs = nic.clock.now_fs
            component.safe_fs = max(component.safe_fs, horizon_fs)
        for number in range(system.n_bridges):
            bridge = bridges[number]
            run_bridge(system, number, bridge, servers, limit_fs)
            overflow = bridge.clock.overflow or bridge.ledger.overflow
            if overflow or (bridge.ledger.is_stopping and stopped == 0):
                stopped = OVERFLOW if overflow else bridge.ledger.is_stopping
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
