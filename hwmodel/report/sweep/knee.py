"""Where a curve of throughput bends: the knee, and whether there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WITHIN = 0.95  # of the most: what counts as all of it
_STILL_RISING = 0.5  # of the slope up to a knee; with more than that behind it, it is none

RISES, RISING, FALLS, FALLING, PEAK, FLAT, UNEVEN = "rises", "rising", "falls", "falling", "peak", "flat", "uneven"


class Knee(NamedTuple):
    """Say how a curve goes, and between which of its points it has 95 % of the most.

    `shape`: rises up to a knee at `first`; still rising at its end; falls from a knee at `last` on; falling from its
    beginning; a peak from `first` to `last`; flat; uneven, where it falls below 95 % and comes back.
    """

    shape: str
    first: int
    last: int


def knee_of(xs: Sequence[float], ys: Sequence[float]) -> Knee:
    """Return the knee of a curve of two points or more, `xs` rising.

    The knee is the first point with 95 % of the most, if the curve rises less than half as steeply behind it as
    before it, on average; of a curve that falls, the same from its end.
    """
    top, end = max(ys), len(ys) - 1
    near = [at for at, y in enumerate(ys) if y >= WITHIN * top]
    first, last = near[0], near[-1]
    if len(near) == len(ys):
        return Knee(FLAT, first, last)
    if len(near) <= last - first:
        return Knee(UNEVEN, first, last)
    if last == end:
        return Knee(RISES if _bends(xs, ys, first) else RISING, first, last)
    if first == 0:
        back = [-x for x in reversed(xs)], list(reversed(ys))
        return Knee(FALLS if _bends(*back, end - last) else FALLING, first, last)
    return Knee(PEAK, first, last)


def _bends(xs: Sequence[float], ys: Sequence[float], at: int) -> bool:
    if at == len(xs) - 1:
        return False
    slope = (ys[at] - ys[0]) / (xs[at] - xs[0])
    return max(ys) - ys[at] < _STILL_RISING * slope * (xs[-1] - xs[at])
