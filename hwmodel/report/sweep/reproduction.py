"""How to make a sweep again: one file that holds all of it, and what it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodel.report.configuration import config_text, differing_keys, flat_keys, value_text
from hwmodel.report.downloads import file_name
from hwmodel.report.reproduction import FILE, Reproduction, again
from hwmodel.report.tables import Table
from hwmodel.words.quantities import count_text, printable

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult

_MOST_NAMED = 12


def whole_file(sweep: SweepResult) -> str:
    """Return the sweep's file with its base inside, as `set` and `--set` left it: it needs no other file to run.

    Captures (`workload.pcap`) alone are still files of their own.
    """
    inside = {key: value for key, value in sweep.source.items() if key not in ("base", "set")}
    return config_text({"base": dict(sweep.base), **inside})


def of_sweep(sweep: SweepResult) -> Reproduction:
    """Return how a sweep is made again: its file with its base inside, the command, what made the figures."""
    name = f"{sweep.name.rpartition('.')[0] or sweep.name}.yaml"
    out = f"out/{file_name(name).removesuffix('.yaml')}"
    arguments = ["sweep", FILE, "--out", out, "--report", f"{out}.html"]
    return again("The sweep with its base in one file", name, whole_file(sweep), arguments, fact_table(sweep))


def fact_table(sweep: SweepResult) -> Table:
    """Return what the sweep was made with: model, hashes, seeds."""
    seeds = sorted({row.seed for row in sweep.rows})
    hashes = {row.config_hash for row in sweep.rows if row.config_hash}
    first = next((row.config_hash for row in sweep.rows if row.config_hash), "")
    rows = [["model", printable(sweep.model_version)], ["hash of the sweep", printable(sweep.sweep_hash)]]
    if first:
        each = "" if len(hashes) == 1 else f", the first of {count_text(len(hashes))}; all are in results.csv"
        rows.append(["hash of the configuration", f"{printable(first)}{each}"])
    if seeds:
        named = ", ".join(map(str, seeds)) if len(seeds) <= _MOST_NAMED else f"{len(seeds)}, {seeds[0]} to {seeds[-1]}"
        rows.append(["seeds", named])
    return Table(("what", "value"), rows, texts=(0, 1))


def key_table(sweep: SweepResult, defaults: dict[str, Any] | None) -> Table:
    """Return every key of the first point's configuration with its value and where that comes from.

    `defaults`: the configuration of the same adapter and driver with nothing else written, where it is known: a key
    that has its value from neither the sweep nor the base is then told from one that follows from another key.
    """
    varied = {axis.key for axis in sweep.axes} | ({"run.seed"} if sweep.n_seeds > 1 else set())
    written = set(flat_keys(sweep.base))
    follows = set()
    if defaults is not None:
        follows = {one.key for one in differing_keys([sweep.config, defaults])}
    rows = []
    for key, value in flat_keys(sweep.config).items():
        if key in varied:
            source = "varies in this sweep"
        elif key in written or any(key.startswith(f"{one}.") or one.startswith(f"{key}.") for one in written):
            source = "written in the sweep or its base"
        else:
            source = "follows from another key" if key in follows else "preset of adapter or driver, or default"
        rows.append([printable(key), value_text(value), source])
    return Table(("key", "value in the first point", "source"), rows, texts=(0, 1, 2))
