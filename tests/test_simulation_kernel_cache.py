"""A cold cache is filled by processes, one an entry point; what they leave is what the first call needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.machine import commanded, engine, link_alone
from hwmodel.simulation import DMA_ENTRIES
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.run import kernel_cache
from hwmodel.simulation.run.compile_entry import compile_entry, signatures
from hwmodel.simulation.run.kernel_cache import (
    COMMANDS,
    ENGINE,
    RUN_ENTRIES,
    SWITCH_ENTRIES,
    SYSTEM_ENTRIES,
    announce_compilation,
    fill_cache,
    kernels_are_cached,
    passed_over_cache,
)
from hwmodel.simulation.run.machine import run_alone, run_alone_commanded
from tests.simulation_cases import config_of
from tests.stand_in_compilers import (
    be_endless,
    be_killed,
    cannot_be_asked,
    file_name,
    leave_file,
    leave_nothing,
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Let the cache be an empty folder, of a process that has loaded nothing yet."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(kernel_cache, "CACHE_DIR", folder)
    monkeypatch.setattr(kernel_cache, "_is_loaded", lambda _entry: False)
    return folder


def leave(folder, entry):
    """Leave an entry's files as numba names them, sealed."""
    name = file_name(entry)
    (folder / f"{name}-7.py311.nbi").write_bytes(b"index of " + name.encode())
    (folder / f"{name}-7.py311.1.nbc").write_bytes(bytes(range(256)))
    kernel_cache.seal(entry)


@pytest.fixture
def compiler(empty_cache, monkeypatch):
    """Return what puts another function in the compiler's place."""

    def stand_in(function):
        monkeypatch.setattr("hwmodel.simulation.run.compile_entry.compile_alone", function)

    stand_in(leave_file)
    let_use(monkeypatch, len(RUN_ENTRIES))
    return stand_in


def let_use(monkeypatch, n_processors):
    monkeypatch.setattr("hwmodel.processes.processors.usable_processors", lambda: n_processors)


def announced(entries):
    """Return the lines that are said ahead of a compile."""
    said = []
    announce_compilation(entries, said.append)
    return said


@pytest.mark.parametrize(
    ("entries", "takes"),
    [
        (RUN_ENTRIES, ": some 25 s on two cores"),
        ((*RUN_ENTRIES, COMMANDS), ": some 25 s on two cores"),
        (SYSTEM_ENTRIES, ": some 25 s on two cores"),
        (DMA_ENTRIES, ""),
    ],
)
def test_how_long_it_compiles_is_said_before(empty_cache, monkeypatch, entries, takes):
    monkeypatch.setattr(kernel_cache, "passed_over_cache", lambda: None)
    line = f"compiling the kernels, the first time only{takes} ..."
    assert announced(entries) == [line]
    monkeypatch.setattr(kernel_cache, "passed_over_cache", lambda: "/full: is full")
    assert announced(entries) == ["/full: is full", line]
    folder = empty_cache / "hwmodel_1234"
    folder.mkdir()
    for entry in entries:
        leave(folder, entry)
    assert announced(entries) == []


def test_what_is_there_already_is_not_counted(empty_cache, monkeypatch):
    """An adapter's programs serve behind a bridge and with a scenario too: the rest alone is compiled."""
    monkeypatch.setattr(kernel_cache, "passed_over_cache", lambda: None)
    for entry in RUN_ENTRIES:
        leave(empty_cache, entry)
    assert announced(SYSTEM_ENTRIES) == ["compiling the kernels, the first time only: some 15 s on two cores ..."]
    assert announced((*RUN_ENTRIES, COMMANDS)) == [
        "compiling the kernels, the first time only: some 15 s on two cores ..."
    ]


