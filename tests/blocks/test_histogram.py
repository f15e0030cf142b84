"""Occupancies, stalls, latencies and the histogram's buckets."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.histogram import bucket, change, observe, set_stalled
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS
from hwmodel.results.histogram import UNIT_FS, bucket_index
from tests.blocks.idle_machine import machine

LONGEST_FS = (1 << 43) * 1024  # what the histogram has buckets for: 2.5 hours


def bucket_of_the_document(value_fs):
    """Follow docs/results.md, Latency, to the letter."""
    v = value_fs // 1024
    if v < 128:
        return v
    s = v.bit_length() - 8
    return (s + 1) * 128 + (v >> s) - 128


@settings(max_examples=300)
@given(st.one_of(st.integers(0, LONGEST_FS - 1), st.integers(0, 53).flatmap(lambda n: st.integers(0, 1 << n))))
def test_buckets_are_those_of_the_document_and_of_the_results(value_fs):
    value_fs = min(value_fs, LONGEST_FS - 1)
    index = bucket(value_fs)
    assert index == bucket_of_the_document(value_fs)
    assert index == bucket_index(value_fs // UNIT_FS)
    assert 0 <= index < HISTOGRAM_BUCKETS


def test_the_edges_of_buckets():
    """By hand: 127 and 128 units have buckets of their own, 256 and 257 share one."""
    unit_fs = 1024
    assert [bucket(v * unit_fs) for v in (0, 1, 127, 128, 255, 256, 257, 258, 511, 512, 515, 516)] == [
        0, 1, 127, 128, 255, 256, 256, 257, 383, 384, 384, 385,
    ]  # fmt: skip
    assert bucket(unit_fs - 1) == 0
    assert bucket(LONGEST_FS - 1) == HISTOGRAM_BUCKETS - 1


def test_what_is_longer_than_the_histogram_goes_into_the_last_bucket():
    assert bucket(LONGEST_FS) == bucket(NEVER) == HISTOGRAM_BUCKETS - 1


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(-5, 5)), max_size=20))
def test_an_occupancy_integrates_over_time(steps):
    """Against a sum of rectangles in exact numbers."""
    gauge = machine().counts.tx_buffer
    now_fs, level, area, highest = 0, 0, Fraction(0), 0
    for wait_fs, delta in steps:
        area += Fraction(level * wait_fs)
        now_fs += wait_fs
        level += delta
        highest = max(highest, level)
        change(gauge, now_fs, delta)
    assert (gauge.level, gauge.highest, Fraction(float(gauge.area))) == (level, highest, area)


def test_a_stall_is_the_time_between_its_beginning_and_its_end():
    stall = machine().ledger.counts.stalls.tags
    set_stalled(stall, 5, False)  # not stalled anyway
    set_stalled(stall, 10, True)
    set_stalled(stall, 17, True)  # it goes on
    assert stall.total_fs == 0
    set_stalled(stall, 30, False)
    set_stalled(stall, 33, False)
    assert stall.total_fs == 20
    set_stalled(stall, 40, True)
    set_stalled(stall, 40, False)  # no time
    set_stalled(stall, 40, True)
    set_stalled(stall, 41, False)
    assert stall.total_fs == 21


def test_a_stall_can_begin_at_time_zero():
    stall = machine().ledger.counts.stalls.tags
    set_stalled(stall, 0, True)
    set_stalled(stall, 8, False)
    assert stall.total_fs == 8


def test_latencies_keep_their_number_sum_and_extremes():
    latency = machine().ledger.counts.from_doorbell
    for value_fs in (500, 200, 900, 300):
        observe(latency, value_fs)
    assert (latency.n, latency.lowest_fs, latency.highest_fs, latency.sum_fs) == (4, 200, 900, 1900.0)
