"""Which of a function's rings a frame goes through: by its hash alone, or by an adapter's filters and RSS table.

The ring is chosen once for each port that gets a copy of a header, and kept with the copy. docs/steering.md says in
which order filters count, and which rule is from where.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I16, I32, I64, ints, record
from hwmodel.forwarding.octets import read_bytes
from hwmodel.forwarding.tables import ANY, NO_VLAN
from hwmodel.rules.packets import TYPE_IPV4, TYPE_IPV6
from hwmodel.rules.steering import (
    BUCKET_KEY,
    FILTER_HASH_MASK,
    FLOW_TYPES,
    IPV6_FLOW,
    KEY_BYTES,
    LARGEST_TABLE,
    SCTP,
    SIGNATURE_KEY,
    TCP,
    UDP,
)

NO_DIRECTOR, PERFECT, SIGNATURE = range(3)
DROPPED = -1  # in place of a queue
UNFILTERED = -2  # no filter of Flow Director matches
MAX_TUPLE_FILTERS = 128
MAX_FLOW_FILTERS = 32768
SLOTS = 2 * MAX_FLOW_FILTERS  # of the signatures
FLOW_TYPE_OF = tuple(FLOW_TYPES.get(protocol, 0) for protocol in range(256))

# What a header says of its flow: `version` 0 where it is not IP; ports are 0 where it has none, or is a fragment.
# Addresses are words of 32 bits, an IPv4 address the last of four.
FLOW = record(
    *ints("version", "protocol", "source_port", "destination_port", "vlan"),
    ("source", I64, (4,)), ("destination", I64, (4,)),
)  # fmt: skip
# What filters match: ANY in place of a number, `has_source` and `has_destination` 0, match all. `queue`: or DROPPED.
FLOW_FILTER = record(("flow", FLOW), *ints("port", "has_source", "has_destination", "priority", "queue"))
# `slot`: a hash table of numbers, plus 1, of the entries of `signature`, each of which has its queue beside it. A
# signature is of a pool's frames, as in the adapter's hash. `n_without_room`: flows that found the table full.
SIGNATURE_FILTER = record(("hash", I32), ("queue", I32))
STEERING_COUNTS = record(*ints("n_signatures", "n_without_room"))
STEERING = record(
    *ints("is_on", "director", "atr", "capacity", "n_tuple_filters", "n_flow_filters", "table_mask", "is_prepared"),
    ("counts", STEERING_COUNTS),
    ("flow", FLOW),
    ("key", I64, (KEY_BYTES // 4,)),
    ("table", I16, (LARGEST_TABLE,)),
    ("tuple_filter", FLOW_FILTER, (MAX_TUPLE_FILTERS,)),
    ("flow_filter", far(FLOW_FILTER, MAX_FLOW_FILTERS)),
    ("slot", far(I32, SLOTS)),
    ("signature", far(SIGNATURE_FILTER, MAX_FLOW_FILTERS)),
)


@inlined
def ring_of(function, rss_hash):
    """Return the number of the ring, Tx or Rx, that a hash names."""
    if function.params.n_queues == 1:
        return function.params.first_queue
    return function.params.first_queue + rss_hash % function.params.n_queues


@kernel
def ring_code(ring):
    """Encode a chosen ring as a number below 0, which stands in place of a hash."""
    return -1 - ring


@kernel
def read_flow(octets, n_bytes, at, ethertype, vlan, flow):
    """Read what a header says of its flow, behind its type; what follows is zero where it ends."""
    flow.version = flow.protocol = flow.source_port = flow.destination_port = 0
    flow.vlan = vlan
    for i in range(4):
        flow.source[i] = flow.destination[i] = 0
    ports_at = at
    is_fragment = False
    if ethertype == TYPE_IPV4 and n_bytes >= at + 20 and octets[at] >> 4 == 4:
        flow.version, flow.protocol = 4, np.int64(octets[at + 9])
        is_fragment = read_bytes(octets, at + 6, 2) & 0x3FFF != 0
        flow.source[3], flow.destination[3] = read_bytes(octets, at + 12, 4), read_bytes(octets, at + 16, 4)
        ports_at = at + 4 * (np.int64(octets[at]) & 0xF)
    elif ethertype == TYPE_IPV6 and n_bytes >= at + 40 and octets[at] >> 4 == 6:
        flow.version, flow.protocol = 6, np.int64(octets[at + 6])
        for i in range(4):
            flow.source[i] = read_bytes(octets, at + 8 + 4 * i, 4)
            flow.destination[i] = read_bytes(octets, at + 24 + 4 * i, 4)
        ports_at = at + 40
    if flow.protocol not in (TCP, UDP, SCTP) or is_fragment or n_bytes < ports_at + 4:
        flow.protocol = 0
        return
    flow.source_port = read_bytes(octets, ports_at, 2)
    flow.destination_port = read_bytes(octets, ports_at + 2, 2)


@kernel
def hashed_word(steering, word, at):
    """Return what the word `at` of the hash's input adds: for each bit that is set 32 bits of the key from there on."""
    here, following = steering.key[at], steering.key[at + 1]
    found = np.int64(0)
    for i in range(32):
        if (word >> (31 - i)) & 1:
            found ^= ((here << i) | (following >> (32 - i))) & 0xFFFFFFFF
    return found


