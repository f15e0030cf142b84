"""A sweep that is killed at any moment and started again gives what an uninterrupted one gives, byte for byte."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from hwmodel.explore.sweep import load_sweep, point_run, run_sweep
from hwmodel.explore.sweep import run as run_module
from tests.process_tree import children_of
from tests.sweep_cases import BASE, N_RUNS, SWEEP, instead_of_a_run

ROOT = Path(__file__).resolve().parent.parent


def _made_up(folder, source):
    """Run a sweep whose runs cost nothing, and note each of them in a file."""

    def simulate(config):
        with (folder.parent / "made").open("a") as file:
            file.write(f"{config.config_hash()}\n")
        time.sleep(0.002)
        return instead_of_a_run(config)

    point_run.simulate = simulate
    run_module.fill_cache = lambda entries: None
    run_sweep(source, folder, jobs=1)


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path):
    fork = multiprocessing.get_context("fork")  # the imports of a fresh process would take longer than all the runs
    source = SWEEP | {"seeds": 5}

    def started(name):
        (tmp_path / name).mkdir(exist_ok=True)
        process = fork.Process(target=_made_up, args=(tmp_path / name / "out", source))
        process.start()
        return process

    def n_made():
        file = tmp_path / "killed" / "made"
        return len(file.read_text().split()) if file.exists() else 0

    whole = started("whole")
    whole.join()
    assert whole.exitcode == 0
    n_runs = len(SWEEP["grid"]["pcie.lanes"]) * 2 * 5
    draw = random.Random(5)
    n_killed = 0
    while n_killed < 12:
        made_before = n_made()
        process = started("killed")
        more = draw.randint(0, n_runs // 5)  # however slow the machine is, it is killed several times
        while process.is_alive() and n_made() < made_before + more:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.01))
        process.kill()
        process.join()
        n_killed += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            break
    last = started("killed")
    last.join()
    assert last.exitcode == 0 and n_killed >= 3
    for name in ("results.csv", "results.parquet"):
        assert (tmp_path / "killed" / "out" / name).read_bytes() == (tmp_path / "whole" / "out" / name).read_bytes()
    made = (tmp_path / "killed" / "made").read_text().split()
    assert len(set(made)) == n_runs
    assert len(made) <= n_runs + n_killed  # of each kill at most the run that was under way is made again


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give the folder of real runs, made by one process, and the sweep's file."""
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(SWEEP), encoding="utf-8")
    run_sweep(path, folder / "out", jobs=1)
    assert len(load_sweep(folder / "out").with_status("done")) == N_RUNS
    return folder


def same_results(one: Path, other: Path) -> bool:
    names = ("results.csv", "results.parquet")
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def command(sweep, out):
    arguments = [sys.executable, "-m", "hwmodel", "sweep", str(sweep), "--out", str(out), "--jobs", "2"]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def n_finished(folder: Path) -> int:
    with contextlib.suppress(sqlite3.Error):
        database = sqlite3.connect(f"{(folder / 'ledger.sqlite').as_uri()}?mode=ro", uri=True)
        with contextlib.closing(database):
            return int(database.execute("SELECT count(*) FROM points WHERE status != 'pending'").fetchone()[0])
    return 0


def wait_until(condition):
    until_s = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_killed_processes_commands_and_ctrl_c_change_nothing(whole, tmp_path):
    out = tmp_path / "out"
    with command(whole / "sweep.yaml", out) as sweep:
        wait_until(lambda: n_finished(out) >= 1 or sweep.poll() is not None)
        os.kill(children_of(sweep.pid)[0], signal.SIGKILL)
        wait_until(lambda: n_finished(out) >= 4 or sweep.poll() is not None)
        sweep.kill()
    with command(whole / "sweep.yaml", out) as sweep:
        wait_until(lambda: n_finished(out) >= 7 or sweep.poll() is not None)
        sweep.send_signal(signal.SIGINT)
        _, complaint = sweep.communicate()
    assert sweep.returncode == 130 and "the same command makes the rest" in complaint and "Traceback" not in complaint
    n_done = len(load_sweep(out).with_status("done"))
    assert n_done >= 7 and (out / "results.csv").read_text().count(",done,") == n_done
    with command(whole / "sweep.yaml", out) as sweep:
        said, complaint = sweep.communicate()
    assert sweep.returncode == 0 and f"{N_RUNS} of {N_RUNS} runs done" in said and "finished already" in complaint
    assert same_results(out, whole / "out")


def test_the_order_of_the_points_does_not_matter(whole, tmp_path):
    turned = {"base": BASE, "seeds": 2, "grid": {**SWEEP["grid"], "pcie.lanes": [4, 2]}}
    run_sweep(turned, tmp_path, jobs=1)
    known = {row.config_hash: dict(row.figures) for row in load_sweep(whole / "out").rows}
    rows = load_sweep(tmp_path).rows
    assert len(rows) == 8 and all(known[row.config_hash] == dict(row.figures) for row in rows)
