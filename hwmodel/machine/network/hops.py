"""What bridges and extenders do with a header: decided when a frame brings it, and kept until tables change.

A copy that leaves names what its header is behind the wire: a hop of the next bridge or extender, a template of an
adapter, a kind of copy outside. Each is entered there the first time, and decided on when a frame comes.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import MAX_COPY_KINDS, MAX_TEMPLATES, UNKNOWN, slot_of, store, widened
from hwmodel.forwarding.outer_tag import (
    NO_OUTER_TAG,
    OUTER_BYTES,
    OUTER_TYPES,
    UNKNOWN_INTERFACE,
    has_priority,
    named_by,
    names_list,
    tag_for,
)
from hwmodel.forwarding.parse import TAG_OFFSET, TYPE_C_TAG, parse_header
from hwmodel.forwarding.rewrite import write_number
from hwmodel.forwarding.tables import ACL_DENY, ACL_POLICE, ACL_PRIORITY, ANY
from hwmodel.machine.counts.flow_state import flow_of
from hwmodel.machine.network.bridge_state import MAX_HOPS, MAX_WAYS, NOBODY, NOT_SOUGHT
from hwmodel.machine.network.interface_lists import list_for
from hwmodel.machine.network.places import address_of, carries, comes_in, home_of, is_group, is_untagged

NO_REASON = DropReason.NONE.value
VLAN_MEMBER = DropReason.VLAN_MEMBER.value
CONTROL_FRAME = DropReason.CONTROL_FRAME.value
ACL_DENIED = DropReason.ACL_DENY.value
RESERVED_BLOCK, RESERVED_BITS = 0x0180C2000000, 4  # IEEE 802.1Q 8.6.3: addresses that no bridge forwards


@kernel
def hop_of(bridge, port_number, sender, target, octets, n_bytes):
    """Return the number of a header's hop at a port; a new one is not decided on yet."""
    bridge.hop_mask = widened(bridge.hop_slot, bridge.hop_mask, bridge.hop_header, 0, bridge.n_hops)
    at = slot_of(bridge.hop_slot, bridge.hop_mask, bridge.hop_header, sender, target, port_number, octets, n_bytes)
    if bridge.hop_slot[at] != 0:
        return bridge.hop_slot[at] - 1
    if bridge.n_hops == MAX_HOPS:
        bridge.clock.overflow = 1
        return 0
    number = bridge.n_hops
    bridge.n_hops += 1
    bridge.hop_slot[at] = number + 1
    store(bridge.hop_header[number], sender, target, port_number, octets, n_bytes)
    bridge.hop[number].n_flood = NOT_SOUGHT
    return number


@kernel
def outside_kind_of(bridge, sender, target, octets, n_bytes):
    """Return the number of a kind of copy that leaves for the stations outside."""
    mask = widened(bridge.outside_slot, bridge.outside_mask, bridge.outside_header, 0, bridge.n_outside)
    bridge.outside_mask = mask
    at = slot_of(bridge.outside_slot, mask, bridge.outside_header, sender, target, 0, octets, n_bytes)
    if bridge.outside_slot[at] != 0:
        return bridge.outside_slot[at] - 1
    if bridge.n_outside == MAX_COPY_KINDS:
        bridge.clock.overflow = 1
        return 0
    number = bridge.n_outside
    bridge.n_outside += 1
    bridge.outside_slot[at] = number + 1
    store(bridge.outside_header[number], sender, target, 0, octets, n_bytes)
    bridge.outside_flow[number] = flow_of(bridge.ledger, sender, 0)
    return number


