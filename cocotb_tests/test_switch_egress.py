"""All outputs side by side: each takes, of every frame, what is for it, and goes on by itself."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.egress_check import KINDS, check_egress
from cocotb_tests.module_bench import LIMIT

NAMES = {f"m_axis_{name}": f"m_axis_{name}" for name in ("tdata", "tkeep", "tvalid", "tready", "tlast")}
PORT_CYCLES = 12_000
# One for each high bit of a length, all others of which are 0: without it the frame soon ends.
LONG = [(1 << bit) + 8 for bit in range(8, 14)]


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.9], stalls=[0.0, 0.6])
async def outputs_are_apart(dut, idles, stalls):
    n_ports = dut.PORTS.value.to_unsigned()
    egress = await check_egress(dut, n_ports, NAMES, idles, stalls, PORT_CYCLES // n_ports)
    assert egress.n_seen > 100


@cocotb.test(**LIMIT)
@cocotb.parametrize(kind=["round_robin", "deficit"])
async def each_bit_of_a_length_counts(dut, kind):
    """Round robin shows the last byte of each frame, and deficit round robin the length that counts there."""
    n_cycles = sum(LONG) * 8 // dut.BUS_W.value.to_unsigned() + 50
    await check_egress(dut, dut.PORTS.value.to_unsigned(), NAMES, 0.0, 0.0, n_cycles, LONG, [KINDS.index(kind)])


@pytest.mark.parametrize(
    ("ports", "pause", "bus_w", "queue_words"), [(3, 0, 128, 24), (17, 1, 512, 131)], ids=["3 ports", "17 ports"]
)
def test_switch_egress(simulate, ports, pause, bus_w, queue_words):
    """Let queues of few ports be full often, and those of the most ports hold long frames."""
    parameters = {"PRIORITIES": 2, "PAUSE": pause, "BUS_W": bus_w, "QUEUE_WORDS": queue_words}
    assert simulate("switch_egress", PORTS=ports, **parameters) == 6
