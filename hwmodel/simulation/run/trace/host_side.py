"""The host: its completions of reads, by tag, its IOMMU's translations, and its cores' work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwmodel.agents.drivers import Kept
from hwmodel.compiled.records import NEVER
from hwmodel.machine.guest.guest_state import N_TASKS, POST_TASK, SLOW_TASK, SWITCH_TASK
from hwmodel.machine.time.stalls import behind_stalls
from hwmodel.machine.tlp_kinds import OF_KIND, READS, UP
from hwmodel.rules.driver_jobs import AGENTS_FROM
from hwmodel.simulation.figures.measurement import host_stalled_fs
from hwmodel.simulation.run.trace.frame_parts import FrameNames, real
from hwmodel.simulation.run.trace.link_tlps import StartedTlp, link_groups, read_frames
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track, shown
from hwmodel.words.quantities import counted

BEHIND_STALLS = getattr(behind_stalls, "py_func", behind_stalls)  # as Python has it
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

    def __init__(self, nic: Any, names: FrameNames, timeline: Timeline) -> None:
        self._tags, self._names, self._timeline = nic["pcie"][0]["tags"], names, timeline
        self._requests = nic["pcie"][0]["up"]["second"]
        self._group = link_groups(nic)[1]
        self._n = int(nic.pcie[0].tags.params.n_tags)
        self._slots = nic["pcie"][0]["tags"]["slot"][: self._n]
        self._open: dict[int, _Read] = {}
        self._key = (-1, -1)

    def look(self, now_fs: int, started: Iterable[StartedTlp]) -> None:
        """Record tags taken and freed in this instant, and the times of their reads that TLPs give."""
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
            elif read.ready_fs is None and tlp.ready_fs < NEVER:
                read.ready_fs = tlp.ready_fs

    def received(self, tag: int, at_fs: int) -> None:
        """Record when the host receives a read request through PCIe switches."""
        if tag in self._open:
            self._open[tag].received_fs = at_fs

    def answered(self, tag: int, at_fs: int) -> None:
        """Record when a read's first completion, now sent to the PCIe switches, was ready at the host."""
        if tag in self._open and self._open[tag].ready_fs is None:
            self._open[tag].ready_fs = at_fs

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
        return _Read(int(slot["taken_fs"]), OF_KIND[int(slot["kind"])].words, details | shown(frames))

    def _close(self, tag: int, end_fs: int, more: dict[str, Any]) -> None:
        read = self._open.pop(tag)
        track = Track(self._group, f"tag {tag}")
        self._timeline.add(Slice(track, read.name, read.taken_fs, end_fs, read.details | {"tag": tag} | more))
        times = (("request", read.received_fs), ("host", read.ready_fs), ("completions", end_fs))
        start_fs: int | None = read.taken_fs
        for name, until_fs in times:
            # An unknown time lies before the time line's begin or after its end.
            if start_fs is not None and until_fs is not None and until_fs <= end_fs:
                self._timeline.add(Slice(track, name, start_fs, until_fs, {}))
            start_fs = until_fs


class Translations:
    """Show the TLPs that wait for the IOMMU; it translates any number at once, and writes pass in order."""

    def __init__(self, nic: Any, timeline: Timeline) -> None:
        self._has_iotlb = bool(nic.pcie[0].params.has_iotlb)
        self._cache, self._order, self._timeline = nic["host"][0]["translation"], nic["host"][0]["order"], timeline
        self._flying: deque[StartedTlp] = deque()

    def look(self, now_fs: int, started: Iterable[StartedTlp]) -> None:
        """Show how long the TLP that the host receives in this instant (at most one) waits for translation."""
        if not self._has_iotlb:
            return
        while self._flying and self._flying[0].arrives_fs <= now_fs:
            tlp = self._flying.popleft()
            if tlp.arrives_fs == now_fs:
                self._wait(now_fs, tlp)
        self._flying += [tlp for tlp in started if OF_KIND[tlp.kind].direction == UP and tlp.arrives_fs < NEVER]

    def comes(self, tlp: StartedTlp) -> None:
        """Expect a TLP at the host, after all others in flight."""
        self._flying.append(tlp)

    def _wait(self, now_fs: int, tlp: StartedTlp) -> None:
        cache = self._cache
        is_read = tlp.kind in READS
        until_fs = int(cache["there_fs"] if is_read else self._order["passed_fs"].max())
        if until_fs > now_fs:
            ids = ("frame", "first_frame", "last_frame", "frames", "function", "tag")
            details = {name: tlp.shown.details[name] for name in ids if name in tlp.shown.details}
            self._timeline.add_overlapping(Slice(IOMMU, tlp.shown.name, now_fs, until_fs, details))


