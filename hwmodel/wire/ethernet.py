"""Ethernet addresses, type numbers and lengths of headers: their one home in the Python code."""

from __future__ import annotations

from enum import IntEnum

from hwmodel.rules import switch_modes
from hwmodel.rules.ethernet import MIN_FRAME_BYTES, WIRE_OVERHEAD_BYTES
from hwmodel.rules.packets import TYPE_ARP, TYPE_IPV4, TYPE_IPV6

ADDRESS_BYTES = 6
# Destination, source and type of an untagged frame.
UNTAGGED_HEADER_BYTES = 14


class EtherType(IntEnum):
    """Number the types that the model gives a meaning to (IEEE registration authority); tags have theirs in `rules`."""

    IPV4 = TYPE_IPV4
    ARP = TYPE_ARP
    C_TAG = switch_modes.C_TAG.ethertype
    IPV6 = TYPE_IPV6
    S_TAG = switch_modes.S_TAG.ethertype
    LOCAL_EXPERIMENT_1 = 0x88B5
    VN_TAG = switch_modes.VN_TAG.ethertype
    E_TAG = switch_modes.E_TAG.ethertype


BROADCAST_MAC = 0xFFFF_FFFF_FFFF
# The address of stations beyond the uplink: locally administered, and in no table.
OUTSIDE_MAC = 0x02FF_0000_0001
# Locally administered group that frames go to where no port names one of its own.
GROUP_MAC = 0x0300_0000_0001


def format_mac(mac: int) -> str:
    """Write a 48-bit address as six pairs of lower-case digits joined by colons; ValueError outside 48 bits."""
    return mac_to_bytes(mac).hex(":")


def mac_to_bytes(mac: int) -> bytes:
    """Give the six bytes of an address in the order of the wire; ValueError outside 48 bits."""
    if not 0 <= mac <= BROADCAST_MAC:
        raise ValueError(f"{mac} does not fit into the 48 bits of a MAC address")
    return mac.to_bytes(ADDRESS_BYTES, "big")


def is_group_mac(mac: int) -> bool:
    """Tell whether an address names a group (broadcast is one), by the lowest bit of its first byte."""
    return bool(mac >> 40 & 1)


def wire_bytes(frame_bytes: int) -> int:
    """Count the byte times that a frame takes on the wire: padding to 64 B, preamble and gap included.

    `frame_bytes` counts the frame check sequence.
    """
    return max(frame_bytes, MIN_FRAME_BYTES) + WIRE_OVERHEAD_BYTES


def counting_payload(n_bytes: int) -> bytes:
    """Give `n_bytes` bytes that count 0, 1, ... 255, 0, ...: the payload of made-up frames."""
    return (bytes(range(256)) * (n_bytes // 256 + 1))[:n_bytes]
