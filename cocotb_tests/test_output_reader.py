"""The output reader: when it asks for the next frame and for words, and when it moves the beats that these hold."""

from __future__ import annotations

from typing import NamedTuple

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench
from cocotb_tests.tagged_copies import CHANGES

TAG_BYTES = (0, 4, 6, 8)


class Frame(NamedTuple):
    """A frame that can be chosen."""

    queue: int
    length: int
    strip: int
    add: int
    value: int


def step_more(length, strip, add):
    """Return whether a copy takes a step more than its frame has beats; `strip` and `add` are codes of tags."""
    added = TAG_BYTES[add] - TAG_BYTES[strip]
    return -(-(length + added) // 8) + (added < 0) > -(-length // 8)


def words_of(bench, frame, bus_w):
    """Return the words of a frame, as (queue, word, beats in it, is the first, is the last)."""
    n_beats, lanes = -(-frame.length // 8), bus_w // 64
    return [
        (frame.queue, bench.bits(bus_w), min(lanes, n_beats - at), at == 0, at + lanes >= n_beats)
        for at in range(0, n_beats, lanes)
    ]


def described_as(chosen, bus_w):
    """Return the inputs that describe the frame chosen last."""
    n_words = -(-chosen.length // (bus_w // 8))
    return {
        "chosen_last": chosen.length - 1, "chosen_is_2": n_words >= 2, "chosen_is_3": n_words >= 3,
        "chosen_strip": chosen.strip, "chosen_add": chosen.add, "chosen_value": chosen.value,
    }  # fmt: skip


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5], stalls=[0.0, 0.5])
async def beats_are_moved_when_there_is_a_place_for_them(dut, idles, stalls):
    bus_w = dut.BUS_W.value.to_unsigned()
    bench = ModuleBench(dut, seed=9)
    await bench.start(
        choose=0, pick=0, chosen_last=0, chosen_is_2=0, chosen_is_3=0, chosen_strip=0, chosen_add=0, chosen_value=0,
        word=0, take=0,
    )  # fmt: skip
    unread, chosen = [], None  # words that are to be read, (queue, word, is the first); the frame chosen last
    is_new = False  # none of its words is read
    beats, described = [], None  # stored beats that are read and not moved; the frame that they belong to
    rest, moved = False, None  # a beat of zeros is to be moved; (beat, is the last) in the register
    n_frames = 0
    for cycle in range(4000):
        take = moved is not None and not bench.chance(stalls)
        can_move = moved is None or take
        moves = bool(beats) and can_move and not rest
        ends_word = moves and len(beats) == 1
        reads = bool(unread) and (not beats or ends_word)
        due = not is_new and len(unread) <= 1
        chooses = due and not bench.chance(idles)
        length = bench.rng.choice((22, 60, 64, 65, 128, bench.rng.randint(22, 200)))
        drawn = Frame(bench.rng.randrange(2), length, *bench.rng.choice(CHANGES), bench.bits(24))
        # What is chosen is described from the next cycle on.
        if chosen is not None:
            await bench.settle(**described_as(chosen, bus_w))
        await bench.settle(take=take, choose=chooses, pick=drawn.queue)
        assert bench.get("due") == due, cycle
        assert bench.get("read") == reads, cycle
        assert bench.get("beat_valid") == (moved is not None), cycle
        if moved is not None:
            assert (bench.get("beat"), bench.get("beat_last")) == moved, cycle
        starts = moves and beats[0][2]
        assert bench.get("starts") == starts, cycle
        if starts:
            said = tuple(bench.get(name) for name in ("last_byte", "strip", "add", "value"))
            assert said == ((described.length - 1) % 8, *described[2:]), cycle
        if can_move:
            moved, rest = (0, True) if rest else None, False
        if moves:
            data, ends, _ = beats.pop(0)
            rest = ends and step_more(*described[1:4])
            moved = (data, ends and not rest)
        if reads:
            queue, word, here, is_first, ends = unread.pop(0)
            assert bench.get("read_queue") == queue, cycle
            if is_first:
                described, is_new = chosen, False
            cut = [word >> 64 * i & (1 << 64) - 1 for i in range(here)]
            beats = [(data, ends and i == here - 1, is_first and i == 0) for i, data in enumerate(cut)]
        if chooses:
            chosen, n_frames, is_new = drawn, n_frames + 1, True
            unread.extend(words_of(bench, drawn, bus_w))
        await bench.next_cycle()
        # A word is there from the cycle after it is read on.
        if reads:
            await bench.settle(word=word)
    assert n_frames > 50


@pytest.mark.parametrize("bus_w", [64, 256, 512])
def test_output_reader(simulate, bus_w):
    assert simulate("output_reader", BUS_W=bus_w) == 4
