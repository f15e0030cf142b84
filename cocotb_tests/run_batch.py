"""Inside the simulator: let verilog/frame_bench.v run its stages; Python wakes once, at the end."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

PERIOD_NS = 2


@cocotb.test()
async def run_stages(dut: Any) -> None:
    """Start the bench and wait for its end; it ends each stage in a cycle that its settings name."""
    dut.n_stages.value = int(os.environ["BATCH_STAGES"])
    dut.go.value = 1
    if not cocotb.SIM_NAME.startswith("Icarus"):
        Clock(dut.given_clk, PERIOD_NS, "ns").start()
    await RisingEdge(dut.done)
