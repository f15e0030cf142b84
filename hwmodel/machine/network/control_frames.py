"""Control frames that an adapter's port sends: when one is due, what it says, and who hears it."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.forwarding.header_store import UNKNOWN
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.network.pauses import (
    CONTROL_DUE,
    CONTROL_ON_WIRE,
    DEAD,
    has_to_tell,
    hear,
    quanta_fs,
    said_in,
    tell,
)
from hwmodel.machine.network.wires import CONTROL_FRAME, note_passing, tail_of, wire_time_fs
from hwmodel.machine.time.clock import CONTROL_SENT, CONTROL_TAKEN, PARTNER_TAKES, REFRESH_TIMER
from hwmodel.machine.time.events import set_timer
from hwmodel.rules.headroom import CONTROL_BYTES


@kernel
def look_whether_due(nic, number, now_fs):
    """Begin a control frame at a port if one is due, or mark it as due while the port sends; none on a dead wire."""
    pauses, mac = nic.pauses, nic.port[number].mac
    own = pauses.port[number]
    mac.is_stopped &= ~CONTROL_DUE
    if pauses.params.sends == 0 or mac.is_stopped & DEAD:
        return
    if not has_to_tell(own, pauses.over):
        return
    if mac.is_sending:
        mac.is_stopped |= CONTROL_DUE
    else:
        begin_control_frame(nic, number, now_fs)


@kernel
def begin_control_frame(nic, number, now_fs):
    """Begin a control frame: it stops the classes over their mark, and resumes those that no longer are."""
    pauses, mac = nic.pauses, nic.port[number].mac
    params, own = pauses.params, pauses.port[number]
    named, stopped = tell(params, own, pauses.over)
    busy_fs = wire_time_fs(mac, CONTROL_BYTES)
    mac.is_sending = 1
    mac.is_stopped |= CONTROL_ON_WIRE
    mac.counts.tx_busy_fs += busy_fs
    own.sent_fs = now_fs + busy_fs
    set_timer(nic.clock, own.sent_fs, CONTROL_SENT, number)
    if pauses.over:
        own.refresh_fs = now_fs + quanta_fs(mac, params.refresh_quanta)
        set_timer(nic.clock, own.refresh_fs, REFRESH_TIMER, number)
    quanta = params.quanta if stopped else 0
    if mac.params.has_peer:
        sent = nic.wire[number].sent
        crossing = tail_of(sent)
        crossing.begun_fs, crossing.come_fs = now_fs, now_fs + busy_fs + mac.params.propagation_fs
        crossing.template, crossing.n_bytes = CONTROL_FRAME, CONTROL_BYTES
        crossing.journey.template, crossing.index = said_in(params, named, stopped), quanta
        entered(nic.clock, sent)
    else:
        effect_fs = now_fs + busy_fs + params.response_fs
        hear(nic.clock, own.partner.hears, named, stopped, quanta)
        set_timer(nic.clock, effect_fs, PARTNER_TAKES, number)
        if mac.params.is_tapped:
            said = said_in(params, named, stopped)
            note_passing(nic.ledger, now_fs + busy_fs, number, 1, CONTROL_FRAME, CONTROL_BYTES, said, quanta, UNKNOWN)


@kernel
def control_frame_sent(nic, number):
    """Note that a control frame has left a port."""
    mac = nic.port[number].mac
    mac.is_sending = 0
    mac.is_stopped &= ~CONTROL_ON_WIRE


@out_of_line
def hears_control_frame(nic, number, come_fs, named, stopped, quanta):
    """Take in a control frame whose last byte comes to a port at a time."""
    hear(nic.clock, nic.pauses.port[number].mac, named, stopped, quanta)
    set_timer(nic.clock, come_fs + nic.pauses.params.response_fs, CONTROL_TAKEN, number)


@kernel
def begin_flow_control(nic):
    """Expect the control frames that come from outside."""
    pauses = nic.pauses
    for at in range(pauses.n_received):
        said = pauses.received[at]
        mac = nic.port[pauses.received_port[at]].mac
        if mac.params.is_tapped:
            says = said_in(pauses.params, said.named, said.stopped)
            come_fs = pauses.received_at_fs[at]
            note_passing(
                nic.ledger, come_fs, pauses.received_port[at], 0, CONTROL_FRAME, CONTROL_BYTES, says, said.quanta,
                UNKNOWN,
            )  # fmt: skip
        hears_control_frame(
            nic, pauses.received_port[at], pauses.received_at_fs[at], said.named, said.stopped, said.quanta
        )
