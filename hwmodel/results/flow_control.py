"""What a run found of flow control: who was stopped, for how long, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLevel:
    """Say how full a class's part of the Rx buffer was, and for how long its sender had to stop.

    `high_bytes`, `low_bytes`: the marks. `over_ns`: within the window. `kept_ns`: by VM and queue, for how long its
    ring had no descriptor for the first frame of the class, which blocked the frames behind (head-of-line blocking).
    """

    traffic_class: int
    part_bytes: int
    high_bytes: int
    low_bytes: int
    level_mean_bytes: float
    level_max_bytes: int
    over_ns: float
    kept_ns: Mapping[str, float] = field(default_factory=dict, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPause:
    """Say what a port's control frames did to a class, in the window.

    `stops_sent`, `stops_received`: control frames that stopped it. `stopped_ns`: for how long it was stopped at this
    port; `partner_stopped_ns`: at the other end, if that is no bridge. `waiting_flows`: flows, as `sender>receiver`,
    with frames that waited there because of it.
    """

    port: str
    traffic_class: int
    stops_sent: int
    stops_received: int
    stopped_ns: float
    partner_stopped_ns: float
    waiting_flows: tuple[str, ...] = field(default=(), metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControlUse:
    """Say what flow control did at an adapter (`nic.flow_control`)."""

    mode: str
    control_frames_sent: int
    control_frames_received: int
    classes: tuple[ClassLevel, ...]
    ports: tuple[PortPause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgePause:
    """Say what flow control did to a class at a port of a bridge, over the whole run.

    `level_max_bytes`: the most bytes received by the port that waited in the bridge. `over_ns`: for how long that was
    over its mark, so that the port stopped its sender (by `stops_sent` control frames). `stopped_ns`: for how long the
    other end stopped what leaves by the port.
    """

    traffic_class: int
    level_max_bytes: int
    over_ns: float
    stops_sent: int
    stopped_ns: float
