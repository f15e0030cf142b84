"""Buckets against their definition, percentiles against numpy on the raw sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.results import Latency, bucket_ns, filled_columns, merge_histogram, quantile_bucket, summarize_latency
from hwmodel.results.histogram import UNIT_FS, bucket_index, least_of

NS_PER_UNIT = 1024 / 1e6
values = st.integers(min_value=0, max_value=2**63 - 1)


def counts_of(units) -> np.ndarray:
    counts = np.zeros(bucket_index(max(units)) + 1, dtype=np.int64)
    for unit in units:
        counts[bucket_index(unit)] += 1
    return counts


def summary_of(times_fs) -> Latency:
    counts = counts_of([time >> 10 for time in times_fs])
    return summarize_latency(counts, min_fs=min(times_fs), max_fs=max(times_fs), sum_fs=sum(times_fs))


@pytest.mark.parametrize(
    ("value", "index"),
    [(0, 0), (1, 1), (127, 127), (128, 128), (255, 255), (256, 256), (257, 256), (258, 257), (511, 383), (512, 384),
     (515, 384), (516, 385), (1023, 511), (1024, 512), (2**40, 4352)],
)  # fmt: skip
def test_indices_worked_out_by_hand(value, index):
    assert bucket_index(value) == index


@given(values)
def test_a_value_lies_in_its_bucket_and_the_bucket_is_narrow(value):
    bucket = bucket_index(value)
    lower, upper = least_of(bucket), least_of(bucket + 1)
    assert lower <= value < upper
    assert bucket_index(lower) == bucket == bucket_index(upper - 1)
    assert bucket_index(upper) == bucket + 1
    assert upper - lower == 1 or (upper - lower) * 128 <= lower
    assert lower * NS_PER_UNIT < bucket_ns(bucket) < upper * NS_PER_UNIT


def test_there_are_128_buckets_to_an_octave():
    assert {bucket_index(2 ** (power + 1)) - bucket_index(2**power) for power in range(7, 60)} == {128}


def test_a_negative_value_is_refused():
    with pytest.raises(ValueError):
        bucket_index(-1)


@pytest.mark.parametrize("spread", ["uniform", "lognormal", "two_peaks"])
@pytest.mark.parametrize("seed", [1, 2])
def test_percentiles_agree_with_numpy_within_one_percent(spread, seed):
    rng = np.random.default_rng(seed)
    draw = {
        "uniform": lambda: rng.uniform(3e8, 5e10, 5000),
        "lognormal": lambda: rng.lognormal(22, 1.5, 5000),
        "two_peaks": lambda: np.concatenate([rng.normal(1e9, 1e7, 4900), rng.normal(1e12, 1e9, 100)]),
    }[spread]
    times_fs = draw().astype(np.int64)
    found = summary_of(times_fs.tolist())
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        exact = np.quantile(times_fs, share, method="inverted_cdf") / 1e6
        assert getattr(found, name) == pytest.approx(exact, rel=0.005)
    assert (found.min, found.max) == (times_fs.min() / 1e6, times_fs.max() / 1e6)
    assert found.mean == pytest.approx(times_fs.mean() / 1e6, rel=1e-12)
    assert found.count == 5000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=10**6, max_value=10**15), min_size=1, max_size=300), st.integers(1, 1000))
def test_any_quantile_of_any_sample_is_within_one_percent(times_fs, per_mille):
    found = bucket_ns(quantile_bucket(counts_of([time >> 10 for time in times_fs]), per_mille, 1000))
    rank = -(-len(times_fs) * per_mille // 1000)
    exact = sorted(times_fs)[rank - 1] / 1e6
    assert abs(found - exact) <= max(0.01 * exact, NS_PER_UNIT)


@pytest.mark.parametrize(
    ("n_samples", "missing"),
    [(1, {"p99", "p999"}), (99, {"p99", "p999"}), (100, {"p999"}), (999, {"p999"}), (1000, set())],
)
def test_percentiles_need_samples(n_samples, missing):
    found = summary_of([10**9 + index for index in range(n_samples)])
    figures = ("min", "mean", "p50", "p99", "p999", "max")
    assert {name for name in figures if getattr(found, name) is None} == missing


def test_no_samples_no_figures():
    assert summarize_latency([0, 0, 0], min_fs=-1, max_fs=-1, sum_fs=0) == Latency()
    assert summarize_latency([], min_fs=0, max_fs=0, sum_fs=0).p50 is None
    with pytest.raises(ValueError):
        quantile_bucket([0, 0], 1, 2)


def test_percentiles_stay_within_the_exact_ends():
    found = summary_of([1_000_000_123] * 2000)
    assert found.min == found.p50 == found.p99 == found.p999 == found.max == 1000.000123


def test_a_sum_beyond_64_bits_is_exact():
    found = summarize_latency([0, 10**6], min_fs=1024, max_fs=2047, sum_fs=10**6 * 2**70)
    assert found.mean == 2**70 / 1e6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=2**45), min_size=1, max_size=400), st.integers(1, 50))
def test_merged_histogram_is_the_exact_distribution_at_its_edges(units, most_points):
    points = merge_histogram(counts_of(units), most_points)
    assert 1 <= len(points) <= most_points
    assert all(count > 0 for _, count in points)
    uppers = [upper for upper, _ in points]
    assert uppers == sorted(set(uppers))
    seen = 0
    for upper_ns, count in points:
        seen += count
        assert seen == sum(unit * UNIT_FS / 1e6 < upper_ns for unit in units)
    assert seen == len(units)


def test_few_buckets_are_not_merged():
    assert merge_histogram(counts_of([5, 5, 300, 9])) == (
        (6 * 1024 / 1e6, 2),
        (10 * 1024 / 1e6, 1),
        (302 * 1024 / 1e6, 1),
    )
    assert merge_histogram([0, 0]) == ()
    with pytest.raises(ValueError):
        merge_histogram([1], most_points=0)


@given(st.lists(st.integers(0, 2**60), min_size=1, max_size=20), st.integers(1, 5000))
def test_filled_columns_hold_all_samples_and_no_bucket_more(samples_fs, n_buckets):
    columns = filled_columns(min(samples_fs), max(samples_fs), n_buckets)
    indices = [min(bucket_index(at_fs // UNIT_FS), n_buckets - 1) for at_fs in samples_fs]
    assert (columns.start, columns.stop) == (min(indices), max(indices) + 1)
