"""Give the parts, marks and headroom of the classes of an adapter, and what may still come behind the high marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import (
    PRIORITIES,
    headroom_bytes,
    low_mark_bytes,
    needed_bytes,
    renewal_quanta,
    response_bits,
)
from hwmodel.units import FS_PER_S

from .bridge_flow_control import BridgeFlowControl, obeys
from .flow_control import FlowControl, each_of
from .model import Config
from .system import NamedBridge, Server, bridge_beyond


def n_classes_of(config: Config) -> int:
    """Return how many classes can be paused separately: 1 with PAUSE, which stops all frames."""
    control, arbitration = config.nic.flow_control, config.nic.arbitration
    return len(arbitration.classes) if control is not None and control.is_by_class and arbitration is not None else 1


def classes_of_priorities(config: Config) -> tuple[int, ...]:
    """Return the class of each priority; 0 for all if classes are not paused separately."""
    control, arbitration = config.nic.flow_control, config.nic.arbitration
    if control is None or not control.is_by_class or arbitration is None:
        return (0,) * PRIORITIES
    return tuple(arbitration.class_of_priority(priority) for priority in range(PRIORITIES))


def is_lossless(config: Config, number: int) -> bool:
    """Say whether the sender of a class may be paused before its part of the Rx buffer is full."""
    control = config.nic.flow_control
    if control is None or not control.is_by_class:
        return control is not None
    classes = classes_of_priorities(config)
    return any(classes[priority] == number for priority in control.lossless_priorities)


def parts_of(config: Config) -> tuple[int, ...]:
    """Return the bytes that each class has of the Rx buffer."""
    control, n = config.nic.flow_control, n_classes_of(config)
    if control is not None and control.parts_bytes is not None:
        return control.parts_bytes
    return (config.nic.rx_buffer_bytes // n,) * n


def headrooms_of(config: Config) -> tuple[int, ...]:
    """Return the headroom of each class in bytes, 0 where its sender is not paused."""
    control, n = config.nic.flow_control, n_classes_of(config)
    if control is None:
        return (0,) * n
    longest = config.switch.longest_frame_bytes
    derived = headroom_bytes(config.nic.preset, longest, longest, has_vfs=config.nic.mode == "sriov")
    said = each_of(control.headroom_bytes or (derived,), n)
    return tuple(own if is_lossless(config, number) else 0 for number, own in enumerate(said))


def high_marks_of(config: Config) -> tuple[int, ...]:
    """Return the XOFF mark of each class: the bytes in its part above which its sender is paused."""
    return tuple(part - room for part, room in zip(parts_of(config), headrooms_of(config), strict=True))


def low_marks_of(config: Config) -> tuple[int, ...]:
    """Return the XON mark of each class: the bytes in its part at which its sender may go on."""
    control, high = config.nic.flow_control, high_marks_of(config)
    if control is not None and control.low_water_bytes is not None:
        return each_of(control.low_water_bytes, len(high))
    return tuple(min(mark // 2, low_mark_bytes(config.switch.longest_frame_bytes)) for mark in high)


def response_fs(config: Config) -> int:
    """Return the time from a control frame's last byte to its taking effect."""
    control = config.nic.flow_control
    if control is not None and control.response_delay_fs is not None:
        return control.response_delay_fs
    return response_bits(config.nic.preset) * FS_PER_S // config.port.rate_bps


class HeadroomUse(NamedTuple):
    """Hold a class (None: all frames), its headroom, and what may come behind its mark, all frames being the longest.

    `port`: that of a bridge; empty for an adapter.
    """

    number: int | None
    own_bytes: int
    needed_bytes: int
    port: str = ""


class Lapse(NamedTuple):
    """Hold the quanta of stops that may be over before they are renewed, and those that would hold until then."""

    quanta: int
    refresh: int
    needed_quanta: int


def lapse_of(control: FlowControl | BridgeFlowControl | None, longest: int) -> Lapse | None:
    """Give the quanta of stops that may lapse while a frame of `longest` bytes is sent; None where none can."""
    if control is None or not control.send:
        return None
    needed = renewal_quanta(control.refresh_quanta, longest - FCS_BYTES)
    return Lapse(control.quanta, control.refresh_quanta, needed) if control.quanta < needed else None


def headroom_uses(server: Server, servers: Sequence[Server], bridges: Sequence[NamedBridge]) -> list[HeadroomUse]:
    """Give an adapter's headroom for each class whose sender it stops; none where it stops nobody."""
    config, control = server.config, server.config.nic.flow_control
    if control is None or not control.send:
        return []
    by_partner_fs = response_fs(config)
    waits_fs = [
        2 * bridge.propagation_fs(wire) + _response_fs(bridge.settings.flow_control, servers, by_partner_fs)
        for bridge in bridges
        for wire in server.wires
        if wire in bridge.settings.ports
    ]
    needed = _needed(config.switch.longest_frame_bytes, max(waits_fs, default=by_partner_fs), config.port.rate_bps)
    return [
        HeadroomUse(number if control.is_by_class else None, own, needed)
        for number, own in enumerate(headrooms_of(config))
        if is_lossless(config, number)
    ]


def bridge_headroom_uses(
    bridge: NamedBridge, servers: Sequence[Server], bridges: Sequence[NamedBridge]
) -> Iterator[HeadroomUse]:
    """Give a bridge's headroom for each class and port whose sender obeys it; frames go on by one port each.

    A frame is counted a `latency` after it has come: for so long the line brings more.
    """
    settings, control = bridge.settings, bridge.settings.flow_control
    if control is None or not bridge.stops_senders:
        return
    longest = max(one.config.switch.longest_frame_bytes for one in servers)
    part, marks = control.part_bytes(settings), control.high_marks(settings, longest)
    adapters = {wire: one.config for one in servers for wire in one.wires}
    for name, port in settings.ports.items():
        other: FlowControl | BridgeFlowControl | None = None
        response = 0
        if name in adapters:
            other, response = adapters[name].nic.flow_control, response_fs(adapters[name])
        elif name in bridge.wires:
            other = bridge_beyond(bridges, bridge.wires[name]).settings.flow_control
            response = _response_fs(other, servers, 0)
        if not obeys(other, control.mode):
            continue
        needed = _needed(longest, response + 2 * bridge.propagation_fs(name) + settings.latency_fs, port.rate_bps)
        for number, mark in enumerate(marks):
            if control.priorities_of(number):
                yield HeadroomUse(number if control.is_by_class else None, part - mark, needed, name)


def _response_fs(control: BridgeFlowControl | None, servers: Sequence[Server], otherwise: int) -> int:
    return otherwise if control is None else control.response_fs(servers[0].config.port.rate_bps)


def _needed(longest: int, wait_fs: int, rate_bps: int) -> int:
    frame_bytes = longest - FCS_BYTES
    return needed_bytes(frame_bytes, frame_bytes, wait_fs * rate_bps // FS_PER_S)
