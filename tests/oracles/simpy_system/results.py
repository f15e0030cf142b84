"""What a run of the system reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..simpy_nic import PARTS, Outcome, Told

_WIRE = PARTS.index("wire") + 1
SYSTEM_PARTS = (*PARTS[:_WIRE], "bridge", "rx_switch", *PARTS[_WIRE:])
"""With what a frame that goes over the bridge has besides."""


class Delivery(NamedTuple):
    """One copy that its guest can see, or that has come to a station outside; bytes with FCS, as received."""

    at_fs: int
    sender: str
    receiver: str
    frame_bytes: int
    latency_fs: int


class Journey(NamedTuple):
    """One copy that a guest has taken, or that has come outside."""

    sender: str
    number: int
    """Among the frames that its sender has posted or sent."""
    receiver: str
    offered_fs: int
    posted_fs: int
    parts_fs: tuple[int, ...]
    """In the order of `SYSTEM_PARTS`."""
    taken_fs: int

    def part(self, name: str) -> int:
        """Return how long one part took."""
        return self.parts_fs[SYSTEM_PARTS.index(name)]


class PortCounts(NamedTuple):
    """What went through one port of the bridge; bytes as on the wire.

    In when the bridge forwards (or drops) it, out when the last byte has left.
    """

    frames_in: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    bytes_out: int = 0
    busy_fs: int = 0
    queue_area: int = 0
    """The integral over time of what waits and is being sent, in bytes without FCS times fs."""


@dataclass(frozen=True)
class BridgeOutcome:
    """The bridge; counts of the whole run, except `window`."""

    ports: Mapping[str, PortCounts]
    window: Mapping[str, PortCounts]
    queue_highest_bytes: Mapping[str, int]
    """Waiting and being sent, without FCS."""
    buffer_highest_bytes: int
    """Of all queues together."""
    learned: int
    moved: int
    aged: int
    not_learned: int
    forwarded: int
    """Frames that came to the bridge itself."""
    flooded: int
    """Frames to an unknown address that went to one port or more."""
    replicated: int
    """Copies beside each frame's first."""
    known: int
    """Addresses in the table at the end."""


@dataclass(frozen=True)
class SystemOutcome:
    """Counts of the whole run; frames of all servers and the stations outside."""

    start_fs: int
    end_fs: int
    offered_frames: int
    replicated_frames: int
    delivered_frames: int
    dropped_frames: int
    in_flight_frames: int
    drops: Mapping[tuple[str, str], int]
    """Of copies, and frames that had none, by (place, reason): a server's name, or `bridge.a`, a bridge's port."""
    deliveries: list[Delivery]
    delivered_raw: list[bytes]
    """Of each delivery the bytes without FCS."""
    journeys: list[Journey]
    servers: Mapping[str, Outcome]
    """By place: each server for itself, what its MAC has sent counting as delivered."""
    came_bytes: Mapping[str, int]
    """By wire, what has come to its adapter, bytes as on the line."""
    bridges: Mapping[str, BridgeOutcome]
    pcie_switch_bytes: Mapping[str, tuple[int, int]]
    """Of TLPs on the link above each PCIe switch, up and down."""
    buses: Sequence[tuple[int, int]]
    """Of each bus the clocks that it was busy, and the tries at reads that brought nothing but for the first."""
    told: Sequence[Told] = ()
    """Of jobs of all servers, in order."""

    @property
    def bridge(self) -> BridgeOutcome:
        """Return the only bridge's."""
        (only,) = self.bridges.values()
        return only

    def in_window(self, sender: str | None = None, receiver: str | None = None) -> list[Delivery]:
        """Return the deliveries of the window, of one sender or receiver if it is named."""
        return [
            each
            for each in self.deliveries
            if self.start_fs < each.at_fs <= self.end_fs
            and sender in (None, each.sender)
            and receiver in (None, each.receiver)
        ]

    def gbps(self, sender: str | None = None, receiver: str | None = None) -> float:
        """Return the frame bits with FCS delivered in the window, in Gb/s."""
        n_bytes = sum(each.frame_bytes for each in self.in_window(sender, receiver))
        return n_bytes * 8e6 / (self.end_fs - self.start_fs)
