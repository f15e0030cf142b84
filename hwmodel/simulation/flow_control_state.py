"""The state of flow control at adapters and bridges at time 0: classes, buffer shares, watermarks, pause frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwmodel.config.flow_control import (
    classes_of_priorities,
    high_marks_of,
    low_marks_of,
    parts_of,
    response_fs,
)
from hwmodel.errors import InputError
from hwmodel.machine.network.bridge_state import MAX_LOGICAL_PORTS, NOBODY
from hwmodel.machine.network.pauses import NONE, RECEIVED_CAP
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import CONTROL_BITS, PRIORITIES
from hwmodel.units import BITS_PER_BYTE

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.bridge_flow_control import BridgeFlowControl
    from hwmodel.config.flow_control import ControlFrame, FlowControl
    from hwmodel.simulation.topology import Topology

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


def _fill_received(pauses: Any, config: Config, received: tuple[ControlFrame, ...]) -> None:
    if len(received) > RECEIVED_CAP:
        raise InputError(f"nic.flow_control.received: {len(received)} control frames, at most {RECEIVED_CAP}")
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
        if first + control.n_classes > MAX_LOGICAL_PORTS:
            raise InputError(f"bridge.flow_control: more than {MAX_LOGICAL_PORTS} queues of classes and logical ports")
        for number, quantum in enumerate(control.quanta_of_bytes(longest - FCS_BYTES)):
            queue = record.logical_port[first + number]
            queue.queue.first = queue.queue.last = queue.following = NOBODY
            queue.params.quantum_bytes, queue.params.port = quantum, port.number
        first += control.n_classes
