"""Kernels that are only linked in: the same results, and no machine code of their own."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numba import njit

from hwmodel.kernels.linked_only import LinkedOnly

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
