"""Shared buses between several adapters and the bridge of their host: which master has each next, by turns.

They run between two turns of the servers, as PCIe switches do. The masters of a bus are its adapters, in order, and
then the host's bridge. A chosen master sends a clock later, and servers may run ahead by that much.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import I32, NEVER, ints, record
from hwmodel.machine.pcie.bus_end import DOWN, UP, adapter_asks_fs, bridge_asks_fs, edge_fs, grant
from hwmodel.machine.pcie.links import link_at
from hwmodel.machine.pcie.tree_end import head_fs
from hwmodel.machine.pcie.tree_state import NO_ONE
from hwmodel.rules.capacities import MAX_SERVERS, MOST_ON_BUS

MAX_BUSES = MAX_SERVERS // 2  # that several adapters share

# `turn`: the master that had the bus last, by its place; `granted`: the adapter that had it, or for which the bridge
# did.
BUS = record(
    *ints("n_members", "cycle_fs", "turn", "granted", "begins_fs"),
    ("member", I32, (MOST_ON_BUS,)),
)
# `ahead_fs`: a choice reaches no adapter before so much later.
BUSES = record(*ints("n_buses", "next_fs", "ahead_fs"), ("bus", BUS, (MAX_BUSES,)))


@kernel
def link_of_member(servers, bus, at):
    """Return the link of a bus's adapter."""
    return link_at(servers[bus.member[at]], 0)


@kernel
def next_choice_fs(bus, servers, settled_fs):
    """Return when a bus is given out next, `NEVER` where nobody asks; all servers have come to a time."""
    if bus.begins_fs > settled_fs:
        return bus.begins_fs
    at_fs = np.int64(NEVER)
    for at in range(bus.n_members):
        pcie = link_of_member(servers, bus, at)
        at_fs = min(at_fs, adapter_asks_fs(pcie), bridge_asks_fs(pcie))
    if at_fs >= NEVER:
        return at_fs
    if bus.granted != NO_ONE:
        at_fs = max(at_fs, link_of_member(servers, bus, bus.granted).bus.free_fs)
    return edge_fs(bus.cycle_fs, at_fs)


@kernel
def asked_of_bridge(bus, servers):
    """Return for which adapter the bridge asks: whose head entered first, doorbells first, then in their order."""
    first, first_fs, is_doorbell = NO_ONE, np.int64(NEVER), False
    for at in range(bus.n_members):
        pcie = link_of_member(servers, bus, at)
        asks_fs = bridge_asks_fs(pcie)
        rings = head_fs(pcie.down.first) == asks_fs
        if asks_fs < first_fs or (asks_fs == first_fs < NEVER and rings and not is_doorbell):
            first, first_fs, is_doorbell = at, asks_fs, rings
    return first


@kernel
def choose(system, servers, bus, now_fs):
    """Give a free bus to the next of those who ask, behind the one that had it last."""
    n_masters, n_asking, chosen = bus.n_members + 1, 0, NO_ONE
    for_bridge = asked_of_bridge(bus, servers)
    for step in range(1, n_masters + 1):
        at = (bus.turn + step) % n_masters
        if at < bus.n_members:
            asks = adapter_asks_fs(link_of_member(servers, bus, at)) <= now_fs
        else:
            asks = for_bridge != NO_ONE and bridge_asks_fs(link_of_member(servers, bus, for_bridge)) <= now_fs
        n_asking += asks
        if asks and chosen == NO_ONE:
            chosen = at
    bus.turn = chosen
    bus.granted = chosen if chosen < bus.n_members else for_bridge
    bus.begins_fs = now_fs + bus.cycle_fs
    server = bus.member[bus.granted]
    way = UP if chosen < bus.n_members else DOWN
    grant(servers[server].clock, link_at(servers[server], 0), now_fs, way, int(n_asking > 1))
    component = system.server[server]
    component.next_fs = min(component.next_fs, bus.begins_fs)


@out_of_line
def run_buses(system, servers, settled_fs):
    """Let all buses be given out up to a time that all servers have come to."""
    buses = system.buses
    buses.next_fs = NEVER
    for number in range(buses.n_buses):
        bus = buses.bus[number]
        at_fs = next_choice_fs(bus, servers, settled_fs)
        while at_fs <= settled_fs:
            choose(system, servers, bus, at_fs)
            at_fs = next_choice_fs(bus, servers, settled_fs)
        buses.next_fs = min(buses.next_fs, at_fs)
