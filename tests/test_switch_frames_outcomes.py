"""Frames through the switch from Python: against the second implementation, reference frames, and a real kernel."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwmodel.switch_frames
from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    AclEntry,
    Mirror,
    c_tag,
    e_tag,
    frame,
    mac,
    s_tag,
    switch,
    vn_tag,
)
from hwmodel.config import config_from_mapping, load_config
from hwmodel.config.names import port_number
from hwmodel.errors import InputError
from hwmodel.switch_frames import FrameCopy, SwitchedFrame, forward_frames
from hwmodel.switch_frames.decide import FrameSwitch
from hwmodel.switch_frames.outcomes import BLOCK_FRAMES, json_line
from hwmodel.wire.pcap import PcapBlock
from tests.forwarding_cases import MODES, random_frame, random_switch
from tests.oracles.bucket_oracle import BucketOracle
from tests.oracles.forwarding_oracle import ForwardingOracle
from tests.run_cases import read_capture, write_capture
from tests.switch_cases import stand_in, timed

VECTORS = Path(__file__).parent / "vectors"
CONFIGS = Path(__file__).parent.parent / "configs"


def rows_of(name):
    return list(csv.DictReader((VECTORS / name).read_text(encoding="utf-8").splitlines()))


def summed_up(outcome):
    """Give an outcome of either implementation as plain values."""
    if isinstance(outcome, SwitchedFrame):
        deliver, mirrored = ({copy.port: copy.frame for copy in part} for part in (outcome.deliver, outcome.mirrored))
        assert list(deliver) == sorted(deliver, key=ForwardingOracle(switch()).number)
        return outcome.drop, deliver, mirrored, outcome.vlan, outcome.priority
    return outcome.drop, outcome.deliver, outcome.mirrored, outcome.vlan, outcome.priority


@given(st.randoms(use_true_random=False), st.booleans())
def test_agrees_with_the_second_implementation(rng, has_policers):
    config = random_switch(rng)
    if not has_policers:
        config.acl = tuple(entry for entry in config.acl if entry.action != "police")
    oracle = ForwardingOracle(config)
    port = rng.choice(["uplink", *(each.name for each in config.ports)])
    frames = [random_frame(rng, config)[1] for _ in range(12)]
    buckets = [BucketOracle(entry.rate_bps, entry.burst_bytes) for entry in config.acl if entry.action == "police"]
    expected, sent = [], timed(frames, first_ns=0, step_ns=700)
    for at_ns, raw in sent:
        outcome = oracle.forward(port, raw)
        if outcome.policer is not None and not buckets[outcome.policer].police(at_ns * 10**6, len(raw) + 4):
            outcome = oracle.forward(port, raw, refused=True)
        expected.append(summed_up(outcome))
    found = forward_frames(stand_in(config), sent, port)
    assert [summed_up(each) for each in found] == expected
    assert [(each.number, each.in_port, each.at_ns) for each in found] == [(n, port, sent[n][0]) for n in range(12)]


def test_the_modes_and_drops_are_all_met():
    """The random test above means something: its cases reach every mode, with deliveries and drops."""
    rng, seen = random.Random(3), set()
    for _ in range(150):
        config = random_switch(rng)
        for port in ("uplink", config.ports[0].name):
            frames = [random_frame(rng, config)[1] for _ in range(12)]
            seen |= {(config.mode, each.drop is None) for each in forward_frames(stand_in(config), frames, port)}
    assert seen == {(mode, delivered) for mode in MODES for delivered in (True, False)}


# ---- Reference frames. ----

MODE_OF_TAG = {"-": "veb", "C": "veb", "S": "multichannel", "VN": "vn_tag", "ET": "e_tag"}
OUTER_FIELDS = {
    "VN": {
        "vn_d": "vn_direction",
        "vn_p": "vn_pointer",
        "vn_dvif": "vn_dvif",
        "vn_l": "vn_looped",
        "vn_ver": "vn_version",
        "vn_svif": "vn_svif",
    },
    "ET": {"et_epcp": "outer_pcp", "et_edei": "outer_dei", "et_grp": "e_group"},
    "S": {"s_vid": "s_vid", "s_pcp": "outer_pcp", "s_dei": "outer_dei"},
}


def decided(mode, raw):
    """Give the header of one frame from the wire as the switch parsed it, and its decision."""
    block = PcapBlock.of_frames([0], [raw])
    found = FrameSwitch(switch(mode=mode), "uplink").decide(block)
    return found.headers[0], found.decisions[0]


@pytest.mark.parametrize("row", rows_of("tagged_frames.csv"), ids=lambda row: row["name"])
def test_reference_frames_are_parsed_as_given(row):
    outer, *rest = row["tag_stack"].split("/")
    raw = bytes.fromhex(row["frame_hex"])
    header, decision = decided(MODE_OF_TAG[outer], raw)
    assert header.n_bytes == int(row["len"])
    if row["expect"] == "RUNT":
        (found,) = forward_frames(stand_in(switch(mode=MODE_OF_TAG[outer])), [raw], "uplink")
        assert found.drop == "RUNT"
        return
    assert decision.reason not in (1, 2, 3)
    assert header.destination == int(row["dst"].replace(":", ""), 16)
    assert header.source == int(row["src"].replace(":", ""), 16)
    assert header.ethertype == int(row["inner_ethertype_or_len"], 16)
    assert header.has_c_tag == ("C" in (outer, *rest))
    if header.has_c_tag:
        assert (header.vid, header.pcp, header.dei) == tuple(int(row[name]) for name in ("c_vid", "c_pcp", "c_dei"))
    for column, name in OUTER_FIELDS.get(outer, {}).items():
        assert header[name] == int(row[column]), column
    if outer == "ET":
        ecid = (int(row["et_ecid_ext"]) << 12) + int(row["et_ecid_base"])
        ingress = (int(row["et_ing_ext"]) << 12) + int(row["et_ing_base"])
        assert (header.e_ecid, header.e_ingress_ecid) == (ecid, ingress)


HEADER_FIELD = {
    "vntag.dir": "vn_direction",
    "vntag.ptr": "vn_pointer",
    "vntag.dst": "vn_dvif",
    "vntag.looped": "vn_looped",
    "vntag.r": None,  # reserved, and ignored
    "vntag.version": "vn_version",
    "vntag.src": "vn_svif",
    "vlan.priority": "pcp",
    "vlan.dei": "dei",
    "vlan.id": "vid",
}


@pytest.mark.parametrize("row", rows_of("tag_walking_ones.csv"), ids=lambda row: f"{row['tag']}-{row['bit_from_msb']}")
def test_each_bit_of_a_tag_is_parsed_as_given(row):
    n_bytes, ethertype = {"vntag": (4, "8926"), "ctag": (2, "8100")}[row["tag"]]
    value = 1 << (8 * n_bytes - 1 - int(row["bit_from_msb"]))
    tag = bytes.fromhex(ethertype) + value.to_bytes(n_bytes, "big")
    header, _ = decided("vn_tag" if row["tag"] == "vntag" else "veb", frame("vf0", OUTSIDE, tag))
    fields = {name: int(header[name]) for name in HEADER_FIELD.values() if name and header[name]}
    wanted = HEADER_FIELD[row["tshark_field"]]
    assert fields == ({wanted: int(row["value"])} if wanted else {})


STATIONS = {"vm1": "vf0", "vm2": "vf1", "vm3": "vf2"}
EXTERNAL = "02:ee:00:00:00:10"


@pytest.mark.parametrize("row", rows_of("kernel_delivery.csv"), ids=lambda row: f"{row['scenario']}: {row['case']}")
def test_the_same_receivers_as_on_a_real_kernel(row):
    """The adjacent bridge of the VEPA rows is played here: it knows extA, and sends all else back down too."""
    mode = "vepa" if "vepa" in row["scenario"] else "veb"
    ports = [
        {"name": name, "macs": [f"02:00:00:00:00:0{number}"], "spoof_check": False}
        for number, name in enumerate(STATIONS.values(), 1)
    ]
    switch_block = {"mode": mode, "ports": [*ports, {"name": "pf", "enabled": False, "macs": []}]}
    adapter = {"nic": {"preset": None, "vfs": 3}, "workload": {"pattern": "ring"}}
    config = config_from_mapping({**adapter, "switch": switch_block})
    raw = frame(int(row["dst"].replace(":", ""), 16), int(row["src"].replace(":", ""), 16))
    (found,) = forward_frames(config, [raw], STATIONS.get(row["tx_port"], "uplink"))
    copies = list(found.deliver)
    received = {vm for vm, name in STATIONS.items() if name in [copy.port for copy in copies]}
    if "uplink" in [copy.port for copy in copies]:
        is_for_a_vm = row["dst"] in {port["macs"][0] for port in ports}
        received |= set() if mode == "vepa" and is_for_a_vm else {"extA"}
        if mode == "vepa" and row["dst"] != EXTERNAL:
            (reflected,) = forward_frames(config, [raw], "uplink")
            copies += reflected.deliver
            received |= {vm for vm, name in STATIONS.items() if name in [copy.port for copy in reflected.deliver]}
    assert {copy.frame for copy in copies} <= {raw}, "untagged as received"
    assert received == {name.removesuffix("[u]") for name in row["received_by"].split(";")} - {"NONE"}


# ---- The Python call and its JSON. ----


def test_the_public_name_is_this_function():
    assert hwmodel.forward_frames is forward_frames


def test_json_is_that_of_the_contract():
    sent = [frame("vf1", "vf0"), frame("vf1", "vf2"), frame("vf1", "vf0", c_tag(0, 5))]
    found = forward_frames(stand_in(switch(mirrors=(Mirror("pf", "vf0"),))), sent, "vf0")
    entries = [json.loads(json_line(each)) for each in found]
    untagged = sent[2][:12] + sent[2][16:]
    as_sent = [each.hex() for each in sent]
    assert entries == [
        {
            "frame": 0,
            "vlan": 1,
            "priority": 0,
            "deliver": [{"port": "vf1", "hex": as_sent[0]}],
            "mirrored": [{"port": "pf", "hex": as_sent[0]}],
            "drop": None,
        },
        # A frame that is dropped, but seen by a mirror all the same.
        {"frame": 1, "deliver": [], "mirrored": [{"port": "pf", "hex": as_sent[1]}], "drop": "SPOOFED_MAC"},
        {
            "frame": 2,
            "vlan": 1,
            "priority": 5,
            "deliver": [{"port": "vf1", "hex": untagged.hex()}],
            "mirrored": [{"port": "pf", "hex": as_sent[2]}],
            "drop": None,
        },
    ]
    (dropped,) = forward_frames(stand_in(switch()), [sent[1]], "vf0")
    assert dropped.to_mapping() == {"frame": 0, "deliver": [], "drop": "SPOOFED_MAC"}
    assert list(dropped.to_mapping(with_in_port=True)) == ["frame", "in_port", "deliver", "drop"]


def test_a_cut_frame_says_how_long_it_was():
    assert FrameCopy("vf0", b"\x01\x02", 1514).to_mapping() == {"port": "vf0", "hex": "0102", "original_bytes": 1514}


def test_auto_takes_the_port_that_owns_the_source():
    sent = [frame("vf1", "vf0"), frame("vf0", OUTSIDE), frame("vf2", "vf1", c_tag(0)), b"", frame("vf0", "pf")[:13]]
    found = forward_frames(stand_in(switch()), sent)
    assert [each.in_port for each in found] == ["vf0", "uplink", "vf1", "uplink", "pf"]
    assert [[copy.port for copy in each.deliver] for each in found] == [["vf1"], ["vf0"], ["vf2"], [], []]


def test_a_frame_that_came_back_needs_its_port_named():
    """A bridge's reflected copy has a station's source address, so that `auto` takes it for that station's own."""
    config, reflected = stand_in(switch(mode="vepa")), [frame("vf1", "vf0")]
    assert [copy.port for copy in forward_frames(config, reflected)[0].deliver] == ["uplink"]
    assert [copy.port for copy in forward_frames(config, reflected, "uplink")[0].deliver] == ["vf1"]


