"""The summary that `hwmodel run` prints: the answer first, then the evidence, every figure with its unit."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from hwmodel.report.falling_latency import falling_latency_sentences
from hwmodel.report.quantities import (
    MISSING,
    PLUS_MINUS,
    count_text,
    decimals_text,
    drop_words,
    percent_text,
    printable,
    span_text,
    three_digits,
    time_text,
)
from hwmodel.report.reading import (
    QUEUE_UNITS,
    SPREAD_COLUMNS,
    STALL_WORDS,
    frame_balance,
    headline,
    largest_part_sentence,
    latency_note,
    latency_rows,
    link_rows,
    loss_sentence,
    sender_wait_note,
    spread_rows,
    stall_shares,
)
from hwmodel.report.system_text import adapter_lines, bridge_lines
from hwmodel.report.text_table import MOST_ROWS, Line, table
from hwmodel.results.result import Latency, Result
from hwmodel.results.system import SystemResult

VM_COLUMNS = ("VM", "tx Gb/s", "rx Gb/s", "rx Mpps", "p50 us", "p99 us", "drops, frames")


def summary(result: Result) -> str:
    """Return the summary as plain ASCII text (names apart) that ends with a newline; the same on every machine."""
    return "".join(f"{line.text}\n" for line in _lines(result))


def print_summary(result: Result, stream: TextIO | None = None) -> None:
    """Write the summary to a stream (standard output by default), in colour where that is a terminal."""
    stream = sys.stdout if stream is None else stream
    if not stream.isatty():
        stream.write(summary(result))
        return
    from rich.console import Console  # only a terminal needs it
    from rich.text import Text

    styles = {"answer": "bold green", "warning": "bold yellow", "heading": "bold", "plain": ""}
    console = Console(file=stream)
    for line in _lines(result):
        console.print(Text(line.text, style=styles[line.look]), soft_wrap=True)


def _lines(result: Result) -> Iterable[Line]:
    yield Line(printable(_ascii(headline(result))), "answer")
    yield Line(printable(result.bottleneck.why))
    if loss_sentence(result):
        yield Line(printable(loss_sentence(result)))
    for warning in result.warnings:
        yield Line(printable(f"Warning: {warning}"), "warning")
    yield from _latency_lines(result)
    rows = spread_rows(result)
    if rows:
        yield Line("")
        yield from table((f"{len(result.spread[0].seeds)} seeds", *SPREAD_COLUMNS), rows)
        yield Line(f"(all other figures are of seed {result.seed})")
        yield Line("")
    balance, parting, beside = frame_balance(result).partition("; " if result.bridges else "\n")
    yield Line(f"Frames, whole run: {balance}")
    if parting:
        yield Line(f"({beside})")
    yield Line("")
    if isinstance(result, SystemResult):
        yield from adapter_lines(result)
        yield Line("")
    yield from _vm_lines(result)
    yield Line("")
    if not isinstance(result, SystemResult):
        yield from _link_lines(result)
        yield Line("")
    if result.bridges:
        yield from bridge_lines(result)
        yield Line("")
    yield from _loss_lines(result)
    yield from _run_lines(result)


def _latency_lines(result: Result) -> Iterable[Line]:
    rows = latency_rows(result)
    if not rows:
        yield Line("Latency, post to delivery: no frame measured")
    notes = {"latency_ns": latency_note(result), "sender_wait_ns": sender_wait_note(result)}
    for words, name, latency in rows:
        remark = f" ({notes[name]})" if notes.get(name) else ""
        yield Line(f"Latency, {words}: {_latency_words(latency, name, result.intervals)}{remark}")
        if name == "latency_to_guest_ns":
            sentences = (largest_part_sentence(result), *falling_latency_sentences(result))
            yield from (Line(printable(sentence)) for sentence in sentences if sentence)


def _latency_words(latency: Latency, name: str, intervals: Mapping[str, tuple[float, float]]) -> str:
    names = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"), ("min", "min"), ("mean", "mean"), ("max", "max"))
    figures = ((word, attribute, getattr(latency, attribute)) for word, attribute in names)
    return ", ".join(
        f"{word} {_ascii(time_text(value, intervals.get(f'{name}.{attribute}')))}"
        for word, attribute, value in figures
        if value is not None
    )


def _ascii(figure: str) -> str:
    return figure.replace(PLUS_MINUS, " +/- ")


def vm_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row of VM_COLUMNS for each VM, the first MOST_ROWS of them."""
    return [
        (
            printable(vm.name),
            decimals_text(vm.tx_gbps, 3),
            decimals_text(vm.rx_gbps, 3),
            decimals_text(vm.rx_mpps, 4),
            _microseconds(vm.latency_ns.p50),
            _microseconds(vm.latency_ns.p99),
            drop_words(vm.drops, none=MISSING),
        )
        for vm in result.vms[:MOST_ROWS]
    ]


