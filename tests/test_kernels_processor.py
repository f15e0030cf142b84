"""Several sums at once, the hint, the place: against numpy, compiled and interpreted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from hwmodel.kernels import processor
from hwmodel.kernels.records import I32, ints, record

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
        processor._no_hint(item)
        processor._add_each(processor._same(sums.view(np.recarray)[0]), item)


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
