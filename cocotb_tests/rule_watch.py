"""Inside the simulator: a test on verilog/checked_core.v fails as soon as a protocol checker names a rule."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.utils import get_sim_time

from cocotb_tests.protocol import CHECKERS, divergence_of

CHECKED_CORE = "checked_core"
PARTS = (CHECKED_CORE, *CHECKERS)


def watch_rules(dut: Any, period_ns: int) -> None:
    """Let the test at hand fail, from now on, where the core breaks a rule."""
    cocotb.start_soon(_watch(dut, period_ns))


async def _watch(dut: Any, period_ns: int) -> None:
    while not (rule := dut.broken_rule.value.to_unsigned()):
        await dut.broken_rule.value_change
    cycle = int(get_sim_time("ns") // period_ns)
    raise AssertionError(str(divergence_of(rule, dut.broken_port.value.to_unsigned(), cycle)))
