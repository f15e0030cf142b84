"""What bridges and extenders do with a header: decided when a frame brings it, and kept until tables change.

A copy that leaves carries its header's number at the other end of the wire: a hop of the next bridge or extender, a
template of an adapter, a kind of copy outside. The header is entered there when it is first needed, and decided on when
a frame comes.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.far_tables import lengthened
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import MIRRORED_BY_BRIDGE, UNKNOWN, number_in, widened
from hwmodel.forwarding.ingress_rules import apply_access_lists, is_group
from hwmodel.forwarding.octets import write_number
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
from hwmodel.forwarding.parse import TAG_OFFSET, TYPE_C_TAG, parse_header, read_behind
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.flow_state import flow_of
from hwmodel.machine.network.bridge_state import NOBODY, NOT_SOUGHT, OWN_PORTS
from hwmodel.machine.network.interface_lists import list_for
from hwmodel.machine.network.places import address_of, carries, comes_in, home_of, is_kept_apart, is_untagged
from hwmodel.rules.switch_modes import TYPE_BYTES

NO_REASON = DropReason.NONE.value
VLAN_MEMBER = DropReason.VLAN_MEMBER.value
CONTROL_FRAME = DropReason.CONTROL_FRAME.value
# Such a frame's source is not learned.
NOT_LEARNED = (VLAN_MEMBER, *(reason for reason in UNKNOWN_INTERFACE if reason))
NO_DESTINATION = DropReason.NO_DESTINATION.value
PVLAN = DropReason.PVLAN.value
RESERVED_BLOCK, RESERVED_BITS = 0x0180C2000000, 4  # IEEE 802.1Q 8.6.3: addresses that no bridge forwards


@inlined
def have_room_for_hops(bridge, n):
    """Make room for so many hops more. They move: nobody may hold one meanwhile, to read what is decided then."""
    if bridge.n_hops + n > len(bridge.hop_header):
        have_more_hops(bridge)


@out_of_line
def have_more_hops(bridge):
    """Make room for more hops; where there can be none, the run ends as one more is to be stored."""
    if lengthened(bridge.hop):
        lengthened(bridge.hop_header)


@kernel
def hop_of(bridge, port_number, sender, target, octets, n_bytes):
    """Return the number of a header's hop at a port; a new one is not decided on yet."""
    bridge.hop_mask = widened(bridge.clock, bridge.hop_slot, bridge.hop_mask, bridge.hop_header, 0, bridge.n_hops)
    number = number_in(
        bridge.clock, bridge.hop_slot, bridge.hop_mask, bridge.hop_header, bridge.n_hops, sender, target, port_number,
        octets, n_bytes,
    )  # fmt: skip
    if number == bridge.n_hops:
        bridge.n_hops += 1
        bridge.hop[number].n_flood = NOT_SOUGHT
    return number


@kernel
def outside_kind_of(bridge, sender, target, octets, n_bytes):
    """Return the number of a kind of copy that leaves for the stations outside."""
    slots, headers = bridge.outside_slot, bridge.outside_header
    if bridge.n_outside == len(headers) and not (lengthened(headers) and lengthened(bridge.outside_flow)):
        bridge.clock.overflow = 1
    bridge.outside_mask = widened(bridge.clock, slots, bridge.outside_mask, headers, 0, bridge.n_outside)
    number = number_in(
        bridge.clock, slots, bridge.outside_mask, headers, bridge.n_outside, sender, target, 0, octets, n_bytes
    )
    if number == bridge.n_outside:
        bridge.n_outside += 1
        bridge.outside_flow[number] = UNKNOWN if target == MIRRORED_BY_BRIDGE else flow_of(bridge.ledger, sender, 0)
    return number


@out_of_line
def have_more_templates(clock, nic):
    """Make room for more headers at an adapter."""
    if not (
        lengthened(nic.headers.template_header)
        and lengthened(nic.traffic.template)
        and lengthened(nic.virtual_switch.flow_cache.header)
    ):
        clock.overflow = 1


