"""Marks on the way through the window: as many as are useful, and what lies between two is what was counted there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hwmodel.simulation.figures.counts import GAUGE_WORDS, LATENCY_PLACES, counts_of, gauges_in
from hwmodel.simulation.figures.marks import COUNTED, MOST_MARKS, Marks
from hwmodel.simulation.fill.nic_state import function_of
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


@pytest.fixture(scope="module")
def marks(run):
    return run.marks.table()


def test_marks_go_from_one_end_of_the_window_to_the_other(run, marks):
    times = marks["now_fs"].tolist()
    assert (times[0], times[-1]) == (run.start.now_fs, run.end.now_fs)
    assert all(before < after for before, after in pairwise(times))
    assert 40 < len(times) <= MOST_MARKS + 1
    lengths = np.diff(times)
    assert lengths.max() < 4 * np.median(lengths)


def test_between_the_first_and_the_last_lies_what_the_window_counted(run, marks):
    passed = {name: column[-1] - column[0] for name, column in marks.figures.items()}
    span_fs, result = passed["now_fs"], run.result()
    for name in COUNTED:
        assert passed[name] == run.end.count(name) - run.start.count(name)
    assert 8e6 * passed["wire.tx_gbps"] / span_fs == pytest.approx(result.wire.tx_gbps)
    assert 8e6 * passed["wire.rx_gbps"] / span_fs == pytest.approx(result.wire.rx_gbps)
    for link in ("up", "down"):
        ends = [each.counts[link].busy_fs for each in (run.start, run.end)]
        assert marks.figures[f"{link}.busy_fs"][[0, -1]].tolist() == ends
    for vm in result.vms:
        at = function_of(run.book.port_numbers[vm.name])
        assert 8e6 * passed["rx_gbps"][at] / span_fs == pytest.approx(vm.rx_gbps)
        assert 1e9 * passed["rx_mpps"][at] / span_fs == pytest.approx(vm.rx_mpps)
        assert 8e6 * passed["tx_gbps"][at] / span_fs == pytest.approx(vm.tx_gbps)
    for name in GAUGE_WORDS:
        if name in result.queues:
            assert passed[f"{name}.area"] == pytest.approx(
                gauges_in(run.end.counts)[name].area - gauges_in(run.start.counts)[name].area
            )


@pytest.mark.parametrize("name", LATENCY_PLACES)
def test_each_mark_has_as_many_samples_in_its_histogram(run, marks, name):
    row = counts_of(run.state[0]["ledger"], name)
    samples = marks[f"{name}.n"], marks[f"{name}.sum_fs"], marks.histograms[name]
    for n, sum_fs, (first, counts) in zip(*samples, strict=True):
        assert counts.sum() == n
        assert (n == 0) == (sum_fs == 0) or name in ("mac.wait", "sender_wait")
        assert (counts <= row[first : first + len(counts)]).all()
    first, counts = marks.histograms[name][-1]
    assert counts.tolist() == row[first : first + len(counts)].tolist()
    assert counts.sum() == row.sum()
    assert (samples[0][0], samples[1][0]) == (0, 0)


def test_the_latency_of_deliveries_is_that_of_all_flows(run, marks):
    latency = run.end.latency("delivery")
    assert marks["delivery.n"][-1] == latency["n"]
    assert marks["delivery.sum_fs"][-1] == pytest.approx(float(latency["sum_fs"]), rel=1e-12)


def test_sums_never_fall(marks):
    for name in ("delivered", "up.busy_fs", "to_guest.sum_fs", "tx_ring.area", "rx_gbps"):
        assert (np.diff(marks[name], axis=0) >= 0).all(), name


def test_slices_are_rates_and_means_between_marks(run, marks):
    slices = marks.slices()
    assert set(slices) == {"rate", "latency", *GAUGE_WORDS}
    times = marks["now_fs"]
    assert len(slices["rate"]) == len(times) - 1
    delivered = run.end.count("delivered") - run.start.count("delivered")
    assert (slices["rate"] * np.diff(times)).sum() == pytest.approx(delivered)
    result = run.result()
    assert slices["latency"].min() < result.latency_to_guest_ns.mean * 1e6 < slices["latency"].max()
    weights = np.diff(times) / (times[-1] - times[0])
    assert (slices["rx_buffer"] * weights).sum() == pytest.approx(result.queues["rx_buffer"].mean)
    assert (slices["mac.waiting"] * weights).sum() == pytest.approx(result.queues["wire"].mean)


def test_however_long_a_run_lasts_marks_stay_few_and_even():
    run = begun(LOAD, SMALL)
    marks = Marks(run.whole)
    nic = run.state[0]
    for moment in range(10 * MOST_MARKS):
        nic.clock.now_fs = 1000 * moment
        marks.add()
        assert len(marks) <= MOST_MARKS
    times = marks.table()["now_fs"]
    assert len(times) == len(marks) > MOST_MARKS // 2
    assert times[0] == 0
    assert set(np.diff(times).tolist()) == {1000 * marks.stride} == {16_000}
    # The end is always marked, once.
    nic.clock.now_fs = 1000 * 10 * MOST_MARKS + 1
    marks.close()
    marks.close()
    assert marks.table()["now_fs"][-2:].tolist() == [times[-1], int(nic.clock.now_fs)]
    assert {len(rows) for rows in marks.table().histograms.values()} == {len(times) + 1}


def test_a_mark_is_a_copy(run):
    ledger = run.state[0]["ledger"]
    marks = Marks(run.whole)
    marks.add()
    before = ledger["latency_counts"]["n_delivery"].sum(), int(ledger["counts"]["delivered"])
    ledger["latency_counts"]["n_delivery"] += 1
    ledger["counts"]["delivered"] += 1
    table = marks.table()
    assert (table.histograms["delivery"][-1][1].sum(), table["delivered"][-1]) == before
    ledger["latency_counts"]["n_delivery"] -= 1
    ledger["counts"]["delivered"] -= 1
