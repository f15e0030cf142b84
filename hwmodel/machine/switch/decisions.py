"""The adapter's switch decides on a header: when a frame has it for the first time, or when its tables have changed.

What is decided is kept with the header (TEMPLATE), with the copies that come of it (COPY_KIND). Copies that are on
their way keep what was decided when they were made; a decision that comes back finds its copies again.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, inlined, kernel
from hwmodel.compiled.far_tables import lengthened
from hwmodel.compiled.programs import by_address
from hwmodel.forwarding.decide import NO_POLICER, decide, limit
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import (
    ANY_LENGTH,
    MIRRORED_BY_BRIDGE,
    NEVER_DECIDED,
    TO_ALL,
    TO_GROUP,
    TO_ONE,
    UNKNOWN,
    same_octets,
)
from hwmodel.forwarding.octets import read_bytes
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG
from hwmodel.forwarding.parse import C_TAG_BYTES, TAG_OFFSET, TYPE_C_TAG, has_outer_tag, parse, read_behind
from hwmodel.forwarding.pools import BROADCAST
from hwmodel.forwarding.port_set import MAX_PORTS, PORT_WORDS, PORTS_PER_WORD, UPLINK, contains, remove
from hwmodel.forwarding.rewrite import rewrite
from hwmodel.forwarding.steering import (
    DROPPED,
    SIGNATURE,
    add_signature,
    prepare,
    queue_for,
    read_flow,
    ring_code,
    ring_of,
    signature_of,
    turned,
)
from hwmodel.forwarding.tables import VIDS
from hwmodel.machine.counts.flow_state import flow_of
from hwmodel.machine.frames import COPY_CAP
from hwmodel.rules.ethernet import MIN_UNPADDED_BYTES
from hwmodel.rules.packets import TYPE_IPV4, TYPE_IPV6
from hwmodel.rules.steering import TCP
from hwmodel.rules.switch_modes import TYPE_BYTES

ON_THE_WIRE = -1  # as the port of a header of stations outside, behind a bridge
FORWARDED, MIRRORED, MIRRORED_IF_REFUSED = range(3)
SETS = 3  # of copies, in the order in which they stand
ADDRESS_BYTES = 6
GROUP_BIT = 1  # of a destination's first octet


@entry
def decide_anew(nic, number):
    """Decide on a header anew, unless nothing that the last decision depended on has changed; return the generation.

    A program of its own, which all programs that run servers call (`compiled/programs.py`): few frames need it.
    """
    arrival, template = nic.headers.template_header[number], nic.traffic.template[number]
    switch = nic.port[arrival.port].switch
    changed = max(switch.others_changed, switch.vlan_changed[arrival.vlan])
    if template.stamp < changed:
        decide_template(nic, switch, number)
    if switch.steering.atr:
        direct_flows(nic, switch, number)
    template.stamp = nic.headers.generation
    return template.stamp


ARGUMENTS = ("server", "int64")  # of `decide_anew`
refresh = by_address(decide_anew, *ARGUMENTS)


@inlined
def template_of(nic, number):
    """Return what the switch does with a header by its tables as they are now."""
    template = nic.traffic.template[number]
    if template.stamp != nic.headers.generation:
        refresh(nic, number)
    return template


@kernel
def direct_flows(nic, switch, number):
    """Let a connection's first frame write the filter for its other direction; then steer by the filters as they are.

    A new filter is a new generation, so each header looks for its own again at its next frame.
    """
    arrival, template = nic.headers.template_header[number], nic.traffic.template[number]
    if arrival.ingress == ON_THE_WIRE:
        return
    is_new = template.stamp != NEVER_DECIDED and arrival.has_filter == 0 and arrival.ingress != UPLINK
    if is_new:
        arrival.has_filter = 1
    parse(switch.tables, arrival.ingress, arrival.octets, MIN_UNPADDED_BYTES, switch.header)
    read_template_flow(switch, arrival)
    if is_new and switch.steering.flow.protocol == TCP:
        turned(switch.steering.flow)
        n_queues = nic.function[template.function].params.n_queues
        signature = signature_of(switch.steering.flow, arrival.ingress)
        if add_signature(switch.steering, signature, template.queue_hash % n_queues):
            nic.headers.generation += 1
        read_template_flow(switch, arrival)
    steer_copies(nic, switch, number)


@kernel
def read_template_flow(switch, arrival):
    """Read what a header that is parsed says of its flow."""
    header = switch.header
    at = TAG_OFFSET + header.n_tag_bytes + TYPE_BYTES
    vlan = header.vid if header.has_c_tag else 0
    read_flow(arrival.octets, arrival.n_bytes, at, header.ethertype, vlan, switch.steering.flow)


@kernel
def drop_filtered(switch):
    """Remove the ports at which a filter drops the frame from a decision; if none is left the reason is ACL_DENY."""
    decision = switch.decision
    port = next_port(decision.egress, UPLINK + 1)
    while port < MAX_PORTS:
        if queue_for(switch.tables, switch.steering, switch.header.ethertype, port) == DROPPED:
            remove(decision.egress, port)
            decision.n_copies -= 1
        port = next_port(decision.egress, port + 1)
    if decision.n_copies == 0 and decision.reason == DropReason.NONE:
        decision.reason = DropReason.ACL_DENY


@kernel
def steer_copies(nic, switch, number):
    """Choose the ring of each copy of a header for a station, by the flow that was read from it."""
    template = nic.traffic.template[number]
    n_copies = template.n_copies + template.n_mirrored + template.n_mirrored_refused
    for at in range(template.first_copy, template.first_copy + n_copies):
        kind = nic.traffic.copy_kind[at]
        if kind.port != UPLINK:
            params = nic.function[kind.function].params
            port = np.int64(kind.port)  # as its other caller has it
            queue = queue_for(switch.tables, switch.steering, switch.header.ethertype, port)
            kind.queue_hash = ring_code(params.first_queue + max(queue, 0))


@kernel
def decide_template(nic, switch, number):
    """Decide on a header at a switch: enter what becomes of it, and of its copies."""
    arrival, template = nic.headers.template_header[number], nic.traffic.template[number]
    decision = switch.decision
    if arrival.ingress == ON_THE_WIRE:
        passes_from_outside(nic, number)
        return
    n_bytes = MIN_UNPADDED_BYTES if arrival.is_whole else arrival.n_bytes  # OVERSIZE is tested frame by frame
    parse(switch.tables, arrival.ingress, arrival.octets, n_bytes, switch.header)
    if switch.tables.reads_packets:
        read_behind(arrival.octets, arrival.n_bytes, switch.header)
    decide(switch.tables, switch.header, decision)
    if switch.steering.is_on:
        if switch.steering.is_prepared == 0 and switch.steering.director == SIGNATURE:
            prepare(switch.steering)
        read_template_flow(switch, arrival)
        drop_filtered(switch)
    n_refused = 0
    if decision.policer != NO_POLICER:
        decide(switch.tables, switch.header, switch.refused)
        limit(switch.tables, switch.header, switch.refused)
        n_refused = switch.refused.n_mirrored
    vid = switch.header.vid
    is_by_pool = switch.tables.has_pool_filters and arrival.ingress == UPLINK
    arrival.vlan = (vid if vid != 0 or is_by_pool else switch.tables.port[arrival.ingress].port_vlan) % VIDS
    template.flow = flow_offered(nic, switch, arrival, decision)
    if template.stamp == NEVER_DECIDED or not finds_copies(nic, switch, number, n_refused):
        keep_variant(nic, number)
        make_copies(nic, switch, number, n_refused)
    if switch.steering.is_on:
        steer_copies(nic, switch, number)
    template.reason, template.policer = decision.reason, decision.policer
    template.longest_bytes = min(decision.longest_bytes, ANY_LENGTH)
    n_at_once = max(n_refused, template.n_copies + template.n_mirrored)
    if not is_onward(switch, arrival) and nic.headers.most_frames * n_at_once >= COPY_CAP:
        nic.headers.most_copies = max(nic.headers.most_copies, n_at_once)


@kernel
def passes_from_outside(nic, number):
    """Let a header of a station outside have the one copy that is on the wire to the bridge."""
    arrival, template = nic.headers.template_header[number], nic.traffic.template[number]
    if template.stamp != NEVER_DECIDED:
        return
    template.flow = UNKNOWN if is_for_group(arrival) else flow_of(nic.ledger, arrival.sender, arrival.target)
    template.policer, template.longest_bytes, template.n_copies = NO_POLICER, ANY_LENGTH, 1
    template.first_copy = new_copy_kind(nic, number, arrival.octets, arrival.n_bytes)
    nic.traffic.copy_kind[template.first_copy].flow = template.flow


@kernel
def is_onward(switch, arrival):
    """Tell whether a header comes from a bridge, so that its sender's flow has counted it."""
    return switch.has_peer and arrival.ingress == UPLINK


