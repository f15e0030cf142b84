"""The tables of the page for one result: a header and rows of finished texts, which the template escapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from math import inf, isclose
from typing import Any, NamedTuple

from hwmodel.report.configuration import differing_keys
from hwmodel.resources import WIRE
from hwmodel.results.adapter_use import PortResult
from hwmodel.results.bridge import BridgeResult
from hwmodel.results.bridge_reading import (
    NO_NAME,
    bridge_words,
    core_share,
    flooding_sentence,
    forwarding_sentence,
    learning_sentence,
    limit_cell,
    port_row,
    ports_of,
)
from hwmodel.results.counters import ETHTOOL_NAMES, LinkReceived, LinkSent
from hwmodel.results.reading import (
    DELIVERY,
    STALL_WORDS,
    direction_rows,
    direction_words,
    frame_bytes_total,
    has_changed,
    latency_rows,
    lone_parts,
    outward_gbps,
    queue_unit,
    segment_words,
    shares_of_stalls,
    spread_rows,
    stall_shares,
)
from hwmodel.results.result import FlowResult, Latency, Result, Wire
from hwmodel.results.shared_links_text import BUS_COLUMNS, SWITCH_COLUMNS, bus_rows, link_noun, switch_rows
from hwmodel.results.summary import VM_COLUMNS, VM_TEXT_COLUMNS, vm_rows
from hwmodel.words.latency_parts import ALL_PARTS, PART_WORDS
from hwmodel.words.limits import limit_name
from hwmodel.words.quantities import (
    MISSING,
    change_text,
    count_text,
    decimals_text,
    drop_words,
    gbps_text,
    mpps_text,
    page_time,
    page_time_unit,
    percent_text,
    printable,
    scaled_text,
    server_noun,
    span_text,
    three_digits,
)

MOST_FLOW_ROWS = 16
MOST_VM_ROWS = 130
_LATENCY_COLUMNS = ("min", "mean", "p50", "p99", "p999", "max")
_PART_COLUMNS = (("mean", "mean"), ("p50", "p50 frame"), ("p99", "p99 frame"), ("p999", "p99.9 frame"))


class Table(NamedTuple):
    """A table: `texts` are the columns that hold no numbers, `marked` is the row that stands out."""

    header: tuple[str, ...]
    rows: list[list[str]]
    texts: tuple[int, ...] = (0,)
    marked: int | None = None


def closed_form_table(result: Result) -> Table | None:
    """Return the simulation's figures beside the closed form's; None without one, or after a scenario's change."""
    closed = result.closed_form
    if closed is None or has_changed(result):
        return None
    totals, intervals, per_frame = result.totals, result.intervals, frame_bytes_total(result)
    by_wire = _all_by_wire_gbps(result)
    if by_wire is None:
        rows = [
            ["throughput", gbps_text(totals.gbps, intervals.get("totals.gbps")), f"at most {gbps_text(closed.gbps)}",
             _off(totals.gbps, closed.gbps)],
            ["frames", mpps_text(totals.mpps, intervals.get("totals.mpps")), f"at most {mpps_text(closed.mpps)}",
             _off(totals.mpps, closed.mpps)],
        ]  # fmt: skip
    else:
        interval = intervals.get(result.outside_rate() if result.bridges else "wire.tx_gbps")
        wire_rate = gbps_text(by_wire, interval)
        rows = [["to the wire", wire_rate, f"at most {gbps_text(closed.gbps)}", _off(by_wire, closed.gbps)]]
    # The closed form counts bytes per frame that VMs send, a window per frame delivered.
    is_alike = isclose(closed.offered_mpps, closed.mpps, rel_tol=1e-3)
    of_link = (("up", closed.up_bytes), ("down", closed.down_bytes)) if is_alike and not result.servers else ()
    for name, n_bytes in of_link:
        simulated = per_frame.get(name)
        shown = MISSING if simulated is None else f"{simulated:,.1f} B"
        rows.append([f"bytes a frame, {name}", shown, f"{n_bytes:,.1f} B", _off(simulated, n_bytes)])
    alone_ns = _alone_to_delivery_ns(result)
    if not result.latency_by_direction_ns:  # the lone frame goes one way alone
        if alone_ns is not None:
            rows.append(_beside_lone(f"{DELIVERY}: p50; alone", result.latency_ns.p50, alone_ns))
        elif closed.unloaded_latency_ns is not None:
            words = "post to taken by the guest: p50; alone, batches of 1"
            rows.append(_beside_lone(words, result.latency_to_guest_ns.p50, closed.unloaded_latency_ns))
    simulated_limit = printable(result.bottleneck.resource) if result.bottleneck.is_limit else MISSING
    rows.append(["limit", simulated_limit, printable(limit_name(closed.limited_by)), ""])
    return Table(("", "simulated", "closed form", "difference"), rows)


