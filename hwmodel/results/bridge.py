"""What a run found of the bridge at the other end of the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hwmodel.results.adapter_use import BridgePause

ADAPTER = "adapter"  # the port to the only adapter, where it has no name, and one Ethernet port
OUTSIDE = "outside"  # the port to stations beyond the bridges; of several bridges one has it


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalPortResult:
    """Say what an S-channel, a translated VLAN or a virtual interface of a port carried, in the port's terms.

    After the interfaces, `a.groups` counts frames sent to lists of interfaces, one frame for each list. The queue is
    None if the logical ports of a port share one. `dropped_frames`: copies that found no room.
    """

    name: str
    in_frames: int
    out_frames: int
    in_gbps: float | None
    out_gbps: float | None
    queue_mean_bytes: float | None
    queue_max_bytes: int | None
    dropped_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgePortResult:
    """Say what a port of a bridge, or of an extender below it, carried: in is what it received, out what it sent.

    `device`: the name of the bridge or extender it belongs to. A port is named after the server or extender that it
    leads to, or is `outside`; the lower end of an extender's wire is `fex1.uplink`. `to`: for a wire between bridges,
    the port at its other end, like `right.trunk`. Frames count over the whole run; rates, shares and the mean queue are
    of the window. Bytes are those of frames with FCS, padding and tags. `logical_ports`: only if they have service
    levels, translate VLANs, or are virtual interfaces. `classes`: only with flow control.
    """

    name: str
    in_frames: int
    out_frames: int
    in_gbps: float | None
    out_gbps: float | None
    in_utilization: float
    out_utilization: float
    queue_mean_bytes: float
    queue_max_bytes: int
    device: str = "bridge"
    to: str = field(default="", metadata={"omit_empty": True})
    drops: Mapping[str, int] = field(default_factory=dict)
    logical_ports: tuple[LogicalPortResult, ...] = field(default=(), metadata={"omit_empty": True})
    classes: tuple[BridgePause, ...] = field(default=(), metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSamples:
    """Compare what came by a sampled port with what its samples, one in `one_in` frames, tell; of the whole run.

    Bytes are of frames with FCS and padding. The errors are standard errors of the estimates, from the samples alone.
    """

    name: str
    one_in: int
    frames: int
    bytes: int
    samples: int
    estimated_frames: float
    estimated_bytes: float
    frames_error: float
    bytes_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeResult:
    """Say what a bridge did, with the port extenders below it; counts are of the whole run.

    `name`: `bridge` where it has none. `forwarded_frames`: all that the bridge itself handled. `replicated_frames`:
    copies beyond a frame's first, made by it and its extenders. `flooded_frames`: frames to addresses that it did not
    know. `drops`: by reason, including copies that found no room, and the extenders' drops. `addresses_known`: at the
    end. `learned`, `moved`, `aged`, `not_learned`: events of the address table.
    `samples`: of each port that is sampled.
    """

    name: str
    kind: str
    forwarded_frames: int
    replicated_frames: int
    flooded_frames: int
    dropped_frames: int
    drops: Mapping[str, int]
    addresses_known: int
    learned: int
    moved: int
    aged: int
    not_learned: int
    ports: tuple[BridgePortResult, ...]
    samples: tuple[PortSamples, ...] = field(default=(), metadata={"omit_empty": True})


def missing_port(bridges: Sequence[BridgeResult], servers: Sequence[str] = ()) -> str:
    """Name the port that these bridges lack; "" if none.

    Required are a port to stations outside, one to the adapter or to each of `servers` (whose adapter may have several
    ports, like a.p0), and for each extender with an upper port the bridge port that this leads to.
    """
    ports = [port for bridge in bridges for port in bridge.ports if not port.to]
    names = {port.name for port in ports}
    devices = {port.device for bridge in bridges for port in bridge.ports}
    if OUTSIDE not in names:
        return f"a port {OUTSIDE!r}"
    if not names - {OUTSIDE, *devices, *(f"{one}.uplink" for one in devices)}:
        return "a port toward an adapter"
    above = {port.name: port.device for port in ports if port.name != f"{port.device}.uplink"}
    extenders = {port.device for port in ports if port.name == f"{port.device}.uplink"}
    wires = [next((each for each in above if is_wire_of(each, name)), name) for name in servers]
    for name in (*wires, *sorted(extenders)):
        way = [name]
        while way[-1] in above and above[way[-1]] in extenders and above[way[-1]] not in way:
            way.append(above[way[-1]])
        if way[-1] not in above or above[way[-1]] in way:
            return f"a port toward {way[-1]!r}"
    return ""


def is_wire_of(port: str, server: str) -> bool:
    """Tell whether a port of a bridge, by its name, leads to a server's adapter, or to one of its Ethernet ports."""
    prefix = re.escape(f"{server}.") if server else ""
    return port == (server or ADAPTER) or re.fullmatch(rf"{prefix}p[0-9]", port) is not None