def test_nothing_is_compiled_where_all_runs_interpreted(empty_cache, monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", True)
    assert announced(RUN_ENTRIES) == []
    fill_cache()
    assert not kernels_are_cached()


def test_each_entry_is_looked_for_by_its_name(empty_cache):
    assert not kernels_are_cached()
    folder = empty_cache / "hwmodel_1234"
    folder.mkdir()
    for entry in RUN_ENTRIES:
        assert not kernels_are_cached()
        leave(folder, entry)
        assert kernels_are_cached((entry,))
    assert kernels_are_cached()
    assert not kernels_are_cached(DMA_ENTRIES)


def test_there_are_no_more_processes_than_processors(compiler, empty_cache, monkeypatch):
    let_use(monkeypatch, 1)
    fill_cache((*RUN_ENTRIES, *DMA_ENTRIES))
    writers = [path.read_text() for path in empty_cache.glob("*.nbc")]
    assert len(writers) == len(RUN_ENTRIES) + len(DMA_ENTRIES)
    assert len(set(writers)) == 1 and str(os.getpid()) not in writers


@pytest.mark.parametrize("asked", ["/elsewhere", None])
def test_only_what_is_missing_is_compiled_each_by_a_process_of_its_own(compiler, empty_cache, asked, monkeypatch):
    """In the parent's folder, whichever the environment asks for, which stays as it is."""
    if asked is None:
        monkeypatch.delenv("HWMODEL_CACHE_DIR", raising=False)
    else:
        monkeypatch.setenv("HWMODEL_CACHE_DIR", asked)
    fill_cache()
    writers = {path.name: path.read_text() for path in empty_cache.glob("*.nbc")}
    assert sorted(writers) == sorted(f"{file_name(name)}-123.nbc" for name in RUN_ENTRIES)
    assert len({str(os.getpid()), *writers.values()}) == 1 + len(RUN_ENTRIES)
    fill_cache((*RUN_ENTRIES, *DMA_ENTRIES))
    assert {path.name: path.read_text() for path in empty_cache.glob("*.nbc")}.items() > writers.items()
    assert os.environ.get("HWMODEL_CACHE_DIR") == asked


DAMAGES = (
    ("nbc", lambda data: b""),
    ("nbc", lambda data: data[:-1]),
    ("nbc", lambda data: bytes([data[0] ^ 1]) + data[1:]),
    ("nbi", lambda data: data + b"\0"),
    ("crc32", lambda data: b""),
    ("crc32", lambda data: b"\xff" + data),
    ("nbi", None),
)


def test_what_is_damaged_is_compiled_anew_and_said(compiler, empty_cache, monkeypatch):
    """Of as many entries as there are damages, and one that is whole, all by one process."""
    let_use(monkeypatch, 1)
    whole, *damaged = [*signatures()][: 1 + len(DAMAGES)]
    for name in (whole, *damaged):
        leave(empty_cache, name)
    for name, (suffix, damage) in zip(damaged, DAMAGES, strict=True):
        (path,) = empty_cache.glob(f"*{file_name(name)}*.{suffix}")
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage(path.read_bytes()))
    assert [name for name in (whole, *damaged) if kernels_are_cached((name,))] == [whole]
    with pytest.warns(RuntimeWarning, match="compiled kernels there were damaged; they are compiled anew") as warned:
        fill_cache((whole, *damaged))
    assert len(warned) == 1 and kernels_are_cached((whole, *damaged))
    for name in damaged:
        assert [path.name for path in empty_cache.glob(f"{file_name(name)}*.nb?")] == [f"{file_name(name)}-123.nbc"]
    assert len(list(empty_cache.glob("*-7.py311.1.nbc"))) == 1


def test_commands_that_start_at_once_compile_once(tmp_path):
    code = """
import os, sys, time
from pathlib import Path
from hwmodel.simulation.run import compile_entry, kernel_cache
from tests.stand_in_compilers import leave_file_slowly
kernel_cache.CACHE_DIR = Path(sys.argv[1]) / "cache"
compile_entry.compile_alone = leave_file_slowly
kernel_cache.fill_cache()
assert kernel_cache.kernels_are_cached()
"""
    (tmp_path / "cache").mkdir()
    environment = os.environ | {"PYTHONPATH": "."}
    command = [sys.executable, "-c", code, str(tmp_path)]
    commands = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(3)]
    assert [each.wait() for each in commands] == [0, 0, 0]
    written = (tmp_path / "written").read_text().split()
    assert sorted(written) == sorted(RUN_ENTRIES)


def test_an_interrupt_leaves_no_process_behind(compiler, empty_cache):
    compiler(be_endless)

    def interrupt(_number, _frame):
        if len(list(empty_cache.iterdir())) == len(RUN_ENTRIES):  # all are at work
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            fill_cache()
    finally:
        signal.signal(signal.SIGALRM, before)
    for path in empty_cache.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def test_where_no_process_can_be_started_the_caller_compiles(compiler, monkeypatch):
    def refuse():
        raise PermissionError("no more processes")

    monkeypatch.setattr("hwmodel.processes.pool.new_worker", refuse)
    fill_cache()
    assert not kernels_are_cached()


