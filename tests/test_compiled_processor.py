"""Several sums at once, the hint, the place, the flag: against numpy, compiled and interpreted."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from hwmodel.compiled import processor
from hwmodel.compiled.records import I32, ints, record

SUMS = record(*ints("first", "second", "third"))
LONGER = record(*ints("first", "second", "third"), ("more", I32), ("last", I32))
WORDS = st.lists(st.integers(-(2**62), 2**62), min_size=3, max_size=3)


@njit
def add_compiled(sums, items):
    for i in range(len(items)):
        processor.prefetch(items[i])
        processor.add_fields(processor.with_offsets(sums[0]), items[i])


def add_interpreted(sums, items):
    for item in items.view(np.recarray):
        processor._add_each(sums.view(np.recarray)[0], item)


@pytest.mark.parametrize("add", [add_compiled, add_interpreted])
@settings(max_examples=50, deadline=None)
@given(items=st.lists(WORDS, max_size=5))
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_the_first_fields_are_added_with_overflow_and_nothing_else_changes(add, items):
    """Beyond 63 bits sums wrap, which differences undo: the second sum less the first is that of the differences."""
    records = np.zeros(len(items), LONGER)
    for item, words in zip(records, items, strict=True):
        item["first"], item["second"], item["third"] = words
        item["more"], item["last"] = 5, 7
    before, sums = records.copy(), np.zeros(1, SUMS)
    add(sums, records)
    assert records.tobytes() == before.tobytes()
    for number, name in enumerate(SUMS.names):
        exact = sum(words[number] for words in items)
        assert (int(sums[name][0]) - exact) % 2**64 == 0


FLAGS = record(*ints("value", "apart"))


def meeting():
    """Return a function, compiled anew, that answers each number a flag shows, up to 1000, by the same on another."""

    @njit(nogil=True)
    def answer(flags, asks, answers):
        for number in range(1, 1001):
            if asks == answers:
                processor.show(flags[asks], number)
            while processor.seen(flags[asks]) != number:
                processor.pause()
                processor.give_way()
            processor.show(flags[answers], number)

    return answer


def test_two_threads_meet_by_flags():
    flags, answer = np.zeros(2, FLAGS), meeting()

    @njit(nogil=True)
    def ask(flags):
        for number in range(1, 1001):
            processor.show(flags[1], number)
            while processor.seen(flags[0]) != number:
                processor.pause()

    answer(np.zeros(1, FLAGS), 0, 0)  # compiled: alone it answers itself
    other = Thread(target=answer, args=(flags, 1, 0))
    other.start()
    ask(flags)
    other.join()
    assert flags["value"].tolist() == [1000, 1000]
    assert flags["apart"].tolist() == [0, 0]
