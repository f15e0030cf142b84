"""The Ethernet port: frames sent one after the other at the port's rate, and frames that come on the line."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import NEVER, ints, record
from hwmodel.forwarding.header_store import UNKNOWN
from hwmodel.machine.counts.histogram import bucket, change, observe
from hwmodel.machine.counts.ledger_state import WIRE_WAIT_HISTOGRAM
from hwmodel.machine.frames import FIFO, FRAME, LINE_CAP
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.network.wires import note_passing, padded_bytes, send_to_bridge, wire_time_fs
from hwmodel.machine.time.clock import LINE, WIRE
from hwmodel.machine.time.events import set_next
from hwmodel.rules.ethernet import FCS_BYTES

# Frames that come on the line, in the order of their last bytes' arrival.
# The stations outside that send them have a clock of their own, and so a rate.
LINE_PARAMS = record(*ints("fs_per_byte_num", "fs_per_byte_den"))
ON_LINE = record(("params", LINE_PARAMS), *ints("head", "tail", "busy_until_fs"), ("ring", far(FRAME, LINE_CAP)))
# `good_frames`, `good_bytes`: frames that came and that the switch let in. `multicast`, `broadcast`: those for a group,
# for all.
MAC_COUNTS = record(
    *ints("tx_bytes", "rx_bytes", "tx_busy_fs", "rx_busy_fs"),
    *ints("good_frames", "good_bytes", "multicast", "broadcast"),
)
MAC_PARAMS = record(
    *ints("fs_per_byte_num", "fs_per_byte_den"),
    # The other end of the wire: whether a bridge stands there, and for how long a bit flies.
    *ints("has_peer", "propagation_fs"),
    *ints("is_tapped"),  # what passes the port is logged: here, or by the bridge at the other end if there is one
    # `is_down`: nothing is sent or received; `is_silent`: though there is a carrier. `is_idle`: a bond does not use it,
    # whatever its carrier is.
    *ints("is_down", "is_silent", "is_idle"),
)
MAC = record(
    ("params", MAC_PARAMS),
    *ints("is_sending", "is_stopped"),  # `is_stopped`: why nothing begins (`pauses.DEAD`, ...)
    ("counts", MAC_COUNTS),
    ("line", ON_LINE),  # first, so that what is looked at for every frame stands together
    ("fifo", FIFO),
)


@kernel
def start_sending(nic, number, now_fs):
    """Start sending the head of a port's FIFO."""
    mac = nic.port[number].mac
    copy = mac.fifo.ring[mac.fifo.head & mac.fifo.mask]
    wait_fs = now_fs - copy.entered_fs
    observe(nic.counts.wire_wait, wait_fs)
    nic.ledger.histogram[WIRE_WAIT_HISTOGRAM, bucket(wait_fs)] += 1
    busy_fs = wire_time_fs(mac, copy.n_bytes)
    mac.is_sending = 1
    mac.counts.tx_busy_fs += busy_fs
    set_next(nic.clock, WIRE + number, now_fs + busy_fs)
    if mac.params.has_peer:
        send_to_bridge(nic, number, now_fs, busy_fs, copy)


@kernel
def send(nic, number, now_fs):
    """Take in the copy that was written at the tail of a port's FIFO, and start on it if nothing is being sent."""
    mac = nic.port[number].mac
    entered(nic.clock, mac.fifo)
    change(nic.counts.wire_waiting, now_fs, 1)
    if mac.is_sending == 0 and mac.is_stopped == 0:
        start_sending(nic, number, now_fs)


@kernel
def take_sent(nic, number, now_fs):
    """Return the copy whose last byte has left by a port, and start on the next."""
    mac = nic.port[number].mac
    fifo = mac.fifo
    copy = fifo.ring[fifo.head & fifo.mask]
    if mac.params.is_tapped:
        journey = nic.ledger.journeys.slot[copy.journey]
        note_passing(
            nic.ledger, now_fs, number, 1, copy.copy_kind, copy.n_bytes, journey.template, journey.index, UNKNOWN
        )
    fifo.head += 1
    mac.is_sending = 0
    mac.counts.tx_bytes += padded_bytes(copy.n_bytes)
    change(nic.counts.wire_waiting, now_fs, -1)
    set_next(nic.clock, WIRE + number, NEVER)
    if fifo.head != fifo.tail and mac.is_stopped == 0:
        start_sending(nic, number, now_fs)
    return copy


@kernel
def take_unsent(nic, number, now_fs):
    """Return the copy that is first at a port whose wire is dead, and that will never be sent."""
    mac = nic.port[number].mac
    copy = mac.fifo.ring[mac.fifo.head & mac.fifo.mask]
    mac.fifo.head += 1
    change(nic.counts.wire_waiting, now_fs, -1)
    return copy


@kernel
def line_is_full(line):
    """Tell whether the line has no place for another frame: a capture may exceed the line's rate for long."""
    return line.tail - line.head == LINE_CAP


@kernel
def first_on_line(line):
    """Return the frame that comes in next."""
    return line.ring[line.head & (LINE_CAP - 1)]


@kernel
def take_pending(frame, source, number):
    """Make a source's pending frame one that comes by a port from the wire."""
    frame.template = source.pending_template
    frame.n_bytes = source.pending_bytes - FCS_BYTES
    frame.hash = source.pending_hash
    frame.index = source.pending_record
    frame.is_wire, frame.adapter_port = 1, number


@kernel
def put_on_line(nic, number, now_fs, source):
    """Put a source's pending frame on the line to a port: a FIFO server at the rate of the stations outside."""
    mac = nic.port[number].mac
    line = mac.line
    frame = line.ring[line.tail & (LINE_CAP - 1)]
    take_pending(frame, source, number)
    busy_fs = wire_time_fs(line, frame.n_bytes)
    line.busy_until_fs = max(line.busy_until_fs, now_fs) + busy_fs
    if mac.params.is_down == 0:
        mac.counts.rx_busy_fs += busy_fs
    frame.ready_fs = line.busy_until_fs
    if line.head == line.tail:
        set_next(nic.clock, LINE + number, frame.ready_fs)
    line.tail += 1


@kernel
def expect_line_anew(mac):
    """Set when the frames behind the one that is coming in will have come, by the port's new rate."""
    line = mac.line
    for number in range(line.head + 1, line.tail):
        frame = line.ring[number & (LINE_CAP - 1)]
        before_fs = line.ring[(number - 1) & (LINE_CAP - 1)].ready_fs
        frame.ready_fs = before_fs + wire_time_fs(line, frame.n_bytes)
    if line.tail - line.head > 1:
        end_fs = line.ring[(line.tail - 1) & (LINE_CAP - 1)].ready_fs
        mac.counts.rx_busy_fs += end_fs - line.busy_until_fs
        line.busy_until_fs = end_fs


@kernel
def take_from_line(nic, number):
    """Return the frame whose last byte has come to a port."""
    mac = nic.port[number].mac
    line = mac.line
    frame = first_on_line(line)
    line.head += 1
    set_next(nic.clock, LINE + number, NEVER if line.head == line.tail else first_on_line(line).ready_fs)
    if mac.params.is_down:
        return frame
    mac.counts.rx_bytes += padded_bytes(frame.n_bytes)
    if mac.params.is_tapped:
        note_passing(
            nic.ledger, frame.ready_fs, number, 0, frame.template, frame.n_bytes, frame.template, frame.index, UNKNOWN
        )
    return frame
