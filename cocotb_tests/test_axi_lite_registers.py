"""The AXI4-Lite port: channels in any order and with pauses, one access at a time, each done once."""

from __future__ import annotations

from collections import deque

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.module_bench import LIMIT, ModuleBench

OKAY, SLVERR = 0, 2
READ_DATA = 0x1234_0000
INPUTS = (
    "awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready",
)  # fmt: skip
# Where the parameters stand in the words that say how large the core is.
SIZES = {
    regs.CORE_SHAPE: {
        "PORTS": regs.CORE_SHAPE_PORTS_LSB, "PRIORITIES": regs.CORE_SHAPE_PRIORITIES_LSB,
        "BUS_W": regs.CORE_SHAPE_BUS_W_LSB,
    },
    regs.CORE_TABLE_SIZES: {
        "MAC_ENTRIES": regs.CORE_TABLE_SIZES_MAC_ENTRIES_LSB, "VLAN_ENTRIES": regs.CORE_TABLE_SIZES_VLAN_ENTRIES_LSB,
    },
    regs.CORE_LIST_SIZE: {
        "LIST_ENTRIES": regs.CORE_LIST_SIZE_LIST_ENTRIES_LSB,
        "MAX_FRAME_BYTES": regs.CORE_LIST_SIZE_MAX_FRAME_BYTES_LSB,
    },
    regs.CORE_INGRESS_BYTES: {"INGRESS_BYTES": 0},
    regs.CORE_QUEUE_BYTES: {"QUEUE_BYTES": 0},
}  # fmt: skip
LARGEST = {
    "PORTS": 17, "PRIORITIES": 8, "MAC_ENTRIES": 1024, "VLAN_ENTRIES": 256, "LIST_ENTRIES": 256,
    "MAX_FRAME_BYTES": 9724, "INGRESS_BYTES": 1 << 18, "QUEUE_BYTES": 1 << 20,
}  # fmt: skip


def random_write(bench):
    """Return address, data and strobes of a write, and whether some block has the address."""
    base = bench.rng.choice((regs.PORT_BASE, regs.VLAN_BASE, regs.LIST_BASE, regs.ADDRESS_BASE))
    return base + 4 * bench.rng.randrange(8), bench.bits(32), bench.rng.choice((15, 15, 15, 7, 0)), bench.chance(0.8)


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.6], stalls=[0.0, 0.6])
async def writes_take_effect_once_and_in_order(dut, idles, stalls):
    bench = ModuleBench(dut, seed=18)
    await bench.start(**{f"s_axil_{name}": 0 for name in INPUTS}, write_hit=0, read_hit=0, read_data=0)
    addresses, data, answers, waiting = deque(), deque(), deque(), deque()
    stage = {}
    up = {"aw": False, "w": False}
    n_done = 0
    for cycle in range(3000):
        if len(waiting) < 3:
            access = random_write(bench)
            waiting.append(access)
            addresses.append(access[0])
            data.append(access[1:3])
        for channel, queue in (("aw", addresses), ("w", data)):
            up[channel] = bool(queue) and (up[channel] or not bench.chance(idles))
        ready = not bench.chance(stalls)
        word, strobes = data[0] if data else (0, 0)
        await bench.settle(
            s_axil_awvalid=up["aw"], s_axil_awaddr=(addresses[0] if addresses else 0) >> 2, s_axil_wvalid=up["w"],
            s_axil_wdata=word, s_axil_wstrb=strobes, s_axil_bready=ready, write_hit=waiting[0][3],
        )  # fmt: skip
        assert bench.get("s_axil_bvalid") == bool(answers), cycle
        for place, name in ((0, "stage_first"), (1, "stage_second")):
            if place in stage:
                assert bench.get(name) == stage[place] & (0xFFFFFFF if place else 0xFFFFFFFF), cycle
        if answers:
            assert bench.get("s_axil_bresp") == answers[0], cycle
        assert not (bench.get("write_valid") and (answers or not waiting[0][3])), cycle
        if bench.get("write_valid"):
            address, word, strobes, is_hit = waiting[0]
            assert (bench.get("write_address"), bench.get("write_data")) == (address >> 2, word), cycle
            assert strobes == 15
        taken = {channel: up[channel] and bench.get(f"s_axil_{channel}ready") == 1 for channel in up}
        if ready and answers:
            answers.popleft()
        # A write was carried out if its answer is up in the next cycle; a good one showed itself in this.
        shown = bench.get("write_valid")
        await bench.next_cycle()
        if bench.get("s_axil_bvalid") and not answers:
            address, word, strobes, is_hit = waiting.popleft()
            is_good = strobes == 15 and is_hit
            assert shown == is_good, cycle
            answers.append(OKAY if is_good else SLVERR)
            n_done += 1
            if is_good and regs.VLAN_BASE <= address < regs.COUNTER_BASE:
                n_words = 2 if address < regs.ADDRESS_BASE and address >= regs.LIST_BASE else 4
                place = address // 4 % n_words
                if place < (1 if n_words == 2 else 2):
                    stage[place] = word
        else:
            assert not shown, cycle
        for channel, queue in (("aw", addresses), ("w", data)):
            if taken[channel]:
                queue.popleft()
                up[channel] = False
    assert n_done > 150


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.6], stalls=[0.0, 0.6])
async def reads_are_answered_in_order(dut, idles, stalls):
    bench = ModuleBench(dut, seed=19)
    await bench.start(**{f"s_axil_{name}": 0 for name in INPUTS}, write_hit=0, read_hit=0, read_data=0)
    up, address, asked, n_done, answer = False, 0, deque(), 0, 0
    for cycle in range(2500):
        if not up and not bench.chance(idles):
            up, address = True, regs.PORT_BASE + 4 * bench.rng.randrange(64)
        ready = not bench.chance(stalls)
        await bench.settle(s_axil_arvalid=up, s_axil_araddr=address >> 2, s_axil_rready=ready, read_data=answer)
        # The block that has the address says so in the cycle of read_valid, and its data comes in the next.
        hit = bench.get("read_valid") and bench.get("read_address") % 3 != 0
        await bench.settle(read_hit=hit)
        answer = READ_DATA | bench.get("read_address") if bench.get("read_valid") else bench.bits(32)
        if bench.get("s_axil_rvalid"):
            expected = asked[0]
            is_mapped = (expected >> 2) % 3 != 0
            assert bench.get("s_axil_rresp") == (OKAY if is_mapped else SLVERR), cycle
            assert bench.get("s_axil_rdata") == (READ_DATA | expected >> 2 if is_mapped else 0), cycle
            if ready:
                asked.popleft()
                n_done += 1
        if up and bench.get("s_axil_arready"):
            asked.append(address)
            up = False
        assert len(asked) <= 1, cycle
        await bench.next_cycle()
    assert n_done > 150


