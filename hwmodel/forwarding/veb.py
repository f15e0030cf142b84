"""Forwarding by address and VLAN: the modes VEB, VEPA and multichannel.

An S-channel is a VEB, a VEPA or a single station; the modes without channels have one, of all ports.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.ingress_rules import (
    apply_access_lists,
    check_vlan,
    is_group,
    is_link_local,
    note_own_mac,
    vlan_of,
)
from hwmodel.forwarding.outer_tag import NO_INTERFACE, sender_of
from hwmodel.forwarding.pools import BROADCAST, choose_pools, filter_by_type, reachable
from hwmodel.forwarding.port_set import PORT_WORDS, UPLINK, add, bit, contains, count, remove
from hwmodel.forwarding.tables import (
    CHANNEL_VEB,
    CHANNEL_VEPA,
    GROUP_MAC,
    NO_VLAN,
    RESERVED_VID,
    STATION_MAC,
    VLAN_MAC,
    find,
    key_of,
    vlan_address,
)
from hwmodel.rules.headroom import MAC_CONTROL_TYPE
from hwmodel.rules.switch_modes import DEFAULT_S_VID, MODES

UNKNOWN_CHANNEL = -1
WITH_CHANNELS = tuple(mode.number for mode in MODES.values() if mode.has_channels)


@kernel
def send_to_owners(tables, channel, header, decision):
    """Choose the reachable ports that own the destination in the frame's VLAN; tell whether there are any."""
    by_station = tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, header.destination))]
    value = vlan_address(decision.vlan, header.destination)
    by_vlan = tables.lookup.entry[find(tables.lookup, key_of(VLAN_MAC, value))]
    if tables.learns:
        by_station = tables.learned.entry[find(tables.learned, key_of(VLAN_MAC, value))]
    for w in range(PORT_WORDS):
        owners = by_station.ports.word[w] | by_vlan.ports.word[w]
        decision.egress.word[w] = owners & reachable(tables, channel, decision.vlan, w)
    return count(decision.egress) > 0


@kernel
def send_to_group(tables, channel, header, decision):
    """Choose the reachable ports that accept the group or own it in its VLAN, and promiscuous ones but the sender."""
    own_groups = tables.lookup.entry[find(tables.lookup, key_of(GROUP_MAC, header.destination))]
    value = vlan_address(decision.vlan, header.destination)
    by_vlan = tables.lookup.entry[find(tables.lookup, key_of(VLAN_MAC, value))]
    is_broadcast = header.destination == BROADCAST
    for w in range(PORT_WORDS):
        accepting = tables.accepts_broadcast.word[w] if is_broadcast else tables.accepts_multicast.word[w]
        curious = tables.promiscuous.word[w] & ~bit(header.ingress_port, w)
        wanted = accepting | own_groups.ports.word[w] | by_vlan.ports.word[w] | curious
        decision.egress.word[w] = wanted & reachable(tables, channel, decision.vlan, w)


@kernel
def send_to_promiscuous(tables, channel, decision):
    """Choose the reachable ports that get what stations send to unknown addresses; the uplink is one."""
    for w in range(PORT_WORDS):
        decision.egress.word[w] = tables.promiscuous_inside.word[w] & reachable(tables, channel, decision.vlan, w)


@kernel
def is_held_here(tables, channel, header):
    """Tell whether a station has the destination in whatever VLAN, where that is enough to keep a frame inside."""
    if not tables.knows_by_mac:
        return False
    owners = tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, header.destination))].ports
    for w in range(PORT_WORDS):
        if owners.word[w] & channel.members.word[w] != 0:
            return True
    return False


@kernel
def choose_in_veb(tables, channel, header, decision):
    """Forward a station's frame in a channel that switches locally."""
    loops_to_self = tables.port[header.ingress_port].loops_to_self
    if is_group(header.destination):
        send_to_group(tables, channel, header, decision)
        if not loops_to_self:
            remove(decision.egress, header.ingress_port)
    elif send_to_owners(tables, channel, header, decision):
        if count(decision.egress) > 1 or not contains(decision.egress, header.ingress_port):
            remove(decision.egress, header.ingress_port)
        elif not loops_to_self:
            return DropReason.SAME_PORT
    elif not is_held_here(tables, channel, header):
        send_to_promiscuous(tables, channel, decision)
        remove(decision.egress, header.ingress_port)
    return DropReason.NONE if count(decision.egress) > 0 else DropReason.NO_DESTINATION