@kernel
def template_at(bridge, nic, port, sender, target, octets, n_bytes):
    """Return the number of a header's template at an adapter behind a port; a new one is not decided on yet."""
    headers = nic.headers
    slots, stored, n = headers.header_slot, headers.template_header, headers.n_templates
    if n == len(stored):
        have_more_templates(bridge.clock, nic)
    headers.header_mask = widened(bridge.clock, slots, headers.header_mask, stored, headers.n_own_templates, n)
    adapter_port = port.params.adapter_port
    number = number_in(
        bridge.clock, slots, headers.header_mask, stored, n, sender, target, adapter_port, octets, n_bytes
    )
    if number == n:
        if number == headers.n_own_templates:
            bridge.touched[bridge.n_touched] = port.params.server
            bridge.n_touched += 1
        headers.n_templates += 1
        stored[number].is_whole, stored[number].ingress = 1, UPLINK
        template = nic.traffic.template[number]
        template.function = template.flow = UNKNOWN
    return number


@kernel
def beyond(bridge, servers, port_number, sender, target, octets, n_bytes):
    """Return the number that a header has at the other end of a port's wire."""
    port = bridge.port[port_number]
    if port.params.joined != NOBODY:
        return hop_of(bridge, port.params.joined, sender, target, octets, n_bytes)
    if port.params.is_outside:
        return outside_kind_of(bridge, sender, target, octets, n_bytes)
    return template_at(bridge, servers[port.params.server], port, sender, target, octets, n_bytes)


@kernel
def ask_rules(bridge, box, came):
    """Apply a bridge's guards and policy to what is inside: dropped, policed, its priority changed."""
    inside, rules = bridge.inside, bridge.rules
    owner, station = inside.owner, rules.station[came.sender]
    owner.guards = bridge.logical_port[inside.logical_port].params.guards & station.guards
    owner.first_ip, owner.n_ips = station.first_ip, station.n_ips
    if rules.reads_packets:
        read_behind(came.octets, came.n_bytes, inside.header)
        packet = inside.header.packet
        for at in range(station.first_mac, station.first_mac + station.n_macs):
            if rules.own_mac[at] == packet.sender_mac:
                packet.is_own_mac = 1
    first, end = box.params.first_acl, box.params.first_acl + box.params.n_acl
    inside.reason = apply_access_lists(rules, first, end, came.sender, owner, inside.header, inside)


@kernel
def look_inside(bridge, number):
    """Parse a hop's header, and find its logical port, VLAN, priority, and why it is dropped, if it is."""
    inside, came = bridge.inside, bridge.hop_header[number]
    port = bridge.port[came.port]
    inside.hop, inside.reason, inside.policer, inside.n_kept_apart = number, NO_REASON, NOBODY, 0
    header = inside.header
    parse_header(came.octets, came.n_bytes, port.params.outer_kind, header)
    inside.logical_port, inside.vlan = bridge.listed[port.params.first_logical], 0
    if not comes_in(bridge, port, inside):
        inside.reason = UNKNOWN_INTERFACE[port.params.outer_kind]
        return
    inside.priority = inside.dei = 0
    if header.has_c_tag:
        inside.priority, inside.dei = header.pcp, header.dei
    elif has_priority(header):
        inside.priority, inside.dei = header.outer_pcp, header.outer_dei
    if not carries(bridge.vlans[inside.logical_port], inside.vlan):
        inside.reason = VLAN_MEMBER
    elif came.port >= OWN_PORTS:
        return  # the bridge's own are not asked
    elif header.destination >> RESERVED_BITS == RESERVED_BLOCK >> RESERVED_BITS:
        inside.reason = CONTROL_FRAME
    else:
        ask_rules(bridge, bridge.box[port.params.bridge], came)


