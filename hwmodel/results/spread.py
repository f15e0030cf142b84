"""How far the figures of one configuration spread over seeds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Hold one figure of runs that differ in their seed alone, `seeds[i]` giving `values[i]`, None where one gave none.

    `mean` of those there are; `low` and `high` bound it with 95 % (Student's t); None for fewer than two.
    """

    name: str
    seeds: tuple[int, ...]
    values: tuple[float | None, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
