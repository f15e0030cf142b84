"""What becomes of a finished journey's stamps: its parts are added up, and it is logged for the trace."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.far_tables import lengthened
from hwmodel.compiled.processor import add_fields
from hwmodel.machine.counts.journey_state import JOURNEY_LOG_CAP
from hwmodel.machine.counts.ledger_state import LOG_FULL, LOG_RESERVE


@inlined
def writeback_started_fs(finished, batch):
    """Return when a frame's write-back entered P, or when its payload landed if that was later."""
    return max(batch.writeback_started_fs, finished.written_fs)


@inlined
def raised_fs(batch):
    """Return when a frame's interrupt entered P, or when its write-back landed if that was later."""
    return max(batch.raised_fs, batch.written_back_fs)


@out_of_line
def log_journey(ledger, journey, finished, batch, taken_fs):
    """Enter a journey that has come to its end into the log for the trace."""
    log = ledger.journey_log
    if log.n == len(log.entry) and not lengthened(log.entry):
        ledger.overflow = 1
        return
    entry = log.entry[log.n]
    log.n += 1
    if log.n > JOURNEY_LOG_CAP - LOG_RESERVE:
        ledger.is_stopping = LOG_FULL
    entry.offered_fs = journey.offered_fs
    entry.posted_fs = journey.posted_fs
    entry.rung_fs = journey.rung_fs
    entry.told_fs = journey.told_fs
    entry.requested_fs = journey.requested_fs
    entry.cached_fs = journey.cached_fs
    entry.chosen_fs = journey.chosen_fs
    entry.picked_fs = journey.picked_fs
    entry.payload_in_fs = journey.payload_in_fs
    entry.switched_fs = journey.switched_fs
    entry.sent_fs = journey.sent_fs
    entry.number = journey.number
    entry.template = journey.template
    entry.index = journey.index
    entry.copy_kind = journey.copy_kind
    entry.tx_queue = journey.tx_queue
    entry.buffered_fs = finished.buffered_fs
    entry.seen_fs = finished.seen_fs
    entry.started_fs = finished.started_fs
    entry.written_fs = finished.written_fs
    entry.writeback_started_fs = writeback_started_fs(finished, batch)
    entry.written_back_fs = batch.written_back_fs
    entry.raised_fs = raised_fs(batch)
    entry.visible_fs = batch.visible_fs
    entry.taken_fs = taken_fs


@kernel
def add_parts(sums, journey, finished, batch, taken_fs):
    """Add what each part of a journey took."""
    sums.sender_wait += float(journey.posted_fs - journey.offered_fs)
    sums.driver_batch += float(journey.rung_fs - journey.posted_fs)
    sums.doorbell += float(journey.told_fs - journey.rung_fs)
    sums.tx_ring += float(journey.requested_fs - journey.told_fs)
    sums.tx_descriptor_fetch += float(journey.cached_fs - journey.requested_fs)
    sums.scheduler += float(journey.chosen_fs - journey.cached_fs)
    sums.tx_room += float(journey.picked_fs - journey.chosen_fs)
    sums.payload_read += float(journey.payload_in_fs - journey.picked_fs)
    sums.switch += float(journey.switched_fs - journey.payload_in_fs)
    sums.wire += float(journey.sent_fs - journey.switched_fs)
    sums.rx_room += float(finished.buffered_fs - journey.sent_fs)
    sums.rx_buffer += float(finished.seen_fs - finished.buffered_fs)
    sums.rx_descriptor += float(finished.started_fs - finished.seen_fs)
    sums.payload_write += float(finished.written_fs - finished.started_fs)
    started_fs = writeback_started_fs(finished, batch)
    sums.writeback_batch += float(started_fs - finished.written_fs)
    sums.writeback += float(batch.written_back_fs - started_fs)
    told_fs = raised_fs(batch)
    sums.interrupt_moderation += float(told_fs - batch.written_back_fs)
    sums.interrupt += float(batch.visible_fs - told_fs)
    sums.guest_queue += float(taken_fs - batch.visible_fs)


@inlined
def add_stamps(sums, journey, finished, batch, taken_fs):
    """Add a journey's stamps to the sums that `fold` turns into parts: half the work of adding its parts."""
    sums.n += 1
    add_fields(sums.journey, journey)
    add_fields(sums.written, finished)
    sums.writeback_started_fs += writeback_started_fs(finished, batch)
    sums.written_back_fs += batch.written_back_fs
    sums.raised_fs += raised_fs(batch)
    sums.visible_fs += batch.visible_fs
    sums.taken_fs += taken_fs


