"""What `hwmodel search` and `hwmodel explain` print: one sentence with the answer, then the runs behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwmodel.results.reading import direction_words
from hwmodel.words.quantities import (
    MISSING,
    change_text,
    counted,
    drop_words,
    fixed_text,
    gbps_text,
    listed,
    percent_text,
    printable,
    table,
    three_digits,
    time_text,
)

if TYPE_CHECKING:
    from hwmodel.results.explored import LoadSearch, LoadTrial
    from hwmodel.results.result import Relaxed, Result

TRIAL_COLUMNS = ("load", "offered", "delivered", "Gb/s", "lost", "p50", "p99", "p99.9", "limited by", "verdict")
_WORDS = {"met": "gets through", "lost": "loses frames", "grows": "queues grow", "": MISSING}


def search_text(found: LoadSearch) -> str:
    """Return the answer and the loads, plain text that ends with a newline."""
    lines = [search_sentence(found), *search_reasons(found)]
    header, rows = trial_rows(found)
    if rows:
        lines += ["", *(line.text for line in table(header, rows, (8, 9)))]
    return "\n".join(lines) + "\n"


def search_reasons(found: LoadSearch) -> list[str]:
    """Return what limits just above the answer, and notes on it."""
    why = f"Just above: limited by {printable(found.limited_by)}. {printable(found.why)}"
    return [why, *found.notes] if found.why else list(found.notes)


def trial_rows(found: LoadSearch) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and a row for each load of the curve that was asked for, else for each that was tried."""
    columns = TRIAL_COLUMNS[:-1] if found.curve else TRIAL_COLUMNS
    return columns, [_row(trial)[: len(columns)] for trial in loads_of(found)]


def loads_of(found: LoadSearch) -> Sequence[LoadTrial]:
    """Return the loads to show, by their share."""
    return found.curve or sorted(found.trials, key=lambda trial: trial.share)


def search_sentence(found: LoadSearch) -> str:
    """Say the answer of a search in one sentence."""
    by_runs = counted(found.simulations, "simulation")
    if found.kind == "back_to_back":
        low, high = found.interval_burst or (0, None)
        below = "" if high is None else f" (one of {high:,} is not)"
        wire = found.burst_wire_gbps
        at_wire = "" if wire is None else f" ({three_digits(wire)} Gb/s with preamble and gap, all senders together)"
        rate = f"{_mpps(found.burst_mpps)}{at_wire}"
        return f"A burst of {low:,} frames at {rate} is carried without loss{below}; {by_runs}."
    if found.kind == "loss_curve":
        beside = f", beside {_mpps(found.beside_mpps)} of given rates" if found.beside_mpps else ""
        return (
            f"Loss by load, in shares of the closed form's ceiling, {_mpps(found.reference_mpps)}{beside}; {by_runs}."
        )
    what = "without loss" if not found.loss else f"with at most {100 * found.loss:.3g} % lost"
    if found.mpps is None or found.interval_mpps is None or found.share is None:
        return f"No load was found {what}; {by_runs}."
    low_mpps, high_mpps = found.interval_mpps
    above = "" if high_mpps is None else f", and {_mpps(high_mpps)} is too much"
    gbps = "" if found.gbps is None else f" ({three_digits(found.gbps)} Gb/s)"
    beside = f"{_mpps(found.beside_mpps)} of given rates and " if found.beside_mpps else ""
    return (
        f"{_mpps(low_mpps)}{gbps} get through {what}{above}: {beside}{100 * found.share:.2f} % of the closed form's "
        f"{_mpps(found.reference_mpps)}; {by_runs}."
    )


def _row(trial: LoadTrial) -> tuple[str, ...]:
    latency = trial.latency_ns
    return (
        f"{100 * trial.share:.2f} %",
        _mpps(trial.offered_mpps),
        _mpps(trial.delivered_mpps),
        MISSING if trial.gbps is None else three_digits(trial.gbps),
        MISSING if trial.loss is None else f"{100 * trial.loss:.3f} %",
        time_text(latency.p50),
        time_text(latency.p99),
        time_text(latency.p999),
        printable(trial.failure or trial.limited_by),
        _WORDS[trial.verdict],
    )


def _mpps(value: float | None) -> str:
    return MISSING if value is None else f"{fixed_text(value, 4)} Mpps"


# ---- What a search says beside its answer. ----

AT_LEAST = "More cannot be offered: the answer is at least this."
QUEUES_GROW = (
    "Where nothing was dropped yet, queues grew as fast in a window four times as long: they overflow in time."
)


def loses_anyhow(least: LoadTrial) -> str:
    """Say what the least of all loads loses, and why, where none was found that loses as little as is allowed."""
    loss, dropped = least.loss or 0.0, sum(least.drops.values())
    shares = [f"{percent_text(loss * count / dropped)} by {printable(name)}" for name, count in least.drops.items()]
    told = f"Of the least load that was tried, {100 * least.share:.2f} % of what the closed form allows,"
    return f"{told} {listed(shares)} is lost." if shares else f"{told} {percent_text(loss)} stays in queues that grow."


def no_latencies(notes: Sequence[str]) -> str:
    """Say that there is no load to measure latencies at, and what a search said of it."""
    return " ".join(["no load was found without loss, so there is none to measure latencies at.", *notes]).rstrip(".")


def with_a_tenth_more(why: str) -> str:
    """Say that a reason holds for a tenth more load."""
    return f"So it is with a tenth more load: {why[0].lower()}{why[1:]}"


def lost_in_bursts(share: float) -> str:
    """Say that nothing is full for long at a load that loses frames; `share`: of the closed form's ceiling."""
    return (
        f"It is the lowest ceiling of the closed form, of which this load is {100 * share:.0f} %; what is lost "
        "here is lost in bursts, while nothing is full for long."
    )


