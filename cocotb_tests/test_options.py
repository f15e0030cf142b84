"""What the options of the co-verification leave out and print, in one process and in several."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cocotb_tests.places import ROOT

TESTS = """
import pytest

def test_that_needs_a_simulator(simulator, show):
    show("shown by a test\\nin two lines")

def test_of_text():
    pass

@pytest.mark.slow
def test_that_is_slow():
    pass

def test_of_a_module(simulate):
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs tests with these options in a process of its own; it gives the output's lines."""
    (tmp_path / "test_shown.py").write_text(TESTS)

    def run(*options):
        command = [sys.executable, "-m", "pytest", "-p", "cocotb_tests.conftest", "-p", "no:cacheprovider", "-v"]
        done = subprocess.run(
            [*command, "-c", str(ROOT / "pyproject.toml"), str(tmp_path), *options],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


def check_shown(lines):
    at = lines.index("shown by a test")
    assert lines[at + 1] == "in two lines"
    assert lines.count("shown by a test") == 1
    return lines[:at]


def test_slow_tests_begin_first_and_what_a_test_shows_stands_at_the_end(run):
    before = check_shown(run())
    passed = [line.partition("::")[2].split()[0] for line in before if "PASSED" in line]
    assert passed == ["test_that_is_slow", "test_that_needs_a_simulator", "test_of_text", "test_of_a_module"]


def test_in_several_processes_too_and_what_needs_no_simulator_can_be_left_out(run):
    lines = run("--simulated", "--cores", "-n", "2", "--dist", "loadfile")
    check_shown(lines)
    assert [line for line in lines if "test_of_text" in line or "test_that_is_slow" in line] == []
    assert [line for line in lines if "test_of_a_module" in line] == []
    assert "1 passed" in lines[-1]


def test_modules_by_themselves_are_not_left_out_at_night(run):
    assert "3 passed" in run("--cores")[-1] and "4 passed" in run("--cores", "--nightly")[-1]
