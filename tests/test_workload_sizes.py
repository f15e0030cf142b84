"""Frame sizes and their means, against sums written out."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.config.streams import Sizes
from hwmodel.workload.traffic import build_alias_table

IMIX = ((64, 7), (570, 4), (1518, 1))


def test_one_length():
    sizes = Sizes.of(1518, None)
    assert sizes.mean_frame_bytes == 1518
    assert sizes.mean_wire_bytes == 1538
    assert build_alias_table(sizes.weighted).value.tolist() == [1518]


def test_imix_means():
    sizes = Sizes.of(None, IMIX)
    # (7 * 64 + 4 * 570 + 1518) / 12 = 4246 / 12, and 20 B of preamble and gap with each.
    assert sizes.mean_frame_bytes == Fraction(4246, 12)
    assert sizes.mean_wire_bytes == Fraction(4246, 12) + 20
    assert sorted(build_alias_table(sizes.weighted).value.tolist()) == [64, 570, 1518]


def test_short_frames_take_the_least_time_on_the_wire():
    assert Sizes.of(None, ((60, 1), (100, 1))).mean_wire_bytes == Fraction(84 + 120, 2)


def test_weights_in_any_unit():
    assert Sizes.of(None, ((64, 0.25), (128, 0.75))).mean_frame_bytes == 112


def test_a_length_must_be_said():
    with pytest.raises(ValueError, match="neither"):
        Sizes.of(None, None)
