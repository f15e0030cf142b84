"""Who is worst off among several VMs, in rate and in p99, and why, as far as a result shows it.

A rate is compared with what its sender asks for, or where senders send all they can with what the others get. A latency
is compared with those of the same way: of frames that their senders do not hold up in a ring that they keep full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from hwmodel.resources import OFFERED_LOAD
from hwmodel.results.bottleneck_text import is_rate_limit
from hwmodel.results.bridge_reading import NamedPort, place_of, ports_of, servers_in
from hwmodel.results.modelled import UPLINK, set_in_run
from hwmodel.units import BITS_PER_BYTE, UnitError, parse_rate_bps
from hwmodel.words.latency_parts import PARTS
from hwmodel.words.quantities import count_text, gbps_text, time_text

if TYPE_CHECKING:
    from hwmodel.results.result import FlowResult, Result

SERVED = 0.9  # of what a sender asks for, from which it has its rate: what is offered in a window varies
ALIKE = 0.05  # of a rate: senders within it are as well off
SLOWER = 1.5  # times the others' p99, from which a flow is worse off
GROUPS = ("broadcast", "multicast", "unknown")  # targets of flows that are no station
WAITS = 10.0  # times the latency of one frame alone, from which a lone sender's p99 is told
_HALF = 0.5  # of a p99: a wait that long is why


@dataclass
class Sender:
    """Hold what a VM gets through of what it asks for, in Gb/s; `asked_gbps`: None if it sends all it can, or unknown.

    `is_greedy`: it sends all it can, and so fills its ring.
    """

    name: str
    got_gbps: float = 0.0
    asked_gbps: float | None = 0.0
    is_greedy: bool = False
    flows: list[FlowResult] = field(default_factory=list)

    @property
    def share(self) -> float | None:
        """Return the share that it gets of what it asks for."""
        return self.got_gbps / self.asked_gbps if self.asked_gbps else None


def worst_off_sentence(result: Result) -> str:
    """Say who is worst off in rate and in p99, and why; empty where all are alike, or one VM sends."""
    if len(result.vms) < 2 or result.totals.gbps is None:
        return ""
    senders = senders_of(result)
    told = [*_worst_rate(result, senders), *_worst_p99(result, senders)]
    return f"Worst off {'; '.join(told)}." if told else ""


def senders_of(result: Result) -> dict[str, Sender]:
    """Return the VMs that send, by name."""
    found: dict[str, Sender] = {}
    rates = _asked(result.config)
    for flow in result.flows:
        if not flow.offered or flow.from_.rpartition(".")[2] == UPLINK:
            continue
        one = found.setdefault(flow.from_, Sender(flow.from_))
        one.flows.append(flow)
        one.got_gbps += flow.gbps or 0.0
        one.asked_gbps, one.is_greedy = rates.get(flow.from_, rates[""])
    return found


def _asked(config: Mapping[str, Any]) -> dict[str, tuple[float | None, bool]]:
    """Return what senders ask for, in Gb/s, and whether they send all they can, by name; "": those that have no own."""
    workload = config.get("workload") or {}
    load = workload.get("load")
    is_shared = any(workload.get(key) for key in ("weights", "zipf", "pcap"))
    all_it_can = load == "saturate" and not workload.get("pcap")
    of_load = (None if is_shared else _gbps(load), all_it_can or workload.get("pcap_time") == "asap")
    found = {"": of_load}
    for source, _, *rest in workload.get("flows") or () if workload.get("pattern") == "flows" else ():
        rate = rest[0] if rest else None
        so_far, is_greedy = found.get(source, (0.0, False))
        own = of_load[0] if rate is None else _gbps(rate)
        found[source] = (
            None if so_far is None or own is None else so_far + own,
            is_greedy or (rate is None and of_load[1]),
        )
    return found


def _gbps(rate: object) -> float | None:
    try:
        return parse_rate_bps(rate) / 1e9 if isinstance(rate, str) else None
    except UnitError:
        return None


def _worst_rate(result: Result, senders: Mapping[str, Sender]) -> Iterator[str]:
    if set_in_run(result.config):
        return  # what was asked for may have been another for a time
    shares = {one.name: one.share for one in senders.values() if one.share is not None and _lacks(result, one)}
    most = max((one.share or 0.0 for one in senders.values()), default=0.0)
    if shares:
        name = min(shares, key=lambda each: shares[each])
        if shares[name] < (1 - ALIKE) * min(1.0, most):
            one = senders[name]
            asked = gbps_text(one.asked_gbps)
            yield f"in rate: {name}, {gbps_text(one.got_gbps)} of {asked} asked for{_why_slow(result, one)}"
            return
    greedy = [one for one in senders.values() if one.is_greedy]
    worst, best = (end(greedy, key=lambda one: one.got_gbps, default=None) for end in (min, max))
    if worst is not None and best is not None and worst.got_gbps < (1 - ALIKE) * best.got_gbps:
        beside = f"{gbps_text(worst.got_gbps)}, {best.name} {gbps_text(best.got_gbps)}"
        yield f"in rate: {worst.name}, {beside}{_why_slow(result, worst)}"


def _lacks(result: Result, one: Sender) -> bool:
    """Tell whether a sender gets less than it asks for by more than chance: frames get lost, or something limits."""
    offered, arrived = (sum(getattr(flow, name) for flow in one.flows) for name in ("offered", "delivered"))
    is_limited = result.bottleneck.resource != OFFERED_LOAD and (one.share or 0.0) < SERVED
    return is_limited or arrived < (1 - ALIKE) * offered


def _why_slow(result: Result, one: Sender) -> str:
    """Say what holds a sender's frames back: what drops of them, its limits, its weight, else what limits all."""
    vms = {vm.name: vm for vm in result.vms}
    for name in (one.name, *(flow.to for flow in one.flows)):
        drops = dict(vms[name].drops) if name in vms else {}
        if sum(drops.values()) > ALIKE * sum(flow.offered for flow in one.flows):
            reason = max(drops, key=lambda each: drops[each])
            return f" ({reason} {count_text(drops[reason])} at {name})"
    for name, key in ((one.name, "rate_limit"), *((flow.to, "receive_limit") for flow in one.flows)):
        limit = station_setting(result.config, name, key)
        if limit is not None:
            return f" (switch.ports.{place_of(result.config, name)}.{key} {limit})"
    scheduler = (result.config.get("switch") or {}).get("scheduler")
    weight = station_setting(result.config, one.name, "weight")
    if scheduler in ("weighted", "deficit") and weight is not None:
        weights = [station_setting(result.config, vm.name, "weight") or 1 for vm in result.vms]
        if weight < max(weights):
            return f" (its weight is {weight}, others' up to {max(weights)})"
    if not one.got_gbps:
        return " (nothing arrives)"
    found = result.bottleneck
    for link in result.pcie_switches:
        of_ports = {port.name: port.weight for port in link.ports}
        own = of_ports.get(place_of(result.config, one.name).rpartition(".")[0])
        if own is not None and own < max(of_ports.values()) and found.resource.startswith(f"{link.name}."):
            return f" (weight {own} of up to {max(of_ports.values())} at {link.name})"
    is_named = found.is_limit and found.resource != OFFERED_LOAD and not is_rate_limit(found.resource)
    return f" (what limits is {found.resource})" if is_named else ""


