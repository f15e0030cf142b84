"""What captured frames say behind their type, as far as a switch asks, and nothing that differs frame by frame.

The bytes are those of a header of ARP or IP: addresses, protocol, ports, the type of ICMP and the target of neighbour
discovery. All other fields are zero, options are left out, and one extension header of IPv6 stands for all of them; so
frames that a switch and its filters cannot tell apart have the same. `forwarding.packet` reads from them what it would
from the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwmodel.rules.packets import (
    ARP_BYTES,
    AUTHENTICATION,
    ETHERNET_ARP,
    EXTENSION_BYTES,
    EXTENSIONS,
    FRAGMENT,
    ICMP,
    ICMPV6,
    IPV4_BYTES,
    IPV6_BYTES,
    OPTIONS,
    PORT_BYTES,
    TARGET_AT,
    TARGET_END,
    WITH_PORTS,
    WITH_TARGET,
)
from hwmodel.wire.ethernet import EtherType

MOST_PACKET_BYTES = IPV6_BYTES + EXTENSION_BYTES + TARGET_END
_ETHERNET_ARP = np.frombuffer(ETHERNET_ARP.to_bytes(6, "big"), np.uint8)
_MORE_FRAGMENTS = 0x20  # in octet 6 of IPv4

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Packets:
    """Hold of n frames the bytes, uint8 (n, 72), how many there are of each, and whether the frame ends too early."""

    octets: U8
    n_bytes: I64
    is_short: Bools


def packets_of(data: bytes, at: I64, end: I64, ethertype: I64) -> Packets:
    """Read n frames that lie in `data`: behind the type `ethertype` from `at` on, up to `end`."""
    reader = _Reader(data, at, end)
    reader.read_arp(np.flatnonzero(ethertype == EtherType.ARP))
    reader.read_ipv4(np.flatnonzero(ethertype == EtherType.IPV4))
    reader.read_ipv6(np.flatnonzero(ethertype == EtherType.IPV6))
    return Packets(reader.found, reader.n_bytes, reader.is_short)


class _Reader:
    """Read rows of frames, kind by kind."""

    def __init__(self, data: bytes, at: I64, end: I64) -> None:
        self._octets = np.frombuffer(data + bytes(1), np.uint8)
        self._at, self._end = at, end
        self.found = np.zeros((len(at), MOST_PACKET_BYTES), np.uint8)
        self.n_bytes = np.zeros(len(at), np.int64)
        self.is_short = np.zeros(len(at), np.bool_)

    def _take(self, at: I64, n_bytes: int) -> U8:
        places = np.minimum(at[:, None] + np.arange(n_bytes), len(self._octets) - 1)
        taken: U8 = self._octets[places]
        return taken

    def _with_room(self, rows: I64, n_bytes: int) -> I64:
        """Return the rows of frames that have so many bytes behind their type; the others are short."""
        has_room = self._end[rows] >= self._at[rows] + n_bytes
        self.is_short[rows] = ~has_room
        kept: I64 = rows[has_room]
        return kept

    def read_arp(self, rows: I64) -> None:
        """Read bodies of ARP for Ethernet and IPv4; of any other nothing is said."""
        rows = self._with_room(rows, ARP_BYTES)
        body = self._take(self._at[rows], ARP_BYTES)
        is_known = (body[:, :6] == _ETHERNET_ARP).all(axis=1)
        rows, body = rows[is_known], body[is_known]
        body[:, 18:24] = 0  # whom a request is for is what it asks
        self.found[rows, :ARP_BYTES] = body
        self.n_bytes[rows] = ARP_BYTES

    def read_ipv4(self, rows: I64) -> None:
        """Read headers of IPv4, and what follows them where it is no later fragment."""
        rows = self._with_room(rows, IPV4_BYTES)
        ip = self._take(self._at[rows], IPV4_BYTES)
        header_bytes = 4 * (ip[:, 0].astype(np.int64) & 0xF)
        is_ip = (ip[:, 0] >> 4 == 4) & (header_bytes >= IPV4_BYTES)
        rows, ip, header_bytes = rows[is_ip], ip[is_ip], header_bytes[is_ip]
        is_later = (ip[:, 6] & 0x1F != 0) | (ip[:, 7] != 0)
        self.found[rows, 0] = 0x45
        self.found[rows, 6] = np.where(is_later, 0, ip[:, 6] & _MORE_FRAGMENTS)
        self.found[rows, 7] = is_later
        self.found[rows, 9] = ip[:, 9]
        self.found[rows, 12:IPV4_BYTES] = ip[:, 12:]
        self.n_bytes[rows] = IPV4_BYTES
        rows, header_bytes = rows[~is_later], header_bytes[~is_later]
        self._read_upper(rows, ip[~is_later, 9].astype(np.int64), self._at[rows] + header_bytes, ICMP)

    def read_ipv6(self, rows: I64) -> None:
        """Read headers of IPv6, and what follows them and their extension headers."""
        rows = self._with_room(rows, IPV6_BYTES)
        ip = self._take(self._at[rows], IPV6_BYTES)
        is_ip = ip[:, 0] >> 4 == 6
        rows, ip = rows[is_ip], ip[is_ip]
        self.found[rows, 0], self.found[rows, 6] = 0x60, ip[:, 6]
        self.found[rows, 8:IPV6_BYTES] = ip[:, 8:]
        self.n_bytes[rows] = IPV6_BYTES
        kind, here = ip[:, 6].astype(np.int64), self._at[rows] + IPV6_BYTES
        while True:
            extended = np.isin(kind, EXTENSIONS)
            self._read_upper(rows[~extended], kind[~extended], here[~extended], ICMPV6)
            rows, kind, here = rows[extended], kind[extended], here[extended]
            if not len(rows):
                return
            rows, kind, here = self._read_extensions(rows, kind, here)

    def _read_extensions(self, rows: I64, kind: I64, here: I64) -> tuple[I64, I64, I64]:
        """Read an extension header of each row; return the rows that go on behind it, with what comes there."""
        is_whole = self._end[rows] >= here + EXTENSION_BYTES
        cut = rows[~is_whole]
        self.is_short[cut], self.n_bytes[cut], self.found[cut, 6] = True, IPV6_BYTES, OPTIONS
        self.found[cut, IPV6_BYTES:] = 0
        rows, kind, here = rows[is_whole], kind[is_whole], here[is_whole]
        header = self._take(here, EXTENSION_BYTES).astype(np.int64)
        following, is_fragment = header[:, 0], kind == FRAGMENT
        is_later = is_fragment & ((header[:, 2] != 0) | (header[:, 3] >> 3 != 0))
        is_first = is_fragment & ~is_later & (header[:, 3] & 1 != 0)
        is_known = is_later & ~np.isin(following, EXTENSIONS)
        # One header stands for all: the fragment's, if the packet is one, or else some options.
        was_fragment = self.found[rows, IPV6_BYTES + 3] != 0
        self.found[rows, 6] = np.where(is_first | is_later | was_fragment, FRAGMENT, OPTIONS)
        self.found[rows[is_first], IPV6_BYTES + 3] = 1
        self.found[rows[is_later], IPV6_BYTES + 3] = 8
        self.found[rows, IPV6_BYTES] = np.where(is_later & ~is_known, OPTIONS, following)
        self.n_bytes[rows] = IPV6_BYTES + EXTENSION_BYTES
        units = np.where(kind == AUTHENTICATION, 4 * (header[:, 1] + 2), 8 * (header[:, 1] + 1))
        here = here + np.where(is_fragment, EXTENSION_BYTES, units)
        return rows[~is_later], following[~is_later], here[~is_later]

    def _read_upper(self, rows: I64, protocol: I64, here: I64, icmp: int) -> None:
        """Read ports, or the type of ICMP and its target, behind what has been read of each row."""
        has_ports = np.isin(protocol, WITH_PORTS)
        self._copy(rows[has_ports], here[has_ports], 0, PORT_BYTES, PORT_BYTES)
        is_icmp = protocol == icmp
        rows, here = rows[is_icmp], here[is_icmp]
        types = self._take(here, 1)[:, 0]
        self._copy(rows, here, 0, 1, PORT_BYTES)
        if icmp == ICMPV6:
            has_target = np.isin(types, WITH_TARGET) & ~self.is_short[rows]
            rows, here = rows[has_target], here[has_target]
            self.n_bytes[rows] -= PORT_BYTES
            self._copy(rows, here, TARGET_AT, TARGET_END, TARGET_END)
            self.n_bytes[rows[self.is_short[rows]]] += PORT_BYTES

    def _copy(self, rows: I64, here: I64, first: int, last: int, room: int) -> None:
        """Copy octets of what stands at `here` behind each row's own, where it takes `room`, if they are there."""
        is_there = self._end[rows] >= here + last
        self.is_short[rows[~is_there]] = True
        rows, here = rows[is_there], here[is_there]
        places = self.n_bytes[rows][:, None] + np.arange(first, last)
        self.found[rows[:, None], places] = self._take(here + first, last - first)
        self.n_bytes[rows] += room
