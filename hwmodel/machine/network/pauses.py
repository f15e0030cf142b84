"""The records of flow control: what ports have said and heard, levels by class, the link partner's queues.

Control frames name priorities, as masks; with `mode: pause` always all of them. A class is *over* from when its level
exceeds the high mark until it has come down to the low one (`nic.flow_control`).
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I16, I32, I64, NEVER, U8, ints, record
from hwmodel.forwarding.parse import HEADER, parse_header
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.ledger_state import GAUGE
from hwmodel.machine.frames import CLASS_QUEUE, FRAME, LINE_CAP, RING_BEGINS, WAITING_COPIES
from hwmodel.machine.guest.guest_state import MAX_QUEUES
from hwmodel.machine.time.clock import ADAPTER_PORTS
from hwmodel.rules.capacities import MAX_RECEIVED, MAX_TEMPLATES
from hwmodel.rules.headroom import PRIORITIES, QUANTUM_BYTES
from hwmodel.rules.transmit_credits import MOST_CLASSES

HEARD_CAP = 1 << 14  # control frames on their way to one port: 100 us hold so many at 100 Gb/s
BRIDGE_HEARD_CAP = 1 << 10  # to one of a bridge
ROOM_CAP = 1 << 14  # copies that the Rx DMA engine has taken and whose room is not yet free
NONE = -1  # in place of a class

# Why a port does not begin with what waits there: its wire is dead, it is stopped, a control frame is due, or is sent.
DEAD, STOPPED, CONTROL_DUE, CONTROL_ON_WIRE = 1, 2, 4, 8

# A control frame: `named` and `stopped` are masks of priorities; those that are named and not stopped go on.
SAID = record(("named", I32), ("stopped", I32), ("quanta", I32))
# A receiver of control frames: in `ring` those that are still to take effect; until when each class is stopped, and
# which are (`mask`).
HEARING, BRIDGE_HEARING = (
    record(*ints("head", "tail", "mask"), ("until_fs", I64, (MOST_CLASSES,)), ("ring", SAID, (cap,)))
    for cap in (HEARD_CAP, BRIDGE_HEARD_CAP)
)
# A frame that waits at the link partner; `number`: its place in the order in which frames joined; `source`: the one
# that has its next frame once this one is sent, `NONE` if none does.
PARTNER_FRAME = record(("frame", FRAME), *ints("number"), ("source", I32), ("following", I32))
PARTNER = record(
    ("hears", HEARING),
    *ints("n_joined", "n_waiting", "n_used", "free"),
    ("queue", CLASS_QUEUE, (MOST_CLASSES,)),
    ("place", far(PARTNER_FRAME, LINE_CAP, RING_BEGINS)),
)
# By priority (of PAUSE frames the first counts): control frames that told it to stop, and to go on. By class: control
# frames begun that stop it; received ones that stopped it; for how long it was stopped here, and at the partner; since
# when it is, while `mask` of its HEARING says so.
PORT_COUNTS = record(
    *ints("sent", "received"),
    ("xoff_sent", I64, (PRIORITIES,)), ("xon_sent", I64, (PRIORITIES,)),
    ("xoff_received", I64, (PRIORITIES,)), ("xon_received", I64, (PRIORITIES,)),
    ("stops_sent", I64, (MOST_CLASSES,)), ("stops_received", I64, (MOST_CLASSES,)),
    ("stopped_fs", I64, (MOST_CLASSES,)), ("since_fs", I64, (MOST_CLASSES,)),
    ("partner_stopped_fs", I64, (MOST_CLASSES,)), ("partner_since_fs", I64, (MOST_CLASSES,)),
)  # fmt: skip
# `told`: mask of the classes that the port's last control frame said to be over; `sent_fs`: when that frame ends.
PORT_PAUSES = record(
    *ints("told", "refresh_fs", "refresh_is_due", "sent_fs"),
    ("mac", HEARING),
    ("counts", PORT_COUNTS),
    ("partner", PARTNER),
)
# What a port of a bridge has brought into the bridge's buffer by class, what it has said and heard.
BRIDGE_PAUSES = record(
    *ints("over", "told", "refresh_fs", "refresh_is_due", "sent_fs"),
    ("level", GAUGE, (MOST_CLASSES,)), ("over_fs", I64, (MOST_CLASSES,)), ("over_since_fs", I64, (MOST_CLASSES,)),
    ("counts", PORT_COUNTS), ("hears", BRIDGE_HEARING),
)  # fmt: skip
PAUSES_PARAMS = record(
    *ints("n_classes", "is_by_class", "sends", "obeys", "quanta", "refresh_quanta", "response_fs"),
    ("part_bytes", I64, (MOST_CLASSES,)), ("high_bytes", I64, (MOST_CLASSES,)), ("low_bytes", I64, (MOST_CLASSES,)),
    ("priorities", I64, (MOST_CLASSES,)),  # mask of each class's priorities that may be stopped; 0: it loses frames
    ("class_of_priority", I64, (PRIORITIES,)),
)  # fmt: skip
# A class in the Rx buffer: its level; since when its head waits for descriptors, and for those of which ring, -1 if it
# does not; for how long it has been over its mark, and since when, while `PAUSES.over` says so.
CLASS_LEVEL = record(
    ("level", GAUGE),
    ("queue", CLASS_QUEUE),
    *ints("waits_fs", "waits_for", "blocked_since_fs", "over_fs", "over_since_fs"),
)
# Room that is given back as payload leaves: for which ring the copy was, and of which class.
ROOM = record(("ring", I32), ("of_class", I16), ("is_given", I16))
ROOMS = record(*ints("head", "tail"), ("ring", ROOM, (ROOM_CAP,)))
PAUSES = record(
    ("params", PAUSES_PARAMS),
    *ints("over", "pointer", "n_in_lists"),
    ("of_class", CLASS_LEVEL, (MOST_CLASSES,)),
    ("rooms", ROOMS),
    ("waiting", WAITING_COPIES),
    ("port", PORT_PAUSES, (ADAPTER_PORTS,)),
    ("blocked_fs", I64, (MAX_QUEUES * MOST_CLASSES,)),  # by ring and class: for how long it kept a class's head waiting
    ("header", HEADER),
    ("class_of_template", U8, (MAX_TEMPLATES,)),  # plus 1; 0: not yet known
    *ints("n_received"),
    ("received_at_fs", I64, (MAX_RECEIVED,)),
    ("received", SAID, (MAX_RECEIVED,)),
    ("received_port", I32, (MAX_RECEIVED,)),
)


@kernel
def passes_mark(params, own, number, level):
    """Update in `own.over` whether a class is over its mark at such a level; return whether that has changed."""
    is_over = own.over >> number & 1
    if params.priorities[number] == 0:
        return False
    if is_over == 0 and level > params.high_bytes[number]:
        own.over |= 1 << number
    elif is_over and level <= params.low_bytes[number]:
        own.over &= ~(1 << number)
    else:
        return False
    return True


@kernel
def has_to_tell(own, over):
    """Say whether a port's control frame is due: other classes are over than it last told, or a refresh is due."""
    return over != own.told or (own.refresh_is_due != 0 and over != 0)


