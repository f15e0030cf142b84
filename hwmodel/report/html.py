"""The HTML page: one file that needs nothing else, from one result or several.

The page is the same byte for byte for the same results: no date, no figures of the machine it ran on, ids from a fixed
salt. Everything that comes from users' files is escaped by the template engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.errors import InputError
from hwmodel.report import figures, tables
from hwmodel.report.comparison import compare, table_of_ways
from hwmodel.report.control_pictures import COURSES, SEQUENCE, control_figures, control_table, sequence_note
from hwmodel.report.datapath import datapath_figure, left_out_words, system_figure
from hwmodel.report.figures import ORANGE, VERMILION, missing_extra
from hwmodel.report.over_time import (
    LIVES,
    PICTURES,
    action_table,
    agent_table,
    event_table,
    life_table,
    lives_note,
    over_time_figures,
    series_note,
    stage_table,
)
from hwmodel.report.reproduction import assumption_table, of_result
from hwmodel.report.tables import adapter_table, bridge_sentences, port_table, server_queue_table, server_wait_table
from hwmodel.resources import DOWN, UP
from hwmodel.results.agents_text import actions_note
from hwmodel.results.bond_text import bond_sentence, outage_sentence
from hwmodel.results.bridge_reading import ports_of
from hwmodel.results.losses import loss_sentence
from hwmodel.results.modelled import (
    crosses_no_link,
    falling_latency_sentences,
    is_switched_in_memory,
    modelled_sentence,
)
from hwmodel.results.reading import (
    DELIVERY,
    STALL_WORDS,
    bound_sentence,
    bytes_per_frame,
    direction_rows,
    frame_balance,
    headroom_sentence,
    largest_part_sentence,
    latency_note,
    limit_words,
    link_rows,
    lone_parts,
    lone_words,
    no_way_back_sentence,
    outcome_words,
    purpose_words,
    sender_wait_note,
    stall_shares,
)
from hwmodel.results.result import FlowResult, Result
from hwmodel.results.search_text import relaxed_sentence
from hwmodel.results.shared_links_text import OF_BUS_BYTES, OF_BUS_SHARES, link_noun
from hwmodel.results.stage_text import stage_notes
from hwmodel.results.virtual_switch_text import flow_cache_sentence, passed_sentences
from hwmodel.words.latency_parts import ALL_PARTS, PART_WORDS
from hwmodel.words.quantities import page_time, printable

if TYPE_CHECKING:
    from jinja2 import Environment

    from hwmodel.results.comparison import Comparison
    from hwmodel.results.control_comparison import ControlComparison

MOST_FULL_SECTIONS = 6
_SEPARATOR = re.compile(r"_|\.(?!\d)")
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|[GM]b/s|M?pps|[mun]?s\b)")
TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    results: Sequence[Result],
    labels: Sequence[str],
    defaults: Sequence[Mapping[str, Any] | None] | None = None,
    ways: Comparison | ControlComparison | None = None,
) -> str:
    """Return an HTML page that reports results, with a comparison on top where there are several.

    `labels` name the results (`file_labels`, say). `defaults`: a resolved configuration for each result; the page then
    lists the keys that differ from it. `ways`: the comparison that the results belong to; its table is put on top too.
    From the seventh on, results get tables but no figures, so that the page stays small enough to mail. Raises
    InputError where Jinja2 or matplotlib is missing, ValueError for no results or a wrong number of labels or defaults.
    """
    if not results:
        raise ValueError("a page needs at least one result")
    for words, given in (("labels", labels), ("defaults", defaults)):
        if given is not None and len(given) != len(results):
            raise ValueError(f"{len(given)} {words} for {len(results)} results")
    environment = template_environment()
    names = [printable(label) for label in labels]
    keys = [f"r{index}" for index in range(len(results))]
    sections = [
        section_of(result, name, key, index < MOST_FULL_SECTIONS, defaults[index] if defaults is not None else None)
        for index, (result, name, key) in enumerate(zip(results, names, keys, strict=True))
    ]
    is_comparison, kind = len(results) > 1, "runs" if ways is None else ways.kind
    return environment.get_template("page.html.j2").render(
        title=f"{len(results)} {kind} side by side" if is_comparison else names[0],
        sections=sections,
        comparison=compare(results, names, keys, defaults) if is_comparison else None,
        ways=None if ways is None else table_of_ways(ways),
        assumptions=assumption_table(),
    )


def template_environment() -> Environment:
    """Return the environment for the pages' templates, which escapes all texts; InputError if Jinja2 is missing."""
    try:
        import jinja2  # optional: only reports need it
    except ImportError:
        raise InputError(missing_extra("Jinja2")) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["unbroken"] = unbroken
    return environment


