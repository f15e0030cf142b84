"""What bridges and extenders make of a header, byte by byte: tags, priorities, lists, ways (docs/bridge.md)."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.forwarding.outer_tag import LIST_GROUP, OUTER_E, OUTER_VN
from hwmodel.machine.network.interface_lists import FIRST_LISTS
from hwmodel.rules.switch_modes import C_TAG, E_TAG, VN_TAG
from hwmodel.simulation.fill.flow_book import StoredHeaders
from hwmodel.simulation.run.machine import Machine
from hwmodel.wire.tags import Tag, build_header, parse_header, tag_of
from hwmodel.workload.traffic import FrameTemplate, Records, Workload

BROADCAST = (1 << 48) - 1


def ways(block: dict[str, Any], sender: str, target: str, header: bytes) -> dict[str, list[bytes]]:
    """Return with which headers a frame leaves each port of bridges and extenders, by the port's name."""
    machine = Machine(config_from_mapping(block), Workload([FrameTemplate(sender, target, header)], [], Records()), 1)
    system = machine.system
    assert system is not None
    bridge, found = system.bridges[0], {}
    for hop in bridge["hop"][: int(bridge.n_hops)]:
        first = int(hop.first_flood)
        for way in bridge["way"][first : first + max(int(hop.n_flood), 0)]:
            port = system.ports[int(bridge.logical_port[int(way.logical_port)].params.port)]
            if port.joined is not None:
                headers = StoredHeaders(bridge["hop_header"])
            elif port.server is None:
                headers = StoredHeaders(bridge["outside_header"])
            else:
                headers = StoredHeaders(system.servers[port.server]["headers"]["template_header"])
            found.setdefault(port.name, []).append(headers[int(way.template)])
    return found


def tags_of(header: bytes) -> tuple[Tag | None, tuple[int, int, int] | None]:
    """Return the outer tag, and the C-TAG's priority, drop eligibility and VLAN."""
    parsed = parse_header(header)
    return parsed.outer, parsed.c_tag and tuple(parsed.c_tag.fields.values())


def system(mode: str, **more: Any) -> dict[str, Any]:
    kind = "controlling" if mode in ("vn_tag", "e_tag") else "learning"
    return {"nic": {"vfs": 2}, "switch": {"mode": mode, **more.pop("switch", {})}, "bridge": {"kind": kind, **more}}


def sent(to: int, number: int, *tags: Tag) -> bytes:
    return build_header(to, 0x0200_0000_0000 | number, 0x88B5, list(tags))


VF0, VF1 = 2, 3  # ports, and the last byte of addresses
OF_VLAN_7 = tag_of(C_TAG, pcp=3, vid=7)


@pytest.mark.parametrize(("native", "tag", "expected"), [
    (1, None, None), (7, None, (0, 0, 1)), (1, OF_VLAN_7, (3, 0, 7)), (7, OF_VLAN_7, None),
])  # fmt: skip
def test_a_copy_has_a_c_tag_unless_its_vlan_is_the_native_one(
    native: int, tag: Tag | None, expected: tuple[int, int, int] | None
) -> None:
    block = system("vepa", ports={"outside": {"native_vlan": native}}, switch={"uplink": {"vlans": "all"}})
    tags = () if tag is None else (tag,)
    block["switch"]["ports"] = [{"name": "vf0", "admit": "all", "vlans": [1, 7]}]
    (copy,) = ways(block, "vf0", "uplink", sent(0x02FF_0000_0009, VF0, *tags))["outside"]
    assert tags_of(copy) == (None, expected)