@kernel
def rss_hash_of(steering, flow):
    """Return the Toeplitz hash of a flow: addresses, and ports of TCP and UDP."""
    first = 3 if flow.version == 4 else 0
    found = np.int64(0)
    at = 0
    for i in range(first, 4):
        found ^= hashed_word(steering, flow.source[i], at)
        at += 1
    for i in range(first, 4):
        found ^= hashed_word(steering, flow.destination[i], at)
        at += 1
    if flow.protocol in (TCP, UDP):
        found ^= hashed_word(steering, flow.source_port << 16 | flow.destination_port, at)
    return found


@kernel
def signature_of(flow, pool):
    """Return the two hashes of 15 bits each by which Flow Director knows a flow of a pool; the signature is the upper.

    Linux ixgbe_atr_compute_sig_hash_82599 says what they are made of: the key's bits choose which shifts of the flow's
    words are added up. Addresses of IPv6 are folded into a word.
    """
    flow_type = FLOW_TYPE_OF[flow.protocol] + (IPV6_FLOW if flow.version == 6 else 0)
    common = flow.source_port << 16 | flow.destination_port
    for i in range(4):
        common ^= flow.source[i] ^ flow.destination[i]
    kind = np.int64(pool) << 24 | flow_type << 16 | flow.vlan
    low = (common >> 16 | common << 16) & 0xFFFFFFFF
    high = common ^ kind ^ kind >> 16
    bucket = signature = np.int64(0)
    for i in range(16):
        if (BUCKET_KEY >> i) & 1:
            bucket ^= low >> i
        if (SIGNATURE_KEY >> i) & 1:
            signature ^= low >> i
        if (BUCKET_KEY >> (i + 16)) & 1:
            bucket ^= high >> i
        if (SIGNATURE_KEY >> (i + 16)) & 1:
            signature ^= high >> i
        if i == 0:
            low ^= (kind ^ kind << 16) & 0xFFFFFFFF
    return (signature & FILTER_HASH_MASK) << 15 | bucket & FILTER_HASH_MASK


@kernel
def slot_of_signature(steering, signature):
    """Return the slot of a signature, or the free one where it would go."""
    at = signature % SLOTS
    while steering.slot[at] != 0 and steering.signature[steering.slot[at] - 1].hash != signature:
        at = (at + 1) % SLOTS
    return at


@kernel
def add_signature(steering, signature, queue):
    """Write a signature filter, or another queue into one that is there; return False where there is no room."""
    at = slot_of_signature(steering, signature)
    if steering.slot[at] == 0:
        if steering.counts.n_signatures >= steering.capacity:
            steering.counts.n_without_room += 1
            return False
        steering.signature[steering.counts.n_signatures].hash = signature
        steering.counts.n_signatures += 1
        steering.slot[at] = steering.counts.n_signatures
    steering.signature[steering.slot[at] - 1].queue = queue
    return True


@kernel
def prepare(steering):
    """Write the signature filters that are there from the start."""
    steering.is_prepared = 1
    for i in range(steering.n_flow_filters):
        one = steering.flow_filter[i]
        add_signature(steering, signature_of(one.flow, one.port), one.queue)


@kernel
def matches_flow(one, flow, port):
    """Tell whether a filter with fields is about a flow of a port's frames."""
    wanted = one.flow
    if one.port not in (ANY, port) or wanted.protocol not in (ANY, flow.protocol) or flow.version == 0:
        return False
    if wanted.vlan not in (ANY, flow.vlan) or wanted.version not in (ANY, flow.version):
        return False
    if wanted.source_port not in (ANY, flow.source_port):
        return False
    if wanted.destination_port not in (ANY, flow.destination_port):
        return False
    for i in range(4):
        if one.has_source and wanted.source[i] != flow.source[i]:
            return False
        if one.has_destination and wanted.destination[i] != flow.destination[i]:
            return False
    return True


@kernel
def directed(steering, flow, port):
    """Return the queue that Flow Director has for a flow of a port's frames, DROPPED, or UNFILTERED."""
    if steering.director == PERFECT:
        for i in range(steering.n_flow_filters):
            if matches_flow(steering.flow_filter[i], flow, port):
                return steering.flow_filter[i].queue
    elif steering.director == SIGNATURE and flow.version != 0:
        slot = steering.slot[slot_of_signature(steering, signature_of(flow, port))]
        if slot != 0:
            return np.int64(steering.signature[slot - 1].queue)
    return UNFILTERED


@kernel
def queue_for(tables, steering, ethertype, port):
    """Return which queue of its pool a frame goes to at a port, by the flow in `steering.flow`; or DROPPED.

    EtherType filters come first, then those of five fields, Flow Director, and the RSS table.
    """
    flow = steering.flow
    for i in range(tables.n_type_filters):
        if tables.type_filter[i].ethertype == ethertype and tables.type_filter[i].port == port:
            return tables.type_filter[i].queue
    best = -1
    for i in range(steering.n_tuple_filters):
        one = steering.tuple_filter[i]
        is_higher = best < 0 or one.priority > steering.tuple_filter[best].priority
        if is_higher and matches_flow(one, flow, port):
            best = i
    if best >= 0:
        return steering.tuple_filter[best].queue
    queue = directed(steering, flow, port)
    if queue != UNFILTERED:
        return queue
    if flow.version == 0:
        return np.int64(0)
    return np.int64(steering.table[rss_hash_of(steering, flow) & steering.table_mask])


@kernel
def turned(flow):
    """Turn a flow into that of the frames in the other direction, untagged ones."""
    flow.source_port, flow.destination_port = flow.destination_port, flow.source_port
    for i in range(4):
        flow.source[i], flow.destination[i] = flow.destination[i], flow.source[i]
    flow.vlan = NO_VLAN
