"""What all benches have in common, whoever adds one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHES = sorted(
    path.stem for path in (ROOT / "benches").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
)


def test_there_are_benches():
    assert {"engine", "pcie", "startup"} <= set(BENCHES)


@pytest.mark.parametrize("bench", BENCHES)
def test_a_bench_can_be_run_quickly(bench):
    done = subprocess.run(
        [sys.executable, "-m", f"benches.{bench}", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout


@pytest.mark.parametrize("bench", BENCHES)
def test_a_bench_is_documented(bench):
    assert f"benches.{bench}" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_make_runs_each_bench():
    done = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("for bench in ")]
    files = line.removeprefix("for bench in ").split(";")[0].split()
    assert files == [f"benches/{bench}.py" for bench in BENCHES]
