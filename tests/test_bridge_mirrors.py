"""Mirrors of bridges: copies byte for byte by a second implementation, what Open vSwitch sends, what tshark reads."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections import Counter
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import check_balance
from hwmodel.simulation import simulate
from hwmodel.wire.remote_mirror import encapsulation, sealed
from hwmodel.words.limits import WITHOUT_AGENTS, WITHOUT_COPIES
from tests.pcapng_frames import Passed, passed_at
from tests.switch_cases import tshark_rows

VECTORS = Path(__file__).parent / "vectors" / "erspan_ovs.txt"
NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
BASE: dict[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "nic": {"vfs": 2},
    "driver": {"preset": "dpdk"},
    "switch": {"ports": [{"name": "vf1", "port_vlan": 20, "vlans": [20]}]},
    "bridge": {"announce": True},
    "workload": {
        "pattern": "flows", "frame_bytes": 200, "arrivals": "periodic",
        "flows": [["a.vf0", "b.vf0", "900Mbps"], ["b.vf0", "a.vf0", "500Mbps"], ["a.vf1", "b.vf1", "300Mbps"]],
    },
    "run": {"warmup": "0ns", "duration": "120us", "clocks": "exact"},
}  # fmt: skip


def with_mirrors(*mirrors: dict[str, Any], **more: Any) -> dict[str, Any]:
    document = copy.deepcopy(BASE)
    document["bridge"] = {"announce": True, "mirrors": list(mirrors), **more}
    return document


def run(document: dict[str, Any], folder: Path, *names: str) -> tuple[Any, dict[str, list[Passed]]]:
    """Run with captures at the ports; return the result, and what passed each."""
    names = names or ("a", "b", "outside")
    paths = {name: str(folder / f"{name}.pcapng") for name in names}
    result = simulate(config_from_mapping(document), pcap_hops=paths)
    assert check_balance(result) == []
    return result, {name: passed_at(path) for name, path in paths.items()}


def came(passed: list[Passed]) -> list[bytes]:
    return [one.raw for one in passed if one.came]


def left(passed: list[Passed]) -> list[bytes]:
    return [one.raw for one in passed if not one.came]


# ---- A second implementation ----


def in_vlan(raw: bytes, vlan: int) -> bytes:
    """Return a frame with its C-TAG, if it has one, in another VLAN."""
    tag = raw[12:14] == b"\x81\x00"
    tci = int.from_bytes(raw[14:16], "big") if tag else 0
    return raw[:12] + b"\x81\x00" + (tci & 0xF000 | vlan).to_bytes(2, "big") + raw[16 if tag else 12 :]


def ones_sum(data: bytes) -> int:
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | data[at + 1]
    return (total % 0xFFFF) or 0xFFFF


def to_collector(raw: bytes, number: int, session: int, index: int, vlan: int, mac: str, ip: str) -> bytes:
    """Return a frame behind the head of ERSPAN, written field by field."""
    tagged = raw[12:14] == b"\x81\x00"
    tci = int.from_bytes(raw[14:16], "big") if tagged else 0
    erspan = f"{1:04b}{vlan:012b}{tci >> 13:03b}{3 if tagged else 0:02b}0{session:010b}{0:012b}{index:020b}"
    gre = bytes.fromhex("1000 88be") + number.to_bytes(4, "big") + int(erspan, 2).to_bytes(8, "big")
    length = 20 + len(gre) + len(raw)
    ip_head = bytes.fromhex("4500") + length.to_bytes(2, "big") + bytes.fromhex("0000 4000 402f")
    ends = IPv4Address("10.255.0.1").packed + IPv4Address(ip).packed
    check = 0xFFFF - ones_sum(ip_head + ends)
    ethernet = bytes.fromhex(mac + "02fd00000000" + "0800")
    return ethernet + ip_head + check.to_bytes(2, "big") + ends + gre + raw


def test_a_head_is_as_open_vswitch_writes_it():
    """Session 5 from index 3. Its headers have no VLAN, priority and En, which stand in ours."""
    lines = [line.split() for line in VECTORS.read_text().splitlines() if not line.startswith("#")]
    for number, (inner, whole) in enumerate(lines):
        raw = bytes.fromhex(inner)
        head = encapsulation(
            (0x02FD << 32, 0x02FF0000_0001), 1, (IPv4Address("10.255.0.1"), IPv4Address("10.0.0.1")), 5
        )
        untagged = head[:12] + head[16:-4] + (3).to_bytes(4, "big")
        assert sealed(untagged + raw, number).hex() == whole
        ours = to_collector(raw, number, 5, 3, 0, "02ff00000001", "10.0.0.1")
        mask = -8 - len(raw)
        assert ours[:mask].hex() == whole[: 2 * mask]
        assert ours[mask] == 0x10 and ours[-5 - len(raw) :].hex() == whole[2 * (-5 - len(raw)) :]
    assert len(lines) == 3


def test_frames_without_a_head_are_not_sealed():
    whole = bytes.fromhex(VECTORS.read_text().splitlines()[-1].split()[1])
    assert sealed(whole, 9) == whole
    assert sealed(whole[:12] + bytes.fromhex("88b5") + bytes(60), 9)[14:] == bytes(60)


# ---- Runs ----


def test_each_kind_of_copy_byte_for_byte(tmp_path):
    """What comes by a (to outside as it is, in VLAN 900, to two collectors); what leaves by b."""
    document = with_mirrors(
        {"from": "a", "to": "outside"},
        {"from": "b", "direction": "egress", "collector": "outside", "session": 77},
        {"vlan": 20, "collector": "b.vf0"},
        ports={"b": {"vlans": [1, 20]}, "outside": {"native_vlan": None}},
    )
    result, passed = run(document, tmp_path)
    wire = left(passed["outside"])
    from_a = came(passed["a"])
    assert len(from_a) > 60 and any(raw[12:14] == b"\x81\x00" for raw in from_a)
    # To the port: as they came, in their order. Untagged ones are told from others by having no tag there.
    heads = [raw for raw in wire if raw[12:18] == bytes.fromhex("810000010800") and raw[18] == 0x45]
    plain = [raw for raw in wire if raw not in heads]
    assert plain and plain == from_a[: len(plain)] and len(from_a) - len(plain) < 4
    # What leaves by b, without the copies that do.
    to_b = [raw for raw in left(passed["b"]) if raw[:6] != bytes.fromhex("020000010001") and raw[12:14] != b"\x08\x00"]
    expected = []
    for number, raw in enumerate(to_b):
        vlan = 20 if raw[12:14] == b"\x81\x00" else 1
        expected.append(in_vlan(to_collector(raw, number, 77, 2 * 1 + 1, vlan, "02ff00000001", "10.0.0.1"), 1))
    assert heads and heads == expected[: len(heads)] and len(to_b) - len(heads) < 4
    # Frames in VLAN 20, to the fifth station, in its VLAN, which b has untagged.
    mac = "020000010002"
    of_vlan = [raw for raw in left(passed["b"]) if raw[12:14] == b"\x08\x00" and raw[:6].hex() == mac]
    tagged = [raw for raw in from_a if raw[12:14] == b"\x81\x00"]
    wanted = [to_collector(raw, number, 3, 0, 20, mac, "10.0.0.6") for number, raw in enumerate(tagged)]
    assert of_vlan and of_vlan == wanted[: len(of_vlan)]
    (vm,) = (one for one in result.vms if one.name == "b.vf0")
    assert vm.mirrored == result.totals.mirrored - len(wire) > 0


def test_copies_change_nothing_else(tmp_path):
    """The same frames are delivered; copies are counted apart, at each place where they end."""
    alone, _ = run(copy.deepcopy(BASE), tmp_path)
    result, passed = run(with_mirrors({"from": "a", "to_vlan": 900}, ports={"b": {"vlans": [1, 20]}}), tmp_path)
    for name in ("offered_frames", "delivered_frames", "dropped_frames", "replicated_frames"):
        assert getattr(result.totals, name) == getattr(alone.totals, name)
    assert [flow.delivered for flow in result.flows] == [flow.delivered for flow in alone.flows]
    assert result.drops == alone.drops
    # Copies go outside, and back to a, where nobody is in VLAN 900.
    to_outside, to_a = left(passed["outside"]), [raw for raw in left(passed["a"]) if raw[14:16] == b"\x03\x84"]
    expected = [in_vlan(raw, 900) for raw in came(passed["a"])]
    assert to_outside == expected[: len(to_outside)] and to_a == expected[: len(to_a)] and len(to_a) > 50
    totals = result.totals
    assert totals.mirrored_made == 2 * len(expected) - totals.mirrored_made % 2
    assert totals.mirrored == len(to_outside)
    assert result.mirrored_drops == {"UNKNOWN_UNICAST": totals.mirrored_dropped}
    assert abs(totals.mirrored_dropped - len(to_a)) <= 2
    assert all(raw[14:16] != b"\x03\x84" for raw in left(passed["b"]))


@pytest.mark.parametrize("kind", ["s_channels", "interfaces", "translated"])
def test_the_outer_tag_of_a_logical_port_comes_off(tmp_path, kind):
    """One S-channel, virtual interface or translated VLAN is watched, both ways."""
    document = with_mirrors({"from": {"s_channels": "a.20", "interfaces": "a.vf0", "translated": "a.vlan20"}[kind],
                             "direction": "both", "collector": "outside"})  # fmt: skip
    document["servers"][0]["set"] = {"switch.mode": "vepa"}
    if kind == "s_channels":
        document["servers"][0]["set"] = {"switch.mode": "multichannel", "switch.s_channels": {10: "veb", 20: "veb"}}
        document["servers"][0]["set"] |= {"switch.ports.vf0.s_channel": 10, "switch.ports.vf1.s_channel": 20}
    elif kind == "interfaces":
        document["servers"][0]["set"] = document["servers"][1]["set"] = {"switch.mode": "vn_tag"}
        document["bridge"] |= {"kind": "controlling", "announce": False}
    else:
        document["bridge"]["ports"] = {"a": {"translate": {20: 20}}}
    result, passed = run(document, tmp_path)
    got = left(passed["outside"])
    assert len(got) > 10 and result.totals.mirrored == len(got)
    inner = [raw[50:] for raw in got]
    watched = {"interfaces": "020000000002"}.get(kind, "020000000003")
    assert all(watched in (raw[:6].hex(), raw[6:12].hex()) for raw in inner)
    assert {raw[12:14].hex() for raw in inner} <= {"8100", "88b5"}
    numbers = [int.from_bytes(raw[38:42], "big") for raw in got]
    assert numbers == list(range(len(got)))
    assert Counter(raw[49] & 1 for raw in got)[1] == sum(raw[:6].hex() == watched for raw in inner)


def joined(**right: Any) -> dict[str, Any]:
    document = with_mirrors()
    del document["bridge"]
    document["bridges"] = [
        {"name": "left", "announce": True, "ports": {"a": {"vlans": [1, 20]}, "trunk": {"to": "right.trunk"}},
         "mirrors": [{"from": "a", "to_vlan": 900}]},
        {"name": "right", "announce": True,
         "ports": {"b": {"vlans": [1, 20]}, "trunk": {}, "outside": {}}, **right},
    ]  # fmt: skip
    return document


def test_a_vlan_of_copies_is_not_learned_in(tmp_path):
    """Else the second bridge learns where a's stations send copies from, as it does of any VLAN."""
    known, passed = run(joined(mirror_vlans=[900]), tmp_path, "outside", "left.trunk", "a")
    learning, _ = run(joined(), tmp_path, "outside")
    assert known.bridges[1].learned + 2 == learning.bridges[1].learned
    trunk = [raw for raw in left(passed["left.trunk"]) if raw[14:16] == b"\x03\x84"]
    got = left(passed["outside"])
    assert len(got) > 50 and got == trunk[: len(got)] == [in_vlan(raw, 900) for raw in came(passed["a"])][: len(got)]