def _beside_lone(words: str, p50_ns: float | None, alone_ns: float) -> list[str]:
    return [f"latency, {words}", page_time(p50_ns), page_time(alone_ns), _times(p50_ns, alone_ns)]


def _alone_to_delivery_ns(result: Result) -> float | None:
    """Return the closed form's time of the lone frame to its delivery; None if only further frames end a part."""
    parts = lone_parts(result)
    whole_ns = sum(part_ns for name, part_ns in parts.items() if name != "guest_queue")
    return whole_ns if parts and whole_ns < inf else None


def _all_by_wire_gbps(result: Result) -> float | None:
    """Return the rate to stations outside if no VM got anything, which is then the closed form's rate; else None."""
    if result.totals.gbps is None or result.totals.gbps:
        return None
    return outward_gbps(result) or None


def ceilings_table(result: Result) -> Table | None:
    """Return the rate at which each resource is full by the closed form, lowest first."""
    ceilings = result.closed_form.ceilings if result.closed_form is not None else ()
    known = sorted((one for one in ceilings if one.offered_mpps is not None), key=lambda one: one.offered_mpps or 0.0)
    if not known:
        return None
    rows = [[printable(one.resource), mpps_text(one.offered_mpps), printable(one.what)] for one in known]
    return Table(("resource", "full at, offered", "which"), rows, texts=(0, 2))


def next_steps_table(result: Result) -> Table | None:
    """Return what the closed form gives with one key changed; None without it, or after a scenario's change."""
    closed = result.closed_form
    if closed is None or not closed.next_steps or has_changed(result):
        return None
    rows = [
        [
            f"{printable(step.key)}: {printable(step.was)} → {printable(step.value)}",
            gbps_text(step.gbps),
            _off(step.gbps, closed.gbps),
            page_time(step.unloaded_latency_ns),
            printable(limit_name(step.limited_by)),
        ]
        for step in closed.next_steps
    ]
    return Table(("change", "at most", "gain", "one frame alone, batches of 1", "then limited by"), rows, texts=(0, 4))


def relaxed_table(result: Result) -> Table | None:
    """Return what a run gives with each resource in turn made larger, by `hwmodel explain`."""
    rows = [
        [
            printable(one.resource),
            printable(one.change).replace("->", "→"),
            printable(f"failed: {one.failure}") if one.failure else gbps_text(one.gbps),
            MISSING if one.gain is None else ("~ " if one.could_be_chance else "") + _percent_change(one.gain),
            MISSING if one.p50_change is None else _percent_change(one.p50_change),
        ]
        for one in result.relaxed
    ]
    named = [at for at, one in enumerate(result.relaxed) if one.is_bottleneck]
    direction = result.told_latency()[0]
    of = f", {direction_words(direction, result)}" if direction else ""
    header = ("made larger", "change", "throughput", "gain", f"median latency{of}")
    return Table(header, rows, texts=(0, 1), marked=named[0] if named else None) if rows else None


def latency_table(result: Result) -> Table:
    """Return the latencies, a row each, with intervals where there are some."""
    apart, rows = direction_rows(result), latency_rows(result)
    if apart and rows:
        together = f"{rows[0][0]}, all directions together"
        rows = [*apart, (together, *rows[0][1:]), *rows[1:]]
    if not result.servers and result.wire.wait_ns.p50 is not None:
        rows.append(("waiting for the wire", "wire.wait_ns", result.wire.wait_ns))
    header = ("of a frame", "min", "mean", "p50", "p99", "p99.9", "max")
    return Table(header, [_latency_row(words, result, name, latency) for words, name, latency in rows])


