"""The id of each frame, the same on all tracks: its Tx ring and its number there, or its number from the wire.

Of several servers the ring has its server's name before it, and what no server sends is from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES
from hwmodel.simulation.trace.stage import Stage, TracedServer

MIRRORED = "mirrored copy"
WIRE = "wire"
OUTSIDE = "outside"  # beyond the bridge


class FrameNames:
    """Name the frames that a server holds: `vf0.0/17` is number 17, from 0, of the first Tx ring of vf0.

    `all_names`: those of all servers; whose frame it is says its template, by `senders`, where there is a bridge.
    """

    def __init__(self, server: TracedServer, all_names: Sequence[FrameNames] = (), senders: Sequence[int] = ()) -> None:
        config, nic = server.config, server.nic
        self.number = len(all_names)
        self.prefix = server.prefix
        self._all, self._senders = all_names, senders
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
        return self.owners[int(self._tx_queue["function"][ring_queue])]

    def number_in_function(self, ring_queue: int) -> int:
        """Return which of its function's rings a ring is."""
        return ring_queue - int(self._nic["function"]["first_queue"][int(self._tx_queue["function"][ring_queue])])

    def ring(self, ring_queue: int) -> str:
        """Return a ring's name in the whole system."""
        return f"{self.prefix}{self.owner(ring_queue)}.{self.number_in_function(ring_queue)}"

    def posted(self, ring_queue: int, number: int) -> str:
        """Return the id of a frame of a Tx ring."""
        return f"{self.ring(ring_queue)}/{number}"

    def of_journey(self, journey: Any) -> str:
        """Return the id of a journey's frame."""
        ring_queue, number = int(journey["tx_queue"]), int(journey["number"])
        if ring_queue < 0:
            return f"{OUTSIDE if self._senders else WIRE}/{number}"
        home = self.home_of(journey)
        assert home is not None, "it has a Tx ring"
        return home.posted(ring_queue, number)

    def home_of(self, journey: Any) -> FrameNames | None:
        """Return the names of the server that sent a frame; None for those outside, behind a bridge."""
        if not self._senders:
            return self
        sender = self._senders[int(journey["template"])]
        return None if sender == NOBODY else self._all[sender]

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


def names_of(stage: Stage) -> list[FrameNames]:
    """Return the names of each server's frames."""
    found: list[FrameNames] = []
    for server in stage.servers:
        found.append(FrameNames(server, found, stage.senders))
    return found


def real(frames: list[str]) -> list[str]:
    """Return the frames that have an id of their own."""
    return [frame for frame in frames if frame != MIRRORED]