@kernel
def is_for_group(arrival):
    """Tell whether a header is for a group."""
    return arrival.n_bytes > 0 and arrival.octets[0] & GROUP_BIT != 0


@kernel
def flow_offered(nic, switch, arrival, decision):
    """Return the flow that counts a frame when it is offered; `UNKNOWN` where its copies do.

    A copy counts for the flow to the station at the port that it leaves by, whatever its address: a VEPA sends all
    frames up. If a bridge is there, the frame's own target counts and, of a group, each member.
    """
    if is_onward(switch, arrival) or decision.n_copies > 1:
        return UNKNOWN
    receiver = arrival.target
    if decision.n_copies == 1:
        if contains(decision.egress, UPLINK) and switch.has_peer:
            if is_for_group(arrival):
                return UNKNOWN
        else:
            receiver = switch.station[next_port(decision.egress, 0)]
    return flow_of(nic.ledger, arrival.sender, receiver)


@kernel
def next_port(ports, first):
    """Return the lowest port of a set from one on, `MAX_PORTS` if there is none."""
    word, below = first // PORTS_PER_WORD, first % PORTS_PER_WORD
    left = ports.word[word] >> below << below
    while left == 0:
        word += 1
        if word == PORT_WORDS:
            return MAX_PORTS
        left = ports.word[word]
    port = word * PORTS_PER_WORD
    while left & 1 == 0:
        left >>= 1
        port += 1
    return port


