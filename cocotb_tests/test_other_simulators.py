"""Simulators that are not here: what would be called, seen by commands of their names that do nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cocotb_tests.runners import OTHER_SIMULATORS, SimulationError
from cocotb_tests.simulators import Design, Simulator

# Notes its words, those of a script that is among them, where it runs, what is there, and what cocotb is to load. Of
# vcs, which makes a program, the program is the same again.
COMMAND = f"""#!{sys.executable}
import json, os, pathlib, shutil, sys
words = " ".join(pathlib.Path(word).read_text() if before == "-do" and os.path.exists(word) else word
                 for before, word in zip(sys.argv, sys.argv[1:]))
there = sorted(path.name for path in pathlib.Path().iterdir())
with open(os.environ["CALLS"], "a") as calls:
    call = [os.path.basename(sys.argv[0]), words, os.getcwd(), there, os.environ.get("COCOTB_TEST_MODULES")]
    calls.write(json.dumps(call) + "\\n")
pathlib.Path("library").touch()
if "-o" in sys.argv:
    shutil.copy(sys.argv[0], sys.argv[sys.argv.index("-o") + 1])
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Return a function that gives the calls so far, each as name, words, folder, files in it and cocotb's module."""
    path, folder = tmp_path / "calls", tmp_path / "commands"
    monkeypatch.setenv("CALLS", str(path))
    folder.mkdir()
    for name in {name for names in OTHER_SIMULATORS.values() for name in names}:
        (folder / name).write_text(COMMAND)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("waves", [False, True], ids=["plain", "waves"])
@pytest.mark.parametrize("name", OTHER_SIMULATORS)
def test_it_is_called_with_what_is_to_be_built_and_finds_it_where_it_runs(name, waves, calls, tmp_path):
    source = tmp_path / "counter.v"
    source.write_text("module counter #(parameter WIDTH = 1) (input wire clk); endmodule\n")
    chosen = Simulator(name, waves=waves, build_arguments=("-own-word",), run_arguments=("-word-of-the-run",))
    assert chosen.missing() is None
    design = Design((source,), defines={"FAULT": 1}, builds=tmp_path / "build")
    build = chosen.build("counter", parameters={"WIDTH": 7}, design=design)
    built = calls()
    assert {each[0] for each in built} <= set(OTHER_SIMULATORS[name])
    with pytest.raises(SimulationError, match="failed"):
        build.run("cocotb_tests.run_batch", tmp_path / "run")
    command, words, folder, there, module = calls()[-1]
    assert command in (*OTHER_SIMULATORS[name], "simv")
    assert (Path(folder), module) == (tmp_path / "run", "cocotb_tests.run_batch")
    assert "library" in there
    assert "-word-of-the-run" in words
    of_all = " ".join([*(each[1] for each in built), words])
    assert all(word in of_all for word in (str(source), "-own-word", "FAULT", "WIDTH", "counter"))


def test_what_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Simulator("questa").missing() == "not installed: vlib, vlog, vsim"
