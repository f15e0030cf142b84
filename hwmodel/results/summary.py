"""The summary that `hwmodel run` prints: the answer first, then the evidence, every figure with its unit.

In 15 lines it has the answer, what limits, warnings, one latency, losses, VMs, the link and queues that fill.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from hwmodel.resources import WIRE
from hwmodel.results.agents_text import agent_lines, agent_sentence, association_sentence
from hwmodel.results.bond_text import LEG_COLUMNS, bond_sentence, leg_cells, outage_sentence
from hwmodel.results.bridge_reading import (
    bridge_words,
    flooding_sentence,
    forwarding_sentence,
    learning_sentence,
    limit_cell,
    port_row,
    ports_at,
)
from hwmodel.results.class_text import class_lines, class_words
from hwmodel.results.control import control_lines, control_sentence
from hwmodel.results.datapath_parts import datapath_parts, tags_part
from hwmodel.results.flow_control_text import pause_lines, stopped_sentences
from hwmodel.results.lives_text import event_lines
from hwmodel.results.losses import loss_sentence
from hwmodel.results.modelled import crosses_no_link, falling_latency_sentences
from hwmodel.results.reading import (
    DELIVERY,
    SPREAD_COLUMNS,
    STALL_WORDS,
    bound_sentence,
    direction_rows,
    frame_balance,
    headline,
    headroom_sentence,
    largest_part_sentence,
    latency_note,
    latency_rows,
    link_rows,
    no_way_back_sentence,
    queue_unit,
    segment_words,
    sender_wait_note,
    spread_rows,
    stall_shares,
)
from hwmodel.results.shared_links_text import (
    BUS_COLUMNS,
    OF_BUS_BYTES,
    OF_BUS_SHARES,
    SWITCH_COLUMNS,
    bus_rows,
    bus_words,
    link_noun,
    switch_rows,
)
from hwmodel.results.stage_text import STAGE_COLUMNS, STAGE_TEXT_COLUMNS, stage_notes, stage_rows, stage_sentence
from hwmodel.results.virtual_switch_text import flow_cache_sentence, passed_sentences
from hwmodel.results.worst_off import worst_off_sentence
from hwmodel.rules.figures import Column, rows_of
from hwmodel.words.quantities import (
    MISSING,
    MOST_ROWS,
    PLUS_MINUS,
    Line,
    count_text,
    counted,
    decimals_text,
    drop_words,
    percent_text,
    printable,
    server_noun,
    server_title,
    span_text,
    table,
    three_digits,
    time_text,
)

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import Core, PortResult
    from hwmodel.results.result import AdapterResult, Latency, Result, VmResult, Wire

MOST_LINES = 15
_MOST_WARNINGS = 3
_MOST_PASSED = 4  # sentences on what virtual switches cached, marked and sampled
MOST_STOPPED = 3  # sentences about who was stopped, in the short summary
MOST_EVENTS = 3
_MOST_VM_LINES = 4  # the last of them may stand for several
_ALIKE = 0.05  # of the greatest rate: VMs within this share a line
_FILLED = 0.5  # of a queue: fuller ones are reported
_QUEUES = ("tx_ring", "tags", "tx_buffer", "rx_buffer", "rx_ring")
_SPREAD = ("totals.gbps", "latency_ns.p50", "latency_ns.p99")
_MORE = "--verbose shows all latencies, each VM, the bytes on the link and every queue."
_OF_VM = {name: row.column for name, row in rows_of("vms").items() if row.column is not None}
VM_COLUMNS = ("VM", *(column.heading for column in _OF_VM.values()), "p50 us", "p99 us", "drops, frames")
VM_TEXT_COLUMNS = (0, len(VM_COLUMNS) - 1)


def summary(result: Result, verbose: bool = False) -> str:
    """Return the summary as plain ASCII text (names apart) that ends with a newline; the same on every machine.

    Some 15 lines, or with `verbose` all latencies, each VM, the bytes on the link and every queue.
    """
    return "".join(f"{line.text}\n" for line in summary_lines(result, verbose))


def print_summary(result: Result, stream: TextIO | None = None, verbose: bool = False) -> None:
    """Write the summary to a stream (standard output by default), in colour if it is a terminal."""
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
    yield from event_lines(result)
    yield from warning_lines(result)
    if result.stages:
        yield Line("")
        yield from table(STAGE_COLUMNS, stage_rows(result), left_columns=STAGE_TEXT_COLUMNS)
        yield from (Line(printable(note)) for note in stage_notes(result))
        yield Line("")
    if result.control is not None:
        yield Line(printable(control_sentence(result.control)))
        yield from control_lines(result)
    if result.agents:
        yield from agent_lines(result)
    yield from _latency_lines(result)
    rows = spread_rows(result)
    if rows:
        yield Line("")
        yield from table((f"{len(result.spread[0].seeds)} seeds", *SPREAD_COLUMNS), rows)
        yield Line(f"(all other figures are of seed {result.seed})")
        yield Line("")
    yield from balance_lines(result)
    yield from map(Line, stopped_sentences(result))
    yield Line("")
    if result.servers:
        yield from adapter_lines(result)
        yield Line("")
    yield from _vm_lines(result)
    yield Line("")
    if not (result.servers or crosses_no_link(result.config)):
        yield from _link_lines(result)
        yield Line("")
    if result.pcie_switches:
        yield from table(SWITCH_COLUMNS, switch_rows(result), left_columns=(0, 1, 4))
        yield Line("(up, down: busy share of the window)")
        yield Line("")
    if result.buses:
        yield from table(BUS_COLUMNS, bus_rows(result), left_columns=(0, 1, 3, 4))
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


def _microseconds(time_ns: float | None) -> str:
    return MISSING if time_ns is None else three_digits(time_ns / 1e3)


def vm_rows(
    result: Result,
    most: int = MOST_ROWS,
    time: Callable[[float | None], str] = _microseconds,
    *,
    with_intervals: bool = False,
) -> list[tuple[str, ...]]:
    """Return a row of VM_COLUMNS for each VM, the first `most` of them; `with_intervals`: of their rates."""
    intervals = result.intervals if with_intervals else {}

    def cell(vm: VmResult, name: str, column: Column) -> str:
        interval = intervals.get(f"vms.{vm.name}.{name}") if column.has_interval else None
        return decimals_text(getattr(vm, name), column.decimals, interval)

    return [
        (
            printable(vm.name),
            *(cell(vm, name, column) for name, column in _OF_VM.items()),
            time(vm.latency_ns.p50),
            time(vm.latency_ns.p99),
            drop_words(vm.drops, none=MISSING),
        )
        for vm in result.vms[:most]
    ]


def _vm_lines(result: Result) -> Iterable[Line]:
    yield from table(VM_COLUMNS, vm_rows(result), left_columns=VM_TEXT_COLUMNS)
    if len(result.vms) > MOST_ROWS:
        yield Line(f"... and {len(result.vms) - MOST_ROWS} more")
    if worst := worst_off_sentence(result):
        yield Line(printable(worst))
    if result.fairness_jain is not None:
        yield Line(f"Fairness between senders (Jain, 1 is even): {result.fairness_jain:.4f}")
    if result.cpu.cores_busy:
        yield Line(f"Drivers keep {three_digits(result.cpu.cores_busy)} host cores busy")
    for core in result.cpu.cores:
        yield from _core_lines(core)
    if result.flow_director is not None:
        used = result.flow_director
        yield Line(f"Flow Director: {used.filters:,} of {used.capacity:,} filters")
    if result.flow_cache is not None:
        yield Line(flow_cache_sentence(result.flow_cache))
    if result.bond is not None:
        yield Line("")
        yield from table(LEG_COLUMNS, [leg_cells(leg) for leg in result.bond.legs])
        yield Line("(of the window; lost: on dead wires, of the whole run)")
        yield Line(printable(bond_sentence(result.bond)))
        yield from (Line(printable(outage_sentence(outage))) for outage in result.bond.outages)
    yield from map(Line, passed_sentences(result))
    if result.segments:
        yield Line(segment_words(result.segments))


def _core_lines(core: Core) -> Iterable[Line]:
    """Say what a core does; nothing for an idle core."""
    if core.by:
        parts = sorted(core.by.items(), key=lambda item: -item[1])
        what = ", ".join(f"{reason} {percent_text(share)}" for reason, share in parts)
        yield Line(f"Core {core.core} is busy {percent_text(core.busy)}: {what}")


def _link_lines(result: Result) -> Iterable[Line]:
    rows = link_rows(result)
    if rows:
        link = "bus" if result.buses else "PCIe link"
        header = (f"{link}, each frame", "up B", "up %", "down B", "down %")
        yield from table(header, [(row.words, *row.cells) for row in rows])
        has_copies = result.totals.copies_delivered > result.totals.delivered_frames and not result.bridges
        each = ", of a group frame each copy" * has_copies  # over a bridge each copy is a frame
        yield Line(
            f"(up: adapter to host, down: host to adapter; mean over the frames delivered in the window{each}"
            f"{'; ' + OF_BUS_BYTES if result.buses else ''})"
        )
    yield Line(f"{link_words(result)} of the window")
    looked_up = result.iotlb.hits + result.iotlb.misses
    if looked_up:
        yield Line(
            f"Addresses that miss the IOMMU's translation cache: {percent_text(result.iotlb.misses / looked_up)}"
        )
    if result.arbitration is not None:
        yield from class_lines(result.arbitration)
    if result.flow_control is not None:
        yield from pause_lines(result.flow_control, result.window.duration_ns)
    if result.wire.tx_gbps or result.wire.rx_gbps:
        yield Line(wire_words(result))


def _loss_lines(result: Result) -> Iterable[Line]:
    yield Line(f"Drops, frames, whole run: {drop_words(result.drops, none='none')}")
    if result.queues:
        depths = [
            f"{printable(name)} {three_digits(one.mean)} / {count_text(one.max)} {queue_unit(result, name)}".rstrip()
            for name, one in sorted(result.queues.items())
        ]
        yield Line(f"Queues, mean / largest: {', '.join(depths)}")
    stalls = stall_shares(result)
    if stalls:
        waits = ", ".join(f"{STALL_WORDS[name]} {percent_text(share)}" for name, share in stalls.items())
        yield Line(f"Waiting, share of the window, for: {waits}")


def adapter_lines(result: Result) -> Iterable[Line]:
    """Give a row for each server: what its VMs send and receive, how busy its link, wire and cores are, its fullest."""
    link = link_noun(result)
    shares = (f"{link} up %", "down %", "wire out %", "in %")
    noun = server_noun(*(adapter.name for adapter in result.servers))
    header = (noun, "tx Gb/s", "rx Gb/s", *shares, "cores", "fullest of its own")
    rows = [_adapter_row(adapter) for adapter in result.servers[:MOST_ROWS]]
    yield from table(header, rows, left_columns=(0, len(header) - 1))
    if len(result.servers) > MOST_ROWS:
        yield Line(f"... and {len(result.servers) - MOST_ROWS} more {noun}s")
    of_bus = "" if link == "PCIe" else f"; {OF_BUS_SHARES}"
    yield Line(f"(tx, rx: of the {noun}'s VMs; %: busy share of the window{of_bus}; cores: kept busy by drivers)")


def _adapter_row(adapter: AdapterResult) -> tuple[str, ...]:
    busy, link = adapter.utilization, adapter.pcie
    shares = (link.up.utilization, link.down.utilization, *map(busy.get, WIRE))
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


def short_lines(result: Result) -> list[Line]:
    """Return the summary; of the warnings, as many as fit, and how many more there are.

    To make room, VMs share a line, then directions of frames do, then fewer events are listed, then stages are not.
    """
    answer, events = list(answer_lines(result)), list(event_lines(result, MOST_EVENTS))
    latencies, vms = list(_short_latency_lines(result)), list(_machine_lines(result))
    beside = list(_beside_lines(result))  # dropped first to make room
    fixed = [*_spread_lines(result), *balance_lines(result)]
    stages = [Line(printable(stage_sentence(result)))] if result.stages else []
    fixed = [*stages, *fixed]
    if result.control is not None:
        fixed.append(Line(printable(control_sentence(result.control))))
    elif result.agents:
        fixed.append(Line(printable(agent_sentence(result))))
    if result.associations:
        fixed.append(Line(printable(association_sentence(result))))
    if result.arbitration is not None:
        fixed.append(Line(class_words(result.arbitration)))
    if result.flow_cache is not None:
        fixed.append(Line(flow_cache_sentence(result.flow_cache)))
    if result.bond is not None:
        fixed.append(Line(printable(bond_sentence(result.bond))))
    fixed += map(Line, islice(passed_sentences(result), _MOST_PASSED))
    if worst := worst_off_sentence(result):
        fixed.append(Line(printable(worst)))
    fixed += [Line(sentence) for sentence in stopped_sentences(result)[:MOST_STOPPED]]
    end = [*run_lines(result), Line(_MORE)]
    warnings = list(warning_lines(result))
    n_least = len(answer) + min(1, len(warnings)) + (len(warnings) > 1) + len(fixed) + len(end)
    if n_least + len(events) + len(latencies) + len(vms) > MOST_LINES:
        vms = list(_machine_lines(result, together=True))
    if n_least + len(events) + len(latencies) + len(vms) > MOST_LINES:
        latencies = list(_short_latency_lines(result, together=True))
    n_events = MOST_EVENTS
    while n_least + len(events) + len(latencies) + len(vms) > MOST_LINES and n_events > 1:
        n_events -= 1
        events = list(event_lines(result, n_events))
    if n_least + len(events) + len(latencies) + len(vms) > MOST_LINES:
        fixed, beside = fixed[len(stages) :], [*stages, *beside]
    before, behind = [*answer, *events], [*latencies, *fixed, *vms]
    room = MOST_LINES - len(before) - len(behind) - len(end)
    n_shown = max(1, min(_MOST_WARNINGS, room if room >= len(warnings) else room - 1))
    if len(warnings) > n_shown + 1:  # the line that tells of one more has room for it
        more = f"{len(warnings) - n_shown} more warnings: --verbose shows them."
        warnings = [*warnings[:n_shown], Line(more, "warning")]
    return [*before, *warnings, *behind, *beside[: max(0, room - len(warnings))], *end]


def answer_lines(result: Result) -> Iterator[Line]:
    """Give the answer, the reason, the headroom, and the losses."""
    yield Line(printable(_ascii(headline(result))), "answer")
    for sentence in (
        no_way_back_sentence(result), result.bottleneck.why, *result.assumptions, headroom_sentence(result),
        bound_sentence(result), loss_sentence(result),
    ):  # fmt: skip
        if sentence:
            yield Line(printable(sentence))


def warning_lines(result: Result) -> Iterator[Line]:
    """Give each warning a line."""
    for warning in result.warnings:
        yield Line(printable(f"Warning: {warning}"), "warning")


def latency_words(latency: Latency, name: str, intervals: Mapping[str, tuple[float, float]]) -> str:
    """Write the figures of a latency, with the half of their intervals."""
    names = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"), ("min", "min"), ("mean", "mean"), ("max", "max"))
    figures = ((word, attribute, getattr(latency, attribute)) for word, attribute in names)
    return ", ".join(
        f"{word} {_ascii(time_text(value, intervals.get(f'{name}.{attribute}')))}"
        for word, attribute, value in figures
        if value is not None
    )


def balance_lines(result: Result) -> Iterator[Line]:
    """Give the balance of all frames, and in brackets those that passed bridges."""
    balance, parting, beside = frame_balance(result).partition("; " if result.bridges else "\n")
    yield Line(f"Frames, whole run: {balance}")
    if parting:
        yield Line(f"({beside})")


def link_words(result: Result) -> str:
    """Say how busy the link's directions were, or the bus, and with what."""
    if result.buses:
        return "; ".join(map(bus_words, result.buses))
    up_busy, down_busy = result.pcie.up.utilization, result.pcie.down.utilization
    return f"Link busy: up {percent_text(up_busy)}, down {percent_text(down_busy)}"


