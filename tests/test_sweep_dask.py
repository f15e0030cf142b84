"""A sweep on a Dask scheduler: the same bytes, also where a worker is killed in the midst of it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest

from hwmodel.errors import InputError, RunError
from hwmodel.explore.sweep import load_sweep, point_run, run_sweep
from hwmodel.explore.sweep.ledger import Outcome
from hwmodel.explore.sweep.point_run import outcomes_on_dask
from tests.sweep_cases import N_RUNS, SWEEP

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Dask's own, at its start and end


@pytest.fixture(scope="module")
def cluster():
    # A task that ends its worker is given up with the second: a new worker takes seconds.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as found,
    ):
        yield found


def test_a_killed_worker_changes_nothing(cluster, tmp_path):
    run_sweep(SWEEP, tmp_path / "processes", jobs=1)
    killed = []

    def kill_one(done, _text):
        if done >= 0.25 and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    done = run_sweep(SWEEP, tmp_path / "dask", scheduler=cluster.scheduler_address, progress=kill_one)
    assert killed and dict(done.counts) == {"done": N_RUNS, "failed": 0, "pending": 0}
    for name in ("results.csv", "results.parquet"):
        assert (tmp_path / "dask" / name).read_bytes() == (tmp_path / "processes" / name).read_bytes()
    assert len(load_sweep(tmp_path / "dask").rows) == N_RUNS


class Work:
    """Answer a number with itself; one of them kills the process that it is given to."""

    def __init__(self, deadly: int, version: str = "") -> None:
        self.deadly = deadly

    def __call__(self, number: int) -> Outcome:
        if number == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return Outcome(number, "", "", str(number))


class Task(int):
    """A task that is its number."""

    @property
    def number(self) -> int:
        return int(self)


@pytest.mark.slow
@pytest.mark.nightly
def test_only_the_run_that_kills_its_workers_fails(cluster, monkeypatch):
    monkeypatch.setattr(point_run, "run_piece", run_numbers)
    found = sorted(outcomes_on_dask(Work(deadly=7), map(Task, range(30)), cluster.scheduler_address))
    assert [each.number for each in found] == list(range(30))
    assert [each.number for each in found if each.error] == [7]
    assert "the workers that ran it ended" in found[7].error


def run_numbers(work, piece):
    return point_run.model_version(), 0.02 * len(piece), [work(task) for task in piece]


def of_another_model(work, piece):
    return "0.0.1+other", 1.0, []


@pytest.mark.parametrize("text", ["", "{}", '{"address": 7}', "[" * 9999, "pcie: {lanes: 8}"])
def test_a_file_that_no_scheduler_wrote_is_a_line(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        list(outcomes_on_dask(Work(deadly=-1), iter([]), str(path)))
    assert caught.value.lines == [
        f"--scheduler {path}: is a file, and none that a Dask scheduler wrote (--scheduler-file)"
    ]


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.0 400 Bad request\r\n\r\n"])
def test_what_is_no_scheduler_is_a_line_soon(monkeypatch, greeting):
    """Something listens and says nothing, or something else; it is asked for a second, and nothing goes on looking."""
    monkeypatch.setattr(point_run, "_ANSWERS_WITHIN_S", 1)
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)
                is_over.wait()

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InputError, match=rf"^--scheduler {address}: no Dask scheduler answers there [w(]"):
            list(outcomes_on_dask(Work(deadly=-1), iter([]), address))
        is_over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.nightly
def test_workers_with_another_model_are_a_line(cluster, monkeypatch):
    monkeypatch.setattr(point_run, "run_piece", of_another_model)
    with pytest.raises(RunError, match=r"a Dask worker has another model, 0.0.1\+other; this one is"):
        list(outcomes_on_dask(Work(deadly=-1), map(Task, range(3)), cluster.scheduler_address))


@pytest.mark.slow
@pytest.mark.nightly
def test_an_interrupt_leaves_nothing_under_way(cluster):
    outcomes = outcomes_on_dask(Work(deadly=-1), iter([]), cluster.scheduler_address)
    assert list(outcomes) == []
    assert threading.active_count() < 50
