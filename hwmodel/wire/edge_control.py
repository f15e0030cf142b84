"""Frames by which a server tells the bridge beside it of its VMs: LLDP with an EVB TLV, ECP, VDP.

Formats are those of IEEE 802.1AB (LLDP) and of 802.1Q, clauses 40 to 43 and annex D (EVB TLV, VDP, ECP), as lldpad 1.1
sends them in both roles (tests/vectors/lldpad_vdp.txt). What is encoded here is the part of a frame behind its
EtherType. Decoding raises ValueError for bytes that are none of this.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from hwmodel.wire.ethernet import ADDRESS_BYTES, mac_to_bytes

LLDP_TYPE, ECP_TYPE = 0x88CC, 0x8940
NEAREST_CUSTOMER_BRIDGE = 0x0180_C200_0000
# Shortest frame without FCS: what is shorter is padded by whoever sends it, ECP's acknowledgements by the wire alone.
SHORTEST_BYTES = 60

_OUI, _EVB = bytes.fromhex("0080c2"), 0x0D
_END, _CHASSIS, _PORT, _TTL, _OWN_TLV = 0, 1, 2, 3, 127
_CHASSIS_MAC, _PORT_MAC = b"\4", b"\3"  # subtypes of what follows, an address
_VERSION, _VDP, _MANAGER = 1, 1, 5  # of ECP; its subtype; VDP's TLV
ACKNOWLEDGED, KEPT, HARD_ERROR, CODE_BITS = 0x40, 0x20, 0x10, 0x0F  # of a VSI's status
UUID_FORMAT = 5
# Of the EVB TLV's status: the bridge may turn frames round, and does; the station asks for it, and sees that it does.
RELAY_CAPABLE, RELAY_ON, RELAY_ASKED, RELAY_UNKNOWN, RELAY_SEEN = 2, 1, 4, 3, 1
STATION_ROLE, BRIDGE_ROLE = 2, 1


def _tlv(kind: int, body: bytes) -> bytes:
    """Return a TLV: 7 bits of type, 9 of length, the body."""
    return (kind << 9 | len(body)).to_bytes(2, "big") + body


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield types and bodies up to the end, or to a TLV of type 0."""
    while len(data) > 1:
        head = int.from_bytes(data[:2], "big")
        kind, end = head >> 9, 2 + (head & 0x1FF)
        if len(data) < end:
            raise ValueError(f"a TLV of type {kind} has {end} bytes, of which {len(data)} are there")
        if kind == _END:
            return
        yield kind, data[2:end]
        data = data[end:]


class EvbTlv(NamedTuple):
    """Hold what an end says of EVB: its status and the other's, exponents of times, how often it sends again.

    A time is 10 us * 2^exponent: `rte` of an acknowledgement, `rwd` of resources, `rka` of keep-alives. `is_rwd_taken`,
    `is_rka_taken`: the other end's, or one as large, holds.
    """

    role: int
    bridge: int = 0
    station: int = 0
    retries: int = 3
    rte: int = 8
    rwd: int = 20
    rka: int = 20
    is_rwd_taken: bool = False
    is_rka_taken: bool = False

    def to_bytes(self) -> bytes:
        """Return the TLV, 11 B."""
        fields = (
            _EVB, self.bridge, self.station, self.retries << 5 | self.rte,
            self.role << 6 | self.is_rwd_taken << 5 | self.rwd, self.is_rka_taken << 5 | self.rka,
        )  # fmt: skip
        return _tlv(_OWN_TLV, _OUI + bytes(fields))

    @classmethod
    def of_body(cls, body: bytes) -> EvbTlv | None:
        """Decode the body of a TLV of type 127; None where it is another organisation's, or of another kind."""
        if body[:4] != _OUI + bytes([_EVB]) or len(body) != 9:
            return None
        bridge, station, r, w, a = body[4:]
        return cls(w >> 6, bridge, station, r >> 5, r & 31, w & 31, a & 31, bool(w & 32), bool(a & 32))


