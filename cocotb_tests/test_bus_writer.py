"""The end of the bus: a frame goes to a queue whole or not at all."""

from __future__ import annotations

import cocotb

from cocotb_tests.module_bench import LIMIT, ModuleBench
from hwmodel.forwarding.drop_reason import DropReason


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5])
async def frames_are_written_whole_or_not_at_all(dut, idles):
    n_ports, port_bits = dut.PORTS.value.to_unsigned(), len(dut.port)
    bench = ModuleBench(dut, seed=4)
    await bench.start(decided=0, port=0, reason=0, egress=0, room=0, word_valid=0, word_first=0)
    left, now = 0, (0, 0, 0, 0)  # words that are still to come of a frame; its port, reason, ports and who takes it
    is_first = False
    for cycle in range(1000):
        decided = left <= 1 and not bench.chance(idles)
        reason = bench.rng.choice((0, 0, 0, int(DropReason.RUNT))) if decided else bench.rng.randrange(24)
        egress = 0 if decided and reason else bench.bits(n_ports)
        port, room, is_valid = bench.rng.randrange(1 << port_bits), bench.bits(n_ports), left > 0
        await bench.settle(
            decided=decided, port=port, reason=reason, egress=egress, room=room, word_valid=is_valid,
            word_first=is_first if is_valid else bench.rng.randrange(2),
        )  # fmt: skip
        assert bench.get("offer") == (egress if decided else 0), cycle
        assert bench.get("event_valid") == is_first, cycle
        came_from, why, asked, taken = now
        assert bench.get("write") == (taken if is_valid else 0), cycle
        if is_first:
            lost = asked != 0 and taken == 0
            assert (bench.get("event_ports"), bench.get("event_full")) == (asked, asked & ~taken)
            assert bench.get("event_reason") == (int(DropReason.QUEUE_FULL) if lost else why)
            assert bench.get("event_port") == came_from
        is_first, left = decided, max(left - 1, 0)
        if decided:
            left, now = bench.rng.randint(1, 5), (port, reason, egress, egress & room)
        await bench.next_cycle()


def test_bus_writer(simulate):
    assert simulate("bus_writer", PORTS=5) == 2
