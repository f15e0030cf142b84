"""What a configuration has to reach: a figure of the result, its bound, and how far a run is from it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING, Any

from hwmodel.config.kinds import shown
from hwmodel.results.student_t import NORMAL_975
from hwmodel.units import BPS_PER_GBPS, FRAME_RATE, FS_PER_NS, RATE, TIME, UnitError

if TYPE_CHECKING:
    from hwmodel.results import Result

LATENCIES = ("mean", "p50", "p99", "p999", "max")
RATES = ("gbps", "mpps")
METRICS = (*RATES, *LATENCIES, "loss")
_RULE_OF_THREE = 3
OPEN_LOAD_SHORTFALL = 0.015  # docs/results.md, `bottleneck` 3: 98.5 % of the demand delivered is all of it, but chance


@dataclass(frozen=True)
class Target:
    """Bound a figure: `gbps` and `mpps` from below, latencies (ns) and the share of frames lost from above.

    `written` is the bound as the user typed it.
    """

    metric: str
    bound: float
    written: Any = None

    @property
    def is_least(self) -> bool:
        """Tell whether the figure has to be at least the bound."""
        return self.metric in RATES

    @property
    def is_latency(self) -> bool:
        """Tell whether the figure is a time, in nanoseconds."""
        return self.metric in LATENCIES

    def margin(self, figure: float) -> float:
        """Return by what share of the bound a figure is on the right side; of a bound of 0, by how much it is not."""
        room = figure - self.bound if self.is_least else self.bound - figure
        return room / self.bound if self.bound else room


@dataclass(frozen=True)
class Measured:
    """Hold a target's figure in one run, with the half of its 95 % interval; None where a run gave none."""

    figure: float | None
    half: float = 0.0


def measured(target: Target, result: Result) -> Measured:
    """Read a target's figure out of a result."""
    if target.metric == "loss":
        totals = result.totals
        counts = [(totals.dropped_frames, totals.offered_frames), (totals.copies_dropped, totals.copies_made)]
        if not totals.offered_frames:
            return Measured(0.0)
        share, lost, of = max((lost / of, lost, of) for lost, of in counts if of)
        # Of n frames without a loss fewer than 3 / n are lost in the long run, at 95 %; a burst of losses says less.
        return Measured(share, (NORMAL_975 * sqrt(lost) if lost else _RULE_OF_THREE) / of)
    if target.is_latency:
        name, figure = f"latency_ns.{target.metric}", getattr(result.latency_ns, target.metric)
    elif result.window.vm_frames == 0 and result.window.wire_frames:
        # Nothing is meant for a VM: what leaves by the wire counts, as in the closed form.
        per_us = result.window.wire_frames / result.window.duration_ns * 1e3
        name, figure = "wire.tx_gbps", result.wire.tx_gbps if target.metric == "gbps" else per_us
    else:
        name, figure = f"totals.{target.metric}", getattr(result.totals, target.metric)
    low, high = result.intervals.get(name, (figure, figure))
    return Measured(figure, 0.0 if figure is None else max(high - figure, figure - low))


def read_target(metric: str, value: object) -> Target:
    """Make a target of what a sizing file says; ValueError, with a message for the user, where that is no bound."""
    if metric == "gbps":
        return Target(metric, _rate(value, RATE.parse, BPS_PER_GBPS, "10 or 10Gbps"), value)
    if metric == "mpps":
        return Target(metric, _rate(value, FRAME_RATE.parse, 10**6, "2 or 2Mpps"), value)
    if metric == "loss":
        return Target(metric, _share(value), value)
    try:
        time_fs = TIME.parse(value)
    except UnitError as error:
        raise ValueError(str(error)) from None
    if not time_fs:
        raise ValueError("no frame takes no time; write the latency allowed, like 10us")
    return Target(metric, time_fs / FS_PER_NS, value)


def _rate(value: object, parse: Callable[[object], int], unit: int, example: str) -> float:
    if isinstance(value, str):
        try:
            rate = float(Fraction(parse(value), unit))
        except UnitError as error:
            raise ValueError(str(error)) from None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is no rate; write it like {example}")
    else:
        rate = float(value)
    if not 0 < rate < 1e6:
        raise ValueError(f"{shown(value)} is out of range; a rate to reach is above 0, like {example}")
    return rate


def _share(value: object) -> float:
    share = value
    if isinstance(value, str) and value.strip().endswith("%"):
        with contextlib.suppress(ValueError, ZeroDivisionError):
            share = float(Fraction(value.strip().removesuffix("%").strip()) / 100)
    if isinstance(share, bool) or not isinstance(share, int | float):
        raise ValueError(f"{shown(value)} is no share; write the loss allowed like 0, 0.001 or 0.1%")
    if not 0 <= share < 1:
        hint = f" (did you mean {share:g}%?)" if 1 <= share < 100 and not isinstance(value, str) else ""
        raise ValueError(f"{shown(value)} is out of range; a share of frames is 0 or more and below 1{hint}")
    return float(share)
