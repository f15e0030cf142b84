"""Histograms and counts of a snapshot, summarised: against sums by hand and numpy."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hwmodel.forwarding.drop_reason import MAX_REASONS, DropReason
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS, LATENCY, WIRE_WAIT_HISTOGRAM
from hwmodel.results import Latency
from hwmodel.results.histogram import bucket_index
from hwmodel.simulation.figures.latency_summary import latency_from, named_drops, samples_of

UNIT_FS = 1024


def histogram(times_fs):
    row = np.zeros(HISTOGRAM_BUCKETS, np.int32)
    for time_fs in times_fs:
        row[bucket_index(time_fs // UNIT_FS)] += 1
    return row


def snapshot_of(name, times_fs):
    """Return what a snapshot holds of one latency; another one's counts stand beside it."""
    latency = np.zeros((), LATENCY)
    if times_fs:
        latency["n"], latency["sum_fs"] = len(times_fs), sum(times_fs)
        latency["lowest_fs"], latency["highest_fs"] = min(times_fs), max(times_fs)
    counts = {"n_to_guest": histogram([]), "n_delivery": histogram([10**9] * 1000)}
    rows = np.zeros((2, HISTOGRAM_BUCKETS), np.int32)
    if name == "mac.wait":
        rows[WIRE_WAIT_HISTOGRAM] = histogram(times_fs)
    else:
        counts[f"n_{name}"] = histogram(times_fs)
    return SimpleNamespace(latency={name: latency}.get, latency_counts=counts, histogram=rows)


def test_drops_have_the_names_of_their_reasons_and_none_is_named_that_did_not_occur():
    counts = np.zeros(MAX_REASONS, np.int64)
    counts[[DropReason.QUEUE_FULL.value, DropReason.SAME_PORT.value]] = 3_000_000_000, 1
    found = named_drops(counts)
    assert found == {"QUEUE_FULL": 3_000_000_000, "SAME_PORT": 1}
    assert named_drops(np.zeros(MAX_REASONS, np.int64)) == {}


def test_histograms_are_added_up_beyond_32_bits():
    rows = [histogram([5 * UNIT_FS]) * (2**31 - 1), histogram([5 * UNIT_FS]) * (2**31 - 1), histogram([90 * UNIT_FS])]
    found = samples_of(rows, 5 * UNIT_FS, 90 * UNIT_FS, 0)
    assert (found.first, int(found.counts[0]), int(found.counts[-1])) == (5, 2**32 - 2, 1)
    assert (len(found.counts), int(found.counts.sum())) == (86, 2**32 - 1)


def test_columns_that_no_sample_can_be_in_are_not_read():
    """A value of 300 units lies in bucket (1 + 1) * 128 + (300 >> 1) - 128 = 278."""
    row = np.arange(HISTOGRAM_BUCKETS, dtype=np.int32)
    found = samples_of([row], 100 * UNIT_FS + 1023, 300 * UNIT_FS, 0)
    assert (found.first, found.counts.tolist()) == (100, list(range(100, 279)))


@pytest.mark.parametrize("name", ["mac.wait", "to_guest"])
def test_a_latency_has_exact_extremes_and_mean_and_a_median_within_its_bucket(name):
    times_fs = [(1000 + 37 * number % 991) * 10**6 + number for number in range(999)]
    found = latency_from(snapshot_of(name, times_fs), name)
    assert found.count == 999
    assert (found.min, found.max) == (min(times_fs) / 1e6, max(times_fs) / 1e6)
    assert found.mean == pytest.approx(sum(times_fs) / 999 / 1e6, rel=1e-12)
    assert found.p50 == pytest.approx(sorted(times_fs)[499] / 1e6, rel=0.004)
    assert found.p99 == pytest.approx(sorted(times_fs)[989] / 1e6, rel=0.004)
    assert found.p999 is None  # below 1000 samples


def test_nothing_measured_has_no_figures():
    """Whatever extremes an earlier window left behind."""
    snapshot = snapshot_of("to_guest", [])
    snapshot.latency("to_guest")["lowest_fs"] = snapshot.latency("to_guest")["highest_fs"] = 10**9
    found = latency_from(snapshot, "to_guest")
    assert found == Latency() and found.count == 0 and found.mean is None
