"""Cycles in which a handshake may happen: the n-th of them, and how many lie before a cycle, without a search."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel


@kernel
def rank_of(pattern, cycle):
    """Return how many cycles of the pattern lie before a cycle."""
    if pattern.is_always:
        return cycle
    period = cycle // pattern.n_cycles
    return period * pattern.n_set + pattern.n_before[cycle - period * pattern.n_cycles]


@kernel
def cycle_at(pattern, rank):
    """Return the cycle of the pattern with so many others before it."""
    if pattern.is_always:
        return rank
    period = rank // pattern.n_set
    return period * pattern.n_cycles + pattern.cycle_of[rank - period * pattern.n_set]


@kernel
def first_from(pattern, cycle):
    """Return the first cycle of the pattern that is not before a cycle."""
    if pattern.is_always:
        return cycle
    return cycle_at(pattern, rank_of(pattern, cycle))
