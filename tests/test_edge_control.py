"""Frames of LLDP, ECP and VDP: bytes written by hand, what lldpad has sent, what tshark reads, round trips."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.wire.control_words import told
from hwmodel.wire.edge_control import (
    ECP_TYPE,
    LLDP_TYPE,
    NEAREST_CUSTOMER_BRIDGE,
    Ecp,
    EvbTlv,
    Filter,
    Vsi,
    VsiMode,
    evb_of,
    lldpdu,
    status_words,
    vsis_of,
)
from hwmodel.wire.pcap import PcapngWriter
from hwmodel.wire.tags import build_header
from tests.lldpad_frames import sessions
from tests.switch_cases import tshark_rows

ALL = [said for session in sessions().values() for said in session.said]
INSTANCE = bytes.fromhex("11111111222233334444555555555555")
STATION = 0x0200_0000_0001


def vsi(*filters: Filter, mode: VsiMode = VsiMode.ASSOCIATE, **more: int) -> Vsi:
    return Vsi(mode, b"mgr1".ljust(16, b"\0"), 0x123456, 5, INSTANCE, filters, **more)


def test_a_request_and_its_acknowledgement_by_hand():
    """71 B and 18 B without FCS, as docs/agents.md and IEEE 802.1Q lay them out."""
    request = Ecp(1, vsi(Filter(10, mac=0x0200_0000_0100)).to_bytes()).to_bytes()
    header = build_header(NEAREST_CUSTOMER_BRIDGE, STATION, ECP_TYPE)
    by_hand = (
        "0180c2000000 020000000001 8940"  # the nearest customer bridge, the station, ECP
        "1001 0001"  # version 1, request, VDP; number 1
        "0a10 6d677231000000000000000000000000"  # TLV 5 of 16 B: the manager
        "0621 00 123456 05 05 11111111222233334444555555555555"  # TLV 3 of 33 B: status, type, version, UUID
        "02 0001 020000000100 000a"  # MAC and VID, one
    )
    assert header + request == bytes.fromhex(by_hand)
    assert len(header + request) == 71
    acknowledgement = header + Ecp(1, is_acknowledgement=True).to_bytes()
    assert acknowledgement == bytes.fromhex("0180c2000000 020000000001 8940 1401 0001")
    assert len(acknowledgement) == 18


@pytest.mark.parametrize(("own", "number", "behind"), [
    (Filter(10), 1, "000a"),
    (Filter(4094, 0xF, mac=0x0200_0000_0102), 2, "020000000102 fffe"),
    (Filter(13, 8, group=9), 3, "00000009 800d"),
    (Filter(12, 0, 0x0200_0000_0102, 0xDEADBEEF), 4, "deadbeef 020000000102 000c"),
])  # fmt: skip
def test_filters_of_each_format_by_hand(own, number, behind):
    assert own.format == number
    assert own.to_bytes() == bytes.fromhex(behind)
    assert Filter.of(bytes.fromhex(behind), number) == own


def test_an_evb_tlv_by_hand():
    """Type 127, 9 B: 00-80-C2, 0x0d, bridge, station, retries and RTE, role and RWD, RKA."""
    evb = EvbTlv(role=2, bridge=3, station=5, retries=3, rte=8, rwd=20, rka=21, is_rwd_taken=True)
    assert evb.to_bytes() == bytes.fromhex("fe09 0080c2 0d 03 05 68 b4 15")
    data = lldpdu(STATION, evb, ttl_s=121)
    assert data == bytes.fromhex("0207 04 020000000001 0407 03 020000000001 0602 0079") + evb.to_bytes() + bytes(13)
    assert evb_of(data) == evb
    assert evb_of(bytes.fromhex("fe04 0080c2 01 0000")) is None  # another TLV of the same organisation


@pytest.mark.parametrize("said", ALL, ids=lambda said: f"{said.at_s}_{said.sender}")
def test_what_lldpad_has_sent_is_read_and_written_the_same(said):
    source = int.from_bytes(said.frame[6:12], "big")
    assert said.frame[:14] == build_header(NEAREST_CUSTOMER_BRIDGE, source, said.ethertype)
    if said.ethertype == LLDP_TYPE:
        assert lldpdu(source, evb_of(said.body)) == said.body
        return
    ecp = Ecp.of(said.body)
    assert ecp.to_bytes() == said.body
    assert len(said.frame) == 18 if ecp.is_acknowledgement else len(said.frame) >= 60
    for one in [] if ecp.is_acknowledgement else vsis_of(ecp.payload):
        assert one._replace(filters=tuple(one.filters)).to_bytes() == ecp.payload


def test_what_lldpad_says_in_words():
    in_words = {told(said.ethertype, said.body) for said in ALL}
    assert {
        "LLDP, EVB: RTE 8, RWD 16, RKA 17, 3 retries", "ECP acknowledges 1", "ECP 1: pre-associate, VLAN 10",
        "ECP 4: pre-associate with reservation, VLAN 10: granted", "ECP 5: associate, VLAN 10",
        "ECP 9: de-associate, VLAN 10: granted", "ECP 3: associate, VLAN 14, 15",
    } <= in_words  # fmt: skip


def test_answers_in_words():
    assert [status_words(status) for status in (0x40, 0x42, 0x63, 0x55, 0x4F)] == [
        "granted", "insufficient resources", "no contact to the manager, kept as it was",
        "invalid VLAN, address or group, for good", "code 15",
    ]  # fmt: skip


def test_tshark_reads_the_heads(tmp_path):
    evb = EvbTlv(2)
    bodies = [
        (LLDP_TYPE, lldpdu(STATION, evb)), (ECP_TYPE, Ecp(7, vsi(Filter(10)).to_bytes()).to_bytes()),
        (ECP_TYPE, Ecp(8, is_acknowledgement=True).to_bytes()),
    ]  # fmt: skip
    frames = [build_header(NEAREST_CUSTOMER_BRIDGE, STATION, kind) + body for kind, body in bodies]
    path = tmp_path / "control.pcapng"
    with PcapngWriter(path, "a", "a port") as writer:
        writer.write_block([1, 2, 3], frames, [False] * 3, [*map(len, frames)])
    fields = ["lldp.time_to_live", "lldp.orgtlv.oui", "ecp.ver", "ecp.op", "ecp.subtype", "ecp.seqno"]
    fields += ["_ws.malformed"]
    found = [tuple(value for value in row.values() if value) for row in tshark_rows(path, fields)]
    assert found[0] == ("120", "32962")  # 0x0080c2
    assert [[int(value, 0) for value in row] for row in found[1:]] == [[1, 0, 1, 7], [1, 1, 1, 8]]


MACS, U4, U32 = st.integers(0, (1 << 48) - 1), st.integers(0, 15), st.integers(0, (1 << 32) - 1)


@st.composite
def vsis(draw):
    has_mac, has_group = draw(st.booleans()), draw(st.booleans())
    one = st.builds(
        Filter, st.integers(0, 4095), U4, MACS if has_mac else st.none(), U32 if has_group else st.none()
    )  # fmt: skip
    filters = tuple(draw(st.lists(one, min_size=1, max_size=30)))
    numbers = draw(st.tuples(st.integers(0, (1 << 24) - 1), st.integers(0, 255)))
    ids = st.binary(min_size=16, max_size=16)
    mode = draw(st.sampled_from(VsiMode))
    return Vsi(mode, draw(ids), *numbers, draw(ids), filters, draw(st.integers(0, 255)), draw(st.integers(1, 5)))


@given(vsis(), st.integers(0, 65535))
def test_round_trips_of_requests(one, number):
    """A body of more than 511 B does not fit into a TLV's length: 30 filters of 12 B are 385 B."""
    data = Ecp(number, one.to_bytes()).to_bytes()
    assert Ecp.of(data).sequence == number
    (back,) = vsis_of(Ecp.of(data).payload)
    assert back == one
    assert back.key == one.key


