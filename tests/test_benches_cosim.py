import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benches import cosim
from benches.comparison import Requirement
from benches.cosim import AXI_MODELS, BATCH, Run

ROOT = Path(__file__).resolve().parent.parent
HAS_COCOTB = importlib.util.find_spec("cocotb") is not None
RUNS = [Run(600, wall_s=4.0, cpu_s=2.0, check_s=0.5), Run(600, 9.0, 1.0, 0.7), Run(600, 3.0, 3.0, 0.6)]


def test_frames_a_second_are_by_processor_time():
    cells = cosim.row("batch", RUNS, Requirement(250, at_least=True), BATCH)
    assert cells == ("batch", "600", "300", "200", "600", "4.00", "0.600", ">= 250", "PASS")


def test_a_requirement_is_one_of_the_batch_driver():
    cells = cosim.row("models", RUNS, Requirement(250, at_least=True), AXI_MODELS)
    assert cells[-3:] == ("-", "-", "")
    assert cosim.row("mixed", RUNS, None, BATCH)[-2:] == ("-", "")


def test_a_ratio_is_formed_within_a_turn():
    slow = [Run(30, 1.0, 1.0, 0.0), Run(30, 1.0, 0.5, 0.0), Run(30, 1.0, 1.5, 0.0)]
    assert cosim.ratio_row("ratio", RUNS, slow)[2:5] == ("10.0", "10.0", "10.0")


def test_a_long_run_counts_with_its_check():
    limit = str(cosim.MIXED_SECONDS["verilator"])
    assert cosim.duration_row("long", RUNS[0], "verilator")[2:] == ("2.50", "", "", "", "", limit, "PASS")
    assert cosim.duration_row("long", Run(1, 0.0, 59.0, 2.0), "verilator")[-1] == "above"


def quick():
    done = subprocess.run(
        [sys.executable, "-m", "benches.cosim", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(HAS_COCOTB, reason="cocotb is installed")
def test_without_cocotb_it_says_so():
    assert quick() == ["nothing measured: cocotb is not installed (make cosim installs it)"]


@pytest.mark.skipif(not HAS_COCOTB or shutil.which("iverilog") is None, reason="needs cocotb and Icarus Verilog")
def test_a_quick_run_prints_its_table():
    lines = quick()
    assert lines[0].split("  ")[0] == cosim.HEADS[0]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "icarus, batch, 64 B",
        "icarus, AXI models, 64 B",
        "icarus, 64 B: batch / AXI models",
        "icarus, batch, 1518 B",
        "icarus, batch, mixed",
        f"icarus, {cosim.QUICK_FRAMES} frames, mixed, s",
    ]
