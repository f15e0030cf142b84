"""Exact sums of many fractions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import lcm

ZERO = Fraction(0)
_FEW = 3


def sum_of(fractions: Sequence[Fraction]) -> Fraction:
    """Give the sum of fractions; of few there is nothing to be won by a common denominator."""
    if len(fractions) <= _FEW:
        return sum(fractions, ZERO) if len(fractions) != 1 else fractions[0]
    return sum_of_products((one, 1) for one in fractions)


def sum_of_products(pairs: Iterable[tuple[Fraction | int, Fraction | int]]) -> Fraction:
    """Give the sum of the products of pairs; a common denominator is sought once, and not for each of them."""
    numerators: dict[int, int] = {}
    for one, other in pairs:
        if one and other:
            denominator = one.denominator * other.denominator
            numerators[denominator] = numerators.get(denominator, 0) + one.numerator * other.numerator
    if not numerators:
        return ZERO
    common = lcm(*numerators)
    return Fraction(sum(n * (common // denominator) for denominator, n in numerators.items()), common)