def unbroken(text: str) -> str:
    """Return a sentence in which numbers are not separated from their units by a line break."""
    return _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text)


def breakable(text: str) -> str:
    """Return a name as HTML that may be broken after its separators; numbers stay whole."""
    return _SEPARATOR.sub(r"\g<0><wbr>", escape(text))


# ---- One result: finished texts, tables and figures, in the places that the template names ----


MOST_FLOW_BARS = 24
FIGURES = (
    "vms", "busy", "link", "latency", "parts", "alone", "relaxed", "flows", "drops", "stalls",
    LIVES, COURSES, SEQUENCE, *PICTURES,
)  # fmt: skip
_PERCENTILES = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))


def section_of(
    result: Result, label: str, key: str, with_figures: bool, defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Gather what the template shows of one result; `key`: prefix of all its ids."""
    return {
        "key": key,
        "label": label,
        "modelled": modelled_sentence(result.config),
        "outcome": _outcome(result),
        "limit": _limit(result),
        "explained": printable(relaxed_sentence(result)) if result.relaxed else "",
        "headroom": printable(headroom_sentence(result)),
        "warnings": [printable(warning) for warning in result.warnings],
        "latency_note": "; of the sender's wait: ".join(filter(None, (latency_note(result), sender_wait_note(result)))),
        "largest_part": largest_part_sentence(result),
        "lone": lone_words(result),
        "falling_latency": [printable(sentence) for sentence in falling_latency_sentences(result)],
        "balance": frame_balance(result),
        "n_vms_left_out": max(0, len(result.vms) - tables.MOST_VM_ROWS),
        "n_flows": len(result.flows),
        "link": link_rows(result),
        "link_title": "bus" if result.buses else "PCIe link",
        "link_note": f"{OF_BUS_BYTES[0].upper()}{OF_BUS_BYTES[1:]}." if result.buses else "",
        "adapters_note": f"Up and down: {OF_BUS_SHARES}." if link_noun(result) != "PCIe" else "",
        "colours": figures.PURPOSE_COLOURS,
        "again": of_result(result, label),
        "bridges": bridge_sentences(result),
        "n_servers": len(result.servers),
        "n_servers_across": tables.MOST_SERVER_COLUMNS,
        "over_time": "" if result.series is None else series_note(result.series),
        "lives": "" if result.series is None else lives_note(result.series),
        "pictures": PICTURES,
        "actions_note": actions_note(result),
        "sequence_note": sequence_note(result),
        "stage_notes": [printable(note) for note in stage_notes(result)],
        "tables": {
            **_system_tables(result),
            "events": None if result.series is None else event_table(result.series),
            "lives": None if result.series is None else life_table(result.series),
            "stages": stage_table(result),
            "agents": agent_table(result),
            "actions": action_table(result),
            "control": control_table(result),
            "closed_form": tables.closed_form_table(result),
            "ceilings": tables.ceilings_table(result),
            "next_steps": tables.next_steps_table(result),
            "relaxed": tables.relaxed_table(result),
            "latency": tables.latency_table(result),
            "parts": tables.parts_table(result),
            "vms": tables.vm_table(result),
            "counters": tables.counter_table(result),
            "port_counters": tables.port_counter_table(result),
            "drops": tables.drop_table(result),
            "flows": tables.flow_table(result),
            "facts": tables.fact_table(result),
            "changed": tables.changed_table(result, defaults),
        },
        "datapath": _picture(result, f"{key}-path") if with_figures else "",
        "left_out": left_out_words(result),
        "figures": _figures(result, key) if with_figures else dict.fromkeys(FIGURES, ""),
    }


def _system_tables(result: Result) -> dict[str, tables.Table | None]:
    """Return the tables that a bridge adds, and those that take another form for several servers."""
    ports, buses = port_table(result) if result.bridges else None, tables.bus_table(result)
    if result.servers:
        queues, waits = server_queue_table(result), server_wait_table(result)
        of_servers = {"adapters": adapter_table(result), "pcie_switches": tables.pcie_switch_table(result)}
        return {**of_servers, "buses": buses, "ports": ports, "queues": queues, "waits": waits}
    queues, waits = tables.queue_table(result), tables.wait_table(result)
    return {"adapters": None, "pcie_switches": None, "buses": buses, "ports": ports, "queues": queues, "waits": waits}


def _picture(result: Result, key: str) -> str:
    if is_switched_in_memory(result.config):  # the picture is of an adapter's datapath
        return ""
    return system_figure(result, key) if result.servers else datapath_figure(result, key)


def _outcome(result: Result) -> str:
    """Return what came out, in one sentence: throughput, and one latency, by direction where there are several."""
    text, rows = outcome_words(result), direction_rows(result)
    if rows:
        apart = [f"{words.partition(', ')[2]} {page_time(latency.p50)}" for words, _, latency in rows if latency.p50]
        text += f"; latency, {DELIVERY}, p50: {', '.join(apart)}"
    elif result.latency_ns.p50 is not None:
        text += f"; latency, {DELIVERY}: p50 {page_time(result.latency_ns.p50, result.intervals.get('latency_ns.p50'))}"
    note = latency_note(result)
    return printable(f"{text} ({note})." if note and "p50" in text else f"{text}.")


def _limit(result: Result) -> str:
    """Return what limits, in one sentence and its reason, and what was lost."""
    words = limit_words(result)
    known = "" if result.flow_cache is None else flow_cache_sentence(result.flow_cache)
    legs = () if result.bond is None else (bond_sentence(result.bond), *map(outage_sentence, result.bond.outages))
    passed = " ".join(passed_sentences(result))
    reasons = (
        no_way_back_sentence(result),
        result.bottleneck.why,
        *result.assumptions,
        bound_sentence(result),
        loss_sentence(result),
        known,
        *legs,
        passed,
    )
    return printable(f"{words[0].upper()}{words[1:]}. {' '.join(filter(None, reasons))}".rstrip())


def _figures(result: Result, key: str) -> dict[str, str]:
    """Draw the figures that this result has numbers for, by their place in the page."""
    drawn = dict.fromkeys(FIGURES, "")
    vms = result.vms
    if any(vm.tx_gbps is not None or vm.rx_gbps is not None for vm in vms):
        sent, received = ([vm.tx_gbps or 0.0 for vm in vms], [vm.rx_gbps or 0.0 for vm in vms])
        drawn["vms"] = figures.throughput_by_vm(f"{key}-vms", [vm.name for vm in vms], sent, received)
    measured = [flow for flow in result.flows if flow.gbps is not None]
    if measured:
        drawn["flows"] = _flow_figure(measured, f"{key}-flows")
    drawn["latency"], drawn["parts"] = _latency_figure(result, f"{key}-latency"), _parts_figure(result, f"{key}-parts")
    drawn["alone"] = _lone_figure(result, f"{key}-alone")
    per_frame = bytes_per_frame(result)
    if per_frame and not crosses_no_link(result.config):
        drawn["link"] = figures.link_bytes(
            f"{key}-link", per_frame["up"], per_frame["down"], purpose_words(result), bool(result.buses)
        )
    if result.drops and any(result.drops.values()):
        reasons = sorted(result.drops, key=lambda reason: (-result.drops[reason], reason))[:MOST_FLOW_BARS]
        counts = [result.drops[reason] for reason in reasons]
        drawn["drops"] = figures.bars(f"{key}-drops", reasons, counts, "frames", "Drops by reason", VERMILION)
    if result.series is not None:
        drawn |= over_time_figures(result.series, key)
    drawn |= control_figures(result, key)
    drawn["busy"] = _busy_figure(result, f"{key}-busy")
    drawn["relaxed"] = _relaxed_figure(result, f"{key}-relaxed")
    stalls = stall_shares(result)
    if any(stalls.values()):
        labels, shares = [STALL_WORDS[name] for name in stalls], list(stalls.values())
        axis = "share of the window spent waiting, %"
        drawn["stalls"] = figures.share_bars(f"{key}-stalls", labels, shares, axis, "Waiting by cause")
    return drawn


def _latency_figure(result: Result, key: str) -> str:
    if not result.latency_histogram:
        return ""
    marks = {name: getattr(result.latency_ns, attribute) for name, attribute in _PERCENTILES}
    known = {name: time_ns for name, time_ns in marks.items() if time_ns is not None}
    return figures.latency_distribution(
        key, result.latency_histogram, known, result.latency_ns.min, result.latency_ns.max
    )


def _parts_figure(result: Result, key: str) -> str:
    """Draw the parts of the mean."""
    title = "Where a frame's time goes, from post to taken by the guest, on average"
    return _waterfall(key, result.latency_parts_ns.get("mean", {}), "time since the post, mean", title)


def _lone_figure(result: Result, key: str) -> str:
    """Draw the latency parts of the lone frame, up to one that never ends."""
    parts = {name: part_ns for name, part_ns in lone_parts(result).items() if part_ns != inf}
    title = "Where the time of one frame alone goes"
    return _waterfall(key, parts, "time since the post, alone", title)


def _waterfall(key: str, parts: Mapping[str, float], axis: str, title: str) -> str:
    """Draw parts one after the other, those that take no time left out."""
    names = [name for name in ALL_PARTS if parts.get(name, 0.0) > 0]
    if not names:
        return ""
    words = [PART_WORDS[name].removeprefix("the ") for name in names]
    return figures.waterfall(key, words, [parts[name] for name in names], axis, title)


def _relaxed_figure(result: Result, key: str) -> str:
    ranked = sorted((one for one in result.relaxed if one.gain is not None), key=lambda one: -(one.gain or 0.0))
    if not ranked:
        return ""
    labels, gains = [one.change.replace("->", "→") for one in ranked], [one.gain or 0.0 for one in ranked]
    return figures.gain_bars(key, labels, gains)


def _busy_figure(result: Result, key: str) -> str:
    shares = {one.resource: one.port.out_utilization for one in ports_of(result)}
    shares |= {bus.name: bus.utilization for bus in result.buses}
    for link in result.pcie_switches:
        shares |= {f"{link.name}.up": link.up.utilization, f"{link.name}.down": link.down.utilization}
    if result.servers:
        for adapter in result.servers:
            shares |= {f"{adapter.name}.{name}": share for name, share in adapter.utilization.items()}
    else:
        if not (crosses_no_link(result.config) or result.buses):
            shares |= {UP: result.pcie.up.utilization, DOWN: result.pcie.down.utilization}
        shares |= result.utilization
        if result.wire.utilization and not any("wire." in name for name in shares):
            shares["wire"] = result.wire.utilization  # older results do not split its directions
    ranked = sorted(shares, key=lambda name: -shares[name])[:MOST_FLOW_BARS]
    which = f"; the {len(ranked)} busiest of {len(shares)}" if len(ranked) < len(shares) else ""
    axis = f"busy share of the window, %{which}"
    return figures.share_bars(key, ranked, [shares[name] for name in ranked], axis, "How busy each resource was")


def _flow_figure(flows: Sequence[FlowResult], key: str) -> str:
    if len(flows) <= MOST_FLOW_BARS:
        labels = [f"{flow.from_} → {flow.to}" for flow in flows]
        rates = [flow.gbps or 0.0 for flow in flows]
        return figures.bars(key, labels, rates, "throughput, Gb/s", "Throughput of each flow", ORANGE)
    return figures.flow_matrix(key, [(flow.from_, flow.to, flow.gbps or 0.0) for flow in flows])
