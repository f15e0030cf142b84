"""The counters: frames by port and fate, copies by port, 64 bits wide."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.module_bench import LIMIT, ModuleBench
from hwmodel.forwarding.drop_reason import DropReason

FULL = int(DropReason.QUEUE_FULL)
IDLE = dict.fromkeys(
    ("event_valid", "event_port", "event_reason", "event_ports", "event_full", "sent", "read_address", "read_valid"), 0
)
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
    await bench.start(**IDLE)
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


def preset(dut, port, offset, value):
    """Let a counter hold a value, as after so many events, of which none is on its way to be counted."""
    if offset == regs.COUNTER_LOST or (offset < regs.COUNTER_RECEIVED and offset != 8 * FULL):
        at = port << 5 | (FULL if offset == regs.COUNTER_LOST else offset // 8)
        dut.tally[at].value = value
        dut.counted.value = (1 << len(dut.counted)) - 1
    else:
        stores = {regs.COUNTER_RECEIVED: dut.received, regs.COUNTER_COPIES: dut.copies, regs.COUNTER_SENT: dut.left}
        stores.get(offset, dut.full)[port].value = value


def event_of(port, offset):
    """Return the inputs of a cycle in which a counter goes up by one."""
    if offset == regs.COUNTER_SENT:
        return {"sent": 1 << port}
    event = {"event_valid": 1, "event_port": port, "event_reason": int(DropReason.RUNT)}
    if offset == regs.COUNTER_LOST:
        return event | {"event_reason": FULL}
    if offset == regs.COUNTER_COPIES:
        return event | {"event_reason": 0, "event_ports": 1 << port}
    if offset == 8 * FULL:
        return event | {"event_reason": 0, "event_full": 1 << port}
    return event


@cocotb.test(**LIMIT)
async def each_counter_carries_at_each_bit_and_wraps(dut):
    bench = ModuleBench(dut, seed=15)
    await bench.start(**IDLE)
    n_ports = dut.PORTS.value.to_unsigned()
    for offset in (*OFFSETS, 8 * FULL, 8 * int(DropReason.RUNT)):
        for bit in range(1, 65, 1 if n_ports == 2 else 9):
            port = bench.rng.randrange(n_ports)
            preset(dut, port, offset, (1 << bit) - 1)
            await bench.next_cycle()
            await bench.settle(**event_of(port, offset))
            await bench.next_cycle()
            await wait_until_counted(bench)
            found = await read(bench, port, offset) | await read(bench, port, offset + 4) << 32
            assert found == 1 << bit & (1 << 64) - 1, (hex(offset), bit)
            preset(dut, port, offset, 0)


@cocotb.test(**LIMIT)
async def counters_are_read_in_every_cycle_of_events(dut):
    """Read among events that make counters carry: a low word is that of its time, and a high word goes with it."""
    bench = ModuleBench(dut, seed=16)
    await bench.start(**IDLE)
    kinds = (*OFFSETS, 8 * FULL, 8 * int(DropReason.RUNT))
    n_ports = dut.PORTS.value.to_unsigned()
    value = {}
    for port in range(n_ports):
        for offset in kinds:
            value[port, offset] = bench.rng.randrange(1 << 31) << 32 | (1 << 32) - bench.rng.randrange(1, 60)
            preset(dut, port, offset, value[port, offset])
    await bench.next_cycle()
    history = [dict(value)]  # at the beginning of each cycle
    high = 0
    n_carried, first_high = 0, {key: each >> 32 for key, each in value.items()}
    for cycle in range(1500):
        inputs = dict(IDLE)
        reads = cycle % 4 == 0
        if reads:
            port, offset = bench.rng.randrange(min(n_ports, 2)), bench.rng.choice(kinds)
            place = bench.rng.choice((0, 0, 4, 4, None))
            elsewhere = bench.rng.choice((regs.PORT_BASE, regs.VLAN_BASE, regs.ADDRESS_BASE)) + 4 * cycle % 64
            address = elsewhere if place is None else regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + offset + place
            inputs |= {"read_valid": 1, "read_address": address >> 2}
        counts = [(bench.rng.randrange(min(n_ports, 2)), bench.rng.choice(kinds)) for _ in range(2)]
        sent = [each for each in counts if each[1] == regs.COUNTER_SENT]
        for each in (*sent[:1], *[each for each in counts if each not in sent][:1]):
            inputs |= event_of(*each)
        await bench.settle(**inputs)
        if reads:
            assert bench.get("read_hit") == (place is not None)
        value = dict(value)
        _count(value, inputs, n_ports)
        history.append(value)
        await bench.next_cycle()
        await bench.settle(read_valid=0)
        if reads and place == 0:
            low = bench.get("read_data")
            whole = history[max(cycle + 1 - READ_CYCLES, 0)][port, offset]
            assert low == whole & 0xFFFFFFFF, (cycle, hex(offset), hex(low), hex(whole))
            high = whole >> 32
            n_carried += high != first_high[port, offset]
        elif reads and place is None:
            assert bench.get("read_data") == 0, cycle
        elif reads:
            assert bench.get("read_data") == high, (cycle, hex(offset))
    assert n_carried > 20


def _count(value, inputs, n_ports):
    if inputs["event_valid"]:
        port, reason = inputs["event_port"], inputs["event_reason"]
        value[port, regs.COUNTER_RECEIVED] += 1
        if reason:
            value[port, regs.COUNTER_LOST if reason == FULL else 8 * reason] += 1
    for port in range(n_ports):
        value[port, regs.COUNTER_COPIES] += inputs["event_ports"] >> port & 1
        value[port, 8 * FULL] += inputs["event_full"] >> port & 1
        value[port, regs.COUNTER_SENT] += inputs["sent"] >> port & 1


@cocotb.test(**LIMIT)
async def a_reset_clears_the_high_word_that_was_latched(dut):
    bench = ModuleBench(dut)
    await bench.start(**IDLE)
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
    assert simulate("counters", PORTS=ports) == 5
