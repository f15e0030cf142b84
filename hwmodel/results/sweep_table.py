"""What a sweep found: a row for each point, with its axes and its figures by dotted name.

A plain record that the ledger of a sweep is read into, and that tables, pages and data frames are made from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hwmodel.errors import RunError
from hwmodel.units import DIMENSIONS, Dimension, UnitError

if TYPE_CHECKING:
    import pandas
    import polars

Scalar = str | int | float | bool | None

SWEEP_SCHEMA_VERSION = 1
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Hold everything that a sweep found, in the order of its points.

    `name`: the sweep's file, `folder`: where its ledger is. `source`: the sweep as it was written, and `base`: the
    configuration that its points vary, as it was written (with `set` in it). `config`: the first point's, resolved.
    `n_seeds`: runs of each point, with seeds one after the other. Equal sweeps of one model give equal rows, whatever
    ran them.
    """

    name: str
    folder: str
    sweep_hash: str
    model_version: str
    source: Mapping[str, Any]
    base: Mapping[str, Any]
    config: Mapping[str, Any]
    axes: tuple[SweepAxis, ...]
    n_seeds: int
    rows: tuple[SweepRow, ...]

    def _repr_html_(self) -> str:
        """Return what a notebook shows of the sweep: the answer, what limits, the best points; needs no extra."""
        from hwmodel.report.notebook import sweep_html  # above this block: tests/layout_rules.py says why

        return sweep_html(self)

    def with_status(self, status: str) -> tuple[SweepRow, ...]:
        """Return the rows that are done, failed or pending."""
        return tuple(row for row in self.rows if row.status == status)

    @property
    def has_costs(self) -> bool:
        """Tell whether the sweep's file says what the values of an axis cost."""
        return any(row.cost is not None for row in self.rows)

    @property
    def figure_names(self) -> tuple[str, ...]:
        """Return the dotted names of all figures that any point has, block by block as in results.csv."""
        return figure_order(dict.fromkeys(name for row in self.rows for name in row.figures))

    def column(self, name: str) -> list[Any]:
        """Return one column of the table, an axis, the cost or a figure; None where a point has no such value."""
        if name in IDENTITY or name == COST:
            return [getattr(row, name) for row in self.rows]
        if any(axis.key == name for axis in self.axes):
            return [row.axes.get(name) for row in self.rows]
        return [row.figures.get(name) for row in self.rows]

    def columns(self) -> dict[str, list[Scalar]]:
        """Return the whole table by column, as in results.csv: identity, axes, cost where it is known, figures."""
        cost = (COST,) if self.has_costs else ()
        names = (*IDENTITY, *(axis.key for axis in self.axes), *cost, *self.figure_names)
        return {name: [cell(value) for value in self.column(name)] for name in names}

    def to_mapping(self) -> dict[str, Any]:
        """Return the sweep as JSON values."""
        plain: dict[str, Any] = {
            "schema_version": SWEEP_SCHEMA_VERSION,
            "name": self.name,
            "sweep_hash": self.sweep_hash,
            "model_version": self.model_version,
            "source": self.source,
            "base": self.base,
            "config": self.config,
            "n_seeds": self.n_seeds,
            "axes": [{"key": axis.key, "values": list(axis.values)} for axis in self.axes],
        }
        return plain | {
            "points": [
                {
                    **{name: getattr(row, name) for name in IDENTITY},
                    "axes": dict(row.axes),
                    **({COST: row.cost} if row.cost is not None else {}),
                    "figures": dict(row.figures),
                }
                for row in self.rows
            ]
        }

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a pandas frame; RunError where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise RunError("this needs pandas: pip install 'hwmodel[frames]'") from None
        return pandas.DataFrame(self.columns())

    def to_polars(self) -> polars.DataFrame:
        """Return the table as a polars frame; RunError where polars is not installed."""
        try:
            import polars
        except ImportError:
            raise RunError("this needs polars: pip install 'hwmodel[frames]'") from None
        return polars.DataFrame(self.columns(), strict=False, infer_schema_length=None)


def cell(value: Any) -> Scalar:
    """Return a value as one cell of a table: lists and mappings as JSON text."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    scalar: Scalar = value
    return scalar


# What stands in a result before the rest, as in its JSON document; names that are not here follow in their own order.
_BLOCKS = (
    "totals", "warnings", "latency_ns", "latency_from_doorbell_ns", "latency_to_guest_ns", "sender_wait_ns",
    "bottleneck", "fairness_jain", "closed_form", "pcie", "wire", "cpu", "iotlb", "drops", "mirrored_drops", "queues",
    "stalls_ns", "utilization", "window", "latency_parts_ns", "intervals",
)  # fmt: skip


def figure_order(names: Mapping[str, Any]) -> tuple[str, ...]:
    """Return figures' names by block, each block's in the order given, so that new ones join their own block."""
    rank = {block: number for number, block in enumerate(_BLOCKS)}
    return tuple(sorted(names, key=lambda name: rank.get(name.split(".", 1)[0], len(rank))))


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
