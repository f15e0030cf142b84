"""Timers of flow control: stops take effect and end, control frames are due again and have been sent."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.machine.adapter.switching import look_what_is_next
from hwmodel.machine.network.control_frames import control_frame_sent, look_whether_due
from hwmodel.machine.network.link_partner import partner_goes_on, partner_takes
from hwmodel.machine.network.pauses import STOPPED, count_said, end_stops, take_effect
from hwmodel.machine.time.clock import CONTROL_SENT, CONTROL_TAKEN, PARTNER_TAKES, REFRESH_TIMER, STOPS_OVER
from hwmodel.machine.time.events import set_timer


@kernel
def obey_stops(nic, number, now_fs):
    """Apply the first control frame that a port has received: stop the classes that it names, or resume them."""
    pauses = nic.pauses
    hearing, counts = pauses.port[number].mac, pauses.port[number].counts
    counts.received += 1
    if pauses.params.obeys == 0:
        hearing.head += 1
        return
    said = hearing.ring[hearing.head & (len(hearing.ring) - 1)]
    stopped = said.stopped
    count_said(np.int64(said.named), np.int64(stopped), counts.xoff_received, counts.xon_received)
    mac = nic.port[number].mac
    last_fs = take_effect(pauses.params, mac, hearing, now_fs, counts.since_fs, counts.stopped_fs)
    for each in range(pauses.params.n_classes):
        if hearing.mask >> each & 1 and hearing.until_fs[each] == last_fs and stopped:
            counts.stops_received[each] += 1
    if last_fs > 0:
        set_timer(nic.clock, last_fs, STOPS_OVER, number)
    hold(nic, number, now_fs)


@kernel
def hold(nic, number, now_fs):
    """Hold back exactly the stopped classes of a port, and let it begin what may go next."""
    mask, mac = nic.pauses.port[number].mac.mask, nic.port[number].mac
    if nic.pauses.params.is_by_class:
        nic.arbiter.wire[number].held = mask
    elif mask:
        mac.is_stopped |= STOPPED
    else:
        mac.is_stopped &= ~STOPPED
    look_what_is_next(nic, number, now_fs)


@out_of_line
def flow_timer(nic, now_fs, kind, number):
    """Handle a timer of flow control, of a port."""
    own = nic.pauses.port[number]
    if kind == CONTROL_TAKEN:
        obey_stops(nic, number, now_fs)
    elif kind == STOPS_OVER:
        end_stops(nic.pauses.params, own.mac, now_fs, own.counts.since_fs, own.counts.stopped_fs)
        hold(nic, number, now_fs)
    elif kind == REFRESH_TIMER:
        if own.refresh_fs == now_fs:
            own.refresh_is_due = 1
            look_whether_due(nic, number, now_fs)
    elif kind == CONTROL_SENT:
        control_frame_sent(nic, number)
        look_what_is_next(nic, number, now_fs)
    elif kind == PARTNER_TAKES:
        partner_takes(nic, number, now_fs)
    else:
        partner_goes_on(nic, number, now_fs)
