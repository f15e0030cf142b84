"""Lists of virtual interfaces: a bridge sends one copy for a group down a port, with the tag of a list of its members.

The adapters below are told of a list when it is set up, as a controlling bridge does (IEEE 802.1BR).
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.outer_tag import key_of_list
from hwmodel.forwarding.pools import BROADCAST
from hwmodel.forwarding.port_set import add, contains
from hwmodel.forwarding.tables import GROUP_MAC, LOOKUP_SLOTS, find, key_of
from hwmodel.machine.network.bridge_state import MAX_LISTED, MAX_LISTS, NOBODY
from hwmodel.machine.network.places import carries, is_kept_apart, may_reach
from hwmodel.rules.switch_modes import OUTER_TAGS

# The first number, by kind of tag, of the lists that a bridge sets up. They take the upper half of the numbers that a
# tag holds, since a configuration is likely to name its own from 1. Of an E-CID it is half of the base, the low 12
# bits, which are all that bridges without extended E-CIDs read.
FIRST_LISTS = (0, *((tag.places[tag.to_station][1] + 1) // 2 for tag in OUTER_TAGS))
LAST_LIST = 16383


@kernel
def wants(servers, logical, mac):
    """Tell whether the station behind an interface takes frames for a group."""
    tables = servers[logical.params.server].port[logical.params.adapter_port].switch.tables
    accepting = tables.accepts_broadcast if mac == BROADCAST else tables.accepts_multicast
    if contains(accepting, logical.params.station) or contains(tables.promiscuous, logical.params.station):
        return True
    groups = tables.lookup.entry[find(tables.lookup, key_of(GROUP_MAC, mac))]
    return contains(groups.ports, logical.params.station)


@kernel
def is_taken(bridge, port, number):
    """Tell whether a list's number is the configuration's own, or that of another list of the port."""
    for at in range(port.params.first_taken, port.params.first_taken + port.params.n_taken):
        if bridge.listed[at] == number:
            return True
    for at in range(bridge.n_lists):
        if bridge.list[at].port == port.params.root and bridge.list[at].number == number:
            return True
    return False


@kernel
def free_number(bridge, port):
    """Return the lowest number of a list that is free at a port."""
    number = FIRST_LISTS[port.params.outer_kind]
    while number < LAST_LIST and is_taken(bridge, port, number):
        number += 1
    return number


@kernel
def gather(bridge, servers, port):
    """Append the interfaces of a port that take the group inside to `member`, behind the last list; return how many.

    0 if the sender is the only one.
    """
    inside, first, n, n_others = bridge.inside, bridge.n_members, 0, 0
    for at in range(port.params.first_logical, port.params.first_logical + port.params.n_logical):
        number = bridge.listed[at]
        logical = bridge.logical_port[number]
        if not carries(bridge.vlans[number], inside.vlan) or not wants(servers, logical, inside.header.destination):
            continue
        is_own = number == inside.logical_port
        if may_reach(bridge, number, number) if is_own else not is_kept_apart(bridge, number):
            if first + n == MAX_LISTED:
                bridge.clock.overflow = 1
                return 0
            bridge.member[first + n] = number
            n += 1
            if not is_own:
                n_others += 1
    return n if n_others > 0 else 0


@kernel
def has_members(bridge, each, port, n):
    """Tell whether a list is one of a port, and of the interfaces that were gathered."""
    if each.port != port.params.root or each.n_members != n:
        return False
    for at in range(n):
        if bridge.member[each.first_member + at] != bridge.member[bridge.n_members + at]:
            return False
    return True


@kernel
def list_for(bridge, servers, port):
    """Return the place of the list of all interfaces of a port that take the group inside; a new list is set up.

    `NOBODY` if only the sender takes it, or nobody.
    """
    n = gather(bridge, servers, port)
    if n == 0:
        return NOBODY
    for at in range(bridge.n_lists):
        if has_members(bridge, bridge.list[at], port, n):
            return at
    if bridge.n_lists == MAX_LISTS:
        bridge.clock.overflow = 1
        return NOBODY
    number = free_number(bridge, port)
    place = bridge.n_lists
    bridge.n_lists += 1
    each = bridge.list[place]
    each.port, each.number = port.params.root, number
    each.first_member, each.n_members = bridge.n_members, n
    bridge.n_members += n
    for at in range(each.first_member, each.first_member + n):
        tell(bridge, servers, port, number, bridge.logical_port[bridge.member[at]])
    return place


@kernel
def tell(bridge, servers, port, number, logical):
    """Let the adapter of an interface know that it is on a list."""
    tables = servers[logical.params.server].port[logical.params.adapter_port].switch.tables
    key = key_of_list(port.params.outer_kind, number)
    listed = tables.lookup.entry[find(tables.lookup, key)]
    if listed.key != key:
        if tables.lookup.n_entries == LOOKUP_SLOTS - 1:
            bridge.clock.overflow = 1
            return
        listed.key = key
        tables.lookup.n_entries += 1
    add(listed.ports, logical.params.station)
