"""What a time line holds, and its JSON: the trace event format that Perfetto and chrome://tracing open."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hwmodel.units import FS_PER_NS

MOST_LANES = 16  # of a track whose slices overlap


class Track(NamedTuple):
    """Name a row, and the group of rows that it belongs to."""

    group: str
    name: str

    def row(self, number: int) -> Track:
        """Return one of the track's rows, numbered from 1; rows from 2 on hold slices that overlap earlier ones."""
        return self if number == 1 else Track(self.group, f"{self.name} ({number})")


@dataclass
class Slice:
    """Hold something that took time; `frames`: the ids of frames whose arrows pass through it.

    `rank`: an arrow passes through slices that begin at the same instant in the order of their rank.
    """

    track: Track
    name: str
    start_fs: int
    end_fs: int
    details: dict[str, Any]
    frames: list[str] = field(default_factory=list)
    rank: int = 1


class _Point(NamedTuple):
    """Hold an instant or a counter's new value; `unit` is empty for an instant."""

    track: Track
    at_fs: int
    unit: str
    value: Any


class Timeline:
    """Collect slices, instants and counters; times in femtoseconds, shown in whole nanoseconds, rounded down.

    Tracks and groups are shown in the order in which they are first named.
    """

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self.left_out: Counter[str] = Counter()
        self._waits: defaultdict[Track, list[Slice]] = defaultdict(list)
        self._points: list[_Point] = []
        self._levels: dict[Track, int] = {}
        self._places: dict[Track, tuple[int, int]] = {}
        self._groups: dict[str, int] = {}
        self._prefix = ""

    def section(self, prefix: str) -> Timeline:
        """Return a view of this time line that puts `prefix` before its groups' names."""
        found = copy(self)  # a shallow copy, which shares all lists and tables
        found._prefix = prefix
        return found

    def add(self, one: Slice) -> None:
        """Add a slice that overlaps no other of its track, or lies within one that was added before."""
        one.track = self.place(one.track)
        self.slices.append(one)

    def add_overlapping(self, one: Slice) -> None:
        """Add a slice that may overlap others: a track gets as many rows as it needs, up to `MOST_LANES`."""
        one.track = self.place(one.track)
        self._waits[one.track].append(one)

    def mark(self, track: Track, name: str, at_fs: int, details: dict[str, Any]) -> None:
        """Add an instant."""
        self._points.append(_Point(self.place(track), at_fs, "", (name, details)))

    def count(self, track: Track, unit: str, at_fs: int, value: int) -> None:
        """Set a counter, if its value has changed."""
        own = self.place(track)
        if self._levels.get(own) != value:
            self._levels[own] = value
            self._points.append(_Point(own, at_fs, unit, value))

    def place(self, track: Track) -> Track:
        """Fix a track's position after those named before; return it with its group's full name."""
        own = Track(f"{self._prefix}{track.group}", track.name)
        self._numbers(own)
        return own

    def _numbers(self, track: Track) -> tuple[int, int]:
        """Return a track's process and thread numbers."""
        if track not in self._places:
            group = self._groups.setdefault(track.group, len(self._groups) + 1)
            self._places[track] = (group, len(self._places) + 1)
        return self._places[track]

    def to_json(self, facts: dict[str, Any]) -> str:
        """Return the JSON document; its metadata hold `facts`, and counts of slices that were left out."""
        self._give_lanes()
        arrows = _arrows(self.slices)
        events = [*self._slice_events(arrows), *self._point_events()]
        events.sort(key=lambda event: event[:2])
        head = {"displayTimeUnit": "ns", "otherData": facts | {"left_out": dict(self.left_out)}}
        lines = ",\n".join([*self._names(), *(text for *_, text in events)])
        return f'{json.dumps(head)[:-1]}, "traceEvents": [\n{lines}\n]}}\n'

    def _give_lanes(self) -> None:
        """Assign overlapping slices to rows, each to the first row that is free when it begins."""
        for track, slices in self._waits.items():
            ends_ns: list[int] = []
            for one in sorted(_merged(slices), key=lambda one: one.start_fs):
                start_ns = one.start_fs // FS_PER_NS
                lane = next((lane for lane, end_ns in enumerate(ends_ns) if end_ns <= start_ns), len(ends_ns))
                if lane == MOST_LANES:
                    self.left_out[f"{track.group}: {track.name}"] += 1
                    continue
                ends_ns[lane : lane + 1] = [max(one.end_fs // FS_PER_NS, start_ns + 1)]
                one.track = track.row(lane + 1)
                self.add(one)
        self._waits.clear()

    def _slice_events(self, arrows: dict[tuple[int, str], str]) -> Iterator[tuple[int, int, str]]:
        """Yield each slice, followed by the arrow events through it, with time and rank to sort them by."""
        numbers: dict[str, int] = {}
        for place, one in enumerate(self.slices):
            pid, tid = self._numbers(one.track)
            start_ns, end_ns = one.start_fs // FS_PER_NS, one.end_fs // FS_PER_NS
            event = {"ph": "X", "name": one.name, "pid": pid, "tid": tid}
            times = f'"ts":{_us(start_ns)},"dur":{_us(end_ns - start_ns)}'
            yield one.start_fs, one.rank, _text(event | {"args": one.details}, times)
            for frame in one.frames:
                phase = arrows.get((place, frame))
                if phase is not None:
                    number = numbers.setdefault(frame, len(numbers) + 1)
                    arrow = {"ph": phase, "name": frame, "cat": "frame", "id": number, "pid": pid, "tid": tid}
                    if phase == "f":
                        arrow["bp"] = "e"
                    yield one.start_fs, one.rank, _text(arrow, f'"ts":{_us(start_ns)}')

    def _point_events(self) -> Iterator[tuple[int, int, str]]:
        for track, at_fs, unit, value in self._points:
            pid, tid = self._numbers(track)
            at_ns = at_fs // FS_PER_NS
            if unit:
                event = {"ph": "C", "name": track.name, "pid": pid, "args": {unit: value}}
            else:
                event = {"ph": "i", "s": "t", "name": value[0], "pid": pid, "tid": tid, "args": value[1]}
            yield at_fs, 0, _text(event, f'"ts":{_us(at_ns)}')

    def _names(self) -> Iterator[str]:
        """Give the names of groups and rows, and their order."""
        for group, pid in self._groups.items():
            for what, args in (("name", {"name": group}), ("sort_index", {"sort_index": pid})):
                yield _text({"ph": "M", "name": f"process_{what}", "pid": pid, "args": args})
        rows = {one.track for one in self.slices} | {point.track for point in self._points if not point.unit}
        order = {track: number for number, track in enumerate(sorted(rows, key=self._row_order))}
        for track, number in order.items():
            pid, tid = self._numbers(track)
            for what, args in (("name", {"name": track.name}), ("sort_index", {"sort_index": number})):
                yield _text({"ph": "M", "name": f"thread_{what}", "pid": pid, "tid": tid, "args": args})

    def _row_order(self, track: Track) -> tuple[int, int, int]:
        """Return a sort key that puts a track's further rows right after its first."""
        base, _, lane = track.name.partition(" (")
        first = self._places.get(Track(track.group, base), self._numbers(track))
        return (*first, int(lane[:-1]) if lane else 0)


def _merged(slices: Sequence[Slice]) -> list[Slice]:
    """Merge slices with the same begin and end into one, with their common details and the number of frames.

    Slices with arrows are merged only if there are more than MOST_LANES of them.
    """
    alike: defaultdict[tuple[int, int, bool], list[Slice]] = defaultdict(list)
    for one in slices:
        if "frame" in one.details:
            alike[one.start_fs, one.end_fs, "unfinished" in one.details].append(one)
    together = [members for members in alike.values() if not members[0].frames or len(members) > MOST_LANES]
    gone = {id(one) for members in together for one in members}
    return [*(one for one in slices if id(one) not in gone), *map(_together, together)]


def _together(members: Sequence[Slice]) -> Slice:
    first, last = members[0], members[-1]
    if first is not last:
        details = set.intersection(*(set(one.details.items()) for one in members))
        first.name = f"{first.name} to {last.name}"
        common = {name: value for name, value in first.details.items() if (name, value) in details}
        first.details = common | shown([one.details["frame"] for one in members])
        first.frames = [frame for one in members for frame in one.frames]
    return first


def _arrows(slices: Sequence[Slice]) -> dict[tuple[int, str], str]:
    """Return, by slice and frame, the arrow's phase: start, step or end; none for frames in a single slice."""
    steps: defaultdict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(slices)), key=lambda place: (slices[place].start_fs, slices[place].rank)):
        for frame in slices[place].frames:
            steps[frame].append(place)
    found = {}
    for frame, places in steps.items():
        if len(places) > 1:
            phases = ["s", *["t"] * (len(places) - 2), "f"]
            found.update({(place, frame): phase for place, phase in zip(places, phases, strict=True)})
    return found


def _us(time_ns: int) -> str:
    """Format nanoseconds as microseconds, exactly (without floats)."""
    return f"{time_ns // 1000}.{time_ns % 1000:03d}"


def _text(event: dict[str, Any], times: str = "") -> str:
    text = json.dumps(event, separators=(",", ":"))
    return f"{text[:-1]},{times}}}" if times else text


def shown(frames: Iterable[str]) -> dict[str, Any]:
    """Return a slice's details about its frames: one id, or the first and last and how many."""
    ids = list(frames)
    if len(ids) <= 1:
        return {"frame": ids[0]} if ids else {}
    return {"first_frame": ids[0], "last_frame": ids[-1], "frames": len(ids)}
