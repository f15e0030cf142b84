"""What is refused of a `tree`, one clear line each, and what a slot makes of an adapter's link."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import config_from_mapping, servers_of, switches_of
from hwmodel.config.check_pcie import MOST_SWITCHES, MOST_TLPS_BELOW
from hwmodel.config.pcie_tree import way_to_root
from hwmodel.errors import InputError
from hwmodel.machine.pcie.tree_state import MAX_SWITCHES
from hwmodel.machine.time.clock import LANE_CAP

SWITCH = {"name": "s1"}
BOTH = {"x": {"behind": "s1"}, "y": {"behind": "s1"}}


def server_with(tree: dict[str, Any], **of_x: Any) -> dict[str, Any]:
    return {"nic": {"vfs": 2}, "servers": [
        {"name": "a", "adapters": [{"name": "x", "set": of_x}, {"name": "y"}], "tree": tree}
    ]}  # fmt: skip


def message_of(mapping: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        config_from_mapping(mapping)
    return str(caught.value)


def tree_of(*switches: dict[str, Any], slots: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"switches": list(switches), "slots": BOTH if slots is None else slots}


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        (tree_of({"name": "s1", "behind": "s2"}, {"name": "s2", "behind": "s1"}),
         "servers.a.tree.switches.s1.behind: s1 is behind s2, s2 is behind s1: a loop, from which nothing "
         "comes to a root port"),
        (tree_of({"name": "s1", "behind": "s1"}), "switches.s1.behind: s1 is behind itself: a loop"),
        (tree_of(SWITCH, {"name": "s2"}, {"name": "s1", "behind": "s2"}),
         "PCIe switch s1 stands here twice, behind root and behind s2: a switch has one upper port, and a tree one "
         "root"),
        (tree_of(SWITCH, slots={"x": {"behind": "s1"}}),
         "servers.a.tree.slots: adapter y is in no slot of the tree (slots: {y: {behind: s1}})"),
        (tree_of(SWITCH, slots=BOTH | {"q": {}}), "servers.a.tree.slots.q: the server has no adapter q; it has x, y"),
        (tree_of(SWITCH, slots=BOTH | {"y": {"behind": "s7"}}),
         "servers.a.tree.slots.y.behind: there is no PCIe switch s7 (did you mean s1?)"),
        (tree_of(SWITCH, {"name": "s2", "behind": "s1"}),
         "servers.a.tree.switches.s2: nothing is behind PCIe switch s2"),
        (tree_of({"name": "s1", "credits": {"pd": 8}}),
         "servers.a.tree.switches.s1.credits: pd 8: too few for a TLP of 256B of x, 16 B each"),
        (tree_of({"name": "s1", "credits": {"nph": 0}}), "servers.a.tree.switches.s1.credits.nph: 0 is out of range"),
        (tree_of(SWITCH, slots=-1), "servers.a.tree.slots: -1 where keys with values are expected"),
        (tree_of({"name": "s1", "lanes": 3}),
         "servers.a.tree.switches.s1.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"),
    ],
)  # fmt: skip
def test_a_wrong_tree_has_one_line(tree: dict[str, Any], line: str) -> None:
    text = message_of(server_with(tree))
    assert line in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"pcie.max_payload": "128B"},
         "x and y are behind one root port, with one max_payload for both; x has 128B, y 256B"),
        ({"pcie.credits.nph": 4}, "x and y are behind one root port, with one nph for both; x has 4, y 0"),
        ({"pcie.switch_hops": 1}, "x is behind the switches of the tree, and has no other ones"),
    ],
)  # fmt: skip
def test_what_adapters_behind_one_root_port_have_in_common(changes: dict[str, Any], line: str) -> None:
    assert line in message_of(server_with(tree_of(SWITCH), **changes))


def test_a_tree_is_for_several_adapters() -> None:
    alone = {"servers": [{"name": "a", "tree": tree_of(SWITCH)}]}
    assert "a tree is for a server that lists its adapters" in message_of(alone)


OF_X, OF_Y = "servers.a.adapters.x.set.", "servers.a.adapters.y.set."


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (f"{OF_X}pcie.lanes", 1, "behind PCIe switches, TLPs that are on their way have their times"),
        ("pcie.generation", 1, "behind PCIe switches"),
        ("servers.a.tree.switches.s1.lanes", 1, "it is how PCIe switches and slots are built"),
        ("servers.a.tree.slots.x.weight", 9, "it is how PCIe switches and slots are built"),
        ("servers.a.tree", None, "it is how PCIe switches and slots are built"),
    ],
)
def test_what_is_fixed_behind_switches_says_why(key: str, value: Any, why: str) -> None:
    slots = {"x": {"behind": "s1"}, "y": {}}
    changed = server_with(tree_of(SWITCH, slots=slots)) | {"scenario": [{"at": "1ms", "set": {key: value}}]}
    line = message_of(changed)
    assert "fixed while the machine runs" in line and why in line


def test_what_may_change_behind_switches_and_beside_them() -> None:
    """A link of a root port of its own may become another one, and what is no link's holds behind switches too."""
    slots = {"x": {"behind": "s1"}, "y": {}}
    for key, value in (
        (f"{OF_Y}pcie.lanes", 1),
        (f"{OF_X}pcie.max_read_request", "128B"),
        (f"{OF_X}port.rate", "1Gbps"),
    ):
        scenario = [{"at": "1ms", "set": {key: value}}, {"at": "2ms", "reset": "a.x.vf0"}]
        config = config_from_mapping(server_with(tree_of(SWITCH, slots=slots)) | {"scenario": scenario})
        assert len(config.scenario) == 2


