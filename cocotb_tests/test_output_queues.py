"""A port's output queues: whole frames in, words out in order, room given back word by word."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench

LENGTH_W, COPY_W, LONGEST = 14, 20, 6


class Word(NamedTuple):
    """A word on the bus, and the frame that it belongs to."""

    is_first: bool
    queue: int
    length: int
    copy: int
    words: list[int]
    word: int


def words_of_frame(bench, queue, n_words, bus_w):
    """Return the words of a random frame."""
    length, copy = bench.bits(LENGTH_W), bench.bits(COPY_W)
    words = [bench.bits(bus_w) for _ in range(n_words)]
    return [Word(i == 0, queue, length, copy, words, word) for i, word in enumerate(words)]


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5], stalls=[0.0, 0.7])
async def frames_wait_in_their_queue(dut, idles, stalls):
    n_queues, bus_w, queue_words = (getattr(dut, n).value.to_unsigned() for n in ("PRIORITIES", "BUS_W", "WORDS"))
    bench = ModuleBench(dut, seed=8)
    await bench.start(
        offer=0, offer_queue=0, offer_words=1, write_queue=0, write_length=0, write_copy=0, write=0, write_first=0,
        write_word=0, pick=0, choose=0, read=0, read_queue=0,
    )  # fmt: skip
    used = [0] * n_queues
    # (cycle from which it waits, its length, what goes with it, its words)
    heads = [deque() for _ in range(n_queues)]
    coming, reading, word_due = deque(), deque(), None
    chosen_at, chosen_copy = -1, None
    n_lost = n_read = n_read_when_full = n_fills = 0
    for cycle in range(3000):
        # In: a frame is offered while the last word of the one before is written, or later; its words come at once.
        offers = len(coming) <= 1 and not bench.chance(idles)
        queue, n_words = bench.rng.randrange(n_queues), bench.rng.randint(1, LONGEST)
        await bench.settle(offer=offers, offer_queue=queue, offer_words=n_words)
        has_room = used[queue] + n_words <= queue_words
        if offers:
            assert bench.get("room") == has_room, cycle
            n_lost += not has_room
            n_fills += used[queue] + n_words == queue_words
        writes, is_first = bool(coming), bool(coming) and coming[0].is_first
        if writes:
            now = coming.popleft()
            if is_first:
                heads[now.queue].append((cycle + 1, now.length, now.copy, now.words))
            await bench.settle(write_queue=now.queue, write_length=now.length, write_copy=now.copy, write_word=now.word)
        # Out: a frame is chosen while the last word of the one before is to be read, or later; not twice on end.
        waiting = [q for q in range(n_queues) if heads[q] and heads[q][0][0] <= cycle]
        reads = bool(reading) and not bench.chance(stalls)
        chooses = bool(waiting) and len(reading) <= 1 and cycle > chosen_at + 1
        pick = bench.rng.choice(waiting) if waiting else 0
        await bench.settle(
            write=writes, write_first=is_first, pick=pick, choose=chooses, read=reads,
            read_queue=reading[0][0] if reading else 0,
        )  # fmt: skip
        if word_due is not None:
            assert bench.get("word") == word_due, cycle
        if chooses:
            assert bench.get("pick_length") == (heads[pick][0][1] if n_queues > 1 else 0), cycle
        if chosen_copy is not None:
            assert bench.get("chosen_copy") == chosen_copy, cycle
        word_due = None
        n_read_when_full += reads and offers and not has_room and used[queue] == queue_words and reading[0][0] == queue
        if reads:
            from_queue, word_due = reading.popleft()
            used[from_queue] -= 1
            n_read += 1
        if chooses:
            _, _, chosen_copy, chosen_words = heads[pick].popleft()
            reading.extend((pick, word) for word in chosen_words)
            chosen_at = cycle
        if offers and has_room:
            used[queue] += n_words
            coming.extend(words_of_frame(bench, queue, n_words, bus_w))
        await bench.next_cycle()
    assert n_read > 500
    assert stalls == 0.0 or min(n_lost, n_read_when_full, n_fills) > 0


@pytest.mark.parametrize(("priorities", "words", "count_w"), [(1, 11, 12), (4, 11, 3), (8, 16, 5)], ids=["1", "4", "8"])
def test_output_queues(simulate, priorities, words, count_w):
    """Ask queues whose number of words has fewer bits, and more, than a frame's; those of eight use every address."""
    parameters = {"BUS_W": 64, "PRIORITIES": priorities, "COUNT_W": count_w}
    assert simulate("output_queues", WORDS=words, COPY_W=COPY_W, **parameters) == 4
