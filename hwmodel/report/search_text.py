"""What `hwmodel search` prints: the answer with its interval, then the loads that were run."""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.report.quantities import MISSING, printable, three_digits, time_text
from hwmodel.report.text_table import table
from hwmodel.results import LoadSearch, LoadTrial

_WORDS = {"met": "gets through", "lost": "loses frames", "grows": "queues grow", "": MISSING}


def search_text(found: LoadSearch) -> str:
    """Return the answer and the loads, plain text that ends with a newline."""
    lines = [search_sentence(found)]
    if found.why:
        lines.append(f"Just above: limited by {printable(found.limited_by)}. {printable(found.why)}")
    lines += list(found.notes)
    if found.curve:
        lines += ["", *_rows(found.curve, with_verdict=False)]
    elif found.trials:
        lines += ["", *_rows(sorted(found.trials, key=lambda trial: trial.share), with_verdict=True)]
    return "\n".join(lines) + "\n"


def search_sentence(found: LoadSearch) -> str:
    """Say the answer of a search in one sentence."""
    by_runs = f"{found.simulations} simulations"
    if found.kind == "back_to_back":
        low, high = found.interval_burst or (0, None)
        below = "" if high is None else f" (one of {high:,} is not)"
        wire = found.burst_wire_gbps
        counted = "" if wire is None else f" ({three_digits(wire)} Gb/s with preamble and gap, all senders together)"
        rate = f"{_mpps(found.burst_mpps)}{counted}"
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


def _rows(trials: Sequence[LoadTrial], *, with_verdict: bool) -> list[str]:
    header = ("load", "offered", "delivered", "Gb/s", "lost", "p50", "p99", "p99.9", "limited by", "verdict")
    rows = [_row(trial) for trial in trials]
    n_columns = len(header) if with_verdict else len(header) - 1
    shown = [row[:n_columns] for row in rows]
    return [line.text for line in table(header[:n_columns], shown, (8, 9))]


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
    return MISSING if value is None else f"{value:.4f} Mpps"
