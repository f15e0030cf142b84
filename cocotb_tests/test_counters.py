"""The counters: frames by port and fate, copies by port, 64 bits wide."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.module_bench import LIMIT, ModuleBench
from hwmodel.kernels.drop_reason import DropReason

FULL = int(DropReason.QUEUE_FULL)
READ_CYCLES = 3  # a read sees what happened so many cycles before
OFFSETS = (regs.COUNTER_RECEIVED, regs.COUNTER_LOST, regs.COUNTER_COPIES, regs.COUNTER_SENT)


async def wait_until_counted(bench):
    """End events and copies, and wait until a read sees those of the cycle before."""
    for _ in range(READ_CYCLES - 1):
        await bench.settle(event_valid=0, sent=0)
        await bench.next_cycle()


async def read(bench, port, offset):
    """Read a word; the answer is there in the cycle after the address."""
    await bench.settle(read_valid=1, read_address=(regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + offset) >> 2)
    assert bench.get("read_hit") == 1
    await bench.next_cycle()
    await bench.settle(read_valid=0)
    return bench.get("read_data")


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.6])
async def events_are_counted(dut, idles):
    n_ports = dut.PORTS.value.to_unsigned()
    bench = ModuleBench(dut, seed=14)
    await bench.start(event_valid=0, event_port=0, event_reason=0, event_ports=0, event_full=0, sent=0, read_address=0,
                      read_valid=0)  # fmt: skip
    counted = {}

    def count(port, offset):
        counted[port, offset] = counted.get((port, offset), 0) + 1

    for _ in range(800):
        is_event = not bench.chance(idles)
        port, reason = bench.rng.randrange(n_ports), bench.rng.choice((0, 0, *range(1, 24)))
        ports = bench.bits(n_ports) if reason in (0, FULL) else 0
        full = ports if reason == FULL else bench.bits(n_ports) & ports
        sent = bench.bits(n_ports) if bench.chance(0.5) else 0
        await bench.settle(
            event_valid=is_event, event_port=port, event_reason=reason, event_ports=ports, event_full=full, sent=sent
        )
        for other in range(n_ports):
            if sent >> other & 1:
                count(other, regs.COUNTER_SENT)
        if is_event:
            count(port, regs.COUNTER_RECEIVED)
            if reason == FULL:
                count(port, regs.COUNTER_LOST)
            elif reason:
                count(port, 8 * reason)
            for other in range(n_ports):
                if ports >> other & 1:
                    count(other, regs.COUNTER_COPIES)
                if full >> other & 1:
                    count(other, 8 * FULL)
        await bench.next_cycle()
    await wait_until_counted(bench)
    for port in range(n_ports):
        for offset in (*range(0, 256, 8), *OFFSETS):
            assert await read(bench, port, offset) == counted.get((port, offset), 0), (port, hex(offset))
            assert await read(bench, port, offset + 4) == 0


@cocotb.test(**LIMIT)
async def a_counter_carries_into_its_high_word_and_wraps(dut):
    bench = ModuleBench(dut)
    await bench.start(event_valid=0, event_port=0, event_reason=0, event_ports=0, event_full=0, sent=0, read_address=0,
                      read_valid=0)  # fmt: skip
    for before, low, high in ((0xFFFFFFFF, 0, 1), ((1 << 64) - 1, 0, 0)):
        dut.received[1].value = before
        await bench.next_cycle()
        await bench.settle(event_valid=1, event_port=1, event_reason=int(DropReason.RUNT))
        await bench.next_cycle()
        await wait_until_counted(bench)
        assert await read(bench, 1, regs.COUNTER_RECEIVED) == low
        assert await read(bench, 1, regs.COUNTER_RECEIVED + 4) == high


@cocotb.test(**LIMIT)
async def a_reset_clears_the_high_word_that_was_latched(dut):
    bench = ModuleBench(dut)
    idle = {"event_valid": 0, "event_port": 0, "event_reason": 0, "event_ports": 0, "event_full": 0, "sent": 0,
            "read_address": 0, "read_valid": 0}  # fmt: skip
    await bench.start(**idle)
    assert await read(bench, 1, regs.COUNTER_RECEIVED + 4) == 0, "before any low word was read"
    dut.received[1].value = 5 << 32
    await bench.next_cycle()
    assert await read(bench, 1, regs.COUNTER_RECEIVED) == 0
    assert await read(bench, 1, regs.COUNTER_RECEIVED + 4) == 5
    await bench.settle(reset=1)
    await bench.next_cycle()
    await bench.settle(reset=0)
    assert await read(bench, 1, regs.COUNTER_RECEIVED + 4) == 0


@pytest.mark.parametrize("ports", [2, 9])
def test_counters(simulate, ports):
    assert simulate("counters", PORTS=ports, PORT_I_W=(ports - 1).bit_length()) == 4
