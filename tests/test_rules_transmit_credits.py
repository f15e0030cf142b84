"""Credits and factors as registers hold them, beside vectors that were made with Linux' ixgbe arithmetic in C."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.rules.transmit_credits import (
    MOST_FACTOR,
    Credits,
    credits_of_percents,
    credits_of_weights,
    least_refill,
    rate_factor,
    rate_kept,
    rate_register,
)

# The longest frame, percent of 8 classes, least refill; refill and limit of each class, in credits of 64 B.
CREDITS = """
1518|100 0 0 0 0 0 0 0|12|100 12 12 12 12 12 12 12|4095 12 12 12 12 12 12 12
1518|50 50 0 0 0 0 0 0|12|50 50 12 12 12 12 12 12|2047 2047 12 12 12 12 12 12
1518|13 12 13 12 13 12 13 12|12|26 24 26 24 26 24 26 24|532 491 532 491 532 491 532 491
1518|70 20 10 0 0 0 0 0|12|140 40 20 12 12 12 12 12|2866 819 409 12 12 12 12 12
1518|1 99 0 0 0 0 0 0|12|13 511 12 12 12 12 12 12|40 4054 12 12 12 12 12 12
1518|25 25 25 25 0 0 0 0|12|25 25 25 25 12 12 12 12|1023 1023 1023 1023 12 12 12 12
1518|5 10 15 20 50 0 0 0|12|15 30 45 60 150 12 12 12|204 409 614 819 2047 12 12 12
9728|100 0 0 0 0 0 0 0|76|100 76 76 76 76 76 76 76|4095 76 76 76 76 76 76 76
9728|50 50 0 0 0 0 0 0|76|100 100 76 76 76 76 76 76|2047 2047 76 76 76 76 76 76
9728|13 12 13 12 13 12 13 12|76|91 84 91 84 91 84 91 84|532 491 532 491 532 491 532 491
9728|70 20 10 0 0 0 0 0|76|511 160 80 76 76 76 76 76|2866 819 409 76 76 76 76 76
9728|1 99 0 0 0 0 0 0|76|77 511 76 76 76 76 76 76|40 4054 76 76 76 76 76 76
9728|25 25 25 25 0 0 0 0|76|100 100 100 100 76 76 76 76|1023 1023 1023 1023 76 76 76 76
9728|5 10 15 20 50 0 0 0|76|80 160 240 320 511 76 76 76|204 409 614 819 2047 76 76 76
"""
# Link and rate in Mb/s, the factor's integer part and fraction, the register.
RATES = """
10000 10 1000 0 0x80fa0000
10000 100 100 0 0x80190000
10000 300 33 5461 0x80085555
10000 1000 10 0 0x80028000
10000 3333 3 4 0x8000c004
10000 7000 1 7021 0x80005b6d
10000 9999 1 1 0x80004001
10000 10000 1 0 0x80004000
1000 10 100 0 0x80190000
1000 333 3 49 0x8000c031
"""


@pytest.mark.parametrize("line", CREDITS.split("\n")[1:-1])
def test_percentages_make_the_credits_that_the_driver_writes(line: str) -> None:
    longest, *rows = line.split("|")
    percents, (least,), refills, limits = ([int(each) for each in row.split()] for row in rows)
    assert least_refill(int(longest)) == least
    found = credits_of_percents(percents, int(longest))
    assert found == tuple(Credits(*each) for each in zip(refills, limits, strict=True))


@pytest.mark.parametrize("line", RATES.split("\n")[1:-1])
def test_a_rate_makes_the_value_that_the_driver_writes(line: str) -> None:
    link, rate, whole, part, value = (int(each, 0) for each in line.split())
    link_bps, rate_bps = link * 10**6, rate * 10**6
    assert rate_register(rate_bps, link_bps) == value
    meant = link_bps / (whole + Fraction(part, 2**14))
    assert meant == rate_kept(rate_bps, link_bps)
    assert 0 <= meant / rate_bps - 1 < Fraction(1, 2**14)


def test_the_least_rate_is_a_16384th_of_the_link() -> None:
    assert rate_factor(610_352, 10**10) <= MOST_FACTOR < rate_factor(610_351, 10**10)


def test_weights_make_credits_in_just_their_proportions() -> None:
    assert credits_of_weights([1, 2, 5], 1518) == (Credits(13, 511), Credits(26, 1023), Credits(65, 2559))
    assert credits_of_weights([4, 7], 1518) == (Credits(16, 1489), Credits(28, 2605))
