"""Reference frames through the core: worked out by hand and by tshark, and deliveries observed on a Linux kernel.

What is expected comes from the columns of the vectors, not from the model.
"""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from cocotb_tests.batch_files import Access, Frame, Stage
from cocotb_tests.bench_switch import EcidList, frame, switch
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.places import ROOT
from hwmodel.forwarding.drop_reason import DropReason

VECTORS = ROOT / "tests/vectors"
PARAMETERS = CoreParameters(ports=5, max_frame_bytes=9022, queue_bytes=32768)
FRAMES = list(csv.DictReader((VECTORS / "tagged_frames.csv").read_text().splitlines()))
DELIVERIES = list(csv.DictReader((VECTORS / "kernel_delivery.csv").read_text().splitlines()))
STATIONS = {"vf0": 2, "vf1": 3, "vf2": 4}
UPLINK = 0
OPEN = {"spoof_check": False, "ethertype_filter": False, "max_frame_bytes": 9026}
CYCLES_APART = 2000  # more than the longest frame takes, so that each comes out before the next


@pytest.fixture
def deliver(simulator, run_folder):
    """Return a function that sends frames one by one; for each it gives the drop reason and the copies by port."""

    def run(config, frames):
        bench = CoreBench.of(simulator, read_dut(OWN_CORE).core_with(PARAMETERS.verilog()), run_folder)
        writes = [Access(*write) for write in switch_writes(config, PARAMETERS)]
        start = 4 * len(writes) + 100
        timed = [Frame(port, raw, not_before=start + i * CYCLES_APART) for i, (port, raw) in enumerate(frames)]
        outcome = bench.run([Stage(timed, writes, last_cycle=start + (len(frames) + 4) * CYCLES_APART)])[0]
        assert not outcome.failed and not outcome.saw_x
        assert len(outcome.events) == len(frames)
        copies = defaultdict(dict)
        for port in range(PARAMETERS.ports):
            for record, data in zip(*outcome.copies_of(port), strict=True):
                copies[(int(record["first"]) - start) // CYCLES_APART][port] = data
        return [(DropReason(int(event["reason"])).name, copies[i]) for i, event in enumerate(outcome.events)]

    return run


def mac(text):
    return int(text.replace(":", ""), 16)


def raw_of(row):
    return bytes.fromhex(row["frame_hex"])


def rows_with(*stacks):
    return [row for row in FRAMES if row["tag_stack"] in stacks]


def without_tag(raw, n_bytes):
    return raw[:12] + raw[12 + n_bytes :]


# ---- Frames that stations send, in a VEB: vf0 has the source address of the vectors, vf1 the destination. ----
def expected_in_veb(row):
    raw, destination = raw_of(row), mac(row["dst"])
    if row["expect"] == "RUNT":
        return "RUNT", {}
    if destination >> 4 == 0x0180_C200_000:
        return "CONTROL_FRAME", {}
    has_c_tag = row["tag_stack"] == "C"
    if has_c_tag and row["c_vid"] == "4095":
        return "VLAN_MEMBER", {}
    copy = without_tag(raw, 4) if has_c_tag and row["c_vid"] == "0" else raw
    ports = {STATIONS["vf1"], STATIONS["vf2"], UPLINK} if destination >> 40 & 1 else {STATIONS["vf1"]}
    return "NONE", dict.fromkeys(ports, copy)


def test_plain_and_tagged_frames_in_a_veb(deliver):
    rows = rows_with("-", "C", "S/C")
    vlans = {"vlans": (1, 10, 100, 200), "untagged": (1,), **OPEN}
    macs = {"vf0": 0x0200_0000_0001, "vf1": 0x0200_0000_0002, "vf2": 0x0200_0000_0003}
    config = switch(*STATIONS, stations={name: {"macs": (macs[name],), **vlans} for name in STATIONS})
    found = deliver(config, [(STATIONS["vf0"], raw_of(row)) for row in rows])
    for row, outcome in zip(rows, found, strict=True):
        assert outcome == expected_in_veb(row), row["name"]
    assert {reason for reason, _ in found} == {"NONE", "RUNT", "CONTROL_FRAME", "VLAN_MEMBER"}


# ---- Frames for the bridge above: the tag that a vector has is the one that the core must add. ----
def test_vn_tags_that_the_core_adds(deliver):
    rows = [row for row in rows_with("VN") if row["vn_svif"] in ("1", "2", "8", "9") and row["vn_r"] == "0"]
    assert len(rows) == 5
    for vifs in ((1, 2, 8), (9, 1, 2)):
        own = [row for row in rows if int(row["vn_svif"]) in vifs]
        stations = {name: {"vif": vif, **OPEN} for name, vif in zip(STATIONS, vifs, strict=True)}
        port_of = dict(zip(vifs, STATIONS.values(), strict=True))
        frames = [(port_of[int(row["vn_svif"])], without_tag(raw_of(row), 6)) for row in own]
        found = deliver(switch(*STATIONS, mode="vn_tag", stations=stations), frames)
        assert found == [("NONE", {UPLINK: raw_of(row)}) for row in own]


def test_e_tags_that_the_core_adds(deliver):
    (row,) = (row for row in FRAMES if row["name"].startswith("etag_up"))
    stations = {name: {"ecid": 257 + i, **OPEN} for i, name in enumerate(STATIONS)}
    assert int(row["et_ecid_base"]) == 258
    found = deliver(switch(*STATIONS, mode="e_tag", stations=stations), [(3, without_tag(raw_of(row), 8))])
    assert found == [("NONE", {UPLINK: raw_of(row)})]


# ---- Frames from the bridge above: the tag comes off. ----
def expected_by_vn_tag(row):
    if row["expect"] == "RUNT":
        return "RUNT", {}
    if row["vn_ver"] != "0":
        return "VNTAG_VERSION", {}
    if row["vn_d"] == "0":
        return "VNTAG_DIRECTION", {}
    reached = {("1", "1"): (STATIONS["vf0"],), ("0", "5"): (STATIONS["vf0"],)}.get((row["vn_p"], row["vn_dvif"]))
    if reached is None:
        return "VNTAG_UNKNOWN_VIF", {}
    return "NONE", dict.fromkeys(reached, without_tag(raw_of(row), 6))


def test_vn_tags_from_the_bridge(deliver):
    rows = rows_with("VN", "VN/C")
    vifs = {"vf0": 5, "vf1": 7, "vf2": 9}
    # Frame 41 is for a list, and comes from the station of VIF 7, which is on it.
    config = switch(
        *STATIONS,
        mode="vn_tag",
        stations={name: {"vif": vif, **OPEN} for name, vif in vifs.items()},
        vif_lists={1: ("vf0", "vf1")},
    )
    found = deliver(config, [(UPLINK, raw_of(row)) for row in rows])
    for row, outcome in zip(rows, found, strict=True):
        assert outcome == expected_by_vn_tag(row), row["name"]
    reasons = [reason for reason, _ in found]
    assert {"NONE", "RUNT", "VNTAG_VERSION", "VNTAG_DIRECTION", "VNTAG_UNKNOWN_VIF"} == set(reasons)


def e_cid(row, which):
    return int(row[f"et_{which}_ext"]) << 12 | int(row[f"et_{which}_base"])


def test_e_tags_from_the_bridge(deliver):
    rows = rows_with("ET", "ET/C")
    lists = {(int(row["et_grp"]), e_cid(row, "ecid")) for row in rows if row["et_grp"] != "0"}
    config = switch(
        *STATIONS,
        mode="e_tag",
        # The station of frame 55's ingress E-CID does not get it back.
        stations={name: {"ecid": ecid, **OPEN} for name, ecid in zip(STATIONS, (0x101, 258, 9), strict=True)},
        ecid_lists=tuple(EcidList(group, ecid, ("vf0", "vf2")) for group, ecid in lists),
    )
    found = deliver(config, [(UPLINK, raw_of(row)) for row in rows])
    for row, outcome in zip(rows, found, strict=True):
        copy = without_tag(raw_of(row), 8)
        if row["et_grp"] == "0":
            ports = {STATIONS["vf1"]}
        else:
            ports = {STATIONS["vf2"]} if e_cid(row, "ing") == 0x101 else {STATIONS["vf0"], STATIONS["vf2"]}
        assert outcome == ("NONE", dict.fromkeys(ports, copy)), row["name"]
    assert len(rows) == 4


# ---- Who receives a frame on a Linux kernel: macvlan as VEPA behind a hairpin port, and a bridge as VEB. ----
HOSTS = {"vm1": "vf0", "vm2": "vf1", "vm3": "vf2"}
MACS = {"vf0": 0x0200_0000_0001, "vf1": 0x0200_0000_0002, "vf2": 0x0200_0000_0003}
OUTSIDE = mac("02:ee:00:00:00:10")


def receivers(mode, copies):
    found = {vm for vm, name in HOSTS.items() if STATIONS[name] in copies}
    return found | ({"extA"} if UPLINK in copies and mode == "veb" else set())


@pytest.mark.parametrize("mode", ["veb", "vepa"])
def test_the_same_receivers_as_on_the_kernel(deliver, mode):
    rows = [row for row in DELIVERIES if ("vepa" in row["scenario"]) == (mode == "vepa")]
    stations = {name: {"macs": (own,), "spoof_check": False} for name, own in MACS.items()}
    config = switch(*STATIONS, mode=mode, stations=stations)
    raws = [frame(mac(row["dst"]), mac(row["src"])) for row in rows]
    ports = [STATIONS[HOSTS[row["tx_port"]]] if row["tx_port"] in HOSTS else UPLINK for row in rows]
    first = [copies for _, copies in deliver(config, list(zip(ports, raws, strict=True)))]
    received = [receivers(mode, copies) for copies in first]
    if mode == "vepa":
        # The adjacent bridge knows the host outside; all else comes back, and what it does not know goes outside too.
        for i, row in enumerate(rows):
            if UPLINK in first[i] and mac(row["dst"]) not in MACS.values():
                received[i].add("extA")
        reflected = [i for i, row in enumerate(rows) if UPLINK in first[i] and mac(row["dst"]) != OUTSIDE]
        back = deliver(config, [(UPLINK, first[i][UPLINK]) for i in reflected])
        for i, (_, copies) in zip(reflected, back, strict=True):
            received[i] |= receivers(mode, copies)
            first[i] |= copies
    for row, raw, copies, found in zip(rows, raws, first, received, strict=True):
        expected = set() if row["received_by"] == "NONE" else {each[:-3] for each in row["received_by"].split(";")}
        assert found == expected, row["case"]
        assert set(copies.values()) <= {raw}, "untagged as sent"
    assert len(rows) == (6 if mode == "vepa" else 7)
