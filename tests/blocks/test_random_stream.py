"""Random numbers: the published generator, and distributions with the right mean."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.time.random_stream import exponential_fs, geometric, lot, next_u32, unit_interval

# The seeds in Marsaglia's paper (Xorshift RNGs, section 4).
PUBLISHED_SEEDS = (123456789, 362436069, 521288629, 88675123)


def owner_of(*words):
    return SimpleNamespace(rng=np.array(words, np.int64))


def xorshift128(x, y, z, w):
    """Follow the paper's C: tmp = x ^ (x << 15) in general; xor128 has t = x ^ (x << 11), all words 32 bits wide."""
    while True:
        t = (x ^ x * 2048) % 2**32
        x, y, z = y, z, w
        w = w ^ w // 2**19 ^ t ^ t // 2**8
        yield w


def test_the_first_outputs_are_the_published_ones():
    """3701687786 and so on: what xor128() of the paper gives first."""
    owner = owner_of(*PUBLISHED_SEEDS)
    assert [next_u32(owner) for _ in range(4)] == [3701687786, 458299110, 2500872618, 3633119408]


@settings(max_examples=60)
@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 4).filter(any))
def test_outputs_are_those_of_another_implementation(words):
    owner = owner_of(*words)
    expected = list(itertools.islice(xorshift128(*words), 40))
    assert [next_u32(owner) for _ in range(40)] == expected
    assert all(0 <= word < 2**32 for word in owner.rng.tolist())


def test_the_unit_interval_is_evenly_filled():
    draws = [unit_interval(owner) for owner in [owner_of(*PUBLISHED_SEEDS)] for _ in range(2000)]
    assert all(0.0 < draw <= 1.0 for draw in draws)
    assert np.std(draws) == pytest.approx(math.sqrt(1 / 12), rel=0.05)
    assert np.mean(draws) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / 2000))


@pytest.mark.parametrize("high", [0, 0xFFFFFFFF])
def test_the_ends_of_the_unit_interval_have_a_logarithm(high, monkeypatch):
    monkeypatch.setattr("hwmodel.machine.time.random_stream.next_u32", lambda _owner: high)
    assert 0.0 < unit_interval(None) <= 1.0
    assert 0 <= exponential_fs(None, 10**9) < 40 * 10**9  # ln 2^54 = 37.4
    assert geometric(None, 32.0) >= 1


def test_exponential_times_have_their_mean_and_spread():
    owner, n, mean_fs = owner_of(*PUBLISHED_SEEDS), 4000, 10**9
    draws = [exponential_fs(owner, mean_fs) for _ in range(n)]
    assert np.mean(draws) == pytest.approx(mean_fs, rel=4 / math.sqrt(n))
    assert np.median(draws) == pytest.approx(math.log(2) * mean_fs, rel=6 / math.sqrt(n))
    assert all(isinstance(draw, int) for draw in draws)


@pytest.mark.parametrize("mean", [1.5, 4.0, 32.0])
def test_burst_lengths_are_geometric(mean):
    """P(1) = 1 / mean, and the mean comes out."""
    owner, n = owner_of(*PUBLISHED_SEEDS), 4000
    draws = [geometric(owner, mean) for _ in range(n)]
    spread = math.sqrt(mean * (mean - 1))
    assert min(draws) == 1
    assert np.mean(draws) == pytest.approx(mean, abs=4 * spread / math.sqrt(n))
    share = draws.count(1) / n
    assert share == pytest.approx(1 / mean, abs=4 * math.sqrt(1 / mean * (1 - 1 / mean) / n))


@pytest.mark.parametrize("mean", [0.0, 0.5, 1.0])
def test_a_burst_has_a_frame_at_least(mean):
    owner = owner_of(*PUBLISHED_SEEDS)
    assert [geometric(owner, mean) for _ in range(5)] == [1] * 5


@pytest.mark.parametrize("step_fs", [1_230_400_000, 67_200_000, 999_983, 10**9 + 7])
@pytest.mark.parametrize("peers", [(0, 1), (0, 1, 2, 3), (3, 17), (5, 1029)])
def test_of_peers_each_has_the_lowest_lot_equally_often(step_fs, peers):
    n = 4000
    first = [min(peers, key=lambda each: (lot(at * step_fs, each), each)) for at in range(n)]
    for each in peers:
        assert first.count(each) == pytest.approx(n / len(peers), rel=0.2), (each, first.count(each))
    longest = max(
        len(run) for each in peers for run in "".join("x" if one == each else "." for one in first).split(".")
    )
    assert longest < 60  # in a row
    assert all(0 <= lot(at, peers[0]) < 64 for at in range(0, 10**16, 10**14))