@kernel
def decide_hop(bridge, servers, number):
    """Decide what becomes of a header that comes to a port; the ways of a flood are sought when a frame floods.

    There must be room for a hop more.
    """
    hop, came, inside = bridge.hop[number], bridge.hop_header[number], bridge.inside
    port = bridge.port[came.port]
    hop.source = hop.target = hop.policer = hop.home.logical_port = NOBODY
    hop.reason, hop.n_flood, hop.stamp = NO_REASON, NOT_SOUGHT, bridge.generation
    if port.params.is_of_extender:
        hop.logical_port = port.params.own_logical
        return
    look_inside(bridge, number)
    hop.logical_port, hop.reason, hop.policer = inside.logical_port, inside.reason, inside.policer
    if hop.reason in NOT_LEARNED or carries(bridge.unlearned[port.params.bridge], inside.vlan):
        return
    if came.port < OWN_PORTS:
        hop.source = address_of(bridge, port.params.bridge, inside.header.source, inside.vlan)
    if hop.reason != NO_REASON or is_group(inside.header.destination):
        return
    hop.target = address_of(bridge, port.params.bridge, inside.header.destination, inside.vlan)
    home = home_of(bridge, port.params.bridge, inside.header.destination, inside.vlan)
    if home == NOBODY:
        home = bridge.box[port.params.bridge].params.way_out
    if carries(bridge.vlans[home], inside.vlan) and may_leave_by(bridge, home):
        hop.home.logical_port = home
        fill_way(bridge, servers, number, hop.home)


@kernel
def may_leave_by(bridge, number):
    """Tell whether what is inside may leave by a logical port: not by the one it came by, unless that is a hairpin."""
    if number == bridge.inside.logical_port and bridge.logical_port[number].params.is_hairpin == 0:
        return False
    return not is_kept_apart(bridge, number)


@kernel
def new_way(bridge, logical_port, template):
    """Note a way of a flood behind those that are noted."""
    if bridge.n_ways == len(bridge.way) and not lengthened(bridge.way):
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
        have_room_for_hops(bridge, 1)
        fill_way(bridge, servers, number, bridge.way[at])


@out_of_line
def why_nowhere(bridge, servers, number):
    """Return why a flood has no way: because of private VLANs, or since nobody may want it in any case."""
    note_flood(bridge, servers, number)
    return PVLAN if bridge.inside.n_kept_apart > 0 else NO_DESTINATION


@kernel
def note_flood(bridge, servers, number):
    """Note by which logical ports a flood leaves; what its copies are is filled in later."""
    hop, came = bridge.hop[number], bridge.hop_header[number]
    port = bridge.port[came.port]
    first = bridge.n_ways
    if port.params.is_of_extender:
        note_passed_on(bridge, came, port)
    else:
        look_inside(bridge, number)
        if is_group(bridge.inside.header.destination):
            note_group(bridge, servers, bridge.box[port.params.bridge])
        else:
            note_strays(bridge, bridge.box[port.params.bridge])
    hop.n_flood = bridge.n_ways - first
    hop.first_flood = first


@kernel
def note_passed_on(bridge, came, port):
    """Note where an extender passes a header on: up as it is, down to whom its outer tag names."""
    box = bridge.box[port.params.box]
    if not port.params.is_uplink:
        new_way(bridge, bridge.port[box.params.uplink].params.own_logical, 0)
        return
    header, root = bridge.inside.header, bridge.port[port.params.root]
    bridge.inside.hop = NOBODY
    parse_header(came.octets, came.n_bytes, port.params.outer_kind, header)
    for at in range(box.params.first_port, box.params.first_port + box.params.n_ports):
        below = bridge.port[bridge.listed[at]]
        if leads_to_named(bridge, root, below, header):
            new_way(bridge, below.params.own_logical, 0)


@kernel
def leads_to_named(bridge, root, below, header):
    """Tell whether an extender's port leads to an interface that a tag from the bridge names, or to one of a list."""
    if header.outer_kind == NO_OUTER_TAG:
        return False
    number, is_list = named_by(header), names_list(header)
    for at in range(below.params.first_logical, below.params.first_logical + below.params.n_logical):
        own = bridge.listed[at]
        if is_list:
            if is_on_list(bridge, root, number, own):
                return True
        elif bridge.logical_port[own].params.interface == number:
            return True
    return False


@kernel
def is_on_list(bridge, root, number, logical_port):
    """Tell whether an interface is on a list that the bridge has set up below one of its ports."""
    for place in range(bridge.n_lists):
        each = bridge.list[place]
        if each.port == root.params.root and each.number == number:
            for at in range(each.first_member, each.first_member + each.n_members):
                if bridge.member[at] == logical_port:
                    return True
            return False
    return False