def test_a_link_has_the_lanes_of_the_narrower_end_and_the_older_generation() -> None:
    slots = {"x": {"behind": "s1", "lanes": 4, "generation": 3}, "y": {"lanes": 16}}
    config = config_from_mapping(server_with(tree_of(SWITCH, slots=slots)) | {"pcie": {"lanes": 8, "generation": 2}})
    x, y = servers_of(config)
    assert (x.config.pcie.lanes, x.config.pcie.generation) == (4, 2)
    assert (y.config.pcie.lanes, y.config.pcie.generation) == (8, 2)
    older = config.with_overrides({"servers.a.tree.slots.x.generation": 1})
    assert servers_of(older)[0].config.pcie.generation == 1


def test_a_run_has_room_for_as_many_switches_as_are_taken() -> None:
    assert MOST_SWITCHES == MAX_SWITCHES
    chain = [{"name": f"s{at}", "behind": f"s{at - 1}" if at else "root"} for at in range(MOST_SWITCHES + 1)]
    slots = {"x": {"behind": f"s{MOST_SWITCHES}"}, "y": {}}
    assert "33 PCIe switches are more than the 32" in message_of(server_with(tree_of(*chain, slots=slots)))


def test_the_link_of_a_switch_is_no_longer_than_a_run_has_room_for() -> None:
    """2048 of the shortest TLPs: 20 B at 126 GB/s less the share of SKP take 159 ps."""
    assert 2 * MOST_TLPS_BELOW == LANE_CAP
    wide = SWITCH | {"generation": 5, "lanes": 32}
    line = message_of(server_with(tree_of(wide | {"propagation": "326ns"})))
    assert line == (
        "configuration: servers.a.tree.switches.s1.propagation: 326ns each way holds up to 2049 TLPs of this link; "
        "a run has room for 2048, so for at most 325ns"
    )
    for one in (wide | {"propagation": "325ns"}, SWITCH | {"propagation": "1us"}):
        assert config_from_mapping(server_with(tree_of(one)))


def test_a_way_ends_at_what_is_not_there_and_takes_a_loop_once() -> None:
    assert list(way_to_root("s2", {"s1": "root", "s2": "s1"})) == ["s2", "s1"]
    assert list(way_to_root("s2", {"s1": "s2", "s2": "s1"})) == ["s2", "s1"]
    assert list(way_to_root("s9", {"s1": "root"})) == []


def test_a_tree_is_kept_by_what_is_written_out() -> None:
    tree = tree_of({"name": "s1"}, {"name": "s2", "behind": "s1", "weight": 5}, slots=BOTH | {"y": {"behind": "s2"}})
    config = config_from_mapping(server_with(tree))
    again = config_from_mapping(config.resolved())
    assert again.config_hash() == config.config_hash()
    upper, lower = switches_of(again)
    assert (upper.name, upper.members, upper.below) == ("a.s1", (0, 1), (("adapter", 0, 1), ("switch", 1, 5)))
    assert (lower.name, lower.above, lower.members) == ("a.s2", 0, (1,))
    assert "tree" not in config_from_mapping({"servers": [{"name": "a"}]}).resolved()["servers"][0]
