"""The registers of the switch core over AXI4-Lite: what they hold, who answers, what counts, what reset leaves."""

from __future__ import annotations

import random

import cocotb

from cocotb_tests import register_map as at
from cocotb_tests.core_bench import CoreBench
from hwmodel.kernels.drop_reason import DropReason

OKAY, SLVERR = 0, 2
ALL = 0xFFFF_FFFF
CONTROL_ALL = (1 << at.PORT_CONTROL_DEFAULT_PRIORITY_LSB + 3) - 1
STATION = 1 << at.PORT_CONTROL_ENABLE_LSB | 1 << at.PORT_CONTROL_LOOPBACK_LSB


async def bench_of(dut):
    bench = CoreBench(dut)
    await bench.start()
    return bench


def parameter(dut, name):
    return int(getattr(dut, name).value)


def counter(port, offset):
    return at.COUNTER_BASE + at.COUNTER_STRIDE * port + offset


async def count(bench, port, offset):
    low, response = await bench.read(counter(port, offset))
    high, _ = await bench.read(counter(port, offset) + 4)
    assert response == OKAY
    return high << 32 | low


async def write_entry(bench, address, *words):
    for position, word in enumerate(words):
        assert await bench.write(address + 4 * position, word) == OKAY


async def set_up_two_stations(bench):
    """Make ports 1 and 2 stations of VLAN 1 with the addresses 02:..:01 and 02:..:02."""
    await bench.write(at.CORE_UPLINK, 1)
    await write_entry(bench, at.VLAN_BASE, 1, 0b110, 0b110)
    for port in (1, 2):
        base = at.PORT_BASE + at.PORT_STRIDE * port
        await bench.write(base + at.PORT_CONTROL, STATION)
        await bench.write(base + at.PORT_PORT_VLAN, 1)
        await write_entry(bench, at.ADDRESS_BASE + at.ADDRESS_STRIDE * port, port, 0x0200, 1 << port)


def frame(to, source, length=60):
    head = bytes.fromhex(f"02000000{to:04x}02000000{source:04x}0800")
    return head + bytes(i & 0xFF for i in range(length - len(head)))


@cocotb.test()
async def tells_what_it_is(dut):
    bench = await bench_of(dut)
    assert await bench.read(at.CORE_IDENTIFICATION) == (at.CORE_IDENTIFICATION_VALUE_RESET, OKAY)
    shape, _ = await bench.read(at.CORE_SHAPE)
    assert shape & 0xFF == bench.n_ports
    assert shape >> at.CORE_SHAPE_PRIORITIES_LSB & 0xFF == parameter(dut, "PRIORITIES")
    assert shape >> at.CORE_SHAPE_BUS_W_LSB == parameter(dut, "BUS_W")
    sizes, _ = await bench.read(at.CORE_TABLE_SIZES)
    assert sizes == parameter(dut, "VLAN_ENTRIES") << 16 | parameter(dut, "MAC_ENTRIES")
    assert await bench.read(at.CORE_INGRESS_BYTES) == (parameter(dut, "INGRESS_BYTES"), OKAY)
    assert await bench.read(at.CORE_QUEUE_BYTES) == (parameter(dut, "QUEUE_BYTES"), OKAY)


@cocotb.test()
async def registers_hold_their_fields_and_no_more(dut):
    bench = await bench_of(dut)
    base = at.PORT_BASE + at.PORT_STRIDE * (bench.n_ports - 1)
    fields = {
        at.CORE_MODE: 3,
        at.CORE_UPLINK: 1,
        base + at.PORT_CONTROL: CONTROL_ALL,
        base + at.PORT_MAX_FRAME: 0x3FFF,
        base + at.PORT_PORT_VLAN: 0xFFF,
        base + at.PORT_VIF: 0xFFF,
        base + at.PORT_ECID: 0xFFFFF,
        base + at.PORT_SCHEDULER: 3,
        base + at.PORT_QUANTUM: 0xFFFF,
    }
    assert (await bench.read(base + at.PORT_MAX_FRAME))[0] == at.PORT_MAX_FRAME_VALUE_RESET
    assert (await bench.read(base + at.PORT_QUANTUM))[0] == at.PORT_QUANTUM_VALUE_RESET
    for address in fields:
        assert await bench.write(address, ALL) == OKAY
    for address, mask in fields.items():
        assert await bench.read(address) == (mask, OKAY), hex(address)
    for address in fields:
        await bench.write(address, 0)
        assert (await bench.read(address))[0] == (1 if address == base + at.PORT_QUANTUM else 0)


@cocotb.test()
async def entries_appear_with_their_last_word(dut):
    bench = await bench_of(dut)
    ports = (1 << bench.n_ports) - 1
    tables = {
        at.VLAN_BASE + at.VLAN_STRIDE * (parameter(dut, "VLAN_ENTRIES") - 1): (0xFFF, ports, ports),
        at.LIST_BASE + at.LIST_STRIDE * (parameter(dut, "LIST_ENTRIES") - 1): (0x3FFFFF, ports & ~1),
        at.LIST_BASE: (0x155555, ports & ~1),
        at.ADDRESS_BASE + at.ADDRESS_STRIDE * (parameter(dut, "MAC_ENTRIES") - 1): (ALL, 0x0FFFFFFF, ports),
    }
    for address, masks in tables.items():
        for position in range(len(masks)):
            assert await bench.read(address + 4 * position) == (0, OKAY)
            await bench.write(address + 4 * position, ALL & (masks[0] if position == 0 else ALL))
        for position, mask in enumerate(masks):
            assert await bench.read(address + 4 * position) == (mask, OKAY), hex(address)