@cocotb.test(**LIMIT)
async def reads_are_answered_as_other_words_are_written(dut):
    bench = ModuleBench(dut)
    await bench.start(**{f"s_axil_{name}": 0 for name in INPUTS}, write_hit=1, read_hit=0, read_data=0)
    words = {regs.CORE_BASE + regs.CORE_IDENTIFICATION: regs.CORE_IDENTIFICATION_VALUE_RESET, regs.PORT_BASE: 7}
    # Of a core without features nobody has the register that names them.
    pools, pause, private = (
        getattr(dut, name).value.to_unsigned() for name in ("POOL_FILTERS", "PAUSE", "PRIVATE_VLANS")
    )
    features = regs.CORE_BASE + regs.CORE_FEATURES
    words[features] = pools << regs.CORE_FEATURES_POOL_FILTERS_LSB | pause << regs.CORE_FEATURES_PAUSE_LSB
    words[features] |= private << regs.CORE_FEATURES_PRIVATE_VLANS_LSB
    responses = dict.fromkeys(words, OKAY) | {features: OKAY if pools or pause or private else SLVERR}
    for place, word in words.items():
        for start in range(7):
            await bench.settle(s_axil_rready=1, s_axil_bready=1, s_axil_wstrb=15)
            for cycle in range(16):
                asks, writes = cycle == 4, cycle == start
                await bench.settle(
                    s_axil_araddr=place >> 2, s_axil_arvalid=asks, s_axil_awaddr=(regs.PORT_BASE + regs.PORT_VIF) >> 2,
                    s_axil_wdata=start, s_axil_awvalid=writes, s_axil_wvalid=writes,
                )  # fmt: skip
                # What a block that has no such register gives is 0.
                await bench.settle(read_hit=place == regs.PORT_BASE, read_data=7 * (place == regs.PORT_BASE))
                assert bench.get("s_axil_rvalid") == (cycle == 7), (hex(place), start, cycle)
                if cycle == 7:
                    assert bench.get("s_axil_rdata") == word, (hex(place), start)
                    assert bench.get("s_axil_rresp") == responses[place], (hex(place), start)
                await bench.next_cycle()


@cocotb.test(**LIMIT)
async def the_core_says_how_large_it_is(dut):
    bench = ModuleBench(dut)
    await bench.start(**{f"s_axil_{name}": 0 for name in INPUTS}, write_hit=0, read_hit=0, read_data=0)
    for place, fields in SIZES.items():
        parameters = {name: getattr(dut, name).value.to_unsigned() << lsb for name, lsb in fields.items()}
        await bench.settle(s_axil_araddr=(regs.CORE_BASE + place) >> 2, s_axil_arvalid=1, s_axil_rready=1)
        while not bench.get("s_axil_rvalid"):
            await bench.next_cycle()
            await bench.settle(s_axil_arvalid=0)
        assert (bench.get("s_axil_rresp"), bench.get("s_axil_rdata")) == (OKAY, sum(parameters.values())), parameters
        await bench.next_cycle()


@pytest.mark.parametrize(
    ("pools", "pause", "private", "sizes"), [(0, 0, 0, {}), (1, 0, 0, LARGEST), (0, 1, 0, {}), (0, 0, 1, {})]
)
def test_axi_lite_registers(simulate, pools, pause, private, sizes):
    features = {"POOL_FILTERS": pools, "PAUSE": pause, "PRIVATE_VLANS": private}
    assert simulate("axi_lite_registers", **features, **sizes) == 10
