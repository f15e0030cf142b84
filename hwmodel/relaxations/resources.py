"""What makes each resource larger: of one server, of bridges and their extenders, and the offered load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from hwmodel import resources
from hwmodel.config import (
    Config,
    Flow,
    NamedBridge,
    Server,
    bridge_with,
    bridges_of,
    buses_of,
    links_above,
    servers_of,
    switches_of,
)
from hwmodel.config.adapter import OF_LINKS, Pcie
from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.kinds import attributes_of, most_of
from hwmodel.config.names import is_uplink
from hwmodel.config.pcie_tree import MULTI_ROOT, TreeSwitch
from hwmodel.config.workload import FRAME_RATE
from hwmodel.resources import CORE, RESOURCES, Resource
from hwmodel.rules.pci_bus import SPLITS, faster
from hwmodel.rules.pcie_link import LANE_WIDTHS, NEWEST_GENERATION, most_tags
from hwmodel.units import BYTES, FREQUENCY, RATE, TIME, format_bytes, format_rate_bps, format_time_fs
from hwmodel.words.limits import at_port

# ---- A server: keys of its adapter, link and host ----


FACTOR = 2
_LEAST_PREFETCH = 8
_LONGEST_BURST_BYTES = 4096  # on a bus

Change = tuple[str, Any, Any]  # (dotted key, value, changed value), as users write them
ChangesOf = Callable[["Config"], Iterator[Change]]

_UNITS = {"fs": TIME, "bps": RATE, "bytes": BYTES, "hz": FREQUENCY}  # by the end of an attribute's name
# What else remains with a virtual switch in the host's memory; the adapter's others are not used.
_IN_MEMORY = (
    "host.cores", "driver.moderation", "driver.wakeup_time", "interrupt batches",
    *(row.in_results for row in RESOURCES if row.is_in_memory),
)  # fmt: skip
# What a core does for a frame, a byte, a write to a register and an interrupt.
CORE_TIMES = ("frame_time", "pass_time", "byte_time", "pass_byte_time", "doorbell_time", "interrupt_time", "exit_time")
_STAGES = ("far", "exact", "wildcard", "miss")  # of a flow cache
# Times that occupy no resource; rings, tags and buffers cover them.
_LATENCIES = (
    "host.read_latency", "host.write_latency", "host.remote_latency", "driver.moderation", "driver.wakeup_time",
    "nic.writeback_timeout", "pcie.propagation", "nic.rsc.timeout",
)  # fmt: skip


def _wider(block: str, link: Pcie | TreeSwitch) -> Iterator[Change]:
    """Double the lanes of a link, or, at the most lanes, take the next generation."""
    wider = [lanes for lanes in LANE_WIDTHS if lanes >= FACTOR * link.lanes]
    if wider:
        yield f"{block}.lanes", link.lanes, wider[0]
    elif link.generation < NEWEST_GENERATION:
        yield f"{block}.generation", link.generation, link.generation + 1


def _tags(config: Config) -> Iterator[Change]:
    bus = config.pcie.bus
    if bus is not None and bus.kind == "pci_x":
        more = [n for n in SPLITS if n >= FACTOR * config.pcie.tags]
        yield from (("pcie.tags", config.pcie.tags, n) for n in more[:1])
        return
    most = most_tags(config.pcie.generation)
    if config.pcie.tags < most:
        yield "pcie.tags", config.pcie.tags, min(most, FACTOR * config.pcie.tags)


def larger(*keys: str) -> ChangesOf:
    """Halve times, a driver's also for VMs with their own driver, and double other keys; what is 0 or null stays."""

    def changes(config: Config) -> Iterator[Change]:
        for key, block, name in _places(config, *keys):
            attribute = attributes_of(block.__class__)[name]
            unit, most = attribute.rpartition("_")[2], most_of(block.__class__, attribute)
            yield from _altered({key: block.value_of(name)}, unit, most)

    return changes


def _altered(values: Mapping[str, int | None], unit: str, most: int | None = None) -> Iterator[Change]:
    """Halve times and double other values, up to the most; None and 0 are left out, as they are no limits."""
    write = _UNITS[unit].format if unit in _UNITS else int
    for key, value in values.items():
        if value and (most is None or value < most):
            new = value // FACTOR if unit == "fs" else FACTOR * value
            yield key, write(value), write(new if most is None else min(most, new))


