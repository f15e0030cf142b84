"""Warnings about settings: unused ones, flooding bridges, drops whatever the load, bursts too fast, flows in step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction

from hwmodel.analytic.demand import closed_flows_of
from hwmodel.analytic.paths import Paths, waiting_for_wires
from hwmodel.analytic.routes import GROUPS
from hwmodel.analytic.system import System
from hwmodel.analytic.transactions import sending_s
from hwmodel.config import Config, NamedBridge, Server, bridge_with, bridges_of, named_lengths, servers_of, vms_of
from hwmodel.config.bridge_flow_control import BridgeFlowControl, obeys
from hwmodel.config.check_device_limits import dotted, stretches
from hwmodel.config.flow_control import FlowControl
from hwmodel.config.headroom import HeadroomUse, bridge_headroom_uses, headroom_uses, lapse_of
from hwmodel.config.names import UPLINK
from hwmodel.config.port_security import PortSecurity
from hwmodel.config.resolve import DEFAULT_FRAME_BYTES
from hwmodel.config.streams import Sizes
from hwmodel.config.switch import AclEntry
from hwmodel.config.system import bridge_beyond, bridges_at
from hwmodel.results import AdapterResult, BridgeResult, Result
from hwmodel.results.bottleneck import FULL
from hwmodel.results.bridge_reading import announce_helps, flooding, place_of, unlearned
from hwmodel.results.worst_off import (
    SERVED,
    WAITS,
    one_frame_alone_ns,
    rate_without_latency,
    senders_of,
    station_setting,
    why_late,
)
from hwmodel.rules.function_names import is_pf
from hwmodel.rules.switch_modes import MODES
from hwmodel.simulation.figures.host_stalls import stall_warnings
from hwmodel.simulation.figures.vlan_reasons import barred_flows, forwards_itself, vlan_warnings
from hwmodel.units import BITS_PER_BYTE, format_bytes
from hwmodel.words import warnings as words
from hwmodel.words.limits import headroom_use, stop_may_lapse
from hwmodel.words.quantities import listed, server_title

MATTERS = 0.01  # share of a bridge's forwarded frames, of a drain rate, or of the window, above which to warn
_SLOWER = Fraction(101, 100)  # a core slower than `peak_rate` asks, by this factor at most, is tolerated
LEAST_FRAMES = 100  # offered by a flow, at least, to be called starved
STARVED = 0.01  # share of the fastest flow's rate, below which a flow is starved


def setting_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning for each setting that is unused, drops a kind of frame, or asks more than a component can do."""
    yield from beyond_devices(config)
    yield from vlan_warnings(config, result)
    yield from _guarantees_of_rate(result)
    yield from _without_hairpin(config, result)
    yield from _beyond_security(config, result)
    yield from _at_dead_wires(config, result)
    yield from _kept_for_dead_wires(config)
    yield from _short_bursts(config, result)
    yield from burst_warnings(config)
    yield from _full_tables(result)
    yield from blocked_behind(result)
    yield from _not_obeyed(config, result)
    yield from _short_headrooms(config, result)
    yield from _unused_weights(config)
    yield from _unused_lengths(config)
    yield from _unasked_lists(config)
    yield from _unseparated(config)
    yield from _promiscuous_for_wire(config, result)
    yield from _unheld_drains(config, result)
    yield from _unsplit_headers(config)
    yield from _unused_switches(config)
    yield from _unused_bursts(config)
    yield from _unused_load(config)
    yield from stall_warnings(config, result)


def _guarantees_of_rate(result: Result) -> Iterator[str]:
    """Warn of stations that get what they ask for by their guarantee, and wait long behind what others send."""
    senders = senders_of(result)
    for one in senders.values() if len(senders) > 1 else ():
        min_rate = station_setting(result.config, one.name, "min_rate")
        if min_rate is None or one.is_greedy or (one.share or 0.0) < SERVED:
            continue
        alone_ns = one_frame_alone_ns(result)
        slowest = max(one.flows, key=lambda flow: flow.latency_ns.p99 or 0.0)
        if alone_ns and (slowest.latency_ns.p99 or 0.0) > WAITS * alone_ns:
            yield rate_without_latency(
                place_of(result.config, one.name), min_rate, slowest, alone_ns, why_late(result, slowest)
            )


