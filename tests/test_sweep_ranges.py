"""Ranges of a sweep's axes: both ends, exact steps, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hwmodel.explore.study.axes import RangeError, values_of_range


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ({"from": 1, "to": 4, "step": 1}, [1, 2, 3, 4]),
        ({"from": 1, "to": 8, "step": 3}, [1, 4, 7]),
        ({"from": 1, "to": 16, "times": 2}, [1, 2, 4, 8, 16]),
        ({"from": 3, "to": 20, "times": 2}, [3, 6, 12]),
        ({"from": "64B", "to": "1KiB", "times": 2}, ["64B", "128B", "256B", "512B", "1KiB"]),
        ({"from": "500ns", "to": "1.5us", "step": "500ns"}, ["500ns", "1us", "1.5us"]),
        ({"from": "1Gbps", "to": "2Gbps", "steps": 3}, ["1Gbps", "1.5Gbps", "2Gbps"]),
        ({"from": 0.1, "to": 0.5, "step": 0.1}, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"from": 5, "to": 5, "step": 1}, [5]),
        ({"from": 0, "to": 1, "steps": 5}, [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_ranges(written, values):
    found = values_of_range(written)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@given(st.integers(-50, 50), st.integers(0, 200), st.integers(1, 30))
def test_whole_steps_are_pythons_range(first, more, step):
    assert values_of_range({"from": first, "to": first + more, "step": step}) == [*range(first, first + more + 1, step)]


@given(st.integers(1, 40), st.integers(0, 400))
def test_tenths_are_tenths(first, more):
    found = values_of_range({"from": first / 10, "to": (first + more) / 10, "step": 0.1})
    assert [Fraction(repr(value)) for value in found] == [Fraction(first + k, 10) for k in range(more + 1)]


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        ({"to": 4, "step": 1}, "", "from is missing"),
        ({"from": 1, "step": 1}, "", "to is missing"),
        ({"from": 1, "to": 4}, "", "one of step, steps and times"),
        ({"from": 1, "to": 4, "step": 1, "times": 2}, "times", "one of step, steps and times"),
        ({"from": 4, "to": 1, "step": 1}, "to", "less than 4"),
        ({"from": 1, "to": "4KiB", "step": 1}, "to", "not of the kind of 1"),
        ({"from": "1B", "to": "4KiB", "step": 1}, "step", "not of the kind"),
        ({"from": "1B", "to": "4KiB", "times": "2B"}, "times", "not a number above 1"),
        ({"from": 1, "to": 4, "step": 0}, "step", "not above zero"),
        ({"from": 1, "to": 4, "step": -1}, "step", "not above zero"),
        ({"from": 1, "to": 4, "times": 1}, "times", "not a number above 1"),
        ({"from": 0, "to": 4, "times": 2}, "from", "not above zero"),
        ({"from": 1, "to": 4, "steps": 1}, "steps", "2 or more"),
        ({"from": 1, "to": 4, "steps": 2.5}, "steps", "2 or more"),
        ({"from": True, "to": 4, "step": 1}, "from", "neither a number nor"),
        ({"from": "one", "to": 4, "step": 1}, "from", "neither a number nor"),
        ({"from": 0, "to": 1, "step": 0.0000001}, "step", "at most 1,000,000"),
        ({"from": 0, "to": 1, "steps": 10**9}, "steps", "at most 1,000,000"),
        ({"from": "1B", "to": "2B", "steps": 3}, "", "not a whole number of B"),
    ],
)
def test_what_is_no_range_is_said_of_its_key(written, key, said):
    with pytest.raises(RangeError, match=said) as caught:
        values_of_range(written)
    assert caught.value.key == key
