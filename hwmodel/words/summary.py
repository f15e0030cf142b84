"""The summary that `hwmodel run` prints: the answer first, then the evidence, every figure with its unit."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from hwmodel.words.bridge_reading import (
    bridge_words,
    flooding_sentence,
    forwarding_sentence,
    learning_sentence,
    limit_cell,
    port_row,
    ports_at,
)
from hwmodel.words.falling_latency import falling_latency_sentences
from hwmodel.words.quantities import (
    MISSING,
    count_text,
    decimals_text,
    drop_words,
    percent_text,
    printable,
    three_digits,
)
from hwmodel.words.reading import (
    QUEUE_UNITS,
    SPREAD_COLUMNS,
    STALL_WORDS,
    direction_rows,
    largest_part_sentence,
    latency_note,
    latency_rows,
    link_rows,
    sender_wait_note,
    spread_rows,
    stall_shares,
)
from hwmodel.words.short_text import (
    answer_lines,
    balance_lines,
    latency_words,
    link_words,
    run_lines,
    short_lines,
    warning_lines,
    wire_words,
)
from hwmodel.words.text_table import MOST_ROWS, Line, table

if TYPE_CHECKING:
    from hwmodel.results.result import Result
    from hwmodel.results.system import AdapterResult


VM_COLUMNS = ("VM", "tx Gb/s", "rx Gb/s", "rx Mpps", "p50 us", "p99 us", "drops, frames")


def summary(result: Result, verbose: bool = False) -> str:
    """Return the summary as plain ASCII text (names apart) that ends with a newline; the same on every machine.

    At most 15 lines, or with `verbose` all latencies, each VM, the bytes on the link and every queue.
    """
    return "".join(f"{line.text}\n" for line in summary_lines(result, verbose))


def print_summary(result: Result, stream: TextIO | None = None, verbose: bool = False) -> None:
    """Write the summary to a stream (standard output by default), in colour where that is a terminal."""
    stream = sys.stdout if stream is None else stream
    if not stream.isatty():
        stream.write(summary(result, verbose))
        return
    from rich.console import Console  # only a terminal needs it
    from rich.text import Text

    styles = {"answer": "bold green", "warning": "bold yellow", "heading": "bold", "plain": ""}
    console = Console(file=stream)
    for line in summary_lines(result, verbose):
        console.print(Text(line.text, style=styles[line.look]), soft_wrap=True)


def summary_lines(result: Result, verbose: bool = False) -> list[Line]:
    """Return the lines of the summary with how they look."""
    return list(_all_lines(result)) if verbose else short_lines(result)


def _all_lines(result: Result) -> Iterable[Line]:
    yield from answer_lines(result)
    yield from warning_lines(result)
    yield from _latency_lines(result)
    rows = spread_rows(result)
    if rows:
        yield Line("")
        yield from table((f"{len(result.spread[0].seeds)} seeds", *SPREAD_COLUMNS), rows)
        yield Line(f"(all other figures are of seed {result.seed})")
        yield Line("")
    yield from balance_lines(result)
    yield Line("")
    if result.servers:
        yield from adapter_lines(result)
        yield Line("")
    yield from _vm_lines(result)
    yield Line("")
    if not result.servers:
        yield from _link_lines(result)
        yield Line("")
    if result.bridges:
        yield from bridge_lines(result)
        yield Line("")
    yield from _loss_lines(result)
    yield from run_lines(result)


def _latency_lines(result: Result) -> Iterable[Line]:
    rows = latency_rows(result)
    if not rows:
        yield Line("Latency, post to delivery: no frame measured")
    notes = {"latency_ns": latency_note(result), "sender_wait_ns": sender_wait_note(result)}
    for words, name, latency in [*direction_rows(result), *rows]:
        remark = f" ({notes[name]})" if notes.get(name) else ""
        yield Line(f"Latency, {words}: {latency_words(latency, name, result.intervals)}{remark}")
        if name == "latency_to_guest_ns":
            sentences = (largest_part_sentence(result), *falling_latency_sentences(result))
            yield from (Line(printable(sentence)) for sentence in sentences if sentence)


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
    yield Line(f"{link_words(result)} of the window")
    looked_up = result.iotlb.hits + result.iotlb.misses
    if looked_up:
        yield Line(
            f"Addresses that miss the IOMMU's translation cache: {percent_text(result.iotlb.misses / looked_up)}"
        )
    if result.wire.tx_gbps or result.wire.rx_gbps:
        yield Line(wire_words(result))


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


def _unit_suffix(queue: str) -> str:
    return f" {QUEUE_UNITS[queue]}" if queue in QUEUE_UNITS else ""


def adapter_lines(result: Result) -> Iterable[Line]:
    """Give a row for each server: what its VMs send and receive, how busy its link, wire and cores are, its fullest."""
    shares = ("PCIe up %", "down %", "wire out %", "in %")
    header = ("server", "tx Gb/s", "rx Gb/s", *shares, "cores", "fullest of its own")
    rows = [_adapter_row(adapter) for adapter in result.servers[:MOST_ROWS]]
    yield from table(header, rows, left_columns=(0, len(header) - 1))
    if len(result.servers) > MOST_ROWS:
        yield Line(f"... and {len(result.servers) - MOST_ROWS} more servers")
    yield Line("(tx, rx: of the server's VMs; %: busy share of the window; cores: kept busy by drivers)")


def _adapter_row(adapter: AdapterResult) -> tuple[str, ...]:
    busy = adapter.utilization
    shares = (
        adapter.pcie.up.utilization,
        adapter.pcie.down.utilization,
        busy.get("wire.tx"),
        busy.get("wire.rx"),
    )
    return (
        printable(adapter.name),
        decimals_text(adapter.tx_gbps, 3),
        decimals_text(adapter.rx_gbps, 3),
        *(_percent(share) for share in shares),
        three_digits(adapter.cpu.cores_busy),
        printable(limit_cell(adapter)),
    )


def bridge_lines(result: Result) -> Iterable[Line]:
    """Give a row for each port of a bridge, then what that bridge learned and flooded; so for each bridge."""
    header = ("bridge port", "in Gb/s", "out Gb/s", "in %", "out %", "queue mean, B", "largest, B", "drops, frames")
    for bridge in result.bridges:
        rows = [port_row(port, _percent) for port in ports_at(bridge)[: MOST_ROWS + 1]]
        yield from table(header, rows, left_columns=(0, len(header) - 1))
        if len(bridge.ports) > MOST_ROWS + 1:
            yield Line(f"... and {len(bridge.ports) - MOST_ROWS - 1} more ports")
        name = bridge_words(bridge)
        whose = "the bridge or extender" if any(port.device != bridge.name for port in bridge.ports) else "the bridge"
        yield Line(f"(in: from the port to {whose}, out: from it; %: busy share of the window)")
        yield Line(f"{name}, whole run: {forwarding_sentence(bridge)}")
        if bridge.kind == "learning":
            yield Line(f"{name}, flooded: {flooding_sentence(bridge)}")
        yield Line(f"{name}, {bridge.kind}: {learning_sentence(bridge)}")
        yield Line(f"{name}, drops, frames, whole run: {drop_words(bridge.drops, none='none')}")


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.1f}"
