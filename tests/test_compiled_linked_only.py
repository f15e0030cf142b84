"""Kernels that are only linked in: the same results, and no machine code of their own."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from llvmlite.binding import Linkage
from numba import njit

from hwmodel.compiled.linked_only import Entry, LinkedOnly

_linked_only = njit(pipeline_class=LinkedOnly, no_cpython_wrapper=True)


def _address(function) -> int:
    """Return where a function's machine code is; 0 where it has none."""
    ((signature, compiled),) = function.overloads.items()
    assert signature
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_what_an_entry_links_in_has_no_machine_code_of_its_own():
    @_linked_only
    def halves(number):
        return number // 2 if number % 2 == 0 else 3 * number + 1

    @_linked_only
    def steps(number):
        count = 0
        while number != 1:
            number = halves(number)
            count += 1
        return count

    @njit
    def longest(limit):
        return max([steps(number) for number in range(1, limit)])

    assert longest(30) == 111  # 27 takes 111 steps (OEIS A006577)
    assert (_address(halves), _address(steps)) == (0, 0)
    assert _address(longest) != 0


def test_a_record_is_changed_in_place_by_what_is_linked_in():
    @_linked_only
    def add(counter, n):
        counter.n += n
        counter.taken[n & 3] += 1

    @njit
    def count(counters):
        for n in range(10):
            add(counters[n & 1], n)

    counters = np.zeros(2, np.dtype([("n", np.int64), ("taken", np.int64, 4)])).view(np.recarray)
    count(counters)
    assert counters.n.tolist() == [20, 25]
    assert counters.taken.tolist() == [[3, 0, 2, 0], [0, 3, 0, 2]]


def test_an_error_in_what_is_linked_in_reaches_python():
    @_linked_only
    def checked(number):
        if number < 0:
            raise ValueError("below zero")
        return number

    @njit
    def twice(number):
        return 2 * checked(number)

    assert twice(4) == 8
    with pytest.raises(ValueError, match="below zero"):
        twice(-1)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_what_kernels_do_not_use_is_refused_or_the_same():
    """Numba's passes for it are left out: a function within a function is not compiled then, whole arrays are."""

    @_linked_only
    def squares(limit):
        return [number * number for number in range(limit)]

    @_linked_only
    def weighted(numbers, n):
        return (2 * numbers + n).sum()

    assert njit(lambda numbers: weighted(numbers, 5))(np.arange(4)) == 2 * 6 + 4 * 5
    with pytest.raises(numba.TypingError, match="make_function"):
        njit(lambda: squares(3)[2])()


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_an_entry_is_optimised_as_a_whole_program():
    """What it links in is its own, which LLVM can know: nobody else can call what is left of it."""

    @_linked_only
    def fibonacci(number):
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    def both(number):
        return fibonacci(number) + fibonacci(number + 1)

    found = []
    for options in ({}, {"pipeline_class": Entry}):
        entry = njit(both, **options)
        assert entry(10) == 55 + 89
        ((_, compiled),) = entry.overloads.items()
        found += [one.linkage for one in compiled.library.get_defined_functions() if "9fibonacci" in one.name]
    assert found == [Linkage.linkonce_odr, Linkage.internal]


def _pick(entries, numbers):
    found = 0
    for number in numbers:
        found = 1000 * found + entries[number]
    return found


def _choices(**options):
    """Return how often the code of `_pick` chooses between two values, and what it picks."""
    picks = njit(_pick, **options)
    picked = picks(np.array([7, 8, 9]), np.array([2, 0, 1]))
    (code,) = picks.inspect_llvm().values()
    return code.count(" select "), picked


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_indices_count_from_the_start():
    """Whether an index is negative is chosen by in numba's own code, and not in ours; what is picked is the same."""
    usual, ours = _choices(), _choices(pipeline_class=Entry)
    assert usual[1] == ours[1] == 9_007_008
    assert usual[0] > 0 == ours[0]


def _count_flagged(events):
    n = 0
    for event in events:
        if event.flag:
            event.n = 0
            n += 1
    return n


def _count_positive(events):
    n = 0
    for event in events:
        if event.flag > 0:
            event.n = 0
            n += 1
    return n


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
@pytest.mark.parametrize(("function", "n_weighed"), [(_count_flagged, 1), (_count_positive, 0)])
def test_a_flag_is_taken_for_one_that_seldom_is_set(function, n_weighed):
    """LLVM is told so where a number is tested as it stands, not where it is compared; the count is the same."""
    events = np.array([(0, 5), (1, 5), (2, 5)], np.dtype([("flag", np.int64), ("n", np.int64)])).view(np.recarray)
    count = njit(function, pipeline_class=Entry)
    assert count(events) == 2
    assert events.n.tolist() == [5, 0, 0]
    ((_, compiled),) = count.overloads.items()
    code = compiled.library.get_llvm_str()
    assert code.count('"branch_weights", i32 2000, i32 1') == n_weighed  # of going on past it