def beyond_devices(config: Config) -> Iterator[str]:
    """Warn once of all that the adapters' devices cannot do, where `nic.strict` lets it be."""
    found = {
        server.key(dotted(stretch.keys[0])): (stretch.asked, server.config.nic.preset or "", stretch.has)
        for server in servers_of(config)
        for stretch in stretches(server.config)
    }
    if found:
        yield words.beyond_devices(found)


def _unused_weights(config: Config) -> Iterator[str]:
    """Warn of the station with the largest weight, if weights differ but the scheduler does not use them."""
    for server in servers_of(config):
        switch, arbitration = server.config.switch, server.config.nic.arbitration
        if switch.scheduler in ("weighted", "deficit") or (arbitration and arbitration.pools == "weighted"):
            continue
        heavier = max(switch.ports, key=lambda port: port.weight)
        if heavier.weight > min(port.weight for port in switch.ports):
            order = ("switch.scheduler", switch.scheduler)
            if arbitration is not None:
                order = ("nic.arbitration.pools", arbitration.pools)
            station = f"{server.prefix}switch.ports.{heavier.name}.weight"
            yield words.unused_weight(station, heavier.weight, f"{server.prefix}{order[0]} is {order[1]}")


def _unused_lengths(config: Config) -> Iterator[str]:
    """Warn of frame lengths that are set but unused: only the stations outside send, with their own lengths."""
    workload = config.workload
    outside = workload.external
    if outside is None or workload.pattern is not None or workload.pcap is not None:
        return
    lengths = workload.frame_bytes, workload.sizes
    if lengths not in ((outside.frame_bytes, outside.sizes), (DEFAULT_FRAME_BYTES, None)):
        yield words.unused_lengths("frame_bytes" if workload.sizes is None else "sizes")


def _unheld_drains(config: Config, result: Result) -> Iterator[str]:
    """Warn of memories that took writes faster than their drain rate, which holds writes back by finite credits only.

    Not with PCIe switches, which always grant finite credits.
    """
    if result.pcie_switches:
        return
    links = {one.name: one.pcie for one in result.servers}
    for server in servers_of(config):
        drain_bps, credits = server.config.host.write_drain_bps, server.config.pcie.credits
        if drain_bps is None or credits.ph or credits.pd:
            continue
        n_bytes = links.get(server.name, result.pcie).up.bytes.payload
        written_gbps = BITS_PER_BYTE * n_bytes / result.window.duration_ns
        if written_gbps > (1 + MATTERS) * drain_bps / 1e9:
            keys = (server.key("host.write_drain"), server.key("pcie.credits"))
            yield words.unheld_drain(keys, drain_bps / 1e9, written_gbps)


def _unsplit_headers(config: Config) -> Iterator[str]:
    """Warn of adapters whose header buffers are too small for the workload's headers, which have a single length."""
    header_bytes = config.workload.header_bytes
    for server in servers_of(config):
        room_bytes = server.config.nic.header_split_bytes
        if room_bytes is not None and header_bytes is not None and header_bytes > room_bytes:
            yield words.unsplit_headers(server.key("nic.header_split"), room_bytes, header_bytes)


def _unused_switches(config: Config) -> Iterator[str]:
    """Warn of servers with a virtual switch that is unused, since `nic.mode` was left at its default, sriov."""
    for server in servers_of(config):
        own = server.config
        if own.host.virtual_switch is not None and own.nic.mode == "sriov" and not own.is_written("nic.mode"):
            yield words.unused_switch(server.key("host.virtual_switch"), server.key("nic.mode"))


def _unused_bursts(config: Config) -> Iterator[str]:
    """Warn of a peak rate without on-off arrivals; not where events or agents could set these later."""
    if config.changes_in_run:
        return
    for block, settings in (("workload", config.workload), ("workload.external", config.workload.external)):
        if settings is not None and settings.peak_rate_bps is not None and settings.arrivals != "on_off":
            yield words.unused_peak_rate(block, settings.arrivals)


def _unused_load(config: Config) -> Iterator[str]:
    """Warn of a load that no flow follows, or flows that no pattern has; not where these change, as above."""
    workload = config.workload
    if workload.has_flows_of_own_rates and workload.load.kind != "saturate" and not config.changes_in_run:
        yield words.UNUSED_LOAD
    if workload.flows and workload.pattern not in (None, "flows") and not config.changes_in_run:
        yield words.unused_flows(workload.pattern)


