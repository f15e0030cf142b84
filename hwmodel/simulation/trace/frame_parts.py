"""The parts of each frame's way, from its stamps: what docs/results.md adds up, here frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hwmodel.kernels.journey_layout import JOURNEY, SHOWN, STAMPS, WHOLE_JOURNEY, WRITTEN_BACK
from hwmodel.simulation.trace.frame_names import WIRE, FrameNames
from hwmodel.simulation.trace.timeline import Slice, Timeline, Track
from hwmodel.units import FS_PER_NS

# Each part ends with a stamp and begins with the one before. Those of SENDER and RECEIVER stand in the guest's group.
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
# The stamps that frames have up to a count of their Rx ring.
STAMPED_BY = {"started": ("buffered_fs", "seen_fs", "started_fs"), "landed": ("written_fs",)}
# Likewise those that all frames of a batch have together, with the mark of the frame that a batch begins with.
BATCHES = {
    "written_back": (WRITTEN_BACK, ("writeback_started_fs", "written_back_fs")),
    "visible": (SHOWN, ("raised_fs", "visible_fs")),
}
PICKED, PAYLOAD_IN, SWITCHED, STARTED = (
    STAMPS.index(f"{name}_fs") for name in ("picked", "payload_in", "switched", "started")
)


class FrameParts:
    """Show the parts of journeys that lie in a stretch of time."""

    def __init__(self, names: FrameNames, timeline: Timeline, start_fs: int) -> None:
        self._names, self._timeline, self._start_fs = names, timeline, start_fs
        self._shown: set[tuple[str, int]] = set()
        self.n_frames = 0

    def add(self, journeys: Iterable[Any], end_fs: int, *, finished: bool) -> None:
        """Show journeys: those that have come to their end, or that are under way at `end_fs`."""
        for journey in journeys:
            stamps = [int(journey[name]) for name in STAMPS]
            self._show(journey, stamps, len(stamps) if finished else n_stamped(stamps), end_fs)

    def _show(self, journey: Any, stamps: Sequence[int], n: int, end_fs: int) -> None:
        name = self._names.of_journey(journey)
        sender = name.partition("/")[0].partition(".")[0]
        details: dict[str, Any] = {"frame": name, "from": sender}
        receiver = self._names.receiver(int(journey["copy_kind"])) if n > SWITCHED else ""
        if receiver:
            details["to"] = receiver
        homes = {SENDER: f"Guest {sender}", RECEIVER: f"Guest {receiver}"}
        self.n_frames += 1
        for place in range(1, min(n + 1, len(stamps))):
            is_over = place < n
            start_fs, part_end_fs = stamps[place - 1], stamps[place] if is_over else end_fs
            shown_fs = max(start_fs, self._start_fs)
            # The switch is on every frame's way, also where it takes no time.
            if part_end_fs < shown_fs or (part_end_fs == shown_fs and (place != SWITCHED or not is_over)):
                continue
            group, title = PARTS[STAMPS[place]]
            if group == SENDER and sender == WIRE:
                continue
            more = {"whole_ns": (part_end_fs - start_fs) / FS_PER_NS} if is_over else {"unfinished": True}
            if not is_over and place == SWITCHED + 1:
                continue  # it is not known yet which way it goes
            if place <= SWITCHED:  # the copies of a frame have come so far as one
                if (name, place) in self._shown:
                    continue
                self._shown.add((name, place))
            track = Track(homes.get(group, group), title)
            arrows = [name] if place == SWITCHED and start_fs >= self._start_fs else []
            rank = 0 if place == SWITCHED else 1  # what follows may begin at the same instant
            self._timeline.add_overlapping(Slice(track, name, shown_fs, part_end_fs, details | more, arrows, rank))


def n_stamped(stamps: Sequence[int]) -> int:
    """Return how many stamps a journey that is under way has; those behind them are of the frame before it.

    The place was free when the frame was picked (or came from the wire), so what is older than that is not its own.
    """
    later = [place for place in range(PICKED + 1, len(stamps)) if stamps[place] > stamps[PICKED]]
    return (later[-1] if later else PICKED) + 1


def under_way(nic: Any) -> Any:
    """Return the journeys that have begun and not ended, with the stamps that they have in the Rx rings."""
    pool = nic["ledger"]["journeys"]
    is_open = np.ones(int(pool["n_used"]) + 1, bool)
    is_open[0] = False
    is_open[pool["free"][: int(pool["n_free"])]] = False
    found = np.zeros(len(is_open), WHOLE_JOURNEY)
    for name in JOURNEY.names or ():
        found[name] = pool["slot"][name][: len(found)]
    for queue in nic["rx_queue"][: int(nic["limits"]["n_queues"])]:
        for count, names in STAMPED_BY.items():
            at = np.arange(int(queue["taken"]), int(queue[count])) & int(queue["mask"])
            slots = nic["host"]["finished"][int(queue["first"]) + at]
            for name in names:
                found[name][slots["journey"]] = slots[name]
        for count, (mark, names) in BATCHES.items():
            _stamp_batches(nic, queue, int(queue[count]), mark, names, found)
    # The write-back of a batch may have entered P before the payload of its last frames was in memory.
    has_begun = found["writeback_started_fs"] > 0
    found["writeback_started_fs"][has_begun] = np.maximum(found["writeback_started_fs"], found["written_fs"])[has_begun]
    return found[is_open]


def _stamp_batches(nic: Any, queue: Any, end: int, mark: int, names: Sequence[str], found: Any) -> None:
    """Give each frame of an Rx ring up to a count the stamps of its batch; the ring has those of the batch begun."""
    at = int(queue["first"]) + (np.arange(int(queue["taken"]), end) & int(queue["mask"]))
    slots, begun = nic["host"]["finished"][at], nic["host"]["finished_batch"][at]
    first = np.maximum.accumulate(np.where(slots["marks"] & mark, np.arange(len(at)), -1))
    for name in names:
        found[name][slots["journey"]] = np.where(first >= 0, begun[name][first], queue["batch"][name])