def lldpdu(source: int, evb: EvbTlv, ttl_s: int = 120) -> bytes:
    """Return an LLDPDU of a port with an address, which names chassis and port by that, padded to a whole frame."""
    mac = mac_to_bytes(source)
    body = _tlv(_CHASSIS, _CHASSIS_MAC + mac) + _tlv(_PORT, _PORT_MAC + mac) + _tlv(_TTL, ttl_s.to_bytes(2, "big"))
    return (body + evb.to_bytes() + _tlv(_END, b"")).ljust(SHORTEST_BYTES - 14, b"\0")


def evb_of(data: bytes) -> EvbTlv | None:
    """Return the EVB TLV of an LLDPDU, None without one."""
    found = (EvbTlv.of_body(body) for kind, body in _tlvs(data) if kind == _OWN_TLV)
    return next((each for each in found if each is not None), None)


class Ecp(NamedTuple):
    """Hold a frame of ECP: a request with what it carries, or the acknowledgement of the one with its number."""

    sequence: int
    payload: bytes = b""
    is_acknowledgement: bool = False

    def to_bytes(self) -> bytes:
        """Return its bytes: 4 B, and the payload, which is padded to a whole frame where there is any."""
        word = _VERSION << 12 | self.is_acknowledgement << 10 | _VDP
        data = word.to_bytes(2, "big") + self.sequence.to_bytes(2, "big") + self.payload
        return data.ljust(SHORTEST_BYTES - 14, b"\0") if self.payload else data

    @classmethod
    def of(cls, data: bytes) -> Ecp:
        """Decode it; one that is not VDP's is refused."""
        word = int.from_bytes(data[:2], "big")
        if len(data) < 4 or word >> 12 != _VERSION or word & 0x3FF != _VDP or word >> 10 & 3 > 1:
            raise ValueError(f"{data[:4].hex()} is no head of ECP with VDP")
        is_acknowledgement = bool(word >> 10 & 1)
        return cls(int.from_bytes(data[2:4], "big"), b"" if is_acknowledgement else data[4:], is_acknowledgement)


class VsiMode(IntEnum):
    """Number what is asked for a VSI, a VM's port: the type of its TLV."""

    PRE_ASSOCIATE = 1
    RESERVE = 2  # pre-associate with resource reservation
    ASSOCIATE = 3
    DE_ASSOCIATE = 4


class Filter(NamedTuple):
    """Hold whose frames belong to a VSI: a VLAN and priority (4 bits), an address, a group's number.

    What is None is not in the TLV: there are four formats (1 VID; 2 MAC and VID; 3 group and VID; 4 all).
    """

    vid: int
    priority: int = 0
    mac: int | None = None
    group: int | None = None

    @property
    def format(self) -> int:
        """Return the number of its format."""
        return 1 + (self.mac is not None) + 2 * (self.group is not None)

    def to_bytes(self) -> bytes:
        """Return its bytes: group, address, VLAN, as far as they are there."""
        group = b"" if self.group is None else self.group.to_bytes(4, "big")
        mac = b"" if self.mac is None else mac_to_bytes(self.mac)
        return group + mac + (self.priority << 12 | self.vid).to_bytes(2, "big")

    @classmethod
    def of(cls, data: bytes, kind: int) -> Filter:
        """Decode one of a format."""
        n_group, n_mac = 4 * (kind > 2), ADDRESS_BYTES * (kind in (2, 4))
        group, mac = data[:n_group], data[n_group : n_group + n_mac]
        word = int.from_bytes(data[n_group + n_mac :], "big")
        numbers = (int.from_bytes(each, "big") if each else None for each in (mac, group))
        return cls(word & 0xFFF, word >> 12, *numbers)


FILTER_BYTES = {kind: len(Filter(0, 0, 0 if kind in (2, 4) else None, 0 if kind > 2 else None).to_bytes())
                for kind in range(1, 5)}  # fmt: skip
_HEAD = struct.Struct(">BI B16s BH")  # status, type and version, format of the id, id; format of filters, how many


