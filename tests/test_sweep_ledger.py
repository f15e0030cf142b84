"""The ledger of a sweep: it goes on where it was, refuses what is not its own in one line, and loses nothing."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from contextlib import closing

import pytest

import hwmodel
from hwmodel.errors import InputError, Interrupted, RunError
from hwmodel.explore.sweep import ledger as ledger_module
from hwmodel.explore.sweep import load_sweep, point_run, run_sweep
from hwmodel.explore.sweep import run as run_module
from hwmodel.explore.sweep.ledger import locked_folder
from tests.sweep_cases import N_RUNS, SWEEP, instead_of_a_run


@pytest.fixture(autouse=True)
def runs(monkeypatch):
    """Make runs up; return a list that gets the configurations that were run, in order."""
    made = []

    def simulate(config):
        made.append((config.pcie.lanes, config.workload.frame_bytes, config.run.seed))
        return instead_of_a_run(config)

    monkeypatch.setattr(point_run, "simulate", simulate)
    monkeypatch.setattr(run_module, "fill_cache", lambda entries: None)
    return made


def go(folder, source=SWEEP, **options):
    return run_sweep(source, folder, jobs=1, **options)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in ("results.csv", "results.parquet")}


def test_a_row_for_each_run_in_the_order_of_the_points(tmp_path, runs):
    done = go(tmp_path / "a")
    assert (done.n_run, dict(done.counts)) == (N_RUNS, {"done": 10, "failed": 2, "pending": 0})
    expected = [(lanes, size, seed) for lanes in (1, 2, 4) for size in (64, 128) for seed in (1, 2)]
    assert runs == expected
    with (tmp_path / "a" / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:8] == [
        "config_hash", "seed", "status", "error", "pcie.lanes", "workload.frame_bytes", "totals.offered_frames",
        "totals.delivered_frames",
    ]  # fmt: skip
    assert [tuple(int(row[k]) for k in ("pcie.lanes", "workload.frame_bytes", "seed")) for row in rows] == expected
    for row, (lanes, size, seed) in zip(rows, expected, strict=True):
        failed = lanes == 4 and seed == 2
        assert row["status"] == ("failed" if failed else "done")
        assert row["error"] == ("four lanes and an even seed" if failed else "")
        assert row["totals.gbps"] == ("" if failed else str(round(lanes + size / 1000, 9)))
        assert len(row["config_hash"]) == 16
    assert len({row["config_hash"] for row in rows}) == N_RUNS


def test_the_record_has_what_the_table_has(tmp_path):
    go(tmp_path / "a")
    found = load_sweep(tmp_path / "a")
    assert [axis.key for axis in found.axes] == ["pcie.lanes", "workload.frame_bytes"]
    assert (len(found.rows), found.n_seeds, len(found.with_status("failed"))) == (N_RUNS, 2, 2)
    assert found.rows[0].figures["totals.gbps"] == 1.064
    assert found.rows[0].config_hash == hwmodel.load_sweep(tmp_path / "a").rows[0].config_hash
    few = load_sweep(tmp_path / "a", ["totals.gbps"])
    assert [dict(row.figures) for row in few.rows[:2]] == [{"totals.gbps": 1.064}] * 2
    assert json.loads(json.dumps(found.to_mapping()))["points"][0]["axes"] == {
        "pcie.lanes": 1,
        "workload.frame_bytes": 64,
    }


COSTS = {
    "base": SWEEP["base"],
    "grid": {"pcie.lanes": {"values": [1, 2], "cost": 0.1}, "run.duration": ["1ms"]},
    "zip": {"nic.rx_ring": {"values": [64, 128], "costs": [1, 2]}, "nic.tx_ring": {"values": [128, 64], "cost": 0.01}},
    "list": [{"nic.vfs": 2, "cost": 0}, {"nic.vfs": 4, "cost": 100}],
}


def test_costs_are_a_column_and_may_change_without_a_run(tmp_path, runs):
    """A tenth for a lane, 1 or 2 for the Rx ring, a hundredth for a descriptor, 100 for four VFs: added up by hand."""
    expected = [2.38, 102.38, 2.74, 102.74, 2.48, 102.48, 2.84, 102.84]
    done = go(tmp_path / "a", COSTS)
    found = load_sweep(tmp_path / "a")
    assert found.has_costs and found.column("cost") == [row.cost for row in found.rows] == [
        2.38, 102.38, 2.74, 102.74, 2.48, 102.48, 2.84, 102.84,
    ]  # fmt: skip
    with (tmp_path / "a" / "results.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["cost"]) for row in table] == expected
    names = list(table[0])
    assert names[names.index("cost") - 1 : names.index("cost") + 2] == ["nic.vfs", "cost", "totals.offered_frames"]
    assert list(found.columns()) == names
    assert found.to_mapping()["points"][1]["cost"] == 102.38
    n_run = len(runs)
    cheaper = {**COSTS, "list": [{"nic.vfs": 2, "cost": 0}, {"nic.vfs": 4, "cost": 1}]}
    again = go(tmp_path / "a", cheaper)
    assert (again.n_run, len(runs), again.plan.sweep_hash) == (0, n_run, done.plan.sweep_hash)
    assert load_sweep(tmp_path / "a").rows[1].cost == 3.38
    free = {
        **COSTS,
        "grid": {"pcie.lanes": [1, 2], "run.duration": ["1ms"]},
        "zip": {"nic.rx_ring": [64, 128], "nic.tx_ring": [128, 64]},
    }
    free["list"] = [{"nic.vfs": 2}, {"nic.vfs": 4}]
    go(tmp_path / "a", free)
    assert not load_sweep(tmp_path / "a").has_costs and b",cost," not in contents(tmp_path / "a")["results.csv"]


def test_frames_and_parquet_hold_the_same(tmp_path):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    go(tmp_path / "a")
    found = load_sweep(tmp_path / "a")
    frame = found.to_pandas()
    assert frame["totals.gbps"].dropna().tolist() == [row.figures["totals.gbps"] for row in found.with_status("done")]
    stored = pandas.read_parquet(tmp_path / "a" / "results.parquet")
    assert list(stored.columns) == list(frame.columns) == found.to_polars().columns
    assert stored["pcie.lanes"].dtype == "int64" and stored["totals.gbps"].dtype == "float64"
    assert stored["totals.gbps"].equals(frame["totals.gbps"].astype(float))
    assert found.to_polars()["seed"].to_list() == stored["seed"].tolist()
    assert isinstance(found.to_polars(), polars.DataFrame)


def test_only_what_is_missing_is_run_and_failures_on_demand(tmp_path, runs):
    go(tmp_path / "a")
    before = contents(tmp_path / "a")
    runs.clear()
    assert go(tmp_path / "a").n_run == 0 and runs == []
    assert go(tmp_path / "a", retry_failed=True).n_run == 2
    assert runs == [(4, 64, 2), (4, 128, 2)]
    assert contents(tmp_path / "a") == before


def test_an_interrupt_keeps_what_is_finished_and_the_rest_follows(tmp_path, runs, monkeypatch):
    go(tmp_path / "whole")
    runs.clear()

    def interrupted(config):
        if len(runs) == 5:
            raise KeyboardInterrupt
        runs.append(config)
        return instead_of_a_run(config)

    with monkeypatch.context() as patch, pytest.raises(Interrupted) as caught:
        patch.setattr(point_run, "simulate", interrupted)
        go(tmp_path / "a")
    assert "5 of 12 runs are finished and kept" in caught.value.said
    assert (tmp_path / "a" / "results.csv").read_text().count(",pending,") == 7
    runs.clear()
    assert go(tmp_path / "a").n_run == 7 == len(runs)
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")


def test_a_full_disk_is_a_line_and_loses_nothing(tmp_path, monkeypatch):
    go(tmp_path / "whole")
    plain = ledger_module.Ledger.prepare_to_write

    def with_little_room(ledger):
        plain(ledger)
        pages = ledger._database.execute("PRAGMA page_count").fetchone()[0]
        ledger._database.execute(f"PRAGMA max_page_count = {pages + 10}")

    with monkeypatch.context() as patch, pytest.raises(RunError, match="the disk is full; what is finished is kept"):
        patch.setattr(ledger_module.Ledger, "prepare_to_write", with_little_room)
        go(tmp_path / "a")
    n_kept = len(load_sweep(tmp_path / "a").with_status("done"))
    assert 0 < n_kept < 10
    assert go(tmp_path / "a").n_run == N_RUNS - n_kept
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")


def broken(path):
    content = bytearray(path.read_bytes())
    content[200 : len(content) // 2] = bytes(len(content) // 2 - 200)
    path.write_bytes(content)


def of_a_newer_schema(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()


def of_something_else(path):
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE x (y)")
    database.close()


REFUSED = [
    (broken, "is damaged"),
    (lambda path: path.write_bytes(b"not a database at all, but a text of some length" * 100), "is damaged"),
    (lambda path: path.write_bytes(path.read_bytes()[:5000]), "is damaged"),
    (lambda path: path.write_bytes(path.read_bytes().replace(b"TABLE points (", b"TABLE points \xdf")), "is damaged"),
    (of_a_newer_schema, "is a ledger of a newer hwmodel (its form is 7, this one knows 1)"),
    (of_something_else, "is no ledger of a sweep"),
]


@pytest.mark.parametrize(("spoil", "said"), REFUSED)
def test_a_ledger_that_cannot_be_used_is_a_line_and_stays_as_it_is(spoil, said, tmp_path):
    go(tmp_path)
    path = tmp_path / "ledger.sqlite"
    spoil(path)
    before = (path.read_bytes(), contents(tmp_path))
    for use in (lambda: go(tmp_path), lambda: load_sweep(tmp_path)):
        with pytest.raises(InputError) as caught:
            use()
        assert len(caught.value.lines) == 1 and caught.value.lines[0].startswith(f"{path}: {said}")
    assert (path.read_bytes(), contents(tmp_path)) == before


def test_another_sweeps_folder_is_refused(tmp_path, runs):
    go(tmp_path)
    before = contents(tmp_path)
    runs.clear()
    with pytest.raises(InputError, match="holds the results of another sweep"):
        go(tmp_path, SWEEP | {"seeds": 3})
    assert runs == [] and contents(tmp_path) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.csv").write_text("somebody's\n")
    with pytest.raises(InputError, match=r"holds a results.csv of something else"):
        go(other)
    assert (other / "results.csv").read_text() == "somebody's\n"
    with pytest.raises(InputError, match="cannot be used: Not a directory"):
        go(other / "results.csv" / "x")
    with pytest.raises(InputError, match="no such file; a sweep's folder has one"):
        load_sweep(other)


def test_two_sweeps_cannot_share_a_folder_at_once(tmp_path):
    with locked_folder(tmp_path), pytest.raises(InputError, match="another sweep is at work in this folder"):
        go(tmp_path)
    go(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.sqlite", "results.csv", "results.parquet"]


def test_another_model_makes_its_own_runs_and_keeps_the_others(tmp_path, runs, monkeypatch):
    go(tmp_path)
    before = contents(tmp_path)
    runs.clear()
    lines = []
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "model_version", lambda: "9.9.9+other")
        assert go(tmp_path, note=lines.append).n_run == N_RUNS == len(runs)
    assert load_sweep(tmp_path).model_version == "9.9.9+other"
    assert any("10 runs of another model" in line for line in lines)
    runs.clear()
    assert go(tmp_path).n_run == 0 and runs == []
    assert contents(tmp_path) == before


def test_a_fault_is_that_rows_error(tmp_path, monkeypatch):
    def faulty(config):
        if config.pcie.lanes == 2:
            raise ZeroDivisionError("of the test")
        return instead_of_a_run(config)

    monkeypatch.setattr(point_run, "simulate", faulty)
    go(tmp_path)
    errors = {row.error for row in load_sweep(tmp_path).rows if row.axes["pcie.lanes"] == 2}
    assert errors == {"a fault in hwmodel: ZeroDivisionError: of the test"}


def test_what_cannot_be_made_is_a_failed_row(tmp_path):
    done = go(tmp_path, {"base": {}, "grid": {"nic.vfs": [8, 64]}})
    rows = load_sweep(tmp_path).rows
    assert (dict(done.counts), rows[1].config_hash) == ({"done": 1, "failed": 1, "pending": 0}, "")
    assert "grid.nic.vfs: 64 VFs at a port; the 82599 has at most 63" in rows[1].error


def at_run(number, act, monkeypatch, runs):
    """Do something to a sweep's folder when its run of that number, from 1, is made."""

    def simulate(config):
        runs.append(config)
        if len(runs) == number:
            act()
        return instead_of_a_run(config)

    monkeypatch.setattr(point_run, "simulate", simulate)


