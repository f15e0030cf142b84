"""Validate `nic.arbitration` and a pool's credits: who sends next in two planes, as the 82599's DCB has them."""

from __future__ import annotations

from typing import Annotated, Literal

from hwmodel.rules.headroom import PRIORITIES
from hwmodel.rules.transmit_credits import MOST_CLASSES, MOST_CREDITS, MOST_REFILL, Credits, credits_of_percents

from .kinds import Block, Listing, Whole, Word, key

Strictness = Literal["none", "group", "link"]
DescriptorPlane = Literal["weighted_strict", "round_robin"]
PoolOrder = Literal["weighted", "round_robin"]
PacketPlane = Literal["strict", "round_robin"]
ClassNumber = Annotated[int, Whole(0, MOST_CLASSES - 1, what="a class of traffic")]
Refill = Annotated[int, Whole(1, MOST_REFILL, what="a number of credits")]
Maximum = Annotated[int, Whole(1, MOST_CREDITS, what="a number of credits")]


class PoolCredits(Block):
    """The credits of a station's queues of one class beside those of other stations (RTTDT1C), of 64 B each."""

    refill: Refill = key(..., "Credits that it gets each round.")
    most: Maximum = key(..., "Credits that it keeps at most.", alias="max")


class TrafficClass(Block):
    """A class of traffic (RTTDT2C, RTTPT2C): its share of what is sent, as percent or as credits of 64 B."""

    percent: Annotated[int, Whole(0, 100)] | None = key(
        None, "Its share of the bandwidth; all classes together have 100. null: refill and max say it."
    )
    refill: Refill | None = key(
        None,
        "Credits that it gets each round, at most what 9 bits hold.",
        derived="from percent, as Linux' ixgbe does it: at least half of the longest frame",
    )
    most: Maximum | None = key(
        None,
        "Credits that it keeps at most while it has nothing to send, at most what 12 bits hold.",
        derived="percent of 4095",
        alias="max",
    )
    group: Annotated[int, Whole(0, MOST_CLASSES - 1)] | None = key(
        None,
        "Its bandwidth group: what one class of a group leaves goes to the others of the group first.",
        derived="a group of its own, of the class's number",
    )
    strict: Annotated[Strictness, Word(Strictness)] = key(
        "none",
        "Whether it goes before the others and needs no credits of its own: of its group, as long as the group has "
        "credits (GSP), or of all (LSP).",
    )


class TransmitArbitration(Block):
    """Who sends next: whose frame is read, and which class leaves the Tx buffer, of which each has an equal part."""

    classes: Annotated[
        tuple[TrafficClass, ...], Listing("[{percent: 70}, {percent: 30}]", least=1, most=MOST_CLASSES)
    ] = key(..., "Classes of traffic, from class 0; where classes go by their order the highest goes first.")
    priorities: Annotated[tuple[ClassNumber, ...], Listing("[0, 0, 0, 0, 1, 1, 1, 1]", least=8, most=8)] | None = key(
        None,
        "Class of each priority, from 0 to 7. A station's queues are in the class of its default_priority, unless "
        "switch.ports.NAME.classes says it. null: priority P is in class P * classes / 8.",
    )
    descriptor_plane: Annotated[DescriptorPlane, Word(DescriptorPlane)] = key(
        "weighted_strict",
        "Which of the classes that have credits is read next: the highest, or in turn (RTTDCS.TDPAC, which Linux' "
        "ixgbe sets).",
    )
    pools: Annotated[PoolOrder, Word(PoolOrder)] = key(
        "weighted",
        "Whose queue of a class is read next: in turn of those that have credits, as switch.ports.NAME.weight or "
        "credits give them, or in turn (RTTDCS.VMPAC, which Linux' ixgbe sets).",
    )
    packet_plane: Annotated[PacketPlane, Word(PacketPlane)] = key(
        "strict",
        "Which of the classes that have credits leaves the Tx buffer next: the highest, or in turn (RTTPCS.TPPAC, "
        "which Linux' ixgbe sets).",
    )

    def class_of_priority(self, priority: int) -> int:
        """Return the class of a frame's priority."""
        if self.priorities is not None:
            return self.priorities[priority]
        return priority * len(self.classes) // PRIORITIES

    def credits(self, longest_frame_bytes: int) -> tuple[Credits, ...]:
        """Return the credits of each class; `longest_frame_bytes`: what a station may send, with FCS."""
        computed = credits_of_percents([each.percent or 0 for each in self.classes], longest_frame_bytes)
        return tuple(
            Credits(each.refill or own.refill, each.most or own.most)
            for each, own in zip(self.classes, computed, strict=True)
        )

    def group_of(self, number: int) -> int:
        """Return the bandwidth group of a class."""
        group = self.classes[number].group
        return number if group is None else group
