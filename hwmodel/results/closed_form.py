"""What the closed form says of a run's configuration, kept with the result so that a page can show both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingFigure:
    """Say at which rate of offered frames one resource is full; `what` says the resource in full."""

    resource: str
    what: str
    offered_mpps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """Say what the closed form gives with one key of the configuration changed from `was` to `value`."""

    key: str
    was: str
    value: str
    gbps: float
    mpps: float
    limited_by: str
    unloaded_latency_ns: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """Hold the closed form's figures: the ceiling of the rate, bytes per frame, the latency of one frame alone.

    `gbps`, `mpps`: at most delivered; `offered_mpps`: frames offered then. `latency_parts_ns`: of one frame alone, the
    one that `lone_frame` tells, as configured, by the names of `results.PARTS`; a part that is never over and those
    behind it are left out.
    """

    link_name: str
    gbps: float
    mpps: float
    offered_mpps: float
    limited_by: str
    up_bytes: float
    down_bytes: float
    unloaded_latency_ns: float | None = None
    lone_frame: str = ""
    latency_parts_ns: Mapping[str, float] = field(default_factory=dict)
    ceilings: tuple[CeilingFigure, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