def wire_words(result: Result) -> str:
    """Say what the wire carried, how busy it was, how long frames waited for it."""
    wire = result.wire
    waiting = f"p99 wait {time_text(wire.wait_ns.p99)}" if wire.wait_ns.p99 is not None else ""
    if result.ports:
        dead = result.config["port"].get("down") or ()
        each = [f"{port.name}{' (down at first)' * (port.name in dead)} {_carried(port)}" for port in result.ports]
        return f"Wires: {'; '.join([*each, waiting] if waiting else each)}"
    return f"Wire: {_carried(wire)}{f', {waiting}' if waiting else ''}"


def _carried(wire: Wire | PortResult) -> str:
    out_gbps, in_gbps = decimals_text(wire.tx_gbps, 3), decimals_text(wire.rx_gbps, 3)
    return f"out {out_gbps} Gb/s, in {in_gbps} Gb/s, busy {percent_text(wire.utilization)}"


def run_lines(result: Result) -> Iterator[Line]:
    """Give the window, what it takes to repeat the run, and the simulation's own cost."""
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
            f"Run: {counted(run.frames, 'frame')}, {counted(run.events, 'event')} in {three_digits(run.wall_s)} s "
            f"({count_text(round(run.frames_per_s))} frames/s){more}, memory at most {run.peak_rss_mb:.0f} MB"
        )