@kernel
def template_at(bridge, nic, server, sender, target, octets, n_bytes):
    """Return the number of a header's template at a server; a new one is not decided on yet."""
    switch = nic.switch
    first, headers = switch.n_own_templates, switch.template_header
    mask = widened(switch.header_slot, switch.header_mask, headers, first, switch.n_templates)
    switch.header_mask = mask
    at = slot_of(switch.header_slot, mask, headers, sender, target, 0, octets, n_bytes)
    if switch.header_slot[at] != 0:
        return switch.header_slot[at] - 1
    if switch.n_templates == MAX_TEMPLATES:
        bridge.clock.overflow = 1
        return 0
    number = switch.n_templates
    if number == switch.n_own_templates:
        bridge.touched[bridge.n_touched] = server
        bridge.n_touched += 1
    switch.n_templates += 1
    switch.header_slot[at] = number + 1
    store(switch.template_header[number], sender, target, 0, octets, n_bytes)
    switch.template_header[number].is_whole = 1
    template = nic.traffic.template[number]
    template.function = UNKNOWN
    here = target - switch.first_station
    template.queue_hash = here if 0 < here <= switch.n_stations else 0
    template.flow = UNKNOWN
    return number


@kernel
def beyond(bridge, servers, port_number, hop_number, octets, n_bytes):
    """Return what a header is behind a port's wire."""
    port, came = bridge.port[port_number], bridge.hop_header[hop_number]
    if port.joined != NOBODY:
        return hop_of(bridge, port.joined, came.sender, came.target, octets, n_bytes)
    if port.is_outside:
        return outside_kind_of(bridge, came.sender, came.target, octets, n_bytes)
    return template_at(bridge, servers[port.server], port.server, came.sender, came.target, octets, n_bytes)


@kernel
def matches(entry, came, header, vlan):
    """Tell whether an entry of a policy is for a header."""
    if entry.port != ANY and entry.port != came.sender:
        return False
    if entry.source != ANY and entry.source != header.source:
        return False
    if entry.destination != ANY and entry.destination != header.destination:
        return False
    if entry.vlan != ANY and entry.vlan != vlan:
        return False
    return entry.ethertype == ANY or entry.ethertype == header.ethertype


@kernel
def ask_policy(bridge, box, came):
    """Apply the first entry of a bridge's policy that matches: dropped, policed, its priority changed."""
    inside = bridge.inside
    for at in range(box.first_policy, box.first_policy + box.n_policy):
        entry = bridge.policy[at]
        if matches(entry, came, inside.header, inside.vlan):
            if entry.action == ACL_DENY:
                inside.reason = ACL_DENIED
            elif entry.action == ACL_POLICE:
                inside.policer = entry.policer
            elif entry.action == ACL_PRIORITY:
                inside.pcp = entry.priority
            return


@kernel
def look_inside(bridge, number):
    """Parse a hop's header, and find its logical port, VLAN, priority, and why it is dropped, if it is."""
    inside, came = bridge.inside, bridge.hop_header[number]
    port = bridge.port[came.port]
    inside.hop, inside.reason, inside.policer = number, NO_REASON, NOBODY
    header = inside.header
    parse_header(came.octets, came.n_bytes, port.outer_kind, header)
    inside.logical_port, inside.vlan = bridge.listed[port.first_logical], 0
    if not comes_in(bridge, port, inside):
        inside.reason = UNKNOWN_INTERFACE[port.outer_kind]
        return
    inside.pcp = inside.dei = 0
    if header.has_c_tag:
        inside.pcp, inside.dei = header.pcp, header.dei
    elif has_priority(header):
        inside.pcp, inside.dei = header.outer_pcp, header.outer_dei
    if not carries(bridge.vlans[inside.logical_port], inside.vlan):
        inside.reason = VLAN_MEMBER
    elif header.destination >> RESERVED_BITS == RESERVED_BLOCK >> RESERVED_BITS:
        inside.reason = CONTROL_FRAME
    else:
        ask_policy(bridge, bridge.box[port.bridge], came)


