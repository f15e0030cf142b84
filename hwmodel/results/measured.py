"""What a run's result and each of its stages both have: a latency, a VM's figures, the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwmodel.results.bottleneck_text import (
    FULL_OF_LOST,
    FULLEST_IN_STAGE,
    FULLEST_ON_AVERAGE,
    FULLEST_UNJUDGED,
    has_room,
)
from hwmodel.results.figure_fields import with_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Summarise a sample of times; a figure is None if there are too few samples for it."""

    min: float | None = None
    mean: float | None = None
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
@with_figures("vms")
class VmResult:
    """Say what one VM sent and received; rates are None in a window too short for them.

    `at`: the function, or port of a virtual switch, at which it is attached; empty if it has the name of that.
    """

    name: str
    at: str = field(default="", metadata={"omit_empty": True})
    tx_gbps: float | None
    rx_gbps: float | None
    rx_mpps: float | None
    drops: Mapping[str, int] = field(default_factory=dict)
    mirrored: int = 0
    latency_ns: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """Name the resource that sets the throughput, how busy it is, and the reason in one sentence.

    `resource`: empty where nothing was delivered in the window, so that it shows no limit; `why` says so. `keys`: the
    configuration keys that make the resource larger, the most effective first. `also`: resources that are as full, or
    that have to be made larger at the same time. `gain`: the relative increase of the throughput in a short run with
    the resource (or all of these) made twice as large; None if the window's shares alone named it.
    """

    resource: str
    utilization: float
    why: str
    keys: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    gain: float | None = None

    @property
    def is_limit(self) -> bool:
        """Tell whether it sets the throughput, and is not merely the fullest: of changes, or with room."""
        if not self.resource or self.why in (FULL_OF_LOST, FULLEST_ON_AVERAGE, FULLEST_UNJUDGED, FULLEST_IN_STAGE):
            return False
        return self.gain is not None or not has_room(self.resource, self.utilization, self.keys)