def _latency_row(words: str, result: Result, name: str, latency: Latency) -> list[str]:
    """Write a latency's figures in one unit, named in the row: that of the larger of median and mean."""
    scale, unit = page_time_unit(max(latency.p50 or 0.0, latency.mean or 0.0))
    known = [(getattr(latency, one), result.intervals.get(f"{name}.{one}")) for one in _LATENCY_COLUMNS]
    return [f"{words}, {unit}", *(scaled_text(value, scale, interval) for value, interval in known)]


def parts_table(result: Result) -> Table | None:
    """Return the parts of the time from post to taken by the guest: a row for each that takes any, then their sum.

    A column for the lone frame, if known, precedes the run's columns.
    """
    measured = [(words, parts) for name, words in _PART_COLUMNS if (parts := result.latency_parts_ns.get(name))]
    if not any(part_ns for _, parts in measured for part_ns in parts.values()):
        return None
    alone = lone_parts(result)
    columns = [("alone", alone), *measured] if alone else measured
    names = [name for name in ALL_PARTS if any(parts.get(name) for _, parts in columns)]
    rows = [
        [PART_WORDS[name].removeprefix("the "), *(_part_text(parts.get(name)) for _, parts in columns)]
        for name in names
    ]
    rows.append(["in all", *(_part_text(sum(parts.values())) for _, parts in columns)])
    return Table(("part", *(words for words, _ in columns)), rows, marked=len(rows) - 1)


def _part_text(time_ns: float | None) -> str:
    return "until more come" if time_ns == inf else page_time(time_ns)


def vm_table(result: Result) -> Table:
    """Return what each VM sent and received, the first of many."""
    header = tuple(column.removesuffix(" us") for column in VM_COLUMNS)  # here each time has its own unit
    rows = vm_rows(result, MOST_VM_ROWS, page_time, with_intervals=True)
    return Table(header, [list(row) for row in rows], texts=VM_TEXT_COLUMNS)


def counter_table(result: Result) -> Table | None:
    """Return what each function counted in the whole run, as `ip -s link show` has it; None without counters."""
    if not result.counters:
        return None
    header = [f"RX {each.name}" for each in fields(LinkReceived)] + [f"TX {each.name}" for each in fields(LinkSent)]
    rows = [
        [printable(name), *(count_text(count) for way in (own.ip.rx, own.ip.tx) for count in astuple(way))]
        for name, own in list(result.counters.items())[:MOST_VM_ROWS]
    ]
    return Table(("function", *header), rows)


def port_counter_table(result: Result) -> Table | None:
    """Return what PFs count of themselves and their ports, as `ethtool -S` has it; None without counters."""
    pfs = {name: dict(own.in_order()) for name, own in result.counters.items() if own.ip.vfs}
    if not pfs:
        return None
    names = [name for name in ETHTOOL_NAMES if any(name in own for own in pfs.values())]
    rows = [[name, *(count_text(own.get(name, 0)) for own in pfs.values())] for name in names]
    return Table(("counter", *map(printable, pfs)), rows)


def flow_table(result: Result) -> Table:
    """Return the flows to list: all, or of many the slowest and the fastest."""
    flows: Sequence[FlowResult] = result.flows
    if len(flows) > MOST_FLOW_ROWS:
        ordered = sorted(flows, key=lambda flow: flow.gbps or 0.0)
        half = MOST_FLOW_ROWS // 2
        flows = [*ordered[:half], *ordered[-half:]]
    rows = [
        [
            printable(flow.from_),
            printable(flow.to),
            count_text(flow.offered),
            count_text(flow.delivered),
            MISSING if flow.gbps is None else three_digits(flow.gbps),
            page_time(flow.latency_ns.p50),
            page_time(flow.latency_ns.p99),
        ]
        for flow in flows
    ]
    return Table(("from", "to", "offered, frames", "delivered, frames", "Gb/s", "p50", "p99"), rows, texts=(0, 1))


