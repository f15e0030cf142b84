"""Make a result from two snapshots.

Fairness compares what backlogged senders get or, if none is backlogged, the share that each gets of its own demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

import numpy as np

from hwmodel.config import Config, buses_of, servers_of, vms_of
from hwmodel.config import Server as ServerConfig
from hwmodel.config.names import is_uplink
from hwmodel.results import (
    AdapterResult,
    Bottleneck,
    Cpu,
    FlowResult,
    Latency,
    Observation,
    Result,
    Sighting,
    SystemResult,
    Totals,
    VmResult,
    Window,
    by_shares,
    merge_histogram,
    sighting_of,
)
from hwmodel.results.bottleneck import Where, busiest_of, load_of, loses_by_refusal, refusal, suspects_of
from hwmodel.results.bottleneck_text import busiest_server
from hwmodel.simulation.figures.adapter_figures import PerFrame, adapter_figures, frame_bytes, port_figures
from hwmodel.simulation.figures.bond_outages import bond_use
from hwmodel.simulation.figures.by_row import OF_FUNCTIONS, by_function, figures_of
from hwmodel.simulation.figures.latency_summary import (
    FlowLatencies,
    delivery_latency,
    latencies_by_direction,
    latency_from,
    latency_parts,
    named_drops,
)
from hwmodel.simulation.figures.losses import unwanted_drops
from hwmodel.simulation.figures.measurement import Snapshot, in_flight
from hwmodel.simulation.figures.observation import observe_window, utilization_of
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.virtual_switch_use import passed_figures
from hwmodel.simulation.figures.window_checks import burst_frames
from hwmodel.simulation.fill.flow_book import FlowBook, Flows, Server
from hwmodel.units import FS_PER_NS
from hwmodel.workload import Workload


def make_result(config: Config, workload: Workload, book: FlowBook, span: Span) -> tuple[Result, Sighting]:
    """Make the result of a run, without the configuration, flows, intervals and closed form, and what shows its limit.

    That is the evidence for its bottleneck.
    """
    per_frame = frame_bytes(config, span)
    utilization = utilization_of(config, span)
    unwanted = unwanted_drops(config, book, span.end, span)
    seen = sighting_of(observe_window(config, span, utilization, per_frame, unwanted))
    result = make_figures(config, workload, book, span, per_frame)
    return replace(result, bottleneck=by_shares(seen), utilization=utilization), seen


def make_figures(config: Config, workload: Workload, book: FlowBook, span: Span, per_frame: PerFrame = None) -> Result:
    """Make the result of a run as `make_result` does, without what limits it; `per_frame`: from `frame_bytes`."""
    latencies = FlowLatencies(span.end)
    return Result(
        **_of_all(config, workload, book, span, latencies, backlog_growth(book, span)),
        vms=vm_results(servers_of(config)[0], span, span, _latency_of_receivers(book, latencies)),
        **adapter_figures(config, span, per_frame),
        ports=port_figures(config, span),
        bond=bond_use(config, span),
        **passed_figures(config, book, span),
        bottleneck=Bottleneck(resource="", utilization=0.0, why=""),
    )


def make_system_result(
    config: Config, workload: Workload, book: FlowBook, span: Span, parts: Sequence[tuple[Server, Span]]
) -> tuple[SystemResult, Sighting]:
    """Make the joint result of several servers; `parts`: each server with its own window."""
    on_shared = {at for bus in buses_of(server for server, _ in parts) if len(bus.members) > 1 for at in bus.members}
    unwanted = unwanted_drops(config, book, span.end, span)
    observed = [_adapter(server, own, unwanted, shares_bus=at in on_shared) for at, (server, own) in enumerate(parts)]
    adapters = tuple(adapter for adapter, _ in observed)
    waiting = {name: n for server, own in parts for name, n in backlog_growth(server.book, own).items()}
    n_waiting = span.under_way_growth + sum(own.backlog_growth for _, own in parts)
    wheres = [server.key for server in servers_of(config)]
    seen = _of_all_servers(config, span, n_waiting, adapters, [one for _, one in observed], wheres)
    latencies = FlowLatencies(span.end)
    latency_of = _latency_of_receivers(book, latencies)
    result = SystemResult(
        **_of_all(config, workload, book, span, latencies, waiting),
        vms=tuple(vm for server, own in parts for vm in vm_results(server, span, own, latency_of)),
        cpu=Cpu(cores_busy=fsum(adapter.cpu.cores_busy for adapter in adapters)),
        bottleneck=by_shares(seen),
        adapters=adapters,
    )
    return result, seen


def _of_all_servers(
    config: Config,
    span: Span,
    n_waiting: int,
    adapters: Sequence[AdapterResult],
    observed: Sequence[Observation],
    wheres: Sequence[Where],
) -> Sighting:
    """Return the evidence for the bottleneck of all servers; `n_waiting`: backlog growth.

    `observed`, `wheres`: one each, what was seen of a server, and where the configuration has its keys.
    """
    loads = [load_of(seen) for seen in observed]
    at = max(range(len(loads)), key=lambda at: loads[at].utilization)
    drops, offered = span.drops(), max(1, span.count("offered"))
    refused = {
        config.vm_at(f"{adapter.name}.{vm}"): n
        for adapter, seen in zip(adapters, observed, strict=True)
        for vm, n in seen.refused_frames.items()
    }
    whole = replace(
        observed[at], drops=drops, refused_frames=refused, offered_frames=offered, backlog_frames=n_waiting,
        frame_bytes=next((seen.frame_bytes for seen in observed if seen.frame_bytes is not None), None),
    )  # fmt: skip
    most = max(range(len(observed)), key=lambda at: sum(observed[at].refused_frames.values()))
    found = sighting_of(whole)
    return replace(
        found,
        suspects=tuple(
            one
            for adapter, seen, where in zip(adapters, observed, wheres, strict=True)
            for one in suspects_of(seen, adapter.name + ".", where)
        ),
        load=replace(loads[at], why=busiest_server(adapters[at].name, found.load.why)),
        has_offers=span.count("offered") > 0,
        refusal=(refusal(observed[most], adapters[most].name + ".", wheres[most]) if loses_by_refusal(whole) else None),
        busiest=busiest_of(observed[at], adapters[at].name + ".", wheres[at]),
    )


def with_bottleneck(result: Result, found: Bottleneck) -> Result:
    """Return a result with its bottleneck; an adapter that contains the bottleneck gets the same one."""
    if not isinstance(result, SystemResult):
        return replace(result, bottleneck=found)
    adapters = []
    for adapter in result.adapters:
        prefix = f"{adapter.name}."
        own = [name.removeprefix(prefix) for name in (found.resource, *found.also) if name.startswith(prefix)]
        is_named = found.resource.startswith(prefix)
        stripped = replace(found, resource=own[0], also=tuple(own[1:])) if is_named else adapter.bottleneck
        adapters.append(replace(adapter, bottleneck=stripped))
    return replace(result, bottleneck=found, adapters=tuple(adapters))


def without_bottleneck(result: Result, why: str) -> Result:
    """Return a result that names no limit, of no adapter either, and knows no interval: nothing was delivered."""
    nothing = Bottleneck(resource="", utilization=0.0, why=why)
    if isinstance(result, SystemResult):
        result = replace(result, adapters=tuple(replace(one, bottleneck=nothing) for one in result.adapters))
    return replace(result, bottleneck=nothing, intervals={})


def _adapter(server: Server, span: Span, unwanted: int, *, shares_bus: bool) -> tuple[AdapterResult, Observation]:
    """Return the figures of one of several adapters; a bus shared with others is not among its own suspects.

    `unwanted`: the drops in the whole machine of what no station was to get.
    """
    config = server.config
    per_frame = frame_bytes(config, span)
    utilization = utilization_of(config, span)
    figures = adapter_figures(config, span, per_frame)
    sent_bytes = int(span.by_function("sent_bytes").sum())
    of_own = {name: share for name, share in utilization.items() if not (shares_bus and name == "bus")}
    seen = observe_window(config, span, of_own, per_frame, unwanted, is_alone=False)
    result = AdapterResult(
        name=server.name,
        tx_gbps=span.gbps(sent_bytes),
        rx_gbps=span.gbps(span.count("delivered_bytes")),
        **figures,
        **passed_figures(config, server.book, span),
        drops=named_drops(span.end.counts["ledger"]["drops"]),
        bottleneck=by_shares(sighting_of(seen)),
        utilization=utilization,
    )
    return result, seen


def _of_all(
    config: Config,
    workload: Workload,
    book: FlowBook,
    span: Span,
    latencies: FlowLatencies,
    waiting: Mapping[str, int],
) -> dict[str, Any]:
    """Return the result fields that runs of one server and of several have in common."""
    start, end = span.start, span.end
    to_guest, parts = latency_parts(end)
    samples = latencies.samples(range(len(book.flows)))
    return {
        "config": {},
        "config_hash": "",
        "seed": config.run.seed,
        "window": Window(
            start_ns=start.now_fs / FS_PER_NS,
            end_ns=end.now_fs / FS_PER_NS,
            vm_frames=span.count("vm_copies"),
            wire_frames=span.count("delivered_to_wire"),
        ),
        "totals": _totals(span, unwanted_drops(config, book, end)),
        "flows": (),
        "latency_ns": delivery_latency(end),
        "latency_by_direction_ns": latencies_by_direction(config, book.flows, latencies),
        "latency_from_doorbell_ns": latency_from(end, "from_doorbell"),
        "latency_to_guest_ns": to_guest,
        "sender_wait_ns": latency_from(end, "sender_wait"),
        "latency_parts_ns": parts,
        "fairness_jain": fairness(config, workload, book, span, waiting),
        "drops": named_drops(end.counts["ledger"]["drops"]),
        "mirrored_drops": named_drops(end.counts["ledger"]["mirrored_drops"]),
        "latency_histogram": () if samples is None else merge_histogram(samples.counts, first=samples.first),
    }


def _totals(span: Span, unwanted: int) -> Totals:
    count, by_row = span.end.count, figures_of("totals", span)
    return Totals(
        **by_row,
        in_flight_frames=in_flight(span.end),
        replicated_frames=count("replicated"),
        unwanted_drops=unwanted,
        copies_in_flight=count("copies_made") - count("copies_delivered") - count("copies_dropped"),
        mirrored_in_flight=count("mirrored_made") - count("mirrored") - count("mirrored_dropped"),
    )


def _flow_histograms(book: FlowBook, end: Snapshot) -> bool:
    """Tell whether each flow has a histogram row of its own."""
    rows = end.flows["histogram"][: len(book.flows)]
    return len(set(rows.tolist())) == len(book.flows)


def flows_of(book: FlowBook, span: Span) -> tuple[FlowResult, ...]:
    """Return the results of all servers' flows; computed by columns, since there may be hundreds of thousands."""
    latencies = FlowLatencies(span.end)
    numbers = np.flatnonzero(span.end.flows["offered"])
    start, end = span.start.flows[numbers], span.end.flows[numbers]
    if _flow_histograms(book, span.end):
        own_latencies = [latencies.of([number]) for number in numbers.tolist()]
    else:
        own_latencies = latencies.moments_of_each(numbers)
    columns = (
        Flows(book.flows.names, book.flows.senders[numbers], book.flows.receivers[numbers]),
        *(end[name].tolist() for name in ("offered", "delivered")),
        _listed(span.gbps(end["n_bytes"] - start["n_bytes"]), len(numbers)),
        _listed(span.mpps(end["delivered"] - start["delivered"]), len(numbers)),
        own_latencies,
    )
    return tuple(
        FlowResult(from_=sender, to=target, offered=offered, delivered=delivered, gbps=gbps, mpps=mpps, latency_ns=own)
        for (sender, target), offered, delivered, gbps, mpps, own in zip(*columns, strict=True)
    )