@kernel
def decide_hop(bridge, servers, number):
    """Decide what becomes of a header that comes to a port; the ways of a flood are sought when a frame floods."""
    hop, came, inside = bridge.hop[number], bridge.hop_header[number], bridge.inside
    port = bridge.port[came.port]
    hop.source = hop.target = hop.policer = hop.home.logical_port = NOBODY
    hop.reason, hop.n_flood, hop.stamp = NO_REASON, NOT_SOUGHT, bridge.generation
    if port.is_of_extender:
        hop.logical_port = port.own_logical
        return
    look_inside(bridge, number)
    hop.logical_port, hop.reason, hop.policer = inside.logical_port, inside.reason, inside.policer
    if hop.reason != NO_REASON and hop.reason not in (CONTROL_FRAME, ACL_DENIED):
        return
    hop.source = address_of(bridge, port.bridge, inside.header.source, inside.vlan)
    if hop.reason != NO_REASON or is_group(inside.header.destination):
        return
    hop.target = address_of(bridge, port.bridge, inside.header.destination, inside.vlan)
    home = home_of(bridge, port.bridge, inside.header.destination, inside.vlan)
    if home == NOBODY:
        home = bridge.box[port.bridge].way_out
    if carries(bridge.vlans[home], inside.vlan) and may_return(bridge, home):
        hop.home.logical_port = home
        fill_way(bridge, servers, number, hop.home)


@kernel
def may_return(bridge, number):
    """Tell whether what is inside may leave by a logical port: not by its own, unless that turns frames around."""
    return number != bridge.inside.logical_port or bridge.logical_port[number].is_hairpin != 0


@kernel
def new_way(bridge, logical_port, template):
    """Note a way of a flood behind those that are noted."""
    if bridge.n_ways == MAX_WAYS:
        bridge.clock.overflow = 1
        return
    way = bridge.way[bridge.n_ways]
    way.logical_port, way.template = logical_port, template
    bridge.n_ways += 1


@kernel
def seek_flood(bridge, servers, number):
    """Find the ways of all who may want a header, in the order of their logical ports."""
    note_flood(bridge, servers, number)
    hop = bridge.hop[number]
    for at in range(hop.first_flood, hop.first_flood + hop.n_flood):
        fill_way(bridge, servers, number, bridge.way[at])


@kernel
def note_flood(bridge, servers, number):
    """Note by which logical ports a flood leaves; what its copies are is filled in later."""
    hop, came = bridge.hop[number], bridge.hop_header[number]
    port = bridge.port[came.port]
    first = bridge.n_ways
    if port.is_of_extender:
        note_passed_on(bridge, came, port)
    else:
        look_inside(bridge, number)
        if is_group(bridge.inside.header.destination):
            note_group(bridge, servers, bridge.box[port.bridge])
        else:
            note_strays(bridge, bridge.box[port.bridge])
    hop.n_flood = bridge.n_ways - first
    hop.first_flood = first


@kernel
def note_passed_on(bridge, came, port):
    """Note where an extender passes a header on: up as it is, down to whom its outer tag names."""
    box = bridge.box[port.box]
    if not port.is_uplink:
        new_way(bridge, bridge.port[box.uplink].own_logical, 0)
        return
    header, root = bridge.inside.header, bridge.port[port.root]
    bridge.inside.hop = NOBODY
    parse_header(came.octets, came.n_bytes, port.outer_kind, header)
    for at in range(box.first_port, box.first_port + box.n_ports):
        below = bridge.port[bridge.listed[at]]
        if leads_to_named(bridge, root, below, header):
            new_way(bridge, below.own_logical, 0)


@kernel
def leads_to_named(bridge, root, below, header):
    """Tell whether an extender's port leads to an interface that a tag from the bridge names, or to one of a list."""
    if header.outer_kind == NO_OUTER_TAG:
        return False
    number, is_list = named_by(header), names_list(header)
    for at in range(below.first_logical, below.first_logical + below.n_logical):
        own = bridge.listed[at]
        if is_list:
            if is_on_list(bridge, root, number, own):
                return True
        elif bridge.logical_port[own].interface == number:
            return True
    return False


