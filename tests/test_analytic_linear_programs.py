"""The simplex method against examples solved by hand, and against all corners of random small programs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.analytic.linear_programs import maximize


def program(value, uses, room):
    solved = maximize(np.array(value, float), np.array(uses, float), np.array(room, float))
    return None if solved is None else solved[0]


def test_the_textbook_example():
    # Hillier and Lieberman's Wyndor Glass: 3 x + 5 y; x <= 4, 2 y <= 12, 3 x + 2 y <= 18.
    # An hour more of plant 1 adds nothing, of the others 3/2 and 1.
    found, prices = maximize(*(np.array(each, float) for each in ([3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18])))
    assert found == pytest.approx([2, 6]) and prices == pytest.approx([0, 1.5, 1])


def test_nothing_is_worth_it():
    assert program([-1, 0], [[1, 1]], [1]) == pytest.approx([0, 0])


def test_nothing_fits():
    assert program([1], [[1]], [-1]) is None


def test_a_value_without_end_is_refused():
    with pytest.raises(ValueError, match="no bound"):
        program([1, 1], [[1, 0]], [1])


def test_an_example_on_which_a_careless_choice_of_columns_goes_round_for_ever():
    # Beale, 1955; the best is 1/20 at (1/25, 0, 1, 0).
    value = [0.75, -150, 0.02, -6]
    uses = [[0.25, -60, -0.04, 9], [0.5, -90, -0.02, 3], [0, 0, 1, 0]]
    assert program(value, uses, [0, 0, 1]) == pytest.approx([0.04, 0, 1, 0])


COEFFICIENTS = st.integers(0, 5)


@given(
    st.integers(1, 3).flatmap(
        lambda n: st.tuples(
            st.lists(COEFFICIENTS, min_size=n, max_size=n),
            st.lists(st.lists(COEFFICIENTS, min_size=n, max_size=n), min_size=1, max_size=4),
            st.lists(st.integers(0, 9), min_size=4, max_size=4),
        )
    )
)
def test_no_corner_is_better(drawn):
    value, uses, room = drawn
    n = len(value)
    uses = np.array([*uses, *np.eye(n)])  # each at most 9, so that there is an end
    room = np.array([*room[: len(uses) - n], *[9] * n], float)
    found, prices = maximize(np.array(value, float), uses, room)
    planes = [*zip(uses, room, strict=True), *zip(np.eye(n), np.zeros(n), strict=True)]
    best = 0.0
    for chosen in itertools.combinations(planes, n):
        rows = np.array([row for row, _ in chosen])
        if abs(np.linalg.det(rows)) > 1e-9:
            corner = np.linalg.solve(rows, np.array([most for _, most in chosen]))
            if (corner >= -1e-9).all() and (uses @ corner <= room + 1e-9).all():
                best = max(best, float(value @ corner))
    assert (uses @ found <= room + 1e-9).all() and (found >= 0).all()
    assert value @ found == pytest.approx(best)
    # The prices solve the dual program: they pay for all that has value, and come to no more than the best.
    assert (prices >= -1e-9).all() and (prices @ uses >= np.array(value) - 1e-9).all()
    assert prices @ room == pytest.approx(best)
