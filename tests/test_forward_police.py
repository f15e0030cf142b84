"""Token buckets against exact fractions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cocotb_tests.bench_switch import (
    AclEntry,
    switch,
)
from hwmodel.forwarding.police import PARTS_OF_BYTE, police
from hwmodel.simulation.fill.switch_tables import build_buckets
from tests.oracles.bucket_oracle import BucketOracle

SECOND_FS = 10**15
TOO_LONG = 1 << 30  # of a frame for any bucket


def bucket(rate_bps, burst_bytes):
    return build_buckets(switch(acl=(AclEntry("police", rate_bps=rate_bps, burst_bytes=burst_bytes),)))


def test_the_bucket_is_full_at_the_start():
    buckets = bucket(10**9, 2000)
    assert [police(buckets[0], 0, n) for n in (1500, 501, 500, 1)] == [True, False, True, False]


def test_a_refused_frame_takes_no_tokens():
    buckets = bucket(8 * 10**9, 1000)  # a byte a nanosecond
    assert police(buckets[0], 0, 1000)
    assert not police(buckets[0], 999_999_999, 1000)
    assert police(buckets[0], 1_000_000_000, 1000)


def test_the_bucket_does_not_overflow():
    buckets = bucket(8 * 10**9, 1000)
    assert not police(buckets[0], 10 * SECOND_FS, 1001)
    assert police(buckets[0], 10 * SECOND_FS, 1000)


def test_the_remainder_of_a_period_is_kept():
    """3 bit/s are a byte in 8/3 s: looked at each second, the fractions must add up."""
    buckets = bucket(3, 64)
    assert police(buckets[0], 0, 64)
    passed = [police(buckets[0], second * SECOND_FS, 1) for second in range(1, 17)]
    assert [second for second, ok in enumerate(passed, 1) if ok] == [3, 6, 8, 11, 14, 16]


def test_looks_in_between_change_nothing():
    seldom, often = bucket(999_999_937, 10**6), bucket(999_999_937, 10**6)
    for buckets in (seldom, often):
        assert police(buckets[0], 0, 10**6)
    for now_fs in range(0, 3 * 10**9, 1_234_567):
        assert not police(often[0], now_fs, 10**6)
    police(seldom[0], 3 * 10**9, 10**6)
    police(often[0], 3 * 10**9, 10**6)
    assert seldom[0].tokens == often[0].tokens
    assert seldom[0].remainder == often[0].remainder


def test_each_police_entry_has_its_own_bucket_in_the_order_of_the_list():
    acl = (
        AclEntry("police", rate_bps=10**9, burst_bytes=100),
        AclEntry("deny"),
        AclEntry("police", rate_bps=10**9, burst_bytes=200),
    )
    buckets = build_buckets(switch(acl=acl))
    assert list(buckets["params"]["burst"]) == [100, 200]
    assert police(buckets[1], 0, 200)
    assert police(buckets[0], 0, 100)


RATES = st.one_of(st.integers(1000, 10**12), st.sampled_from([10**3, 10**9, 999_999_999_989, 10**12]))
GAPS = st.one_of(st.integers(0, 10**10), st.integers(0, 10**17))


@settings(max_examples=200)
@given(
    RATES,
    st.integers(64, 1 << 26),
    st.lists(st.tuples(GAPS, st.integers(64, 10**4), st.one_of(st.none(), st.none(), RATES)), max_size=30),
)
def test_agrees_with_exact_fractions_also_as_the_rate_changes(rate_bps, burst_bytes, frames):
    buckets, oracle, now_fs = bucket(rate_bps, burst_bytes), BucketOracle(rate_bps, burst_bytes), 0
    for gap_fs, frame_bytes, new_rate_bps in frames:
        now_fs += gap_fs
        if new_rate_bps is not None:
            assert not police(buckets[0], np.int64(now_fs), TOO_LONG)  # what is earned so far is by the old rate
            buckets[0].params.rate_bps = new_rate_bps
            oracle.change(now_fs, new_rate_bps, burst_bytes)
        assert police(buckets[0], np.int64(now_fs), frame_bytes) == oracle.police(now_fs, frame_bytes)
        assert buckets[0].tokens == oracle.tokens // 1
        assert buckets[0].remainder == (oracle.tokens % 1) * PARTS_OF_BYTE
