"""A sweep from Python: the record it gives, with and without a folder, and which model made it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import hwmodel
from hwmodel.errors import RunError
from hwmodel.explore import sweep as sweeps
from hwmodel.explore.sweep import point_run
from hwmodel.explore.sweep import run as run_module
from hwmodel.explore.sweep.run import duration_text, run_sweep, sweep
from hwmodel.simulation.run.kernel_cache import RUN_ENTRIES
from hwmodel.version import model_version
from tests.sweep_cases import N_RUNS, SWEEP, instead_of_a_run


@pytest.fixture(autouse=True)
def _made_up_runs(monkeypatch):
    monkeypatch.setattr(point_run, "simulate", instead_of_a_run)
    monkeypatch.setattr(run_module, "fill_cache", lambda entries: None)


def test_with_or_without_a_folder_the_rows_are_the_same(tmp_path):
    seen = []
    assert hwmodel.sweep is sweep and hwmodel.load_sweep is sweeps.load_sweep
    kept = sweep(SWEEP, tmp_path / "out", jobs=1, progress=lambda share, _text: seen.append(share))
    assert seen == sorted(seen) and seen[-1] == 1
    assert kept == hwmodel.load_sweep(tmp_path / "out") and isinstance(kept, hwmodel.SweepResult)
    fleeting = sweep(SWEEP, jobs=1)
    assert [(row.axes, row.seed, row.error, dict(row.figures)) for row in fleeting.rows] == [
        (row.axes, row.seed, row.error, dict(row.figures)) for row in kept.rows
    ]
    assert (len(kept.rows), kept.model_version) == (N_RUNS, model_version())
    assert kept.config["nic"]["vfs"] == 2 and kept.source["seeds"] == 2


def test_it_says_that_it_compiles_where_something_is_left_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "announce_compilation", lambda entries, say: say(f"compiling {len(entries)}"))
    said = []
    run_sweep(SWEEP, tmp_path / "out", jobs=1, note=said.append)
    assert said[1:] == [f"compiling {len(RUN_ENTRIES)}"]
    said.clear()
    run_sweep(SWEEP, tmp_path / "out", jobs=1, note=said.append)
    assert not any("compiling" in line for line in said)


def test_overrides_change_the_base():
    found = sweep({"base": {}, "grid": {"pcie.lanes": [1, 2]}}, jobs=1, overrides={"workload.frame_bytes": 64})
    assert [row.figures["totals.gbps"] for row in found.rows] == [1.064, 2.064]
    assert found.column("pcie.lanes") == [1, 2] and found.column("totals.gbps") == [1.064, 2.064]
    assert repr(found.rows[0].figures) == repr(dict(found.rows[0].figures))
    assert found.figure_names[0] == "totals.offered_frames"


def test_lists_as_values_are_one_cell_of_a_table():
    sizes = [[[64, 1], [128, 2]], [[64, 1]]]
    found = sweep({"base": {}, "grid": {"workload.sizes": sizes}}, jobs=1)
    assert [row.axes["workload.sizes"] for row in found.rows] == sizes
    assert found.columns()["workload.sizes"] == ["[[64,1],[128,2]]", "[[64,1]]"]


@pytest.mark.parametrize(("name", "frame"), [("pandas", "to_pandas"), ("polars", "to_polars")])
def test_a_package_that_is_missing_is_named(name, frame, monkeypatch):
    found = sweep({"base": {}, "grid": {"pcie.lanes": [1]}}, jobs=1)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match=rf"this needs {name}: pip install 'hwmodel\[frames\]'"):
        getattr(found, frame)()


def test_the_models_version_is_that_of_its_sources(monkeypatch, tmp_path):
    assert re.fullmatch(rf"{re.escape(hwmodel.__version__)}\+[0-9a-f]{{12}}", model_version())
    module = sys.modules[model_version.__module__]
    copied = tmp_path / "hwmodel"
    for block in ("machine", "simulation"):
        (copied / block).mkdir(parents=True)
    source = copied / "machine" / "link.py"
    own = Path(str(module.__file__)).relative_to(Path(str(hwmodel.__file__)).parent)
    monkeypatch.setattr(module, "__file__", str(copied / own))
    versions = []
    for text in ("one", "another", "one"):
        source.write_text(text)
        model_version.cache_clear()
        versions.append(model_version())
    model_version.cache_clear()
    assert versions[0] == versions[2] != versions[1]


@pytest.mark.parametrize(
    ("duration_s", "text"), [(0.1, "1 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h"), (360_000, "100.0 h")]
)
def test_rough_durations(duration_s, text):
    assert duration_text(duration_s) == text
