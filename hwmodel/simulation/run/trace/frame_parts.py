"""The parts of each frame's latency, from its time stamps: those of docs/results.md, but for single frames.

A frame has the same id on all tracks: its Tx ring and its number there (`vf0.0/17`), or its number from the wire. With
several servers the ring is prefixed with its server's name, and frames of no server are from outside. For frames that
reach an adapter from a bridge, their arrival and the decision of the adapter's switch are recorded as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.names import UPLINK, uplink_of
from hwmodel.machine.counts.journey_state import JOURNEY, SHOWN, STAMPS, WHOLE_JOURNEY, WRITTEN_BACK
from hwmodel.machine.frames import LINE_CAP
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.wires import CONTROL_FRAME
from hwmodel.simulation.figures.measurement import open_journeys
from hwmodel.simulation.fill.flow_book import Server
from hwmodel.simulation.run.trace.stage import Stage
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track
from hwmodel.units import FS_PER_NS

# Each part ends with the named stamp and begins with the previous one. SENDER and RECEIVER parts go to the guest's
# track group.
SENDER, RECEIVER, ADAPTER, SWITCH, MEMORY = "Sender", "Receiver", "Adapter", "Switch", "Host memory"
PARTS = {
    "posted_fs": (SENDER, "waits to be posted"),
    "rung_fs": (SENDER, "waits for the doorbell"),
    "told_fs": (SENDER, "doorbell"),
    "requested_fs": (SENDER, "waits in the Tx ring"),
    "cached_fs": (ADAPTER, "Tx descriptor fetch"),
    "chosen_fs": (ADAPTER, "waits for the scheduler"),
    "picked_fs": (ADAPTER, "waits for room in the Tx buffer"),
    "payload_in_fs": (ADAPTER, "payload read"),
    "switched_fs": (SWITCH, "switch"),
    "sent_fs": (ADAPTER, "waits for the wire, and is sent"),
    "buffered_fs": (ADAPTER, "waits for room in the Rx buffer"),
    "seen_fs": (ADAPTER, "waits in the Rx buffer"),
    "started_fs": (ADAPTER, "waits for Rx descriptors"),
    "written_fs": (ADAPTER, "payload write"),
    "writeback_started_fs": (ADAPTER, "waits for the write-back's batch"),
    "written_back_fs": (MEMORY, "write-back"),
    "raised_fs": (ADAPTER, "waits for the interrupt"),
    "visible_fs": (MEMORY, "interrupt"),
    "taken_fs": (RECEIVER, "waits for the guest"),
}
# Stamps that frames of an Rx ring already have, up to the ring's counter of this name.
STAMPED_BY = {"started": ("buffered_fs", "seen_fs", "started_fs"), "landed": ("written_fs",)}
# Likewise the stamps common to a batch, with the mark that is set on a batch's first frame.
BATCHES = {
    "written_back": (WRITTEN_BACK, ("writeback_started_fs", "written_back_fs")),
    "visible": (SHOWN, ("raised_fs", "visible_fs")),
}
TO_THE_SWITCH = "on their way to the virtual switch"  # for frames from the wire, until the switch's core learns of them
PICKED, SWITCHED, SENT = (STAMPS.index(f"{name}_fs") for name in ("picked", "switched", "sent"))
OVER = len(STAMPS)  # in place of a stamp's number: the way between two servers


class Leg(NamedTuple):
    """Hold a part of a frame's latency, which ends with stamp `place`; `end_fs` is None if it has not ended."""

    place: int
    start_fs: int
    end_fs: int | None
    group: str
    title: str
    timeline: Timeline


@dataclass(frozen=True)
class View:
    """Hold what is needed to show a server's frames: their names, its time line, and arrivals from a bridge."""

    names: FrameNames
    timeline: Timeline
    arrivals: Arrivals


