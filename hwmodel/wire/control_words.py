"""What a frame of control says, in a few words: whatever its EtherType has words for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hwmodel.rules.ethernet import LACP_TYPE
from hwmodel.rules.packets import TYPE_ARP, TYPE_IPV6
from hwmodel.wire.announcements import RARP_TYPE, advertisement_words, arp_words
from hwmodel.wire.edge_control import ECP_TYPE, LLDP_TYPE, ecp_words, lldp_words
from hwmodel.wire.lacp import lacp_words

_WORDS: Mapping[int, Callable[[bytes], str]] = {
    LLDP_TYPE: lldp_words,
    ECP_TYPE: ecp_words,
    RARP_TYPE: arp_words,
    TYPE_ARP: arp_words,
    TYPE_IPV6: advertisement_words,
    LACP_TYPE: lacp_words,
}


def told(ethertype: int, data: bytes) -> str:
    """Say what a frame says, by what follows its EtherType; ValueError for what cannot be read."""
    if ethertype not in _WORDS:
        raise ValueError(f"no frames of type 0x{ethertype:04x} are read")
    return _WORDS[ethertype](data)