def _worst_p99(result: Result, senders: Mapping[str, Sender]) -> Iterator[str]:
    """Say which flow's p99 is far above the others', of those whose senders do not fill their rings if there are any.

    Of a single one it is compared with one frame alone. Where the slowest has too few frames, its median is told.
    """
    measured = [flow for flow in result.flows if flow.latency_ns.p50 is not None and flow.to not in GROUPS]
    greedy = {one.name for one in senders.values() if one.is_greedy}
    group = [flow for flow in measured if flow.from_ not in greedy] or measured
    for name in ("p99", "p50"):
        known = {flow: getattr(flow.latency_ns, name) for flow in group if getattr(flow.latency_ns, name) is not None}
        worst = max(known, key=lambda flow: known[flow], default=None)
        if worst is None or any((flow.latency_ns.p50 or 0.0) > known[worst] for flow in group if flow not in known):
            continue
        of_ways: dict[tuple[bool, ...], list[FlowResult]] = {}
        for flow in sorted(known, key=lambda flow: known[flow], reverse=True):
            of_ways.setdefault(_way(result.config, flow), []).append(flow)
        for flow, *alike in of_ways.values():  # of the slowest way first
            is_alone = len(senders) > 1 and flow.from_ not in greedy
            beside = _beside(result, flow, known[flow], [known[each] for each in alike], is_alone=is_alone)
            if beside:
                few = " with too few frames for a p99" * (name == "p50")
                yield f"in {name}{few}: {flow.from_} to {flow.to}, {time_text(known[flow])}, {beside}"
                return
        return


