"""Exact sums are those that adding up one by one gives."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hwmodel.analytic.traffic import sum_of_products

numbers = st.one_of(st.integers(-(10**20), 10**20), st.fractions(max_denominator=10**6))


@given(st.lists(st.tuples(numbers, numbers), max_size=12))
def test_a_sum_of_products_is_exact(pairs):
    found = sum_of_products(pairs)
    assert found == sum(one * other for one, other in pairs)
    assert type(found) is Fraction
