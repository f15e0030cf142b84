"""Decisions on the headers of a workload before the first frame, behind the commands for time 0.

They are those that a frame would ask for, by the same code. Made ahead, in the order of the headers, they number flows
the same way whatever the traffic does, and say which rings frames come to.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.forwarding.header_store import UNKNOWN
from hwmodel.forwarding.ingress_rules import is_group
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.network.bridge_commands import obey_bridge_due
from hwmodel.machine.network.bridge_state import MAX_BRIDGE_PORTS
from hwmodel.machine.network.hops import NO_REASON, decide_hop, fill_way, have_room_for_hops, note_flood
from hwmodel.machine.switch.decisions import template_of
from hwmodel.machine.system import hop_of_copy

HOME = -1  # in place of the number of a way of a flood
OUTSIDE = -1  # in place of a server's number


@kernel
def number_flows(bridge, ledger):
    """Note when the flows that are new in a ledger came up."""
    directory = ledger.directory
    for number in range(directory.n_ordered, directory.n):
        directory.ends[number].order = bridge.n_flows
        bridge.n_flows += 1
    directory.n_ordered = directory.n


@kernel
def wants_flood(bridge, number, shares_strays):
    """Tell whether a flood's ways are sought ahead; of unicast, with `shares_strays`, once for each sender and port."""
    hop, came = bridge.hop[number], bridge.hop_header[number]
    port = bridge.port[came.port]
    if hop.reason != NO_REASON:
        return False
    if not shares_strays or port.params.is_of_extender or is_group(bridge.inside.header.destination):
        return True
    at = came.sender * MAX_BRIDGE_PORTS + came.port
    is_first = bridge.has_flooded[at >> 3] >> (at & 7) & 1 == 0
    bridge.has_flooded[at >> 3] |= 1 << (at & 7)
    return is_first


@kernel
def explore(bridge, servers, number, shares_strays):
    """Decide on a new hop and on all hops that it leads to: home first, then the ways of a flood, each to its end."""
    path, n = bridge.path, 1
    path[0].hop, path[0].way, path[0].floods = number, HOME, 0
    while n > 0:
        have_room_for_hops(bridge, 2)
        step = path[n - 1]
        hop, n_hops = bridge.hop[step.hop], bridge.n_hops
        if step.way == HOME:
            decide_hop(bridge, servers, step.hop)
            if wants_flood(bridge, step.hop, shares_strays):
                step.floods = 1
        else:
            if step.way == 0 and step.floods:
                note_flood(bridge, servers, step.hop)
            if step.floods == 0 or step.way == hop.n_flood:
                n -= 1
                continue
            fill_way(bridge, servers, step.hop, bridge.way[hop.first_flood + step.way])
        step.way += 1
        if bridge.n_hops > n_hops:
            path[n].hop, path[n].way, path[n].floods = n_hops, HOME, 0
            n += 1


@kernel
def leave(servers, bridge, nic, first_port, number, shares_strays):
    """Decide on what becomes, at bridges, of the copies of a header that leave by a wire.

    `first_port`: the bridges' port at the wire of the adapter's first port, behind which those of its others stand; or
    that of the stations outside.
    """
    template = nic.traffic.template[number]
    port_number = first_port + nic.headers.template_header[number].port
    for at in range(template.first_copy, template.first_copy + template.n_copies):
        kind = nic.traffic.copy_kind[at]
        if kind.port == UPLINK and kind.next_template == UNKNOWN:
            n_hops = bridge.n_hops
            hop_of_copy(nic, bridge, port_number, at)
            if bridge.n_hops > n_hops:
                explore(bridge, servers, n_hops, shares_strays)


@entry
def decide_alone(state, numbers):
    """Decide on headers of an adapter that no bridge stands behind, in their order.

    `state` is a one-element record array of SERVER with the headers and tables; `numbers` int64 (n,).
    """
    nic = state[0]
    for i in range(len(numbers)):
        template_of(nic, numbers[i])


@entry
def decide_first(servers, bridges, numbers, senders, firsts, first_ports, shares_strays):
    """Decide on headers at adapters and bridges, on those of one server behind those of another.

    `servers` is a record array of SERVER, `bridges` one of BRIDGE with one element. `numbers` int64 (n,): of templates;
    `senders` (m,): their servers, or `OUTSIDE`; `firsts` (m + 1,): where each server's begin. `first_ports`: int64, of
    each server the bridges' port at its first wire, then that of the stations outside. `shares_strays`: whether floods
    are sought ahead for the first header of each sender alone.
    """
    bridge = bridges[0]
    obey_bridge_due(bridge, bridges.view(np.int64), servers, 0)
    for at in range(len(senders)):
        own = numbers[firsts[at] : firsts[at + 1]]
        server = senders[at]
        nic, first_port = servers[max(server, 0)], first_ports[server if server != OUTSIDE else len(servers)]
        for i in range(len(own)):
            template_of(nic, own[i])
            if server == OUTSIDE:
                number_flows(bridge, nic.ledger)
                leave(servers, bridge, nic, first_port, own[i], shares_strays)
                number_flows(bridge, bridge.ledger)
        number_flows(bridge, nic.ledger)
        for i in range(len(own)):
            leave(servers, bridge, nic, first_port, own[i], shares_strays)
        number_flows(bridge, bridge.ledger)
    for at in range(bridge.n_touched):
        nic = servers[bridge.touched[at]]
        for number in range(nic.headers.n_own_templates, nic.headers.n_templates):
            template_of(nic, number)
        number_flows(bridge, nic.ledger)
