"""The registers of the whole core over AXI4-Lite, word by word; every address, in test_decode.py."""

from __future__ import annotations

import random

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from cocotb_tests import register_map
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.register_list import all_words, kept, read_map
from cocotb_tests.rule_watch import CHECKED_CORE, PARTS, watch_rules

SMALL = CoreParameters(
    ports=3,
    bus_w=128,
    priorities=2,
    ingress_bytes=2048,
    queue_bytes=4096,
    mac_entries=5,
    vlan_entries=3,
    list_entries=3,
    pool_filters=1,
    pause=1,
    private_vlans=1,
)
WORDS = all_words(SMALL)
MAPPED = {word.address: word for word in WORDS}
LIMIT_US = 4000
PERIOD_NS = 10


async def reset_core(dut):
    for name in ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready"):
        getattr(dut, f"s_axil_{name}").value = 0
    for name in ("s_axis_tvalid", "s_axis_tdata", "s_axis_tkeep", "s_axis_tlast", "s_axis_tuser", "m_axis_tready"):
        getattr(dut, name).value = 0
    dut.reset.value = 1
    Clock(dut.clk, PERIOD_NS, "ns").start()
    await ClockCycles(dut.clk, 4)
    dut.reset.value = 0
    watch_rules(dut, PERIOD_NS)
    await ClockCycles(dut.clk, 2)


async def start(dut, *, pauses=False):
    """Reset the core; return a master of its registers, one whose channels pause at random if asked."""
    await reset_core(dut)
    cocotb.log.setLevel("WARNING")
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.reset)
    if pauses:
        rng = random.Random(7)
        for channel in (
            master.write_if.aw_channel, master.write_if.w_channel, master.write_if.b_channel,
            master.read_if.ar_channel, master.read_if.r_channel,
        ):  # fmt: skip
            channel.set_pause_generator(rng.random() < 0.5 for _ in iter(int, 1))
    return master


async def read(master, address):
    answer = await master.read(address, 4)
    return int.from_bytes(answer.data, "little"), answer.resp