def _listed(rates: Any, n: int) -> list[float | None]:
    return [None] * n if rates is None else rates.tolist()


def _latency_of_receivers(book: FlowBook, latencies: FlowLatencies) -> Callable[[str], Latency]:
    """Return how to look up the latency of all that a station received, by its name."""
    numbers = book.flows.by_receiver()
    return lambda name: latencies.of(numbers.get(name, ()))


def vm_results(
    server: ServerConfig, span: Span, own: Span, latency_of: Callable[[str], Latency]
) -> tuple[VmResult, ...]:
    """Return what each VM of a server sent and received; `span`: the run's window, `own`: as the server counted it."""
    found, figures = [], by_function(span, own)
    has_any = np.any([own.by_function(name) > 0 for name in OF_FUNCTIONS], axis=0)
    for name, vm in vms_of([server]).items():
        drops = named_drops(own.end.functions["drops"][vm.function])
        by_row = {field: each[vm.function] for field, each in figures.items()}
        if vm.is_host and not (has_any[vm.function] or drops or any(by_row.values())):
            continue  # the host's own function takes part only where the load says so
        at = vm.place if name != vm.place else ""
        found.append(VmResult(name=name, at=at, drops=drops, latency_ns=latency_of(name), **by_row))
    return tuple(found)


def fairness(
    config: Config, workload: Workload, book: FlowBook, span: Span, backlog_growth: Mapping[str, int]
) -> float | None:
    """Return Jain's index over senders; None where nothing was delivered, or the window gives no rates.

    `backlog_growth`: by sender, the growth over the window of the frames that wait for a slot of its ring. Senders that
    keep their rings full are compared by delivered bytes. If there are none, all senders are compared by the delivered
    share of their own demand: unequal demand that is fully served is fair. Demand is what came due in the window, even
    if it still waits for a slot of the ring; one burst of each flow may be missing, since the window's end may cut it
    off.
    """
    if not span.gives_rates:
        return None
    greedy = {source.port for source in workload.sources if source.kind == "closed"}
    greedy = {name for name in greedy if not is_uplink(name)}
    if greedy:
        n_bytes = _sums(book, span, "n_bytes")
        return jain_fairness(n_bytes.get(name, 0.0) for name in sorted(greedy))
    delivered = _sums(book, span, "delivered")
    n_flows = book.flows.by_sender(np.ones(len(book.flows)))
    shares = []
    for name, due in _demand(book, span, backlog_growth).items():
        may_be_cut = burst_frames(config) * n_flows[name]
        if due > may_be_cut or delivered[name] > 0:
            shares.append(1.0 if due - delivered[name] <= may_be_cut else delivered[name] / due)
    return jain_fairness(shares)


