"""A port's output queues: whole frames in, words out in order, room given back word by word."""

from __future__ import annotations

from collections import deque

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench

WORDS, LENGTH_W, COPY_W, LONGEST = 11, 14, 20, 6


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5], stalls=[0.0, 0.7])
async def frames_wait_in_their_queue(dut, idles, stalls):
    n_queues, bus_w = dut.PRIORITIES.value.to_unsigned(), dut.BUS_W.value.to_unsigned()
    bench = ModuleBench(dut, seed=8)
    await bench.start(
        write_queue=0, write_words=1, write_length=0, write_copy=0, write=0, write_first=0, write_word=0, pick=0,
        choose=0, read=0, read_queue=0,
    )  # fmt: skip
    used = [0] * n_queues
    # (cycle from which it waits, its length, what goes with it, its words)
    heads = [deque() for _ in range(n_queues)]
    coming, reading, word_due = deque(), deque(), None
    chosen_at, chosen_copy = -1, None
    n_lost = n_read = n_read_when_full = n_emptied = 0
    for cycle in range(3000):
        # In: a frame's words come without a pause, whether there was room or not.
        is_first = not coming and not bench.chance(idles)
        if is_first:
            queue, length, copy = bench.rng.randrange(n_queues), bench.bits(LENGTH_W), bench.bits(COPY_W)
            words = [bench.bits(bus_w) for _ in range(bench.rng.randint(1, LONGEST))]
            coming.extend(words)
            await bench.settle(write_queue=queue, write_words=len(words), write_length=length, write_copy=copy)
            has_room = used[queue] + len(words) <= WORDS
            assert bench.get("room") == has_room, cycle
            if has_room:
                heads[queue].append((cycle + 1, length, copy, words))
            n_lost += not has_room
        writes = bool(coming) and has_room
        # Out: a frame is chosen when the last word of the one before is read, but not in two cycles on end.
        waiting = [q for q in range(n_queues) if heads[q] and heads[q][0][0] <= cycle]
        reads = bool(reading) and not bench.chance(stalls)
        chooses = bool(waiting) and (not reading or (reads and len(reading) == 1)) and cycle > chosen_at + 1
        pick = bench.rng.choice(waiting) if waiting else 0
        await bench.settle(
            write=writes, write_first=is_first, write_word=coming[0] if coming else 0, pick=pick, choose=chooses,
            read=reads, read_queue=reading[0][0] if reading else 0,
        )  # fmt: skip
        if word_due is not None:
            assert bench.get("word") == word_due, cycle
        if chooses:
            assert bench.get("pick_length") == (heads[pick][0][1] if n_queues > 1 else 0), cycle
        if chosen_copy is not None:
            assert bench.get("chosen_copy") == chosen_copy, cycle
        word_due = None
        n_read_when_full += reads and is_first and not has_room and used[queue] == WORDS and reading[0][0] == queue
        n_emptied += reads and is_first and has_room and used[queue] == 1 and reading[0][0] == queue
        if reads:
            from_queue, word_due = reading.popleft()
            used[from_queue] -= 1
            n_read += 1
        if chooses:
            _, _, chosen_copy, chosen_words = heads[pick].popleft()
            reading.extend((pick, word) for word in chosen_words)
            chosen_at = cycle
        if is_first and has_room:
            used[queue] += len(words)
        if coming:
            coming.popleft()
        await bench.next_cycle()
    assert n_read > 500
    assert n_emptied > 0 if stalls == 0.0 else min(n_lost, n_read_when_full) > 0


@pytest.mark.parametrize("priorities", [1, 4])
def test_output_queues(simulate, priorities):
    parameters = {"BUS_W": 64, "PRIORITIES": priorities, "QUEUE_I_W": max(1, (priorities - 1).bit_length())}
    assert simulate("output_queues", WORDS=WORDS, COPY_W=COPY_W, COUNT_W=12, **parameters) == 4