def test_policers_stand_still_where_time_goes_back():
    config = stand_in(switch(acl=(AclEntry("police", rate_bps=8_000_000, burst_bytes=64),)))  # a byte a microsecond
    raw = frame("vf1", "vf0")

    def drops(*times_us):
        return [each.drop is not None for each in forward_frames(config, [(us * 1000, raw) for us in times_us], "vf0")]

    assert drops(100, 163, 164) == [False, True, False]
    # 150 us counts as 200 us: nothing is earned until 200 us have come again.
    assert drops(100, 200, 150, 201, 264) == [False, False, True, True, False]
    # Frames that no policer looks at move the clock too: the second one is late.
    sent = [(100_000, raw), (300_000, frame("vf0", OUTSIDE)), (101_000, raw)]
    assert [each.drop for each in forward_frames(config, sent)] == [None, None, None]


def test_frames_without_times_come_all_at_once():
    config = stand_in(switch(acl=(AclEntry("police", rate_bps=10**9, burst_bytes=150),)))
    found = forward_frames(config, [frame("vf1", "vf0")] * 4, "vf0")
    assert [each.drop for each in found] == [None, None, "RATE_LIMITED", "RATE_LIMITED"]


def test_many_frames_pass_block_by_block():
    config, n_frames = stand_in(switch()), 2 * BLOCK_FRAMES + 3
    found = forward_frames(config, (frame("vf1", "vf0") for _ in range(n_frames)))
    assert [each.number for each in found] == list(range(n_frames))
    assert {each.deliver for each in found} == {(FrameCopy("vf1", frame("vf1", "vf0"), 60),)}


