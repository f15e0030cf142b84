"""`hwmodel cosim` where a wheel was installed and nothing else, from an empty folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from cocotb_tests.places import ROOT

PARTS = ("hwmodel", "configs", "cocotb_tests", "rtl", "pyproject.toml", "setup.py", "README.md", "MANIFEST.in")
VEB = "test_core_decides_as_the_model[veb]"
LONG_VEB = "test_core_decides_as_the_model_for_long[veb]"
# Loaded by pytest or by the simulator, not imported.
NOT_IMPORTED = ("conftest", "test_equivalence", "run_batch", "run_streams")


def files_of(folder):
    """Return a digest of each file."""
    return {path: hashlib.sha1(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install the wheel into a folder, of a copy of the checkout that is gone afterwards; nobody writes there."""
    folder = tmp_path_factory.mktemp("wheel")
    source, site = folder / "source", folder / "site"
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, *install, str(source)], check=True, cwd=folder)
    shutil.rmtree(source)
    before = files_of(site)
    yield site
    assert files_of(site) == before


@pytest.fixture
def call(site, tmp_path):
    """Return a function that runs a shell command in an empty folder, where `hwmodel` is that of the wheel."""
    command = tmp_path / "bin" / "hwmodel"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m hwmodel "$@"\n')
    command.chmod(0o755)
    here = tmp_path / "empty here"
    here.mkdir()
    # A package of the user's that has the regression's name must not be taken for it.
    (here / "cocotb_tests").mkdir()
    (here / "cocotb_tests" / "__init__.py").write_text("raise AssertionError('not this one')\n")

    def call(line, **environment):
        path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
        # Interpreted: kernels that are compiled for a new place take longer than a few frames do.
        python = {"PYTHONPATH": str(site), "NUMBA_DISABLE_JIT": "1"}
        variables = {**os.environ, **python, "PATH": path, **environment}
        return subprocess.run(line, shell=True, cwd=here, env=variables, capture_output=True, text=True, check=False)

    return call


def test_all_that_a_wheel_holds_is_whole(call, site):
    """What a module imports is in the wheel too; the sources are those of the core."""
    regression = site / "hwmodel" / "cosim"
    names = [path.stem for path in (regression / "cocotb_tests").glob("*.py") if path.stem not in NOT_IMPORTED]
    assert len(names) > 30
    code = "; ".join(f"import cocotb_tests.{name}" for name in sorted(names))
    code += "; from cocotb_tests.dut_file import OWN_CORE, read_dut; from cocotb_tests.stages import random_stages"
    code += '; random_stages(read_dut(OWN_CORE).core(), 1, "veb", 50)'
    done = call(f"{sys.executable} -B -P -c '{code}'", PYTHONPATH=f"{site}{os.pathsep}{regression}")
    assert (done.returncode, done.stderr) == (0, "")
    sources = {path.name for path in (ROOT / "rtl").glob("*.v*")} - {"switch_core.vlt", "verible.rules"}
    assert {path.name for path in (regression / "rtl").glob("*.v*")} == sources
    assert {path.name for path in (regression / "rtl/wrappers").iterdir()} == {"eth_switch_streams.v", "streams.yaml"}
    done = call("hwmodel cosim --list --quick --json -")
    assert json.loads(done.stdout) == [VEB.replace("veb", mode) for mode in ("veb", "vepa", "vn_tag", "e_tag")]


@pytest.mark.usefixtures("quick_build")
def test_the_example_passes_and_the_broken_one_fails_and_fails_again(call, simulator):
    done = call("hwmodel cosim --example 'my core'")
    assert "hwmodel cosim --dut 'my core/small_switch.yaml' --quick" in done.stdout
    options = f"--sim {simulator.name} --only '{VEB}'"
    done = call(f"hwmodel cosim --dut 'my core/small_switch.yaml' {options} --frames 200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search("small_switch, 3 ports, veb: [0-9]+ copies of 200 frames compared", done.stdout)
    done = call(f"hwmodel cosim --dut 'my core/broken_switch.yaml' {options} --frames 100 --json -")
    result = json.loads(done.stdout)
    assert (done.returncode, result["passed"]) == (1, False)
    (test,) = result["tests"]
    check_report(test["says"])
    first, *lines = test["says"].splitlines()
    repeat = lines[lines.index("To repeat:") + 1].strip()
    assert repeat.startswith("hwmodel cosim --only")
    again = call(repeat)
    assert again.returncode == 1
    assert first in again.stdout


def check_report(said):
    assert said.startswith("copy at port")
    assert re.search(r"the model sends it to ports \[\d(, \d)*\]", said)
    assert "Shortest list of frames found, 1 of " in said
    # The priority tag that the fault leaves on the frame: VID 0 behind both addresses.
    assert re.search(r"core   \d+ B [0-9a-f]{24}8100[0-9a-f]0", said)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("--dut none.yaml", 2, "none.yaml: no such file"),
        ("--sim ghdl", 2, "--sim ghdl: not one of icarus, verilator, questa,"),
        ("--sim xcelium", 1, "hwmodel: --sim xcelium: not installed: xrun (it has to be on PATH)"),
        ("--sim ghdl --list", 2, "--sim ghdl: not one of icarus, verilator, questa,"),
        ("--only test_core", 2, "--only test_core: no such test"),
        (f"--only '{LONG_VEB}' --only '{VEB}' --quick", 2, f"--only {LONG_VEB}: --quick leaves it out"),
        (f"--only {LONG_VEB[:-5]} --quick --list", 2, f"--only {LONG_VEB[:-5]}: --quick leaves it out"),
        ("--frames 0", 2, "--frames 0: a run has one frame or more"),
        ("--frames -3 --list", 2, "--frames -3: a run has one frame or more"),
        ("--frames 1000000001 --list", 2, "--frames 1000000001: a run has 1,000,000,000 frames at most"),
        ("--hdl-coverage", 2, "--hdl-coverage needs --sim verilator: "),
        ("--example cocotb_tests", 2, "cocotb_tests: --example: is there already; name a new folder"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(call, tmp_path, arguments, status, said):
    done = call(f"hwmodel cosim {arguments}")
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(said)
    assert [path.name for path in (tmp_path / "empty here").iterdir()] == ["cocotb_tests"]


def test_a_name_that_the_verilog_lacks_is_said_before_anything_is_written(call, simulator, tmp_path):
    call("hwmodel cosim --example my_core")
    call("sed -i 's/^clock: clock/clock: clk/' my_core/small_switch.yaml")
    done = call(f"hwmodel cosim --dut my_core/small_switch.yaml --sim {simulator.name}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "my_core/small_switch.yaml:5:8: clock: small_switch has no port clk (did you mean clock?)\n"
    assert f"    {done.stderr}" in (ROOT / "docs/own_core.md").read_text(encoding="utf-8")
    assert not (tmp_path / "empty here" / "cosim_out").exists()


def test_where_all_is_skipped_the_core_has_not_passed(call):
    call("hwmodel cosim --example core")
    done = call(f"hwmodel cosim --dut core/small_switch.yaml --only '{VEB.replace('veb', 'vepa')}' --json result.json")
    assert done.returncode == 1
    *_, reason, _, last = done.stdout.splitlines()
    assert reason == "SKIPPED [1] small_switch has no mode vepa: modes of SmallBackend"
    assert last == "nothing was tested: all that was asked for was skipped, which is no pass"
    assert json.loads(call("cat result.json").stdout)["passed"] is False
