"""Datagrams that tell a collector of sampled frames: sFlow version 5, and IPFIX with packet reports of PSAMP.

Formats: sFlow.org, "sFlow Version 5" (2004): flow samples with a raw packet header and switch data, counter samples
with generic interface counters; RFC 7011 (IPFIX), RFC 5476 and 5477 (PSAMP), RFC 7133 (frame sections). Decoding raises
ValueError for bytes that are none of this. Times are of the run, from its first instant.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import FS_PER_MS, FS_PER_S

SFLOW_PORT, IPFIX_PORT = 6343, 4739  # IANA
EXPORTER_PORT = 49152  # the first of those that nobody has (IANA)
MOST_DATAGRAM_BYTES = 1400  # sFlow version 5: the most by default
UNKNOWN_COUNTER = 0xFFFFFFFF
NOBODY_KNOWS = 0  # as the output interface: a sample is taken as a frame comes in

_SFLOW_VERSION, _IPV4, _ETHERNET, _CSMACD, _FULL_DUPLEX, _IS_UP = 5, 1, 1, 6, 1, 3
_FLOW_SAMPLE, _COUNTER_SAMPLE, _RAW_HEADER, _SWITCH, _GENERIC = 1, 2, 1, 1001, 1
_IPFIX_VERSION, _TEMPLATE_SET, _OPTIONS_SET = 10, 2, 3
REPORTS, SELECTORS = 256, 257  # of data sets: packet reports, and how they are selected
_VARIES = 0xFFFF
# Information elements (IANA, RFC 5477 and 7133), each with its length here.
_REPORT_FIELDS = ((323, 8), (10, 4), (58, 2), (312, 2), (315, _VARIES))
_SELECTOR_FIELDS = ((302, 4), (304, 2), (311, 8))
_UNIFORM = 4  # selector algorithm: uniform probabilistic sampling (RFC 5477)


class Sample(NamedTuple):
    """Hold a sampled frame: when and by which interface it came, in which VLAN with which priority, and its head.

    `pool`: frames that had come there by then, itself among them. `frame_bytes` counts the FCS.
    """

    at_fs: int
    interface: int
    vlan: int
    priority: int
    pool: int
    frame_bytes: int
    head: bytes


class Counters(NamedTuple):
    """Hold what an interface has counted since the start."""

    interface: int
    rate_bps: int
    in_bytes: int
    in_frames: int
    in_drops: int
    out_bytes: int
    out_frames: int
    out_drops: int


class Told(NamedTuple):
    """Hold what a datagram tells of one sampled frame; `one_in`: of frames, one is sampled."""

    number: int
    one_in: float
    pool: int
    frame_bytes: int
    head: bytes


# ---- sFlow ----


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", kind, len(body)) + body


def flow_sample(sample: Sample, number: int, one_in: int) -> bytes:
    """Return a flow sample of sFlow; its number counts those of the interface, from 1 on."""
    padded = sample.head + bytes(-len(sample.head) % 4)
    raw = struct.pack(">IIII", _ETHERNET, sample.frame_bytes, FCS_BYTES, len(sample.head)) + padded
    switch = struct.pack(">IIII", sample.vlan, sample.priority, sample.vlan, sample.priority)
    head = struct.pack(
        ">IIIIIIII", number & 0xFFFFFFFF, sample.interface, one_in, sample.pool & 0xFFFFFFFF, 0, sample.interface,
        NOBODY_KNOWS, 2,
    )  # fmt: skip
    return _record(_FLOW_SAMPLE, head + _record(_SWITCH, switch) + _record(_RAW_HEADER, raw))


def counter_sample(counters: Counters, number: int) -> bytes:
    """Return a counter sample of sFlow; groups are not told from other frames, which count as unicast."""
    of_frames = struct.pack(
        ">QIIIIII", counters.in_bytes, counters.in_frames & 0xFFFFFFFF, UNKNOWN_COUNTER, UNKNOWN_COUNTER,
        counters.in_drops & 0xFFFFFFFF, 0, UNKNOWN_COUNTER,
    )  # fmt: skip
    of_sent = struct.pack(
        ">QIIIII", counters.out_bytes, counters.out_frames & 0xFFFFFFFF, UNKNOWN_COUNTER, UNKNOWN_COUNTER,
        counters.out_drops & 0xFFFFFFFF, 0,
    )  # fmt: skip
    about = struct.pack(">IIQII", counters.interface, _CSMACD, counters.rate_bps, _FULL_DUPLEX, _IS_UP)
    body = about + of_frames + of_sent + struct.pack(">I", 0)
    head = struct.pack(">III", number & 0xFFFFFFFF, counters.interface, 1)
    return _record(_COUNTER_SAMPLE, head + _record(_GENERIC, body))


def sflow_datagram(agent: IPv4Address, number: int, at_fs: int, samples: Sequence[bytes]) -> bytes:
    """Return a datagram of sFlow with some samples; its number counts the agent's, from 1 on."""
    uptime_ms = at_fs // FS_PER_MS & 0xFFFFFFFF
    head = struct.pack(">II", _SFLOW_VERSION, _IPV4) + agent.packed
    return head + struct.pack(">IIII", 0, number & 0xFFFFFFFF, uptime_ms, len(samples)) + b"".join(samples)


