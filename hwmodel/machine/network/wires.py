"""Frames on the wires between adapters and bridges: they come to the other end with all that is known of them."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.compiled.far_tables import far, lengthened
from hwmodel.compiled.processor import prefetch
from hwmodel.compiled.records import I32, NEVER, U32, ints, record
from hwmodel.forwarding.header_store import UNKNOWN
from hwmodel.machine.counts.journey_state import JOURNEY
from hwmodel.machine.counts.journeys import begin_from_wire
from hwmodel.machine.counts.ledger_state import LOG_CAP, LOG_FULL, LOG_RESERVE
from hwmodel.machine.frames import LINE_CAP, RING_BEGINS
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.time.clock import LINE
from hwmodel.machine.time.events import set_next
from hwmodel.rules.ethernet import FCS_BYTES, MIN_UNPADDED_BYTES, WIRE_OVERHEAD_BYTES

CONTROL_FRAME = 1 << 30  # as the template of a control frame, whose `journey.template` and `index` are what it says
CROSSING_CAP = 1 << 16  # one more than the most frames on a wire: sent by one end, not yet taken by the other

# A frame on a wire, whole: what the other end must know of it, and its way so far. `template`: what it is there, a hop
# of a bridge or a template of an adapter. `begun_fs`: when the sender began, `come_fs`: when its last byte is there.
CROSSING = record(
    *ints("begun_fs", "come_fs"),
    ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32),
    ("journey", JOURNEY),
)  # fmt: skip
# `mask`: of the places in use (`growing_ring.widen`), of which one stays free.
CROSSINGS = record(*ints("head", "tail"), ("mask", U32), ("ring", far(CROSSING, CROSSING_CAP, RING_BEGINS)))
# The stations outside, as far as they send: one after the other at their port's rate.
OUTSIDE_PARAMS = record(*ints("fs_per_byte_num", "fs_per_byte_den", "propagation_fs"))
OUTSIDE = record(
    ("params", OUTSIDE_PARAMS),
    *ints("busy_until_fs", "busy_fs", "n_sent"),
    ("sent", CROSSINGS),
)
# An adapter's end of the wire to a bridge: what it has begun to send, and what comes.
WIRE_END = record(("sent", CROSSINGS), ("come", CROSSINGS))


@kernel
def padded_bytes(n_bytes):
    """Return the length of a frame on the wire, padded and with its frame check sequence."""
    return max(n_bytes, MIN_UNPADDED_BYTES) + FCS_BYTES


@kernel
def wire_time_fs(port, n_bytes):
    """Return the time of a frame on the wire, with preamble and gap."""
    return (padded_bytes(n_bytes) + WIRE_OVERHEAD_BYTES) * port.params.fs_per_byte_num // port.params.fs_per_byte_den


@kernel
def note_passing(ledger, at_fs, port_number, is_sent, header, n_bytes, template, index, mirrored):
    """Log a frame whose last byte passes a port; one that comes in is logged some time ahead.

    `header`: the number by which its bytes are known there; `template`, `index`: what its sender sent. `mirrored`: the
    number of a copy among those of its mirror at a bridge, `UNKNOWN` of any other frame.
    """
    log = ledger.tap_log
    if log.n == len(log.entry) and not lengthened(log.entry):
        ledger.overflow = 1
        return
    entry = log.entry[log.n]
    entry.at_fs = at_fs
    entry.index = index
    entry.template = template
    entry.header = header
    entry.n_bytes = n_bytes
    entry.port = port_number
    entry.is_sent = is_sent
    entry.mirrored = mirrored
    log.n += 1
    if log.n > LOG_CAP - LOG_RESERVE:
        ledger.is_stopping = LOG_FULL


@inlined
def first_of(crossings):
    """Return the frame that was sent first."""
    return crossings.ring[crossings.head & crossings.mask]


@inlined
def tail_of(crossings):
    """Return the place of the next frame; it counts when it has `entered`."""
    return crossings.ring[crossings.tail & crossings.mask]


@inlined
def named_beyond(nic, copy_kind):
    """Return a copy's number at the other end of the wire; where that is not known yet, -1 less its kind."""
    template = nic.traffic.copy_kind[copy_kind].next_template
    return template if template != UNKNOWN else -1 - copy_kind


