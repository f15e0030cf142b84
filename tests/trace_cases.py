"""A run's time line as Perfetto's own trace processor reads it, with what its tests ask of every one."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from dataclasses import dataclass

from hwmodel.config import Config
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.simulation.run.trace.frame_parts import PARTS
from tests.perfetto_reader import Reader

# Of each slice: its number, group, row, name, start, length and depth. `frame` is one of its arguments.
SLICES = """
    SELECT slice.id, process.name AS g, thread.name AS t, slice.name, ts, dur, depth FROM slice
    JOIN thread_track ON track_id = thread_track.id JOIN thread USING (utid) JOIN process USING (upid)
    WHERE category IS NULL OR category != 'none' ORDER BY ts, slice.id
"""
ARROWS = "SELECT trace_id, slice_out, slice_in FROM flow ORDER BY id"
COUNTERS = (
    "SELECT name, MIN(value), MAX(value), COUNT(*) FROM counter JOIN counter_track ON track_id = counter_track.id"
)
PART_ROWS = {title for _, title in PARTS.values()}
FAULTS = "SELECT name, value FROM stats WHERE severity IN ('error', 'data_loss') AND value > 0"


@dataclass
class Traced:
    config: Config
    result: Result
    document: dict
    reader: Reader
    slices: list
    arguments: dict

    def of(self, group: str, row: str = "") -> list:
        return [one for one in self.slices if one[1] == group and one[2].startswith(row)]

    def steps(self) -> dict[int, list[tuple[int, str]]]:
        """Return for each arrow the start and name of its slices, in the arrow's order."""
        by_id = {one[0]: one for one in self.slices}
        links = defaultdict(list)
        for arrow, source, target in self.reader.rows(ARROWS):
            links[arrow].append((by_id[source], by_id[target]))
        for pairs in links.values():
            assert all(a[1][0] == b[0][0] for a, b in itertools.pairwise(pairs))
        return {arrow: [pairs[0][0], *(target for _, target in pairs)] for arrow, pairs in links.items()}


def trace_of(folder, config: Config, **stretch: int) -> Traced:
    path = folder / "trace.json"
    result = simulate(config, trace_path=str(path), **stretch)
    reader = Reader(trace=str(path))
    arguments: dict[int, dict] = defaultdict(dict)
    query = "SELECT slice.id, key, int_value, string_value, real_value FROM slice JOIN args USING (arg_set_id)"
    for number, key, whole, text, real_value in reader.rows(query):
        value = whole if whole is not None else text if text is not None else real_value
        arguments[number][key.removeprefix("args.")] = value
    return Traced(config, result, json.loads(path.read_text()), reader, reader.rows(SLICES), arguments)


def check_document(traced: Traced) -> None:
    """Check that the processor takes every event, and that rows have one slice at a time."""
    assert traced.reader.rows(FAULTS) == []
    events = traced.document["traceEvents"]
    assert len(traced.slices) == sum(event["ph"] in "Xi" for event in events)
    rows = defaultdict(list)
    for _, group, row, _, start, length, depth in traced.slices:
        # There, the parts of a read, or the phases of a transaction on a bus, lie within it.
        assert depth <= (group.endswith(" reads") or group.startswith(("PCI ", "PCI-X ")))
        if depth == 0:
            rows[group, row].append((start, start + length))
    assert all(end <= start for spans in rows.values() for (_, end), (start, _) in itertools.pairwise(spans))
    _check_ends(traced)


def _check_ends(traced: Traced) -> None:
    """Check that parts of frames lie within the trace, but for the end of what is being sent."""
    facts = traced.document["otherData"]
    parts = [one for one in traced.slices if one[2].partition(" (")[0] in PART_ROWS and one[1] != "Scenario"]
    assert all(one[4] >= facts["start_ns"] for one in parts)
    late = {one[2].partition(" (")[0] for one in parts if one[4] + one[5] > facts["end_ns"]}
    assert late <= {"waits for the wire, and is sent"}
