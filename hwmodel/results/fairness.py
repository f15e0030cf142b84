"""How evenly a throughput is shared."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum


def jain_fairness(rates: Iterable[float]) -> float | None:
    """Return Jain's index (sum x)**2 / (n * sum x**2): 1 for equal rates, 1/n where one has all.

    None where there is no rate or all are zero. Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984.
    """
    values = list(rates)
    largest = max(values, default=0.0)
    if largest <= 0:
        return None
    shares = [value / largest for value in values]  # the index does not depend on scale; this keeps squares in range
    return fsum(shares) ** 2 / (len(shares) * fsum(share * share for share in shares))
