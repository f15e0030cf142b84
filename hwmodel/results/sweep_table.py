"""What a sweep found: a row for each point, with its axes and its figures by dotted name.

Plain records that the ledger of a sweep is read into; `report.sweep.result` holds all of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hwmodel.units import DIMENSIONS, Dimension, UnitError

Scalar = str | int | float | bool | None

PENDING, DONE, FAILED = "pending", "done", "failed"
IDENTITY = ("config_hash", "seed", "status", "error")  # the first columns of a table
COST = "cost"  # the column behind the axes, where the sweep's file says what their values cost
# The unit in which each kind of quantity is drawn, by the name of its dimension.
_DRAWN_IN = {"a byte count": "B", "a time": "ns", "a rate": "Gbps", "a frequency": "MHz", "a frame rate": "Mpps"}


class Figures(Mapping[str, Scalar]):
    """Hold the figures of a point by dotted name; points with the same names share them."""

    __slots__ = ("_at", "_values")

    def __init__(self, at: Mapping[str, int], values: Sequence[Scalar]) -> None:
        self._at = at
        self._values = values

    def __getitem__(self, name: str) -> Scalar:
        """Return a figure; KeyError where the point has none of that name."""
        return self._values[self._at[name]]

    def __iter__(self) -> Iterator[str]:
        """Return the names, in the order of the result's fields."""
        return iter(self._at)

    def __len__(self) -> int:
        """Return how many figures there are."""
        return len(self._at)

    def __repr__(self) -> str:
        """Write the figures as a mapping."""
        return repr(dict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAxis:
    """Name a key of the configuration that a sweep varies, and its values as they were written, each once."""

    key: str
    values: tuple[Any, ...]

    @property
    def unit(self) -> str:
        """Return the unit of `numbers`: B, ns, Gbps, MHz, Mpps; empty for bare numbers, and where there are none."""
        dimension = _dimension_of(self.values)
        return "" if dimension is None else _DRAWN_IN[dimension.name]

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """Return the values as numbers, in `unit`; None where one of them is neither a number nor a quantity."""
        return None if not self.values else _numbers(self.values)

    def number_of(self, value: Any) -> float | None:
        """Return one value as a number, in `unit`; None where it is no number."""
        found = _numbers((value,))
        return None if found is None else found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """Hold one point: where it stands, what became of it, and what was found.

    `number`: from 0, in the order of the sweep's file. `status`: done, failed, or pending in a sweep that was stopped.
    `config_hash` is empty where the configuration could not be made. `axes`: the values by key, as written. `cost`:
    what these cost together, None where the sweep's file does not say. `figures`: those of `Result.scalars()` by dotted
    name (`totals.gbps`), and the ends of the 95 % intervals (`intervals.totals.gbps.low`, `.high`); none of a point
    that is not done.
    """

    number: int
    config_hash: str
    seed: int
    status: str
    error: str = ""
    axes: Mapping[str, Any]
    cost: float | None = None
    figures: Mapping[str, Scalar] = field(default_factory=dict)


def cell(value: Any) -> Scalar:
    """Return a value as one cell of a table: lists and mappings as JSON text."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    scalar: Scalar = value
    return scalar


def _numbers(values: Sequence[Any]) -> tuple[float, ...] | None:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return tuple(float(value) for value in values)
    dimension = _dimension_of(values)
    if dimension is None:
        return None
    scale = dimension.units[_DRAWN_IN[dimension.name]]
    return tuple(dimension.parse(value) / scale for value in values)


def _dimension_of(values: Sequence[Any]) -> Dimension | None:
    """Return the dimension that all of these texts are quantities of, None where there is none."""
    for dimension in DIMENSIONS:
        try:
            for value in values:
                dimension.parse(value)
        except UnitError:
            continue
        return dimension if values else None
    return None
