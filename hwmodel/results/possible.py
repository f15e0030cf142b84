"""What a figure can be, by its kind: every interval, whatever it is made from, ends within that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from math import inf, isfinite

# Least and greatest value of each kind of figure, by the pattern of its dotted name; the first that fits counts, and
# the last one every other figure: rates, times, counts and bytes.
KINDS: tuple[tuple[str, float, float], ...] = (
    ("*utilization*", 0.0, 1.0),
    ("fairness_jain", 0.0, 1.0),
    ("*loss", 0.0, 1.0),
    ("*_share", 0.0, 1.0),
    ("*", 0.0, inf),
)
Ends = tuple[float, float]


def kind_of(name: str) -> Ends:
    """Return the least and the greatest value that a figure of this dotted name can have."""
    return next((low, high) for pattern, low, high in KINDS if fnmatchcase(name, pattern))


def within_possible(name: str, figure: float, ends: Ends, least: float = -inf, most: float = inf) -> Ends:
    """Return the ends of a figure's interval, cut at what the figure can be; the figure itself is always inside.

    `least`, `most`: what this figure can be in one configuration, where that is known to be less than its kind.
    """
    lowest, highest = kind_of(name)
    return min(figure, max(ends[0], lowest, least)), max(figure, min(ends[1], highest, most))


def least_latency(name: str, runs: Iterable[Mapping[str, object]]) -> float:
    """Return the fastest frame of some runs, given by their scalars, for a mean or percentile of a latency.

    Minus infinity for another figure, and where no run has one.
    """
    place, _, figure = name.rpartition(".")
    if not place.endswith("_ns") or figure == "count":
        return -inf
    known = [one.get(f"{place}.min") for one in runs]
    least = min((float(one) for one in known if isinstance(one, int | float)), default=-inf)
    return least if isfinite(least) else -inf
