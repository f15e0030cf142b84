"""Alias tables: the exact probability that a table gives each value, added up from its columns."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.workload.traffic import EMPTY_TABLE, build_alias_table

weights = st.one_of(
    st.integers(1, 10**6),
    st.fractions(Fraction(1, 10**9), 10**9),
    st.floats(1e-12, 1e12),
)


def exact_probabilities(table):
    """Add up what each value gets from a uniform column and 32 uniform bits."""
    n = len(table)
    given_to = Counter()
    for i in range(n):
        given_to[int(table.value[i])] += Fraction(int(table.threshold[i]), n * 2**32)
        given_to[int(table.value[table.alias[i]])] += Fraction(2**32 - int(table.threshold[i]), n * 2**32)
    return given_to


def check_form(table, n):
    assert (table.threshold.dtype, table.alias.dtype, table.value.dtype) == (np.int64, np.int32, np.int32)
    assert len(table) == len(table.threshold) == len(table.alias) == len(table.value) == n
    assert table.threshold.min() >= 0
    assert table.threshold.max() <= 2**32
    assert table.alias.min() >= 0
    assert table.alias.max() < n


@given(st.lists(weights, min_size=1, max_size=60))
def test_each_value_gets_its_weight_to_the_last_unit(weight_list):
    table = build_alias_table(list(enumerate(weight_list)))
    check_form(table, len(weight_list))
    whole = sum(map(Fraction, weight_list))
    unit = Fraction(1, len(weight_list) * 2**32)
    found = exact_probabilities(table)
    assert sum(found.values()) == 1
    for value, weight in enumerate(weight_list):
        assert abs(found[value] - Fraction(weight) / whole) < unit


@pytest.mark.parametrize(
    "weight_list", [[1], [1, 1], [1, 3], [1, 2, 5], [5, 2, 1], [1] * 64, [1, 0.5, 0.25, 0.25], [4, 3, 1, 8]]
)
def test_shares_that_are_whole_units_are_exact(weight_list):
    found = exact_probabilities(build_alias_table(list(enumerate(weight_list, start=100))))
    whole = sum(map(Fraction, weight_list))
    assert found == {100 + i: Fraction(weight) / whole for i, weight in enumerate(weight_list)}


def test_imix_is_as_near_as_units_allow():
    found = exact_probabilities(build_alias_table([(64, 7), (570, 4), (1518, 1)]))
    for value, twelfths in ((64, 7), (570, 4), (1518, 1)):
        # 3 columns of 2^32: 7/12 of them is a whole number, as is each of the others.
        assert found[value] == Fraction(twelfths, 12)


def test_a_value_may_stand_twice():
    assert exact_probabilities(build_alias_table([(7, 1), (9, 2), (7, 1)])) == {7: Fraction(1, 2), 9: Fraction(1, 2)}


def test_weights_of_zero_are_never_drawn():
    table = build_alias_table([(1, 0), (2, 3), (3, 0.0), (4, Fraction(0)), (5, 1)])
    check_form(table, 2)
    assert exact_probabilities(table) == {2: Fraction(3, 4), 5: Fraction(1, 4)}


def test_equal_weights_need_no_alias():
    table = build_alias_table([(value, 2.5) for value in range(10)])
    assert table.threshold.tolist() == [2**32] * 10


def test_the_same_weights_give_the_same_table():
    pairs = [(i, (i * 7919) % 101 + 1) for i in range(200)]
    first, second = build_alias_table(pairs), build_alias_table(pairs)
    assert first.threshold.tobytes() == second.threshold.tobytes()
    assert first.alias.tobytes() == second.alias.tobytes()


@pytest.mark.parametrize("weighted", [[], [(1, 0)], [(1, 2), (2, -1)]])
def test_weights_that_make_no_choice_are_refused(weighted):
    with pytest.raises(ValueError, match="above zero"):
        build_alias_table(weighted)


def test_the_empty_table_has_no_columns():
    assert len(EMPTY_TABLE) == 0