def _short_latency_lines(result: Result, *, together: bool = False) -> Iterator[Line]:
    """Give each direction's latency, with its largest part; `together`: the medians of all in one line."""
    rows = direction_rows(result) or [(DELIVERY, "latency_ns", result.latency_ns)]
    note = latency_note(result)
    if together and len(rows) > 1:
        medians = [f"{words.partition(', ')[2]} {time_text(one.p50)}" for words, _, one in rows if one.count]
        remark = f" ({note})" if note and medians else ""
        yield Line(f"Latency, {DELIVERY}, p50: {', '.join(medians) or MISSING}{remark}")
        return
    for at, (words, name, latency) in enumerate(rows):
        if not latency.count:
            yield Line(f"Latency, {words}: no frame measured")
            continue
        remark = f" ({note})" if note and not at else ""
        yield Line(f"Latency, {words}: {latency_words(latency, name, result.intervals)}{remark}")
    if largest_part_sentence(result):
        yield Line(printable(largest_part_sentence(result)))


def _spread_lines(result: Result) -> Iterator[Line]:
    """Give the main figures' means over several seeds, with intervals, in one line."""
    rows = {name: cells for name, *cells in spread_rows(result)}
    told = [
        f"{name} {rows[name][0]} ({rows[name][1]} to {rows[name][2]})"
        for name in _SPREAD
        if name in rows and MISSING not in rows[name][:3]
    ]
    if told:
        n = len(result.spread[0].seeds)
        yield Line(f"Mean of {n} seeds (95 %): {', '.join(told)}; all other figures are of seed {result.seed}")