class Vsi(NamedTuple):
    """Hold what VDP says of a VSI: what is asked or answered, who it is and by which type, and its filters.

    `manager`, `instance`: 16 B each. `type_id`: 24 bits, `version` 8. Filters are of one format.
    """

    mode: VsiMode
    manager: bytes
    type_id: int
    version: int
    instance: bytes
    filters: tuple[Filter, ...]
    status: int = 0
    id_format: int = UUID_FORMAT

    @property
    def key(self) -> tuple[object, ...]:
        """Return what says which VSI it is."""
        return self.manager, self.type_id, self.version, self.id_format, self.instance, self.filters[0].format

    def to_bytes(self) -> bytes:
        """Return the manager's TLV and the VSI's."""
        head = _HEAD.pack(
            self.status, self.type_id << 8 | self.version, self.id_format, self.instance,
            self.filters[0].format, len(self.filters),
        )  # fmt: skip
        body = head + b"".join(each.to_bytes() for each in self.filters)
        return _tlv(_MANAGER, self.manager) + _tlv(self.mode, body)


def vsis_of(data: bytes) -> list[Vsi]:
    """Return the VSIs of an ECP request; the manager's TLV comes first."""
    manager, found = b"", []
    for kind, body in _tlvs(data):
        if kind == _MANAGER and not manager and len(body) == 16:
            manager = body
        elif kind in tuple(VsiMode) and manager:
            found.append(_vsi_of(VsiMode(kind), manager, body))
        else:
            raise ValueError(f"a TLV of type {kind} with {len(body)} bytes is not one of VDP's, or not in its order")
    return found


def _vsi_of(mode: VsiMode, manager: bytes, body: bytes) -> Vsi:
    try:
        status, word, id_format, instance, kind, n = _HEAD.unpack(body[: _HEAD.size])
    except struct.error:
        raise ValueError(f"a VSI of {len(body)} bytes ends before its filters") from None
    each_bytes, behind = FILTER_BYTES.get(kind, 0), body[_HEAD.size :]
    if not n or not each_bytes or len(behind) != n * each_bytes:
        raise ValueError(f"{len(behind)} bytes are not {n} filters of format {kind}")
    filters = tuple(Filter.of(behind[at : at + each_bytes], kind) for at in range(0, len(behind), each_bytes))
    return Vsi(mode, manager, word >> 8, word & 0xFF, instance, filters, status, id_format)


_MODES = {
    VsiMode.PRE_ASSOCIATE: "pre-associate",
    VsiMode.RESERVE: "pre-associate with reservation",
    VsiMode.ASSOCIATE: "associate",
    VsiMode.DE_ASSOCIATE: "de-associate",
}
CODES = ("granted", "invalid format", "insufficient resources", "no contact to the manager", "other error",
         "invalid VLAN, address or group")  # fmt: skip


def status_words(status: int) -> str:
    """Say what a bridge answers."""
    code = status & CODE_BITS
    words = CODES[code] if code < len(CODES) else f"code {code}"
    return words + ", kept as it was" * bool(status & KEPT) + ", for good" * bool(status & HARD_ERROR)


def lldp_words(data: bytes) -> str:
    """Say what an LLDPDU says of EVB."""
    evb = evb_of(data)
    if evb is None:
        return "LLDP"
    return f"LLDP, EVB: RTE {evb.rte}, RWD {evb.rwd}, RKA {evb.rka}, {evb.retries} retries"


def ecp_words(data: bytes) -> str:
    """Say what a frame of ECP says, with its VSIs."""
    ecp = Ecp.of(data)
    if ecp.is_acknowledgement:
        return f"ECP acknowledges {ecp.sequence}"
    return f"ECP {ecp.sequence}: " + "; ".join(map(_vsi_words, vsis_of(ecp.payload)))


def _vsi_words(vsi: Vsi) -> str:
    vlans: Sequence[int] = sorted({each.vid for each in vsi.filters})
    words = f"{_MODES[vsi.mode]}, VLAN {', '.join(map(str, vlans))}"
    return f"{words}: {status_words(vsi.status)}" if vsi.status & ACKNOWLEDGED else words
