"""Processes that work through a list: what is killed is tried again, and nobody else pays for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from hwmodel import processes, search_loads, sweep
from hwmodel.cli.arguments import MOST_JOBS as MOST_TYPED
from hwmodel.config import load_config
from hwmodel.errors import InputError, RunError
from hwmodel.explore.side_by_side import outcomes_of
from hwmodel.processes import MOST_JOBS, pool, work_through, worker
from hwmodel.processes.worker import serve
from tests.process_work import Square, lack_memory, open_files

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=["copies", "fresh"])
def _each_way(request, monkeypatch):
    """Have processes be copies of this one, or fresh interpreters, whatever is safe here."""
    for module in (worker, pool):
        monkeypatch.setattr(module, "copies_are_safe", lambda: request.param == "copies")


@pytest.mark.usefixtures("_each_way")
def test_a_killed_process_costs_nothing_but_its_own_try(tmp_path, new_children):
    square = Square(tmp_path, once=(0, 7), always=(11,))
    found = sorted(work_through(square, range(20), 2))
    assert [done.number for done in found] == list(range(20))
    assert [(done.value, done.lost) for done in found if done.number != 11] == [
        (k * k, "") for k in range(20) if k != 11
    ]
    assert found[11].value is None
    assert found[11].lost == "its process ended 3 times while it ran (killed by signal 9; out of memory?)"
    assert [square.n_tries(k) for k in range(20)] == [{0: 2, 7: 2, 11: 3}.get(k, 1) for k in range(20)]
    assert new_children() == []


@pytest.mark.usefixtures("_each_way")
def test_a_process_killed_from_outside_loses_only_what_it_was_doing(new_children):
    found = []
    with contextlib.closing(work_through(abs, range(-2000, 0), 2)) as finished:
        for done in finished:
            found.append(done)
            if len(found) in (50, 500):
                os.kill(new_children()[0], signal.SIGKILL)
    assert sorted((done.number, done.value) for done in found) == [(k, 2000 - k) for k in range(2000)]


@pytest.mark.usefixtures("_each_way")
def test_an_exception_comes_out_and_ends_the_processes(tmp_path, new_children):
    with pytest.raises(ValueError, match="of the test"):
        list(work_through(Square(tmp_path), [1, -1, 2], 1))
    assert new_children() == []


@pytest.mark.usefixtures("_each_way")
def test_an_exception_that_cannot_be_pickled_comes_out_as_its_text():
    with pytest.raises(MemoryError, match="Unable to allocate"):
        list(work_through(lack_memory, [7], 1))


def test_processes_that_never_begin_are_a_line(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(worker, "copies_are_safe", lambda: False)
    with pytest.raises(RunError, match=r"processes end before they begin to work \(exit status 1\)"):
        list(work_through(abs, [1, 2], 2))


@pytest.mark.parametrize("jobs", [0, -1, MOST_JOBS + 1])
def test_a_number_of_processes_that_cannot_be_is_one_line_and_nothing_is_written(jobs, tmp_path):
    """Of -1 processes none took a run, and a sweep without runs was the answer."""
    sweep_of_one, folder = {"base": "sriov_10g_gen2x4", "grid": {"workload.frame_bytes": [64]}}, tmp_path / "out"
    config = load_config("sriov_10g_gen2x4")
    for asks in (
        lambda: sweep(sweep_of_one, folder, jobs=jobs),
        lambda: list(outcomes_of([config], jobs)),
        lambda: search_loads(config, jobs=jobs),
    ):
        with pytest.raises(InputError, match=f"^jobs: {jobs} is out of range; 1 to {MOST_JOBS}$"):
            asks()
    assert not folder.exists() and MOST_TYPED == MOST_JOBS


def test_a_script_without_a_guard_is_not_run_again_and_a_killed_parent_takes_its_processes_along(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import time
            from hwmodel.processes import work_through
            print("begins", flush=True)
            next(work_through(abs, [-1], 1))
            list(work_through(time.sleep, [0, 60], 1))
        """),
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begins\n"
        until_s = time.monotonic() + 60
        while not (sleepers := _children(parent.pid)) and time.monotonic() < until_s:
            time.sleep(0.1)
        time.sleep(1)
        sleepers = _children(parent.pid)
        parent.kill()
        assert parent.stdout.read() == ""
    until_s = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in sleepers) and time.monotonic() < until_s:
        time.sleep(0.1)
    assert len(sleepers) == 1 and not Path(f"/proc/{sleepers[0]}/cmdline").exists()


def _children(pid):
    from tests.process_tree import children_of

    return children_of(pid)


def test_a_process_ends_when_its_pipe_is_closed():
    import socket
    from multiprocessing.connection import Connection

    ours, theirs = socket.socketpair()
    connection = Connection(ours.detach())
    import pickle

    connection.send_bytes(pickle.dumps(abs))
    connection.send((3, -7))
    connection.send((4, "no number"))
    thread = threading.Thread(target=serve, args=(theirs.detach(),))
    thread.start()
    assert connection.recv() is None
    assert connection.recv() == (3, 7, None)
    number, value, error = connection.recv()
    assert (number, value, type(error)) == (4, None, TypeError)
    connection.close()
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.mark.usefixtures("_each_way")
def test_a_process_has_nothing_open_that_its_parent_has(tmp_path):
    with (tmp_path / "ledger").open("w") as file:
        found = [link for done in work_through(open_files, range(8), 3) for link in done.value]
        assert str(tmp_path / "ledger") == os.readlink(f"/proc/self/fd/{file.fileno()}") not in found
    # Beside the three of every process: its own pipe, and the folder that is listed.
    assert sum(link.startswith("socket:") for link in found) == 8


def test_what_all_would_do_first_is_done_once_where_processes_are_copies(monkeypatch):
    for copies in (True, False):
        for module in (worker, pool):
            monkeypatch.setattr(module, "copies_are_safe", lambda copies=copies: copies)
        here = iter(range(2))
        assert len(list(work_through(abs, [-1, -2], 2, prepare=partial(next, here)))) == 2
        assert next(here) == copies


def test_a_process_with_threads_is_not_copied():
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    assert not worker.copies_are_safe()
    go_on.set()
    thread.join()


def test_the_part_offers_what_others_use():
    assert processes.work_through is work_through and processes.Done(3, 9).lost == ""
