"""Clock cycles of the switch core, the numbers of docs/switch_core.md: words, and the way between its stages."""

from __future__ import annotations

from hwmodel.units import BITS_PER_BYTE, FS_PER_S

HEADER_BYTES = 26  # two addresses, an E-TAG, a C-TAG and a type
INGRESS_BYTES = 16384  # the parameter's default

# Cycles from the one in which a frame's last beat is accepted to that of the first possible grant; and from the grant
# to the look at the tables and to the decision, where the header lies in one word.
READY_CYCLES, LOOK_CYCLES, DECISION_CYCLES = 4, 5, 11


def words(n_bytes: int, bus_bits: int) -> int:
    """Return the words of a frame, its length without FCS; it holds the bus for as many cycles."""
    return max(1, -(-n_bytes * BITS_PER_BYTE // bus_bits))


def more_header_words(bus_bits: int) -> int:
    """Return H, the words behind the first that the header may reach into."""
    return words(HEADER_BYTES, bus_bits) - 1


def cycle_fs(clock_hz: int) -> int:
    """Return the time of a cycle in whole femtoseconds."""
    return FS_PER_S // clock_hz


def alone_cycles(n_bytes: int, bus_bits: int) -> int:
    """Return the cycles from a frame's last byte in to its last word written, with nothing else on the bus."""
    return READY_CYCLES + DECISION_CYCLES + more_header_words(bus_bits) + words(n_bytes, bus_bits)
