"""Student's t beside its density integrated, closed forms and tables."""

from __future__ import annotations

from itertools import pairwise
from math import atan, lgamma, log, pi, sqrt

import numpy as np
import pytest

from hwmodel.results.student_t import student_t_975, student_t_below, student_t_point


def share_within(t, degrees):
    """Return the probability that Student's t lies between -t and t: Simpson's rule over its density."""
    points = np.linspace(0, t, 20_001)
    constant = lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - 0.5 * log(degrees * pi)
    density = np.exp(constant - (degrees + 1) / 2 * np.log1p(points**2 / degrees))
    weights = np.ones(len(points))
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return 2 * float((weights * density).sum()) * t / 20_000 / 3


@pytest.mark.parametrize("degrees", [*range(1, 41), 60, 100, 159, 1000, 10**6])
def test_students_t(degrees):
    t = student_t_975(degrees)
    assert share_within(t - 1e-6, degrees) < 0.95 < share_within(t + 1e-6, degrees)


@pytest.mark.parametrize(("share", "degrees"), [(0.99995, 6), (0.99995, 24), (0.9, 3), (0.975, 12)])
def test_a_point_has_its_share_below_it(share, degrees):
    t = student_t_point(share, degrees)
    assert 0.5 + share_within(t, degrees) / 2 == pytest.approx(share, abs=1e-9)
    assert student_t_point(1 - 1e-9, 1) == pytest.approx(1 / (pi * 1e-9), rel=1e-4)  # Cauchy's distribution


@pytest.mark.parametrize("t", [-3.0, -0.2, 0.0, 0.5, 1.0, 4.0])
def test_the_share_below_is_that_of_the_density_and_of_closed_forms(t):
    """One degree of freedom is Cauchy's distribution; two have t / sqrt(2 + t^2)."""
    assert student_t_below(t, 1) == pytest.approx(0.5 + atan(t) / pi, abs=1e-12)
    assert student_t_below(t, 2) == pytest.approx(0.5 + t / sqrt(2 + t * t) / 2, abs=1e-12)
    for degrees in (3, 8, 31, 400):
        assert student_t_below(t, degrees) == pytest.approx(0.5 + share_within(t, degrees) / 2, abs=1e-9)


def test_students_t_is_that_of_the_tables():
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2."""
    table = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 30: 2.042, 100: 1.984}
    assert {degrees: round(student_t_975(degrees), 3) for degrees in table} == table


def test_one_sample_has_no_interval():
    with pytest.raises(ValueError, match="two samples"):
        student_t_975(0)


def test_students_t_falls():
    values = [student_t_975(degrees) for degrees in range(1, 200)]
    assert all(later < earlier for earlier, later in pairwise(values))
