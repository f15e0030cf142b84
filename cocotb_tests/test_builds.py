"""Builds that several processes want, and builds that were interrupted."""

from __future__ import annotations

import os
import threading
import time

import pytest

from cocotb_tests.simulators import Design, Simulator

WANTED_BY = 3


@pytest.fixture
def design(tmp_path):
    return Design((), builds=tmp_path)


def test_a_build_that_several_want_is_made_once(monkeypatch, design):
    made, builds = [], []

    def make(self, build, *_):
        made.append(build.folder)
        time.sleep(0.3)
        (build.folder / "result").touch()

    monkeypatch.setattr(Simulator, "_make", make)

    def want():
        build = Simulator("icarus").build("top", design=design)
        assert (build.folder / "result").exists()
        builds.append(build)

    threads = [threading.Thread(target=want) for _ in range(WANTED_BY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == WANTED_BY
    assert made == [builds[0].folder]


def test_a_build_of_another_version_of_the_simulator_is_made_anew(monkeypatch, design, tmp_path):
    """Icarus Verilog's vvp refuses what another version has compiled."""
    made, other = [], tmp_path / "bin" / "iverilog"
    monkeypatch.setattr(Simulator, "_make", lambda self, build, *_: made.append(build.folder))
    for _ in range(2):
        Simulator("icarus").build("top", design=design)
    assert len(made) == 1
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho Icarus Verilog version 99.0\necho in $$\n", encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent), prepend=os.pathsep)
    for _ in range(2):
        Simulator("icarus").build("top", design=design)
    assert len(set(made)) == 2


def test_a_build_that_was_interrupted_is_made_anew(monkeypatch, design):
    def is_interrupted(self, build, *_):
        (build.folder / "half").touch()
        raise KeyboardInterrupt

    found = []
    monkeypatch.setattr(Simulator, "_make", is_interrupted)
    with pytest.raises(KeyboardInterrupt):
        Simulator("icarus").build("top", design=design)
    monkeypatch.setattr(Simulator, "_make", lambda self, build, *_: found.append(list(build.folder.iterdir())))
    for _ in range(2):
        Simulator("icarus").build("top", design=design)
    assert found == [[]]
