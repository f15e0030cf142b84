"""The table for people: what each column says, and the totals."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    AclEntry,
    EcidList,
    Mirror,
    Uplink,
    c_tag,
    e_tag,
    frame,
    mac,
    s_tag,
    switch,
    vn_tag,
)
from hwmodel.switch_frames.decide import FrameSwitch
from hwmodel.switch_frames.text import FrameTable, Totals
from hwmodel.wire.pcap import PcapBlock, PcapWriter, read_blocks

TITLES = FrameTable(FrameSwitch(switch())).titles
ROWS = list(csv.DictReader((Path(__file__).parent / "vectors" / "tagged_frames.csv").read_text().splitlines()))


def table_of(config, port, *frames, at_ns=None):
    """Give the rows of the table and the totals."""
    frame_switch = FrameSwitch(config, port)
    table, totals = FrameTable(frame_switch), Totals(frame_switch)
    decided = frame_switch.decide(PcapBlock.of_frames(at_ns or [0] * len(frames), frames))
    totals.add(decided)
    return list(table.rows(decided)), totals.text()


def column(row, title):
    """Cut a column out of a row; the last one goes on to the end."""
    titles = TITLES.split()
    ends = [TITLES.index(name) + len(name) for name in titles]
    # Numbers stand at the right of their columns, words at the left.
    starts = {"No.": 0, "frame": ends[0] + 1, "bytes": ends[1] + 1, "from": ends[2] + 1}
    starts |= {name: TITLES.index(name) for name in ("source", "destination", "tags", "result")}
    starts |= {"VLAN": starts["destination"] + 18, "prio": ends[titles.index("VLAN")] + 1}
    after = sorted(start for start in starts.values() if start > starts[title])
    return row[starts[title] : after[0] if after else None].strip()


def results(config, port, *frames):
    return [column(row, "result") for row in table_of(config, port, *frames)[0]]


def test_a_row_has_what_its_title_says():
    config = switch(stations={"vf0": {"vlans": (1, 12)}, "vf1": {"vlans": (12,), "untagged": ()}})
    sent = [frame("vf1", "vf0", c_tag(12, 6, 1), length=90), frame("vf1", "vf2"), b"", frame("vf1", "vf0")[:13]]
    rows, _ = table_of(config, "vf0", *sent)
    names = ["No.", "frame", "bytes", "from", "source", "destination", "VLAN", "prio", "tags", "result"]
    assert TITLES.split() == names
    assert [[column(row, name) for name in names] for row in rows] == [
        ["1", "0", "90", "vf0", "02:00:00:00:00:02", "02:00:00:00:00:03", "12", "6", "C 12 p6 dei", "vf1: as is"],
        ["2", "1", "60", "vf0", "02:00:00:00:00:04", "02:00:00:00:00:03", "-", "-", "-", "dropped: SPOOFED_MAC"],
        ["3", "2", "0", "vf0", "-", "-", "-", "-", "-", "dropped: RUNT"],
        ["4", "3", "13", "vf0", "-", "-", "-", "-", "-", "dropped: RUNT"],
    ]


def test_numbers_go_on_from_block_to_block_and_rows_do_not_mix():
    frame_switch = FrameSwitch(switch(), "vf0")
    table = FrameTable(frame_switch)
    blocks = [
        PcapBlock.of_frames([0, 0], [frame("vf1", "vf0"), frame("vf2", "vf0", length=70)]),
        PcapBlock.of_frames([0], [frame("vf1", "vf0", length=80)], first_frame=2),
    ]
    rows = [row for block in blocks for row in table.rows(frame_switch.decide(block))]
    found = [(column(row, "frame"), column(row, "bytes"), column(row, "result")) for row in rows]
    assert found == [("0", "60", "vf1: as is"), ("1", "70", "vf2: as is"), ("2", "80", "vf1: as is")]


def expected_tags(row):
    """Say in words what the reference file says in columns."""
    number = {name: int(row[name]) for name in row if row[name].isdigit()}
    outer, *rest = row["tag_stack"].split("/")
    said = []
    if outer == "VN":
        what = "list" if number["vn_p"] else "dvif"
        looped = " L" if number["vn_l"] else ""
        said.append(f"VN D={number['vn_d']} {what} {number['vn_dvif']} svif {number['vn_svif']}{looped}")
    if outer == "ET":
        ecid = number["et_ecid_ext"] * 4096 + number["et_ecid_base"]
        ingress = number["et_ing_ext"] * 4096 + number["et_ing_base"]
        group = f" grp {number['et_grp']}" if number["et_grp"] else ""
        came_from = f" from {ingress}" if ingress else ""
        said.append(f"E {ecid}{group}{came_from} p{number['et_epcp']}{' dei' if number['et_edei'] else ''}")
    if outer == "S":
        said.append(f"S {number['s_vid']} p{number['s_pcp']}{' dei' if number['s_dei'] else ''}")
    if "C" in (outer, *rest):
        said.append(f"C {number['c_vid']} p{number['c_pcp']}{' dei' if number['c_dei'] else ''}")
    return ", ".join(said) or "-"


@pytest.mark.parametrize("row", [row for row in ROWS if row["expect"] != "RUNT"], ids=lambda row: row["name"])
def test_tags_of_reference_frames_in_words(row):
    mode = {"S": "multichannel", "VN": "vn_tag", "ET": "e_tag"}.get(row["tag_stack"].split("/")[0], "veb")
    (text,), _ = table_of(switch(mode=mode), "uplink", bytes.fromhex(row["frame_hex"]))
    assert (column(text, "bytes"), column(text, "source")) == (row["len"], row["src"])
    # Wide tags push the result on: it begins where they end.
    assert text[TITLES.index("tags") :].startswith(f"{expected_tags(row):<22} ")


def test_what_becomes_of_tags_in_each_mode():
    tagging = {"vf0": {"vlans": (1, 7)}, "vf1": {"vlans": (1, 7), "untagged": (7,)}}
    veb = switch("vf0", "vf1", stations=tagging, uplink=Uplink(None))
    cases = [
        (veb, "vf0", frame("vf1", "vf0", c_tag(7, 2)), "vf1: -C"),
        (veb, "vf0", frame("vf1", "vf0"), "vf1: +C 1 p0"),
        (veb, "vf0", frame("vf1", "vf0", c_tag(0, 3, 1)), "vf1: C becomes 1 p3 dei"),
        (veb, "vf0", frame(BROADCAST, "vf0", c_tag(1, 4)), "uplink, vf1: as is"),
        (switch(mode="vn_tag"), "vf1", frame("vf0", "vf1"), "uplink: +VN svif 3"),
        (switch(mode="vn_tag"), "vf1", frame("vf0", "vf1", c_tag(9)), "uplink: +VN svif 3"),
        (switch(mode="vn_tag"), "uplink", frame("vf0", OUTSIDE, vn_tag(dvif=3, direction=1)), "vf1: -VN"),
        (switch(mode="e_tag"), "uplink", frame("vf0", OUTSIDE, e_tag(3), c_tag(9)), "vf1: -E"),
        (
            switch(mode="e_tag", stations={"vf1": {"ecid": 0xABCDE}}),
            "vf1",
            frame("vf0", "vf1", c_tag(4, 6, 1)),
            f"uplink: +E {0xABCDE} p6 dei",
        ),
    ]
    for config, port, raw, expected in cases:
        assert results(config, port, raw) == [expected]


def test_channels_and_mirrors_in_words():
    channels = {"s_channels": {10: "veb"}, "stations": {"vf0": {"s_channel": 10}, "vf1": {"s_channel": 10}}}
    config = switch(mode="multichannel", mirrors=(Mirror("pf", "uplink"), Mirror("vf2", "vf0")), **channels)
    assert results(config, "vf0", frame(BROADCAST, "vf0", c_tag(0, 2))) == [
        "uplink: +S 10 p2, -C; vf1: -C; mirror vf2: as is"
    ]
    assert results(config, "uplink", frame("vf0", OUTSIDE, s_tag(10))) == ["vf0: -S; mirror pf: as is"]
    spoofed = results(config, "vf0", frame("vf1", "vf1"))
    assert spoofed == ["dropped: SPOOFED_MAC; mirror vf2: as is"]


def test_three_neighbours_are_a_range():
    names = [f"vf{k}" for k in range(8)]
    config = switch("pf", *names, mode="e_tag", ecid_lists=(EcidList(1, 1, ("pf", "vf0", "vf1", "vf2", "vf5", "vf6")),))
    assert results(config, "uplink", frame(BROADCAST, OUTSIDE, e_tag(1, 1))) == ["pf, vf0-vf2, vf5, vf6: -E"]


def test_totals():
    acl = (AclEntry("police", source=mac("vf0"), rate_bps=1000, burst_bytes=100),)
    config = switch(acl=acl, mirrors=(Mirror("pf", "vf0"),))
    sent = [frame("vf1", "vf0"), frame("vf1", "vf0"), frame(0x33_33_00_00_00_01, "vf1"), b"x", frame("vf2", OUTSIDE)]
    _, text = table_of(config, "auto", *sent, at_ns=[5, 9, 3, 4, 11])
    assert text.splitlines() == [
        "5 frames: 3 delivered, 2 dropped",
        "dropped: RUNT 1, RATE_LIMITED 1",
        "copies, 6: uplink 1, pf 1, vf0 1, vf1 1, vf2 2",
        "mirrored copies, 2: pf 2",
        "with a timestamp before that of an earlier frame: 2; policers take the earlier frame's",
    ]
    _, text = table_of(switch(), "auto", *sent, at_ns=[5, 9, 3, 4, 11])
    assert "timestamp" not in text, "no policer, nothing to say"
    assert table_of(switch(), "auto")[1] == "0 frames: 0 delivered, 0 dropped"
    assert table_of(switch(), "auto", b"x")[1].startswith("1 frame: 0 delivered, 1 dropped")


def test_a_cut_frame_shows_both_lengths_and_counts(tmp_path):
    path = tmp_path / "in.pcap"
    with PcapWriter(path) as writer:
        writer.write(0, frame("vf1", "vf0")[:20], 1514)
        writer.write(0, frame("vf1", "vf0"))
    frame_switch = FrameSwitch(switch(), "vf0")
    totals, rows = Totals(frame_switch), io.StringIO()
    for block in read_blocks(path):
        decided = frame_switch.decide(block)
        totals.add(decided)
        rows.writelines(FrameTable(frame_switch).rows(decided))
    assert "20/1514" in rows.getvalue()
    assert "cut short in the capture (captured/full in the column of bytes): 1;" in totals.text()
