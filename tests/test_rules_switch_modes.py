"""The table of modes and the formats of tags: complete, and as the standards draw them."""

from __future__ import annotations

from typing import get_args

import pytest

from hwmodel.forwarding.outer_tag import MISSING, OUTER_BYTES, OUTER_TYPES, OWN_KEYS, UNKNOWN_INTERFACE
from hwmodel.rules.switch_modes import C_TAG, E_TAG, MODES, OUTER_TAGS, S_TAG, VN_TAG, ModeName


def test_each_mode_is_in_the_table_with_a_number_of_its_own():
    assert tuple(MODES) == get_args(ModeName)
    assert [mode.number for mode in MODES.values()] == list(range(len(MODES)))


def test_each_outer_tag_has_its_place_in_what_goes_by_kinds():
    by_kind = (OUTER_TYPES, OUTER_BYTES, MISSING, UNKNOWN_INTERFACE, OWN_KEYS)
    assert [len(each) for each in by_kind] == [1 + len(OUTER_TAGS)] * len(by_kind)
    kinds = {name: mode.outer_kind for name, mode in MODES.items()}
    assert kinds == {"veb": 0, "vepa": 0, "multichannel": 1, "vn_tag": 2, "e_tag": 3}


@pytest.mark.parametrize(("tag", "name", "word"), [
    (C_TAG, "pcp", 0xE000), (C_TAG, "dei", 0x1000), (S_TAG, "vid", 0x0FFF),  # 802.1Q, figure 9-1
    (VN_TAG, "direction", 0x8000_0000), (VN_TAG, "pointer", 0x4000_0000), (VN_TAG, "dvif", 0x3FFF_0000),
    (VN_TAG, "looped", 0x8000), (VN_TAG, "reserved", 0x4000), (VN_TAG, "version", 0x3000), (VN_TAG, "svif", 0xFFF),
    (E_TAG, "pcp", 0xE000_0000_0000), (E_TAG, "dei", 0x1000_0000_0000), (E_TAG, "ingress_ecid", 0x0FFF_0000_FF00),
    (E_TAG, "reserved", 0xC000_0000), (E_TAG, "group", 0x3000_0000), (E_TAG, "ecid", 0x0FFF_00FF),  # 802.1BR, 7.5
])  # fmt: skip
def test_a_field_has_its_bits(tag, name, word):
    highest = (1 << tag.bits(name)) - 1
    assert tag.write({name: highest}) == word
    assert tag.read(word) == dict.fromkeys(tag.places, 0) | {name: highest}
    assert tag.read(tag.write({name: 0b101 & highest}))[name] == 0b101 & highest
