"""The parser on reference frames that other decoders read the same."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hwmodel.forwarding import ingress_rules, veb
from hwmodel.forwarding import parse as parser
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG, OUTER_E, OUTER_S, OUTER_VN
from hwmodel.forwarding.parse import HEADER, parse_header
from hwmodel.wire import ethernet, tags

VECTORS = Path(__file__).parent / "vectors"
ROWS = list(csv.DictReader((VECTORS / "tagged_frames.csv").read_text().splitlines()))
OUTER_KIND = {"S": OUTER_S, "VN": OUTER_VN, "ET": OUTER_E, "C": NO_OUTER_TAG, "-": NO_OUTER_TAG}
# Column of the file, field of the header.
PLAIN_COLUMNS = {
    "vn_d": "vn_direction",
    "vn_p": "vn_pointer",
    "vn_dvif": "vn_dvif",
    "vn_l": "vn_looped",
    "vn_ver": "vn_version",
    "vn_svif": "vn_svif",
    "et_epcp": "outer_pcp",
    "et_edei": "outer_dei",
    "et_grp": "e_group",
    "s_vid": "s_vid",
    "s_pcp": "outer_pcp",
    "s_dei": "outer_dei",
    "c_vid": "vid",
    "c_pcp": "pcp",
    "c_dei": "dei",
}


def parse_bytes(raw, outer_kind):
    header = np.zeros(1, HEADER).view(np.recarray)
    parse_header(np.frombuffer(raw, np.uint8).copy(), len(raw), outer_kind, header[0])
    return header[0]


def test_all_reference_frames_are_there():
    assert len(ROWS) == 41
    assert sum(row["expect"] == "RUNT" for row in ROWS) == 3


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_reference_frames(row):
    raw = bytes.fromhex(row["frame_hex"])
    outer, *rest = row["tag_stack"].split("/")
    has_c_tag = "C" in (outer, *rest)
    header = parse_bytes(raw, OUTER_KIND[outer])
    assert header.n_bytes == int(row["len"]) == len(raw)
    assert header.is_complete == (row["expect"] != "RUNT")
    if row["expect"] == "RUNT":
        assert header.n_tag_bytes == 0
        return
    assert header.destination == int(row["dst"].replace(":", ""), 16)
    assert header.source == int(row["src"].replace(":", ""), 16)
    assert header.outer_kind == OUTER_KIND[outer]
    assert header.has_c_tag == has_c_tag
    assert header.ethertype == int(row["inner_ethertype_or_len"], 16)
    assert header.n_tag_bytes == {"S": 4, "VN": 6, "ET": 8}.get(outer, 0) + 4 * has_c_tag
    for column, field in PLAIN_COLUMNS.items():
        if row[column]:
            assert header[field] == int(row[column]), column
    if outer == "ET":
        assert header.e_ecid == int(row["et_ecid_ext"]) << 12 | int(row["et_ecid_base"])
        assert header.e_ingress_ecid == int(row["et_ing_ext"]) << 12 | int(row["et_ing_base"])


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_a_tag_that_is_not_asked_for_is_a_type(row):
    raw = bytes.fromhex(row["frame_hex"])
    outer = row["tag_stack"].split("/")[0]
    outer_type = {"S": 0x88A8, "VN": 0x8926, "ET": 0x893F}.get(outer)
    for kind in {NO_OUTER_TAG, OUTER_S, OUTER_VN, OUTER_E} - {OUTER_KIND[outer]}:
        header = parse_bytes(raw, kind)
        assert header.outer_kind == NO_OUTER_TAG
        if outer_type:
            assert (header.ethertype, header.n_tag_bytes) == (outer_type, 0)


WALKING = list(csv.DictReader((VECTORS / "tag_walking_ones.csv").read_text().splitlines()))
FIELD_OF = {
    "vntag.dir": "vn_direction",
    "vntag.ptr": "vn_pointer",
    "vntag.dst": "vn_dvif",
    "vntag.looped": "vn_looped",
    "vntag.version": "vn_version",
    "vntag.src": "vn_svif",
    "vlan.priority": "pcp",
    "vlan.dei": "dei",
    "vlan.id": "vid",
}


@pytest.mark.parametrize("row", WALKING, ids=[f"{row['tag']}-{row['bit_from_msb']}" for row in WALKING])
def test_each_bit_of_a_tag_belongs_to_one_field(row):
    n_bytes = {"vntag": 4, "ctag": 2}[row["tag"]]
    value = 1 << (8 * n_bytes - 1 - int(row["bit_from_msb"]))
    ethertype = {"vntag": "8926", "ctag": "8100"}[row["tag"]]
    raw = bytes(12) + bytes.fromhex(ethertype) + value.to_bytes(n_bytes, "big") + bytes.fromhex("0800") + bytes(20)
    header = parse_bytes(raw, OUTER_VN)
    fields = {name: header[name] for name in FIELD_OF.values() if header[name]}
    wanted = FIELD_OF.get(row["tshark_field"])
    assert fields == ({wanted: int(row["value"])} if wanted else {})


def test_a_header_is_wholly_overwritten():
    row = next(row for row in ROWS if row["name"] == "etag_pattern")
    header = np.zeros(1, HEADER).view(np.recarray)
    first, second = (bytes.fromhex(each["frame_hex"]) for each in (row, ROWS[0]))
    parse_header(np.frombuffer(first, np.uint8).copy(), len(first), OUTER_E, header[0])
    parse_header(np.frombuffer(second, np.uint8).copy(), len(second), OUTER_E, header[0])
    assert header[0] == parse_bytes(second, OUTER_E)


def test_only_the_first_26_bytes_are_read():
    row = next(row for row in ROWS if row["name"] == "etag_pattern")
    raw = bytes.fromhex(row["frame_hex"])
    header = np.zeros(1, HEADER).view(np.recarray)
    parse_header(np.frombuffer(raw[:26], np.uint8).copy(), len(raw), OUTER_E, header[0])
    assert header[0] == parse_bytes(raw, OUTER_E)


def test_addresses_are_those_of_the_wire():
    assert ethernet.BROADCAST_MAC == veb.BROADCAST
    assert all(ethernet.is_group_mac(mac) == bool(mac & ingress_rules.GROUP_BIT) for mac in (1 << 40, ~(1 << 40)))
    assert ingress_rules.LINK_LOCAL_PREFIX == 0x0180_C200_000F >> 4


def test_type_numbers_are_those_of_the_wire():
    assert ethernet.EtherType.C_TAG == parser.TYPE_C_TAG
    types = (0, ethernet.EtherType.S_TAG, ethernet.EtherType.VN_TAG, ethernet.EtherType.E_TAG)
    assert types == parser.OUTER_TYPES
    assert tuple(tags.TAG_BYTES.get(each, 0) for each in types) == parser.OUTER_BYTES
    assert tags.TAG_BYTES[ethernet.EtherType.C_TAG] == parser.C_TAG_BYTES
    assert tags.TAG_OFFSET == parser.TAG_OFFSET
    assert ethernet.UNTAGGED_HEADER_BYTES == parser.HEADER_BYTES