class FrameParts:
    """Show the parts of journeys that lie in the recorded time, each at the server where the frame is then.

    `over`: the track group for frames on their way over bridges; empty without bridges.
    """

    def __init__(self, views: Sequence[View], timeline: Timeline, start_fs: int, *, over: str = "") -> None:
        self._views, self._timeline, self._start_fs, self._over = views, timeline, start_fs, over
        self._shown: set[tuple[str, int]] = set()
        self.n_frames = 0

    def add(self, journeys: Iterable[Any], end_fs: int, *, finished: bool, there: View | None) -> None:
        """Show journeys: finished ones, or those in flight at `end_fs`.

        `there`: the server at which they are; None for frames in the bridge, or delivered to stations outside.
        """
        for journey in journeys:
            stamps = [int(journey[name]) for name in STAMPS if name in journey.dtype.names]
            stamps += [0] * (len(STAMPS) - len(stamps))
            n = len(stamps) if finished else n_stamped(stamps) if there is not None else SENT + 1
            self._show(journey, stamps, n, end_fs, there)

    def _show(self, journey: Any, stamps: Sequence[int], n: int, end_fs: int, there: View | None) -> None:
        name = self._views[0].names.of_journey(journey)
        home = self._home_of(journey)
        sender = name.partition("/")[0] if home is None or journey["tx_queue"] < 0 else self._sender(home, journey)
        over = bool(self._over) and (home is None or (n > SENT and stamps[SENT] > stamps[SWITCHED]))
        details: dict[str, Any] = {"frame": name, "from": sender}
        receiver = self._receiver(journey, n, there, over=over)
        if receiver:
            details["to"] = ("" if there is None else there.names.prefix) + receiver
        self.n_frames += 1
        for leg in self._legs(name, stamps, n, home, there, over=over):
            part_end_fs = end_fs if leg.end_fs is None else leg.end_fs
            shown_fs = max(leg.start_fs, self._start_fs)
            # The switch is shown for every frame, even if it takes no time.
            is_switch = leg.place == SWITCHED and leg.end_fs is not None
            if part_end_fs < shown_fs or (part_end_fs == shown_fs and not is_switch):
                continue
            if sender == WIRE and home is not None and home.names.has_uplink:
                leg = _toward_switch(leg)  # noqa: PLW2901
            if leg.group == SENDER and sender == WIRE:
                continue
            more = (
                {"unfinished": True} if leg.end_fs is None else {"whole_ns": (part_end_fs - leg.start_fs) / FS_PER_NS}
            )
            if leg.place <= (SENT if over else SWITCHED):  # the copies of a frame share these parts: show once
                if (name, leg.place) in self._shown:
                    continue
                self._shown.add((name, leg.place))
            guest = sender if leg.group == SENDER else receiver
            if home is not None and leg.group == SENDER:
                guest = guest.removeprefix(home.names.prefix)
            group = f"Guest {guest}" if leg.group in (SENDER, RECEIVER) else leg.group
            arrows = [name] if leg.place == SWITCHED and leg.start_fs >= self._start_fs else []
            rank = 0 if leg.place == SWITCHED else 1  # the next part may begin at the same instant: sort it after
            track = Track(group, leg.title)
            leg.timeline.add_overlapping(Slice(track, name, shown_fs, part_end_fs, details | more, arrows, rank))

    def _legs(
        self, name: str, stamps: Sequence[int], n: int, home: View | None, there: View | None, *, over: bool
    ) -> Iterator[Leg]:
        """Yield the parts of a frame's latency so far; the last has no end if the frame is in flight."""
        for place in range(1, min(n + 1, len(stamps))):
            group, title = PARTS[STAMPS[place]]
            start_fs, end_fs = stamps[place - 1], stamps[place] if place < n else None
            if place <= SENT:
                if home is not None and (end_fs is not None or place != SENT):  # its egress is not known yet
                    yield Leg(place, start_fs, end_fs, group, title, home.timeline)
                continue
            if place == SENT + 1 and over:
                arrival = None if there is None else there.arrivals.of(name)
                came_fs = end_fs if there is None else None if arrival is None else arrival.came_fs
                if there is None or arrival is not None:
                    yield Leg(OVER, start_fs, came_fs, self._over, "frames on their way over it", self._timeline)
                if there is None or arrival is None:
                    continue
                yield Leg(OVER, arrival.came_fs, arrival.decided_fs, SWITCH, "switch of what comes", there.timeline)
                if arrival.decided_fs is None:
                    return
                start_fs = arrival.decided_fs
            if there is not None:
                yield Leg(place, start_fs, end_fs, group, title, there.timeline)

    def _home_of(self, journey: Any) -> View | None:
        home = self._views[0].names.home_of(journey)
        return None if home is None else self._views[home.number]

    def _sender(self, home: View, journey: Any) -> str:
        return home.names.prefix + home.names.owner(int(journey["tx_queue"]))

    def _receiver(self, journey: Any, n: int, there: View | None, *, over: bool) -> str:
        """Return a frame's receiver by its name within its server, or outside; empty if not known yet."""
        if there is None:
            return OUTSIDE if n == len(STAMPS) else ""
        if n <= SWITCHED or (over and n == SENT + 1):
            return ""
        return there.names.receiver(int(journey["copy_kind"]))


