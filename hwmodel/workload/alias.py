"""Alias tables: draw from a weighted list with one random column and one comparison (Walker 1977, Vose 1991)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

COLUMN_UNITS = 1 << 32


@dataclass(frozen=True, eq=False, slots=True)
class AliasTable:
    """Hold n columns: int64 `threshold` from 0 to 2^32, int32 `alias` (a column) and int32 `value`.

    To draw, take a column i uniformly and 32 random bits u: `value[i]` if u < `threshold[i]`, else `value[alias[i]]`.
    """

    threshold: npt.NDArray[np.int64]
    alias: npt.NDArray[np.int32]
    value: npt.NDArray[np.int32]

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.threshold)


EMPTY_TABLE = AliasTable(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))


def build_alias_table(weighted: Sequence[tuple[int, Fraction | int | float]]) -> AliasTable:
    """Build the table of (value, weight) pairs; the same pairs in the same order give the same table.

    Weights of 0 are left out. The n columns hold n * 2^32 equal parts: each value gets its exact share of them, rounded
    so that they add up, and the table gives exactly that many. A probability is therefore off by less than
    1 / (n * 2^32), and by nothing where the share is whole. Raises ValueError without a positive weight, or for a
    negative one.
    """
    pairs = [(value, Fraction(weight)) for value, weight in weighted if weight != 0]
    if not pairs or any(weight < 0 for _, weight in pairs):
        raise ValueError("a table takes weights above zero")
    threshold, alias = _columns_of(tuple(weight for _, weight in pairs))
    return AliasTable(threshold, alias, np.array([value for value, _ in pairs], np.int32))


@lru_cache(maxsize=64)  # most sources draw from the same weights
def _columns_of(weights: tuple[Fraction, ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return `threshold` and `alias` of a table, which nobody may change."""
    found = _fill_columns(_apportion(weights, len(weights) * COLUMN_UNITS))
    threshold, alias = np.array(found[0], np.int64), np.array(found[1], np.int32)
    for array in (threshold, alias):
        array.flags.writeable = False
    return threshold, alias


def _apportion(weights: Sequence[Fraction], n_units: int) -> list[int]:
    """Split `n_units` in proportion to the weights, the largest remainders taking what rounding down leaves."""
    whole = sum(weights)
    shares = [weight * n_units / whole for weight in weights]
    units = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (units[i] - shares[i], i))
    for i in by_remainder[: n_units - sum(units)]:
        units[i] += 1
    return units


def _fill_columns(units: list[int]) -> tuple[list[int], list[int]]:
    """Fill each column with at most two values: its own, and behind its threshold one that has too much for its own."""
    left = list(units)
    threshold, alias = [COLUMN_UNITS] * len(units), list(range(len(units)))
    small = [i for i, n in enumerate(left) if n < COLUMN_UNITS][::-1]
    large = [i for i, n in enumerate(left) if n > COLUMN_UNITS][::-1]
    while small:
        # The columns add up exactly, so while one is too small another is too large.
        low, high = small.pop(), large[-1]
        threshold[low], alias[low] = left[low], high
        left[high] -= COLUMN_UNITS - left[low]
        if left[high] <= COLUMN_UNITS:
            large.pop()
            if left[high] < COLUMN_UNITS:
                small.append(high)
    return threshold, alias