@kernel
def note_group(bridge, servers, box):
    """Note the ways of a group's copies: virtual interfaces get them by lists alone."""
    inside = bridge.inside
    for at in range(box.params.first_port, box.params.first_port + box.params.n_ports):
        port = bridge.port[bridge.listed[at]]
        if port.params.has_interfaces:
            place = list_for(bridge, servers, port)
            if place != NOBODY:
                new_way(bridge, port.params.groups, place)
            continue
        for each in range(port.params.first_logical, port.params.first_logical + port.params.n_logical):
            number = bridge.listed[each]
            if carries(bridge.vlans[number], inside.vlan) and may_leave_by(bridge, number):
                new_way(bridge, number, 0)


@kernel
def note_strays(bridge, box):
    """Note the ways of the copies of a frame to an address that the bridge does not know."""
    for at in range(box.params.first_logical, box.params.first_logical + box.params.n_logical):
        number = bridge.listed[at]
        if bridge.port[bridge.logical_port[number].params.port].params.has_interfaces:
            continue
        if box.params.is_controlling and number != box.params.way_out:
            continue
        if carries(bridge.vlans[number], bridge.inside.vlan) and may_leave_by(bridge, number):
            new_way(bridge, number, 0)


@kernel
def fill_way(bridge, servers, number, way):
    """Fill in a copy's number beyond the port by which it leaves, and how much longer than the frame it is."""
    came = bridge.hop_header[number]
    logical = bridge.logical_port[way.logical_port]
    port = bridge.port[logical.params.port]
    if port.params.is_of_extender:
        way.delta_bytes = 0
        way.template = beyond(bridge, servers, logical.params.port, came.sender, came.target, came.octets, came.n_bytes)
        return
    if bridge.inside.hop != number:
        look_inside(bridge, number)
    n_bytes = build(bridge, way, port)
    way.delta_bytes = n_bytes - came.n_bytes
    way.template = beyond(bridge, servers, logical.params.port, came.sender, came.target, bridge.made, n_bytes)


@kernel
def build(bridge, way, port):
    """Write the header with which a copy leaves into `made`; return its length."""
    inside, made = bridge.inside, bridge.made
    came = bridge.hop_header[inside.hop]
    member = way.logical_port
    for i in range(TAG_OFFSET):
        made[i] = came.octets[i]
    at = TAG_OFFSET
    if port.params.has_interfaces and member == port.params.groups:
        each = bridge.list[way.template]
        member = bridge.member[each.first_member]
        at = write_outer(bridge, port, each.number, 1, at)
    elif bridge.logical_port[member].params.interface != NOBODY:
        at = write_outer(bridge, port, bridge.logical_port[member].params.interface, 0, at)
    if not is_untagged(bridge.vlans[member], inside.vlan):
        wire_vlan = bridge.logical_port[member].params.wire_vlan
        vid = wire_vlan if wire_vlan != 0 else inside.vlan
        at = write_number(made, at, 2, TYPE_C_TAG)
        at = write_number(made, at, 2, inside.priority << 13 | inside.dei << 12 | vid)
    at = write_number(made, at, 2, inside.header.ethertype)
    for i in range(TAG_OFFSET + inside.header.n_tag_bytes + TYPE_BYTES, came.n_bytes):  # what follows the type
        made[at] = came.octets[i]
        at += 1
    return at


@kernel
def write_outer(bridge, port, interface, is_list, at):
    """Write the outer tag of a copy for an interface, or for a list of them; return the offset after it."""
    inside, kind = bridge.inside, port.params.outer_kind
    own = bridge.logical_port[inside.logical_port]
    sender = 0  # the sender's interface on the same port
    if own.params.port == port.params.root and own.params.interface != NOBODY:
        sender = own.params.interface
    at = write_number(bridge.made, at, 2, OUTER_TYPES[kind])
    word = tag_for(kind, interface, is_list, sender, inside.priority, inside.dei)
    return write_number(bridge.made, at, OUTER_BYTES[kind] - 2, word)
