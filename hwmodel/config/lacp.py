"""Validate `lacp` and `lacp_partner` of agents: both ends of the legs of a bond, which speak LACP."""

from __future__ import annotations

from typing import Annotated, Literal

from .kinds import Block, Duration, Truth, Whole, Word, key

LacpRate = Literal["slow", "fast"]


class LacpBlock(Block):
    """An end of a bond's legs: how often it wants to hear of the other, what it is."""

    rate: Annotated[LacpRate, Word(LacpRate)] = key(
        "slow",
        "How often it asks the other end to send: each 30 s (slow), or each second (fast); it gives up who is silent "
        "for 90 s, or 3 s.",
    )
    active: Annotated[bool, Truth()] = key(
        True, "Whether it sends of its own accord; false: as long as the other end is active."
    )
    wait_fs: Annotated[int, Duration("0ns", "60s")] = key(
        "2s", "From when the other end of a leg is known until the leg is joined to the bond.", alias="wait"
    )
    system_priority: Annotated[int, Whole(0, 65535)] = key(65535, "Its system's priority, which is only said.")
    key_: Annotated[int, Whole(0, 65535)] = key(1, "The key of its ports, which is only said.", alias="key")
