"""Cycles of a pattern: ranks and the cycles that have them, against counting."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.switch_core.pattern import cycle_at, first_from, rank_of
from hwmodel.switch_core.state import PATTERN


def pattern_of(bits):
    pattern = np.zeros(1, PATTERN).view(np.recarray)[0]
    cycles = np.flatnonzero(bits)
    pattern.is_always = all(bits)
    pattern.n_cycles, pattern.n_set = len(bits), len(cycles)
    pattern.cycle_of[: len(cycles)] = cycles
    pattern.n_before[: len(bits)] = np.cumsum(bits) - bits
    return pattern


@given(st.lists(st.booleans(), min_size=1, max_size=12).filter(any))
def test_ranks_and_cycles(bits):
    pattern = pattern_of(bits)
    happens = [bits[t % len(bits)] for t in range(60)]
    cycles = [t for t, does in enumerate(happens) if does]
    for t in range(40):
        assert rank_of(pattern, t) == sum(happens[:t])
        assert first_from(pattern, t) == min(cycle for cycle in cycles if cycle >= t)
    for rank in range(min(len(cycles), 20)):
        assert cycle_at(pattern, rank) == cycles[rank]
