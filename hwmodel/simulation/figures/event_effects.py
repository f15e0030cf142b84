"""What an event of a scenario did: mean rates and latency before and after it, and whether they differ by chance alone.

A mean's standard error is estimated from the slow ups and downs within its stretch of intervals, as for the intervals
of a window's figures (`figure_intervals`): the deviations are weighted with cosines of half a period to six. Latencies
of neighbouring intervals are alike, since queues fill and empty slowly and clocks drift against each other. So for a
latency only the six slowest cosines count, and if the slower three of these have clearly more power, as in a latency
that rises or falls all along, those three alone, with as few degrees of freedom.

After an event rings fill or empty for a while. If a rate's stretch has two levels, its mean is that of the last level.
The cut is where two means explain the most variance (A. Sen, M. S. Srivastava, On tests for detecting change in mean,
Annals of Statistics 3(1), 1975). It counts if the levels differ by a fifth and by more than chance explains, and if two
levels explain more than a straight line; what is left is then searched for a further cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import hypot, prod, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.results.series import Series, VmSeries
from hwmodel.results.student_t import student_t_point
from hwmodel.simulation.figures.figure_intervals import cosines
from hwmodel.words.events import MOST_NAMED, Effects, Lost, Moved, effects_text, too_short_text

LEAST_INTERVALS = 3  # on each side of an event, for a rate to be said to have changed
LEAST_CHANGE = 0.01  # of the greater rate
LEAST_LATER = 0.05  # of the greater latency
TIMES_LATER = 3.0  # from which a latency that still grows after the event is told
BY_CHANCE = 1e-4  # probability by chance of a difference, or of so many zero intervals, below which it is a change
N_COSINES, OF_LATENCIES = 12, 6
SLOWER = 3.0  # times the mean square of the faster half, from which a latency's slower half counts alone
MORE_DROPS = 0.1  # of the drops before: an increase up to this counts as none
VAGUE = 0.1  # of a rate or of their sum: with more doubt than this, unchanged is "not beyond what rates vary by"
SETTLING = 0.1  # of the intervals after an event: left out in any case
STEP = 0.2  # of the greater rate: levels that differ by less are one
DIRECTIONS = ("tx_gbps", "rx_gbps")
MIRRORED = "mirrored_mpps"  # a rate of its own: neither of the directions has mirrored copies in it
Floats = npt.NDArray[np.float64]


class Span(NamedTuple):
    """Hold an event's time, and those of the changes before and after it, in nanoseconds."""

    since_ns: float
    at_ns: float
    until_ns: float


class _Mean(NamedTuple):
    """Hold a figure's mean over a stretch of intervals, its standard error, and the degrees of freedom of that.

    `values`: the figure in each interval, of which the first has the number `first`.
    """

    mean: float
    error: float
    degrees: int
    values: Floats
    first: int

    def doubt(self, times: int = 2) -> float:
        """Return by how much chance moves the mean in one of 10,000 cases.

        Of two means that are compared, each about as well known, the errors together have twice the degrees of freedom.
        """
        return student_t_point(1 - BY_CHANCE / 2, max(1, times * self.degrees)) * self.error


class _Change(NamedTuple):
    """Hold a figure's means before and after an event, and by how much they may differ by chance."""

    moved: Moved
    doubt: float
    stops: bool = False  # stops or begins: 0 on one side, for too long to be chance

    @property
    def is_of_any(self) -> bool:
        """Tell whether the figure is above 0 on either side."""
        return bool(self.moved.before or self.moved.after)

    @property
    def growth(self) -> float:
        """Return by how much the figure is greater after the event."""
        return self.moved.after - self.moved.before

    @property
    def is_sure(self) -> bool:
        """Tell whether the figure changed by more than chance explains."""
        return self.stops or self.is_exceeded_by(self.growth)

    def is_exceeded_by(self, growth: float, least: float = LEAST_CHANGE) -> bool:
        """Tell whether a growth is more than that share of the figure, and more than chance explains."""
        return abs(growth) > max(least * max(self.moved.before, self.moved.after), self.doubt)


def did_text(series: Series, span: Span, about: Collection[str] = ()) -> str:
    """Say how rates changed at an event, what was dropped until the next one, or that the time is too short to tell.

    `about`: functions that the event is about, whose rates and drops are told elsewhere; then nothing is said of a time
    that is too short.
    """
    sides = {"before it": _intervals(series, *span[:2]), "behind it": _intervals(series, *span[1:])}
    short = [side for side, part in sides.items() if len(part) - _n_first(part) < LEAST_INTERVALS]
    if short:
        return "" if about else too_short_text(short, series.interval_ns)
    vms = {name: vm for name, vm in series.vms.items() if name not in about}
    before, after = sides.values()
    return effects_text(_effects(series, vms, (before, after), _lost(series, vms, span)), of_others=bool(about))