def told_by_sflow(data: bytes) -> Iterator[Told]:
    """Yield the flow samples of a datagram of sFlow."""
    try:
        version, kind, n_samples = *struct.unpack_from(">II", data), struct.unpack_from(">I", data, 24)[0]
        if (version, kind) != (_SFLOW_VERSION, _IPV4):
            raise ValueError("no datagram of sFlow version 5 from an agent with IPv4")
        at = 28
        for _ in range(n_samples):
            kind, length = struct.unpack_from(">II", data, at)
            at += 8
            if kind == _FLOW_SAMPLE:
                number, _, one_in, pool = struct.unpack_from(">IIII", data, at)
                for record, body in _records(data[at + 28 : at + length]):
                    if record == _RAW_HEADER:
                        _, frame_bytes, _, head_bytes = struct.unpack_from(">IIII", body)
                        yield Told(number, one_in, pool, frame_bytes, body[16 : 16 + head_bytes])
            at += length
    except struct.error as error:
        raise ValueError(f"a datagram of sFlow that ends early: {error}") from None


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a sample, whose number stands first: their kinds and bodies."""
    (n_records,), at = struct.unpack_from(">I", data), 4
    for _ in range(n_records):
        kind, length = struct.unpack_from(">II", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length


# ---- IPFIX ----


def _set(number: int, body: bytes) -> bytes:
    return struct.pack(">HH", number, 4 + len(body)) + body


def _template(number: int, fields: Sequence[tuple[int, int]], n_scopes: int = 0) -> bytes:
    scopes = struct.pack(">H", n_scopes) if n_scopes else b""
    return struct.pack(">HH", number, len(fields)) + scopes + b"".join(struct.pack(">HH", *field) for field in fields)


def packet_report(sample: Sample) -> bytes:
    """Return a packet report: when, by which interface, in which VLAN a frame came, its length, its head."""
    length = len(sample.head)
    n_bytes = bytes([length]) if length < 255 else b"\xff" + length.to_bytes(2, "big")
    at_ms = sample.at_fs // FS_PER_MS
    return struct.pack(">QIHH", at_ms, sample.interface, sample.vlan, sample.frame_bytes) + n_bytes + sample.head


def ipfix_message(domain: int, n_before: int, at_fs: int, one_in: int, reports: Sequence[bytes]) -> bytes:
    """Return a message with templates, how frames are selected, and packet reports.

    `n_before`: records that were sent before; each message has one more than reports.
    """
    body = _set(_TEMPLATE_SET, _template(REPORTS, _REPORT_FIELDS))
    body += _set(_OPTIONS_SET, _template(SELECTORS, _SELECTOR_FIELDS, n_scopes=1))
    body += _set(SELECTORS, struct.pack(">IHd", 1, _UNIFORM, 1 / one_in))
    body += _set(REPORTS, b"".join(reports))
    head = struct.pack(">HHIII", _IPFIX_VERSION, 16 + len(body), at_fs // FS_PER_S, n_before & 0xFFFFFFFF, domain)
    return head + body


def told_by_ipfix(data: bytes) -> Iterator[Told]:
    """Yield the packet reports of a message that `ipfix_message` could have written."""
    try:
        version, length, _, first = struct.unpack_from(">HHII", data)
        if version != _IPFIX_VERSION or length != len(data):
            raise ValueError("no whole message of IPFIX")
        at, one_in, number = 16, 0.0, first + 2  # behind the record of how they are selected
        while at < len(data):
            kind, length = struct.unpack_from(">HH", data, at)
            inner, end = at + 4, at + length
            if kind == SELECTORS:
                one_in = 1 / struct.unpack_from(">IHd", data, inner)[2]
            while kind == REPORTS and inner < end:
                _, _, _, frame_bytes, n_bytes = struct.unpack_from(">QIHHB", data, inner)
                inner += 17
                if n_bytes == 255:
                    (n_bytes,) = struct.unpack_from(">H", data, inner)
                    inner += 2
                yield Told(number, one_in, 0, frame_bytes, data[inner : inner + n_bytes])
                number, inner = number + 1, inner + n_bytes
            at = end
    except struct.error as error:
        raise ValueError(f"a message of IPFIX that ends early: {error}") from None
