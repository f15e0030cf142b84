"""What `hwmodel explain` finds: the same run with one resource made larger."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 0.0005  # the least change that is not written as 0.0 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """Say what a run gives with one resource made larger, beside the run as it is.

    `change` says the key, its value and the larger one (`pcie.lanes: 4 -> 8`). `gbps` and `p50_ns` are of the relaxed
    run; `gain` is the share by which its throughput is higher, `gain_interval` the ends of its 95 % interval, from
    those of both runs as if they were independent; `p50_change` the share by which the median latency is higher
    (negative: lower); None where one of the two runs has none. `limited_by`: what the relaxed run names as its
    bottleneck. `is_bottleneck`: this is the resource that the run itself names. `failure`: why it could not be made;
    then it has no figures.
    """

    resource: str
    change: str
    gbps: float | None = None
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    p50_ns: float | None = None
    p50_change: float | None = None
    limited_by: str = ""
    is_bottleneck: bool = False
    failure: str = ""

    @property
    def could_be_chance(self) -> bool:
        """Say whether a gain or a loss of 0.05 % or more is no larger than its uncertainty."""
        ends = self.gain_interval
        return self.gain is not None and abs(self.gain) >= SHOWN and ends is not None and ends[0] < 0 < ends[1]
