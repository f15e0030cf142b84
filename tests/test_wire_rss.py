"""The receive hash against the published verification suite, and through whole frames that scapy builds."""

from __future__ import annotations

import csv
import ipaddress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1Q, Ether

from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, VERIFICATION_KEY, frame_hashes, scan_headers, toeplitz_hash

with (Path(__file__).parent / "vectors" / "rss_vectors.csv").open() as file:
    VECTORS = list(csv.DictReader(file))


def bitwise_toeplitz(data, key):
    """Compute the hash as its definition reads: slide the key by a bit for each bit of the input."""
    key_bits = "".join(f"{byte:08b}" for byte in key)
    data_bits = "".join(f"{byte:08b}" for byte in data)
    result = 0
    for i, bit in enumerate(data_bits):
        if bit == "1":
            result ^= int(key_bits[i : i + 32], 2)
    return result


def hash_frames(frames, valid=None):
    prefix = np.zeros((len(frames), RSS_PREFIX_BYTES), np.uint8)
    for row, frame in zip(prefix, frames, strict=True):
        head = frame[:RSS_PREFIX_BYTES]
        row[: len(head)] = np.frombuffer(head, np.uint8)
    lengths = np.array([len(frame) for frame in frames] if valid is None else valid, np.int64)
    scan = scan_headers(prefix, lengths)
    return frame_hashes(prefix, lengths, scan.n_bytes, scan.ethertype).tolist()


def addresses_hash(row):
    return next(
        int(other["expected_hash"], 16)
        for other in VECTORS
        if other["hash_type"] in ("IPv4", "IPv6") and other["src_addr"] == row["src_addr"]
    )


def packet(row, layer=TCP, **ip_fields):
    ip = IP if row["ip_version"] == "4" else IPv6
    return ip(src=row["src_addr"], dst=row["dst_addr"], **ip_fields) / layer(
        sport=int(row["src_port"]), dport=int(row["dst_port"])
    )


ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")  # without them scapy asks the network, and waits
WITH_PORTS = [row for row in VECTORS if row["hash_type"].startswith("TCP")]


def test_the_suite_has_sixteen_vectors():
    assert len(VECTORS) == 16
    assert len(WITH_PORTS) == 8


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row['hash_type']}-{row['src_addr']}")
def test_published_hashes(row):
    data = bytes.fromhex(row["input_hex"])
    key = bytes.fromhex(row["key_hex"])
    expected = int(row["expected_hash"], 16)
    assert toeplitz_hash(np.frombuffer(data, np.uint8)[None, :], key).tolist() == [expected]
    assert key == VERIFICATION_KEY
    # The text columns and the bytes say the same.
    assert data.startswith(ipaddress.ip_address(row["src_addr"]).packed + ipaddress.ip_address(row["dst_addr"]).packed)


@given(st.binary(min_size=1, max_size=36), st.binary(min_size=40, max_size=52))
def test_hash_is_its_definition(data, key):
    assert toeplitz_hash(np.frombuffer(data, np.uint8)[None, :], key).tolist() == [bitwise_toeplitz(data, key)]


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="too short"):
        toeplitz_hash(np.zeros((1, 36), np.uint8), bytes(39))


@pytest.mark.parametrize("layer", [TCP, UDP])
def test_frames_hash_like_the_suite(layer):
    frames = [bytes(ETHER / packet(row, layer) / (b"x" * 30)) for row in WITH_PORTS]
    assert hash_frames(frames) == [int(row["expected_hash"], 16) for row in WITH_PORTS]


def test_tags_and_ip_options_do_not_change_the_hash():
    rows = [row for row in WITH_PORTS if row["ip_version"] == "4"]
    frames = [bytes(ETHER / Dot1Q(vlan=5) / packet(row, options=b"\1" * 40)) for row in rows]
    assert hash_frames(frames) == [int(row["expected_hash"], 16) for row in rows]


def test_fragments_hash_their_addresses_alone():
    rows = [row for row in WITH_PORTS if row["ip_version"] == "4"]
    for fields in ({"flags": "MF"}, {"frag": 10}, {"frag": 256}):
        frames = [bytes(ETHER / packet(row, **fields)) for row in rows]
        assert hash_frames(frames) == [addresses_hash(row) for row in rows]
    whole = [bytes(ETHER / packet(row, flags="DF")) for row in rows]
    assert hash_frames(whole) == [int(row["expected_hash"], 16) for row in rows]


def test_ipv6_extension_headers_hash_addresses_alone():
    rows = [row for row in WITH_PORTS if row["ip_version"] == "6"]
    packets = [IPv6(src=row["src_addr"], dst=row["dst_addr"]) / IPv6ExtHdrFragment(m=1) / TCP() for row in rows]
    frames = [bytes(ETHER / packet) for packet in packets]
    assert hash_frames(frames) == [addresses_hash(row) for row in rows]


def test_other_protocols_hash_addresses_alone():
    rows = [row for row in WITH_PORTS if row["ip_version"] == "4"]
    frames = [bytes(ETHER / IP(src=row["src_addr"], dst=row["dst_addr"]) / ICMP()) for row in rows]
    assert hash_frames(frames) == [addresses_hash(row) for row in rows]


def test_what_is_cut_or_malformed():
    row = WITH_PORTS[0]
    frame = bytes(ETHER / packet(row))
    expected = int(row["expected_hash"], 16)
    # 14 + 20 bytes hold the addresses, 4 more the ports.
    assert hash_frames([frame] * 4, [38, 37, 34, 33]) == [expected, addresses_hash(row), addresses_hash(row), 0]
    wrong_version = frame[:14] + b"\x55" + frame[15:]
    short_header = frame[:14] + b"\x44" + frame[15:]
    assert hash_frames([wrong_version, short_header]) == [0, 0]


def test_frames_that_are_not_ip_hash_to_zero():
    assert hash_frames([bytes(Ether(type=0x0806) / bytes(60)), bytes(Ether(type=0x88B5) / (b"\x45" * 60))]) == [0, 0]


def test_no_frames_at_all():
    nothing = np.zeros(0, np.int64)
    assert len(frame_hashes(np.zeros((0, RSS_PREFIX_BYTES), np.uint8), nothing, nothing, nothing)) == 0
