"""What a person reads of the stages of a window in which the machine changes: a row each, one line of all, notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hwmodel.resources import OFFERED_LOAD
from hwmodel.results.bottleneck_text import is_rate_limit
from hwmodel.words.quantities import (
    MISSING,
    counted,
    decimals_text,
    drop_words,
    gbps_text,
    listed,
    percent_text,
    printable,
    span_text,
    time_text,
)

if TYPE_CHECKING:
    from hwmodel.results.result import Result
    from hwmodel.results.stages import StageResult

STAGE_COLUMNS = (
    "stage", "time", "events", "to VMs, Gb/s", "outside, Gb/s", "mean latency", "p99", "what limits", "drops, frames",
)  # fmt: skip
STAGE_TEXT_COLUMNS = (0, 1, 2, 7, 8)
MOST_TOLD = 4  # in one line
MOST_EVENTS = 3  # numbers of events, if there are more
MOST_NAMES = 4
TOO_SHORT = "Too few frames were delivered in this stage to tell what limits."
NONE_DELIVERED = "No frame was delivered in this stage: it gives no rates."
UNTOLD = "Too short to tell whether buffers have settled: no intervals."


def stage_rows(result: Result, time: Callable[..., str] = time_text) -> list[tuple[str, ...]]:
    """Return a row of STAGE_COLUMNS for each stage; `time` writes a latency with its interval."""
    return [
        (
            str(number),
            span_text(one.start_ns, one.end_ns),
            events_text(one),
            decimals_text(one.totals.gbps, 3, one.intervals.get("totals.gbps")),
            decimals_text(one.outside_gbps, 3, one.intervals.get("outside_gbps")),
            time(one.latency_ns.mean, one.intervals.get("latency_ns.mean")),
            time(one.latency_ns.p99, one.intervals.get("latency_ns.p99")),
            printable(limit_text(one)),
            drop_words(one.drops, none=MISSING),
        )
        for number, one in enumerate(result.stages, start=1)
    ]


def stage_notes(result: Result) -> list[str]:
    """Return what the stages' figures cannot say, each note once, with the numbers of the stages."""
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(result.stages, start=1):
        for note in one.notes:
            numbers.setdefault(note, []).append(number)
    return [
        f"{'Stage' if len(own) == 1 else 'Stages'} {listed([*map(str, own)])}: {note}" for note, own in numbers.items()
    ]


def events_text(stage: StageResult) -> str:
    """Write the numbers of the events of a stage, from 1 on: `2`, `2, 3`, `2 to 9`."""
    numbers = [number + 1 for number in stage.events]
    if len(numbers) > MOST_EVENTS and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    more = [f"{len(numbers) - MOST_EVENTS} more"] if len(numbers) > MOST_EVENTS else []
    return ", ".join([*map(str, numbers[:MOST_EVENTS]), *more]) or MISSING


def limit_text(stage: StageResult) -> str:
    """Name what limits a stage and how busy it is; where nothing does, what is fullest, or how often it changes."""
    found = stage.bottleneck
    if stage.n_changes:
        return counted(stage.n_changes, "change")
    if not found.resource:
        return MISSING
    share = "" if is_rate_limit(found.resource) or not found.utilization else percent_text(found.utilization)
    if found.resource == OFFERED_LOAD:
        return f"offered_load (busiest {share})" if share else found.resource
    return f"{'' if found.is_limit else 'fullest: '}{found.resource} {share}".rstrip()


def stage_sentence(result: Result) -> str:
    """Say of the first stages how long each was, its throughput and its limit, and how many more there are.

    Those in which the machine is one machine and gives rates, if there are any.
    """
    told = []
    telling = [one for one in result.stages if one.totals.gbps is not None and not one.n_changes] or result.stages
    for one in telling[:MOST_TOLD]:
        rates = [gbps_text(one.totals.gbps)] if one.totals.gbps or not one.outside_gbps else []
        rates += [f"{gbps_text(one.outside_gbps)} outside"] if one.outside_gbps else []
        limit = limit_text(one)
        told.append(
            f"{span_text(one.start_ns, one.end_ns)}: {', '.join([*rates, limit] if limit != MISSING else rates)}"
        )
    n_more = len(result.stages) - len(told)
    return f"By stage: {'; '.join(told)}" + (f"; {n_more} more: --verbose shows them" if n_more > 0 else "")


def too_few(n_frames: int, least: int) -> str:
    """Say that a stage is too short for rates; `least`: frames that it takes."""
    return f"{counted(n_frames, 'frame')} delivered in this stage, too few for rates, which take {least:,}."


def changes_within(n_changes: int) -> str:
    """Say that a stage is no single machine's."""
    return (
        f"{counted(n_changes, 'change')} within this stage, too near each other for stages between: its figures are "
        "means over these, without intervals."
    )


def no_interval(names: Sequence[str]) -> str:
    """Say which figures have no interval, as the stage does not tell how far off they are."""
    told = list(dict.fromkeys(name.rpartition(".")[0] if "_ns." in name else name for name in names))
    shown = [*told[:MOST_NAMES], *([f"{len(told) - MOST_NAMES} more"] if len(told) > MOST_NAMES else [])]
    return f"No interval of {listed(shown)}: still settling in this stage, or queues remember longer than it lasts."


def not_steady(depths: Sequence[str]) -> str:
    """Say which buffers fill or empty in a stage; `depths`: their depths in words."""
    verb = "has" if len(depths) == 1 else "have"
    return (
        f"{listed(depths)[0].upper()}{listed(depths)[1:]} {verb} not settled in this stage, so that it does not tell "
        "what its figures would come to: no intervals."
    )
