"""Control frames of flow control, and the room that a receiver needs above the mark at which it stops its sender.

PAUSE: IEEE Std 802.3, annex 31B; priority flow control: IEEE Std 802.1Qbb. The formula is that of Linux' ixgbe
(ixgbe_type.h, IXGBE_DV, IXGBE_DV_X540 and IXGBE_LOW_DV, after 802.1Qbb, annex O; ixgbe_main.c, ixgbe_hpbthresh).
"""

from __future__ import annotations

from hwmodel.rules.ethernet import FCS_BYTES, MIN_UNPADDED_BYTES, WIRE_OVERHEAD_BYTES
from hwmodel.units import BITS_PER_BYTE

MAC_CONTROL_TYPE = 0x8808
CONTROL_ADDRESS = 0x0180C2000001
PAUSE_OPCODE, PFC_OPCODE = 0x0001, 0x0101
CONTROL_BYTES = MIN_UNPADDED_BYTES  # all have the least length
MOST_QUANTA = 0xFFFF
QUANTUM_BYTES = 64  # 512 bit times
PRIORITIES = 8

CONTROL_BITS = 672  # a control frame with preamble and gap
CABLE_BITS = 5556  # one way, 100 m
MAC_BITS, HIGHER_LAYER_BITS = 4096, 6144
XAUI_BITS, PHY_BITS = 2048, 12800
XAUI_BITS_X540, PHY_BITS_X540 = 8192, 25600
BITS_A_KILOBYTE = 8192
SLACK = (36, 25)  # the factor by which the formula exceeds the delays


def interface_bits(device: str | None) -> int:
    """Return the bit times that a frame takes through the MAC and the PHY of one end."""
    if device == "X540":
        return MAC_BITS + XAUI_BITS_X540 + PHY_BITS_X540
    return MAC_BITS + XAUI_BITS + PHY_BITS


def response_bits(device: str | None) -> int:
    """Return the bit times of cable, interfaces and layers above: what the formula has beside frames."""
    return 2 * CABLE_BITS + 2 * interface_bits(device) + HIGHER_LAYER_BITS


def headroom_bits(device: str | None, longest_on_link: int, longest_of_class: int) -> int:
    """Return the driver's delay value in bits; lengths are bytes with FCS."""
    numerator, denominator = SLACK
    delays = BITS_PER_BYTE * longest_on_link + CONTROL_BITS + response_bits(device)
    return numerator * delays // denominator + 1 + 2 * BITS_PER_BYTE * longest_of_class


def kilobytes(bits: int) -> int:
    """Return so many bits in kilobytes of 1024 B, rounded up."""
    return (bits + BITS_A_KILOBYTE - 1) // BITS_A_KILOBYTE


def headroom_bytes(device: str | None, longest_on_link: int, longest_of_class: int, *, has_vfs: bool) -> int:
    """Return the room above the high mark; with VFs one frame more, of what they send to each other."""
    bits = headroom_bits(device, longest_on_link, longest_of_class)
    return 1024 * kilobytes(bits + (BITS_PER_BYTE * longest_of_class if has_vfs else 0))


def low_mark_bytes(longest_of_class: int) -> int:
    """Return the level at which the driver lets its sender go on."""
    numerator, denominator = SLACK
    return 1024 * kilobytes(2 * (2 * BITS_PER_BYTE * longest_of_class + numerator * 10000 // denominator + 1))


def needed_bytes(own_bytes: int, other_bytes: int, response_bit_times: int) -> int:
    """Return the room that this model's machine needs above the high mark, at most; lengths are without FCS.

    The mark is crossed by a frame of `other_bytes`; the control frame waits for one of `own_bytes` that has just begun,
    and takes effect `response_bit_times` behind its end, when another frame of `other_bytes` has just begun. Meanwhile
    the line brings frames of `other_bytes` without a break, the most bytes for the time.
    """
    overhead = WIRE_OVERHEAD_BYTES + FCS_BYTES
    wait = BITS_PER_BYTE * (own_bytes + overhead) + CONTROL_BITS + response_bit_times
    meanwhile = wait * other_bytes // (BITS_PER_BYTE * (other_bytes + overhead))
    return 2 * other_bytes + meanwhile


def renewal_quanta(refresh: int, own_bytes: int) -> int:
    """Return the quanta from one control frame's begin to the next one's, at most; `own_bytes`: without FCS.

    The refresh time finds the port just beginning a frame of its own, of `own_bytes`. A stop for less may be over
    before it is renewed.
    """
    return refresh + -(-(own_bytes + FCS_BYTES + WIRE_OVERHEAD_BYTES) // QUANTUM_BYTES)


def fields_of_control_frame(opcode: int, times: dict[int, int]) -> bytes:
    """Return what stands behind the type of a control frame; `times`: quanta by priority, of PAUSE under priority 0."""
    if opcode == PAUSE_OPCODE:
        return opcode.to_bytes(2, "big") + times[0].to_bytes(2, "big")
    enabled = sum(1 << priority for priority in times)
    words = [opcode, enabled, *(times.get(priority, 0) for priority in range(PRIORITIES))]
    return b"".join(word.to_bytes(2, "big") for word in words)


def control_frame(source: int, opcode: int, times: dict[int, int]) -> bytes:
    """Return a whole control frame without FCS."""
    head = CONTROL_ADDRESS.to_bytes(6, "big") + source.to_bytes(6, "big") + MAC_CONTROL_TYPE.to_bytes(2, "big")
    return (head + fields_of_control_frame(opcode, times)).ljust(CONTROL_BYTES, b"\0")