@inlined
def add_stamps_behind_wire(sums, crossed, sent_fs):
    """Add what a journey that has come from a bridge spent behind the wire, and in the switch on its way in."""
    if crossed.came_fs > 0:
        sums.bridge_fs += crossed.came_fs - sent_fs
        sums.rx_switch_fs += crossed.decided_fs - crossed.came_fs


@kernel
def add_exactly(total, value_fs):
    """Add whole femtoseconds to a sum without loss, so that it does not depend on where a call to the kernels ends.

    `total.sum_fs` is the sum as a float next to it, and `total.rest_fs` what is missing there (T. J. Dekker, Numerische
    Mathematik 18, 1971).
    """
    value = float(value_fs)
    rounded = total.sum_fs + value
    of_value = rounded - total.sum_fs
    lost = (total.sum_fs - (rounded - of_value)) + (value - of_value)
    rest = total.rest_fs + lost + float(value_fs - int(value))
    total.sum_fs = rounded + rest
    total.rest_fs = rest - (total.sum_fs - rounded)


@kernel
def fold(ledger):
    """Turn the sums of stamps into sums of parts; count their journeys."""
    # Not by `add_parts`: called with records of two types, numba takes one for the other where their first fields
    # agree, and warns of it.
    sums, parts = ledger.stamp_sums, ledger.counts.part_sums
    journey, written = sums.journey, sums.written
    ledger.counts.sender_wait.n += sums.n
    add_exactly(ledger.counts.sender_wait, journey.posted_fs - journey.offered_fs)
    ledger.counts.to_guest.n += sums.n
    add_exactly(ledger.counts.to_guest, sums.taken_fs - journey.posted_fs)
    add_exactly(parts.sender_wait, journey.posted_fs - journey.offered_fs)
    add_exactly(parts.driver_batch, journey.rung_fs - journey.posted_fs)
    add_exactly(parts.doorbell, journey.told_fs - journey.rung_fs)
    add_exactly(parts.tx_ring, journey.requested_fs - journey.told_fs)
    add_exactly(parts.tx_descriptor_fetch, journey.cached_fs - journey.requested_fs)
    add_exactly(parts.scheduler, journey.chosen_fs - journey.cached_fs)
    add_exactly(parts.tx_room, journey.picked_fs - journey.chosen_fs)
    add_exactly(parts.payload_read, journey.payload_in_fs - journey.picked_fs)
    add_exactly(parts.switch, journey.switched_fs - journey.payload_in_fs)
    add_exactly(parts.wire, journey.sent_fs - journey.switched_fs)
    add_exactly(parts.bridge, sums.bridge_fs)
    add_exactly(parts.rx_switch, sums.rx_switch_fs)
    add_exactly(parts.rx_room, written.buffered_fs - journey.sent_fs - sums.bridge_fs - sums.rx_switch_fs)
    add_exactly(parts.rx_buffer, written.seen_fs - written.buffered_fs)
    add_exactly(parts.rx_descriptor, written.started_fs - written.seen_fs)
    add_exactly(parts.payload_write, written.written_fs - written.started_fs)
    add_exactly(parts.writeback_batch, sums.writeback_started_fs - written.written_fs)
    add_exactly(parts.writeback, sums.written_back_fs - sums.writeback_started_fs)
    add_exactly(parts.interrupt_moderation, sums.raised_fs - sums.written_back_fs)
    add_exactly(parts.interrupt, sums.visible_fs - sums.raised_fs)
    add_exactly(parts.guest_queue, sums.taken_fs - sums.visible_fs)
    sums.n = 0
    journey.offered_fs = 0
    journey.posted_fs = 0
    journey.rung_fs = 0
    journey.told_fs = 0
    journey.requested_fs = 0
    journey.cached_fs = 0
    journey.chosen_fs = 0
    journey.picked_fs = 0
    journey.payload_in_fs = 0
    journey.switched_fs = 0
    journey.sent_fs = 0
    written.buffered_fs = 0
    written.seen_fs = 0
    written.started_fs = 0
    written.written_fs = 0
    sums.writeback_started_fs = 0
    sums.written_back_fs = 0
    sums.raised_fs = 0
    sums.visible_fs = 0
    sums.taken_fs = 0
    sums.bridge_fs = 0
    sums.rx_switch_fs = 0


@kernel
def add_crossing(sums, crossed, sent_fs):
    """Move what a journey spent behind the wire, and in the switch on its way in, from `rx_room` to its own parts."""
    if crossed.came_fs > 0:
        bridge_fs = float(crossed.came_fs - sent_fs)
        rx_switch_fs = float(crossed.decided_fs - crossed.came_fs)
        sums.bridge += bridge_fs
        sums.rx_switch += rx_switch_fs
        sums.rx_room -= bridge_fs + rx_switch_fs