def _sums(book: FlowBook, span: Span, name: str) -> dict[str, float]:
    return book.flows.by_sender(span.grown("flows", name))


def backlog_growth(book: FlowBook, span: Span) -> dict[str, int]:
    """Return the growth over the window of the frames waiting for a slot of a ring, by port name of one server."""
    grown = span.grown("backlog")
    return {name: int(grown[number - 1]) for name, number in book.port_numbers.items() if 0 < number <= len(grown)}


def _demand(book: FlowBook, span: Span, backlog_growth: Mapping[str, int]) -> dict[str, float]:
    """Return the frames that came due in the window by sender: offered to a ring, or waiting for a slot of it."""
    return {
        name: offered + (0 if is_uplink(name) else backlog_growth[name])
        for name, offered in _sums(book, span, "offered").items()
    }


def jain_fairness(rates: Iterable[float]) -> float | None:
    """Return Jain's index (sum x)**2 / (n * sum x**2): 1 for equal rates, 1/n where one has all.

    None where there is no rate or all are zero. Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984.
    """
    values = list(rates)
    largest = max(values, default=0.0)
    if largest <= 0:
        return None
    shares = [value / largest for value in values]  # the index does not depend on scale; this keeps squares in range
    return fsum(shares) ** 2 / (len(shares) * fsum(share * share for share in shares))
