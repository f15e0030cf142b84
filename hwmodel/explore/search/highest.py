"""The highest load at which no more than a share is lost: bracket it around the closed form's ceiling, then bisect."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hwmodel.explore.search.loads import Loads
from hwmodel.results import LoadTrial

_GRAIN = 10**8  # a share is a whole number of these, so that it can be written out
_FASTER = 4  # each step away from the ceiling is so many times the last
_LEAST = Fraction(1, 1000)  # of the reference: what loses at that is no machine to look further at


@dataclass(frozen=True)
class Bracket:
    """Hold the highest load that was seen to meet and the lowest that was not; None where there was none."""

    low: LoadTrial | None
    high: LoadTrial | None


def highest(loads: Loads, loss: float = 0.0) -> Bracket:
    """Find the highest load at which no more than `loss` of the frames is lost.

    The loss is taken to rise with the load. The first two loads stand close on
    both sides of where the closed form puts the answer: ceiling / (1 - loss).
    """
    width = Fraction(loads.precision).limit_denominator(10**6)
    expected = min(Fraction(1) / (1 - Fraction(loss).limit_denominator(10**6)), loads.dial.most)
    low = high = None
    below, above = expected * (1 - width / 2), expected * (1 + width / 2)
    step = width / 2
    while low is None and below > _LEAST:
        trial = loads.trial(_grain(below), loss)
        if trial.verdict == "met":
            low = trial
        else:
            high, step = trial, step * _FASTER
            below = expected * max(1 - step, Fraction(1, 2)) if step < 1 else below / 2
    step = width / 2
    while low is not None and high is None:
        above = min(above, loads.dial.most)
        if _grain(above) <= Fraction(low.share).limit_denominator(_GRAIN):
            break  # the wire brings no more
        trial = loads.trial(_grain(above), loss)
        if trial.verdict != "met":
            high = trial
        else:
            low, step = trial, step * _FASTER
            above = expected * (1 + step)
            if low.share >= float(loads.dial.most):
                break
    return Bracket(*_narrowed(loads, loss, low, high, width))


def _narrowed(
    loads: Loads, loss: float, low: LoadTrial | None, high: LoadTrial | None, width: Fraction
) -> tuple[LoadTrial | None, LoadTrial | None]:
    while low is not None and high is not None and high.share - low.share > float(width) * high.share * 1.000001:
        trial = loads.trial(_grain(Fraction((low.share + high.share) / 2)), loss)
        if trial.verdict == "met":
            low = trial
        else:
            high = trial
    return low, high


def _grain(share: Fraction) -> Fraction:
    return Fraction(round(share * _GRAIN), _GRAIN)
