"""A watch on a count's growth is as exact as docs/datapath/commands.md says, however large the numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.far_tables import give, zeros
from hwmodel.machine.adapter.watches import MOST_STEPS, WATCHES, enter_step, figure_of, has_grown_so

WITHIN = 1000


def watches_of(number: int, *, is_below: bool):
    """Return a watch on growth by a number in the last 1,000 fs, as `watch_values` has it, which begins at 0."""
    watches = zeros(1, WATCHES)[0]
    watch = watches.watch[0]
    watch.part = max(1, -(-number // (MOST_STEPS - 2)))
    places = 1 << (number // int(watch.part) + 1).bit_length()
    give(watches.step, places)
    watch.mask, watch.target, watch.is_below, watch.within_fs = places - 1, number, is_below, WITHIN
    watch.head = watch.tail = 0
    enter_step(watches, watch, 0, 0)
    return watches


def first_true(
    counted: Sequence[tuple[int, int]], number: int, *, is_below: bool, fault: Callable[[Any], None] = id
) -> int | None:
    """Look after each instant, as long as it is not true, and when the watch says that it will be."""
    watches = watches_of(number, is_below=is_below)
    watch = watches.watch[0]
    fault(watch)
    for place, (at_fs, count) in enumerate(counted):
        watches.due_fs = 1 << 60
        if has_grown_so(watches, watch, count, at_fs):
            return at_fs
        assert int(watch.tail) - int(watch.head) <= int(watch.mask) + 1
        if place + 1 == len(counted) or watches.due_fs < counted[place + 1][0]:
            if not is_below:
                continue
            due_fs = int(watches.due_fs)
            assert due_fs > at_fs and has_grown_so(watches, watch, count, due_fs)
            return due_fs
    return None


def by_definition(counted: Sequence[tuple[int, int]], number: int, part: int, *, is_below: bool) -> int | None:
    """Return the first instant by the definition: steps are noted as the count has grown by `part`."""
    times, counts, noted = [0], [0], [(0, 0)]
    for at_fs, count in counted:
        times.append(at_fs)
        counts.append(count)
        if count - noted[-1][1] >= part:
            noted.append((at_fs, count))
    moments = sorted({*times, *(at + WITHIN for at, _ in noted)}) if is_below else times[1:]
    for at_fs in moments:
        if is_below and at_fs < WITHIN:
            continue
        count = counts[bisect_right(times, at_fs) - 1]
        since = [value for at, value in noted if at <= max(0, at_fs - WITHIN)]
        # What is noted at the beginning's own instant is in the growth from then on, unless the time begins there.
        base = since[-1] if at_fs >= WITHIN else 0
        if count - base < number if is_below else count - base > number:
            return at_fs
    return None


grown = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9000)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=300)
@given(grown, st.integers(1, 40_000), st.booleans())
def test_it_is_true_when_the_definition_says_so(steps, number: int, is_below: bool) -> None:
    counted: list[tuple[int, int]] = []
    for gap_fs, by in steps:
        at_fs, count = counted[-1] if counted else (0, 0)
        counted.append((at_fs + gap_fs + (1 if counted else 0), count + by))
    part = max(1, -(-number // (MOST_STEPS - 2)))
    found = first_true(counted, number, is_below=is_below)
    assert found == by_definition(counted, number, part, is_below=is_below)


@pytest.mark.parametrize("is_below", [False, True])
def test_a_ring_of_steps_never_runs_over(is_below: bool) -> None:
    """Ten thousand steps of one, within a time, for a number that needs the most of them: none is lost."""
    number = MOST_STEPS - 2
    counted = [(at // 20, at) for at in range(0, 60_000, 20)] if not is_below else [(at, at) for at in range(10_000)]
    found = first_true(counted, number, is_below=is_below)
    assert found == by_definition(counted, number, 1, is_below=is_below)


def test_words_are_added_up_with_their_factors() -> None:
    watches = zeros(1, WATCHES)[0]
    give(watches.term, 2)
    words = np.arange(100, dtype=np.int64)
    for term, said in zip(watches.term, ((10, 3, 7, 1), (50, 1, 0, -2)), strict=True):
        term.word, term.n, term.stride, term.factor = said
    watches.watch[0].first_term, watches.watch[0].n_terms = 0, 2
    assert figure_of(watches, watches.watch[0], words) == 10 + 17 + 24 - 2 * 50


FAULTS: dict[str, Callable[[Any], None]] = {
    "a time longer by 1 fs": lambda watch: setattr(watch, "within_fs", WITHIN + 1),
    "one more to exceed": lambda watch: setattr(watch, "target", watch.target + 1),
    "the other side": lambda watch: setattr(watch, "is_below", 1 - watch.is_below),
    "a time shorter by 1 fs": lambda watch: setattr(watch, "within_fs", WITHIN - 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    chance, n_found = Random(name), 0
    for _ in range(100):
        at_fs, count, counted = 0, 0, []
        for _ in range(30):
            at_fs, count = at_fs + chance.choice((1, 250, 500, 777)), count + chance.choice((0, 1, 2, 500))
            counted.append((at_fs, count))
        number, is_below = chance.choice((1, 2, 1000, 9000)), chance.random() < 0.5
        expected = by_definition(counted, number, max(1, -(-number // (MOST_STEPS - 2))), is_below=is_below)
        try:
            n_found += first_true(counted, number, is_below=is_below, fault=FAULTS[name]) != expected
        except (AssertionError, IndexError):
            n_found += 1
    assert n_found > 0