@cocotb.test()
async def unmapped_addresses_answer_an_error(dut):
    bench = await bench_of(dut)
    beyond_vlans = at.VLAN_BASE + at.VLAN_STRIDE * parameter(dut, "VLAN_ENTRIES")
    unmapped = (
        *(0x1C, 0x48, 0xFFC, at.PORT_BASE + at.PORT_STRIDE * bench.n_ports, at.PORT_BASE + 0x18),
        *(at.PORT_BASE + at.PORT_QUANTUM + 4 * parameter(dut, "PRIORITIES"), at.VLAN_BASE + 0xC, beyond_vlans),
        *(counter(0, 0x120), counter(bench.n_ports, 0), 0xFFFC),
    )
    for address in unmapped:
        assert await bench.read(address) == (0, SLVERR), hex(address)
        assert await bench.write(address, ALL) == SLVERR, hex(address)
    for address in (at.CORE_IDENTIFICATION, at.CORE_SHAPE, counter(0, 0)):
        assert await bench.write(address, ALL) == SLVERR
    assert await bench.write(at.CORE_MODE, 3, strobes=0b0111) == SLVERR
    assert await bench.read(at.CORE_MODE) == (0, OKAY)


@cocotb.test()
async def data_may_come_before_the_address(dut):
    bench = await bench_of(dut)
    assert await bench.write(at.CORE_MODE, 2, data_first=True) == OKAY
    assert await bench.read(at.CORE_MODE) == (2, OKAY)


@cocotb.test()
async def counters_balance(dut):
    bench = await bench_of(dut)
    await set_up_two_stations(bench)
    for _ in range(3):
        await bench.send(1, frame(2, 1))
    await bench.send(2, frame(1, 2), is_bad=True)
    await bench.send(2, frame(2, 2))
    await bench.steps(100)
    assert bench.received[2] == [frame(2, 1)] * 3
    assert await count(bench, 1, at.COUNTER_RECEIVED) == 3
    assert await count(bench, 2, at.COUNTER_RECEIVED) == 2
    assert await count(bench, 2, 8 * DropReason.BAD_FRAME) == 1
    assert await count(bench, 2, 8 * DropReason.SAME_PORT) == 1
    assert await count(bench, 2, at.COUNTER_COPIES) == 3
    assert await count(bench, 2, at.COUNTER_SENT) == 3
    assert await count(bench, 1, at.COUNTER_SENT) == 0


@cocotb.test()
async def lost_copies_count_at_their_port_and_lost_frames_where_they_came_from(dut):
    bench = await bench_of(dut)
    await set_up_two_stations(bench)
    dut.m_axis_tready.value = 0
    words = parameter(dut, "QUEUE_BYTES") * 8 // parameter(dut, "BUS_W")
    n_words = -(-60 * 8 // parameter(dut, "BUS_W"))
    held = words // n_words
    # One frame leaves the queue for the output stage, word by word as the width allows; the rest fills the queue.
    for _ in range(held + 12):
        await bench.send(1, frame(2, 1))
    await bench.steps(60)
    lost = sum(event[1] == DropReason.QUEUE_FULL for event in bench.events)
    assert lost > 0
    assert await count(bench, 2, 8 * DropReason.QUEUE_FULL) == lost
    assert await count(bench, 1, at.COUNTER_LOST) == lost
    assert await count(bench, 2, at.COUNTER_COPIES) == held + 12
    assert await count(bench, 2, at.COUNTER_SENT) == 0
    dut.m_axis_tready.value = (1 << bench.n_ports) - 1
    await bench.steps(20 * held + 200)
    assert bench.received[2] == [frame(2, 1)] * (held + 12 - lost)
    assert await count(bench, 2, at.COUNTER_SENT) == held + 12 - lost


@cocotb.test()
async def reset_cuts_what_is_under_way_and_clears_everything(dut):
    bench = await bench_of(dut)
    rng = random.Random(1)
    for _ in range(4):
        await set_up_two_stations(bench)
        await bench.send(1, frame(2, 1, 400))
        await bench.send(2, frame(1, 2, 400), n_beats=rng.randrange(1, 40))
        await bench.steps(rng.randrange(8))
        bench.received = [[] for _ in range(bench.n_ports)]
        await bench.reset()
        assert int(dut.m_axis_tvalid.value) == 0
        await bench.steps(100)
        assert bench.received == [[] for _ in range(bench.n_ports)]
        assert await count(bench, 1, at.COUNTER_RECEIVED) == 0
        assert await count(bench, 1, 8 * DropReason.PORT_DISABLED) == 0
        assert await bench.read(at.CORE_UPLINK) == (0, OKAY)
        await bench.send(1, frame(2, 1))
        await bench.steps(40)
        assert bench.events[-1][:2] == (1, DropReason.PORT_DISABLED)
        assert await count(bench, 1, 8 * DropReason.PORT_DISABLED) == 1
