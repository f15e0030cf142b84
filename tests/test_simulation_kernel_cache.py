"""A cold cache is filled by children, one an entry point; what they leave is what the first call needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.kernels import dma, engine
from hwmodel.simulation import DMA_ENTRIES, kernel_cache, kernels_are_cached
from hwmodel.simulation.compile_entry import compile_entry, signature
from hwmodel.simulation.kernel_cache import RUN_ENTRIES, SWITCH_ENTRIES, fill_cache, passed_over_cache
from hwmodel.simulation.nic_state import build_state
from tests.simulation_cases import config_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Let the cache be an empty folder."""
    monkeypatch.setattr(kernel_cache, "CACHE_DIR", tmp_path)
    return tmp_path


class Child:
    """Stand for a child process that leaves a cached entry, or is still at work."""

    started: tuple[str, ...] = ()
    folder = Path()
    is_endless = False
    ended: tuple[str, ...] = ()

    def __init__(self, command, env):
        assert env["HWMODEL_CACHE_DIR"] == str(self.folder.parent), "the parent's folder, wherever it is"
        assert env["PATH"] == os.environ["PATH"]
        self.name = command[-1]
        Child.started += (self.name,)
        self.status = None

    def wait(self):
        if self.is_endless and self.status is None:
            raise KeyboardInterrupt
        (self.folder / f"{self.name}-123.nbc").write_text("")
        self.status = 0 if self.status is None else self.status

    def poll(self):
        return self.status

    def kill(self):
        Child.ended += (self.name,)
        self.status = -9


@pytest.fixture
def children(empty_cache, monkeypatch):
    monkeypatch.setattr(Child, "started", ())
    monkeypatch.setattr(Child, "ended", ())
    monkeypatch.setattr(Child, "folder", empty_cache)
    monkeypatch.setattr(kernel_cache.subprocess, "Popen", Child)
    return Child


def test_each_entry_is_looked_for_by_its_name(empty_cache):
    assert not kernels_are_cached()
    folder = empty_cache / "hwmodel_1234"
    folder.mkdir()
    (folder / "engine.run-7.py311.1.nbc").write_text("")
    assert kernels_are_cached(("engine.run",))
    assert not kernels_are_cached()
    (folder / "templates.decide_templates-3.py311.1.nbc").write_text("")
    (folder / "templates.rewrite_headers-5.py311.1.nbc").write_text("")
    assert kernels_are_cached()
    assert not kernels_are_cached(DMA_ENTRIES)


def test_only_what_is_missing_is_compiled_all_at_once(children):
    fill_cache()
    assert children.started == RUN_ENTRIES
    fill_cache()
    assert children.started == RUN_ENTRIES
    fill_cache(DMA_ENTRIES)
    assert children.started == RUN_ENTRIES + DMA_ENTRIES


def test_an_interrupt_leaves_no_child_behind(children, monkeypatch):
    monkeypatch.setattr(children, "is_endless", True)
    with pytest.raises(KeyboardInterrupt):
        fill_cache()
    assert children.ended == RUN_ENTRIES


def test_where_no_child_can_be_started_the_caller_compiles(empty_cache, monkeypatch):
    def refuse(_command, env):
        raise PermissionError("no more processes")

    monkeypatch.setattr(kernel_cache.subprocess, "Popen", refuse)
    fill_cache()
    assert not kernels_are_cached()


def test_a_full_disk_is_a_warning(children, monkeypatch):
    monkeypatch.setattr(children, "wait", lambda self: setattr(self, "status", 0))
    with pytest.warns(RuntimeWarning, match="the disk is full; the kernels are compiled again for each run"):
        fill_cache()
    monkeypatch.setattr(children, "wait", lambda self: setattr(self, "status", 1))
    fill_cache()  # a child that failed says so itself


def test_another_place_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_cache, "CACHE_ROOTS", [tmp_path / "asked", kernel_cache.CACHE_DIR.parent])
    assert passed_over_cache() == (
        f"{tmp_path / 'asked'}: cannot be written or is full; the compiled kernels are kept in "
        f"{kernel_cache.CACHE_DIR.parent}"
    )
    monkeypatch.setattr(kernel_cache, "CACHE_ROOTS", [kernel_cache.CACHE_DIR.parent])
    assert passed_over_cache() is None


def test_an_entry_is_an_entry():
    for name in RUN_ENTRIES + DMA_ENTRIES + SWITCH_ENTRIES:
        assert len(signature(name)) >= 2
    with pytest.raises((ImportError, AttributeError)):
        compile_entry("engine.no_such_function")


def test_the_signatures_are_those_of_the_calls():
    """Called after it was compiled for its signature, an entry is not compiled once more."""
    state = build_state(config_of(), seed=1)
    for name, call in (
        ("engine.run", lambda: engine.run(state, 0, 0)),
        ("dma.run_dma", lambda: dma.run_dma(state, 0)),
    ):
        compile_entry(name)
        dispatcher = {"engine.run": engine.run, "dma.run_dma": dma.run_dma}[name]
        assert dispatcher.signatures == [signature(name)]
        call()
        assert dispatcher.signatures == [signature(name)]


def test_the_signature_of_the_decisions_is_that_of_the_call():
    code = """
import numpy as np
from hwmodel.kernels import templates
from hwmodel.simulation.compile_entry import compile_entry, signature
from cocotb_tests.bench_switch import frame, switch
from tests.test_kernels_templates import decisions_of
compile_entry("templates.decide_templates")
decisions_of(switch(), [("vf0", frame("vf1", "vf0"))])
assert templates.decide_templates.signatures == [signature("templates.decide_templates")]
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True)


def test_the_signatures_of_whole_frames_are_those_of_the_calls():
    code = """
from hwmodel.kernels import frame_batch
from hwmodel.simulation.compile_entry import compile_entry, signature
from hwmodel.simulation.kernel_cache import SWITCH_ENTRIES
from hwmodel.switch_frames import forward_frames
from cocotb_tests.bench_switch import AclEntry, frame, switch
from tests.switch_cases import stand_in
for name in SWITCH_ENTRIES:
    compile_entry(name)
forward_frames(stand_in(switch(acl=(AclEntry("police", rate_bps=1000, burst_bytes=64),))), [frame("vf1", "vf0")])
for name in SWITCH_ENTRIES:
    assert getattr(frame_batch, name.split(".")[1]).signatures == [signature(name)], name
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True)
