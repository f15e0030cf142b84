"""What a reader must know of settings: drops that no load makes, bursts too fast for a core, flows in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.core_work import sending_s
from hwmodel.config import bridges_of, named_lengths, servers_of
from hwmodel.results import Result
from hwmodel.results.bottleneck import FULL
from hwmodel.units import BITS_PER_BYTE
from hwmodel.words import warnings as words
from hwmodel.workload.sizes import Sizes

if TYPE_CHECKING:
    from hwmodel.config import Config, Server
    from hwmodel.config.switch import AclEntry

MATTERS = 0.01  # of what a bridge forwards
_SLOWER = Fraction(101, 100)  # a core so little slower changes no burst
LEAST_FRAMES = 100  # of a flow that is said to get nothing
STARVED = 0.01  # of the rate of the flow that gets most


def setting_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning for each setting by which frames of a kind drop, or no core keeps to a burst."""
    yield from _without_hairpin(config, result)
    yield from _short_bursts(config, result)
    yield from burst_warnings(config)


def _without_hairpin(config: Config, result: Result) -> Iterator[str]:
    """Name the ports whose adapters rely on the bridge to send frames back, and that may not."""
    by_name = {one.name: one for one in bridges_of(config)}
    for bridge in result.bridges:
        named = by_name.get(bridge.name)
        lost, ports = bridge.drops.get("SAME_PORT", 0), {} if named is None else named.settings.ports
        own = [one for one in servers_of(config) if one.port in ports]
        relying = [one for one in own if ports[one.port].hairpin is False and _relies(one)]
        if named is None or not relying or lost <= MATTERS * bridge.forwarded_frames:
            continue
        keys = [f"{named.key}.ports.{one.port}.hairpin" for one in relying]
        yield words.no_hairpin(lost, bridge.forwarded_frames, named.words, keys, relying[0].config.switch.mode)


def _relies(server: Server) -> bool:
    """Tell whether frames between an adapter's VMs need a port with hairpin."""
    switch = server.config.switch
    return switch.mode == "vepa" or (switch.mode == "multichannel" and "vepa" in switch.s_channels.values())


def _short_bursts(config: Config, result: Result) -> Iterator[str]:
    """Name policers with less room for tokens than the longest frames of the workload take."""
    lengths = sorted({n_bytes for n_bytes, _ in named_lengths(config)})
    if not result.drops.get("RATE_LIMITED") or not lengths:
        return
    for name, entry in _policers(config):
        too_long = [n_bytes for n_bytes in lengths if n_bytes > (entry.burst_bytes or 0)]
        if too_long:
            yield words.short_burst(name, entry.burst_bytes, too_long)


def _policers(config: Config) -> Iterator[tuple[str, AclEntry]]:
    lists: list[tuple[str, Sequence[AclEntry]]] = [
        (f"{bridge.key}.policy", bridge.settings.policy) for bridge in bridges_of(config)
    ]
    lists += [(f"{server.prefix}switch.acl", server.config.switch.acl) for server in servers_of(config)]
    for name, entries in lists:
        yield from ((f"{name}[{at}]", entry) for at, entry in enumerate(entries) if entry.action == "police")


def burst_warnings(config: Config) -> Iterator[str]:
    """Yield a warning for each kind of driver whose core posts a burst more slowly than `peak_rate` asks for.

    Of a core that has the burst alone; others on it, and interrupts without a batch, make it slower still.
    """
    workload = config.workload
    if workload.pattern is None or workload.arrivals != "on_off" or workload.peak_rate_bps is None:
        return
    if workload.load.kind == "saturate" and all(flow.follows_load for flow in workload.flows):
        return
    weighted = Sizes.of(workload.frame_bytes, workload.sizes).weighted
    whole = sum(weight for _, weight in weighted)
    shares = [(n_bytes, weight / whole) for n_bytes, weight in weighted]
    asked_per_s = Fraction(workload.peak_rate_bps) / (BITS_PER_BYTE * workload.mean_frame_bytes)
    found: dict[str, list[str]] = {}
    for server in servers_of(config):
        vms = (server.config.for_function(f"vf{k}") for k in range(server.config.nic.vfs))
        a_frame_s = max(sending_s(seen, shares) for seen in vms)
        if asked_per_s * a_frame_s > _SLOWER:
            posted_per_s = 1 / a_frame_s
            posted_bps = posted_per_s * BITS_PER_BYTE * workload.mean_frame_bytes
            amounts = (asked_per_s / 10**6, posted_per_s / 10**6, posted_bps / 10**9)
            text = words.burst_too_fast(*map(float, amounts))
            found.setdefault(text, []).append(server.name)
    for text, servers in found.items():
        yield text if len(servers_of(config)) == 1 else f"{' and '.join(servers)}: {text}"


def phase_warnings(result: Result) -> Iterator[str]:
    """Yield a warning where a port of the bridge is full and a flow loses all that it sends, others next to nothing.

    Exact periods make it so (Floyd and Jacobson, "On Traffic Phase Effects in Packet-Switched Gateways", 1992); clocks
    of real ports may differ by 100 ppm from what they should be (IEEE Std 802.3, 46.3 and others).
    """
    port = result.bottleneck.resource
    lost = result.drops.get("QUEUE_FULL", 0)
    if not port.startswith("bridge.") or result.bottleneck.utilization < FULL or not lost or not _has_steps(result):
        return
    most = max((flow.gbps or 0.0 for flow in result.flows), default=0.0)
    starved = [
        flow
        for flow in result.flows
        if flow.offered >= max(LEAST_FRAMES, 2 * flow.delivered) and flow.gbps is not None
        and flow.gbps < STARVED * most
    ]  # fmt: skip
    if not starved or sum(flow.offered - flow.delivered for flow in starved) > lost + result.totals.in_flight_frames:
        return  # something else than the full port lost them
    yield words.starved([(flow.from_, flow.to) for flow in starved], port)


def _has_steps(result: Result) -> bool:
    """Tell whether some frames may come at even steps: not where all come at random, and leave each wire a pause."""
    workload = result.config["workload"]
    external = workload["external"] or {}
    flows = workload["flows"] if workload["pattern"] == "flows" else []
    has_no_rate = workload["load"] == "saturate" and not (flows and all(rate is not None for _, _, rate in flows))
    arrivals = {workload["arrivals"], external.get("arrivals", workload["arrivals"])}
    is_random = workload["pcap"] is None and not has_no_rate and "periodic" not in arrivals
    fullest = max(port.in_utilization or 0.0 for bridge in result.bridges for port in bridge.ports)
    return not is_random or fullest >= FULL