@pytest.mark.parametrize(("mode", "tag", "groups"), [
    ("vn_tag", tag_of(VN_TAG, direction=1, pointer=1, dvif=FIRST_LISTS[OUTER_VN], looped=1, svif=22), (BROADCAST,)),
    ("e_tag", tag_of(E_TAG, ingress_ecid=22, ecid=FIRST_LISTS[OUTER_E], group=LIST_GROUP), (BROADCAST,)),
])  # fmt: skip
def test_a_group_goes_once_with_the_list_of_its_interfaces(mode: str, tag: Tag, groups: tuple[int, ...]) -> None:
    """VN-Tag: P = 1 and the list; E-TAG: GRP and the list. The adapter leaves the sender out by its own number."""
    key = "vif" if mode == "vn_tag" else "ecid"
    names = [{"name": name, key: 21 + at} for at, name in enumerate(("pf", "vf0", "vf1"))]
    for to in groups:
        found = ways(system(mode, switch={"ports": names}), "vf0", "broadcast", sent(to, VF0))
        assert [tags_of(copy)[0] for copy in found["adapter"]] == [tag]
        assert [tags_of(copy) for copy in found["outside"]] == [(None, None)]


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
def test_a_list_has_no_number_that_the_adapter_has_already(mode: str) -> None:
    first = FIRST_LISTS[{"vn_tag": OUTER_VN, "e_tag": OUTER_E}[mode]]
    taken: dict[str, Any] = {
        "vn_tag": {"vif_lists": {first: ["pf"]}},
        "e_tag": {"ecid_lists": [{"group": 1, "ecid": first, "ports": ["pf"]}]},
    }[mode]
    (copy,) = ways(system(mode, switch=taken), "vf0", "broadcast", sent(BROADCAST, VF0))["adapter"]
    outer = tags_of(copy)[0]
    assert outer is not None
    assert outer.fields[outer.format.to_station] == first + 1


@pytest.mark.parametrize(("mode", "expected"), [
    ("vn_tag", tag_of(VN_TAG, direction=1, dvif=3, looped=1, svif=2)), ("e_tag", tag_of(E_TAG, ingress_ecid=2, ecid=3)),
])  # fmt: skip
def test_a_frame_for_an_interface_has_its_tag_and_that_of_a_sender_at_the_same_port(mode: str, expected: Tag) -> None:
    key = "vif" if mode == "vn_tag" else "ecid"
    names = [{"name": name, key: 1 + at} for at, name in enumerate(("pf", "vf0", "vf1"))]
    block = system(mode, switch={"ports": names})
    machine = Machine(
        config_from_mapping(block),
        Workload([FrameTemplate("vf0", "vf1", sent(0x0200_0000_0003, VF0))], [], Records()),
        1,
    )
    assert machine.system is not None
    bridge = machine.system.bridges[0]
    home = bridge.hop[0]["home"]
    header = StoredHeaders(machine.servers[0].nic["headers"]["template_header"])[int(home["template"])]
    assert tags_of(header) == (expected, None)
    assert int(home["delta_bytes"]) == 0


TREE = {  # bridge - far - near - {a, b}, and c behind far itself
    "servers": [{"name": name} for name in "abc"],
    "nic": {"vfs": 2},
    "bridge": {
        "kind": "controlling",
        "extenders": {"far": {"rate": "40Gbps"}, "near": {"behind": "far"}},
        "ports": {"a": {"behind": "near"}, "b": {"behind": "near"}, "c": {"behind": "far"}},
    },
}


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
def test_an_extender_passes_on_all_upwards_and_downwards_once_to_each_port_that_is_named(mode: str) -> None:
    block = {**TREE, "switch": {"mode": mode}}
    found = ways(block, "a.vf0", "broadcast", sent(BROADCAST, VF0))
    assert {name: len(copies) for name, copies in found.items()} == {
        "near.uplink": 1, "far.uplink": 1, "far": 1, "near": 1, "a": 1, "b": 1, "c": 1, "outside": 1,
    }  # fmt: skip
    down = {name: copies[0] for name, copies in found.items() if name in ("far", "near", "a", "b", "c")}
    assert len(set(down.values())) == 1  # as it is
    one = ways(block, "a.vf0", "c.vf1", sent(0x0200_0000_0003 | 2 << 24, VF0))
    assert set(one) <= {"near.uplink", "far.uplink", "outside", "far", "c"}