def _unasked_lists(config: Config) -> Iterator[str]:
    for server in servers_of(config):
        if keys := server.config.switch.unasked_lists:
            yield words.unasked_lists([f"{server.prefix}{key}" for key in keys], server.config.switch.mode)


def _unseparated(config: Config) -> Iterator[str]:
    """Warn of stations whose class in private VLANs nobody asks: a controlling bridge does."""
    for server in servers_of(config):
        own = server.config.switch
        if own.unseparated and not (bridges_of(config) and MODES[own.mode].has_interfaces):
            yield words.unseparated(server.key(own.unseparated), own.mode)


def _promiscuous_for_wire(config: Config, result: Result) -> Iterator[str]:
    """Warn of promiscuous stations that get nothing of what stations beside them send to unknown addresses."""
    ways = {(flow.from_, flow.to) for flow in result.flows if flow.offered and flow.to not in GROUPS}
    for server in servers_of(config):
        for port in server.config.switch.promiscuous_for_wire:
            here = {server.station(one.name): one for one in server.config.switch.ports if one.port == port.port}
            beside = {name for name, one in here.items() if one is not port and one.loopback}
            if any(sender in beside and target not in here for sender, target in ways):
                key = f"{server.prefix}switch.promiscuous"
                yield words.promiscuous_for_wire(key, server.station(port.name), server.config.nic.preset)


def _not_obeyed(config: Config, result: Result) -> Iterator[str]:
    """Warn of adapters and bridge ports whose pause frames the other end does not obey."""
    ports = {port.name: port for bridge in result.bridges for port in bridge.ports}
    uses = {one.name: one.flow_control for one in result.servers}
    for server in servers_of(config):
        own, use = server.config.nic.flow_control, uses.get(server.name, result.flow_control)
        is_over = own is not None and own.send and use is not None and any(one.over_ns for one in use.classes)
        for bridge in bridges_at(config, server):
            other = bridge.settings.flow_control
            if own is not None and is_over and not obeys(other, own.mode):
                who = server_title(server.name) if server.name else "The adapter"
                key = f"{bridge.key}.flow_control"
                yield words.not_obeyed(who, own.mode, key, None if other is None else other.mode)
        for wire in server.wires:
            at = bridge_with(config, wire)
            other = None if at is None else at.settings.flow_control
            stops = wire in ports and any(one.stops_sent for one in ports[wire].classes)
            if at is not None and other is not None and stops and not obeys(own, other.mode):
                key = f"{server.prefix}nic.flow_control"
                who = f"Port {wire} of {at.words}"
                yield words.not_obeyed(who, other.mode, key, None if own is None else own.mode)
    yield from _not_obeyed_beyond(bridges_of(config), result)


def _not_obeyed_beyond(bridges: Sequence[NamedBridge], result: Result) -> Iterator[str]:
    """Warn of pause frames between bridges that the other bridge does not obey."""
    stops = {
        (one.name, port.name) for one in result.bridges for port in one.ports for c in port.classes if c.stops_sent
    }
    for bridge in bridges:
        for name, port in bridge.wires.items():
            beyond, own = bridge_beyond(bridges, port), bridge.settings.flow_control
            other = beyond.settings.flow_control
            if own is not None and (bridge.name, name) in stops and not obeys(other, own.mode):
                who, key = f"Port {name} of {bridge.words}", f"{beyond.key}.flow_control"
                yield words.not_obeyed(who, own.mode, key, None if other is None else other.mode)