@kernel
def copies_of(switch, of_set):
    """Return the ports of the copies of one set of a switch's decision."""
    if of_set == FORWARDED:
        return switch.decision.egress
    return switch.decision.mirrored if of_set == MIRRORED else switch.refused.mirrored


@kernel
def rewritten(nic, switch, number, of_set, port):
    """Write the header of a copy as it leaves its port into `made`; return its length."""
    arrival = nic.headers.template_header[number]
    decision = switch.refused if of_set == MIRRORED_IF_REFUSED else switch.decision
    return rewrite(arrival.octets, arrival.n_bytes, switch.header, decision, port, switch.made)


@kernel
def n_sets(n_refused):
    """Return how many sets of copies a decision has."""
    return SETS if n_refused > 0 else SETS - 1


@kernel
def finds_copies(nic, switch, number, n_refused):
    """Reuse the copies that a header has, or had by earlier tables, if they fit the decision; say whether any do."""
    template, arrival = nic.traffic.template[number], nic.headers.template_header[number]
    if are_same(nic, switch, number, template, n_refused):
        return True
    at = arrival.first_variant
    while at != UNKNOWN:
        variant = nic.headers.variant[at]
        if are_same(nic, switch, number, variant, n_refused):
            swap(template, variant)
            return True
        at = variant.following
    return False


@kernel
def are_same(nic, switch, number, variant, n_refused):
    """Tell whether copies that were made are those of a switch's decision."""
    decision = switch.decision
    if variant.n_copies != decision.n_copies or variant.n_mirrored != decision.n_mirrored:
        return False
    if variant.n_mirrored_refused != n_refused:
        return False
    at = variant.first_copy
    for of_set in range(n_sets(n_refused)):
        ports = copies_of(switch, of_set)
        port = next_port(ports, 0)
        while port < MAX_PORTS:
            n_bytes = rewritten(nic, switch, number, of_set, port)
            is_same = nic.traffic.copy_kind[at].port == port
            if not is_same or not same_octets(nic.headers.copy_header[at], switch.made, n_bytes):
                return False
            at += 1
            port = next_port(ports, port + 1)
    return True


@kernel
def swap(template, variant):
    """Exchange a template's copies for those of a variant, which keeps the others."""
    first, n_copies, n_mirrored = template.first_copy, template.n_copies, template.n_mirrored
    n_refused = template.n_mirrored_refused
    template.first_copy, template.n_copies, template.n_mirrored = (
        variant.first_copy, variant.n_copies, variant.n_mirrored,
    )  # fmt: skip
    template.n_mirrored_refused = variant.n_mirrored_refused
    variant.first_copy, variant.n_copies, variant.n_mirrored = first, n_copies, n_mirrored
    variant.n_mirrored_refused = n_refused


@kernel
def keep_variant(nic, number):
    """Keep the copies that a header had until now: they may come back."""
    headers, template = nic.headers, nic.traffic.template[number]
    arrival = headers.template_header[number]
    if template.stamp == NEVER_DECIDED:
        arrival.first_variant = UNKNOWN
        return
    if headers.n_variants == len(headers.variant) and not lengthened(headers.variant):
        nic.clock.overflow = 1
        return
    variant = headers.variant[headers.n_variants]
    variant.first_copy, variant.n_copies = template.first_copy, template.n_copies
    variant.n_mirrored, variant.n_mirrored_refused = template.n_mirrored, template.n_mirrored_refused
    variant.following = arrival.first_variant
    arrival.first_variant = headers.n_variants
    headers.n_variants += 1


@kernel
def make_copies(nic, switch, number, n_refused):
    """Enter the copies of a header: those that are forwarded, mirrored, and mirrored where its policer refuses it."""
    template, decision = nic.traffic.template[number], switch.decision
    template.first_copy = nic.headers.n_copy_kinds
    for of_set in range(n_sets(n_refused)):
        ports = copies_of(switch, of_set)
        port = next_port(ports, 0)
        while port < MAX_PORTS:
            make_copy_kind(nic, switch, number, of_set, port)
            port = next_port(ports, port + 1)
    template.n_copies, template.n_mirrored = decision.n_copies, decision.n_mirrored
    template.n_mirrored_refused = n_refused


