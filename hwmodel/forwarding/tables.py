"""What the switch looks up: ports, VLANs, addresses, interfaces, channels, access list and mirrors, in one record.

The record is configuration only; a decision never changes it. `hwmodel.simulation.switch_tables` fills it in.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import I32, U8, U32, ints, record
from hwmodel.forwarding.port_set import MAX_PORTS, PORT_SET
from hwmodel.rules.capacities import MAX_ACL_ENTRIES, MAX_MIRRORS, MAX_OWN_IPS

CHANNEL_VEB, CHANNEL_VEPA, CHANNEL_SINGLE = range(3)
ADMIT_ALL, ADMIT_TAGGED, ADMIT_UNTAGGED = range(3)
ACL_PERMIT, ACL_DENY, ACL_PRIORITY, ACL_POLICE = range(4)
MIRROR_INGRESS, MIRROR_EGRESS, MIRROR_VLAN = range(3)

ANY = -1  # of an access-list entry: matches every value
OWN = -2  # matches what is the sender's own
NO_VLAN = 0  # VID 0 names no VLAN
RESERVED_VID = 4095
VIDS = 4096

# Capacities. The number of slots is a prime, so that the remainder of a key spreads keys of any pattern.
LOOKUP_SLOTS = 8191
MAX_GUARD_ENTRIES = 32
MAX_TYPE_FILTERS = 8

# A key is its kind over 60 bits of value. Kinds start at 1: key 0 marks a free slot. The value of a VLAN_MAC is the
# VLAN over the address, that of an ECID the group field over the 20 bits of the E-CID.
KIND_SHIFT = 60
VLAN_SHIFT = 48
GROUP_SHIFT = 20
STATION_MAC, GROUP_MAC, VLAN_MAC, VIF, VIF_LIST, ECID = range(1, 7)

LOOKUP_ENTRY = record(*ints("key"), ("ports", PORT_SET))
LOOKUP = record(*ints("n_entries"), ("entry", LOOKUP_ENTRY, (LOOKUP_SLOTS,)))
PORT = record(
    *ints("is_enabled", "longest_bytes", "outer_kind", "port_vlan", "admit", "default_priority", "checks_source"),
    *ints("filters_types", "is_trusted", "loops_back", "loops_to_self", "vif", "ecid", "channel", "checks_vlan"),
    # `guards`: a bit for each guard that checks its frames; its own addresses of IP are `own_ip` from `first_ip` on.
    *ints("guards", "first_ip", "n_ips"),
)
VLAN = record(("members", PORT_SET), ("untagged", PORT_SET))
# Adapters with pools: an EtherType whose frames from the wire go to one station alone; the bits of a hash table.
TYPE_FILTER = record(*ints("ethertype", "port", "queue"))
HASH_BITS = 4096
HASHED = record(("is_set", U8, (HASH_BITS,)))
CHANNEL = record(*ints("s_vid", "kind"), ("members", PORT_SET))
# `guard`: the bit of the guard that the entry belongs to, which applies to the ports that have that bit; 0: it is of
# the access list. `reason`: the drop reason if it denies. `following`: the entry that is asked next of a frame that it
# lets pass, the first of the next list. `rule`: the number of what it asks behind the type, or ANY.
ACL_ENTRY = record(
    *ints("port", "source", "destination", "vlan", "ethertype", "action", "priority", "policer"),
    *ints("guard", "reason", "following", "rule"),
)
# An address of IP is four words of 32 bits, an IPv4 address the last of them, so that 96 is added to the length of its
# prefix. `n_bits`: ANY or OWN without an address. `kind`: of the packets that have it.
PREFIX = record(("n_bits", I32), ("kind", I32), ("word", U32, (4,)))
SPAN = record(("least", I32), ("most", I32))  # `least`: or ANY
# What an entry asks of a frame behind its type. `kinds`: bits of the packets that it may match; of ARP `source` and
# `destination` are the sender and the target. `sender_mac`: or OWN, ANY.
PACKET_RULE = record(
    *ints("sender_mac"), ("kinds", I32), ("protocol", I32), ("arp_operation", I32),
    ("source_port", SPAN), ("destination_port", SPAN), ("icmp_type", SPAN),
    ("source", PREFIX), ("destination", PREFIX), ("target", PREFIX),
)  # fmt: skip
MIRROR = record(*ints("kind", "from_port", "vlan", "to_port"))
TABLES = record(
    *ints("mode", "n_channels", "n_acl_entries", "n_mirrors"),
    ("enabled", PORT_SET),
    ("trusted", PORT_SET),
    ("promiscuous", PORT_SET),
    # Of these the ones that also get what stations send to unknown addresses; the uplink is one.
    ("promiscuous_inside", PORT_SET),
    ("default_stations", PORT_SET),
    ("accepts_broadcast", PORT_SET),
    ("accepts_multicast", PORT_SET),
    ("port", PORT, (MAX_PORTS,)),
    ("channel", CHANNEL, (MAX_PORTS,)),
    ("vlan", VLAN, (VIDS,)),
    ("lookup", LOOKUP),
    ("acl", ACL_ENTRY, (MAX_GUARD_ENTRIES + MAX_ACL_ENTRIES,)),
    ("mirror", MIRROR, (MAX_MIRRORS,)),
    # Of adapters whose filters choose pools (`pools.py`): `default_pool`: a port, or -1.
    *ints("has_pool_filters", "replicates", "default_pool", "hash_shift", "n_type_filters"),
    ("accepts_hashed_groups", PORT_SET),
    ("accepts_hashed_stations", PORT_SET),
    ("type_filter", TYPE_FILTER, (MAX_TYPE_FILTERS,)),
    ("hashed_groups", HASHED),
    ("hashed_stations", HASHED),
    # `reads_packets`: some entries ask for what stands behind the type. `n_acl_entries` counts the guards' too.
    # `knows_by_mac`: what is for a station of another VLAN is not for an unknown address. `learns`: stations are where
    # `learned` has their addresses, each in its VLAN, and not where the configuration puts them.
    *ints("reads_packets", "knows_by_mac", "learns"),
    ("packet_rule", PACKET_RULE, (MAX_GUARD_ENTRIES + MAX_ACL_ENTRIES,)),
    ("own_ip", PREFIX, (MAX_OWN_IPS,)),
    # `reached`: by ingress port the ports that private VLANs let it reach; looked at where some port is private.
    *ints("has_private_ports"),
    ("reached", PORT_SET, (MAX_PORTS,)),
    ("learned", LOOKUP),
)


@kernel
def key_of(kind, value):
    """Return the lookup key of a value of at most 60 bits."""
    return (kind << KIND_SHIFT) | value


@kernel
def vlan_address(vlan, mac):
    """Return the value under which an address of one VLAN alone is stored."""
    return (vlan << VLAN_SHIFT) | mac


@kernel
def group_ecid(group, ecid):
    """Return the value under which an E-CID (20 bits) of a group field (2 bits; 0 is point to point) is stored."""
    return (group << GROUP_SHIFT) | ecid


@kernel
def find(lookup, key):
    """Return the slot of a key, or the free slot where it would go, whose port set is empty."""
    slot = key % LOOKUP_SLOTS
    while lookup.entry[slot].key not in (key, 0):
        slot = (slot + 1) % LOOKUP_SLOTS
    return slot


@entry
def oversize(tables, ingress_port, n_bytes_without_tags):
    """Tell whether a frame is too long for the port it arrives at; its length counts neither FCS nor parsed tags."""
    return n_bytes_without_tags > tables.port[ingress_port].longest_bytes
