"""Who gets through a queue that is always full: frames of one length, one sent in each slot, what finds no room lost.

Each sent frame leaves room for one, and who comes first gets it. All rates are frames a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import fsum

import numpy as np

from hwmodel.analytic.linear_program import Floats

_SLOTS = 20_000
_SAME_MEAN = 0.004
_MOST_ROOM = 50  # frames; a queue that often has room for more loses next to nothing
_MOST_COUNTED = 5  # wires: what each of many keeps is too little to be counted
_COUNTED_FRAMES = 2**20  # of which what a wire keeps comes out to 0.3 %, one standard deviation
_SEED = 1


def kept_at_random(rates: Sequence[float]) -> list[float]:
    """Give what each of several wires keeps that brings one frame a slot at most, at random; their sum is above 1.

    Each wire is an M/D/1 queue of its own: Poisson arrivals, one frame a slot. Of two, each loses as many frames. Of
    up to five, who comes first depends on how long each has been busy, and is counted over a million frames. Of more
    the slots are taken as independent: where more come in one than there is room for, each of them is as likely late.
    """
    if len(rates) == 2:
        too_much = fsum(rates) - 1
        return [rate - too_much / 2 for rate in rates]
    if len(rates) <= _MOST_COUNTED:
        return list(_counted(tuple(rates)))
    there = np.array([1.0])
    for rate in rates:
        there = np.convolve(there, [1 - rate, rate])
    return _kept_of_many(rates, _room(there))


@lru_cache(maxsize=64)
def _counted(rates: tuple[float, ...]) -> tuple[float, ...]:
    rng = np.random.default_rng(_SEED)
    n_slots = _COUNTED_FRAMES / fsum(rates)
    sent, of_wire = [], []
    for wire, rate in enumerate(rates):
        nth = np.arange(round(n_slots * rate))
        gaps = np.cumsum(rng.exponential(size=len(nth) + 1))
        offered = gaps[:-1] / gaps[-1] * n_slots  # as many as its rate says, no more, no fewer
        sent.append(np.maximum.accumulate(offered - nth) + nth + 1)  # a slot behind the one before, or when it comes
        of_wire.append(np.full(len(nth), wire))
    times, wires = np.concatenate(sent), np.concatenate(of_wire)
    is_counted = times < min(one[-1] for one in sent)  # up to where all wires bring frames
    times, wires = times[is_counted], wires[is_counted]
    order = np.argsort(times)
    nth, made_room = np.arange(1, len(order) + 1), np.floor(times[order]) + 1
    # So many have got in behind each: one more than before it, and never more than there has been room for.
    got_in = nth + np.minimum(0, np.minimum.accumulate(made_room - nth))
    is_in = np.diff(got_in, prepend=0) > 0
    kept = [rate * float(is_in[wires[order] == wire].mean()) for wire, rate in enumerate(rates)]
    alike = [[other for other, of_other in zip(kept, rates, strict=True) if of_other == rate] for rate in rates]
    kept = [fsum(others) / len(others) for others in alike]
    return tuple(one / fsum(kept) for one in kept)


def _kept_of_many(rates: Sequence[float], room: Floats) -> list[float]:
    kept = []
    for at, rate in enumerate(rates):
        others = np.array([1.0])
        for other in (*rates[:at], *rates[at + 1 :]):
            others = np.convolve(others, [1 - other, other])
        lost = fsum(
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
