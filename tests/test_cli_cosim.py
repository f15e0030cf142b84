"""`hwmodel cosim` without cocotb: the example, and the line that says what to install. The rest needs a simulator."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from hwmodel.cli import cosim_command, main
from hwmodel.cli.arguments import build_parser
from hwmodel.config.run import MAX_SEED

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "cocotb_tests" / "dut_example"


@pytest.fixture(autouse=True)
def paths(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_the_example_is_written_once(tmp_path, capsys):
    folder = tmp_path / "core"
    assert main(["cosim", "--example", str(folder)]) == 0
    assert {path.name for path in EXAMPLE.iterdir() if path.is_file()} - {path.name for path in folder.iterdir()} == {
        "cheats.yaml"
    }
    capsys.readouterr()
    assert main(["cosim", "--example", str(folder)]) == 2
    assert capsys.readouterr().err == f"{folder}: --example: is there already; name a new folder\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    folder = tmp_path / "file" / "core"
    assert main(["cosim", "--example", str(folder)]) == 2
    assert capsys.readouterr().err == f"{folder}: --example: cannot be made: Not a directory\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--quick"], "--quick"),
        (["--nightly", "--list"], "--nightly, --list"),
        (["--seed", "1", "--frames", "0", "--build-arg=-g"], "--seed, --frames, --build-arg"),
        (["--sim", "icarus", "--dut", "core.yaml", "--only", "a", "--out", "o"], "--dut, --sim, --only, --out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_example_leaves_no_option_aside(options, said, tmp_path, capsys):
    folder = tmp_path / "core"
    assert main(["cosim", "--example", str(folder), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"--example: not with {said}; it writes a core to start from, and runs nothing"
    assert not folder.exists()


@pytest.mark.parametrize("option", ["--seed", "--fresh-seed"])
def test_a_seed_is_as_that_of_a_run(option, capsys):
    for given, why in (("-1", f"-1 is out of range; 0 to {MAX_SEED}"), ("abc", "'abc' is not a whole number")):
        with pytest.raises(SystemExit, match="2"):
            main(["cosim", "--list", f"{option}={given}"])
        said = f"hwmodel cosim: argument {option}: {why} (see hwmodel cosim --help)\n"
        assert capsys.readouterr().err == said


def test_a_number_of_frames_that_is_none_is_told_plainly(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["cosim", "--list", "--frames", "many"])
    assert "argument --frames: 'many' is not a whole number" in capsys.readouterr().err


def test_a_package_that_is_missing_is_named_with_the_cure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cocotb" else found(name))
    monkeypatch.setattr(cosim_command, "NEEDED", {"cocotb": "cocotb", "pytest": "pytest"})
    assert main(["cosim", "--dut", "core.yaml"]) == 1
    assert capsys.readouterr().err == "hwmodel: cosim needs cocotb: pip install 'hwmodel[hdl]'\n"
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_the_regression_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cosim_command, "_REGRESSION", "nowhere")
    assert main(["cosim", "--example", str(tmp_path / "core"), "--json", str(tmp_path / "example.json")]) == 1
    assert "the co-verification is not in this installation" in capsys.readouterr().err


def test_the_example_is_told_as_json(tmp_path, capsys):
    assert main(["cosim", "--example", str(tmp_path / "core"), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == {"example": str(tmp_path / "core")}


def test_the_workflow_of_the_guide_calls_what_there_is():
    (text,) = re.findall(r"```yaml\n(# \.github.*?)```", (ROOT / "docs/own_core.md").read_text(encoding="utf-8"), re.S)
    workflow = yaml.safe_load(text)
    job = workflow["jobs"]["cosim"]
    assert job["strategy"]["matrix"]["sim"] == ["icarus", "verilator"]
    lines = [step["run"] for step in job["steps"] if step.get("run", "").startswith("hwmodel")]
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(re.sub(r"\$\{\{ .*? \}\}", "17", line))
        assert build_parser().parse_args(words[1:]).dut == "core.yaml"
