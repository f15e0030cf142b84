"""What the options of the co-verification leave out and print, in one process and in several."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cocotb_tests.simulators import ROOT

TESTS = """
import pytest

def test_that_needs_a_simulator(simulator, show):
    show("shown by a test\\nin two lines")

def test_of_text():
    pass

@pytest.mark.slow
def test_that_is_slow():
    pass
"""
PARALLEL = ("-n", "2", "--dist", "loadfile")


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


@pytest.mark.parametrize("options", [(), PARALLEL], ids=["one process", "several"])
def test_what_a_test_shows_stands_at_the_end(run, options):
    lines = run(*options)
    at = lines.index("shown by a test")
    assert lines[at + 1] == "in two lines"
    assert lines.count("shown by a test") == 1
    assert any("test_of_text" in line and "PASSED" in line for line in lines[:at])


def test_what_needs_no_simulator_can_be_left_out(run):
    lines = run("--simulated", *PARALLEL)
    assert [line for line in lines if "test_of_text" in line or "test_that_is_slow" in line] == []
    assert "1 passed" in lines[-1]


def test_slow_tests_begin_first(run):
    first = next(line for line in run() if "PASSED" in line)
    assert "test_that_is_slow" in first
