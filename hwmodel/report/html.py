"""The HTML page: one file that needs nothing else, from one result or several.

The page is the same byte for byte for the same results: no date, no figures of the machine it ran on, ids from a fixed
salt. Everything that comes from users' files is escaped by the template engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.atomic_file import write_atomically
from hwmodel.errors import InputError
from hwmodel.report import figures
from hwmodel.report.quantities import (
    MISSING,
    count_text,
    decimals_text,
    gbps_text,
    mpps_text,
    percent_text,
    printable,
    three_digits,
    time_text,
)
from hwmodel.report.reading import (
    PURPOSE_WORDS,
    QUEUE_UNITS,
    STALL_WORDS,
    bytes_per_frame,
    frame_balance,
    headline,
    latency_note,
    limit_words,
    link_rows,
    stall_shares,
)
from hwmodel.report.svg import ORANGE, VERMILION, missing_extra
from hwmodel.results.result import FlowResult, Latency, Result

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_FLOW_BARS = 24
MOST_FLOW_ROWS = 16
MOST_VM_ROWS = 130
MOST_FULL_SECTIONS = 12
FIGURES = ("vms", "busy", "link", "latency", "flows", "drops", "stalls")
_PERCENTILES = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))
_LATENCY_COLUMNS = ("min", "mean", "p50", "p99", "p999", "max")


def render_page(results: Sequence[Result], labels: Sequence[str] | None = None, title: str | None = None) -> str:
    """Return an HTML page that reports results, with a comparison on top where there are several.

    `labels` name the results (file names, say); without them they are called "Run 1" and so on. From the thirteenth on,
    a result gets its tables but no figures, so that the page stays small enough to mail. Raises InputError where Jinja2
    or matplotlib is missing, ValueError for no results or a wrong number of labels.
    """
    if not results:
        raise ValueError("a page needs at least one result")
    names = [f"Run {number}" for number in range(1, len(results) + 1)] if labels is None else list(labels)
    if len(names) != len(results):
        raise ValueError(f"{len(names)} labels for {len(results)} results")
    environment = _environment()
    sections = [
        _section(result, printable(name), f"r{index}", with_figures=index < MOST_FULL_SECTIONS)
        for index, (result, name) in enumerate(zip(results, names, strict=True))
    ]
    return environment.get_template("page.html.j2").render(
        title=printable(title) if title else "VM-to-VM throughput",
        sections=sections,
        comparison=_comparison(results, sections) if len(results) > 1 else None,
    )


def write_page(
    path: str | Path, results: Sequence[Result], labels: Sequence[str] | None = None, title: str | None = None
) -> None:
    """Write the page of `render_page` to a file, as a whole or not at all."""
    write_atomically(path, render_page(results, labels, title))


def _environment() -> Environment:
    try:
        import jinja2  # optional: only reports need it
    except ImportError:
        raise InputError(missing_extra("Jinja2")) from None
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _micro(text: str) -> str:
    return f"{text[:-3]} µs" if text.endswith(" us") else text


def _time(time_ns: float | None) -> str:
    return _micro(time_text(time_ns))


def _section(result: Result, label: str, key: str, with_figures: bool) -> dict[str, Any]:
    """Gather what the template shows of one result; all values are finished texts, escaped there."""
    return {
        "key": key,
        "label": label,
        "headline": printable(headline(result)),
        "why": printable(result.bottleneck.why),
        "latency_note": latency_note(result),
        "latencies": _latency_rows(result),
        "balance": frame_balance(result),
        "facts": _facts(result),
        "vms": [_vm_row(vm) for vm in result.vms[:MOST_VM_ROWS]],
        "vms_left_out": max(0, len(result.vms) - MOST_VM_ROWS),
        "flows": _flow_table(result),
        "link": link_rows(result),
        "colours": figures.PURPOSE_COLOURS,
        "drops": [(printable(reason), count_text(count)) for reason, count in sorted(result.drops.items()) if count],
        "queues": [
            (printable(name), three_digits(depth.mean), count_text(depth.max), QUEUE_UNITS.get(name, ""))
            for name, depth in sorted(result.queues.items())
        ],
        "stalls": [(STALL_WORDS[name], percent_text(share)) for name, share in stall_shares(result).items()],
        "config": _config_text(result),
        "figures": _figures(result, key) if with_figures else dict.fromkeys(FIGURES, ""),
    }


def _figures(result: Result, key: str) -> dict[str, str]:
    """Draw what this result has numbers for, by the place in the page."""
    drawn = dict.fromkeys(FIGURES, "")
    vms = result.vms
    if vms:
        names, sent, received = (
            [vm.name for vm in vms],
            [vm.tx_gbps or 0.0 for vm in vms],
            [vm.rx_gbps or 0.0 for vm in vms],
        )
        drawn["vms"] = figures.throughput_by_vm(f"{key}-vms", names, sent, received)
    if result.flows:
        drawn["flows"] = _flow_figure(result.flows, f"{key}-flows")
    if result.latency_histogram:
        marks = {name: getattr(result.latency_ns, attribute) for name, attribute in _PERCENTILES}
        known = {name: time_ns for name, time_ns in marks.items() if time_ns is not None}
        least_ns = result.latency_ns.min
        drawn["latency"] = figures.latency_distribution(f"{key}-latency", result.latency_histogram, known, least_ns)
    per_frame = bytes_per_frame(result)
    if per_frame:
        drawn["link"] = figures.link_bytes(f"{key}-link", per_frame["up"], per_frame["down"], PURPOSE_WORDS)
    if result.drops and any(result.drops.values()):
        reasons = sorted(result.drops, key=lambda reason: (-result.drops[reason], reason))[:MOST_FLOW_BARS]
        counts = [result.drops[reason] for reason in reasons]
        drawn["drops"] = figures.bars(f"{key}-drops", reasons, counts, "frames", "Drops by reason", VERMILION)
    drawn["busy"] = _busy_figure(result, f"{key}-busy")
    stalls = stall_shares(result)
    if any(stalls.values()):
        labels, shares = [STALL_WORDS[name] for name in stalls], list(stalls.values())
        drawn["stalls"] = figures.share_bars(
            f"{key}-stalls", labels, shares, "share of the window spent waiting, %", "Waiting by cause"
        )
    return drawn


def _busy_figure(result: Result, key: str) -> str:
    shares = {"pcie.up": result.pcie.up.utilization, "pcie.down": result.pcie.down.utilization, **result.utilization}
    if result.wire.utilization:
        shares.setdefault("wire", result.wire.utilization)
    return figures.share_bars(
        key, list(shares), list(shares.values()), "busy share of the window, %", "How busy each resource was"
    )


def _flow_figure(flows: Sequence[FlowResult], key: str) -> str:
    if len(flows) <= MOST_FLOW_BARS:
        labels = [f"{flow.from_} → {flow.to}" for flow in flows]
        rates = [flow.gbps or 0.0 for flow in flows]
        return figures.bars(key, labels, rates, "throughput, Gb/s", "Throughput of each flow", ORANGE)
    return figures.flow_matrix(key, [(flow.from_, flow.to, flow.gbps or 0.0) for flow in flows])


def _latency_rows(result: Result) -> list[tuple[str, list[str]]]:
    rows = [
        ("from post to delivery", result.latency_ns),
        ("from doorbell to delivery", result.latency_from_doorbell_ns),
        ("waiting for the wire", result.wire.wait_ns),
    ]
    return [(words, _latency_cells(latency)) for words, latency in rows if latency.p50 is not None]


def _latency_cells(latency: Latency) -> list[str]:
    return [_time(getattr(latency, column)) for column in _LATENCY_COLUMNS]


def _config_text(result: Result) -> str:
    lines = json.dumps(dict(result.config), indent=2, ensure_ascii=False).split("\n")
    return "\n".join(printable(line) for line in lines)


def _facts(result: Result) -> list[tuple[str, str]]:
    """Return the single figures of a result as (name, value with unit)."""
    window, wire = result.window, result.wire
    facts = [
        ("Measured window", f"{_time(window.start_ns)} to {_time(window.end_ns)} of simulated time"),
        ("Frames delivered in it", count_text(result.window_frames)),
        (
            "Link busy",
            f"up {percent_text(result.pcie.up.utilization)}, down {percent_text(result.pcie.down.utilization)}",
        ),
        ("Host cores busy with drivers", three_digits(result.cpu.cores_busy)),
    ]
    if result.fairness_jain is not None:
        facts.append(("Fairness between senders (Jain, 1 is even)", f"{result.fairness_jain:.4f}"))
    if wire.tx_gbps or wire.rx_gbps:
        rates = f"out {gbps_text(wire.tx_gbps)}, in {gbps_text(wire.rx_gbps)}, busy {percent_text(wire.utilization)}"
        facts.append(("Wire", rates))
    facts.append(("Seed, configuration", f"{result.seed}, {printable(result.config_hash)}"))
    return facts


def _vm_row(vm: Any) -> list[str]:
    drops = ", ".join(f"{printable(reason)} {count_text(n)}" for reason, n in sorted(vm.drops.items()) if n) or MISSING
    rates = [decimals_text(vm.tx_gbps, 3), decimals_text(vm.rx_gbps, 3), decimals_text(vm.rx_mpps, 4)]
    return [printable(vm.name), *rates, _time(vm.latency_ns.p50), _time(vm.latency_ns.p99), drops]


def _flow_table(result: Result) -> dict[str, Any]:
    """Return the flows to list: all, or of many the slowest and the fastest."""
    flows = list(result.flows)
    if len(flows) > MOST_FLOW_ROWS:
        ordered = sorted(flows, key=lambda flow: flow.gbps or 0.0)
        half = MOST_FLOW_ROWS // 2
        flows = ordered[:half] + ordered[-half:]
    rows = [
        [
            printable(flow.from_),
            printable(flow.to),
            count_text(flow.offered),
            count_text(flow.delivered),
            MISSING if flow.gbps is None else three_digits(flow.gbps),
            _time(flow.latency_ns.p50),
            _time(flow.latency_ns.p99),
        ]
        for flow in flows
    ]
    return {"rows": rows, "n_all": len(result.flows)}


def _comparison(results: Sequence[Result], sections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = [
        [
            gbps_text(result.totals.gbps),
            mpps_text(result.totals.mpps),
            _time(result.latency_ns.p50),
            _time(result.latency_ns.p99),
            count_text(result.totals.dropped_frames),
            printable(limit_words(result.bottleneck)),
        ]
        for result in results
    ]
    labels, rates = [str(section["label"]) for section in sections], [result.totals.gbps or 0.0 for result in results]
    figure = figures.bars("compare", labels, rates, "delivered to VMs, Gb/s", "Throughput of each run")
    return {"rows": list(zip(sections, rows, strict=True)), "figure": figure}