def test_a_capture_gives_what_its_frames_give(tmp_path):
    rng, config = random.Random(4), switch()
    sent = timed([random_frame(rng, config)[1] for _ in range(300)])
    path = write_capture(tmp_path / "in.pcap", sent)
    for port in ("auto", "vf0"):
        assert forward_frames(stand_in(config), path, port) == forward_frames(stand_in(config), sent, port)
        assert forward_frames(stand_in(config), str(path), port) == forward_frames(stand_in(config), sent, port)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([(-1, b"x")], ["frame 0", "-1 ns"]),
        ([b"x", (2**32 * 10**9, b"x")], ["frame 1", "2^32"]),
        ([bytes(262_145)], ["frame 0", "262145"]),
    ],
)
def test_what_no_capture_holds_is_refused(frames, words):
    with pytest.raises(InputError) as refusal:
        forward_frames(stand_in(switch()), frames)
    (line,) = refusal.value.lines
    assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("name", "hint"), [("vf9", "vf"), ("uplnk", "uplink"), ("VF1", "vf1"), ("Auto", "auto"), ("", ""), ("zzzzzz", "")]
)
def test_an_unknown_port_is_one_line_with_the_nearest_name(name, hint):
    with pytest.raises(InputError) as refusal:
        forward_frames(stand_in(switch()), [], name)
    (line,) = refusal.value.lines
    assert line.startswith(f"--in-port {name or repr(name)}: ") and "uplink, pf, vf0 to vf2 and auto" in line
    assert f"(did you mean {hint}" in line if hint else "did you mean" not in line