async def write(master, address, data):
    return (await master.write(address, data.to_bytes(4, "little"))).resp


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def writable_words_keep_what_their_fields_can_hold(dut):
    master = await start(dut, pauses=True)
    rng = random.Random(2)
    for pattern in (0xFFFFFFFF, 0, None):
        written = {}
        for word in WORDS:
            if word.is_writable:
                data = rng.getrandbits(32) if pattern is None else pattern
                assert await write(master, word.address, data) == AxiResp.OKAY, word
                written[word.address] = kept(word, data)
        for address, data in written.items():
            mask = ~1 if ".STATIONS" in MAPPED[address].name else ~0  # bit 0 is the uplink, which is no station
            found, _ = await read(master, address)
            assert found & mask == data & mask, (MAPPED[address], hex(data), hex(found))


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def writes_of_some_bytes_change_nothing(dut):
    master = await start(dut)
    for word in WORDS:
        if word.is_writable:
            before = await read(master, word.address)
            for at, n_bytes in ((0, 1), (1, 1), (2, 2), (0, 3)):
                answer = await master.write(word.address + at, bytes([0xFF] * n_bytes))
                assert answer.resp == AxiResp.SLVERR, word
            assert await read(master, word.address) == before, word


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def an_entry_changes_with_its_last_word(dut):
    master = await start(dut)
    rng = random.Random(3)
    tables = {}
    for word in WORDS:
        if word.table:
            tables.setdefault((word.table, word.name.split(".")[0]), []).append(word)
    for words in tables.values():
        for _ in range(2):
            before = [await read(master, word.address) for word in words]
            data = [rng.getrandbits(32) & word.mask & ~1 for word in words]
            for word, value in zip(words[:-1], data[:-1], strict=True):
                await write(master, word.address, value)
                assert [await read(master, each.address) for each in words] == before, word
            await write(master, words[-1].address, data[-1])
            assert [(await read(master, each.address))[0] for each in words] == data


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def the_stage_is_shared_and_the_last_address_names_the_place(dut):
    master = await start(dut)
    vlan, address = register_map.VLAN_BASE, register_map.ADDRESS_BASE
    other = vlan + 2 * register_map.VLAN_STRIDE
    await write(master, vlan + register_map.VLAN_VID, 5)
    await write(master, vlan + register_map.VLAN_MEMBERS, 6)
    await write(master, other + register_map.VLAN_UNTAGGED, 3)
    assert [(await read(master, other + 4 * i))[0] for i in range(3)] == [5, 6, 3]
    assert [(await read(master, vlan + 4 * i))[0] for i in range(3)] == [0, 0, 0]
    await write(master, address + register_map.ADDRESS_OWNERS, 2)
    assert [(await read(master, address + 4 * i))[0] for i in range(3)] == [5, 6, 2]


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def reset_clears_all_words(dut):
    master = await start(dut)
    for word in WORDS:
        if word.is_writable:
            await write(master, word.address, 0x5A5A5A5A)
    dut.reset.value = 1
    await RisingEdge(dut.clk)
    dut.reset.value = 0
    await ClockCycles(dut.clk, 2)
    for word in WORDS:
        assert (await read(master, word.address))[0] == word.reset, word


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def a_low_word_latches_its_high_word(dut):
    master = await start(dut)
    received = dut.core.statistics.received
    first, second = (register_map.COUNTER_BASE + port * register_map.COUNTER_STRIDE for port in (0, 2))
    received[0].value, received[2].value = 5 << 32 | 0xFFFFFFFF, 6 << 32 | 1
    await ClockCycles(dut.clk, 2)
    assert (await read(master, first + register_map.COUNTER_RECEIVED))[0] == 0xFFFFFFFF
    received[0].value = 7 << 32
    await ClockCycles(dut.clk, 2)
    assert (await read(master, first + register_map.COUNTER_RECEIVED + 4))[0] == 5
    # Whatever high word is read, it is that of the low word read last.
    assert (await read(master, second + register_map.COUNTER_RECEIVED))[0] == 1
    for port in (first, second):
        assert (await read(master, port + register_map.COUNTER_SENT + 4))[0] == 6


async def handshake(dut, valid, ready):
    """Hold a valid that is up until its ready was high at an edge."""
    while True:
        await RisingEdge(dut.clk)
        if ready.value == 1:
            break
    valid.value = 0


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def address_and_data_come_in_any_order_and_the_lowest_address_bits_do_not_matter(dut):
    await reset_core(dut)
    at = register_map.PORT_BASE + register_map.PORT_VIF
    dut.s_axil_bready.value = dut.s_axil_rready.value = 1
    for turn, first in enumerate(("aw", "w", "aw", "w")):
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = at + turn, 0x100 + turn, 15
        for channel in (first, "w" if first == "aw" else "aw"):
            valid, ready = getattr(dut, f"s_axil_{channel}valid"), getattr(dut, f"s_axil_{channel}ready")
            valid.value = 1
            await handshake(dut, valid, ready)
            await ClockCycles(dut.clk, turn)
        await ClockCycles(dut.clk, 4)
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = at + 3 - turn, 1
        await handshake(dut, dut.s_axil_arvalid, dut.s_axil_arready)
        while dut.s_axil_rvalid.value == 0:
            await RisingEdge(dut.clk)
        assert int(dut.s_axil_rdata.value) == 0x100 + turn
        await ClockCycles(dut.clk, 2)


def test_registers(simulate):
    assert simulate(CHECKED_CORE, PARTS, **SMALL.verilog()) == 7


@pytest.mark.parametrize("block", read_map()["blocks"], ids=lambda block: block["name"])
def test_python_addresses_are_those_of_the_map(block):
    assert getattr(register_map, f"{block['name']}_BASE") == block["base"]
    for register in block["registers"]:
        assert getattr(register_map, f"{block['name']}_{register['name']}") == register["offset"]
