"""Sums over ledgers against sums over the same fields one by one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.forwarding.drop_reason import MAX_REASONS
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import COUNTERS, LATENCY_COUNTS, LEDGER, LEDGER_COUNTS
from hwmodel.simulation.figures.counts import OF_LEDGERS
from hwmodel.simulation.figures.whole import LedgerSums, added_up

FLOWS = [np.array([0, 2]), np.array([1, 3, 2]), np.array([4])]  # of each ledger, by their numbers in all
N_FLOWS = 5
COUNTED = ("offered", "delivered", "dropped", "n_bytes")
BY_REASON = ("drops", "mirrored_drops")
LATENCIES = [*OF_LEDGERS, *range(N_FLOWS)]


def fill_latency(record, rng):
    record["n"] = rng.integers(0, 3)
    record["lowest_fs"], record["highest_fs"] = np.sort(rng.integers(1, 10**9, 2))  # stale where there are no samples
    record["sum_fs"] = rng.random() if record["n"] else 0.0


@pytest.fixture(scope="module", params=range(3))
def ledgers(request):
    """Return ledgers with drawn numbers in all that is added up, and the ledger of their sums."""
    rng = np.random.default_rng(request.param)
    found = [zeros(1, LEDGER)[0] for _ in FLOWS]
    for ledger, numbers in zip(found, FLOWS, strict=True):
        for name in COUNTERS:
            ledger["counts"][name] = rng.integers(10**6)
        for name in BY_REASON:
            ledger["counts"][name] = rng.integers(0, 10**6, MAX_REASONS)
        for name in PART_FIELDS:
            ledger["counts"]["part_sums"][name]["sum_fs"] = rng.random()
        for name in OF_LEDGERS:
            fill_latency(ledger["counts"][name], rng)
        for flow in ledger["flow"][: len(numbers)]:
            for name in COUNTED:
                flow[name] = rng.integers(10**6)
            fill_latency(flow["latency"], rng)
        counts = ledger["latency_counts"]
        for name in LATENCY_COUNTS.names:
            counts[name] = rng.integers(0, 2**29, len(counts))
    into = zeros(1, LEDGER)
    sums = LedgerSums(into, found, SimpleNamespace(flows=range(N_FLOWS), of_ledgers=FLOWS))
    for _ in range(2):  # looking again adds nothing twice
        into[0]["flow"][:N_FLOWS] = sums.add_up()
    # Of two moments; at the first nothing has been counted yet.
    rows = np.zeros((2, len(found)), LEDGER_COUNTS)
    rows[1] = [one["counts"] for one in found]
    before, into[0]["counts"] = added_up(rows)
    assert not any(before.tobytes())
    return found, into[0]


def test_counters_are_those_of_all_ledgers(ledgers):
    found, into = ledgers
    for name in COUNTERS:
        assert into["counts"][name] == sum(int(one["counts"][name]) for one in found)
    for name in BY_REASON:
        assert (into["counts"][name] == sum(one["counts"][name] for one in found)).all()


def test_floats_are_added_in_the_order_of_the_ledgers(ledgers):
    found, into = ledgers
    for name in PART_FIELDS:
        assert into["counts"]["part_sums"][name]["sum_fs"] == sum(
            float(one["counts"]["part_sums"][name]["sum_fs"]) for one in found
        )


@pytest.mark.parametrize("which", LATENCIES)
def test_latencies_together(ledgers, which):
    found, into = ledgers
    if isinstance(which, str):
        parts, together = [one["counts"][which] for one in found], into["counts"][which]
    else:
        places = [numbers.tolist() for numbers in FLOWS]
        parts = [one["flow"][at.index(which)]["latency"] for one, at in zip(found, places, strict=True) if which in at]
        together = into["flow"][which]["latency"]
    seen = [one for one in parts if one["n"]]
    assert together["n"] == sum(int(one["n"]) for one in parts)
    assert together["sum_fs"] == sum(float(one["sum_fs"]) for one in seen)
    assert together["lowest_fs"] == min((int(one["lowest_fs"]) for one in seen), default=0)
    assert together["highest_fs"] == max((int(one["highest_fs"]) for one in seen), default=0)


def test_flows_are_counted_where_they_begin_and_end_and_keep_their_rows(ledgers):
    found, into = ledgers
    for name in COUNTED:
        wanted = np.zeros(N_FLOWS, np.int64)
        for one, numbers in zip(found, FLOWS, strict=True):
            wanted[numbers] += one["flow"][name][: len(numbers)]
        assert into["flow"][name][:N_FLOWS].tolist() == wanted.tolist()
    assert len(set(into["flow"]["histogram"][:N_FLOWS].tolist())) == N_FLOWS
    assert not into["flow"]["offered"][N_FLOWS : N_FLOWS + 3].any()


def test_each_bucket_is_added_up(ledgers):
    found, into = ledgers
    for name in LATENCY_COUNTS.names:
        assert (into["latency_counts"][name] == sum(one["latency_counts"][name] for one in found)).all(), name