def drop_table(result: Result) -> Table:
    """Return how many frames were dropped, by reason."""
    rows = [[printable(reason), count_text(count)] for reason, count in sorted(result.drops.items()) if count]
    return Table(("drop reason", "frames, whole run"), rows)


def queue_table(result: Result) -> Table:
    """Return the depth of each kind of queue."""
    rows = [
        [printable(name), three_digits(depth.mean), count_text(depth.max), queue_unit(result, name)]
        for name, depth in sorted(result.queues.items())
    ]
    return Table(("queue", "mean", "largest", "unit"), rows, texts=(0, 3))


def wait_table(result: Result) -> Table:
    """Return for how much of the window something was blocked, by what it waited for."""
    rows = [[STALL_WORDS[name], percent_text(share)] for name, share in stall_shares(result).items()]
    return Table(("something stood waiting for", "share of the window"), rows)


def fact_table(result: Result) -> Table:
    """Return the single figures of a result."""
    window = result.window
    page_span = span_text(window.start_ns, window.end_ns).replace(" us", " µs")
    rows = [
        ["measured window", f"{page_span} of simulated time"],
        ["frames delivered in it", count_text(result.window_frames)],
        ["host cores busy with drivers", three_digits(result.cpu.cores_busy)],
    ]
    if result.fairness_jain is not None:
        rows.append(["fairness between senders (Jain, 1 is even)", f"{result.fairness_jain:.4f}"])
    if not result.servers:
        rows += _adapter_facts(result)
    for name, mean, low, high, least, greatest in spread_rows(result):
        text = f"mean {mean}, 95 % from {low} to {high}; from {least} to {greatest}"
        rows.append([f"{name}, {len(result.spread[0].seeds)} seeds", text])
    alone = " (all figures but those of several seeds)" if result.spread else ""
    rows.append(["seed, configuration", f"{result.seed}, {printable(result.config_hash)}{alone}"])
    return Table(("figure", "value"), rows, texts=(0, 1))


def _adapter_facts(result: Result) -> list[list[str]]:
    """Return the single figures of the one adapter."""
    wire, pcie = result.wire, result.pcie
    rows = [
        [
            "bus busy" if result.buses else "link busy",
            f"up {percent_text(pcie.up.utilization)}, down {percent_text(pcie.down.utilization)}",
        ]
    ]
    if wire.tx_gbps or wire.rx_gbps:
        rows.append(["wires, together" if result.ports else "wire", _carried(wire)])
    for port in result.ports:
        whose = f" ({printable(', '.join(port.vms))})" if port.vms else ""  # a leg of a bond has no VMs of its own
        rows.append([f"wire of {printable(port.name)}{whose}", _carried(port)])
    looked_up = result.iotlb.hits + result.iotlb.misses
    if looked_up:
        rows.append(["addresses that miss the IOMMU's cache", percent_text(result.iotlb.misses / looked_up)])
    if result.segments:
        rows.append(["segments", segment_words(result.segments).removeprefix("In the window: ")])
    return rows


def _carried(wire: Wire | PortResult) -> str:
    return f"out {gbps_text(wire.tx_gbps)}, in {gbps_text(wire.rx_gbps)}, busy {percent_text(wire.utilization)}"


def changed_table(result: Result, defaults: Mapping[str, Any] | None) -> Table | None:
    """Return the keys that differ from `defaults` (a resolved configuration); None without defaults."""
    if defaults is None:
        return None
    rows = [[one.key, *one.values] for one in differing_keys([result.config, defaults])]
    return Table(("key", "value", "default"), rows, texts=(0, 1, 2)) if rows else None


def _off(value: float | None, reference: float) -> str:
    return MISSING if value is None or reference <= 0 else _percent_change(value / reference - 1)


def _percent_change(change: float) -> str:
    shown = change_text(change)
    return "0.0 %" if shown == "+0.0 %" else shown


def _times(value: float | None, reference: float) -> str:
    return MISSING if value is None or reference <= 0 else f"{three_digits(value / reference)} ×"


# ---- Bridges at the other ends of wires, and several servers ----


