"""One port's output, whole: queues, scheduler, reader and tags, cycle by cycle against the second model."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.egress_check import check_egress
from cocotb_tests.module_bench import LIMIT

NAMES = {f"m_axis_{name}": f"m_{name}" for name in ("tdata", "tkeep", "tvalid", "tready", "tlast")}


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.9], stalls=[0.0, 0.6])
async def copies_leave_in_their_cycles(dut, idles, stalls):
    egress = await check_egress(dut, 1, NAMES, idles, stalls)
    assert egress.n_seen > 60
    assert egress.n_lost > 0 or idles > 0 or stalls == 0


@pytest.mark.parametrize(
    ("bus_w", "priorities", "pause"), [(64, 2, 0), (128, 1, 0), (512, 8, 0), (128, 1, 1), (128, 4, 1)]
)
def test_output_port(simulate, bus_w, priorities, pause):
    parameters = {
        "BUS_W": bus_w, "PRIORITIES": priorities, "PAUSE": pause,
        "QUEUE_WORDS": -(-320 * 8 // bus_w) + 3,
    }  # fmt: skip
    assert simulate("output_port", **parameters) == 4
