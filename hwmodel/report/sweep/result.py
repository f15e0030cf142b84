"""Everything that a sweep found: the source of tables, pages and data frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwmodel.errors import RunError
from hwmodel.results.explored import COST, IDENTITY, Scalar, SweepAxis, SweepRow, cell

if TYPE_CHECKING:
    import pandas
    import polars

SWEEP_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Hold everything that a sweep found, in the order of its points.

    `name`: the sweep's file name; `folder`: of its ledger. `source`: the sweep as written; `base`: the configuration
    that its points vary, as written, with `set` applied. `config`: the first valid point's, resolved. `n_seeds`: runs
    of each point, with consecutive seeds. Equal sweeps of one model version give equal rows, wherever they ran.
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
        """Return what a notebook shows of the sweep: answer, what limits, best points; needs no extra package."""
        from hwmodel.report.sweep.page import sweep_html  # it imports this module

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
        """Return one column of the table: an axis, the cost or a figure; None for points without the value."""
        if name in IDENTITY or name == COST:
            return [getattr(row, name) for row in self.rows]
        if any(axis.key == name for axis in self.axes):
            return [row.axes.get(name) for row in self.rows]
        return [row.figures.get(name) for row in self.rows]

    def columns(self) -> dict[str, list[Scalar]]:
        """Return the whole table by column, as in results.csv: identity, axes, cost if known, figures."""
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


# Blocks of figures in the order of a result's JSON document; other names follow in their own order.
_BLOCKS = (
    "totals", "warnings", "latency_ns", "latency_from_doorbell_ns", "latency_to_guest_ns", "sender_wait_ns",
    "bottleneck", "fairness_jain", "closed_form", "pcie", "wire", "cpu", "iotlb", "drops", "mirrored_drops", "queues",
    "stalls_ns", "utilization", "window", "latency_parts_ns", "intervals",
)  # fmt: skip


def figure_order(names: Mapping[str, Any]) -> tuple[str, ...]:
    """Return figures' names grouped by block, in the given order within each, so that new ones join their block."""
    rank = {block: number for number, block in enumerate(_BLOCKS)}
    return tuple(sorted(names, key=lambda name: rank.get(name.split(".", 1)[0], len(rank))))