def _effects(series: Series, vms: Mapping[str, VmSeries], parts: tuple[range, range], lost: Lost | None) -> Effects:
    rates = {(name, way): np.array(getattr(vm, way), np.float64) for name, vm in vms.items() for way in DIRECTIONS}
    sums = {way: sum((row for (_, own), row in rates.items() if own == way), _zeros(series)) for way in DIRECTIONS}
    rates |= {(name, MIRRORED): np.array(vm.mirrored_mpps) for name, vm in vms.items() if vm.mirrored_mpps}
    changes = [_rate_change(name, way, row, parts, series.interval_ns) for (name, way), row in rates.items()]
    together = [_rate_change("", way, row, parts, series.interval_ns) for way, row in sums.items()]
    found = sorted((one for one in changes if one.is_sure), key=lambda one: -abs(one.growth))
    told = [one for one in together if one.is_sure and (len(found) > MOST_NAMED or _is_hidden(one, found))]
    has_rates = any(one.is_of_any for one in changes)
    told_of_vms = found or told
    on_wires = [
        _rate_change(name, way, np.array(getattr(wire, way), np.float64), parts, series.interval_ns)
        for name, wire in (series.wires.items() if not told_of_vms else ())
        for way in DIRECTIONS
    ]
    return Effects(
        changed=tuple(one.moved for one in found),
        together=tuple(one.moved for one in told),
        has_rates=has_rates,
        is_vague=_is_vague(together) or any(_may_have_changed(one) for one in changes),
        latency_ns=_latency_change(vms, parts) if has_rates and not told_of_vms else None,
        lost=lost,
        on_wires=tuple(one.moved for one in sorted(on_wires, key=lambda one: -abs(one.growth)) if one.is_sure),
    )


def _zeros(series: Series) -> Floats:
    return np.zeros(series.n_intervals)


def _is_hidden(together: _Change, found: Sequence[_Change]) -> bool:
    """Tell whether the total changed significantly more than the VMs with significant changes account for."""
    known = sum(one.growth for one in found if one.moved.direction == together.moved.direction)
    return together.is_exceeded_by(together.growth - known)


def _is_vague(together: Sequence[_Change]) -> bool:
    """Tell whether the total is known so roughly, in both directions, that a VM's change may go unseen."""
    shares = (one.doubt / max(one.moved.before, one.moved.after) for one in together if one.is_of_any)
    return min(shares, default=0.0) > VAGUE


def _may_have_changed(one: _Change) -> bool:
    """Tell whether a rate's means differ by much, though chance may have made them so."""
    return not one.is_sure and abs(one.growth) > VAGUE * max(one.moved.before, one.moved.after)


def _rate_change(whose: str, way: str, rates: Floats, parts: tuple[range, range], interval_ns: float) -> _Change:
    """Compare a rate's means on both sides of an event."""
    earlier, later = (rates[part.start : part.stop] for part in parts)
    n_cut = _n_settling(earlier, rates[:0]), _n_settling(later, earlier)
    before, after = (_mean(rates, np.ones(len(rates)), part, n) for part, n in zip(parts, n_cut, strict=True))
    from_ns = after.first * interval_ns if n_cut[1] > _n_first(parts[1]) else None
    stops = _stops(before.values, after.values) or _stops(after.values, before.values)
    return _Change(Moved(whose, way, before.mean, after.mean, from_ns), hypot(before.doubt(), after.doubt()), stops)


def _latency_change(vms: Mapping[str, VmSeries], parts: tuple[range, range]) -> tuple[float, float] | None:
    """Return the mean latency of all VMs before and after an event, None if it did not change.

    The latency of a queue that an event overloads grows all along, so its mean is poorly known. That it has grown to a
    multiple is judged by what it varied by before.
    """
    frames = np.array([vm.rx_mpps for vm in vms.values()], np.float64)
    frames *= np.array([[one is not None for one in vm.latency_ns] for vm in vms.values()])
    sums = frames * np.array([[one or 0.0 for one in vm.latency_ns] for vm in vms.values()])
    before, after = (
        _mean(sums.sum(axis=0), frames.sum(axis=0), part, _n_first(part), is_latency=True) for part in parts
    )
    doubt = hypot(before.doubt(), after.doubt())
    if after.mean > TIMES_LATER * before.mean and after.degrees < OF_LATENCIES:
        doubt = min(doubt, before.doubt(times=1) * sqrt(1 + len(before.values) / len(after.values)))
    change = _Change(Moved("", "latency", before.mean, after.mean), doubt)
    is_known = min(before.mean, after.mean) > 0
    return (before.mean, after.mean) if is_known and change.is_exceeded_by(change.growth, LEAST_LATER) else None