def _machine_lines(result: Result, *, together: bool = False) -> Iterator[Line]:
    """Give the VMs, and how busy the link was, or the servers; `together`: VMs in a line."""
    if result.servers:
        yield from _short_adapter_lines(result)
        return
    yield from _short_vm_lines(result, together=together)
    wire = f"; {wire_words(result)}" if result.wire.tx_gbps or result.wire.rx_gbps else ""
    if not crosses_no_link(result.config):
        yield Line(f"{link_words(result)} of the window{wire}")


def _beside_lines(result: Result) -> Iterator[Line]:
    """Give the queues that fill, and bridges' drops."""
    lost = [
        f"{bridge_words(bridge)} {drop_words(bridge.drops, none='')}"
        for bridge in result.bridges
        if any(bridge.drops.values())
    ]
    if lost:
        yield Line(printable(f"Drops at bridges, frames, whole run: {'; '.join(lost)}"))
    if result.servers:
        yield from _short_vm_lines(result, together=True)
        return
    parts = datapath_parts(result) | {"tags": tags_part(result)}  # tags only: a lack of credits fills nothing
    filled = [parts[name] for name in _QUEUES if (parts[name].share or 0.0) >= _FILLED]
    if result.segments:
        yield Line(segment_words(result.segments))
    if filled:
        told = ", ".join(f"{part.title} {part.lines[0]}" for part in filled)
        yield Line(f"Half full or more, mean over the window: {told}")


