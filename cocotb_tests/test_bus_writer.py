"""The end of the bus: a frame goes to a queue whole or not at all."""

from __future__ import annotations

import cocotb

from cocotb_tests.module_bench import LIMIT, ModuleBench
from hwmodel.kernels.drop_reason import DropReason


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5])
async def frames_are_written_whole_or_not_at_all(dut, idles):
    n_ports = dut.PORTS.value.to_unsigned()
    bench = ModuleBench(dut, seed=4)
    await bench.start(word_valid=0, word_first=0, reason=0, egress=0, room=0)
    left = taken = 0
    for cycle in range(1000):
        is_first = left == 0 and not bench.chance(idles)
        if is_first:
            left = bench.rng.randint(1, 5)
            reason = bench.rng.choice((0, 0, 0, int(DropReason.RUNT)))
            egress = 0 if reason else bench.bits(n_ports)
        else:
            reason, egress = bench.rng.randrange(24), bench.bits(n_ports)
        room, is_valid = bench.bits(n_ports), left > 0
        await bench.settle(word_valid=is_valid, word_first=is_first, reason=reason, egress=egress, room=room)
        if is_first:
            taken = egress & room
        assert bench.get("write") == (taken if is_valid else 0), cycle
        assert bench.get("event_valid") == is_first
        if is_first:
            full = egress & ~room
            lost = egress != 0 and taken == 0
            assert (bench.get("event_ports"), bench.get("event_full")) == (egress, full)
            assert bench.get("event_reason") == (int(DropReason.QUEUE_FULL) if lost else reason)
        left = max(left - 1, 0)
        await bench.next_cycle()


def test_bus_writer(simulate):
    assert simulate("bus_writer", PORTS=5) == 2
