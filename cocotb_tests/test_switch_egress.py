"""All outputs side by side: each takes, of every frame, what is for it, and goes on by itself."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.egress_check import check_egress
from cocotb_tests.module_bench import LIMIT

PORTS = 3


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.9], stalls=[0.0, 0.6])
async def outputs_are_apart(dut, idles, stalls):
    names = {f"m_axis_{name}": f"m_axis_{name}" for name in ("tdata", "tkeep", "tvalid", "tready", "tlast")}
    egress = await check_egress(dut, PORTS, names, idles, stalls)
    assert egress.n_seen > 100


@pytest.mark.parametrize("pause", [0, 1])
def test_switch_egress(simulate, pause):
    parameters = {"BUS_W": 128, "PRIORITIES": 2, "PAUSE": pause, "QUEUE_WORDS": 24}
    assert simulate("switch_egress", PORTS=PORTS, **parameters) == 4
