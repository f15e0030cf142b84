"""Tags against frames that tshark and two other decoders read the same, and against scapy."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

from hwmodel.rules.switch_modes import C_TAG, E_TAG, S_TAG, VN_TAG
from hwmodel.wire.ethernet import format_mac
from hwmodel.wire.tags import (
    LONGEST_HEADER_BYTES,
    OUTER_TAG_TYPES,
    RuntFrameError,
    build_header,
    parse_header,
    read_tag,
    tag_of,
)

VECTORS = Path(__file__).parent / "vectors"
with (VECTORS / "tagged_frames.csv").open() as file:
    FRAMES = list(csv.DictReader(file))
with (VECTORS / "tag_walking_ones.csv").open() as file:
    WALKING_ONES = list(csv.DictReader(file))
WHOLE = [row for row in FRAMES if row["expect"] != "RUNT"]
CUT = [row for row in FRAMES if row["expect"] == "RUNT"]

macs = st.integers(0, 2**48 - 1)
PCP_DEI_VID = {"pcp": st.integers(0, 7), "dei": st.integers(0, 1), "vid": st.integers(0, 4095)}
vlan_tags = st.builds(tag_of, st.just(C_TAG), **PCP_DEI_VID)
vn_tags = st.builds(
    tag_of, st.just(VN_TAG), direction=st.integers(0, 1), pointer=st.integers(0, 1), dvif=st.integers(0, 0x3FFF),
    looped=st.integers(0, 1), reserved=st.integers(0, 1), version=st.integers(0, 3), svif=st.integers(0, 0xFFF),
)  # fmt: skip
e_tags = st.builds(
    tag_of, st.just(E_TAG), pcp=st.integers(0, 7), dei=st.integers(0, 1), ingress_ecid=st.integers(0, 0xFFFFF),
    reserved=st.integers(0, 3), group=st.integers(0, 3), ecid=st.integers(0, 0xFFFFF),
)  # fmt: skip
s_tags = st.builds(tag_of, st.just(S_TAG), **PCP_DEI_VID)
outer_tags = st.one_of(s_tags, vn_tags, e_tags)


def frame_of(row):
    return bytes.fromhex(row["frame_hex"])


def expected_tags(row):
    """Build the tags of a row from its decimal columns."""

    def number(name):
        return int(row[name])

    stack = row["tag_stack"].split("/")
    outer = c_tag = None
    if "VN" in stack:
        values = [number("vn_" + name) for name in ("d", "p", "dvif", "l", "r", "ver", "svif")]
        outer = tag_of(VN_TAG, **dict(zip(VN_TAG.places, values, strict=True)))
    if "ET" in stack:
        outer = tag_of(
            E_TAG,
            pcp=number("et_epcp"),
            dei=number("et_edei"),
            ingress_ecid=number("et_ing_ext") * 4096 + number("et_ing_base"),
            reserved=number("et_res"),
            group=number("et_grp"),
            ecid=number("et_ecid_ext") * 4096 + number("et_ecid_base"),
        )
    if "S" in stack:
        outer = tag_of(S_TAG, pcp=number("s_pcp"), dei=number("s_dei"), vid=number("s_vid"))
    if "C" in stack:
        c_tag = tag_of(C_TAG, pcp=number("c_pcp"), dei=number("c_dei"), vid=number("c_vid"))
    return outer, c_tag


def test_the_vectors_cover_what_they_should():
    assert len(WHOLE) == 38
    assert len(CUT) == 3
    assert {row["tag_stack"] for row in WHOLE} == {"-", "C", "S/C", "VN", "VN/C", "ET", "ET/C"}


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: row["name"])
def test_parser_finds_every_field(row):
    frame = frame_of(row)
    assert len(frame) == int(row["len"])
    parsed = parse_header(frame)
    outer, c_tag = expected_tags(row)
    assert (parsed.outer, parsed.c_tag) == (outer, c_tag)
    assert parsed.ethertype == int(row["inner_ethertype_or_len"], 16)
    assert format_mac(parsed.destination) == row["dst"]
    assert format_mac(parsed.source) == row["src"]
    lengths = {"-": 0, "C": 4, "S": 4, "VN": 6, "ET": 8}
    assert parsed.n_bytes == 14 + sum(lengths[tag] for tag in row["tag_stack"].split("/"))


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: row["name"])
def test_builder_gives_the_frame_back(row):
    tags = [tag for tag in expected_tags(row) if tag is not None]
    destination, source = (int(row[end].replace(":", ""), 16) for end in ("dst", "src"))
    header = build_header(destination, source, int(row["inner_ethertype_or_len"], 16), tags)
    assert frame_of(row).startswith(header)


@pytest.mark.parametrize("row", CUT, ids=lambda row: row["name"])
def test_cut_frames_are_runts(row):
    with pytest.raises(RuntFrameError):
        parse_header(frame_of(row))


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: row["name"])
def test_every_cut_within_a_header_is_a_runt(row):
    frame = frame_of(row)
    header_bytes = parse_header(frame).n_bytes
    assert parse_header(frame[:header_bytes]) == parse_header(frame)
    for n_bytes in range(header_bytes):
        with pytest.raises(RuntFrameError):
            parse_header(frame[:n_bytes])


@pytest.mark.parametrize("row", WALKING_ONES, ids=lambda row: f"{row['tag']}-{row['bit_from_msb']}")
def test_single_bits_land_in_the_fields_that_tshark_shows(row):
    n_bits = {"vntag": 32, "ctag": 16}[row["tag"]]
    ethertype = {"vntag": 0x8926, "ctag": 0x8100}[row["tag"]]
    word = 1 << (n_bits - 1 - int(row["bit_from_msb"]))
    tag = read_tag(ethertype.to_bytes(2, "big") + word.to_bytes(n_bits // 8, "big"))
    name = {
        "vntag.dir": "direction", "vntag.ptr": "pointer", "vntag.dst": "dvif", "vntag.looped": "looped",
        "vntag.r": "reserved", "vntag.version": "version", "vntag.src": "svif",
        "vlan.priority": "pcp", "vlan.dei": "dei", "vlan.id": "vid",
    }[row["tshark_field"]]  # fmt: skip
    assert tag.fields == dict.fromkeys(tag.format.places, 0) | {name: int(row["value"])}


def test_a_second_tag_of_a_kind_is_payload():
    twice = build_header(1, 2, 0x0800, [tag_of(S_TAG, vid=7), tag_of(VN_TAG, svif=5)])
    assert parse_header(twice).ethertype == 0x8926
    under_c = build_header(1, 2, 0x0800, [tag_of(C_TAG, vid=7), tag_of(S_TAG, vid=8)])
    assert (parse_header(under_c).outer, parse_header(under_c).ethertype) == (None, 0x88A8)


def test_the_longest_header_is_e_and_c():
    longest = build_header(1, 2, 0x0800, [tag_of(E_TAG), tag_of(C_TAG)])
    assert parse_header(longest).n_bytes == len(longest) == LONGEST_HEADER_BYTES == 26


@given(macs, macs, st.integers(0x0600, 0x07FF), st.none() | outer_tags, st.none() | vlan_tags)
def test_headers_go_round(destination, source, ethertype, outer, c_tag):
    tags = [tag for tag in (outer, c_tag) if tag is not None]
    parsed = parse_header(build_header(destination, source, ethertype, tags) + b"payload")
    assert (parsed.destination, parsed.source, parsed.ethertype) == (destination, source, ethertype)
    assert (parsed.outer, parsed.c_tag) == (outer, c_tag)


@given(s_tags, vlan_tags, st.binary(max_size=60))
def test_s_and_c_tags_are_what_scapy_builds(s_tag, c_tag, payload):
    built = build_header(0x0200_0000_0002, 0x0200_0000_0001, 0x88B5, [s_tag, c_tag])
    scapy_frame = (
        Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
        / Dot1AD(prio=s_tag.fields["pcp"], dei=s_tag.fields["dei"], vlan=s_tag.fields["vid"], type=0x8100)
        / Dot1Q(prio=c_tag.fields["pcp"], dei=c_tag.fields["dei"], vlan=c_tag.fields["vid"], type=0x88B5)
        / payload
    )
    assert built + payload == bytes(scapy_frame)


@pytest.mark.parametrize(
    ("tag", "name", "value"),
    [(C_TAG, "vid", 4096), (C_TAG, "pcp", 8), (S_TAG, "dei", 2), (C_TAG, "vid", -1), (VN_TAG, "dvif", 1 << 14),
     (VN_TAG, "svif", 1 << 12), (VN_TAG, "version", 4), (E_TAG, "ecid", 1 << 20), (E_TAG, "group", 4),
     (E_TAG, "ingress_ecid", -1)],
)  # fmt: skip
def test_fields_that_do_not_fit_are_refused(tag, name, value):
    with pytest.raises(ValueError, match="does not fit"):
        tag_of(tag, **{name: value})


@pytest.mark.parametrize("data", ["", "8100", "81000001ff", "080000010203", "892600000000ff"])
def test_read_tag_refuses_other_bytes(data):
    with pytest.raises(ValueError, match="is no tag"):
        read_tag(bytes.fromhex(data))


def test_the_outer_tag_types():
    assert frozenset({0x88A8, 0x8926, 0x893F}) == OUTER_TAG_TYPES