MOST_SERVER_ROWS = 64
MOST_SERVER_COLUMNS = 4


def adapter_table(result: Result) -> Table:
    """Return a row for each server: rates of its VMs, busy shares of its link, wire and cores, its fullest resource."""
    link = link_noun(result)
    ways = (f"{link} up", f"{link} down", "wire out", "wire in")
    noun = server_noun(*(one.name for one in result.servers))
    header = (noun, "tx Gb/s", "rx Gb/s", *ways, "busiest core", "fullest")
    rows = []
    for adapter in result.servers[:MOST_SERVER_ROWS]:
        busy = adapter.utilization
        up, down = adapter.pcie.up.utilization, adapter.pcie.down.utilization
        shares = (up, down, *map(busy.get, WIRE), core_share(busy))
        rates = (decimals_text(adapter.tx_gbps, 3), decimals_text(adapter.rx_gbps, 3))
        rows.append([printable(adapter.name), *rates, *map(_percent, shares), printable(limit_cell(adapter))])
    return Table(header, rows, texts=(0, 8))


def pcie_switch_table(result: Result) -> Table | None:
    """Return a row for the link above each PCIe switch, None where there is none."""
    rows = [list(row) for row in switch_rows(result)]
    return Table(SWITCH_COLUMNS, rows, texts=(0, 1, 4)) if rows else None


def bus_table(result: Result) -> Table | None:
    """Return a row for each shared bus, None where there is none."""
    rows = [list(row) for row in bus_rows(result)]
    return Table(BUS_COLUMNS, rows, texts=(0, 1, 3, 4)) if rows else None


def port_table(result: Result) -> Table:
    """Return a row for each port of all bridges and extenders."""
    rates = ("in, Gb/s", "out, Gb/s", "in, busy", "out, busy")
    header = ("port", *rates, "queue, mean, B", "queue, largest, B", "drops, frames")
    rows = [port_row(port, percent_text) for port in ports_of(result)[: MOST_SERVER_ROWS + 1]]
    return Table(header, rows, texts=(0, 7))


def bridge_sentences(result: Result) -> list[str]:
    """Return what each bridge forwarded, flooded, learned and dropped."""
    return [_bridge_words(bridge) for bridge in result.bridges]


def _bridge_words(bridge: BridgeResult) -> str:
    flooded = f" Flooded: {flooding_sentence(bridge)}." if bridge.kind == "learning" else ""
    learned = f"Of kind {printable(bridge.kind)}: {learning_sentence(bridge)}."
    dropped = drop_words(bridge.drops, none="nothing")
    begin = "Whole run" if bridge.name == NO_NAME else f"{bridge_words(bridge)}, whole run"
    return f"{begin}: {forwarding_sentence(bridge)}.{flooded} {learned} Dropped: {dropped}."


def server_queue_table(result: Result) -> Table:
    """Return the depth of each kind of queue, a column for each server."""
    adapters = result.servers[:MOST_SERVER_COLUMNS]
    names = sorted({name for adapter in adapters for name in adapter.queues})
    rows = []
    for name in names:
        depths = [adapter.queues.get(name) for adapter in adapters]
        cells = [MISSING if one is None else f"{three_digits(one.mean)} / {count_text(one.max)}" for one in depths]
        rows.append([printable(name), *cells, queue_unit(result, name)])
    header = ("queue, mean / largest", *(printable(adapter.name) for adapter in adapters), "unit")
    return Table(header, rows, texts=(0, len(header) - 1))


def server_wait_table(result: Result) -> Table:
    """Return for how much of the window something was blocked, a column for each server."""
    adapters = result.servers[:MOST_SERVER_COLUMNS]
    shares = [shares_of_stalls(adapter.stalls_ns, result.window.duration_ns) for adapter in adapters]
    rows = [
        [STALL_WORDS[name], *(_percent(one.get(name)) for one in shares)]
        for name in STALL_WORDS
        if any(one.get(name) for one in shares)
    ]
    return Table(("something stood waiting for", *(printable(adapter.name) for adapter in adapters)), rows)


def _percent(share: float | None) -> str:
    return MISSING if share is None else percent_text(share)