def _short_headrooms(config: Config, result: Result) -> Iterator[str]:
    """Warn of adapters and bridges that stop senders too late for the room above their marks, and lose frames."""
    servers, bridges = servers_of(config), bridges_of(config)
    lost = {one.name: one.drops for one in result.servers}
    for server in servers:
        if lost.get(server.name, result.drops).get("RX_BUFFER_FULL"):
            for use in headroom_uses(server, servers, bridges):
                yield from _if_short(server.key("nic.flow_control.headroom"), use)
            longest = server.config.switch.longest_frame_bytes
            yield from _if_lapsing(server.key("nic.flow_control.quanta"), server.config.nic.flow_control, longest)
    longest = max(server.config.switch.longest_frame_bytes for server in servers)
    for bridge, found in zip(bridges, result.bridges, strict=False):
        levels = {(port.name, one.traffic_class): one.level_max_bytes for port in found.ports for one in port.classes}
        for use in bridge_headroom_uses(bridge, servers, bridges) if found.drops.get("QUEUE_FULL") else ():
            control = bridge.settings.flow_control
            part = 0 if control is None else control.part_bytes(bridge.settings)
            if levels[use.port, use.number or 0] + longest > part:
                yield from _if_short(f"{bridge.key}.flow_control.headroom", use)
        if found.drops.get("QUEUE_FULL"):
            yield from _if_lapsing(f"{bridge.key}.flow_control.quanta", bridge.settings.flow_control, longest)


def _if_lapsing(key: str, control: FlowControl | BridgeFlowControl | None, longest: int) -> Iterator[str]:
    lapse = lapse_of(control, longest)
    if lapse is not None:
        yield f"{key}: {stop_may_lapse(*lapse)}"


def _if_short(key: str, use: HeadroomUse) -> Iterator[str]:
    if use.own_bytes < use.needed_bytes:
        said = headroom_use(use.number, format_bytes(use.own_bytes), use.needed_bytes, use.port, is_enough=False)
        yield f"{key}: {said[0].lower()}{said[1:]}"


def _without_hairpin(config: Config, result: Result) -> Iterator[str]:
    """Warn of bridge ports without hairpin whose adapters rely on the bridge to reflect frames."""
    by_name = {one.name: one for one in bridges_of(config)}
    for bridge in result.bridges:
        named = by_name.get(bridge.name)
        lost, ports = bridge.drops.get("SAME_PORT", 0), {} if named is None else named.settings.ports
        own = [(wire, one) for one in servers_of(config) for wire in one.wires if wire in ports]
        relying = [(wire, why) for wire, one in own if not ports[wire].hairpin
                   for why in _reasons_to_rely(one, is_default=ports[wire].hairpin is None)]  # fmt: skip
        if named is None or not relying or lost <= MATTERS * bridge.forwarded_frames:
            continue
        keys = [f"{named.key}.ports.{wire}.hairpin" for wire, _ in relying]
        yield words.no_hairpin(lost, bridge.forwarded_frames, named.words, keys, relying[0][1])


def _beyond_security(config: Config, result: Result) -> Iterator[str]:
    """Warn of ports of bridges and virtual switches at which more addresses sent than their security allows."""
    lost = {(bridge.name, port.name): port.drops.get("PORT_SECURITY", 0)
            for bridge in result.bridges for port in bridge.ports}  # fmt: skip
    for bridge in bridges_of(config):
        for name, port in bridge.settings.ports.items():
            yield from _if_beyond(f"{bridge.key}.ports.{name}", port.port_security, lost.get((bridge.name, name), 0))
    of_vms = {one.at or one.name: one.drops.get("PORT_SECURITY", 0) for one in result.vms}
    for server in servers_of(config):
        for one in server.config.switch.ports:
            key, n_lost = server.key(f"switch.ports.{one.name}"), of_vms.get(server.station(one.name), 0)
            yield from _if_beyond(key, one.port_security, n_lost)


def _if_beyond(key: str, own: PortSecurity | None, n_lost: int) -> Iterator[str]:
    if own is not None and own.on_excess != "protect" and n_lost:
        most, shuts = own.words
        yield words.beyond_security(f"{key}.port_security", most, n_lost, is_shut=shuts)


def _at_dead_wires(config: Config, result: Result) -> Iterator[str]:
    """Warn of ports that are down from the start, if frames drop there."""
    lost = result.drops.get("LINK_DOWN", 0)
    dead = [server.station(name) for server in servers_of(config) for name in server.config.port.down]
    if lost and dead:
        yield words.dead_wires(lost, dead)


def _kept_for_dead_wires(config: Config) -> Iterator[str]:
    """Warn of saturating senders with frames for a wire that is dead from the start: they keep these in their rings."""
    if any(server.config.port.down for server in servers_of(config)):
        system = System.of(config)
        for port, sources in waiting_for_wires(Paths(system, None), closed_flows_of(config, system)).items():
            yield words.kept_for_dead_wire(port, sources)