def _toward_switch(leg: Leg) -> Leg:
    """Relabel, for a virtual switch, the parts of a frame from the wire until the switch's core learns of it."""
    is_amid = leg.end_fs is None and leg.place <= SWITCHED
    return leg._replace(group=ADAPTER, title=TO_THE_SWITCH) if is_amid or STAMPS[leg.place] == "told_fs" else leg


def n_stamped(stamps: Sequence[int]) -> int:
    """Return how many stamps of an open journey are its own; later entries are left over from the place's last user.

    The place was free when the frame was picked (or came from the wire), so older stamps belong to another frame.
    """
    later = [place for place in range(PICKED + 1, len(stamps)) if stamps[place] > stamps[PICKED]]
    return (later[-1] if later else PICKED) + 1


def under_way(nic: Any) -> Any:
    """Return the open journeys, completed by the stamps that are still in the Rx rings."""
    pool, is_open = nic["ledger"]["journeys"], open_journeys(nic)
    found = np.zeros(len(is_open), WHOLE_JOURNEY)
    for name in set(JOURNEY.names or ()) & set(WHOLE_JOURNEY.names or ()):
        found[name] = pool["slot"][name][: len(found)]
    for queue in nic["rx_queue"][: int(nic["params"]["n_queues"])]:
        for count, names in STAMPED_BY.items():
            at = np.arange(int(queue["taken"]), int(queue[count])) & int(queue["mask"])
            slots = nic["guests"]["finished"][int(queue["first"]) + at]
            for name in names:
                found[name][slots["journey"]] = slots[name]
        for count, (mark, names) in BATCHES.items():
            _stamp_batches(nic, queue, int(queue[count]), mark, names, found)
    # A batch's write-back may enter the posted queue before the payload of its last frames is in memory.
    has_begun = found["writeback_started_fs"] > 0
    found["writeback_started_fs"][has_begun] = np.maximum(found["writeback_started_fs"], found["written_fs"])[has_begun]
    return found[is_open]


def _stamp_batches(nic: Any, queue: Any, end: int, mark: int, names: Sequence[str], found: Any) -> None:
    """Set the batch stamps of an Rx ring's frames up to `end`; those of the batch in progress are in the ring."""
    at = int(queue["first"]) + (np.arange(int(queue["taken"]), end) & int(queue["mask"]))
    slots, begun = nic["guests"]["finished"][at], nic["guests"]["finished_batch"][at]
    first = np.maximum.accumulate(np.where(slots["marks"] & mark, np.arange(len(at)), -1))
    for name in names:
        found[name][slots["journey"]] = np.where(first >= 0, begun[name][first], queue["batch"][name])


MIRRORED = "mirrored copy"
CONTROL = "control frame"
WIRE = "wire"


