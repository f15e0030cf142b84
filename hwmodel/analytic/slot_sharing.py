"""Who gets through a queue that is always full: frames of one length, one sent in each slot, what finds no room lost.

Each sent frame leaves room for one, and who comes first gets it. All rates are frames a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from hwmodel.analytic.linear_program import Floats

_SLOTS = 20_000
_SAME_MEAN = 0.004
_MOST_ROOM = 50  # frames; a queue that often has room for more loses next to nothing
_MOST_REMEMBERED = 5  # wires: the chain has twice as many states for each


def kept_at_random(rates: Sequence[float]) -> list[float]:
    """Give what each of several wires keeps that brings one frame a slot at most, at random; their sum is above 1.

    Where more come in a slot than there is room for, each that is there is as likely to be among the late ones. A wire
    that brought none in the last slot brings one in this with the chance that one began meanwhile (Poisson), and one
    that did, so often that its rate comes out: busy times of a wire are taken as geometric. Exact for two wires: both
    lose as many frames. Of more than five the slots are taken as independent.
    """
    if len(rates) > _MOST_REMEMBERED:
        there = np.array([1.0])
        for rate in rates:
            there = np.convolve(there, [1 - rate, rate])
        return _kept_of_many(rates, _room(there))
    states = np.array(list(product((0, 1), repeat=len(rates))))
    moves = _moves(rates, states)
    room = np.arange(1, _MOST_ROOM + 1)
    left = np.minimum(np.maximum(room[:, None] - states.sum(axis=1), 0) + 1, _MOST_ROOM)  # room by states
    n = len(states)
    chain = np.zeros((n, _MOST_ROOM, n, _MOST_ROOM))
    for now in range(n):
        for at in range(_MOST_ROOM):
            chain[:, at, now, left[at, now] - 1] += moves[:, now]
    size = n * _MOST_ROOM
    found = _stationary(chain.reshape(size, size)).reshape(n, _MOST_ROOM)
    chance = np.einsum("sf,st->ft", found, moves)
    got_in = np.minimum(room[:, None], states.sum(axis=1)) / np.maximum(states.sum(axis=1), 1)
    return [float((chance * got_in * states[:, at]).sum()) for at in range(len(rates))]


def _moves(rates: Sequence[float], states: Floats) -> Floats:
    """Give the chances of which wires bring a frame after a slot in which those of a state did: states by states."""
    found = np.ones((len(states), len(states)))
    for at, rate in enumerate(rates):
        begins = -np.expm1(-rate)
        goes_on = 1 - (1 - rate) * begins / rate
        before, now = states[:, None, at], states[None, :, at]
        comes = np.where(before, goes_on, begins)
        found *= np.where(now, comes, 1 - comes)
    return found


def _kept_of_many(rates: Sequence[float], room: Floats) -> list[float]:
    kept = []
    for at, rate in enumerate(rates):
        others = np.array([1.0])
        for other in (*rates[:at], *rates[at + 1 :]):
            others = np.convolve(others, [1 - other, other])
        lost = sum(
            chance * share * (n + 1 - free) / (n + 1)
            for n, chance in enumerate(others)
            for free, share in enumerate(room[:n], start=1)
        )
        kept.append(float(rate * (1 - lost)))
    return kept


def _room(number_there: Floats) -> Floats:
    """Give the chance that a slot begins with room for 1, 2, ... frames: a chain from slot to slot."""
    chain = np.zeros((_MOST_ROOM, _MOST_ROOM))
    for free in range(1, _MOST_ROOM + 1):
        for n, chance in enumerate(number_there):
            chain[free - 1, min(_MOST_ROOM, max(0, free - n) + 1) - 1] += chance
    return _stationary(chain)


def _stationary(chain: Floats) -> Floats:
    """Give how often a Markov chain is in each state; `chain`: chances from rows to columns."""
    balance = (chain - np.eye(len(chain))).T
    balance[-1] = 1.0
    return np.linalg.solve(balance, np.eye(len(chain))[-1])


def kept_beside_one_in_step(period: int, slot: int, rates: Sequence[float]) -> list[float] | None:
    """Give what wires keep beside one that has a frame every `period`, no longer than the slot, from a slot's begin on.

    In each slot one frame gets in: the first. `rates`: of the others, who bring one frame a slot at most, at random.
    None where the step moves so slowly through the slots that it depends on the time.
    """
    before = np.array([-k * slot % period for k in range(_SLOTS)]) / slot
    early, late = before[: _SLOTS // 2].mean(), before[_SLOTS // 2 :].mean()
    if abs(early - late) > _SAME_MEAN:
        return None
    kept = []
    for at, rate in enumerate(rates):
        nobody_before = np.polynomial.Polynomial([1.0])
        for other in (*rates[:at], *rates[at + 1 :]):
            nobody_before *= np.polynomial.Polynomial([1.0, -other])
        kept.append(rate * float(nobody_before.integ()(before).mean()))
    return kept
