"""The bus: words come out a fixed number of cycles later, and the header in between."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench

HEADER_BYTES = 26
INFO_W = 20
LOOKUP_CYCLES = 6


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5])
async def words_and_headers_keep_their_distance(dut, idles):
    bus_w, depth, n_header = (getattr(dut, name).value.to_unsigned() for name in ("BUS_W", "DEPTH", "HEADER_WORDS"))
    bench = ModuleBench(dut, seed=3)
    await bench.start(in_valid=0, in_first=0, in_word=0, in_info=0)
    entered, left, n_headers = {}, 0, 0
    for cycle in range(1200):
        # A frame comes without a pause and has at least as many words as a header here.
        if left == 0 and not bench.chance(idles):
            left = bench.rng.randint(1, 6)
            entered[cycle] = (True, bench.bits(bus_w), bench.bits(INFO_W))
        elif left > 0:
            entered[cycle] = (False, bench.bits(bus_w), 0)
        left = max(left - 1, 0)
        is_first, word, info = entered.get(cycle, (False, bench.bits(bus_w), 0))
        await bench.settle(in_valid=cycle in entered, in_first=is_first, in_word=word, in_info=info)
        gone = cycle - depth
        assert bench.get("out_valid") == (gone in entered), cycle
        if gone in entered:
            assert bench.get("out_first") == entered[gone][0]
            assert bench.get("out_word") == entered[gone][1]
        begun = cycle - n_header
        has_header = begun in entered and entered[begun][0]
        assert bench.get("header_valid") == has_header, cycle
        if has_header:
            n_headers += 1
            assert bench.get("header_info") == entered[begun][2]
            shown = bench.get("header").to_bytes(HEADER_BYTES, "little")
            whole = b""
            for i in range(n_header):
                if begun + i not in entered or (i > 0 and entered[begun + i][0]):
                    break
                whole += entered[begun + i][1].to_bytes(bus_w // 8, "little")
            n_bytes = min(len(whole), HEADER_BYTES)
            assert shown[:n_bytes] == whole[:n_bytes], cycle
        await bench.next_cycle()
    assert n_headers > 150


@pytest.mark.parametrize("bus_w", [64, 128, 256, 512])
def test_bus_window(simulate, bus_w):
    n_words = -(-HEADER_BYTES * 8 // bus_w)
    parameters = {"BUS_W": bus_w, "HEADER_WORDS": n_words, "DEPTH": n_words + LOOKUP_CYCLES, "INFO_W": INFO_W}
    assert simulate("bus_window", **parameters) == 2