@kernel
def tell(params, own, over):
    """Return the priorities that a port's control frame names, and those of them that it stops; note both as told."""
    named, stopped = 0, 0
    for each in range(params.n_classes):
        if over >> each & 1:
            stopped |= params.priorities[each]
            own.counts.stops_sent[each] += 1
        if (over | own.told) >> each & 1:
            named |= params.priorities[each]
    own.told, own.refresh_is_due, own.refresh_fs = over, 0, NEVER
    own.counts.sent += 1
    count_said(named, stopped, own.counts.xoff_sent, own.counts.xon_sent)
    return named, stopped


@kernel
def count_said(named, stopped, xoff, xon):
    """Count a control frame for each priority that it names: as one that stops it, or that lets it go on."""
    for priority in range(PRIORITIES):
        if stopped >> priority & 1:
            xoff[priority] += 1
        elif named >> priority & 1:
            xon[priority] += 1


@kernel
def said_in(params, named, stopped):
    """Return in one number what a control frame says beside its quanta: masks of priorities, and whether by class."""
    return named | stopped << 8 | params.is_by_class << 16


@kernel
def named_in(said):
    """Return the priorities that a control frame names."""
    return said & 0xFF


@kernel
def stopped_in(said):
    """Return the priorities that a control frame stops."""
    return said >> 8 & 0xFF


