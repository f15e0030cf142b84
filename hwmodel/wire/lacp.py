"""Frames of LACP: LACPDUs, by which both ends of each leg of a bond tell each other what they are and see.

IEEE Std 802.1AX-2008, 5.4.2. What is encoded here is the part of a frame behind its EtherType, 110 B. Decoding raises
ValueError for bytes that are none of this.
"""

from __future__ import annotations

import struct
from enum import IntFlag
from typing import NamedTuple

from hwmodel.wire.ethernet import format_mac, mac_to_bytes

SLOW_PROTOCOLS_MAC = 0x0180_C200_0002
LACPDU_BYTES = 110
_SUBTYPE, _VERSION = 1, 1
_ACTOR, _PARTNER, _COLLECTOR = 1, 2, 3  # types of TLVs; 0 ends them
_END = struct.Struct(">BBH6sHHHB3x")
_COLLECTOR_TLV = bytes([_COLLECTOR, 16]) + bytes(14)  # most delay 0


class LacpState(IntFlag):
    """Say of an end, bit by bit, what it is and does."""

    ACTIVE = 1  # it sends whether or not the other end does
    SHORT_TIMEOUT = 2  # it gives the other end up after 3 s, and so wants to hear of it each second
    AGGREGATION = 4
    SYNCHRONIZATION = 8  # it has the leg in its bond
    COLLECTING = 16
    DISTRIBUTING = 32
    DEFAULTED = 64  # it has heard of nobody
    EXPIRED = 128  # it has not heard of the other end for too long


class LacpEndInfo(NamedTuple):
    """Hold what is said of an end: its system, the key of ports that may be joined, the port, and its state."""

    system_priority: int = 0
    system: int = 0
    key: int = 0
    port_priority: int = 0
    port: int = 0
    state: LacpState = LacpState(0)

    def to_bytes(self, kind: int) -> bytes:
        """Return its TLV, 20 B."""
        system = mac_to_bytes(self.system)
        return _END.pack(
            kind, _END.size, self.system_priority, system, self.key, self.port_priority, self.port, self.state
        )

    @classmethod
    def of(cls, data: bytes, kind: int) -> LacpEndInfo:
        """Decode its TLV."""
        found, n_bytes, priority, system, key, port_priority, port, state = _END.unpack(data)
        if (found, n_bytes) != (kind, _END.size):
            raise ValueError(f"{data[:2].hex()} is not the head of an end's TLV")
        number = int.from_bytes(system, "big")
        return cls(priority, number, key, port_priority, port, LacpState(state))

    @property
    def identity(self) -> tuple[int, ...]:
        """Return all but its state."""
        return self[:5]


class Lacpdu(NamedTuple):
    """Hold what a LACPDU says: of its sender, and of the other end as that knows it."""

    actor: LacpEndInfo
    partner: LacpEndInfo

    def to_bytes(self) -> bytes:
        """Return its bytes."""
        ends = self.actor.to_bytes(_ACTOR) + self.partner.to_bytes(_PARTNER)
        return (bytes([_SUBTYPE, _VERSION]) + ends + _COLLECTOR_TLV).ljust(LACPDU_BYTES, b"\0")

    @classmethod
    def of(cls, data: bytes) -> Lacpdu:
        """Decode it; what stands behind both ends is not looked at."""
        if len(data) < LACPDU_BYTES or data[0] != _SUBTYPE:
            raise ValueError(f"{len(data)} bytes, {data[:2].hex()} first, are no LACPDU")
        return cls(LacpEndInfo.of(data[2:22], _ACTOR), LacpEndInfo.of(data[22:42], _PARTNER))


_STATES = {
    LacpState.SYNCHRONIZATION: "in sync", LacpState.DISTRIBUTING: "used", LacpState.DEFAULTED: "knows nobody",
    LacpState.EXPIRED: "hears nobody",
}  # fmt: skip


def lacp_words(data: bytes) -> str:
    """Say what a LACPDU says."""
    pdu = Lacpdu.of(data)
    said = [words for bit, words in _STATES.items() if pdu.actor.state & bit]
    rate = "fast" if pdu.actor.state & LacpState.SHORT_TIMEOUT else "slow"
    partner = format_mac(pdu.partner.system) if pdu.partner.system else "nobody"
    return ", ".join([f"LACP of port {pdu.actor.port} to {partner}: {rate}", *said])