@kernel
def new_copy_kind(nic, template, octets, n_bytes):
    """Enter a copy of a template with its header; return its number."""
    headers = nic.headers
    number = headers.n_copy_kinds
    has_room = number < len(headers.copy_header) or (
        lengthened(headers.copy_header) and lengthened(nic.traffic.copy_kind)
    )
    if not has_room:
        nic.clock.overflow = 1  # the last place is written, and the run ends
        number -= 1
    else:
        headers.n_copy_kinds += 1
    header, kind = headers.copy_header[number], nic.traffic.copy_kind[number]
    header.template, header.n_bytes = template, n_bytes
    for i in range(n_bytes):
        header.octets[i] = octets[i]
    kind.flow = kind.next_template = UNKNOWN
    kind.cast = cast_of(octets, n_bytes)
    return number


@kernel
def cast_of(octets, n_bytes):
    """Tell whether a header's destination is one station, a group, or all."""
    if n_bytes == 0 or octets[0] & GROUP_BIT == 0:
        return TO_ONE
    return TO_ALL if read_bytes(octets, 0, ADDRESS_BYTES) == BROADCAST else TO_GROUP


@kernel
def is_flooded_beyond(switch, arrival, template):
    """Tell whether a copy for a bridge is that of a flooded frame that has its target there, and so counts for it."""
    if not switch.tables.learns or template.flow != UNKNOWN or is_onward(switch, arrival) or is_for_group(arrival):
        return False
    for port in range(UPLINK + 1, MAX_PORTS):
        if arrival.target > 0 and switch.station[port] == arrival.target:
            return False
    return True


@kernel
def make_copy_kind(nic, switch, number, of_set, port):
    """Enter one copy of a header."""
    arrival, template = nic.headers.template_header[number], nic.traffic.template[number]
    n_bytes = rewritten(nic, switch, number, of_set, port)
    kind = nic.traffic.copy_kind[new_copy_kind(nic, number, switch.made, n_bytes)]
    kind.port, kind.function = port, switch.function[port]
    kind.delta_bytes = n_bytes - arrival.n_bytes
    kind.queue_hash = arrival.ingress
    kind.is_mirrored = 1 if of_set != FORWARDED or arrival.target == MIRRORED_BY_BRIDGE else 0
    if kind.is_mirrored == 0 and not (port == UPLINK and switch.has_peer):
        kind.flow = flow_of(nic.ledger, arrival.sender, switch.station[port])
        is_counted = is_onward(switch, arrival) and not is_for_group(arrival)
        if switch.tables.learns and switch.station[port] != arrival.target:  # a flood has brought it
            is_counted = False
        if template.flow == UNKNOWN and not is_counted:
            kind.counts_offered = 1
    elif of_set == FORWARDED and is_flooded_beyond(switch, arrival, template):
        kind.flow = flow_of(nic.ledger, arrival.sender, arrival.target)
        kind.counts_offered = 1


@inlined
def ring_of_copy(nic, frame, kind):
    """Return the ring for a frame's copy of a kind: that of its station, by its hash, or one that steering names."""
    if kind.queue_hash < 0:
        return ring_code(kind.queue_hash)  # which is its own inverse
    rss_hash = frame.hash if frame.index >= 0 else kind.queue_hash
    return ring_of(nic.function[kind.function], rss_hash)


@kernel
def hash_beyond(nic, copy_kind):
    """Return the hash with which a copy that was posted in the uplink's ring goes to a bridge; 0 where there is none.

    Generated headers alone pass a virtual switch, so that it is the sender's.
    """
    if nic.port[0].switch.has_peer == 0:
        return 0
    return np.int64(nic.traffic.template[nic.headers.copy_header[copy_kind].template].queue_hash)


@kernel
def hash_on_arrival(nic, frame):
    """Return the hash by which a frame from the wire has its ring of an uplink; one from a bridge that is not IP has 0.

    The sender's adapter has put its target's port number there in that case, for rings of its own. The adapter does not
    look behind an outer tag, which is the virtual switch's.
    """
    octets, at = nic.headers.template_header[frame.template].octets, TAG_OFFSET
    kind = nic.port[0].switch.tables.port[UPLINK].outer_kind
    if kind != NO_OUTER_TAG and has_outer_tag(octets, kind):
        return np.int64(0)
    if nic.port[0].switch.has_peer == 0:
        return np.int64(frame.hash)
    if read_bytes(octets, at, TYPE_BYTES) == TYPE_C_TAG:
        at += C_TAG_BYTES
    return np.int64(frame.hash) if read_bytes(octets, at, TYPE_BYTES) in (TYPE_IPV4, TYPE_IPV6) else np.int64(0)
