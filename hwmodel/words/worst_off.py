"""Who is worst off among several VMs, in rate and in p99, and why, as far as a result shows it.

A rate is compared with what its sender asks for, or where senders send all they can with what the others get. A latency
is compared with those of the same way: of frames that their senders do not hold up in a ring that they keep full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from hwmodel.units import BITS_PER_BYTE, UnitError, parse_rate_bps
from hwmodel.words.bottleneck import is_rate_limit
from hwmodel.words.bridge_reading import NamedPort, ports_of, servers_in
from hwmodel.words.latency_parts import PARTS
from hwmodel.words.modelled import UPLINK
from hwmodel.words.quantities import count_text, gbps_text, time_text

if TYPE_CHECKING:
    from hwmodel.results.result import FlowResult, Result

ALIKE = 0.05  # of a rate: senders within it are as well off
SLOWER = 1.5  # times the others' p99, from which a flow is worse off
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
    if any(event.get("set") for event in result.config.get("scenario") or ()):
        return  # what was asked for may have been another for a time
    known = {one.name: one.share for one in senders.values() if one.share is not None}
    if known:
        name = min(known, key=lambda each: known[each] or 0.0)
        if (known[name] or 0.0) < (1 - ALIKE) * min(1.0, max(map(float, filter(None, known.values())), default=1.0)):
            one = senders[name]
            asked = gbps_text(one.asked_gbps)
            yield f"in rate: {name}, {gbps_text(one.got_gbps)} of {asked} asked for{_why_slow(result, one)}"
            return
    greedy = [one for one in senders.values() if one.is_greedy]
    least, most = (end(greedy, key=lambda one: one.got_gbps, default=None) for end in (min, max))
    if least is not None and most is not None and least.got_gbps < (1 - ALIKE) * most.got_gbps:
        beside = f"{gbps_text(least.got_gbps)}, {most.name} {gbps_text(most.got_gbps)}"
        yield f"in rate: {least.name}, {beside}{_why_slow(result, least)}"


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
            return f" (switch.ports.{name}.{key} {limit})"
    scheduler = (result.config.get("switch") or {}).get("scheduler")
    weight = station_setting(result.config, one.name, "weight")
    if scheduler in ("weighted", "deficit") and weight is not None:
        weights = [station_setting(result.config, vm.name, "weight") or 1 for vm in result.vms]
        if weight < max(weights):
            return f" (its weight is {weight}, others' up to {max(weights)})"
    if not one.got_gbps:
        return " (nothing arrives)"
    found = result.bottleneck
    is_named = found.is_limit and found.resource != "offered_load" and not is_rate_limit(found.resource)
    return f" (what limits is {found.resource})" if is_named else ""


def _worst_p99(result: Result, senders: Mapping[str, Sender]) -> Iterator[str]:
    """Say which flow's p99 is far above those of others that go the same way; greedy senders' flows by themselves."""
    alone_ns = one_frame_alone_ns(result)
    for is_greedy, group in _comparable(result, senders):
        flow = max(group, key=lambda one: one.latency_ns.p99 or 0.0)
        p99_ns, others = flow.latency_ns.p99 or 0.0, [one.latency_ns.p99 or 0.0 for one in group if one is not flow]
        if others and p99_ns > SLOWER * median(others):
            beside = f"others {time_text(median(others))} in the median"
        elif alone_ns and not (others or is_greedy) and len(senders) > 1 and p99_ns > WAITS * alone_ns:
            beside = f"one frame alone {time_text(alone_ns)}"
        else:
            continue
        yield f"in p99: {flow.from_} to {flow.to}, {time_text(p99_ns)}, {beside}{why_late(result, flow)}"
        return


def _comparable(result: Result, senders: Mapping[str, Sender]) -> Iterator[tuple[bool, list[FlowResult]]]:
    """Yield the flows whose latencies can be compared: those of one way, and whether their senders fill their rings."""
    groups: dict[tuple[bool, str], list[FlowResult]] = {}
    for flow in result.flows:
        if flow.latency_ns.p99 is None or flow.to in ("broadcast", "multicast", "unknown"):
            continue
        sender = senders.get(flow.from_)
        ends = [name.rpartition(".") for name in (flow.from_, flow.to)]
        way = "out" if ends[1][2] == UPLINK else "in" if ends[0][2] == UPLINK else str(ends[0][0] == ends[1][0])
        groups.setdefault((sender is not None and sender.is_greedy, way), []).append(flow)
    yield from ((key[0], groups[key]) for key in sorted(groups))


def one_frame_alone_ns(result: Result) -> float | None:
    """Return what the closed form's lone frame takes; None if it never ends, as with batches that no timer ends."""
    parts = {} if result.closed_form is None else result.closed_form.latency_parts_ns
    return sum(parts.values()) if parts and all(name in parts for name in PARTS) else None


def why_late(result: Result, flow: FlowResult) -> str:
    """Say where most of a flow's p99 is spent, if a wait that the result has explains half of it; else empty."""
    p99_ns = flow.latency_ns.p99 or 0.0
    server = flow.from_.rpartition(".")[0]
    adapter = next((one for one in result.servers if one.name == server), None if result.servers else result)
    wire_ns = None if adapter is None else adapter.wire.wait_ns.p99
    if flow.to.rpartition(".")[2] == UPLINK and not result.bridges and (wire_ns or 0.0) > _HALF * p99_ns:
        return ": most of it in the queue of the wire, behind what others send"
    if (limit := station_setting(result.config, flow.from_, "rate_limit")) is not None:
        return f" (switch.ports.{flow.from_}.rate_limit {limit})"
    waited = dict(result.head_of_line.get("waited_ns", {}))
    for each in result.servers:
        waited |= {f"{each.name}.{vm}": ns for vm, ns in each.head_of_line.get("waited_ns", {}).items()}
    if waited.get(flow.to, 0.0) > _HALF * p99_ns:
        return ": behind frames for a VM whose Rx ring is empty, in the adapter's Rx buffer"
    for one in ports_of(result):
        rate = (one.port.out_gbps or 0.0) / one.port.out_utilization if one.port.out_utilization else 0.0
        if rate and one.port.queue_mean_bytes * BITS_PER_BYTE / rate > _HALF * p99_ns and _is_on_way(one, flow):
            return f": most of it in the queue of {one.resource}"
    return ""


def _is_on_way(one: NamedPort, flow: FlowResult) -> bool:
    """Tell whether a bridge's port leads to a flow's receiver, or on to another bridge."""
    return bool(one.port.to) or flow.to.startswith(f"{one.port.name}.") or one.port.name in ("adapter", "outside")


def station_setting(config: Mapping[str, Any], station: str, key: str) -> Any:
    """Return a key of a station's port, its server's own setting before the common one; None if not set."""
    server, _, name = station.rpartition(".")
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