def test_a_full_disk_is_a_warning(compiler):
    compiler(leave_nothing)
    with pytest.warns(RuntimeWarning, match="the disk is full; the kernels are compiled again for each run"):
        fill_cache()


@pytest.mark.parametrize("end", [be_killed, cannot_be_asked])
def test_a_process_that_has_compiled_nothing_says_nothing_of_the_disk(end, compiler, recwarn):
    """The caller compiles, and meets what the process met."""
    compiler(end)
    fill_cache()
    assert not recwarn.list
    assert not kernels_are_cached()


def test_another_place_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_cache, "CACHE_ROOTS", [tmp_path / "asked", kernel_cache.CACHE_DIR.parent])
    assert passed_over_cache() == (
        f"{tmp_path / 'asked'}: cannot be written, is full, or is not this user's alone; "
        f"the compiled kernels are kept in {kernel_cache.CACHE_DIR.parent}"
    )
    monkeypatch.setattr(kernel_cache, "CACHE_ROOTS", [kernel_cache.CACHE_DIR.parent])
    assert passed_over_cache() is None


def test_an_entry_is_an_entry():
    for name in RUN_ENTRIES + DMA_ENTRIES + SWITCH_ENTRIES:
        assert len(signatures()[name]) >= 2
    with pytest.raises(KeyError):
        compile_entry("machine.first_decisions.no_such_function")


def test_what_this_process_has_in_memory_is_not_looked_for(tmp_path, monkeypatch):
    """A copy of it would have it too, and leave no file: the disk is not full for that."""
    run_alone(build_state(config_of(), seed=1), 0, 0)
    monkeypatch.setattr(kernel_cache, "CACHE_DIR", tmp_path)
    fill_cache((ENGINE,))
    assert list(tmp_path.iterdir()) == []


def test_the_signatures_are_those_of_the_calls():
    """Called after it was compiled for its signature, an entry is not compiled once more."""
    state = build_state(config_of(), seed=1)
    for name, dispatcher, call in (
        (ENGINE, engine.run, lambda: run_alone(state, 0, 0)),
        (COMMANDS, commanded.run_commanded, lambda: run_alone_commanded(state, 0, 0)),
        ("machine.link_alone.run_dma", link_alone.run_dma, lambda: link_alone.run_dma(state, 0)),
    ):
        compile_entry(name)
        assert dispatcher.signatures == [signatures()[name]]
        call()
        assert dispatcher.signatures == [signatures()[name]]


def test_the_signature_of_the_decisions_is_that_of_the_call():
    code = """
from hwmodel.machine import first_decisions
from hwmodel.simulation.run.compile_entry import compile_entry, signatures
from cocotb_tests.bench_switch import frame, switch
from tests.test_switch_decisions import decided, machine_with
compile_entry("machine.first_decisions.decide_alone")
decided(machine_with(switch(), [("vf0", frame("vf1", "vf0"))]), 1)
assert first_decisions.decide_alone.signatures == [signatures()["machine.first_decisions.decide_alone"]]
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True)


def test_the_signatures_of_whole_frames_are_those_of_the_calls():
    code = """
from hwmodel.forwarding import frame_batch
from hwmodel.simulation.run.compile_entry import compile_entry, signatures
from hwmodel.simulation.run.offered import read_packets
from hwmodel.simulation.run.kernel_cache import CAPTURE_ENTRIES, SWITCH_ENTRIES
from hwmodel.switch_frames import forward_frames
import numpy as np
from cocotb_tests.bench_switch import AclEntry, frame, switch
from tests.switch_cases import stand_in
names = (*SWITCH_ENTRIES, *CAPTURE_ENTRIES)
for name in names:
    compile_entry(name)
read_packets(b"", *np.zeros((3, 0), np.int64))
forward_frames(stand_in(switch(acl=(AclEntry("police", rate_bps=1000, burst_bytes=64),))), [frame("vf1", "vf0")])
for name in names:
    assert getattr(frame_batch, name.split(".")[-1]).signatures == [signatures()[name]], name
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True)