def _way(config: Mapping[str, Any], flow: FlowResult) -> tuple[bool, ...]:
    """Return what flows of one way have in common: to a wire, from a wire, within a server."""
    (server, _, name), (other, _, to) = (place_of(config, end).rpartition(".") for end in (flow.from_, flow.to))
    return to == UPLINK, name == UPLINK, server == other


def _beside(result: Result, flow: FlowResult, time_ns: float, others: Sequence[float], *, is_alone: bool) -> str:
    """Return what a flow's time is far above, and why; empty if it is not. `is_alone`: one frame alone counts."""
    if others and time_ns > SLOWER * median(others):
        return f"others {time_text(median(others))} in the median{why_late(result, flow)}"
    alone_ns = one_frame_alone_ns(result)
    if not others and is_alone and alone_ns and time_ns > WAITS * alone_ns:
        return f"one frame alone {time_text(alone_ns)}{why_late(result, flow)}"
    return ""


def one_frame_alone_ns(result: Result) -> float | None:
    """Return what the closed form's lone frame takes; None if it never ends, as with batches that no timer ends."""
    parts = {} if result.closed_form is None else result.closed_form.latency_parts_ns
    return sum(parts.values()) if parts and all(name in parts for name in PARTS) else None


def why_late(result: Result, flow: FlowResult) -> str:
    """Say where most of a flow's p99 is spent, if a wait that the result has explains half of it; else empty."""
    p99_ns = flow.latency_ns.p99 or 0.0
    source, target = (place_of(result.config, end) for end in (flow.from_, flow.to))
    server = source.rpartition(".")[0]
    adapter = next((one for one in result.servers if one.name == server), None if result.servers else result)
    wire_ns = None if adapter is None else adapter.wire.wait_ns.p99
    if flow.to.rpartition(".")[2] == UPLINK and not result.bridges and (wire_ns or 0.0) > _HALF * p99_ns:
        return ": most of it in the queue of the wire, behind what others send"
    if (limit := station_setting(result.config, flow.from_, "rate_limit")) is not None:
        return f" (switch.ports.{source}.rate_limit {limit})"
    waited = dict(result.head_of_line.get("waited_ns", {}))
    for each in result.servers:
        waited |= {f"{each.name}.{vm}": ns for vm, ns in each.head_of_line.get("waited_ns", {}).items()}
    if waited.get(target if result.servers else flow.to, 0.0) > _HALF * p99_ns:
        return ": behind frames for a VM whose Rx ring is empty, in the adapter's Rx buffer"
    for one in ports_of(result):
        rate = (one.port.out_gbps or 0.0) / one.port.out_utilization if one.port.out_utilization else 0.0
        if rate and one.port.queue_mean_bytes * BITS_PER_BYTE / rate > _HALF * p99_ns and _is_on_way(result, one, flow):
            return f": most of it in the queue of {one.resource}"
    return ""


def _is_on_way(result: Result, one: NamedPort, flow: FlowResult) -> bool:
    """Tell whether a bridge's port leads to a flow's receiver, up from its sender's extender, or to another bridge."""
    devices = {each.port.name: each.port.device for each in ports_of(result)}
    source, target = (place_of(result.config, end) for end in (flow.from_, flow.to))
    device, ways = devices.get(source.rpartition(".")[0]), set[str]()
    while device is not None and f"{device}.uplink" in devices:
        ways.add(f"{device}.uplink")
        device = devices.get(device)
    if source.rpartition(".")[0] == target.rpartition(".")[0]:
        return False  # its own switch may send it
    is_last = target.startswith(f"{one.port.name}.") or (one.port.name == "outside" and flow.to == UPLINK)
    return bool(one.port.to) or is_last or one.port.name in ways


def station_setting(config: Mapping[str, Any], station: str, key: str) -> Any:
    """Return a key of a station's port, its server's own setting before the common one; None if not set."""
    server, _, name = place_of(config, station).rpartition(".")
    own = dict(servers_in(config)).get(server, {})
    changed = own.get(f"switch.ports.{name}.{key}")
    ports = (config.get("switch") or {}).get("ports") or ()
    common = next((one.get(key) for one in ports if one.get("name") == name), None)
    return common if changed is None else changed


def rate_without_latency(name: str, min_rate: object, flow: FlowResult, alone_ns: float, why: str) -> str:
    """Say that a sender has the rate that it is guaranteed, and waits long; `why`: from `why_late`."""
    return (
        f"switch.ports.{name}.min_rate {min_rate} guarantees a rate, not a latency: {flow.from_} has what it asks for, "
        f"and its p99 to {flow.to} is {time_text(flow.latency_ns.p99)}, where one frame alone takes "
        f"{time_text(alone_ns)}{why}."
    )
