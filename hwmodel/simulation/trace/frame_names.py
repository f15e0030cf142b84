"""The id of each frame, the same on all tracks: its Tx ring and its number there, or its number from the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hwmodel.kernels.layout import DESCRIPTOR_BYTES

if TYPE_CHECKING:
    from hwmodel.config import Config

MIRRORED = "mirrored copy"
WIRE = "wire"


class FrameNames:
    """Name the frames that the state holds: `vf0.0/17` is number 17, from 0, of the first Tx ring of vf0."""

    def __init__(self, config: Config, nic: Any) -> None:
        self.queues_per_vf = config.nic.queues_per_vf
        self.owners = [port.name for port in config.switch.ports]
        self.tx_ring, self.rx_ring = config.nic.tx_ring, config.nic.rx_ring
        self._nic = nic
        self._journeys = nic["ledger"]["journeys"]["slot"]
        self._pool, self._finished_log = nic["ledger"]["journeys"], nic["ledger"]["journey_log"]
        self._finished = nic["host"]["finished"]
        self._rx_queue = nic["rx_queue"]
        self._tx_queue = nic["tx_queue"]
        self._grants = nic["grants"]

    def owner(self, ring_queue: int) -> str:
        """Return the function that a ring belongs to."""
        return self.owners[ring_queue // self.queues_per_vf]

    def ring(self, ring_queue: int) -> str:
        """Return a ring's name."""
        return f"{self.owner(ring_queue)}.{ring_queue % self.queues_per_vf}"

    def posted(self, ring_queue: int, number: int) -> str:
        """Return the id of a frame of a Tx ring."""
        return f"{self.ring(ring_queue)}/{number}"

    def of_journey(self, journey: Any) -> str:
        """Return the id of a journey's frame."""
        ring_queue, number = int(journey["tx_queue"]), int(journey["number"])
        return self.posted(ring_queue, number) if ring_queue >= 0 else f"{WIRE}/{number}"

    def at(self, place: int) -> str:
        """Return the id of the frame whose journey has a place in the state; place 0 is all mirrored copies'."""
        return self.of_journey(self._journeys[place]) if place else MIRRORED

    def lost(self, n: int) -> list[str]:
        """Return the ids of the `n` frames and copies dropped in this instant; empty where they are not known.

        The places that were freed last are theirs and those of what was finished in the same instant.
        """
        log, n_free = self._finished_log, int(self._pool["n_free"])
        finished = [self.of_journey(entry) for entry in log["entry"][: int(log["n"])]]
        first = n_free - n - len(finished)
        if first < 0:
            return []
        ids = [self.at(int(place)) for place in self._pool["free"][first:n_free]]
        for name in finished:
            if name in ids:
                ids.remove(name)
        return ids if len(ids) == n else []

    def granted(self, grant: int) -> str:
        """Return the id of a frame that the scheduler has picked."""
        return self.at(int(self._grants["ring"][grant & int(self._grants["mask"])]["journey"]))

    def received(self, ring_queue: int, first: int, n: int) -> Iterator[str]:
        """Give the ids of frames written to an Rx ring, by their numbers in the ring."""
        queue = self._rx_queue[ring_queue]
        start, mask = int(queue["first"]), int(queue["mask"])
        for number in range(first, first + n):
            yield self.at(int(self._finished[start + (number & mask)]["journey"]))

    def fetched(self, ring_queue: int, address: int, n: int) -> Iterator[str]:
        """Give the ids of the frames whose Tx descriptors a request is for, from its address in the ring."""
        fetched = int(self._tx_queue[ring_queue]["fetched"])
        first = fetched - 1 - (fetched - 1 - address // DESCRIPTOR_BYTES) % self.tx_ring
        for number in range(first, first + n):
            yield self.posted(ring_queue, number)

    def receiver(self, copy_kind: int) -> str:
        """Return the port that a copy leaves by."""
        port = int(self._nic["traffic"]["copy_kind"][copy_kind]["port"])
        return self.owners[port - 1] if port else WIRE


def real(frames: list[str]) -> list[str]:
    """Return the frames that have an id of their own."""
    return [frame for frame in frames if frame != MIRRORED]
