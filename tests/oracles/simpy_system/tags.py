"""Frames as the bridge reads and writes them: formats of IEEE 802.1Q and 802.1BR, and the VN-Tag."""

from __future__ import annotations

from dataclasses import dataclass

C_TAG, S_TAG, VN_TAG, E_TAG = 0x8100, 0x88A8, 0x8926, 0x893F
VALUE_BYTES = {S_TAG: 2, VN_TAG: 4, E_TAG: 6}
OUTER_TYPE = {"multichannel": S_TAG, "vn_tag": VN_TAG, "e_tag": E_TAG}


class DroppedError(Exception):
    """End a frame's way through the bridge, for the reason that it names."""


@dataclass(frozen=True)
class Header:
    """A frame taken apart: addresses, the value of its outer tag, its C-TAG's VID, its priority, the rest."""

    raw: bytes
    outer: int | None
    vid: int
    priority: int
    dei: int
    rest: bytes
    """From the type behind the tags on."""

    @property
    def destination(self) -> int:
        """Return the destination address."""
        return int.from_bytes(self.raw[:6], "big")

    @property
    def source(self) -> int:
        """Return the source address."""
        return int.from_bytes(self.raw[6:12], "big")

    @property
    def ethertype(self) -> int:
        """Return the type behind the tags."""
        return int.from_bytes(self.rest[:2], "big")

    @property
    def is_group(self) -> bool:
        """Tell whether it is for a group."""
        return bool(self.raw[0] & 1)

    @property
    def is_reserved(self) -> bool:
        """Tell whether its destination is one of 01:80:C2:00:00:00 to 0F."""
        return self.destination >> 4 == 0x0180C200000


def parse(raw: bytes, outer_type: int | None) -> Header:
    """Take a frame apart; an outer tag is looked for only where it may stand."""
    at, outer, tci = 12, None, 0
    if outer_type is not None and raw[12:14] == outer_type.to_bytes(2, "big"):
        at += 2 + VALUE_BYTES[outer_type]
        outer = int.from_bytes(raw[14:at], "big")
        if outer_type != VN_TAG:
            tci = outer >> 8 * (VALUE_BYTES[outer_type] - 2)
    vid = 0
    if raw[at : at + 2] == C_TAG.to_bytes(2, "big"):
        tci = int.from_bytes(raw[at + 2 : at + 4], "big")
        vid = tci & 0xFFF
        at += 4
    return Header(raw, outer, vid, tci >> 13, tci >> 12 & 1, raw[at:])


def tci_tag(ethertype: int, vid: int, priority: int, dei: int) -> bytes:
    """Return a C-TAG or an S-TAG."""
    return ethertype.to_bytes(2, "big") + (priority << 13 | dei << 12 | vid).to_bytes(2, "big")


def vn_tag_down(dvif: int, is_list: bool, looped_svif: int | None) -> bytes:
    """Return a VN-Tag towards an adapter; `looped_svif`: the sender's VIF if it is behind the same port."""
    looped = looped_svif is not None
    word = 1 << 31 | is_list << 30 | dvif << 16 | looped << 15 | (looped_svif or 0)
    return VN_TAG.to_bytes(2, "big") + word.to_bytes(4, "big")


def e_tag_down(ecid: int, group: int, ingress: int, priority: int, dei: int) -> bytes:
    """Return an E-TAG towards an adapter; `ingress`: the sender's E-CID if it is behind the same port, else 0."""
    first = priority << 13 | dei << 12 | ingress & 0xFFF
    second = group << 12 | ecid & 0xFFF
    value = first << 32 | second << 16 | ingress >> 12 << 8 | ecid >> 12
    return E_TAG.to_bytes(2, "big") + value.to_bytes(6, "big")
