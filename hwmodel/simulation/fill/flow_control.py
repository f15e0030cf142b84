"""Flow control of adapters and bridges at time 0: classes, buffer shares, watermarks, frames that will come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.config import Config
from hwmodel.config.bridge_flow_control import BridgeFlowControl
from hwmodel.config.flow_control import ControlFrame, FlowControl
from hwmodel.config.headroom import classes_of_priorities, high_marks_of, low_marks_of, parts_of, response_fs
from hwmodel.config.names import is_uplink
from hwmodel.config.topology import Topology
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.pauses import NONE
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import CONTROL_BITS, PRIORITIES
from hwmodel.rules.switch_modes import MODES, OUTER_TAGS, TagFormat
from hwmodel.units import BITS_PER_BYTE
from hwmodel.wire.tags import RuntFrameError, parse_header
from hwmodel.workload.traffic import FrameTemplate

Nic = Any  # an element of server.SERVER
ALL = (1 << PRIORITIES) - 1
CONTROL_WIRE_BYTES = CONTROL_BITS // BITS_PER_BYTE  # what a control frame takes of a wire


def fill_flow_control(nic: Nic, config: Config) -> None:
    """Set up an adapter's flow control as in `nic.flow_control`, if it is configured."""
    control = config.nic.flow_control
    if control is None:
        return
    nic.params.has_flow_control = 1
    nic.params.splits_rx_buffer = control.is_by_class
    nic.params.in_line_bytes = -1
    classes = classes_of_priorities(config)
    parts = parts_of(config)
    priorities = [
        [each for each in control.lossless_priorities if classes[each] == number] for number in range(len(parts))
    ]
    rows = list(zip(parts, high_marks_of(config), low_marks_of(config), priorities, strict=True))
    _fill_classes(nic.pauses.params, control, classes, response_fs(config), rows)
    for own in nic.pauses.of_class:
        own.waits_fs = own.waits_for = NONE
    _fill_received(nic.pauses, config, control.received)


def class_untagged(nic: Nic, config: Config, templates: Sequence[FrameTemplate]) -> None:
    """Give untagged frames for a station, which come from outside without a bridge, the station's default priority."""
    control = config.nic.flow_control
    if control is None or not control.is_by_class:
        return
    classes = classes_of_priorities(config)
    priorities = {config.vm_at(port.name): port.default_priority for port in config.switch.ports}
    known = OUTER_TAGS[MODES[config.switch.mode].outer_kind - 1] if MODES[config.switch.mode].outer_kind else None
    for number, one in enumerate(templates):
        if one.target in priorities and is_uplink(one.source) and not _has_priority(one.header, known):
            nic.pauses.class_of_template[number] = 1 + classes[priorities[one.target]]


def _has_priority(header: bytes, known: TagFormat | None) -> bool:
    """Tell whether a frame has a tag with a priority; `known`: the outer tag that the adapter knows."""
    try:
        parsed = parse_header(header)
    except RuntFrameError:
        return False
    if parsed.outer is not None and parsed.outer.format != known:
        return False
    return parsed.c_tag is not None or (parsed.outer is not None and parsed.outer.format.has_priority)


def _fill_received(pauses: Any, config: Config, received: tuple[ControlFrame, ...]) -> None:
    pauses.n_received = len(received)
    for at, one in enumerate(received):
        named = ALL if one.priorities is None else sum(1 << priority for priority in set(one.priorities))
        said = pauses.received[at]
        said.named, said.stopped, said.quanta = named, named if one.quanta else 0, one.quanta
        pauses.received_at_fs[at] = one.at_fs
        pauses.received_port[at] = config.port.number_of(one.port)


def _fill_classes(
    params: Any,
    control: FlowControl | BridgeFlowControl,
    classes: Sequence[int],
    response_fs: int,
    rows: Sequence[tuple[int, int, int, Sequence[int]]],
) -> None:
    """Set how the sender at the far end is paused, and how pauses from it are obeyed; `classes`: class by priority.

    `rows`: for each class its share of the buffer, its high and low watermark, and the priorities to pause for it.
    """
    params.n_classes, params.is_by_class = len(rows), control.is_by_class
    params.sends, params.obeys = control.send, control.obey
    params.quanta, params.refresh_quanta = control.quanta, control.refresh_quanta
    params.response_fs = response_fs
    params.class_of_priority[:] = classes
    for number, (part, high, low, priorities) in enumerate(rows):
        params.part_bytes[number], params.high_bytes[number], params.low_bytes[number] = part, high, low
        params.priorities[number] = sum(1 << priority for priority in priorities)


def fill_bridge_flow_control(record: Any, topology: Topology) -> None:
    """Set each port's watermarks, and its queues by class, which are numbered after all logical ports."""
    longest = max(config.switch.longest_frame_bytes for config in topology.configs)
    rate_bps = topology.configs[0].port.rate_bps
    for at, bridge in enumerate(topology.bridges):
        control = bridge.flow_control
        if control is None:
            continue
        n, high, low = control.n_classes, control.high_marks(bridge, longest), control.low_marks(bridge, longest)
        rows = list(zip([control.part_bytes(bridge)] * n, high, low, map(control.priorities_of, range(n)), strict=True))
        classes, wait_fs = control.classes_of_priorities, control.response_fs(rate_bps)
        _fill_classes(record.flow_params[at], control, classes, wait_fs, rows)
    first = int(record.params.n_logical_ports)
    for port in topology.ports:
        control = topology.bridges[port.bridge].flow_control
        if control is None or port.is_of_extender:
            continue
        entry = record.port[port.number].params
        entry.first_class_queue, entry.n_classes, entry.is_scheduled = first, control.n_classes, 1
        for number, quantum in enumerate(control.quanta_of_bytes(longest - FCS_BYTES)):
            queue = record.logical_port[first + number]
            queue.queue.first = queue.queue.last = queue.following = NOBODY
            queue.params.quantum_bytes, queue.params.port = quantum, port.number
        first += control.n_classes