U5 = st.integers(0, 31)


@given(st.builds(EvbTlv, st.integers(0, 3), st.integers(0, 255), st.integers(0, 255), st.integers(0, 7), U5, U5, U5,
                 st.booleans(), st.booleans()), MACS)  # fmt: skip
def test_round_trips_of_evb(evb, mac):
    assert evb_of(lldpdu(mac, evb)) == evb


GOOD = Ecp(1, vsi(Filter(10, mac=1)).to_bytes()).to_bytes()
MANAGER = "0a10" + "00" * 16


@pytest.mark.parametrize("damaged", [
    "", "1001", "2001 0001", "1801 0001", "1002 0001",  # no head; another version, operation, protocol
    "1001 0001 0601 00",  # no manager before the VSI
    f"1001 0001 {MANAGER} {MANAGER}", f"1001 0001 {MANAGER} 0c00", f"1001 0001 {MANAGER} 0605 0000000000",
    GOOD[:-1].hex(), GOOD.replace(b"\2\0\1", b"\5\0\1").hex(), GOOD.replace(b"\2\0\1", b"\2\0\2").hex(),
])  # fmt: skip
def test_damaged_requests_are_refused(damaged):
    with pytest.raises(ValueError):
        told(ECP_TYPE, bytes.fromhex(damaged))


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(data):
    for ethertype in (LLDP_TYPE, ECP_TYPE):
        with contextlib.suppress(ValueError):
            told(ethertype, data)
