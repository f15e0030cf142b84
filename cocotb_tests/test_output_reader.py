"""The output reader: when it asks for the next frame and for words, and the beats that it cuts them into."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5], stalls=[0.0, 0.5])
async def words_are_read_when_the_one_before_is_used_up(dut, idles, stalls):
    bus_w = dut.BUS_W.value.to_unsigned()
    word_bytes = bus_w // 8
    bench = ModuleBench(dut, seed=9)
    await bench.start(
        choose=0, pick=0, chosen_words=1, chosen_length=1, chosen_strip=0, chosen_add=0, chosen_value=0, word=0, take=0
    )
    unread, chosen = [], None  # words of the chosen frame that are not read; its description
    beats, current = [], None  # beats that were read and not taken; the description that goes with them
    word, n_frames, is_new = 0, 0, False
    for cycle in range(4000):
        take = bool(beats) and not bench.chance(stalls)
        uses_up = not beats or (take and (beats[0][1] or beats[0][2]))
        reads = bool(unread) and uses_up
        due = not is_new and (not unread or (reads and len(unread) == 1))
        chooses = due and not bench.chance(idles)
        length = bench.rng.choice((14, 60, 64, 65, 128, bench.rng.randint(14, 200)))
        described = (bench.rng.randrange(2), length, bench.rng.randrange(4), bench.rng.randrange(4), bench.bits(24))
        n_words = -(-length // word_bytes)
        # What is chosen is described from the next cycle on.
        if chosen is not None:
            await bench.settle(
                chosen_words=-(-chosen[1] // word_bytes), chosen_length=chosen[1], chosen_strip=chosen[2],
                chosen_add=chosen[3], chosen_value=chosen[4],
            )  # fmt: skip
        await bench.settle(word=word, take=take, choose=chooses, pick=described[0])
        assert bench.get("due") == due, cycle
        assert bench.get("read") == reads, cycle
        assert bench.get("beat_valid") == bool(beats), cycle
        if beats:
            data, is_last, _ = beats[0]
            assert (bench.get("beat"), bench.get("beat_last")) == (data, is_last), cycle
            said = tuple(bench.get(name) for name in ("length", "strip", "add", "value"))
            assert said == current[1:], cycle
        if take:
            beats.pop(0)
        if reads:
            assert bench.get("read_queue") == chosen[0], cycle
            current, is_new = chosen, False
            word, n_beats, ends_frame = unread.pop(0)
            for i in range(n_beats):
                data = word >> 64 * i & (1 << 64) - 1
                beats.append((data, ends_frame and i == n_beats - 1, i == n_beats - 1))
        if chooses:
            chosen, n_frames, is_new = described, n_frames + 1, True
            left = -(-length // 8)
            for i in range(n_words):
                here = min(left, bus_w // 64)
                left -= here
                unread.append((bench.bits(bus_w), here, i == n_words - 1))
        await bench.next_cycle()
    assert n_frames > 50


@pytest.mark.parametrize("bus_w", [64, 256, 512])
def test_output_reader(simulate, bus_w):
    assert simulate("output_reader", BUS_W=bus_w, COUNT_W=15 - (bus_w // 8 - 1).bit_length()) == 4