def test_a_cut_header_names_file_and_frame(tmp_path):
    path = tmp_path / "cut.pcap"
    whole = write_capture(path, timed([frame("vf1", "vf0")] * 2)).read_bytes()
    # The second record keeps 13 of its 60 bytes.
    record = bytearray(whole[24 + 76 : 24 + 76 + 16])
    record[8:12] = (13).to_bytes(4, "little")
    path.write_bytes(whole[: 24 + 76] + bytes(record) + whole[24 + 76 + 16 :][:13])
    with pytest.raises(InputError) as refusal:
        forward_frames(stand_in(switch()), path)
    (line,) = refusal.value.lines
    assert line.startswith(f"{path}: frame 1 (No. 2 in Wireshark) holds 13 of 60 bytes")


def test_tags_of_a_frame_that_goes_up_and_comes_down():
    """By hand, for each mode that tags: what goes up from vf1 (port 3), and what that tag's answer gives vf1."""
    up, plain = frame(OUTSIDE, "vf1", c_tag(1, 5, 1)), frame("vf1", OUTSIDE)
    cases = {
        "vn_tag": ({}, vn_tag(3) + c_tag(1, 5, 1), vn_tag(dvif=3, direction=1)),
        "e_tag": ({}, e_tag(3, pcp=5, dei=1) + c_tag(1, 5, 1), e_tag(3)),
        "multichannel": ({"s_channels": {10: "vepa"}}, s_tag(10, 5, 1), s_tag(10)),
    }
    for mode, (keys, pushed, answer) in cases.items():
        stations = {"vf1": {"macs": (mac("vf1"),), "s_channel": 10 if keys else None}}
        config = stand_in(switch(mode=mode, stations=stations, **keys))
        (sent,) = forward_frames(config, [up], "vf1")
        assert sent.deliver == (FrameCopy("uplink", up[:12] + pushed + up[16:], len(up) - 4 + len(pushed)),), mode
        (came,) = forward_frames(config, [plain[:12] + answer + plain[12:]], "uplink")
        assert came.deliver == (FrameCopy("vf1", plain, 60),), mode


# ---- Several Ethernet ports: a switch for each. ----

TWO_PORTS = {"nic": {"preset": None, "vfs": 4}, "port": {"count": 2}}


def ports_of(outcome):
    return [copy.port for copy in outcome.deliver]


