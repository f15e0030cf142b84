"""The parser against reference frames, whose fields were worked out by hand and by tshark, and cut frames."""

from __future__ import annotations

import csv
from collections import Counter

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench, joined
from cocotb_tests.places import ROOT

HEADER_BYTES = 26
VECTORS = ROOT / "tests/vectors/tagged_frames.csv"
VEB, VN_TAG, E_TAG = 0, 2, 3
LENGTH_W, INFO_W, N_PORTS = 14, 20, 9
BROADCAST, LINK_LOCAL = 0xFFFF_FFFF_FFFF, 0x0180_C200_0000
MAC_CONTROL, OUTER_TYPES = 0x8808, (0x88A8, 0x8926, 0x893F)


def mac(text):
    return int(text.replace(":", ""), 16)


def number(row, *names):
    return [int(row[name]) for name in names]


async def parse(bench, raw, mode, port=0):
    """Give the parser a frame, and other things before and after it; leave its answer on the outputs.

    Returns some of that, and addresses and the outer tag, which are there a cycle before.
    """
    padded = raw[:HEADER_BYTES].ljust(HEADER_BYTES, b"\xa5")
    header = int.from_bytes(padded, "little")
    info = port << LENGTH_W + 2 | bench.rng.randrange(4) << LENGTH_W | len(raw)
    vlans = [bench.bits(12) for _ in range(N_PORTS)]
    others = {"in_valid": 0, "in_header": bench.bits(8 * HEADER_BYTES), "in_info": bench.bits(INFO_W)}
    await bench.settle(in_valid=1, in_header=header, in_info=info, mode=bench.rng.randrange(4), port_vlan=0)
    await bench.next_cycle()
    has_pools = bench.rng.randrange(2)
    await bench.settle(**others, mode=mode, has_pools=has_pools, port_vlan=joined(vlans, 12))
    assert bench.get("valid") == 0
    seen = {name: bench.get(f"look_{name}") for name in ("destination", "source", "outer")}
    await bench.next_cycle()
    await bench.settle(**others, mode=bench.rng.randrange(4), has_pools=1 - has_pools, port_vlan=0)
    assert bench.get("valid") == 1
    assert (bench.get("info"), bench.get("frame_mode")) == (info, mode)
    by_pools = bool(bench.dut.POOL_FILTERS.value.to_unsigned() and has_pools and mode == VEB)
    assert bench.get("frame_has_pools") == by_pools
    # Without a VLAN of its own the frame is in its port's; with pools, one from the uplink is in none.
    assert bench.get("is_tagged") == 1 or bench.get("vlan") == (0 if by_pools and port == 0 else vlans[port])
    return seen | {name: bench.get(name) for name in ("is_complete", "has_outer", "has_c_tag", "n_tag_bytes")}


def kinds_of(destination, source):
    """Return what the parser is to say of two addresses."""
    is_group_source = source >> 40 & 1
    return {
        "is_group": destination >> 40 & 1, "is_broadcast": destination == BROADCAST,
        "is_link_local": destination >> 4 == LINK_LOCAL >> 4, "has_group_source": is_group_source,
        "has_bad_source": source == 0 or is_group_source,
    }  # fmt: skip


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
    await bench.start(in_valid=0, in_header=0, in_info=0, mode=0, has_pools=0, port_vlan=0)
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
        assert (seen["destination"], seen["source"]) == (mac(row["dst"]), mac(row["src"])), row["name"]
        kinds = kinds_of(seen["destination"], seen["source"])
        assert {name: bench.get(name) for name in kinds} == kinds, row["name"]
        assert seen["has_outer"] == (outer is not None), row["name"]
        if outer is not None:
            # The VN-Tag has four of the six bytes.
            unused = 16 if mode == VN_TAG else 0
            assert seen["outer"] >> unused == outer >> unused, row["name"]
            assert (bench.get("outer_start"), bench.get("outer_version")) == (outer >> 44, outer >> 28 & 3), row["name"]
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
        assert bench.get("is_control") == (ethertype == MAC_CONTROL), row["name"]
        # In another mode, and at a station, the outer tag is a type like any other.
        if outer is not None:
            for other, port in ((VEB, 0), (E_TAG if mode == VN_TAG else VN_TAG, 0), (mode, 3)):
                assert (await parse(bench, raw, other, port))["has_outer"] == 0, row["name"]
                assert bench.get("n_tag_bytes") == 0, row["name"]
                assert port == 0 or bench.get("begins_with_tag") == 1, row["name"]


@cocotb.test(**LIMIT)
async def kinds_of_addresses_and_types(dut):
    """Of addresses and types that matter, and of those that differ from them in one bit, behind every stack of tags."""
    bench = ModuleBench(dut, seed=18)
    await bench.start(in_valid=0, in_header=0, in_info=0, mode=0, has_pools=0, port_vlan=0)
    seen = Counter()
    for _ in range(6000):
        port = bench.rng.choice((0, 3))
        outer, mode = bench.rng.choice((("", VEB), ("", VN_TAG), ("892611223344", VN_TAG), ("893f112233445566", E_TAG)))
        tags = ("" if port else outer) + bench.rng.choice(("", "8100aaaa"))
        destination = bench.near(bench.rng.choice((BROADCAST, LINK_LOCAL | bench.rng.randrange(16), 2 << 40)), 48)
        source = bench.near(bench.rng.choice((0, 2 << 40, BROADCAST)), 48)
        ethertype = bench.near(bench.rng.choice((MAC_CONTROL, *OUTER_TYPES, 0x0800)), 16)
        if ethertype == 0x8100 or (port == 0 and ethertype in OUTER_TYPES):
            continue
        addresses = destination.to_bytes(6, "big") + source.to_bytes(6, "big")
        raw = addresses + bytes.fromhex(tags) + ethertype.to_bytes(2, "big") + bytes(46)
        await parse(bench, raw, mode, port)
        due = kinds_of(destination, source) | {"is_control": ethertype == MAC_CONTROL, "n_tag_bytes": len(tags) // 2}
        if port:
            due["begins_with_tag"] = ethertype in OUTER_TYPES
        assert {name: bench.get(name) for name in due} == due, (raw.hex(), mode, port)
        seen.update(name for name, value in due.items() if value)
    assert len(seen) == 8, seen
    assert min(seen.values()) > 100, seen


@cocotb.test(**LIMIT)
async def every_length_that_cuts_a_tag_is_incomplete(dut):
    bench = ModuleBench(dut)
    await bench.start(in_valid=0, in_header=0, in_info=0, mode=0, has_pools=0, port_vlan=0)
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


@pytest.mark.parametrize("pools", [0, 1])
def test_parser(simulate, pools):
    assert simulate("parser", PORTS=N_PORTS, POOL_FILTERS=pools) == 3
