"""The link partner of a port without a bridge: it sends what stations outside have, and stops when it is told to."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.machine.frames import LINE_CAP
from hwmodel.machine.network.mac import take_pending
from hwmodel.machine.network.pauses import NONE, class_of_header, end_stops, take_effect
from hwmodel.machine.network.wires import wire_time_fs
from hwmodel.machine.time.clock import LINE, PARTNER_GOES_ON, SOURCE_TIMER
from hwmodel.machine.time.events import set_next, set_timer
from hwmodel.machine.waiting_lists import append, pop, take_place

MOST_WAITING = LINE_CAP - 1  # frames at a partner
FULL_FS = 10**9  # a source that finds no place looks again 1 us later


@kernel
def partner_is_full(nic, number):
    """Tell whether a port's partner has no place for another frame."""
    return nic.pauses.port[number].partner.n_waiting == MOST_WAITING


@kernel
def join_partner(nic, number, now_fs, source, source_number, goes_on):
    """Queue a source's pending frame at the partner; `goes_on`: the source has its next one once this one is sent."""
    partner = nic.pauses.port[number].partner
    place = take_place(nic.clock, partner)
    entry = partner.place[place - 1]
    take_pending(entry.frame, source, number)
    entry.number = partner.n_joined
    entry.source = source_number if goes_on else NONE
    partner.n_joined += 1
    partner.n_waiting += 1
    append(partner, partner.queue[class_of_header(nic, source.pending_template)], place)
    partner_begins(nic, number, now_fs)


@kernel
def next_of_partner(params, partner):
    """Return the class whose first frame joined first, of those that are not stopped; `NONE` if none waits."""
    found, least = NONE, NEVER
    for number in range(params.n_classes):
        queue = partner.queue[number]
        if queue.head == 0 or partner.hears.mask >> number & 1:
            continue
        if partner.place[queue.head - 1].number < least:
            found, least = number, partner.place[queue.head - 1].number
    return found


@out_of_line
def partner_begins(nic, number, now_fs):
    """Let the partner put its next frame on the line, if that is free."""
    mac, partner = nic.port[number].mac, nic.pauses.port[number].partner
    line = mac.line
    if line.head != line.tail:
        return
    of_class = next_of_partner(nic.pauses.params, partner)
    if of_class == NONE:
        return
    entry = pop(partner, partner.queue[of_class])
    partner.n_waiting -= 1
    busy_fs = wire_time_fs(line, entry.frame.n_bytes)
    line.ring[line.tail & (LINE_CAP - 1)] = entry.frame
    line.ring[line.tail & (LINE_CAP - 1)].ready_fs = now_fs + busy_fs
    line.busy_until_fs = now_fs + busy_fs
    if mac.params.is_down == 0:
        mac.counts.rx_busy_fs += busy_fs
    set_next(nic.clock, LINE + number, now_fs + busy_fs)
    line.tail += 1
    if entry.source != NONE:
        source = nic.traffic.source[entry.source]
        source.next_at_fs = source.timer_fs = now_fs + busy_fs
        source.armed = 1
        set_timer(nic.clock, now_fs + busy_fs, SOURCE_TIMER, entry.source)


@kernel
def partner_takes(nic, number, now_fs):
    """Let what the partner has heard take effect."""
    own = nic.pauses.port[number]
    last_fs = take_effect(
        nic.pauses.params, nic.port[number].mac, own.partner.hears, now_fs, own.counts.partner_since_fs,
        own.counts.partner_stopped_fs,
    )  # fmt: skip
    if last_fs > 0:
        set_timer(nic.clock, last_fs, PARTNER_GOES_ON, number)
    partner_begins(nic, number, now_fs)


@kernel
def partner_goes_on(nic, number, now_fs):
    """Resume at the partner the classes whose stop is over."""
    own = nic.pauses.port[number]
    end_stops(nic.pauses.params, own.partner.hears, now_fs, own.counts.partner_since_fs, own.counts.partner_stopped_fs)
    partner_begins(nic, number, now_fs)