def test_a_folder_that_is_removed_in_mid_run_ends_the_sweep_at_once(tmp_path, monkeypatch, runs):
    folder = tmp_path / "a"
    at_run(5, lambda: shutil.rmtree(folder), monkeypatch, runs)
    with pytest.raises(RunError, match=r"ledger.sqlite: was removed while the sweep ran; the 4 runs in it are lost"):
        go(folder)
    assert len(runs) == 5 and not folder.exists()


def test_a_folder_that_is_removed_before_ctrl_c_is_not_said_to_be_kept(tmp_path, monkeypatch, runs):
    folder = tmp_path / "a"

    def remove_and_interrupt():
        shutil.rmtree(folder)
        raise KeyboardInterrupt

    at_run(5, remove_and_interrupt, monkeypatch, runs)
    with pytest.raises(RunError, match="was removed while the sweep ran"):
        go(folder)


def test_what_sqlite_itself_moves_into_the_ledger_ends_nothing(tmp_path, monkeypatch, runs):
    folder = tmp_path / "a"

    def checkpoint():
        before = (folder / "ledger.sqlite").stat()
        with closing(sqlite3.connect(folder / "ledger.sqlite")) as beside:
            beside.execute("PRAGMA wal_checkpoint(FULL)")
        assert (folder / "ledger.sqlite").stat().st_mtime_ns != before.st_mtime_ns

    at_run(5, checkpoint, monkeypatch, runs)
    assert go(folder).n_run == N_RUNS