def _full_tables(result: Result) -> Iterator[str]:
    """Warn of adapters, or ports, whose flow-filter table was full when flows began."""
    for table in (*(result.ports or (result,)), *result.servers):
        used = table.flow_director
        if used is not None and used.without_room:
            yield words.full_filter_table(getattr(table, "name", ""), used.without_room, used.capacity)


def blocked_behind(result: Result) -> Iterator[str]:
    """Warn of VMs whose empty Rx rings blocked other VMs for a significant part of the window."""
    adapters: list[tuple[str, Result | AdapterResult]] = [("", result), *((one.name, one) for one in result.servers)]
    for name, adapter in adapters:
        of_vms = adapter.head_of_line
        if of_vms and max(of_vms["waited_ns"].values()) > MATTERS * result.window.duration_ns:
            yield words.blocked_behind(name, of_vms["blocked_ns"], of_vms["waited_ns"], result.window.duration_ns)


def _reasons_to_rely(server: Server, *, is_default: bool) -> Iterator[str]:
    """Yield why frames between an adapter's VMs need a port with hairpin, if they do; VEPA has it by default."""
    switch = server.config.switch
    mode = MODES[switch.mode]
    held_off = [port.name for port in switch.ports if not port.loopback and not is_pf(port.name)]
    if "vepa" in (switch.s_channels.values() if mode.has_channels else (mode.kind,)):
        if not is_default:
            yield words.by_mode(switch.mode)
    elif mode.kind == "veb" and held_off:
        yield words.without_loopback(server.key(f"switch.ports.{held_off[0]}.loopback"), len(held_off) - 1)


def _short_bursts(config: Config, result: Result) -> Iterator[str]:
    """Warn of policers whose bucket is smaller than some frames of the workload, which always drop."""
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

    Assumes that the core only posts the burst; other VMs on it, and interrupts per frame, make it slower still.
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
        yield text if len(servers_of(config)) == 1 else f"{listed(servers)}: {text}"


def phase_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning if a bridge port is full and some flows get almost nothing, compared with the fastest flow.

    Exactly periodic arrivals cause this (Floyd and Jacobson, "On Traffic Phase Effects in Packet-Switched Gateways",
    1992); clocks of real ports may be off by 100 ppm (IEEE Std 802.3, 46.3 and others). Where S-channels have queues of
    their own, their weights and rates say who gets how much.
    """
    lost, found = result.drops.get("QUEUE_FULL", 0), result.bottleneck
    ports = {f"{bridge.name}.{port.name}": port for bridge in result.bridges for port in bridge.ports}
    port = ports.get(found.resource)
    if not lost or port is None or found.utilization < FULL or not _has_steps(result):
        return
    if any(logical.queue_max_bytes is not None for logical in port.logical_ports):
        return
    most = max((flow.gbps or 0.0 for flow in result.flows), default=0.0)
    starved = [
        flow
        for flow in result.flows
        if flow.offered >= max(LEAST_FRAMES, 2 * flow.delivered) and flow.gbps is not None
        and flow.gbps < STARVED * most
    ]  # fmt: skip
    barred = barred_flows(config, result)  # in no step with others: never on the way to the port
    starved = [flow for flow in starved if (flow.from_, flow.to) not in barred]
    if not starved or sum(flow.offered - flow.delivered for flow in starved) > lost + result.totals.in_flight_frames:
        return  # something else than the full port lost them
    yield words.starved([(flow.from_, flow.to) for flow in starved], found.resource)


def _has_steps(result: Result) -> bool:
    """Tell whether some frames may arrive evenly spaced: not if all arrivals are random and no wire is full."""
    workload = result.config["workload"]
    external = workload["external"] or {}
    flows = workload["flows"] if workload["pattern"] == "flows" else []
    has_no_rate = workload["load"] == "saturate" and not (flows and all(rate is not None for _, _, rate in flows))
    arrivals = {workload["arrivals"], external.get("arrivals", workload["arrivals"])}
    is_random = workload["pcap"] is None and not has_no_rate and "periodic" not in arrivals
    fullest = max(port.in_utilization or 0.0 for bridge in result.bridges for port in bridge.ports)
    return not is_random or fullest >= FULL


MOST_FLOODED = 0.01  # of what a bridge forwards


def flooding_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning where a learning bridge floods more than 1 % of what it forwards.

    It names the stations that receive over the bridge but never send over it, those with most frames first; if all of
    them send, it names what else makes a bridge forget an address or never learn it.
    """
    for bridge in result.bridges:
        if bridge.kind == "learning" and bridge.flooded_frames > MOST_FLOODED * bridge.forwarded_frames:
            yield flooding(bridge, _reason(config, result, bridge), _cure(config, result, bridge))