@kernel
def bridge_from_station(tables, header, decision):
    """Apply rules 8 to 11 to a station's frame, then forward it in the station's channel."""
    port = tables.port[header.ingress_port]
    channel = tables.channel[port.channel]
    reason = check_vlan(tables, header)
    if reason != DropReason.NONE:
        return reason
    decision.vlan = vlan_of(tables, header)
    if tables.reads_packets:
        note_own_mac(tables, header)
    reason = apply_access_lists(tables, 0, tables.n_acl_entries, header.ingress_port, port, header, decision)
    if reason != DropReason.NONE:
        return reason
    if channel.kind == CHANNEL_VEB and port.loops_back:
        return choose_in_veb(tables, channel, header, decision)
    if contains(tables.vlan[decision.vlan].members, UPLINK):
        add(decision.egress, UPLINK)
        return DropReason.NONE
    return DropReason.NO_DESTINATION if channel.kind == CHANNEL_VEB else DropReason.VLAN_MEMBER


@kernel
def remove_source_owners(tables, header, decision):
    """Take the stations that own the source address out: a reflected copy must not return to its sender.

    A group address as source has no owner, though a core's address table may have ports for it.
    """
    if is_group(header.source):
        return
    by_station = tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, header.source))]
    value = vlan_address(decision.vlan, header.source)
    by_vlan = tables.lookup.entry[find(tables.lookup, key_of(VLAN_MAC, value))]
    for w in range(PORT_WORDS):
        decision.egress.word[w] &= ~(by_station.ports.word[w] | by_vlan.ports.word[w])


@kernel
def choose_stations(tables, channel, header, decision):
    """Forward a frame from the uplink that the VLAN rules let in."""
    none_left = DropReason.NO_DESTINATION
    if is_group(header.destination):
        send_to_group(tables, channel, header, decision)
        if channel.kind == CHANNEL_VEPA:
            remove_source_owners(tables, header, decision)
        if is_link_local(header.destination):
            for w in range(PORT_WORDS):
                decision.egress.word[w] &= tables.trusted.word[w]
    elif not send_to_owners(tables, channel, header, decision):
        for w in range(PORT_WORDS):
            wanted = tables.default_stations.word[w] | tables.promiscuous.word[w]
            decision.egress.word[w] = wanted & reachable(tables, channel, decision.vlan, w)
        none_left = DropReason.UNKNOWN_UNICAST
    elif tables.learns and contains(decision.egress, header.ingress_port):
        none_left = DropReason.SAME_PORT
    remove(decision.egress, header.ingress_port)
    return DropReason.NONE if count(decision.egress) > 0 else none_left


@kernel
def has_trusted_member(tables, channel, vlan):
    """Tell whether a trusted station is reachable in a VLAN."""
    for w in range(PORT_WORDS):
        if tables.trusted.word[w] & reachable(tables, channel, vlan, w) != 0:
            return True
    return False


@kernel
def bridge_from_uplink(tables, channel, header, decision):
    """Apply the rules for control frames and VLANs to a frame from the uplink, then forward it in its channel."""
    if header.ethertype == MAC_CONTROL_TYPE:
        return DropReason.CONTROL_FRAME
    if tables.has_pool_filters:
        return choose_pools(tables, channel, header, decision)
    vlan = vlan_of(tables, header)
    if is_link_local(header.destination) and not has_trusted_member(tables, channel, vlan):
        return DropReason.CONTROL_FRAME
    if vlan in (NO_VLAN, RESERVED_VID) or not contains(tables.vlan[vlan].members, UPLINK):
        return DropReason.VLAN_MEMBER
    decision.vlan = vlan
    reason = choose_stations(tables, channel, header, decision)
    return filter_by_type(tables, header, decision, reason) if tables.n_type_filters > 0 else reason


@kernel
def find_channel(tables, header):
    """Return the index of the S-channel of a frame from the uplink, or -1; 0 where the mode has no S-TAG."""
    if tables.mode not in WITH_CHANNELS:
        return 0
    named = sender_of(header)
    s_vid = DEFAULT_S_VID if named == NO_INTERFACE else named
    for i in range(tables.n_channels):
        if tables.channel[i].s_vid == s_vid:
            return i
    return UNKNOWN_CHANNEL