@kernel
def send_to_bridge(nic, number, now_fs, busy_fs, copy):
    """Put the frame that a port has begun to send on the wire to the bridge."""
    sent = nic.wire[number].sent
    crossing = tail_of(sent)
    crossing.begun_fs = now_fs
    crossing.come_fs = now_fs + busy_fs + nic.port[number].mac.params.propagation_fs
    crossing.template = named_beyond(nic, copy.copy_kind)
    crossing.n_bytes = copy.n_bytes
    crossing.hash = copy.queue
    crossing.journey = nic.ledger.journeys.slot[copy.journey]
    crossing.journey.sent_fs = now_fs + busy_fs
    crossing.index = crossing.journey.index
    entered(nic.clock, sent)


@kernel
def outside_is_full(outside):
    """Tell whether no more frames can wait outside: a capture may come faster than the wire for long."""
    sent = outside.sent
    return sent.tail - sent.head >= LINE_CAP


@kernel
def send_from_outside(nic, outside, now_fs, source):
    """Put a source's pending frame on the wire from outside to the bridge: a FIFO server at that port's rate."""
    crossing = tail_of(outside.sent)
    crossing.template = named_beyond(nic, nic.traffic.template[source.pending_template].first_copy)
    crossing.n_bytes = source.pending_bytes - FCS_BYTES
    crossing.hash = source.pending_hash
    crossing.index = source.pending_record
    busy_fs = wire_time_fs(outside, crossing.n_bytes)
    crossing.begun_fs = max(outside.busy_until_fs, now_fs)
    outside.busy_until_fs = crossing.begun_fs + busy_fs
    outside.busy_fs += busy_fs
    is_sent_at(outside, crossing, outside.busy_until_fs, outside.n_sent, source.pending_template)
    outside.n_sent += 1
    entered(nic.clock, outside.sent)


@kernel
def is_sent_at(outside, crossing, sent_fs, number, template):
    """Note when the last byte of a frame leaves outside: its journey begins then."""
    crossing.come_fs = sent_fs + outside.params.propagation_fs
    begin_from_wire(crossing.journey, sent_fs, number, template, crossing.index)
    crossing.journey.switched_fs = sent_fs
    crossing.journey.sent_fs = sent_fs


@kernel
def expect_outside_anew(outside, now_fs):
    """Set anew, by the new rate, the times of frames that begin from now on; the bridge has none of them yet."""
    sent = outside.sent
    end_fs = NEVER
    for number in range(sent.head, sent.tail):
        crossing = sent.ring[number & sent.mask]
        if crossing.begun_fs < now_fs:
            continue
        if end_fs < NEVER:
            crossing.begun_fs = end_fs
        end_fs = crossing.begun_fs + wire_time_fs(outside, crossing.n_bytes)
        is_sent_at(outside, crossing, end_fs, crossing.journey.number, crossing.journey.template)
    if end_fs < NEVER:
        outside.busy_fs += end_fs - outside.busy_until_fs
        outside.busy_until_fs = end_fs


@kernel
def comes_to_adapter(nic, number, crossing):
    """Take in a frame on the wire from the bridge to a port; they come in order."""
    if crossing.template != CONTROL_FRAME:
        prefetch(nic.traffic.template[crossing.template])
    come = nic.wire[number].come
    come.ring[come.tail & come.mask] = crossing
    if come.head == come.tail:
        set_next(nic.clock, LINE + number, crossing.come_fs)
    entered(nic.clock, come)


@kernel
def take_come(nic, number):
    """Return the frame whose last byte has come to a port."""
    come = nic.wire[number].come
    crossing = first_of(come)
    come.head += 1
    next_fs = NEVER if come.head == come.tail else first_of(come).come_fs
    set_next(nic.clock, LINE + number, next_fs)
    return crossing