class Cores:
    """Show what each of the host's cores does: interrupts, each frame, writes to registers, messages to the PF.

    For a virtual switch, each batch of frames that it passes on, or a VM's thread hands over, is shown as one.

    `messages`: what PFs' drivers have done for messages; `prefix`: of the functions' names.
    """

    def __init__(
        self,
        nic: Any,
        names: FrameNames,
        timeline: Timeline,
        until_fs: int,
        messages: Sequence[Kept],
        prefix: str,
    ) -> None:
        self._nic, self._names, self._timeline, self._until_fs = nic, names, timeline, until_fs
        self._messages, self._prefix = messages, prefix
        self._cores = nic["guests"]["core"][: int(nic.guests.params.n_cores)]
        self._stall = nic.guests.params.stall
        self._next_stall_fs = int(self._stall.first_fs)
        self._begun, self._held_fs = np.full((len(self._cores), 2), -1), np.full(len(self._cores), -1)
        self._is_agents = np.zeros(len(self._cores), bool)
        self._free_fs = self._cores["free_fs"].copy()

    def look(self, from_fs: int, now_fs: int) -> None:
        """Record what cores have begun, without what ends before `from_fs`."""
        self._show_stalls(from_fs, now_fs)
        for number in np.flatnonzero(self._cores["free_fs"] != self._free_fs).tolist():
            end_fs = int(self._cores[number]["free_fs"])
            self._add(number, from_fs, "register write", end_fs - int(self._cores[number]["doorbell_time_fs"]), end_fs)
        self._free_fs = self._cores["free_fs"].copy()
        self._show_held(from_fs, now_fs)
        started_fs = np.where(self._cores["is_running"] & (self._held_fs < 0), self._cores["started_fs"], -1)
        begun = np.stack([started_fs, self._cores["queue"]], 1)
        changed = np.flatnonzero((begun != self._begun).any(axis=1) & (begun[:, 0] >= 0))
        self._begun = begun
        for number in changed.tolist():
            self._piece(number, self._cores[number], from_fs)

    def _show_stalls(self, from_fs: int, now_fs: int) -> None:
        """Show the host's stalls that have begun."""
        track = Track("Host cores", "stalls of the host")
        while self._stall.for_fs and self._next_stall_fs <= now_fs:
            end_fs = self._next_stall_fs + int(self._stall.for_fs)
            if end_fs > from_fs:
                self._timeline.add(Slice(track, "stall", self._next_stall_fs, end_fs, {}))
            self._next_stall_fs += int(self._stall.every_fs)

    def _works_until(self, from_fs: int, work_fs: int) -> int:
        return int(BEHIND_STALLS(self._stall, from_fs, work_fs)) if self._stall.for_fs else from_fs + work_fs

    def _show_held(self, from_fs: int, now_fs: int) -> None:
        """Show for how long jobs have held the cores that they have just given back: whose, and for what message."""
        is_held = (self._cores["is_running"] != 0) & (self._cores["kind"] == N_TASKS)
        held_fs = np.where(is_held, self._cores["started_fs"], -1)
        for number in np.flatnonzero((self._held_fs >= 0) & (self._held_fs != held_fs)).tolist():
            start_fs = int(self._held_fs[number])
            served = next((one for one in self._messages if one.from_fs == start_fs and self._is_on(one, number)), None)
            name, details = "work" if self._is_agents[number] else "driver", {}
            if served is not None:
                details = {"function": served.function.removeprefix(self._prefix), "message": served.text}
                name = f"message {served.text}"
            self._add(number, from_fs, name, start_fs, now_fs, details)
        if (held_fs != self._held_fs).any():
            jobs = self._nic["jobs"]["job"]
            of_agents = jobs["function"][(jobs["has_core"] != 0) & (jobs["number"] >= AGENTS_FROM)]
            self._is_agents = np.isin(np.arange(len(self._cores)), self._core_of(of_agents))
        self._held_fs = held_fs

    def _is_on(self, kept: Kept, core: int) -> bool:
        """Tell whether the function of a driver has a core."""
        stations = [self._names.station(one) for one in self._names.owners]
        if kept.function not in stations:
            return False
        return int(self._core_of(stations.index(kept.function))) == core

    def _core_of(self, functions: Any) -> Any:
        """Return the core of a function's driver, or of each of an array."""
        first_rings = self._nic["function"]["params"]["first_queue"][functions]
        return self._nic["tx_queue"]["params"]["core"][first_rings]

    def _piece(self, number: int, core: Any, from_fs: int) -> None:
        is_post = core["kind"] == POST_TASK
        ring = int(core["queue"])
        function = self._names.owner(ring)
        if core["kind"] in (SWITCH_TASK, SLOW_TASK):
            what, frames = self._passed(core, ring)
            name = f"{what} {frames[0] if len(frames) == 1 else f'{len(frames)} frames'}"
            start_fs, end_fs = int(core["started_fs"]), int(core["ends_fs"])
            self._add(number, from_fs, name, start_fs, end_fs, {"function": function}, real(frames))
            return
        driver = self._nic["guests"]["driver"][
            int(self._nic["tx_queue" if is_post else "rx_queue"][ring]["params"]["function"])
        ]
        start_fs = int(core["started_fs"])
        stalled_fs = int(np.diff(host_stalled_fs(self._stall, np.array([start_fs, int(core["ends_fs"])])))[0])
        entry_fs = int(core["work_fs"]) - (int(core["ends_fs"]) - start_fs - stalled_fs)
        self._add(number, from_fs, "interrupt", start_fs - entry_fs, start_fs, {"function": function})
        if not is_post and self._names.is_of_uplink(ring):
            taken = list(self._names.received(ring, int(self._nic["rx_queue"][ring]["taken"]), int(core["n"])))
            name = f"pass {taken[0]}" if len(taken) == 1 else f"pass {len(taken)} frames"
            self._add(number, from_fs, name, start_fs, int(core["ends_fs"]), {"function": function}, real(taken))
            return
        if is_post and int(self._nic["guests"]["params"]["posts_sends"]):
            name = f"post {counted(int(core['n']), 'send')}"
            self._add(number, from_fs, name, start_fs, int(core["ends_fs"]), {"function": function})
            return
        for frame, n_bytes, is_more in self._frames(is_post, ring, int(core["n"])):
            frame_fs = 0 if is_more else int(driver["frame_time_fs"])
            end_fs = self._works_until(start_fs, frame_fs + n_bytes * int(driver["byte_time_fs"]))
            name, arrows = f"{'post' if is_post else 'take'} {frame}", [] if is_post else real([frame])
            self._add(number, from_fs, name, start_fs, end_fs, {"frame": frame, "function": function}, arrows)
            start_fs = end_fs

    def _passed(self, core: Any, ring: int) -> tuple[str, list[str]]:
        """Return what a core of a virtual switch does with the frames of a piece, which it has begun, and their ids.

        A thread of a VM hands over, and the slow path decides on, what waits aside for a ring.
        """
        n = int(core["n"])
        if core["kind"] == SWITCH_TASK:
            first = int(self._nic["tx_queue"][ring]["picked"])
            return "pass", [self._names.posted(ring, position) for position in range(first, first + n)]
        switch, frames = self._nic["virtual_switch"], list[str]()
        place = int(switch["aside"]["of_ring"]["head"][ring])
        while place and len(frames) < n:
            waiting = switch["aside"]["place"][place - 1]
            frames.append(self._names.at(int(waiting["frame"]["journey"])))
            place = int(waiting["following"])
        return "hand over" if int(switch["params"]["n_threads"]) else "decide on", frames

    def _add(
        self, number: int, from_fs: int, name: str, start_fs: int, end_fs: int,
        details: dict[str, Any] | None = None, arrows: Sequence[str] = (),
    ) -> None:  # fmt: skip
        takes_no_time = start_fs == end_fs and not arrows
        if end_fs > from_fs and start_fs < self._until_fs and not takes_no_time:
            track = Track("Host cores", f"core {number}")
            self._timeline.add(Slice(track, name, start_fs, end_fs, details or {}, list(arrows)))

    def _frames(self, is_post: bool, ring: int, n: int) -> Iterator[tuple[str, int, bool]]:
        """Yield ids and bytes of the next frames of a ring, and whether each continues the previous receive."""
        queue = self._nic["tx_queue" if is_post else "rx_queue"][ring]
        first = int(queue["posted" if is_post else "taken"])
        posted = (self._names.posted(ring, number) for number in range(first, first + n))
        names = posted if is_post else self._names.received(ring, first, n)
        held = self._nic["guests"]["post" if is_post else "finished"]
        for number, name in enumerate(names, first):
            one = held[int(queue["first"]) + (number & int(queue["mask"]))]
            yield name, int(one["n_bytes"]), not is_post and bool(one["is_more"])