def test_copies_that_find_no_room_are_lost_alone(tmp_path):
    document = with_mirrors(*[{"from": "a", "to": "outside"}] * 12, buffer="2KiB", ports={"outside": {"rate": "2Gbps"}})
    result, _ = run(document, tmp_path, "a")
    assert result.mirrored_drops["QUEUE_FULL"] == result.totals.mirrored_dropped > 100
    assert result.totals.dropped_frames == 0
    outside = next(port for port in result.bridges[0].ports if port.name == "outside")
    assert outside.drops == {"QUEUE_FULL": result.totals.mirrored_dropped}
    assert result.bridges[0].dropped_frames == 0


def test_a_mirror_begins_in_mid_run(tmp_path):
    document = copy.deepcopy(BASE)
    document["scenario"] = [{"at": "60us", "set": {"bridge.mirrors": [{"from": "a", "to": "outside"}]}}]
    result, passed = run(document, tmp_path)
    n = len(came(passed["a"]))
    assert 0.3 * n < result.totals.mirrored_made < 0.7 * n
    assert (
        left(passed["outside"]) == came(passed["a"])[n - result.totals.mirrored_made :][: len(left(passed["outside"]))]
    )


@NEEDS_TSHARK
def test_tshark_has_no_complaint(tmp_path):
    document = with_mirrors(
        {"from": "a", "direction": "both", "collector": "outside"}, {"from": "b", "to_vlan": 900},
        ports={"outside": {"native_vlan": None}},
    )  # fmt: skip
    document["workload"] |= {"connections": 2, "frame_bytes": 128}
    _, passed = run(document, tmp_path)
    fields = ["ip.len", "ip.checksum.status", "gre.sequence_number", "erspan.version", "erspan.spanid", "vlan.id",
              "frame.protocols", "_ws.malformed"]  # fmt: skip
    rows = tshark_rows(tmp_path / "outside.pcapng", fields, "-o", "ip.check_checksum:TRUE")
    assert len(rows) == len(passed["outside"])
    erspan = [row for row in rows if row["erspan.version"]]
    assert len(erspan) > 50 and len(rows) - len(erspan) > 20
    assert [int(row["gre.sequence_number"]) for row in erspan] == list(range(len(erspan)))
    assert {row["frame.protocols"].split(":erspan:")[1].split(":")[0] for row in erspan} == {"eth"}
    assert all(not row["_ws.malformed"] for row in rows)
    # Made-up packets of TCP have no checksum of their own; that of the head before them has to be good.
    assert {row["ip.checksum.status"].split(",")[0] for row in erspan} == {"1"}
    said = subprocess.run(
        ["tshark", "-n", "-r", str(tmp_path / "outside.pcapng"), "-q", "-z", "expert,warn"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.strip() == ""


@pytest.mark.parametrize(("mirrors", "said"), [
    ([{"to": "outside"}], "a mirror has from (a port) or vlan: this one has none of them"),
    ([{"from": "a", "vlan": 2, "to": "outside"}], "a mirror has from (a port) or vlan: one of them"),
    ([{"from": "a"}], "a mirror has to (a port), to_vlan or collector: this one has none of them"),
    ([{"from": "a", "to": "outside", "to_vlan": 9}], "to_vlan or collector: one of them"),
    ([{"from": "c", "to": "outside"}], "there is no port c at this bridge"),
    ([{"from": "a", "to": "out"}], "there is no port out at this bridge (did you mean outside?)"),
    ([{"from": "a", "to": "a"}], "a has these frames already"),
    ([{"from": "a", "collector": "c.vf0"}], "nobody is c.vf0, so there is no such collector"),
    ([{"from": "a", "collector": "nowhere"}], "collector"),
    ([{"from": "a", "to": "outside", "session": 1}], "a session's number stands in ERSPAN headers"),
    ([{"from": "a", "collector": "outside", "session": 1024}], "session"),
    ([{"vlan": 1, "direction": "egress", "to": "outside"}], "direction is of a port"),
    ([{"from": "a", "to": "outside"}] * 63, "63 mirrors of bridges; a run has room for 62"),
])  # fmt: skip
def test_what_a_file_may_not_say(mirrors, said):
    with pytest.raises(InputError) as caught:
        config_from_mapping(with_mirrors(*mirrors))
    assert any(said in line for line in caught.value.lines), caught.value.lines


def test_a_collector_needs_an_address_and_a_port_no_tags():
    document = with_mirrors({"from": "a", "collector": "b.vf0"}, {"from": "b", "to": "a"})
    document["switch"]["ports"].append({"name": "vf0", "ips": ["fd00::5"]})
    document["servers"][0]["set"] = {"switch.mode": "multichannel", "switch.s_channels": {10: "veb"}}
    document["servers"][0]["set"] |= {"switch.ports.vf0.s_channel": 10}
    with pytest.raises(InputError) as caught:
        config_from_mapping(document)
    lines = "\n".join(caught.value.lines)
    assert "b.vf0 has no address of IPv4" in lines and "copies go to a port without outer tags" in lines


@pytest.mark.parametrize(
    "what", [{"mirrors": [{"from": "a", "to": "outside"}]}, {"samples": [{"from": "a", "one_in": 9}]}]
)
def test_the_closed_form_says_that_it_has_no_copies(what):
    document = copy.deepcopy(BASE)
    assert WITHOUT_COPIES not in limits(config_from_mapping(document)).notes
    document["bridge"] |= what
    notes = limits(config_from_mapping(document)).notes
    assert WITHOUT_COPIES in notes and WITHOUT_AGENTS not in notes
