"""The state of flow control at bridges, from a configuration: queues of classes, parts of buffers, marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwmodel.errors import InputError
from hwmodel.machine.network.bridge_state import MAX_LOGICAL_PORTS, NOBODY
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import CONTROL_BITS
from hwmodel.units import BITS_PER_BYTE

if TYPE_CHECKING:
    from hwmodel.config.bridge import Bridge
    from hwmodel.simulation.topology import Topology

CONTROL_WIRE_BYTES = CONTROL_BITS // BITS_PER_BYTE  # what a control frame takes of a wire


def fill_bridge_flow_control(record: Any, bridges: Sequence[Bridge], topology: Topology) -> None:
    """Give ports their queues for classes, behind all logical ports, and say at which marks they stop who sends."""
    longest = max(config.switch.longest_frame_bytes for config in topology.configs)
    rate_bps = topology.configs[0].port.rate_bps
    for at, bridge in enumerate(bridges):
        control = bridge.flow_control
        if control is None:
            continue
        params = record.flow_params[at]
        params.n_classes, params.is_by_class = control.n_classes, control.is_by_class
        params.sends, params.obeys = control.send, control.obey
        params.quanta, params.refresh_quanta = control.quanta, control.refresh_quanta
        params.response_fs = control.response_fs(rate_bps)
        params.class_of_priority[:] = control.classes_of_priorities
        marks = zip(control.high_marks(bridge, longest), control.low_marks(bridge, longest), strict=True)
        for number, (high, low) in enumerate(marks):
            params.part_bytes[number] = control.part_bytes(bridge)
            params.high_bytes[number], params.low_bytes[number] = high, low
            params.priorities[number] = sum(1 << priority for priority in control.priorities_of(number))
    first = int(record.params.n_logical_ports)
    for port in topology.ports:
        control = bridges[port.bridge].flow_control
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
