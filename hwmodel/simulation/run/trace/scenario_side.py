"""What a scenario does: its events, the stages that functions go through, the commands that components carry out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hwmodel.machine.time.commands import DRIVER_JOB, FUNCTION_OFF, FUNCTION_ON, SHAPER, WORDS
from hwmodel.results.series import Series
from hwmodel.simulation.run.trace.timeline import MOST_LANES, Slice, Timeline, Track
from hwmodel.units import FS_PER_NS

EVENTS = Track("Scenario", "events")
COMMANDS = Track("Scenario", "commands")
OF_FUNCTIONS = (SHAPER, FUNCTION_OFF, FUNCTION_ON)


class Commands:
    """Mark the commands that a component carries out, one mark for each instant."""

    def __init__(self, commands: Any, timeline: Timeline, owners: Sequence[str] = ()) -> None:
        self._commands, self._timeline, self._owners = commands, timeline, owners
        self._n = int(commands.head)

    def look(self, now_fs: int) -> None:
        """Record the commands carried out in this instant."""
        done = [self._commands["ring"][at] for at in range(self._n, int(self._commands.head))]
        self._n += len(done)
        words: dict[str, int] = {}
        for command in done:
            if command["kind"] != DRIVER_JOB:
                name = self._name(int(command["kind"]), int(command["part"]))
                words[name] = words.get(name, 0) + int(command["n"])
        if words:
            self._timeline.mark(COMMANDS, ", ".join(words), now_fs, {"words": sum(words.values())})

    def _name(self, kind: int, part: int) -> str:
        return f"{self._owners[part]}: {WORDS[kind]}" if kind in OF_FUNCTIONS else WORDS[kind]


def show_scenario(timeline: Timeline, series: Series, run_end_ns: float, start_fs: int, end_fs: int) -> None:
    """Mark the events within a period, and show each function's stages in it on a track of its own."""
    n_before: Counter[int] = Counter()  # events per instant so far: each gets a row of its own
    for number, event in enumerate(series.events, start=1):
        if event.at_ns is None:
            continue
        at_fs = round(event.at_ns * FS_PER_NS)
        if start_fs <= at_fs <= end_fs:
            n_before[at_fs] += 1
            if n_before[at_fs] > MOST_LANES:
                timeline.left_out[f"{EVENTS.group}: {EVENTS.name}"] += 1
                continue
            track = EVENTS.row(n_before[at_fs])
            timeline.mark(track, event.event, at_fs, {"event": number, "did": event.did})
    for vm in dict.fromkeys(life.vm for life in series.lives):
        for one in _stages(series, vm, run_end_ns):
            first_fs, last_fs = max(one.start_fs, start_fs), min(one.end_fs, end_fs)
            if first_fs < last_fs:
                one.start_fs, one.end_fs = first_fs, last_fs
                timeline.add(one)


def _stages(series: Series, vm: str, run_end_ns: float) -> Iterator[Slice]:
    for stage in series.stages(vm, run_end_ns):
        name = "off (reset)" if stage.name == "reset" else stage.name
        details: dict[str, Any] = {"whole_ns": stage.end_ns - stage.start_ns}
        if stage.event is not None:
            details["event"] = stage.event + 1
        start_fs, end_fs = (round(end_ns * FS_PER_NS) for end_ns in (stage.start_ns, stage.end_ns))
        yield Slice(Track(EVENTS.group, vm), name, start_fs, end_fs, details)