class FrameNames:
    """Name the frames that a server holds: `vf0.0/17` is number 17, from 0, of the first Tx ring of vf0.

    `all_names`: those of all servers. `senders`: with a bridge, the sending server of each template; else empty.
    """

    def __init__(self, server: Server, all_names: Sequence[FrameNames], senders: Sequence[int]) -> None:
        config, nic = server.config, server.nic
        self.number = len(all_names)
        self.prefix, self.station = server.prefix, server.station
        self._all, self._senders = all_names, senders
        self.owners = [port.name for port in config.switch.ports]
        switch = nic["virtual_switch"]["params"]
        n_rings = int(switch["n_rings"]) if nic["params"]["has_virtual_switch"] else 0
        self.n_rings, self._first_of_uplink = int(nic["params"]["n_queues"]) + n_rings, int(switch["first_ring"])
        self.has_uplink = n_rings > 0
        if n_rings:  # a bond's legs are functions of their own
            self.owners += [UPLINK] if config.bond is None else map(uplink_of, config.port.names)
        self._tx_ring, self._descriptor_bytes = config.nic.tx_ring, config.nic.tx_descriptor_bytes
        self._nic, self._tx_queue = nic, nic["tx_queue"]
        self._journeys = nic["ledger"]["journeys"]["slot"]
        # For the rings by which a virtual switch sends to the wire: how far they were read, and their frames' ids.
        self._looked_at = {ring: int(self._tx_queue[ring]["freed"]) for ring in self._of_uplink()}
        self._carried: dict[tuple[int, int], str] = {}
        self.note_carried()

    def _of_uplink(self) -> range:
        return range(self._first_of_uplink, self.n_rings) if self.has_uplink else range(0)

    def is_of_uplink(self, ring_queue: int) -> bool:
        """Say whether a ring is one by which a virtual switch sends to the wire, or receives from it."""
        return ring_queue in self._of_uplink()

    def note_carried(self) -> None:
        """Record the ids of frames that a virtual switch has posted to the adapter, before their journeys are reused.

        A frame that was posted before the recording, and has left since, stays unknown.
        """
        for ring in self._of_uplink():
            queue = self._tx_queue[ring]
            for number in range(self._looked_at[ring], int(queue["posted"])):
                place = int(queue["first"]) + (number & int(queue["mask"]))
                post = self._nic["guests"]["post"][place]
                journey = self._journeys[int(post["index"])]
                # A journey that has begun anew in the place has not been switched yet: that stamp is the last one's.
                if int(journey["picked_fs"]) <= int(journey["switched_fs"]) == int(post["offered_fs"]):
                    self._carried[ring, number] = self.of_journey(journey)
                self._carried.pop((ring, number - 2 * int(queue["slots"])), None)
            self._looked_at[ring] = int(queue["posted"])

    def owner(self, ring_queue: int) -> str:
        """Return the function that a ring belongs to."""
        return self.owners[int(self._tx_queue["params"]["function"][ring_queue])]

    def number_in_function(self, ring_queue: int) -> int:
        """Return which of its function's rings a ring is."""
        return ring_queue - int(
            self._nic["function"]["params"]["first_queue"][int(self._tx_queue["params"]["function"][ring_queue])]
        )

    def ring(self, ring_queue: int) -> str:
        """Return a ring's name in the whole system."""
        return f"{self.prefix}{self.owner(ring_queue)}.{self.number_in_function(ring_queue)}"

    def posted(self, ring_queue: int, number: int) -> str:
        """Return the id of a frame of a Tx ring."""
        return self._carried.get((ring_queue, number)) or f"{self.ring(ring_queue)}/{number}"

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
        """Return the id of the frame whose journey is at a place of the pool; place 0 is for all mirrored copies."""
        return self.of_journey(self._journeys[place]) if place else MIRRORED

    def lost(self, n: int) -> list[str]:
        """Return the ids of the `n` frames and copies dropped in this instant; empty where they are not known.

        The journeys freed last are those of the drops and of the frames delivered in the same instant.
        """
        pool, log = self._nic["ledger"]["journeys"], self._nic["ledger"]["journey_log"]
        n_free = int(pool["n_free"])
        finished = [self.of_journey(entry) for entry in log["entry"][: int(log["n"])]]
        first = n_free - n - len(finished)
        if first < 0:
            return []
        ids = [self.at(int(place)) for place in pool["free"][first:n_free]]
        for name in finished:
            if name in ids:
                ids.remove(name)
        return ids if len(ids) == n else []

    def granted(self, grant: int) -> str:
        """Return the id of a frame that the scheduler has picked."""
        grants = self._nic["grants"]
        return self.of_frame(grants["ring"][grant & int(grants["mask"])])

    def of_frame(self, frame: Any) -> str:
        """Return the id of a frame inside the adapter; if a virtual switch sent it, its `index` is its journey."""
        is_carried = self.has_uplink and not frame["is_wire"]
        return self.at(int(frame["index" if is_carried else "journey"]))

    def received(self, ring_queue: int, first: int, n: int) -> Iterator[str]:
        """Give the ids of frames written to an Rx ring, by their numbers in the ring."""
        queue = self._nic["rx_queue"][ring_queue]
        start, mask = int(queue["first"]), int(queue["mask"])
        for number in range(first, first + n):
            yield self.at(int(self._nic["guests"]["finished"][start + (number & mask)]["journey"]))

    def fetched(self, ring_queue: int, address: int, n: int) -> Iterator[str]:
        """Yield the ids of the frames whose Tx descriptors a read at an address in the ring fetches."""
        fetched = int(self._tx_queue[ring_queue]["fetched"])
        first = fetched - 1 - (fetched - 1 - address // self._descriptor_bytes) % self._tx_ring
        for number in range(first, first + n):
            yield self.posted(ring_queue, number)

    def receiver(self, copy_kind: int) -> str:
        """Return the port that a copy leaves by."""
        port = int(self._nic["traffic"]["copy_kind"][copy_kind]["port"])
        return self.owners[port - 1] if port else WIRE


def names_of(stage: Stage) -> list[FrameNames]:
    """Return the names of each server's frames."""
    found: list[FrameNames] = []
    for server in stage.machine.servers:
        found.append(FrameNames(server, found, stage.senders))
    return found


def real(frames: list[str]) -> list[str]:
    """Return the frames that have an id of their own."""
    return [frame for frame in frames if frame != MIRRORED]


class Arrival(NamedTuple):
    """Say when a frame came, and when the switch had decided on it; None while it has not."""

    came_fs: int
    decided_fs: int | None = None


class Arrivals:
    """Hold the recorded arrivals at one adapter, by frame id; of a frame that arrived twice, the last."""

    def __init__(self, nic: Any) -> None:
        ends = zip(nic["wire"], nic["port"], strict=True)  # including unused ports, on which nothing arrives
        self._wires = [(wire["come"], port["mac"]["line"]) for wire, port in ends]
        self._crossed = nic["ledger"]["journeys"]["crossed"]
        self._n_come = [int(come["head"]) for come, _ in self._wires]
        self._undecided: dict[int, str] = {}  # by their journeys' places
        self._found: dict[str, Arrival] = {}

    def look(self, now_fs: int, names: FrameNames) -> Iterator[tuple[int, Any]]:
        """Give the frames that have come in this instant, each with its port, and note what has been decided."""
        for number, (come, line) in enumerate(self._wires):
            while self._n_come[number] < come["head"]:
                crossing = come["ring"][self._n_come[number] & int(come["mask"])]
                self._n_come[number] += 1
                if int(crossing["template"]) == CONTROL_FRAME:  # it ends at the port
                    continue
                # With a bridge the line's head does not move; the entry there is the frame taken in last.
                place = int(line["ring"][int(line["head"]) & (LINE_CAP - 1)]["journey"])
                name = names.of_journey(crossing["journey"])
                self._undecided[place], self._found[name] = name, Arrival(now_fs)
                yield number, crossing
        for place, name in list(self._undecided.items()):
            arrival, crossed = self._found[name], self._crossed[place]
            if crossed["came_fs"] != arrival.came_fs:
                del self._undecided[place]  # dropped
            elif crossed["decided_fs"] >= arrival.came_fs:
                self._found[name] = Arrival(arrival.came_fs, int(crossed["decided_fs"]))
                del self._undecided[place]

    def of(self, name: str) -> Arrival | None:
        """Return a frame's arrival; None if it arrived before the recording, or never."""
        return self._found.get(name)
