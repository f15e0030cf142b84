"""Small programs that one calls by their addresses; a module of its own, so that other processes import it too."""

from __future__ import annotations

import numpy as np
from numba import typeof

from hwmodel.compiled.compilation import entry
from hwmodel.compiled.programs import RECORDS, by_address

PAIR = np.dtype([("sum", np.int64), ("calls", np.int64)])
PAIRS = typeof(np.zeros(1, PAIR))


@entry
def note(pairs, number, more):
    """Add to one of the pairs, and count the call."""
    own = pairs[number]
    own.calls += 1
    own.sum += more
    return own.sum


@entry
def double(pair):
    """Double the sum of a pair."""
    pair.sum *= 2
    return pair.sum


RECORDS["pair"] = PAIR
call_note = by_address(note, "pair[]", "int64", "int64")
call_double = by_address(double, "pair")


@entry
def call_each(pairs):
    """Have each pair noted with a hundred times its number, and one more, and doubled."""
    last = 0
    for number in range(len(pairs)):
        call_note(pairs, number, 100 * number)
        call_note(pairs, number, 1)
        last = call_double(pairs[number])
    return last
