"""The tables of a sweep, from its ledger: results.csv, results.parquet, and the record that Python gets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from hwmodel.atomic_file import AtomicFile
from hwmodel.errors import InputError
from hwmodel.results.sweep_table import (
    IDENTITY,
    Figures,
    Scalar,
    SweepAxis,
    SweepResult,
    SweepRow,
    cell,
    figure_order,
)

from .ledger import NAME, Ledger

CSV_NAME, PARQUET_NAME = "results.csv", "results.parquet"
Note = Callable[[str], None]


def write_tables(ledger: Ledger, folder: Path, say: Note | None = None) -> tuple[Path, ...]:
    """Write the tables, each whole or not at all; return the files, the ledger's among them."""
    keys = [key for key, _ in ledger.about()["axes"]]
    names = _figure_names(ledger)
    path = folder / CSV_NAME
    with AtomicFile(path) as file:
        line = _csv_line([*IDENTITY, *keys, *names])
        file.write(line)
        for row in _rows(ledger, keys):
            file.write(_csv_line([row.config_hash, row.seed, row.status, row.error, *row.axes.values(),
                                  *(row.figures.get(name) for name in names)]))  # fmt: skip
    return (path, ledger.path)


def _csv_line(values: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([_csv_cell(value) for value in values])
    return text.getvalue().encode("utf-8", "backslashreplace")


def _csv_cell(value: Any) -> Any:
    value = cell(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def load_sweep(folder: str | Path, only: Collection[str] | None = None) -> SweepResult:
    """Read what a sweep has found so far from its folder; `only`: the figures that are wanted, all by default.

    Raises InputError where the folder has no ledger, or one that cannot be read.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise InputError(f"{path}: no such file; a sweep's folder has one")
    with Ledger(path, "", writable=False) as ledger:
        ledger.check()
        about = ledger.about()
        ledger.model_version = ledger.latest_version()
        keys = [key for key, _ in about["axes"]]
        rows = tuple(_rows(ledger, keys, only))
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
            rows=rows,
        )


def _each_once(values: list[Any]) -> tuple[Any, ...]:
    return tuple({json.dumps(value): value for value in values}.values())


def _figure_names(ledger: Ledger) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for row in ledger.rows():
        if row.figures:
            found.update(dict.fromkeys(json.loads(row.figures)))
    return figure_order(found)


def _rows(ledger: Ledger, keys: list[str], only: Collection[str] | None = None) -> Iterator[SweepRow]:
    shapes: dict[tuple[str, ...], Mapping[str, int]] = {}
    for row in ledger.rows():
        figures: Mapping[str, Scalar] = json.loads(row.figures) if row.figures else {}
        if only is not None:
            figures = {name: value for name, value in figures.items() if name in only}
        names = tuple(figures)
        at = shapes.setdefault(names, {name: number for number, name in enumerate(names)})
        yield SweepRow(
            number=row.number,
            config_hash=row.config_hash,
            seed=row.seed,
            status=row.status,
            error=row.error,
            axes=dict(zip(keys, json.loads(row.axes), strict=True)),
            figures=Figures(at, tuple(figures.values())),
        )
