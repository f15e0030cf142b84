"""Flow control at a bridge: queues by class, buffer use by ingress port, control frames both ways.

Each class of a port has a queue of its own, scheduled as service levels are (`service_levels.py`): a stopped class is
like one that its rate holds back. Whether a class is over its mark depends on what has come in by one port and still
waits anywhere in the bridge.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.network.bridge_state import (
    CONTROL_FRAME_SENT,
    CONTROL_SENT,
    CONTROL_TAKEN,
    REFRESH_DUE,
    RESUMED,
)
from hwmodel.machine.network.pauses import (
    class_of,
    has_to_tell,
    hear,
    is_heard,
    named_in,
    passes_mark,
    quanta_fs,
    said_in,
    stopped_in,
    take_effect,
    tell,
)
from hwmodel.machine.network.wires import CONTROL_FRAME, wire_time_fs
from hwmodel.machine.time.events import set_timer
from hwmodel.rules.headroom import CONTROL_BYTES


@kernel
def flow_params(bridge, port):
    """Return what the configuration says of flow control at a port."""
    return bridge.flow_params[port.params.box]


@kernel
def note_class(bridge, port_number, place, number):
    """Note by which port a frame has come, and the class of its header."""
    port, slot = bridge.port[port_number], bridge.slot[place]
    if bridge.class_of_hop[number] == 0:
        params, header = flow_params(bridge, port), bridge.inside.header
        bridge.class_of_hop[number] = 1 + class_of(params, bridge.hop_header[number], port.params.outer_kind, header)
    slot.came_by, slot.of_class = port_number, np.int64(bridge.class_of_hop[number]) - 1


@kernel
def has_room_in_part(bridge, place, n_bytes):
    """Tell whether a copy fits into its class's part of the buffer of the port by which it came."""
    slot = bridge.slot[place]
    params = flow_params(bridge, bridge.port[slot.came_by])
    return bridge.pauses[slot.came_by].level[slot.of_class].level + n_bytes <= params.part_bytes[slot.of_class]


@kernel
def level_changes(bridge, now_fs, port_number, number, n_bytes):
    """Add to what has come in by a port, of a class; return whether that crosses a mark, which the port has to tell."""
    own, params = bridge.pauses[port_number], flow_params(bridge, bridge.port[port_number])
    change(own.level[number], now_fs, n_bytes)
    if not passes_mark(params, own, number, own.level[number].level):
        return False
    if own.over >> number & 1:
        own.over_since_fs[number] = now_fs
    else:
        own.over_fs[number] += now_fs - own.over_since_fs[number]
    return True


@kernel
def is_control_due(bridge, port_number):
    """Tell whether a port is to send a control frame; to stations outside none goes."""
    own, port = bridge.pauses[port_number], bridge.port[port_number]
    if flow_params(bridge, port).sends == 0 or port.params.is_outside:
        return False
    return has_to_tell(own, own.over)


@kernel
def control_frame_of(bridge, now_fs, port_number, place):
    """Write the control frame that a port begins into a frame's place; set the timers for its end and the next."""
    own, port = bridge.pauses[port_number], bridge.port[port_number]
    params = flow_params(bridge, port)
    named, stopped = tell(params, own, own.over)
    busy_fs = wire_time_fs(port, CONTROL_BYTES)
    port.sending = CONTROL_FRAME_SENT
    port.counts.tx_busy_fs += busy_fs
    own.sent_fs = now_fs + busy_fs
    set_timer(bridge.clock, own.sent_fs, CONTROL_SENT, port_number)
    if own.over:
        own.refresh_fs = now_fs + quanta_fs(port, params.refresh_quanta)
        set_timer(bridge.clock, own.refresh_fs, REFRESH_DUE, port_number)
    crossing = bridge.slot[place].crossing
    crossing.begun_fs, crossing.come_fs = now_fs, now_fs + busy_fs + port.params.propagation_fs
    crossing.template, crossing.n_bytes = CONTROL_FRAME, CONTROL_BYTES
    crossing.journey.template = said_in(params, named, stopped)
    crossing.index = params.quanta if stopped else 0


@kernel
def bridge_hears(bridge, port_number, crossing):
    """Take in a control frame on a wire; a bridge without flow control obeys none."""
    port = bridge.port[port_number]
    params = flow_params(bridge, port)
    said = crossing.journey.template
    if port.params.n_classes == 0 or params.obeys == 0 or not is_heard(params, said):
        return
    hear(bridge.clock, bridge.pauses[port_number].hears, named_in(said), stopped_in(said), crossing.index)
    set_timer(bridge.clock, crossing.come_fs + params.response_fs, CONTROL_TAKEN, port_number)


@kernel
def obey_stops(bridge, now_fs, port_number):
    """Apply the first control frame that a port has heard: stop queues of classes up to a time, or resume them."""
    port, own = bridge.port[port_number], bridge.pauses[port_number]
    params = flow_params(bridge, port)
    own.counts.received += 1
    last_fs = take_effect(params, port, own.hears, now_fs, own.counts.since_fs, own.counts.stopped_fs)
    if last_fs > 0:
        set_timer(bridge.clock, last_fs, RESUMED, port_number)
    hold_queues(bridge, port_number)


@kernel
def hold_queues(bridge, port_number):
    """Hold each class's queue of a port back until its stop ends."""
    port, hears = bridge.port[port_number], bridge.pauses[port_number].hears
    for each in range(port.params.n_classes):
        bridge.logical_port[port.params.first_class_queue + each].eligible_fs = hears.until_fs[each]