def _places(config: Config, *keys: str) -> Iterator[tuple[str, Any, str]]:
    """Yield keys, each with its block and its name there, behind those of `driver` those of VMs that have their own."""
    for key in keys:
        block, _, name = key.rpartition(".")
        of = config.driver_blocks if block == "driver" else {block: config.value_of(block)}
        yield from ((f"{where}.{name}", found, name) for where, found in of.items() if found is not None)


def _halved_batches(*keys: str) -> ChangesOf:
    def changes(config: Config) -> Iterator[Change]:
        for key, block, name in _places(config, *keys):
            batch = block.value_of(name)
            if batch > 1:
                yield key, batch, batch // FACTOR

    return changes


def _faster_cores(config: Config) -> Iterator[tuple[Change, ...]]:
    """Halve each core time by itself: for VMs with the server's driver, then for each group with another one."""
    groups: dict[object, list[tuple[str, Any]]] = {}
    blocks = list(config.driver_blocks.items())
    for where, driver in blocks[1:] if len(blocks) > len(config.switch.ports) else blocks:  # all have one
        groups.setdefault(driver.behaviour if where != "driver" else None, []).append((where, driver))
    for group in groups.values():
        for name in CORE_TIMES:
            value = group[0][1].value_of(name)
            if value:
                before, after = format_time_fs(value), format_time_fs(value // FACTOR)
                yield tuple((f"{where}.{name}", before, after) for where, _ in group)


def _rx_prefetch(config: Config) -> Iterator[Change]:
    nic = config.nic
    if config.switches_in_memory:  # a virtual switch prefetches no descriptors
        return
    prefetch = max(FACTOR * nic.rx_prefetch, _LEAST_PREFETCH)
    yield "nic.rx_prefetch", nic.rx_prefetch, prefetch
    yield "nic.descriptor_cache", nic.descriptor_cache, FACTOR * max(nic.descriptor_cache, prefetch)
    yield from _shared_cache(config)


def _tx_cache(config: Config) -> Iterator[Change]:
    yield "nic.descriptor_cache", config.nic.descriptor_cache, FACTOR * config.nic.descriptor_cache
    yield from _shared_cache(config)


def _shared_cache(config: Config) -> Iterator[Change]:
    """Double a cache of descriptors for all rings, from one descriptor for each ring on, the least that a ring gets."""
    nic = config.nic
    if nic.shared_descriptor_cache is not None:
        least = 2 * config.n_queues  # Tx rings and Rx rings
        more = FACTOR * max(nic.shared_descriptor_cache, least)
        yield "nic.shared_descriptor_cache", nic.shared_descriptor_cache, more


def _refilled(config: Config) -> Iterator[Change]:
    """Let those who never post Rx descriptors again do so."""
    for where, driver in config.driver_blocks.items():
        if not driver.refill:
            yield f"{where}.refill", False, True


def _cores(config: Config) -> Iterator[Change]:
    if config.host.cores < config.nic.vfs:
        yield "host.cores", config.host.cores, FACTOR * config.host.cores


def _rate_limits(config: Config) -> Iterator[Change]:
    limits = {f"switch.ports.{port.name}.rate_limit": port.rate_limit_bps for port in config.switch.ports}
    limits |= {f"switch.acl.{index}.rate": entry.rate_bps for index, entry in enumerate(config.switch.acl)}
    limits |= {f"switch.ports.{port.name}.receive_limit": port.receive_limit_bps for port in config.switch.ports}
    yield from _altered(limits, "bps")


def _switch_latency(config: Config) -> Iterator[Change]:
    if config.pcie.switch_hops:
        yield from larger("pcie.switch_latency")(config)


def _faster_shared_path(config: Config) -> Iterator[Change]:
    if config.value_of("nic.dma.shared_rate") is not None:  # else its time is none
        yield from larger("nic.dma.shared_rate", "nic.dma.shared_time")(config)


def _faster_switching(config: Config) -> Iterator[Change]:
    own = config.virtual_switch
    if own is not None:
        times = config.passing_times_fs | {"rule_time": own.rule_time_fs * bool(config.switch.acl)}
        yield from _altered({f"host.virtual_switch.{name}": fs for name, fs in times.items()}, "fs")
    if own is not None and own.flow_cache is not None:
        yield from larger(*(f"host.virtual_switch.flow_cache.{name}_time" for name in _STAGES))(config)


# What makes a resource larger that takes more than the keys of its row, each relaxation by itself.
_OWN: Mapping[str, tuple[ChangesOf, ...]] = {
    resources.OFFERED_LOAD: (),  # `loads`
    **dict.fromkeys(CORE, ()),  # `_faster_cores`
    resources.BUS: (),  # `bus_resources`
    resources.VSWITCH: (_faster_switching,),
    resources.TX_DESCRIPTORS: (_tx_cache,),
    resources.RATE_LIMIT: (_rate_limits,),
    resources.TAGS: (_tags,),
    resources.SHARED_PATH: (_faster_shared_path,),
    resources.DOWN: (lambda config: _wider("pcie", config.pcie),),
    resources.UP: (),  # with the other direction
    resources.WIRE_RX: (),  # with the other direction
    resources.RX_RING: (larger(resources.RX_RING), _refilled),
    resources.RX_DESCRIPTORS: (_rx_prefetch,),
}
_BOTH_WAYS = {resources.DOWN: resources.LINK, resources.WIRE_TX: resources.WIRE}


def has_resource(config: Config, row: Resource) -> bool:
    """Tell whether an adapter has a resource, as far as its row says."""
    found: Any = config
    for name in row.needs.split(".") if row.needs else ():
        found = None if found is None else getattr(found, name)
    return bool(found) and (row.is_in_memory or not config.switches_in_memory)


def _of_row(row: Resource) -> ChangesOf:
    changes = larger(*(row.larger or row.keys))
    return lambda config: changes(config) if has_resource(config, row) else iter(())


# In the order of the datapath, behind the cores.
OF_A_SERVER: tuple[tuple[tuple[str, ...], ChangesOf], ...] = (
    (("host.cores",), _cores),
    *(
        (_BOTH_WAYS.get(row.name, (row.in_results,)), changes)
        for row in RESOURCES
        for changes in _OWN.get(row.name, (_of_row(row),))
    ),
    *(((key,), larger(key)) for key in _LATENCIES),
    (("pcie.switch_latency",), _switch_latency),
    (("host.iotlb",), larger("host.iotlb.entries")),
    (("host.iotlb.miss",), larger("host.iotlb.miss", "host.iotlb.near_miss")),
    (("host.stall",), larger("host.stall.for")),
    (("write-back batches",), _halved_batches("nic.tx_writeback_batch", "nic.rx_writeback_batch")),
    (("interrupt batches",), _halved_batches("driver.tx_interrupt_batch", "driver.rx_interrupt_batch")),
    (("pcie.max_payload",), larger("pcie.max_payload")),
    (("pcie.max_read_request",), larger("pcie.max_read_request")),
)


def _with_thresholds(config: Config, changes: Iterable[Change]) -> Iterator[Change]:
    """Give changes, behind that of each batch the one of the written threshold that stands for it."""
    sent, received = config.nic.txdctl, config.nic.rxdctl
    for key, before, after in changes:
        yield key, before, after
        if sent is not None and key == "nic.descriptor_cache":  # as many are read at once as before
            yield "nic.txdctl.pthresh", sent.pthresh, sent.pthresh + after - before
        elif sent is not None and key == "nic.tx_writeback_batch":
            yield f"nic.txdctl.{'wthresh' if sent.wthresh else 'rs'}", before, after
        elif received is not None and key in ("nic.rx_prefetch", "nic.rx_writeback_batch"):
            yield f"nic.rxdctl.{'pthresh' if key == 'nic.rx_prefetch' else 'wthresh'}", before, after


def resources_of(config: Config) -> Iterator[tuple[tuple[str, ...], tuple[Change, ...]]]:
    """Give, for each relaxation of a server, the resources it makes larger and the changes, in datapath order."""
    for changes in _faster_cores(config):
        yield CORE, changes
    for names, changes_of in OF_A_SERVER:
        if config.switches_in_memory and names[0] not in _IN_MEMORY:
            continue
        at_ports = tuple(at_port(port, name) for port in config.port.names for name in names)
        changes = tuple(_with_thresholds(config, changes_of(config)))
        if config.pcie.bus is not None:  # a bus has none of the resources of links
            of_links = tuple(f"pcie.{name}" for name in OF_LINKS)
            changes = tuple(change for change in changes if not change[0].startswith(of_links))
        yield at_ports if names[0] in resources.OF_PORTS else names, changes


# ---- Bridges and their extenders ----


def bridge_resources(config: Config) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Give each bridge resource's names with the changes that make it larger; none without a bridge."""
    done: set[str] = set()
    for bridge in bridges_of(config):
        for name, port in bridge.wires.items():
            assert port.to is not None
            if port.to not in done:
                done.add(f"{bridge.name}.{name}")
                yield (f"{bridge.name}.{name}", port.to), list(_wire_rate(bridge, name, port.to))
        yield from _of_bridge(config, bridge)


def _of_bridge(config: Config, bridge: NamedBridge) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    settings, key = bridge.settings, bridge.key
    if OUTSIDE in settings.ports:
        yield (f"{bridge.name}.{OUTSIDE}",), list(port_rate(config, OUTSIDE))
    for name, port in settings.ports.items():
        for s_vid, level in port.s_channels.items():
            rates = {f"{key}.ports.{name}.s_channels.{s_vid}.rate": level.rate_bps}
            yield (f"{bridge.name}.{name}.{s_vid}",), list(_altered(rates, "bps"))
    for name, extender in settings.extenders.items():  # one rate in both directions
        rates = {f"{key}.extenders.{name}.rate": extender.rate_bps}
        yield (f"{bridge.name}.{name}.uplink", f"{bridge.name}.{name}"), list(_altered(rates, "bps"))
    yield (f"{bridge.name}.buffer",), list(_buffers(bridge))
    yield (f"{bridge.name}.latency",), list(_latencies(bridge))
    policers = {f"{key}.policy.{index}.rate": entry.rate_bps for index, entry in enumerate(settings.policy)}
    yield (resources.RATE_LIMIT,), list(_altered(policers, "bps"))


def port_rate(config: Config, port: str) -> Iterator[Change]:
    """Double the rate of a port to a server or outside, if it has one; both ends of a wire have the same rate."""
    bridge = bridge_with(config, port)
    if bridge is not None:
        yield from _altered({f"{bridge.key}.ports.{port}.rate": bridge.settings.ports[port].rate_bps}, "bps")


def _wire_rate(bridge: NamedBridge, name: str, to: str) -> Iterator[Change]:
    """Double the rate of a wire between bridges, at both ends."""
    far_bridge, _, far_name = to.partition(".")
    rate_bps = bridge.settings.ports[name].rate_bps
    keys = (f"{bridge.key}.ports.{name}.rate", f"bridges.{far_bridge}.ports.{far_name}.rate")
    return _altered(dict.fromkeys(keys, rate_bps), "bps")


def _buffers(bridge: NamedBridge) -> Iterator[Change]:
    """Double the buffers of a bridge, of its extenders, and of ports with queues of their own."""
    settings, key = bridge.settings, bridge.key
    rooms: dict[str, int | None] = {f"{key}.buffer": settings.buffer_bytes}
    rooms |= {f"{key}.extenders.{name}.buffer": one.buffer_bytes for name, one in settings.extenders.items()}
    for name, port in settings.ports.items():
        for s_vid, level in port.s_channels.items():
            rooms[f"{key}.ports.{name}.s_channels.{s_vid}.buffer"] = level.buffer_bytes
    yield from _altered(rooms, "bytes")


def _latencies(bridge: NamedBridge) -> Iterator[Change]:
    """Halve the latency of a bridge and of its extenders."""
    settings, key = bridge.settings, bridge.key
    times = {f"{key}.latency": settings.latency_fs}
    times |= {f"{key}.extenders.{name}.latency": one.latency_fs for name, one in settings.extenders.items()}
    yield from _altered(times, "fs")


def switch_resources(config: Config) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Give each PCIe switch's link and latency by name, with the changes that make these faster."""
    for one, _ in links_above(switches_of(config)):
        link, key = one.settings, one.key
        yield (f"{one.name}.up", f"{one.name}.down"), list(_wider(key, link))
        if one.is_of_multi_root:  # one latency for all hosts
            latency = f"{MULTI_ROOT}.{'inside_latency' if one.has_turns else 'latency'}"
        else:
            latency = f"{key}.latency"
        yield (f"{one.name}.latency",), list(_altered({latency: link.latency_fs}, "fs"))


def bus_resources(config: Config) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Give each shared bus by name, with changes that make it faster for all its adapters, or else bursts longer."""
    servers = servers_of(config)
    for one in buses_of(servers):
        larger = [(f"pcie.bus.{name}", old, new) for name, old, new in faster(one.settings)]
        yield (
            (one.name,),
            [
                (servers[at].key(key), old, new)
                for at in one.members
                for key, old, new in larger or _longer_bursts(servers[at].config.pcie)
            ],
        )


def _longer_bursts(pcie: Pcie) -> Iterator[Change]:
    """Make bursts and reads as long as they can be."""
    for name in ("max_payload", "max_read_request"):
        n_bytes = pcie.value_of(name)
        if n_bytes < _LONGEST_BURST_BYTES:
            yield f"pcie.{name}", format_bytes(n_bytes), format_bytes(_LONGEST_BURST_BYTES)


def slot_of(config: Config, server: Server, changes: Iterable[Change]) -> Iterator[Change]:
    """Give an adapter's slot the lanes or generation that its link is to have."""
    host, _, name = server.name.partition(".")
    tree = next((entry.tree for entry in config.servers if entry.name == host), None)
    slot = tree.slots.get(name) if tree is not None else None
    for key, _, new in changes:
        block, _, what = key.partition(".")
        before = getattr(slot, what, None) if block == "pcie" and slot is not None else None
        if before is not None:
            yield f"servers.{host}.tree.slots.{name}.{what}", before, new


# ---- The offered load ----


# Factors for the traffic from the wire: the first one for which the line has room is taken.
_LOADS_FROM_WIRE = (Fraction(FACTOR), Fraction(3, 2), Fraction(5, 4), Fraction(21, 20), Fraction(1))


def loads(config: Config) -> Iterator[list[Change]]:
    """Give larger loads, the largest first; the others are for configurations in which that is invalid."""
    for from_wire in _LOADS_FROM_WIRE:
        yield list(_offered_load(config, from_wire))


def _offered_load(config: Config, from_wire: Fraction) -> Iterator[Change]:
    """Double what the VMs offer; traffic from the wire grows by `from_wire`, for which the line has room."""
    workload, external = config.workload, config.workload.external
    if workload.pcap is None:
        if workload.pattern == "flows" and any(not flow.follows_load for flow in workload.flows):
            flows = [_larger_flow(flow, from_wire if is_uplink(flow.source) else FACTOR) for flow in workload.flows]
            yield "workload.flows", None, flows
        load = workload.load
        for amount, value, more in (
            (load.share, load.share, FACTOR * (load.share or 0)),
            (load.rate_bps, _rate(load.rate_bps), _rate(load.rate_bps, FACTOR)),
            (load.frames_per_s, _frame_rate(load.frames_per_s), _frame_rate(load.frames_per_s, FACTOR)),
        ):
            if amount:  # twice nothing is no more
                yield "workload.load", value, more
        if workload.peak_rate_bps is not None:
            yield "workload.peak_rate", _rate(workload.peak_rate_bps), _rate(workload.peak_rate_bps, FACTOR)
    if external is not None and from_wire > 1:
        for key, rate_bps in (("rate", external.rate_bps), ("peak_rate", external.peak_rate_bps)):
            if rate_bps is not None:
                yield f"workload.external.{key}", _rate(rate_bps), _rate(rate_bps, from_wire)


def _larger_flow(flow: Flow, factor: Fraction | int) -> list[str | None]:
    return [flow.source, flow.target, _rate(flow.rate_bps, factor) or _frame_rate(flow.frames_per_s, factor)]


def _rate(rate_bps: int | None, factor: Fraction | int = 1) -> str | None:
    return None if rate_bps is None else format_rate_bps(int(rate_bps * factor))


def _frame_rate(frames_per_s: int | None, factor: Fraction | int = 1) -> str | None:
    return None if frames_per_s is None else FRAME_RATE.write(int(frames_per_s * factor))
