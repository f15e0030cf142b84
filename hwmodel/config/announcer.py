"""Validate `announcer` of agents: who says where VMs are as they start, by which frames, how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from hwmodel.units import FS_PER_S

from .kinds import Duration, SparseBlock, Truth, Whole, key
from .names import Name, OwnName
from .run import LONGEST_RUN

MOST_ANNOUNCED = 1_000
_MS = FS_PER_S // 1000
Time = Annotated[int, Duration("0ns", LONGEST_RUN)]


class Rounds(NamedTuple):
    """Say how often an announcement is sent, and the gaps from one to the next, in femtoseconds."""

    n: int
    first_gap_fs: int
    step_fs: int = 0
    most_gap_fs: int | None = None

    def gap_fs(self, number: int) -> int:
        """Return the time from a frame, the first being number 0, to the one after it."""
        gap_fs = self.first_gap_fs + number * self.step_fs
        return gap_fs if self.most_gap_fs is None else min(gap_fs, self.most_gap_fs)


# QEMU, migration/options.c: 5 rounds, 50 ms, 100 ms more each, 550 ms at most. RFC 5227 1.1: ANNOUNCE_NUM,
# ANNOUNCE_INTERVAL. RFC 4861 10: MAX_NEIGHBOR_ADVERTISEMENT, RETRANS_TIMER.
ROUNDS: Mapping[str, Rounds] = {
    "rarp": Rounds(5, 50 * _MS, 100 * _MS, 550 * _MS),
    "arp": Rounds(2, 2 * FS_PER_S),
    "nd": Rounds(3, FS_PER_S),
}


class RoundsBlock(SparseBlock):
    """How often a kind of announcement is sent, and how far apart."""

    n: Annotated[int, Whole(1, MOST_ANNOUNCED)] | None = key(None, "How many; rarp 5, arp 2, nd 3.", alias="count")
    first_gap_fs: Time | None = key(None, "From the first to the second; rarp 50ms, arp 2s, nd 1s.", alias="first_gap")
    step_fs: Time | None = key(None, "By how much each gap is longer than the one before; rarp 100ms.", alias="step")
    most_gap_fs: Time | None = key(None, "What no gap is longer than; rarp 550ms.", alias="most_gap")

    def rounds(self, kind: str) -> Rounds:
        """Return the rounds, as the kind's are where a key is not written."""
        return ROUNDS[kind]._replace(**self.given())


class AnnouncedVm(SparseBlock):
    """When a VM is announced: at a time, as its function comes up, at a word."""

    at_fs: Time | None = key(None, "When, once.", alias="at")
    up: Annotated[bool, Truth()] | None = key(None, "true: each time that its function is there, from time 0 on.")
    message: Annotated[str, OwnName("a message")] | None = key(
        None, "Each time that an agent sends this word, as {send: {to: hyp, message: started}} does."
    )


class Announcer(SparseBlock):
    """Who says where VMs are as they start, or their links come up: by frames that these send."""

    rarp: RoundsBlock | None = key(None, "RARP, as hypervisors send it for their guests; {}: as QEMU does.")
    arp: RoundsBlock | None = key(None, "Gratuitous ARP, by a guest's IPv4 address; {}: as RFC 5227 has it.")
    nd: RoundsBlock | None = key(
        None, "Unsolicited neighbour advertisements, by its IPv6 address; {}: as RFC 4861 has it."
    )
    vms: dict[Annotated[str, Name(with_servers=True)], AnnouncedVm] = key(
        ..., "The VMs of its server, by name, and when each is announced: {a.vf0: {at: 10ms}}."
    )

    @property
    def rounds(self) -> dict[str, Rounds]:
        """Return what is sent, by kind, in the order in which frames of one instant go."""
        blocks = {"rarp": self.rarp, "arp": self.arp, "nd": self.nd}
        return {kind: block.rounds(kind) for kind, block in blocks.items() if block is not None}
