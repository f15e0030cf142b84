"""Which pools a frame from the wire goes to by the filters of an adapter with pools, in the order of its registers.

docs/steering.md says which rule is from where. What bridging and pools have in common stands here too.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.ingress_rules import is_group
from hwmodel.forwarding.port_set import PORT_WORDS, UPLINK, add, bit, clear, contains, count
from hwmodel.forwarding.tables import (
    GROUP_MAC,
    NO_VLAN,
    RESERVED_VID,
    STATION_MAC,
    VLAN_MAC,
    find,
    key_of,
    vlan_address,
)

BROADCAST = 0xFFFF_FFFF_FFFF
NO_POOL = -1


@kernel
def reachable(tables, channel, vlan, word):
    """Return one word of the enabled ports, the uplink among them, that belong to a channel and to a VLAN."""
    return tables.enabled.word[word] & channel.members.word[word] & tables.vlan[vlan].members.word[word]


@kernel
def leave_enabled(tables, decision):
    """Leave the enabled of the pools that are chosen."""
    for w in range(PORT_WORDS):
        decision.egress.word[w] &= tables.enabled.word[w]


@kernel
def hash_bit(tables, mac):
    """Return which bit of a hash table stands for an address: 12 of the bits of its last two octets."""
    return ((mac & 0xFF) << 8 | (mac >> 8) & 0xFF) >> tables.hash_shift & 0xFFF


@kernel
def add_ports(decision, ports):
    """Put a set of ports among those that are chosen."""
    for w in range(PORT_WORDS):
        decision.egress.word[w] |= ports.word[w]


@kernel
def find_candidates(tables, header, decision):
    """Choose pools by the destination: exact filters, broadcast, a hash table where these found none, promiscuity."""
    mac = header.destination
    clear(decision.egress)
    add_ports(decision, tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, mac))].ports)
    add_ports(decision, tables.lookup.entry[find(tables.lookup, key_of(GROUP_MAC, mac))].ports)
    by_vlan = find(tables.lookup, key_of(VLAN_MAC, vlan_address(decision.vlan, mac)))
    add_ports(decision, tables.lookup.entry[by_vlan].ports)
    if mac == BROADCAST:
        add_ports(decision, tables.accepts_broadcast)
    elif is_group(mac):
        if count(decision.egress) == 0 and tables.hashed_groups.is_set[hash_bit(tables, mac)]:
            add_ports(decision, tables.accepts_hashed_groups)
        add_ports(decision, tables.accepts_multicast)
    elif count(decision.egress) == 0 and tables.hashed_stations.is_set[hash_bit(tables, mac)]:
        add_ports(decision, tables.accepts_hashed_stations)
    add_ports(decision, tables.promiscuous)


@kernel
def leave_one(decision):
    """Leave the lowest of the pools that are chosen."""
    is_found = False
    for w in range(PORT_WORDS):
        word = decision.egress.word[w]
        decision.egress.word[w] = 0 if is_found else word & -word
        is_found = is_found or word != 0


@kernel
def choose_pools(tables, channel, header, decision):
    """Choose the pools of a frame from the wire: by destination, by VLAN, the default pool; of these the enabled."""
    has_tag = header.has_c_tag and header.vid != 0
    decision.vlan = header.vid if has_tag else NO_VLAN  # whose members are the pools that take untagged frames
    if decision.vlan == RESERVED_VID or not contains(tables.vlan[decision.vlan].members, UPLINK):
        return DropReason.VLAN_MEMBER
    is_for_one = not is_group(header.destination)
    is_copied = tables.replicates or is_for_one
    if is_copied:
        find_candidates(tables, header, decision)
        for w in range(PORT_WORDS):
            members = channel.members.word[w] & tables.vlan[decision.vlan].members.word[w]
            decision.egress.word[w] &= members & ~bit(UPLINK, w)
        if not tables.replicates:
            leave_one(decision)
    takes_default = is_for_one or not tables.replicates
    if takes_default and tables.default_pool != NO_POOL and count(decision.egress) == 0:
        add(decision.egress, tables.default_pool)
    is_unknown = is_for_one and count(decision.egress) == 0
    leave_enabled(tables, decision)
    none_left = DropReason.UNKNOWN_UNICAST if is_unknown else DropReason.NO_DESTINATION
    reason = DropReason.NONE if count(decision.egress) > 0 else none_left
    return filter_by_type(tables, header, decision, reason)


@kernel
def filter_by_type(tables, header, decision, reason):
    """Give a frame whose EtherType has a filter to that filter's pool alone; return the drop reason, else `reason`."""
    for i in range(tables.n_type_filters):
        if tables.type_filter[i].ethertype == header.ethertype:
            clear(decision.egress)
            add(decision.egress, tables.type_filter[i].port)
            leave_enabled(tables, decision)
            return DropReason.NONE if count(decision.egress) > 0 else DropReason.NO_DESTINATION
    return reason
