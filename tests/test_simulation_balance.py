"""The two balances of a run, and how evenly it shares its throughput."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.results import Totals, check_balance
from hwmodel.simulation.figures.outcome import jain_fairness
from tests.sample_result import sample_result


def totals(**changes: int) -> Totals:
    counts = {
        "offered_frames": 10, "delivered_frames": 6, "dropped_frames": 3, "in_flight_frames": 1,
        "copies_made": 20, "copies_delivered": 12, "copies_dropped": 5, "copies_in_flight": 3,
    }  # fmt: skip
    return Totals(**{**counts, **changes}, gbps=0.0, mpps=0.0)


def test_a_balanced_run_has_no_violation():
    assert check_balance(totals()) == []
    assert check_balance(sample_result()) == []


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Totals) if "frames" in field.name])
def test_one_lost_frame_is_found(field):
    (violation,) = check_balance(totals(**{field: getattr(totals(), field) + 1}))
    assert violation.startswith("offered_frames")
    assert re.search(r": [+-]1 unaccounted for$", violation)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Totals) if "copies" in field.name])
def test_one_lost_copy_is_found(field):
    (violation,) = check_balance(totals(**{field: getattr(totals(), field) - 1}))
    assert violation.startswith("copies_made")


def test_the_violation_says_how_many_are_missing():
    (violation,) = check_balance(totals(delivered_frames=2))
    assert violation == (
        "offered_frames 10 is not delivered_frames 2 + dropped_frames 3 + in_flight_frames 1: +4 unaccounted for"
    )


def test_both_balances_and_negative_counts_are_told():
    violations = check_balance(totals(in_flight_frames=-1, delivered_frames=8, copies_made=0))
    assert violations[0] == "in_flight_frames is negative: -1"
    assert len(violations) == 2


def test_wire_counts_and_mirrored_copies_do_not_enter_the_balances_of_the_others():
    assert check_balance(totals(delivered_to_wire=6, from_wire=2, mirrored_made=9, mirrored=9)) == []


@pytest.mark.parametrize("field", ["mirrored_made", "mirrored", "mirrored_dropped", "mirrored_in_flight"])
def test_one_lost_mirrored_copy_is_found(field):
    counts = {"mirrored_made": 9, "mirrored": 4, "mirrored_dropped": 3, "mirrored_in_flight": 2}
    assert check_balance(totals(**counts)) == []
    (violation,) = check_balance(totals(**{**counts, field: counts[field] + 1}))
    assert violation.startswith("mirrored_made")


@pytest.mark.parametrize(
    ("rates", "index"),
    [([3, 3, 3], 1.0), ([1, 0, 0, 0], 0.25), ([1, 2, 3], 36 / 42), ([5], 1.0), ([], None), ([0, 0], None)],
)
def test_jain_worked_out_by_hand(rates, index):
    assert jain_fairness(rates) == (None if index is None else pytest.approx(index))


@given(st.lists(st.floats(min_value=0, max_value=1e300), min_size=1, max_size=50), st.sampled_from([1e-6, 2.0, 1e6]))
def test_jain_lies_between_one_nth_and_one_and_does_not_depend_on_scale(rates, scale):
    index = jain_fairness(rates)
    if max(rates) == 0:
        assert index is None
        return
    assert 1 / len(rates) - 1e-9 <= index <= 1 + 1e-9
    small = [rate / 1e10 for rate in rates]
    if max(small) > 1e-200:
        assert jain_fairness(rate * scale for rate in small) == pytest.approx(jain_fairness(small))