def _lost(series: Series, vms: Mapping[str, VmSeries], span: Span) -> Lost | None:
    """Return what was dropped after an event, of these VMs and of none."""
    before, after = _intervals(series, span.since_ns, span.at_ns), _intervals(series, span.at_ns, span.until_ns)
    drops = sum((np.array(vm.drops, np.float64) for vm in vms.values()), _zeros(series))
    drops = drops + np.array(series.other_drops or _zeros(series), np.float64)
    n_lost = int(drops[after.start : after.stop].sum())
    if not n_lost:
        return None
    means = [_mean(drops, np.ones(len(drops)), part, 0) for part in (before, after)]
    change = _Change(Moved("", "drops", *(one.mean for one in means)), hypot(*(one.doubt() for one in means)))
    since_ns = after.start * series.interval_ns
    return Lost(
        n_lost,
        after.stop * series.interval_ns,
        since_ns=since_ns if since_ns > span.at_ns else None,  # the event's own interval has drops from before it too
        is_more=not change.moved.before or (change.is_sure and change.growth > 0),
        is_as_many=change.moved.after <= (1 + MORE_DROPS) * change.moved.before,
    )


# ---- Stretches of intervals ----


def _intervals(series: Series, first_ns: float, last_ns: float) -> range:
    """Return the numbers of the intervals that lie wholly between two times."""
    first = -int(-first_ns // series.interval_ns)
    last = min(series.n_intervals, int(last_ns // series.interval_ns))
    return range(first, last)


def _n_first(part: range) -> int:
    """Return how many of a stretch's first intervals are left out in any case."""
    return int(SETTLING * len(part))


def _n_settling(rates: Floats, earlier: Floats) -> int:
    """Return how many of a stretch's first intervals are left out: a tenth, and those on other levels than the last.

    `earlier`: the rates of the stretch before. A stretch that ends with zeros, which were rare until then, has come to
    zero, however its rates varied.
    """
    n, n_zeros = _n_first(range(len(rates))), len(rates) - 1 - int(np.flatnonzero(rates).max(initial=-1))
    n_until = len(rates) - n_zeros
    if n_zeros >= LEAST_INTERVALS and _stops(np.append(earlier, rates[:n_until]), rates[n_until:]):
        return max(n, n_until)
    while step := _step_in(rates[n:]):
        n += step
    return n


def _step_in(rates: Floats) -> int:
    """Return how many of the first intervals are on a significantly different level than the others; 0 if none are."""
    n = len(rates)
    if n <= LEAST_INTERVALS:
        return 0
    deviations, at = rates - rates.mean(), np.arange(1, n - LEAST_INTERVALS + 1)
    by_steps = deviations.cumsum()[at - 1] ** 2 * n / (at * (n - at))
    first, by_step = int(at[by_steps.argmax()]), float(by_steps.max())
    slope = np.arange(n) - (n - 1) / 2
    if by_step <= float(deviations @ slope) ** 2 / float(slope @ slope):
        return 0
    left = max(0.0, float(deviations @ deviations) - by_step)
    error = sqrt(left / (n - 2) * n / (first * (n - first)))
    levels = float(rates[:first].mean()), float(rates[first:].mean())
    least = max(STEP * max(levels), student_t_point(1 - BY_CHANCE / 2, n - 2) * error)
    return first if abs(levels[1] - levels[0]) > least else 0


def _mean(amounts: Floats, weights: Floats, part: range, n_cut: int, *, is_latency: bool = False) -> _Mean:
    """Return the ratio of amounts to weights over a stretch without its first intervals; 0 if fewer than two weigh."""
    kept = part[n_cut:]
    amounts, weights = (row[kept.start : kept.stop] for row in (amounts, weights))
    n = len(kept)
    if np.count_nonzero(weights) < 2:
        return _Mean(0.0, 0.0, 0, amounts, kept.start)
    mean = float(amounts.sum() / weights.sum())
    deviations = (amounts - mean * weights) / weights.mean()
    n_cosines = min(OF_LATENCIES if is_latency else N_COSINES, n - 1)
    squares = (deviations @ cosines(np.arange(n + 1.0), n_cosines) / n) ** 2
    slow, fast = squares[: OF_LATENCIES // 2], squares[OF_LATENCIES // 2 :]
    if is_latency and len(slow) == len(fast) and slow.mean() > SLOWER * fast.mean():
        squares = slow
    return _Mean(mean, sqrt(float(squares.mean())), len(squares), amounts, kept.start)


def _stops(some: Floats, none: Floats) -> bool:
    """Tell whether `none` is all zero while zeros are too rare in `some` for that to be chance.

    Zeros come in runs, each of which is one case. The probability that all cases in `none` are zero follows from those
    in `some` by Laplace's rule of succession, case by case.
    """
    if none.any() or not some.any():
        return False
    is_zero = some == 0
    n_zeros, n_runs = int(is_zero.sum()), int(is_zero[:1].sum()) + int((is_zero[1:] & ~is_zero[:-1]).sum())
    n_known, n_cases = len(some) - n_zeros + n_runs, len(none)
    if n_zeros:
        n_cases = max(1, n_cases * n_runs // n_zeros)
    return prod((n_runs + 1 + at) / (n_known + 2 + at) for at in range(n_cases)) < BY_CHANCE