def silent_stations(config: Config, result: Result) -> list[str]:
    """Return the stations that receive frames over the bridge but send none over it, the busiest first."""
    homes = {name: vm.wire for name, vm in vms_of(servers_of(config)).items()}
    local = {wire for part in servers_of(config) for wire in part.wires if forwards_itself(config, part, wire)}
    stations = {vm.name for vm in result.vms} | {UPLINK}
    crossing = [flow for flow in result.flows if flow.offered and _crosses(flow.from_, flow.to, homes, local)]
    senders = {flow.from_ for flow in crossing}
    offered: dict[str, int] = {}
    for flow in crossing:
        if flow.to in stations and flow.to not in senders:
            offered[flow.to] = offered.get(flow.to, 0) + flow.offered
    return sorted(offered, key=lambda name: -offered[name])


_OF_VLANS = {"vlans", "port_vlan", "profile", "profiles"}  # in keys, of which a station's VLANs follow


def stations_elsewhere(config: Config, result: Result) -> list[str]:
    """Return the stations to which others send from a VLAN that these stations are not in, in the servers' order.

    Empty if wires between bridges join different VLANs, as they do with different native VLANs, and where stations
    may come into other VLANs while the run goes on.
    """
    wires = [port for bridge in bridges_of(config) for port in bridge.wires.values()]
    is_set = any(_OF_VLANS & {*key.split(".")} for key in config.set_in_run)
    if len({port.native_vlan for port in wires}) > 1 or is_set or config.control is not None:
        return []
    own, reached = {}, {}
    for name, vm in vms_of(servers_of(config)).items():
        bridge = bridge_with(config, vm.wire)
        translate = {} if bridge is None else bridge.settings.ports[vm.wire].translate
        own[name] = translate.get(vm.port.port_vlan, vm.port.port_vlan)
        reached[name] = {translate.get(vlan, vlan) for vlan in vm.port.vlans}
    found = {
        flow.to for flow in result.flows
        if flow.offered and flow.from_ in own and flow.to in own and own[flow.from_] not in reached[flow.to]
    }  # fmt: skip
    return [name for name in own if name in found]


def _crosses(sender: str, target: str, homes: Mapping[str, str], local: Collection[str]) -> bool:
    """Tell whether frames go over the bridge: all but those that the switch at a wire forwards itself.

    `homes`: each station's wire, by name. `local`: the wires whose switches forward between their own stations.
    """
    if UPLINK in (sender, target):
        return True
    return homes.get(sender) != homes.get(target) or homes.get(sender) not in local


def _reason(config: Config, result: Result, bridge: BridgeResult) -> str:
    """Say why addresses are unknown, as the first part of the warning."""
    strangers = stations_elsewhere(config, result)
    if strangers:
        return words.in_other_vlans(strangers)
    silent = silent_stations(config, result)
    forgets = bool(bridge.not_learned or bridge.aged)
    if _announces(config, bridge):
        silent = [name for name in silent if name == UPLINK]  # the others were known at the start
        if not silent and not forgets and all(flow.to != UPLINK for flow in result.flows):
            return words.KEPT_OUT if bridge.drops.get("PORT_SECURITY") else words.UNANNOUNCED
    if not silent:
        return unlearned(bridge)
    return words.silent(silent, UPLINK) + (words.besides(unlearned(bridge)) if forgets else "")


def _announces(config: Config, bridge: BridgeResult) -> bool:
    return next(one.settings.announce for one in bridges_of(config) if one.name == bridge.name)


def _cure(config: Config, result: Result, bridge: BridgeResult) -> str:
    """Name the key that makes the bridge know all stations but those outside; empty if it would not help."""
    if _announces(config, bridge) or silent_stations(config, result) == [UPLINK]:
        return ""
    return announce_helps(bridge)
