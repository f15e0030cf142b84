"""Which ports private VLANs let reach each other: one rule for adapters, virtual switches and bridges.

RFC 5517 has the three classes of ports. Here a port has one class in all its VLANs.
"""

from __future__ import annotations

from collections.abc import Mapping

PROMISCUOUS, ISOLATED = 0, -1  # classes of ports; a community's is its number
MOST_COMMUNITY = 4094


def reaches(sender: int, receiver: int) -> bool:
    """Tell whether frames of a port of one class may leave by a port of another, or of the same."""
    return PROMISCUOUS in (sender, receiver) or ISOLATED != sender == receiver


def reached_by(sender: int, class_of: Mapping[int, int]) -> list[int]:
    """Return the numbers of the ports that a port of a class reaches; `class_of`: all ports' classes by number."""
    return [number for number, receiver in class_of.items() if reaches(sender, receiver)]
