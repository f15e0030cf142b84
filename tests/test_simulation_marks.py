"""Marks on the way through the window: as many as are useful, and what lies between two is what was counted there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hwmodel.simulation.marks import COUNTS, MOST_MARKS, Marks
from hwmodel.simulation.measurement import GAUGES, LATENCIES, counts_of
from tests.run_cases import begun

LOAD = {
    "workload": {"pattern": "uniform", "frame_bytes": 570, "load": "2Gbps", "arrivals": "poisson", "wire_share": 0.3}
}
SMALL = {"nic": {"vfs": 3}, "run": {"warmup": "100us", "duration": "5ms"}}


@pytest.fixture(scope="module")
def run():
    run = begun(LOAD, SMALL, {"workload": {"external": {"rate": "500Mbps"}}})
    run.go_through()
    return run


def test_marks_go_from_one_end_of_the_window_to_the_other(run):
    times = [mark.now_fs for mark in run.marks.found]
    assert (times[0], times[-1]) == (run.start.now_fs, run.end.now_fs)
    assert all(before < after for before, after in pairwise(times))
    assert 40 < len(times) <= MOST_MARKS + 1
    lengths = np.diff(times)
    assert lengths.max() < 4 * np.median(lengths)


def test_between_the_first_and_the_last_lies_what_the_window_counted(run):
    first, last, result = run.marks.found[0], run.marks.found[-1], run.result()
    span_fs = last.now_fs - first.now_fs
    for name in COUNTS:
        assert last.counts[name] - first.counts[name] == run.end.counts[name] - run.start.counts[name]
    assert 8e6 * (last.wire_tx_bytes - first.wire_tx_bytes) / span_fs == pytest.approx(result.wire.tx_gbps)
    assert 8e6 * (last.wire_rx_bytes - first.wire_rx_bytes) / span_fs == pytest.approx(result.wire.rx_gbps)
    assert (last.up_busy_fs, first.up_busy_fs) == (run.end.up.busy_fs, run.start.up.busy_fs)
    assert (last.down_busy_fs, first.down_busy_fs) == (run.end.down.busy_fs, run.start.down.busy_fs)
    n = run.marks.n_functions
    for vm in result.vms:
        at = run.marks.book.port_numbers[vm.name]
        received = last.received - first.received
        assert 8e6 * received[at] / span_fs == pytest.approx(vm.rx_gbps)
        assert 1e9 * received[n + 1 + at] / span_fs == pytest.approx(vm.rx_mpps)
        assert 8e6 * (last.sent_bytes - first.sent_bytes)[at - 1] / span_fs == pytest.approx(vm.tx_gbps)
    for name in GAUGES:
        if name in result.queues:
            assert last.areas[name] - first.areas[name] == pytest.approx(run.end.areas[name] - run.start.areas[name])


@pytest.mark.parametrize("name", LATENCIES)
def test_each_mark_has_as_many_samples_in_its_histogram(run, name):
    row = counts_of(run.state[0]["ledger"], name)
    for mark in run.marks.found:
        n, sum_fs = mark.latency[name]
        first, counts = mark.histogram[name]
        assert counts.sum() == n
        assert (n == 0) == (sum_fs == 0) or name in ("mac.wait", "sender_wait")
        assert (counts <= row[first : first + len(counts)]).all()
    first, counts = run.marks.found[-1].histogram[name]
    assert counts.tolist() == row[first : first + len(counts)].tolist()
    assert counts.sum() == row.sum()
    assert run.marks.found[0].latency[name] == (0, 0)


def test_sums_never_fall(run):
    for of_one in (
        lambda mark: mark.counts["delivered"],
        lambda mark: mark.up_busy_fs,
        lambda mark: mark.latency["to_guest"][1],
        lambda mark: mark.areas["tx_ring"],
        lambda mark: mark.received.sum(),
    ):
        assert (np.diff(run.marks.series(of_one)) >= 0).all()


def test_slices_are_rates_and_means_between_marks(run):
    slices = run.marks.slices()
    assert set(slices) == {"rate", "latency", *GAUGES}
    times = run.marks.series(lambda mark: mark.now_fs)
    assert len(slices["rate"]) == len(times) - 1
    delivered = run.end.counts["delivered"] - run.start.counts["delivered"]
    assert (slices["rate"] * np.diff(times)).sum() == pytest.approx(delivered)
    result = run.result()
    assert slices["latency"].min() < result.latency_to_guest_ns.mean * 1e6 < slices["latency"].max()
    weights = np.diff(times) / (times[-1] - times[0])
    assert (slices["rx_buffer"] * weights).sum() == pytest.approx(result.queues["rx_buffer"].mean)
    assert (slices["mac.waiting"] * weights).sum() == pytest.approx(result.queues["wire"].mean)


def test_however_long_a_run_lasts_marks_stay_few_and_even():
    run = begun(LOAD, SMALL)
    marks = Marks(run.state[0], run.book)
    nic = run.state[0]
    for moment in range(10 * MOST_MARKS):
        nic.clock.now_fs = 1000 * moment
        marks.add()
        assert len(marks.found) <= MOST_MARKS
    times = [mark.now_fs for mark in marks.found]
    assert len(times) > MOST_MARKS // 2
    assert times[0] == 0
    assert set(np.diff(times).tolist()) == {1000 * marks.stride} == {16_000}
    # The end is always marked, once.
    nic.clock.now_fs = 1000 * 10 * MOST_MARKS + 1
    marks.close()
    marks.close()
    assert [mark.now_fs for mark in marks.found[-2:]] == [times[-1], int(nic.clock.now_fs)]


def test_a_mark_is_a_copy(run):
    mark = run.marks.found[-1]
    before = mark.histogram["delivery"][1].sum()
    nic = run.state[0]
    nic["ledger"]["latency_counts"]["n_delivery"] += 1
    assert mark.histogram["delivery"][1].sum() == before
    nic["ledger"]["latency_counts"]["n_delivery"] -= 1
