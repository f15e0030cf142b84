"""The stages of a window in which the machine changes: the time between two changes, in which it is one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwmodel.results.measured import Bottleneck, Latency, VmResult


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotals:
    """Count the frames of one stage; the sums over a window's stages are the window's.

    `in_flight_frames`: at its end. `vm_frames`, `wire_frames`: as in `Window`. `delivered_bytes`: with FCS, to VMs.
    Rates are None in a stage that is too short for them.
    """

    offered_frames: int
    delivered_frames: int
    dropped_frames: int
    in_flight_frames: int
    vm_frames: int
    wire_frames: int
    delivered_bytes: int
    replicated_frames: int = field(default=0, metadata={"omit_empty": True})
    gbps: float | None
    mpps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """Hold the figures of one stage of a window; those that a result has too are named as there.

    `n_changes`: how many times the machine changes within it, where changes follow each other too closely to be stages
    of their own; its figures are then means over several machines, and have no intervals. `events`: the numbers, from
    0, of the scenario's events that take place in it, those that begin it first. `latency_ns`, `latency_to_guest_ns`:
    extremes to a bucket of the histogram, as percentiles; of each VM the mean alone. `utilization`: of several servers
    with the server's name before each resource. `notes`: what its figures cannot say, a sentence each.
    """

    start_ns: float
    end_ns: float
    n_changes: int = field(default=0, metadata={"omit_empty": True})
    events: tuple[int, ...] = ()
    totals: StageTotals
    outside_gbps: float | None = None
    vms: tuple[VmResult, ...] = ()
    latency_ns: Latency
    latency_to_guest_ns: Latency
    drops: Mapping[str, int]
    utilization: Mapping[str, float] = field(default_factory=dict)
    bottleneck: Bottleneck
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def duration_ns(self) -> float:
        """Return the length of the stage in nanoseconds."""
        return self.end_ns - self.start_ns