def _short_adapter_lines(result: Result) -> Iterator[Line]:
    """Give a line for each server; of many, the first few, and how many more there are."""
    n_servers = len(result.servers)
    n_shown = n_servers if n_servers <= _MOST_VM_LINES else _MOST_VM_LINES - 1
    for adapter in result.servers[:n_shown]:
        rates = f"VMs send {decimals_text(adapter.tx_gbps, 3)} Gb/s, get {decimals_text(adapter.rx_gbps, 3)} Gb/s"
        yield Line(printable(f"{server_title(adapter.name)}: {rates}; fullest of its own: {limit_cell(adapter)}"))
    if n_shown < n_servers:
        yield Line(f"... and {n_servers - n_shown} more {server_noun(*(one.name for one in result.servers))}s")


def _short_vm_lines(result: Result, *, together: bool = False) -> Iterator[Line]:
    """Give alike VMs in one line, a few others in a line each, many by the least and the greatest."""
    vms, lost = result.vms, _dropped(result, result.vms)
    if all(vm.tx_gbps is None and vm.rx_gbps is None for vm in vms):
        if lost:
            yield Line(f"{counted(len(vms), 'VM')}: no rates measured{lost}")
        return
    if len(vms) > 1 and _are_alike(vms):
        rates = f"{_mean(vms, 'tx_gbps')} Gb/s sent, {_mean(vms, 'rx_gbps')} Gb/s received by each on average"
        yield Line(f"{len(vms)} VMs, alike within {100 * _ALIKE:.0f} %: {rates}{lost}")
    elif len(vms) <= _MOST_VM_LINES and not together:
        for vm in vms:
            rates = f"{decimals_text(vm.tx_gbps, 3)} Gb/s sent, {decimals_text(vm.rx_gbps, 3)} Gb/s received"
            yield Line(printable(f"VM {vm.name}: {rates}{_dropped(result, [vm])}"))
    else:
        ends = "; ".join(_ends(vms, name, word) for name, word in (("tx_gbps", "sent"), ("rx_gbps", "received")))
        yield Line(printable(f"{len(vms)} VMs: {ends}{lost}"))