def _vm_lines(result: Result) -> Iterable[Line]:
    yield from table(VM_COLUMNS, vm_rows(result), left_columns=(0, 6))
    if len(result.vms) > MOST_ROWS:
        yield Line(f"... and {len(result.vms) - MOST_ROWS} more")
    if result.fairness_jain is not None:
        yield Line(f"Fairness between senders (Jain, 1 is even): {result.fairness_jain:.4f}")
    if result.cpu.cores_busy:
        yield Line(f"Drivers keep {three_digits(result.cpu.cores_busy)} host cores busy")


def _microseconds(time_ns: float | None) -> str:
    return MISSING if time_ns is None else three_digits(time_ns / 1e3)


def _link_lines(result: Result) -> Iterable[Line]:
    rows = link_rows(result)
    if rows:
        header = ("PCIe link, each frame", "up B", "up %", "down B", "down %")
        yield from table(header, [(row.words, *row.cells) for row in rows])
        has_copies = result.totals.copies_delivered > result.totals.delivered_frames and not result.bridges
        each = ", of a group frame each copy" * has_copies  # over a bridge each copy is a frame
        yield Line(f"(up: adapter to host, down: host to adapter; mean over the frames delivered in the window{each})")
    up_busy, down_busy = result.pcie.up.utilization, result.pcie.down.utilization
    yield Line(f"Link busy: up {percent_text(up_busy)}, down {percent_text(down_busy)} of the window")
    looked_up = result.iotlb.hits + result.iotlb.misses
    if looked_up:
        yield Line(
            f"Addresses that miss the IOMMU's translation cache: {percent_text(result.iotlb.misses / looked_up)}"
        )
    wire = result.wire
    if wire.tx_gbps or wire.rx_gbps:
        waiting = f", p99 wait {time_text(wire.wait_ns.p99)}" if wire.wait_ns.p99 is not None else ""
        busy = percent_text(wire.utilization)
        out_gbps, in_gbps = decimals_text(wire.tx_gbps, 3), decimals_text(wire.rx_gbps, 3)
        yield Line(f"Wire: out {out_gbps} Gb/s, in {in_gbps} Gb/s, busy {busy}{waiting}")


def _loss_lines(result: Result) -> Iterable[Line]:
    yield Line(f"Drops, frames, whole run: {drop_words(result.drops, none='none')}")
    if result.queues:
        depths = [
            f"{printable(name)} {three_digits(depth.mean)} / {count_text(depth.max)}{_unit_suffix(name)}"
            for name, depth in sorted(result.queues.items())
        ]
        yield Line(f"Queues, mean / largest: {', '.join(depths)}")
    stalls = stall_shares(result)
    if stalls:
        waits = ", ".join(f"{STALL_WORDS[name]} {percent_text(share)}" for name, share in stalls.items())
        yield Line(f"Waiting, share of the window, for: {waits}")


def _run_lines(result: Result) -> Iterable[Line]:
    window = result.window
    yield Line(
        f"Window: {span_text(window.start_ns, window.end_ns)} of simulated time; "
        f"seed {result.seed}, configuration {printable(result.config_hash)}"
    )
    run = result.host_run
    if run is not None:
        more = f" on {run.threads} threads" if run.threads > 1 else ""
        more += f", compilation {three_digits(run.compile_s)} s" if run.compile_s else ""
        yield Line(
            f"Run: {count_text(run.frames)} frames, {count_text(run.events)} events in {three_digits(run.wall_s)} s "
            f"({count_text(round(run.frames_per_s))} frames/s){more}, memory at most {run.peak_rss_mb:.0f} MB"
        )


def _unit_suffix(queue: str) -> str:
    return f" {QUEUE_UNITS[queue]}" if queue in QUEUE_UNITS else ""
