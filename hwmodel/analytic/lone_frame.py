"""The way of one frame of a workload: from which function, to whom, how long it is with the tags it has there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import GROUPS, TAG_BYTES, TAG_MODES, Route, Router
from hwmodel.wire.ethernet import FCS_BYTES

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.station import Port

_DEFAULT_S_CHANNEL = (None, 1)


@dataclass(frozen=True)
class Way:
    """Hold the way of one frame; functions by number, PF 0 and VF K being K + 1, lengths in bytes without FCS.

    `sender`: None for the wire. `copies`: each receiving function and what it gets, in the order in which the copies
    are made, and behind them the `mirrored` ones; `wire_bytes`: what goes on the wire, None where nothing does.
    `is_reflected`: it goes on the wire, and the bridge there sends it back to the adapter.
    """

    sender: int | None
    n_bytes: int
    copies: tuple[tuple[int, int], ...] = ()
    mirrored: tuple[tuple[int, int], ...] = ()
    wire_bytes: int | None = None
    is_reflected: bool = False


@dataclass(frozen=True)
class LoneFrame:
    """Hold a frame (`frame_bytes` with FCS): from where, to which of those who get it (the first), and its way."""

    source: str
    target: str
    frame_bytes: int
    way: Way

    def to_dict(self) -> dict[str, str | int]:
        """Give the JSON form."""
        return {"from": self.source, "to": self.target, "bytes": self.frame_bytes}


def lone_frame_of(config: Config, source: str, target: str, frame_bytes: int) -> LoneFrame | None:
    """Return a frame between two stations, or "uplink", or to a group; None for one that goes nowhere.

    `frame_bytes`: with FCS and the tags of made-up frames (docs/loads.md). It passes every filter, and ends where it
    leaves by the wire, unless a bridge sends it back. Approximated: a mirrored copy is as long as the frame.
    """
    route = Router(config).route(source, target)
    if not route.stations and not route.to_wire:
        return None
    ports = {port.name: port for port in config.switch.ports}
    n_bytes = frame_bytes - FCS_BYTES
    bare = n_bytes - _sent_tag_bytes(config, ports, source, target)
    vlan = _vlan(config, ports, source, target)
    stations = sorted(route.stations, key=_function)
    way = Way(
        sender=None if source == UPLINK else _function(source),
        n_bytes=n_bytes,
        copies=tuple((_function(to), bare + _kept_tag_bytes(config, ports[to], vlan)) for to in stations),
        mirrored=tuple((_function(to), n_bytes) for to in sorted(route.mirrored, key=_function)),
        wire_bytes=_wire_bytes(config, n_bytes, bare, route) if route.to_wire else None,
        is_reflected=route.to_wire and route.from_wire,
    )
    return LoneFrame(source, stations[0] if stations else UPLINK, frame_bytes, way)


def _function(name: str) -> int:
    return 0 if name == "pf" else int(name.removeprefix("vf")) + 1


def _vlan(config: Config, ports: dict[str, Port], source: str, target: str) -> int:
    """Return the VLAN of a made-up frame that is bridged by VLAN."""
    if source != UPLINK:
        return ports[source].port_vlan
    if target not in GROUPS:
        return ports[target].port_vlan
    return config.switch.uplink.native_vlan or next(port.port_vlan for port in ports.values() if port.enabled)


def _sent_tag_bytes(config: Config, ports: dict[str, Port], source: str, target: str) -> int:
    """Return the bytes of the tags with which a made-up frame comes and which the switch takes off."""
    mode = config.switch.mode
    if source != UPLINK:
        return TAG_BYTES["c"] * (ports[source].admit == "tagged" and mode not in TAG_MODES)
    if mode in TAG_MODES:
        return TAG_BYTES[mode]
    in_channel = mode == "multichannel" and target in ports and ports[target].s_channel not in _DEFAULT_S_CHANNEL
    is_tagged = _vlan(config, ports, source, target) != config.switch.uplink.native_vlan
    return TAG_BYTES["s"] * in_channel + TAG_BYTES["c"] * is_tagged


def _kept_tag_bytes(config: Config, station: Port, vlan: int) -> int:
    """Return the bytes of the tag with which a station gets a frame of a VLAN."""
    return TAG_BYTES["c"] * (config.switch.mode not in TAG_MODES and vlan not in station.untagged)


def _wire_bytes(config: Config, n_bytes: int, bare_bytes: int, route: Route) -> int:
    return (n_bytes if config.switch.mode in TAG_MODES else bare_bytes) + route.tag_bytes
