"""Give what may still come behind the mark at which a sender is stopped, beside the headroom that there is for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import needed_bytes, renewal_quanta
from hwmodel.units import FS_PER_S

from .bridge_flow_control import BridgeFlowControl, obeys
from .flow_control import FlowControl, headrooms_of, is_lossless, response_fs
from .system import NamedBridge, Server, bridge_beyond


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