def _are_alike(vms: Sequence[VmResult]) -> bool:
    for name in ("tx_gbps", "rx_gbps"):
        rates = [getattr(vm, name) for vm in vms]
        known = [rate for rate in rates if rate is not None]
        if len(known) not in (0, len(rates)) or (known and max(known) - min(known) > _ALIKE * max(known)):
            return False
    return True


def _mean(vms: Sequence[VmResult], name: str) -> str:
    rates = [getattr(vm, name) for vm in vms]
    return MISSING if None in rates else decimals_text(sum(rates) / len(rates), 3)


def _ends(vms: Sequence[VmResult], name: str, word: str) -> str:
    known = [(getattr(vm, name), vm.name) for vm in vms if getattr(vm, name) is not None]
    if not known:
        return f"{word} {MISSING}"
    (least, slow), (most, fast) = min(known), max(known)
    if least == most:
        return f"{decimals_text(most, 3)} Gb/s {word} by each"
    return f"{decimals_text(least, 3)} ({slow}) to {decimals_text(most, 3)} Gb/s ({fast}) {word}"


def _dropped(result: Result, vms: Iterable[VmResult]) -> str:
    """Say how much VMs lost: copies, where a frame for several of them can lose some."""
    n_lost, totals = sum(sum(vm.drops.values()) for vm in vms), result.totals
    what = "copy" if totals.copies_dropped > totals.dropped_frames else "frame"
    return f", {counted(n_lost, what)} dropped" if n_lost else ""


def _ascii(figure: str) -> str:
    return figure.replace(PLUS_MINUS, " +/- ")
