"""The tables of a sweep, from its ledger: results.csv, results.parquet, and the record that Python gets."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from sys import intern
from typing import Any

from hwmodel.atomic_file import AtomicFile
from hwmodel.errors import InputError
from hwmodel.explore.study.axes import total_cost
from hwmodel.explore.sweep.ledger import Ledger
from hwmodel.report.reproduction import csv_text
from hwmodel.report.sweep.result import SweepResult, figure_order
from hwmodel.results.explored import (
    COST,
    CSV_NAME,
    IDENTITY,
    LEDGER_NAME,
    PARQUET_NAME,
    Scalar,
    SweepAxis,
    SweepRow,
    cell,
)

_ROWS_AT_ONCE = 2000
Note = Callable[[str], None]
Kinds = Mapping[str, set[type]]


def write_tables(ledger: Ledger, folder: Path, say: Note) -> tuple[Path, ...]:
    """Write the tables, each atomically; return the files written and the ledger.

    The rows are streamed from the ledger twice, so that a long sweep need not fit in memory. Parquet needs pyarrow;
    without it `say` gets a line instead.
    """
    files = [folder / CSV_NAME]
    with ledger.reading():
        costs = Costs(ledger.about())
        kinds = _kinds_of_columns(ledger, costs)
        _write_csv(files[0], kinds, _lines(ledger, costs, kinds))
    if importlib.util.find_spec("pyarrow") is None:
        say("results.parquet needs pyarrow: pip install 'hwmodel[frames]'; the same command then adds it")
    else:
        files.append(folder / PARQUET_NAME)
        _write_parquet(files[1], kinds, _lines(ledger, costs, kinds))
    return (*files, ledger.path)


def load_sweep(folder: str | Path, only: Collection[str] | None = None) -> SweepResult:
    """Read a sweep's results so far from its folder; `only`: the names of the figures wanted, all by default.

    Raises InputError if the folder has no ledger, or one that cannot be read.
    """
    given: Any = folder  # callers may not check types
    if not isinstance(given, str | os.PathLike):
        raise InputError("that is no path of a sweep's folder")
    path = Path(folder) / LEDGER_NAME
    if not path.is_file():
        raise InputError(f"{path}: no such file; a sweep's folder has one")
    with Ledger(path, "", writable=False) as ledger, ledger.reading():
        ledger.check()
        about = ledger.about()
        ledger.model_version = ledger.latest_version()
        return SweepResult(
            name=about["name"],
            folder=str(folder),
            sweep_hash=about["sweep_hash"],
            model_version=ledger.model_version,
            source=about["source"],
            base=about["base"],
            config=about["config"],
            axes=tuple(SweepAxis(key=key, values=_each_once(values)) for key, values in about["axes"]),
            n_seeds=about["n_seeds"],
            rows=tuple(_rows(ledger, Costs(about), only)),
        )


def _each_once(values: list[Any]) -> tuple[Any, ...]:
    return tuple({json.dumps(value): value for value in values}.values())


class Costs:
    """Give the cost of a sweep's points, from the facts in its ledger; `keys`: of all axes."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.keys = [key for key, _ in about["axes"]]
        self._groups = [
            (
                [self.keys.index(key) for key in group["axes"]],
                dict(zip(map(json.dumps, group["values"]), group["costs"], strict=True)),
            )
            for group in about.get("costs", ())
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the cost column's name, or no name if the sweep has no costs."""
        return (COST,) if self._groups else ()

    def of(self, values: Sequence[Any]) -> float | None:
        """Return the total cost of the axes' values; None if it is unknown."""
        if not self._groups:
            return None
        return total_cost(costs[json.dumps([values[at] for at in axes])] for axes, costs in self._groups)


def _rows(ledger: Ledger, costs: Costs, only: Collection[str] | None = None) -> Iterator[SweepRow]:
    for row in ledger.rows():
        yield SweepRow(
            number=row.number,
            config_hash=row.config_hash,
            seed=row.seed,
            status=row.status,
            error=row.error,
            axes=dict(zip(costs.keys, row.axes, strict=True)),
            cost=costs.of(row.axes),
            # Each row's JSON creates its own name strings; interned, a row takes half the memory.
            figures={intern(name): one for name, one in row.figures.items() if only is None or name in only},
        )


def _kinds_of_columns(ledger: Ledger, costs: Costs) -> Kinds:
    """Return the columns in order, each with the types of what stands in it."""
    identity: dict[str, set[type]] = {name: {int if name == "seed" else str} for name in IDENTITY}
    axes: dict[str, set[type]] = {key: set() for key in costs.keys}
    figures: dict[str, set[type]] = {}
    for row in ledger.rows():
        for key, value in zip(costs.keys, row.axes, strict=True):
            axes[key].add(type(cell(value)))
        for name, value in row.figures.items():
            figures.setdefault(name, set()).add(type(value))
    cost: Kinds = {name: {float} for name in costs.columns}
    return {**identity, **axes, **cost, **{name: figures[name] for name in figure_order(figures)}}


def _lines(ledger: Ledger, costs: Costs, columns: Kinds) -> Iterator[list[Scalar]]:
    names = list(columns)[len(IDENTITY) + len(costs.keys) + len(costs.columns) :]
    for row in _rows(ledger, costs):
        before = [row.config_hash, row.seed, row.status, row.error, *map(cell, row.axes.values())]
        yield [*before, *(row.cost for _ in costs.columns), *(row.figures.get(name) for name in names)]


def _write_csv(path: Path, columns: Kinds, lines: Iterator[list[Scalar]]) -> None:
    with AtomicFile(path) as file:
        rows: Iterator[Sequence[object]] = itertools.chain([list(columns)], lines)
        while piece := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            file.write(csv_text(piece).encode("utf-8", "backslashreplace"))


def _write_parquet(path: Path, columns: Kinds, lines: Iterator[list[Scalar]]) -> None:
    """Write typed columns: whole numbers, decimal numbers, truth values; text where an axis has several kinds."""
    import pyarrow
    import pyarrow.parquet

    types = {"int": pyarrow.int64(), "float": pyarrow.float64(), "bool": pyarrow.bool_(), "str": pyarrow.string()}
    kinds = [_kind(found) for found in columns.values()]
    schema = pyarrow.schema([(name, types[kind]) for name, kind in zip(columns, kinds, strict=True)])
    with AtomicFile(path) as file, pyarrow.parquet.ParquetWriter(pyarrow.PythonFile(file, "w"), schema) as writer:
        while piece := list(itertools.islice(lines, _ROWS_AT_ONCE)):
            values = zip(zip(*piece, strict=True), kinds, schema.types, strict=True)
            arrays = [pyarrow.array([_of_kind(each, kind) for each in column], type_) for column, kind, type_ in values]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _kind(found: set[type]) -> str:
    """Return the one type that holds all of these; an empty set is of a figure that no row has."""
    known = found - {type(None)}
    if len(known) == 1:
        return known.pop().__name__
    return "float" if known <= {int, float} else "str"


def _of_kind(value: Scalar, kind: str) -> Scalar:
    if value is None:
        return None
    if kind == "float":
        return float(value)
    if kind != "str":
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