def test_the_lock_of_a_sweep_in_a_folder_made_anew_is_left_alone(tmp_path):
    folder = tmp_path / "a"
    with locked_folder(folder):
        shutil.rmtree(folder)
        with locked_folder(folder):
            pass
        folder.mkdir(exist_ok=True)
        (folder / "ledger.lock").write_text("of another sweep")
    assert (folder / "ledger.lock").read_text() == "of another sweep"


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("points", "figures = '[1]'"),
        ("points", "figures = '{\"totals.gbps\": '"),
        ("points", "axes = '[1]'"),
        ("points", "axes = 'null'"),
        ("points", "axes = CAST(X'ff31' AS TEXT)"),
        ("about", "value = '7' WHERE key = 'axes'"),
    ],
)
def test_a_ledger_whose_rows_are_damaged_is_told_in_one_line(tmp_path, table, change):
    folder = tmp_path / "a"
    go(folder)
    with closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as database:
        database.execute(f"UPDATE {table} SET {change}")
    for use in (lambda: load_sweep(folder), *([lambda: go(folder)] if table == "points" else [])):
        with pytest.raises(InputError) as caught:
            use()
        (line,) = caught.value.lines
        assert line.startswith(f"{folder}/ledger.sqlite: is damaged (")


@pytest.mark.parametrize("given", [None, 5, b"out"])
def test_what_is_no_path_of_a_folder_is_refused(given):
    with pytest.raises(InputError, match=r"^that is no path of a sweep's folder$"):
        load_sweep(given)