@kernel
def is_heard(params, said):
    """Tell whether a receiver obeys a control frame of this kind: PAUSE, or by class (PFC)."""
    return said >> 16 == params.is_by_class


@kernel
def quanta_fs(mac, n):
    """Return how long so many quanta of 512 bit times of a port are."""
    return QUANTUM_BYTES * n * mac.params.fs_per_byte_num // mac.params.fs_per_byte_den


@kernel
def hear(clock, hearing, named, stopped, quanta):
    """Note a control frame; they take effect in the order in which they come."""
    said = hearing.ring[hearing.tail & (len(hearing.ring) - 1)]
    said.named, said.stopped, said.quanta = named, stopped, quanta
    hearing.tail += 1
    if hearing.tail - hearing.head == len(hearing.ring):
        clock.overflow = 1


@kernel
def take_effect(params, mac, hearing, now_fs, since_fs, stopped_fs):
    """Carry out the first control frame of those heard; return when the last of what it stops may go on, 0 if nothing.

    `since_fs`, `stopped_fs`: by class, since when it is stopped and for how long it has been.
    """
    said = hearing.ring[hearing.head & (len(hearing.ring) - 1)]
    hearing.head += 1
    last_fs = 0
    for number in range(params.n_classes):
        is_named, is_stopped = False, False
        for priority in range(PRIORITIES):
            if params.class_of_priority[priority] == number and said.named >> priority & 1:
                is_named = True
                is_stopped = is_stopped or (said.stopped >> priority & 1) != 0
        if not is_named:
            continue
        if is_stopped:
            until_fs = now_fs + quanta_fs(mac, said.quanta)
            hearing.until_fs[number] = until_fs
            last_fs = max(last_fs, until_fs)
            if hearing.mask >> number & 1 == 0:
                hearing.mask |= 1 << number
                since_fs[number] = now_fs
        elif hearing.mask >> number & 1:
            go_on(hearing, number, now_fs, since_fs, stopped_fs)
    return last_fs


@kernel
def go_on(hearing, number, now_fs, since_fs, stopped_fs):
    """Let a class go on that was stopped."""
    hearing.mask &= ~(1 << number)
    hearing.until_fs[number] = 0
    stopped_fs[number] += now_fs - since_fs[number]


@kernel
def end_stops(params, hearing, now_fs, since_fs, stopped_fs):
    """Let all classes go on whose time is over."""
    for number in range(params.n_classes):
        if hearing.mask >> number & 1 and hearing.until_fs[number] <= now_fs:
            go_on(hearing, number, now_fs, since_fs, stopped_fs)


@kernel
def class_of(params, arrival, outer_kind, header):
    """Return the class of a header by its priority, 0 where it has none; it is parsed into `header`."""
    parse_header(arrival.octets, arrival.n_bytes, outer_kind, header)
    return params.class_of_priority[header.pcp if header.has_c_tag else header.outer_pcp]


@kernel
def class_of_header(nic, number):
    """Return the class of frames from the wire with a header: by their priority."""
    pauses = nic.pauses
    if pauses.params.is_by_class == 0:
        return 0
    if pauses.class_of_template[number] == 0:
        arrival, header = nic.headers.template_header[number], pauses.header
        outer_kind = nic.port[arrival.port].switch.tables.port[UPLINK].outer_kind
        pauses.class_of_template[number] = 1 + class_of(pauses.params, arrival, outer_kind, header)
    return np.int64(pauses.class_of_template[number]) - 1