def test_stations_of_another_ethernet_port_are_beyond_its_wire():
    """By hand: the PF, vf0 and vf2 are at p0, vf1 and vf3 at p1, as docs/configuration.md deals them out."""
    config = config_from_mapping(TWO_PORTS)
    assert ports_of(*forward_frames(config, [frame("vf2", "vf0")], "vf0")) == ["vf2"]
    assert ports_of(*forward_frames(config, [frame("vf1", "vf0")], "vf0")) == ["p0.uplink"]
    assert ports_of(*forward_frames(config, [frame(BROADCAST, "vf1")], "vf1")) == ["p1.uplink", "vf3", "pf1"]
    assert ports_of(*forward_frames(config, [frame(BROADCAST, OUTSIDE)], "p0.uplink")) == ["pf", "vf0", "vf2"]
    (lost,) = forward_frames(config, [frame("vf0", OUTSIDE)], "p1.uplink")
    assert (lost.in_port, lost.drop, lost.deliver) == ("p1.uplink", "UNKNOWN_UNICAST", ())
    sent = [frame("vf1", OUTSIDE), frame("vf2", OUTSIDE), frame(BROADCAST, OUTSIDE), frame(OUTSIDE, "vf3")]
    by_owner = [each.in_port for each in forward_frames(config, sent)]
    assert by_owner == ["p1.uplink", "p0.uplink", "p0.uplink", "vf3"]
    moved = config_from_mapping(TWO_PORTS, {"switch.ports.vf1.port": "p0", "workload.pattern": "to_wire"})
    assert ports_of(*forward_frames(moved, [frame("vf1", "vf0")], "vf0")) == ["vf1"]
    with pytest.raises(InputError, match=r"^--in-port uplink: .*known are p0\.uplink, p1\.uplink, pf, pf1, vf0 to vf3"):
        forward_frames(config, [], "uplink")


def test_legs_of_a_bond_are_one_uplink():
    config = load_config("vswitch_bond")
    assert config.port.count > 1
    assert ports_of(*forward_frames(config, [frame(OUTSIDE, "vf0")], "vf0")) == ["uplink"]


@pytest.mark.parametrize("mode", ["veb", "vepa", "vn_tag", "e_tag"])
def test_each_ethernet_port_decides_as_the_second_implementation_of_its_own_switch(mode):
    acl = [
        {"port": "vf0", "destination": "02:00:00:00:00:04", "action": "deny"},
        {"port": "all", "action": "police", "rate": "1Gbps", "burst": "2KiB"},
    ]
    config = config_from_mapping(
        TWO_PORTS, {"switch": {"mode": mode, "acl": acl, "mirrors": [{"to": "vf3", "from": "vf1"}]}}
    )
    names = [*(f"vf{number}" for number in range(4)), "pf", OUTSIDE]
    sent = timed(
        [frame(to, source, length=1000) for source in names for to in (*names, BROADCAST)], first_ns=0, step_ns=900
    )
    switches = {name: config.switch.at_port(name) for name in ("p0", "p1")}
    oracles = {name: ForwardingOracle(own) for name, own in switches.items()}
    buckets = {name: BucketOracle(10**9, 2048) for name in switches}
    met = set()
    for (at_ns, raw), found in zip(sent, forward_frames(config, sent), strict=True):
        port = found.in_port
        at = (
            port.removesuffix(".uplink")
            if "." in port
            else config.switch.ports[port_number(port, config.nic.vfs) - 1].port
        )
        outcome = oracles[at].forward(port.rpartition(".")[2], raw)
        if outcome.policer is not None and not buckets[at].police(at_ns * 10**6, len(raw) + 4):
            outcome = oracles[at].forward(port.rpartition(".")[2], raw, refused=True)
        copies = [
            {copy.port.removeprefix(f"{at}."): copy.frame for copy in part} for part in (found.deliver, found.mirrored)
        ]
        assert (found.drop, *copies) == (outcome.drop, outcome.deliver, outcome.mirrored)
        met |= {found.drop, *(f"mirrored by {at}" for _ in found.mirrored)}
    assert mode not in ("veb", "vepa") or {None, "RATE_LIMITED", "ACL_DENY", "mirrored by p1"} <= met


def test_a_run_delivers_the_copies_that_the_decision_makes(tmp_path):
    """All of the shipped capture's frames through both ports, byte for byte."""
    capture = CONFIGS / "example.pcap"
    config = config_from_mapping(TWO_PORTS, {"workload": {"pcap": str(capture)}, "run": {"warmup": "0ns"}})
    totals = hwmodel.simulate(config, pcap_path=str(tmp_path / "run.pcap")).totals
    copies = [copy for each in forward_frames(config, capture) for copy in each.deliver]
    assert sorted(raw for _, raw in read_capture(tmp_path / "run.pcap")) == sorted(copy.frame for copy in copies)
    assert totals.delivered_to_wire == sum(copy.port.endswith(".uplink") for copy in copies) == 88
