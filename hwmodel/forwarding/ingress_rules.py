"""The rules that a frame must pass at the port where it arrives, in the order of docs/forwarding.md."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.outer_tag import OUTER_TYPES
from hwmodel.forwarding.packet import ARP
from hwmodel.forwarding.packet_rules import MATCHES, UNSURE, matches_packet
from hwmodel.forwarding.port_set import contains
from hwmodel.forwarding.tables import (
    ACL_DENY,
    ACL_POLICE,
    ACL_PRIORITY,
    ADMIT_TAGGED,
    ADMIT_UNTAGGED,
    ANY,
    RESERVED_VID,
    STATION_MAC,
    find,
    key_of,
    oversize,
)
from hwmodel.rules.headroom import MAC_CONTROL_TYPE
from hwmodel.rules.switch_modes import MODES

# IEEE 802.1Q, table 8-1: the sixteen addresses 01:80:C2:00:00:00 to :0F, which a bridge keeps to itself.
LINK_LOCAL_PREFIX = 0x0180C200000
GROUP_BIT = 1 << 40
WITH_BRIDGE_ABOVE = tuple(mode.number for mode in MODES.values() if mode.has_interfaces)


@kernel
def is_group(mac):
    """Tell whether an address is a broadcast or multicast address."""
    return mac & GROUP_BIT != 0


@kernel
def is_link_local(mac):
    """Tell whether an address is one of those that no bridge forwards."""
    return mac >> 4 == LINK_LOCAL_PREFIX


@kernel
def has_bridge_above(tables):
    """Tell whether the mode leaves policy to a bridge above, with a tag that tells it where each frame comes from."""
    return tables.mode in WITH_BRIDGE_ABOVE


@kernel
def check_frame(tables, header):
    """Apply rules 1 to 3: port, bad frame, length."""
    if not tables.port[header.ingress_port].is_enabled:
        return DropReason.PORT_DISABLED
    if header.is_bad:
        return DropReason.BAD_FRAME
    if not header.is_complete:
        return DropReason.RUNT
    if oversize(tables, header.ingress_port, header.n_bytes - header.n_tag_bytes):
        return DropReason.OVERSIZE
    return DropReason.NONE


@kernel
def check_sender(tables, header):
    """Apply rules 4 to 7 to a frame from a station: source, control frames, anti-spoofing, forbidden types."""
    port = tables.port[header.ingress_port]
    if header.source == 0 or is_group(header.source):
        return DropReason.BAD_SOURCE
    if not port.is_trusted:
        if header.ethertype == MAC_CONTROL_TYPE:
            return DropReason.CONTROL_FRAME
        if is_link_local(header.destination) and not has_bridge_above(tables):
            return DropReason.CONTROL_FRAME
    if port.checks_source:
        owners = tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, header.source))]
        if not contains(owners.ports, header.ingress_port):
            return DropReason.SPOOFED_MAC
    if port.filters_types and not port.is_trusted and header.ethertype in OUTER_TYPES[1:]:
        return DropReason.FORBIDDEN_TAG
    return DropReason.NONE


@kernel
def vlan_of(tables, header):
    """Return the VLAN of a frame: its C-TAG's, else that of the port; 0 if the port has none."""
    if header.has_c_tag and header.vid != 0:
        return header.vid
    return tables.port[header.ingress_port].port_vlan


@kernel
def check_vlan(tables, header):
    """Apply rules 8 and 9 to a frame from a station: which tags the port admits, and VLAN membership."""
    port = tables.port[header.ingress_port]
    admit = port.admit
    is_tagged = header.has_c_tag and header.vid != 0
    if (admit == ADMIT_TAGGED and not is_tagged) or (admit == ADMIT_UNTAGGED and is_tagged):
        return DropReason.VLAN_ADMIT
    vlan = vlan_of(tables, header)
    if vlan == RESERVED_VID or (port.checks_vlan and not contains(tables.vlan[vlan].members, header.ingress_port)):
        return DropReason.VLAN_MEMBER
    return DropReason.NONE


@kernel
def matches(entry, sender, header, vlan):
    """Tell whether an access-list entry is about a frame; `sender`: what the entry's `port` is compared with."""
    return (
        (entry.port in (ANY, np.int64(sender)))
        and (entry.source in (ANY, header.source))
        and (entry.destination in (ANY, header.destination))
        and (entry.vlan in (ANY, vlan))
        and (entry.ethertype in (ANY, header.ethertype))
    )


@kernel
def note_own_mac(tables, header):
    """Note whether the sender in an ARP body is the station that sends the frame."""
    packet = header.packet
    if packet.kind == ARP:
        owners = tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, packet.sender_mac))]
        packet.is_own_mac = contains(owners.ports, header.ingress_port)


@kernel
def is_about(lists, entry, sender, owner, header, vlan):
    """Tell whether an entry applies to a frame; one that denies also does if what it asks for cannot be read."""
    if not matches(entry, sender, header, vlan):
        return False
    if entry.guard != 0 and owner.guards & entry.guard == 0:
        return False
    if entry.rule == ANY:
        return True
    found = matches_packet(lists, lists.packet_rule[entry.rule], owner, header)
    return found == MATCHES or (found == UNSURE and entry.action == ACL_DENY)


@kernel
def apply_access_lists(lists, first, end, sender, owner, header, decision):
    """Apply rules 10 and 11, the guards and the access list: in each list the first entry that applies decides.

    `lists`: an adapter's tables or a bridge, with the entries, from `first` up to `end`, and what they look up.
    `sender`: what an entry's `port` is compared with. `owner`: has the guards that check the frame, and tells which
    addresses are the sender's own.

    Return the drop reason, or NONE. An entry may set the decision's priority or policer; a frame that it lets pass goes
    on to the next list.
    """
    i = first
    while i < end:
        entry = lists.acl[i]
        i += 1
        if is_about(lists, entry, sender, owner, header, decision.vlan):
            if entry.action == ACL_DENY:
                return entry.reason
            if entry.action == ACL_PRIORITY:
                decision.priority = entry.priority
            elif entry.action == ACL_POLICE:
                decision.policer = entry.policer
            i = entry.following
    return np.int64(DropReason.NONE)