def endless_burst(n_frames: int) -> str:
    """Say that even the longest burst tried got through."""
    return f"No longer burst than {n_frames:,} frames was tried: at this rate it seems to have no end."


def longer_burst_loses(drops: str) -> str:
    """Say what the burst just above the answer loses."""
    return f"The burst just above loses frames: {drops}."


def spaced_by_cores(n_senders: int, asked_mpps: float, posted_mpps: float) -> str:
    """Say that senders' cores post more slowly than their shares of a burst's rate."""
    return (
        f"Each of {n_senders:,} senders has {asked_mpps:.3g} Mpps of the burst, and its core posts at most "
        f"{posted_mpps:.3g} Mpps: the cores space the burst, so that its frames come more slowly than this."
    )


RELAXED_COLUMNS = ("made larger", "", "Gb/s", "gain", "p50", "change", "then limited by")
MATTERS = 0.02  # a smaller gain may come from the ends of the window


def relaxed_text(result: Result) -> str:
    """Return the answer and the table, plain text that ends with a newline."""
    lines = [relaxed_sentence(result), ""]
    lines += [line.text for line in table(RELAXED_COLUMNS, relaxed_rows(result), left_columns=(0, 1, 6))]
    has_nothing = bool(_nothing_arrives(result))
    is_short = not has_nothing and any(one.gain is None and not one.failure for one in result.relaxed)
    unknown = "; -: its window is too short for a rate" if is_short else ""
    is_unsure = any(one.could_be_chance for one in result.relaxed)
    unsure = "; ~: 0 lies in the 95 % interval of the gain" if is_unsure else ""
    outward = "stations outside" if result.bridges else "the wire"
    direction = result.told_latency()[0]
    of = f"; p50: {direction_words(direction, result)}" if direction else ""
    lines.append(f"(*: what the run itself names; Gb/s: what VMs and {outward} get together{of}{unsure}{unknown})")
    return "\n".join(lines) + "\n"


def relaxed_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row of RELAXED_COLUMNS for each resource made larger."""
    return [_relaxed_row(relaxed) for relaxed in result.relaxed]


def relaxed_sentence(result: Result) -> str:
    """Say what gains most, and whether that is the bottleneck that the run itself names."""
    named = result.bottleneck.resource or "nothing"
    own = max((each for each in result.relaxed if each.is_bottleneck), key=_gain, default=None)
    best = max(result.relaxed, key=_gain, default=None)
    if best is None:
        return "Nothing in this configuration can be made larger."
    if all(each.failure for each in result.relaxed):
        return f"No run with a resource made larger could be made. The run names {named}."
    if nothing := _nothing_arrives(result):
        more = max((each for each in result.relaxed if each.gbps), key=lambda each: each.gbps or 0.0, default=None)
        if more is None:
            return f"{nothing}, and nothing made larger by itself changes that. The run names {named}."
        return f"{nothing}; with {more.resource} made larger ({more.change}) {gbps_text(more.gbps)} arrive."
    if all(each.gain is None for each in result.relaxed):
        return f"The window is too short to give a rate (run.duration). The run names {named}."
    if _gain(best) < MATTERS:
        return (
            "No resource made larger by itself gives 2 % more throughput: several are full at once, or all "
            f"that is offered gets through. The run names {named}."
        )
    first = f"{best.resource} made larger ({best.change}) gains most: {_share(best.gain)} throughput"
    if best.could_be_chance and best.gain_interval is not None:
        first += f", which could be chance (95 % interval from {_share(best.gain_interval[0])}; run.duration)"
    if own is None:
        return f"{first}. The run names {named}, which cannot be made larger here."
    if own.gain is None:
        why = "cannot be run" if own.failure else "has a window too short for a rate"
        return f"{first}. The run names {named}, which made larger {why}."
    if own is best or _gain(own) >= _gain(best) - MATTERS:
        return f"{first}. The run itself names {named} too."
    if _gain(own) >= MATTERS:
        return f"{first}. The run names {named}, which gains {_share(own.gain)}: it limits, but not alone."
    return f"{first}. The run names {named}, which gains {_share(own.gain)}: what gains most is the answer."


def _nothing_arrives(result: Result) -> str:
    """Say why nothing arrives, however long a run is: nobody sends, or all is dropped; empty where something does."""
    totals, window, gbps = result.totals, result.window, result.throughput_gbps()
    arrived = totals.delivered_frames if window.vm_frames is None else window.vm_frames + (window.wire_frames or 0)
    if gbps or arrived:
        return ""
    if not totals.offered_frames:
        return "Nobody sends anything" if gbps is not None else ""  # with more time some frames may come
    is_lost = totals.dropped_frames > totals.in_flight_frames  # what is under way may arrive yet
    return f"Nothing that is sent arrives: it is dropped ({drop_words(result.drops, '')})" if is_lost else ""


def _relaxed_row(relaxed: Relaxed) -> tuple[str, ...]:
    return (
        printable(relaxed.resource) + (" *" if relaxed.is_bottleneck else ""),
        printable(relaxed.change),
        MISSING if relaxed.gbps is None else gbps_text(relaxed.gbps).removesuffix(" Gb/s"),
        ("~ " if relaxed.could_be_chance else "") + _share(relaxed.gain),
        MISSING if relaxed.p50_ns is None else time_text(relaxed.p50_ns),
        _share(relaxed.p50_change),
        printable(f"failed: {relaxed.failure}" if relaxed.failure else relaxed.limited_by),
    )


def _gain(relaxed: Relaxed) -> float:
    return relaxed.gain or 0.0


def _share(change: float | None) -> str:
    return MISSING if change is None else change_text(change)
