"""What a NIC reads of many frames at once: where each header ends, and the hash that picks a queue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hwmodel.rules.steering import TCP, UDP, VERIFICATION_KEY
from hwmodel.rules.switch_modes import TYPE_BYTES
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.tags import LONGEST_HEADER_BYTES, OUTER_TAG_TYPES, TAG_BYTES, TAG_OFFSET

# The longest tag stack, the longest IPv4 header and two ports: what `frame_hashes` looks at.
RSS_PREFIX_BYTES = LONGEST_HEADER_BYTES + 60 + 4

_HASH_BITS = 32

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeaderScan:
    """Hold, for n frames, the header's end `n_bytes` (int64), its type (int64) and whether the frame reaches that end.

    If `complete` is false, the other two are meaningless.
    """

    n_bytes: I64
    ethertype: I64
    complete: npt.NDArray[np.bool_]


def scan_headers(prefix: U8, valid_bytes: I64) -> HeaderScan:
    """Find the headers of n frames, with any of the three outer tags and a C-TAG recognised.

    `prefix` is uint8 of shape (n, at least 26): each frame's first bytes, zeros where the frame is shorter;
    `valid_bytes` is int64 of shape (n,): how many bytes of the frame are there.
    """
    if prefix.shape[1] < LONGEST_HEADER_BYTES:
        raise ValueError(f"{prefix.shape[1]} bytes of a frame are too few to find its header")
    first_type = _types_at(prefix, np.full(len(prefix), TAG_OFFSET, np.int64))
    end = np.full(len(prefix), TAG_OFFSET, np.int64)
    for outer_type in OUTER_TAG_TYPES:
        end[first_type == outer_type] += TAG_BYTES[outer_type]
    has_c_tag = _types_at(prefix, end) == EtherType.C_TAG
    end[has_c_tag] += TAG_BYTES[EtherType.C_TAG]
    n_bytes = end + TYPE_BYTES
    return HeaderScan(n_bytes, _types_at(prefix, end), valid_bytes >= n_bytes)


def _types_at(prefix: U8, at: I64) -> I64:
    rows = np.arange(len(prefix))
    types: I64 = prefix[rows, at].astype(np.int64) << 8 | prefix[rows, at + 1]
    return types


def toeplitz_hash(inputs: U8, key: bytes = VERIFICATION_KEY) -> U32:
    """Hash n inputs of k bytes each, uint8 of shape (n, k), into uint32 of shape (n,).

    Raises ValueError where the key is too short for the input: k bytes take a key of k + 4.
    """
    table = _byte_table(key, inputs.shape[1])
    hashes = np.zeros(len(inputs), np.uint32)
    for position, byte_hashes in enumerate(table):
        hashes ^= byte_hashes[inputs[:, position]]
    return hashes


@lru_cache(maxsize=16)  # 0.5 ms for the addresses and ports of IPv4, 1.5 ms for those of IPv6
def _byte_table(key: bytes, n_bytes: int) -> U32:
    """Tabulate what each value of each input byte adds to the hash; shape (n_bytes, 256).

    Each input bit that is set XORs in the 32 key bits from its own position on, so that bytes contribute independently.
    """
    n_key_bits = 8 * len(key)
    if n_key_bits < 8 * n_bytes + _HASH_BITS:
        raise ValueError(f"a key of {len(key)} bytes is too short for an input of {n_bytes}")
    key_number = int.from_bytes(key, "big")
    values = np.arange(256)
    table = np.zeros((n_bytes, 256), np.uint32)
    for bit in range(8 * n_bytes):
        window = np.uint32(key_number >> (n_key_bits - _HASH_BITS - bit) & 0xFFFF_FFFF)
        table[bit // 8, values >> (7 - bit % 8) & 1 == 1] ^= window
    return table


def frame_hashes(prefix: U8, valid_bytes: I64, header_bytes: I64, ethertype: I64) -> U32:
    """Hash n frames as a NIC does, with the verification key: uint32 of shape (n,), 0 for a frame that is not IP.

    `prefix` is uint8 of shape (n, at least 90), the frames' first bytes; `valid_bytes` says how many of them are there,
    `header_bytes` where the IP header begins, `ethertype` the type before it. Addresses and ports of TCP and UDP are
    hashed, the addresses alone of any other protocol, of fragments, and where the ports are not there. IPv6 extension
    headers are not followed: such a packet hashes its addresses.
    """
    hashes = np.zeros(len(prefix), np.uint32)
    for ip_type, hash_rows in ((EtherType.IPV4, _hash_ipv4), (EtherType.IPV6, _hash_ipv6)):
        rows = np.flatnonzero(ethertype == ip_type)
        if len(rows):
            hashes[rows] = hash_rows(prefix[rows], valid_bytes[rows], header_bytes[rows])
    return hashes


def _hash_ipv4(prefix: U8, valid_bytes: I64, start: I64) -> U32:
    first = _bytes_at(prefix, start, 1)[:, 0].astype(np.int64)
    header_end = start + 4 * (first & 0xF)
    is_ip = (first >> 4 == 4) & (first & 0xF >= 5) & (valid_bytes >= header_end)
    fragment = _bytes_at(prefix, start + 6, 2)
    # More fragments, or an offset: the reserved and the do-not-fragment bit lie above both.
    is_fragment = (fragment[:, 0] & 0x3F != 0) | (fragment[:, 1] != 0)
    protocol = _bytes_at(prefix, start + 9, 1)[:, 0]
    has_ports = np.isin(protocol, (TCP, UDP)) & ~is_fragment & (valid_bytes >= header_end + 4)
    addresses, ports = _bytes_at(prefix, start + 12, 8), _bytes_at(prefix, header_end, 4)
    return _hash_flows(addresses, ports, is_ip, has_ports)


def _hash_ipv6(prefix: U8, valid_bytes: I64, start: I64) -> U32:
    header_end = start + 40
    is_ip = (_bytes_at(prefix, start, 1)[:, 0] >> 4 == 6) & (valid_bytes >= header_end)
    next_header = _bytes_at(prefix, start + 6, 1)[:, 0]
    has_ports = np.isin(next_header, (TCP, UDP)) & (valid_bytes >= header_end + 4)
    addresses, ports = _bytes_at(prefix, start + 8, 32), _bytes_at(prefix, header_end, 4)
    return _hash_flows(addresses, ports, is_ip, has_ports)


def _hash_flows(addresses: U8, ports: U8, is_ip: Bools, has_ports: Bools) -> U32:
    hashes = np.zeros(len(addresses), np.uint32)
    with_ports = np.flatnonzero(is_ip & has_ports)
    alone = np.flatnonzero(is_ip & ~has_ports)
    hashes[with_ports] = toeplitz_hash(np.hstack([addresses[with_ports], ports[with_ports]]))
    hashes[alone] = toeplitz_hash(addresses[alone])
    return hashes


def _bytes_at(prefix: U8, start: I64, n_bytes: int) -> U8:
    columns = np.minimum(start[:, None] + np.arange(n_bytes), prefix.shape[1] - 1)
    return np.take_along_axis(prefix, columns, axis=1)
