"""The parser against reference frames, whose fields were worked out by hand and by tshark, and cut frames."""

from __future__ import annotations

import csv

import cocotb

from cocotb_tests.module_bench import LIMIT, ModuleBench, joined
from cocotb_tests.places import ROOT

HEADER_BYTES = 26
VECTORS = ROOT / "tests/vectors/tagged_frames.csv"
VEB, VN_TAG, E_TAG = 0, 2, 3
LENGTH_W, INFO_W, N_PORTS = 14, 20, 9


def mac(text):
    return int(text.replace(":", ""), 16)


def number(row, *names):
    return [int(row[name]) for name in names]


async def parse(bench, raw, mode, port=0):
    """Give the parser a frame, and the cycle after it something else; leave its answer on the outputs."""
    padded = raw[:HEADER_BYTES].ljust(HEADER_BYTES, b"\xa5")
    header = int.from_bytes(padded, "little")
    info = port << LENGTH_W + 2 | bench.rng.randrange(4) << LENGTH_W | len(raw)
    vlans = [bench.bits(12) for _ in range(N_PORTS)]
    await bench.settle(in_valid=1, in_header=header, in_info=info, mode=mode, port_vlan=joined(vlans, 12))
    await bench.next_cycle()
    await bench.settle(in_valid=0, in_header=bench.bits(8 * HEADER_BYTES), in_info=bench.bits(INFO_W), mode=0)
    assert bench.get("valid") == 1
    assert bench.get("info") == info
    # Without a VLAN of its own the frame is in its port's.
    assert bench.get("is_tagged") == 1 or bench.get("vlan") == vlans[port]
    return {name: bench.get(name) for name in ("is_complete", "has_outer", "has_c_tag", "n_tag_bytes")}


def expected_fields(row):
    """Return mode, outer tag and C-TAG that a row's tag stack stands for, seen from a port where the tag is one."""
    stack = [] if row["tag_stack"] == "-" else row["tag_stack"].split("/")
    mode = VN_TAG if "VN" in stack else E_TAG if "ET" in stack else VEB
    outer = None
    if mode == VN_TAG and row["expect"] != "RUNT":
        d, p, dvif, looped, r, version, svif = number(
            row, "vn_d", "vn_p", "vn_dvif", "vn_l", "vn_r", "vn_ver", "vn_svif"
        )
        outer = (d << 31 | p << 30 | dvif << 16 | looped << 15 | r << 14 | version << 12 | svif) << 16
    elif mode == E_TAG:
        pcp, dei, ingress, reserved, group, ecid, ingress_high, ecid_high = number(
            row, "et_epcp", "et_edei", "et_ing_base", "et_res", "et_grp", "et_ecid_base", "et_ing_ext", "et_ecid_ext"
        )
        first = pcp << 13 | dei << 12 | ingress
        outer = first << 32 | (reserved << 14 | group << 12 | ecid) << 16 | ingress_high << 8 | ecid_high
    has_c_tag = "C" in stack and "S" not in stack
    return mode, outer, has_c_tag


@cocotb.test(**LIMIT)
async def reference_frames(dut):
    bench = ModuleBench(dut)
    await bench.start(in_valid=0, in_header=0, in_info=0, mode=0, port_vlan=0)
    with VECTORS.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 41
    for row in rows:
        raw = bytes.fromhex(row["frame_hex"])
        assert len(raw) == int(row["len"])
        mode, outer, has_c_tag = expected_fields(row)
        seen = await parse(bench, raw, mode)
        if row["expect"] == "RUNT":
            assert seen["is_complete"] == 0, row["name"]
            continue
        assert seen["is_complete"] == 1, row["name"]
        assert (bench.get("destination"), bench.get("source")) == (mac(row["dst"]), mac(row["src"])), row["name"]
        assert seen["has_outer"] == (outer is not None), row["name"]
        if outer is not None:
            # The VN-Tag has four of the six bytes.
            unused = 16 if mode == VN_TAG else 0
            assert bench.get("outer") >> unused == outer >> unused, row["name"]
        assert seen["has_c_tag"] == has_c_tag, row["name"]
        if has_c_tag:
            vid, pcp, dei = number(row, "c_vid", "c_pcp", "c_dei")
            assert bench.get("c_tci_start") == pcp << 1 | dei, row["name"]
            assert bench.get("is_tagged") == (vid != 0), row["name"]
            assert bench.get("vlan") == vid or vid == 0, row["name"]
        else:
            assert bench.get("is_tagged") == 0, row["name"]
        outer_bytes = 0 if outer is None else 6 if mode == VN_TAG else 8
        assert seen["n_tag_bytes"] == outer_bytes + 4 * has_c_tag, row["name"]
        # An S-TAG is no tag to the core: its type begins the payload.
        ethertype = 0x88A8 if "S" in row["tag_stack"] else int(row["inner_ethertype_or_len"], 16)
        assert bench.get("ethertype") == ethertype, row["name"]
        # In another mode, and at a station, the outer tag is a type like any other.
        if outer is not None:
            for other, port in ((VEB, 0), (E_TAG if mode == VN_TAG else VN_TAG, 0), (mode, 3)):
                assert (await parse(bench, raw, other, port))["has_outer"] == 0, row["name"]
                assert bench.get("ethertype") == (0x8926 if mode == VN_TAG else 0x893F), row["name"]


@cocotb.test(**LIMIT)
async def every_length_that_cuts_a_tag_is_incomplete(dut):
    bench = ModuleBench(dut)
    await bench.start(in_valid=0, in_header=0, in_info=0, mode=0, port_vlan=0)
    addresses = bytes(12)
    cases = (
        (VEB, "0800", 14), (VEB, "8100aaaa0800", 18), (VEB, "8100aaaa8100bbbb0800", 18), (VN_TAG, "0800", 14),
        (VN_TAG, "8926112233440800", 20), (VN_TAG, "8926112233448100aaaa0800", 24), (VN_TAG, "893f0800", 14),
        (E_TAG, "893f1122334455660800", 22), (E_TAG, "893f1122334455668100aaaa0800", 26), (E_TAG, "8100aaaa0800", 18),
    )  # fmt: skip
    for mode, tags, least in cases:
        for length in range(1, 40):
            raw = (addresses + bytes.fromhex(tags) + bytes(30))[:length]
            seen = await parse(bench, raw, mode)
            assert seen["is_complete"] == (length >= least), (mode, tags, length)


def test_parser(simulate):
    assert simulate("parser", PORTS=N_PORTS, INFO_W=INFO_W, LENGTH_W=LENGTH_W, PORT_I_W=4) == 2