@kernel
def is_on_list(bridge, root, number, logical_port):
    """Tell whether an interface is on a list that the bridge has set up below one of its ports."""
    for place in range(bridge.n_lists):
        each = bridge.list[place]
        if each.port == root.root and each.number == number:
            for at in range(each.first_member, each.first_member + each.n_members):
                if bridge.member[at] == logical_port:
                    return True
            return False
    return False


@kernel
def note_group(bridge, servers, box):
    """Note the ways of a group's copies: virtual interfaces get them by lists alone."""
    inside = bridge.inside
    for at in range(box.first_port, box.first_port + box.n_ports):
        port = bridge.port[bridge.listed[at]]
        if port.has_interfaces:
            place = list_for(bridge, servers, port)
            if place != NOBODY:
                new_way(bridge, port.groups, place)
            continue
        for each in range(port.first_logical, port.first_logical + port.n_logical):
            number = bridge.listed[each]
            if carries(bridge.vlans[number], inside.vlan) and may_return(bridge, number):
                new_way(bridge, number, 0)


@kernel
def note_strays(bridge, box):
    """Note the ways of the copies of a frame to an address that the bridge does not know."""
    for at in range(box.first_logical, box.first_logical + box.n_logical):
        number = bridge.listed[at]
        if bridge.port[bridge.logical_port[number].port].has_interfaces:
            continue
        if box.is_controlling and number != box.way_out:
            continue
        if carries(bridge.vlans[number], bridge.inside.vlan) and may_return(bridge, number):
            new_way(bridge, number, 0)


@kernel
def fill_way(bridge, servers, number, way):
    """Fill in what a copy is behind the port by which it leaves, and by how much it is longer then."""
    came = bridge.hop_header[number]
    logical = bridge.logical_port[way.logical_port]
    port = bridge.port[logical.port]
    if port.is_of_extender:
        way.delta_bytes = 0
        way.template = beyond(bridge, servers, logical.port, number, came.octets, came.n_bytes)
        return
    if bridge.inside.hop != number:
        look_inside(bridge, number)
    n_bytes = build(bridge, way, port)
    way.delta_bytes = n_bytes - came.n_bytes
    way.template = beyond(bridge, servers, logical.port, number, bridge.made, n_bytes)


@kernel
def build(bridge, way, port):
    """Write the header with which a copy leaves into `made`; return its length."""
    inside, made = bridge.inside, bridge.made
    came = bridge.hop_header[inside.hop]
    member = way.logical_port
    for i in range(TAG_OFFSET):
        made[i] = came.octets[i]
    at = TAG_OFFSET
    if port.has_interfaces and member == port.groups:
        each = bridge.list[way.template]
        member = bridge.member[each.first_member]
        at = write_outer(bridge, port, each.number, 1, at)
    elif bridge.logical_port[member].interface != NOBODY:
        at = write_outer(bridge, port, bridge.logical_port[member].interface, 0, at)
    if not is_untagged(bridge.vlans[member], inside.vlan):
        wire_vlan = bridge.logical_port[member].wire_vlan
        vid = wire_vlan if wire_vlan != 0 else inside.vlan
        at = write_number(made, at, 2, TYPE_C_TAG)
        at = write_number(made, at, 2, inside.pcp << 13 | inside.dei << 12 | vid)
    return write_number(made, at, 2, inside.header.ethertype)


@kernel
def write_outer(bridge, port, interface, is_list, at):
    """Write the outer tag of a copy for an interface, or for a list of them; return the offset after it."""
    inside, kind = bridge.inside, port.outer_kind
    own = bridge.logical_port[inside.logical_port]
    sender = 0  # the sender's interface on the same port
    if own.port == port.root and own.interface != NOBODY:
        sender = own.interface
    at = write_number(bridge.made, at, 2, OUTER_TYPES[kind])
    word = tag_for(kind, interface, is_list, sender, inside.pcp, inside.dei)
    return write_number(bridge.made, at, OUTER_BYTES[kind] - 2, word)
