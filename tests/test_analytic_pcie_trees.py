"""The closed form of a link that adapters share, beside the sums of docs/pcie.md."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.limits_text import limits_text
from tests.test_pcie_trees import GBPS_OF_ONE_X4, with_tree

BOTH = {"x": {"behind": "s1"}, "y": {"behind": "s1"}}


def test_a_shared_link_carries_the_bytes_of_both() -> None:
    found = limits(with_tree({"switches": [{"name": "s1", "lanes": 4}], "slots": BOTH}, "xy"))
    by_name = {one.resource: one for one in found.ceilings}
    assert (by_name["a.s1.up"].per_frame, by_name["a.s1.down"].per_frame) == (1809, 1719)
    assert by_name["a.x.pcie.up"].per_frame == by_name["a.y.pcie.up"].per_frame == 1809 / 2
    assert found.limited_by == "a.s1.up"
    assert found.gbps == pytest.approx(GBPS_OF_ONE_X4, rel=1e-4)
    assert (found.round_trip_ns, found.unloaded_latency_ns) == (None, None)
    assert "limited by a.s1.up." in limits_text(found)
    assert "Of PCIe switches the links are counted" in limits_text(found)


def test_switches_behind_switches_each_carry_what_is_below() -> None:
    """Of three adapters two are behind the lower switch, whose link is the narrower: so much of all goes over it."""
    switches = [{"name": "s1", "lanes": 16}, {"name": "s2", "behind": "s1", "lanes": 4}]
    slots = {"x": {"behind": "s1"}, "y": {"behind": "s2"}, "z": {"behind": "s2"}}
    found = limits(with_tree({"switches": switches, "slots": slots}))
    assert found.gbps == pytest.approx(GBPS_OF_ONE_X4 * 3, rel=1e-4)  # x has its eight lanes, y and z four together


def test_a_third_adapter_in_its_own_slot_adds_its_own() -> None:
    found = limits(with_tree({"switches": [{"name": "s1", "lanes": 4}], "slots": BOTH | {"z": {"lanes": 4}}}))
    assert found.gbps == pytest.approx(2 * GBPS_OF_ONE_X4, rel=1e-4)
