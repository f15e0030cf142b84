"""What the host does: its answers to reads by tag, its IOMMU's translations, its cores' work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwmodel.kernels import layout
from hwmodel.simulation.trace.frame_names import FrameNames, real
from hwmodel.simulation.trace.link_tlps import NAMES, READS, StartedTlp, read_frames
from hwmodel.simulation.trace.timeline import Rows, Slice, Track, shown

IOMMU = Track("Host memory", "IOMMU: waits for translation")


@dataclass
class _Read:
    """Hold a read that has a tag; a time is None until it is known."""

    taken_fs: int
    name: str
    details: dict[str, Any]
    received_fs: int | None = None
    ready_fs: int | None = None


class Reads:
    """Show each read on the track of its tag, from taking the tag to giving it back."""

    def __init__(self, nic: Any, names: FrameNames, timeline: Rows) -> None:
        self._tags, self._names, self._timeline = nic["tags"], names, timeline
        self._requests = nic["up"]["second"]
        self._n = int(nic.tags.n_tags)
        self._slots = nic["tags"]["slot"][: self._n]
        self._open: dict[int, _Read] = {}
        self._key = (-1, -1)

    def look(self, now_fs: int, started: Iterable[StartedTlp]) -> None:
        """Note which tags were taken and given back in this instant, and what the TLPs tell of the reads."""
        key = (int(self._tags["n_free"]), int(self._requests["tail"]))
        if key != self._key:
            self._key = key
            self._compare(now_fs)
        for tlp in started:
            read = self._open.get(tlp.tag) if tlp.tag is not None else None
            if read is None:
                continue
            if tlp.kind in READS:
                read.received_fs = tlp.arrives_fs
            elif read.ready_fs is None:
                read.ready_fs = tlp.ready_fs

    def finish(self, now_fs: int) -> None:
        """Show the reads that are under way at the end."""
        for tag in list(self._open):
            self._close(tag, now_fs, {"unfinished": True})

    def _compare(self, now_fs: int) -> None:
        is_taken = np.ones(self._n, bool)
        is_taken[self._tags["free"][: self._key[0]]] = False
        taken_fs = self._slots["taken_fs"]
        for tag in list(self._open):
            if not is_taken[tag] or taken_fs[tag] != self._open[tag].taken_fs:
                self._close(tag, now_fs, {})
        for tag in np.flatnonzero(is_taken).tolist():
            if tag not in self._open:
                self._open[tag] = self._taken(self._slots[tag])

    def _taken(self, slot: Any) -> _Read:
        frames = read_frames(self._names, slot)
        details = {"bytes": int(slot["n_bytes"]), "function": self._names.owner(int(slot["queue"]))}
        return _Read(int(slot["taken_fs"]), NAMES[int(slot["kind"])], details | shown(frames))

    def _close(self, tag: int, end_fs: int, more: dict[str, Any]) -> None:
        read = self._open.pop(tag)
        track = Track("PCIe reads", f"tag {tag}")
        self._timeline.add(Slice(track, read.name, read.taken_fs, end_fs, read.details | {"tag": tag} | more))
        times = (("request", read.received_fs), ("host", read.ready_fs), ("completions", end_fs))
        start_fs: int | None = read.taken_fs
        for name, until_fs in times:
            # What is not known happened before the time line began, or was not yet at its end.
            if start_fs is not None and until_fs is not None and until_fs <= end_fs:
                self._timeline.add(Slice(track, name, start_fs, until_fs, {}))
            start_fs = until_fs


class Translations:
    """Show the TLPs that wait for the IOMMU; it translates any number at once, and writes pass in order."""

    def __init__(self, nic: Any, timeline: Rows) -> None:
        self._has_iotlb = bool(nic.pcie.has_iotlb)
        self._cache, self._timeline = nic["host"]["translation"], timeline
        self._flying: deque[StartedTlp] = deque()

    def look(self, now_fs: int, started: Iterable[StartedTlp]) -> None:
        """Note until when what the host receives in this instant waits: one TLP at most."""
        if not self._has_iotlb:
            return
        while self._flying and self._flying[0].arrives_fs <= now_fs:
            tlp = self._flying.popleft()
            if tlp.arrives_fs == now_fs:
                self._wait(now_fs, tlp)
        self._flying += [tlp for tlp in started if tlp.kind <= layout.PAYLOAD_READ]

    def _wait(self, now_fs: int, tlp: StartedTlp) -> None:
        cache = self._cache
        is_read = tlp.kind in READS
        until_fs = int(cache["slot"][int(cache["newest"])]["ready_fs"] if is_read else cache["last_write_fs"])
        if until_fs > now_fs:
            ids = ("frame", "first_frame", "last_frame", "frames", "function", "tag")
            details = {name: tlp.shown.details[name] for name in ids if name in tlp.shown.details}
            self._timeline.add_overlapping(Slice(IOMMU, tlp.shown.name, now_fs, until_fs, details))


class Cores:
    """Show what each of the host's cores does for its guests, frame by frame."""

    def __init__(self, nic: Any, names: FrameNames, timeline: Rows, until_fs: int) -> None:
        self._nic, self._names, self._timeline, self._until_fs = nic, names, timeline, until_fs
        self._cores = nic["host"]["core"][: int(nic.host.n_cores)]
        self._frame_time_fs = int(nic.host.frame_time_fs)
        self._begun = np.full((len(self._cores), 2), -1)

    def look(self, from_fs: int) -> None:
        """Note the chunks of work that cores have begun; what of them is done before `from_fs` is left out."""
        begun = np.stack([np.where(self._cores["is_running"], self._cores["started_fs"], -1), self._cores["queue"]], 1)
        changed = np.flatnonzero((begun != self._begun).any(axis=1) & (begun[:, 0] >= 0))
        self._begun = begun
        for number in changed.tolist():
            self._chunk(number, self._cores[number], from_fs)

    def _chunk(self, number: int, core: Any, from_fs: int) -> None:
        is_post = core["kind"] == layout.POST_TASK
        queue, n = int(core["queue"]), int(core["chunk"])
        group = Track("Host cores", f"core {number}")
        for place, frame in enumerate(self._frames(is_post, queue, n)):
            start_fs = int(core["started_fs"]) + place * self._frame_time_fs
            end_fs = start_fs + self._frame_time_fs
            if end_fs > from_fs and start_fs < self._until_fs:
                name = f"{'post' if is_post else 'take'} {frame}"
                details = {"frame": frame, "function": self._names.owner(queue)}
                arrows = [] if is_post else real([frame])
                self._timeline.add(Slice(group, name, start_fs, end_fs, details, arrows))

    def _frames(self, is_post: bool, queue: int, n: int) -> Iterator[str]:
        if not is_post:
            yield from self._names.received(queue, int(self._nic["rx_queue"][queue]["taken"]), n)
            return
        first = int(self._nic["tx_queue"][queue]["posted"])
        for posted in range(first, first + n):
            yield self._names.posted(queue, posted)
