"""What makes each resource larger: of one server, of bridges and their extenders, and the offered load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain
from typing import Any

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
from hwmodel.config.names import is_uplink
from hwmodel.config.pcie_tree import MULTI_ROOT, TreeSwitch
from hwmodel.config.workload import FRAME_RATE
from hwmodel.results import CREDITS, OF_PORTS
from hwmodel.rules.pci_bus import SPLITS, faster
from hwmodel.rules.pcie_link import LANE_WIDTHS, NEWEST_GENERATION, most_tags
from hwmodel.units import format_bytes, format_frequency_hz, format_rate_bps, format_time_fs
from hwmodel.words.limits import at_port

# ---- A server: keys of its adapter, link and host ----


FACTOR = 2
_MOST_HEADER_CREDITS, _MOST_DATA_CREDITS = 127, 2047
_LEAST_PREFETCH = 8
_MOST_WALKERS = 64
_LONGEST_BURST_BYTES = 4096  # on a bus

Change = tuple[str, Any, Any]  # (dotted key, value, changed value), as users write them
ChangesOf = Callable[["Config"], Iterator[Change]]


WIRE = ("wire.tx", "wire.rx")
# The resources that remain with a virtual switch in the host's memory; the adapter's others are not used.
OF_A_VIRTUAL_SWITCH = (
    "host.cores", "vswitch", "host.memory", "nic.tx_ring", "rx.descriptors", "driver.moderation", "driver.wakeup_time",
    "interrupt batches",
)  # fmt: skip
CORE = ("driver.tx", "driver.rx")
# What a core does for a frame, a byte, a write to a register and an interrupt.
CORE_TIMES = ("frame_time", "pass_time", "byte_time", "pass_byte_time", "doorbell_time", "interrupt_time", "exit_time")
_STAGES = ("far", "exact", "wildcard", "miss")  # of a flow cache
# Times that occupy no resource; rings, tags and buffers cover them.
_LATENCIES = (
    "host.read_latency", "host.write_latency", "host.remote_latency", "driver.moderation", "driver.wakeup_time",
    "nic.writeback_timeout", "pcie.propagation",
)  # fmt: skip


def _lanes(config: Config) -> Iterator[Change]:
    return _wider("pcie", config.pcie)


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


def _credits(*names: str) -> ChangesOf:
    def changes(config: Config) -> Iterator[Change]:
        for name in names:
            granted = config.pcie.credits.value_of(name)
            most = _MOST_HEADER_CREDITS if name.endswith("h") else _MOST_DATA_CREDITS
            if 0 < granted < most:
                yield f"pcie.credits.{name}", granted, min(most, FACTOR * granted)

    return changes


def doubled(key: str, write: Callable[[int], Any] = int) -> ChangesOf:
    """Double a key, unless it or its block is null."""
    return lambda config: doubled_values({key: config.value_of(key)}, write)


def halved(*keys: str) -> ChangesOf:
    """Halve times, for a driver's also those of VMs with their own driver; nothing where one is 0 or null."""
    return lambda config: halved_times(_values(config, *keys))


def _halved_batches(*keys: str) -> ChangesOf:
    def changes(config: Config) -> Iterator[Change]:
        for key, batch in _values(config, *keys).items():
            if batch > 1:
                yield key, batch, batch // FACTOR

    return changes


def _values(config: Config, *keys: str) -> dict[str, Any]:
    """Return the values of keys, behind those of `driver` those of VMs that have their own."""
    blocks, values = config.driver_blocks, dict[str, Any]()
    for key in keys:
        block, _, name = key.partition(".")
        of = blocks if block == "driver" else {block: config.value_of(block)}
        values |= {f"{where}.{name}": settings.value_of(name) for where, settings in of.items()}
    return values


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
        larger = FACTOR * max(nic.shared_descriptor_cache, least)
        yield "nic.shared_descriptor_cache", nic.shared_descriptor_cache, larger


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
    yield from doubled_rates(limits)


def doubled_values(values: Mapping[str, int | None], write: Callable[[int], Any]) -> Iterator[Change]:
    """Double values, by key, formatted by `write`; None and 0 are left out, as they are no limits."""
    for key, value in values.items():
        if value:
            yield key, write(value), write(FACTOR * value)


def doubled_rates(rates_bps: Mapping[str, int | None]) -> Iterator[Change]:
    """Double rates, by their keys."""
    return doubled_values(rates_bps, format_rate_bps)


def halved_times(times_fs: Mapping[str, int | None]) -> Iterator[Change]:
    """Halve times, by key; 0 and None cannot be shorter."""
    for key, time_fs in times_fs.items():
        if time_fs:
            yield key, format_time_fs(time_fs), format_time_fs(time_fs // FACTOR)


def _switch_latency(config: Config) -> Iterator[Change]:
    if config.pcie.switch_hops:
        yield from halved("pcie.switch_latency")(config)


def _bus_clock(config: Config) -> Iterator[Change]:
    if config.switch.timing == "core":
        yield from doubled("switch.clock", format_frequency_hz)(config)


def _walkers(config: Config) -> Iterator[Change]:
    walkers = config.value_of("host.iotlb.walkers")
    if walkers is not None:
        yield "host.iotlb.walkers", walkers, min(_MOST_WALKERS, FACTOR * walkers)


def _faster_engine(name: str) -> ChangesOf:
    """Let an engine do everything in half the time."""
    steps = (f"nic.dma.{name}.{step}" for step in ("operation", "small_operation", "start", "piece_time"))
    times, rate = halved(*steps), doubled(f"nic.dma.{name}.rate", format_rate_bps)
    return lambda config: chain(times(config), rate(config))


def _faster_shared_path(config: Config) -> Iterator[Change]:
    dma = config.nic.dma
    if dma is not None and dma.shared_rate_bps is not None:
        yield from doubled_rates({"nic.dma.shared_rate": dma.shared_rate_bps})
        yield from halved_times({"nic.dma.shared_time": dma.shared_time_fs})


def _faster_switching(config: Config) -> Iterator[Change]:
    own = config.virtual_switch
    if own is not None:
        times = config.passing_times_fs | {"rule_time": own.rule_time_fs * bool(config.switch.acl)}
        yield from halved_times({f"host.virtual_switch.{name}": fs for name, fs in times.items()})
    if own is not None and own.flow_cache is not None:
        yield from halved(*(f"host.virtual_switch.flow_cache.{name}_time" for name in _STAGES))(config)


def _faster_memory(config: Config) -> Iterator[Change]:
    own = config.virtual_switch
    if own is not None and own.memory_byte_fs:
        yield from doubled_rates({"host.virtual_switch.memory_rate": own.memory_rate_bps})


# In the order of the datapath, behind the cores.
OF_A_SERVER: tuple[tuple[tuple[str, ...], ChangesOf], ...] = (
    (("host.cores",), _cores),
    (("vswitch",), _faster_switching),
    (("host.memory",), _faster_memory),
    (("nic.tx_ring",), doubled("nic.tx_ring")),
    (("nic.queue",), halved("nic.queue_time")),
    (("tx.descriptors",), _tx_cache),
    (("rate_limit",), _rate_limits),
    (("nic.tx_buffer",), doubled("nic.tx_buffer", format_bytes)),
    (("pcie.tags",), _tags),
    (("nic.dma.places",), doubled("nic.dma.read.outstanding")),
    (("nic.dma.read",), _faster_engine("read")),
    (("nic.dma.shared",), _faster_shared_path),
    ((CREDITS,), _credits("nph", "npd")),
    (("pcie.up", "pcie.down"), _lanes),
    ((CREDITS,), _credits("cplh", "cpld")),
    (("nic.store",), doubled("nic.store_rate", format_rate_bps)),
    (("nic.pipeline",), doubled("nic.max_pps")),
    (("switch.bus",), _bus_clock),
    (WIRE, doubled("port.rate", format_rate_bps)),
    (("nic.rx_buffer",), doubled("nic.rx_buffer", format_bytes)),
    (("rx.descriptors",), doubled("nic.rx_ring")),
    (("rx.descriptors",), _refilled),
    (("rx.descriptors",), _rx_prefetch),
    (("nic.dma.write",), _faster_engine("write")),
    (("host.walkers",), _walkers),
    ((CREDITS,), _credits("ph", "pd")),
    (("host.drain",), doubled("host.write_drain", format_rate_bps)),
    *(((key,), halved(key)) for key in _LATENCIES),
    (("nic.rsc.timeout",), halved("nic.rsc.timeout")),
    (("pcie.switch_latency",), _switch_latency),
    (("host.iotlb",), doubled("host.iotlb.entries")),
    (("host.iotlb.miss",), halved("host.iotlb.miss", "host.iotlb.near_miss")),
    (("host.stall",), halved("host.stall.for")),
    (("write-back batches",), _halved_batches("nic.tx_writeback_batch", "nic.rx_writeback_batch")),
    (("interrupt batches",), _halved_batches("driver.tx_interrupt_batch", "driver.rx_interrupt_batch")),
    (("pcie.max_payload",), doubled("pcie.max_payload", format_bytes)),
    (("pcie.max_read_request",), doubled("pcie.max_read_request", format_bytes)),
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
        if config.switches_in_memory and names[0] not in OF_A_VIRTUAL_SWITCH:
            continue
        at_ports = tuple(at_port(port, name) for port in config.port.names for name in names)
        changes = tuple(_with_thresholds(config, changes_of(config)))
        if config.pcie.bus is not None:  # a bus has none of the resources of links
            of_links = tuple(f"pcie.{name}" for name in OF_LINKS)
            changes = tuple(change for change in changes if not change[0].startswith(of_links))
        yield at_ports if names[0] in OF_PORTS else names, changes


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
            yield (f"{bridge.name}.{name}.{s_vid}",), list(doubled_rates(rates))
    for name, extender in settings.extenders.items():  # one rate in both directions
        rates = {f"{key}.extenders.{name}.rate": extender.rate_bps}
        yield (f"{bridge.name}.{name}.uplink", f"{bridge.name}.{name}"), list(doubled_rates(rates))
    yield (f"{bridge.name}.buffer",), list(_buffers(bridge))
    yield (f"{bridge.name}.latency",), list(_latencies(bridge))
    policers = {f"{key}.policy.{index}.rate": entry.rate_bps for index, entry in enumerate(settings.policy)}
    yield ("rate_limit",), list(doubled_rates(policers))


def port_rate(config: Config, port: str) -> Iterator[Change]:
    """Double the rate of a port to a server or outside, if it has one; both ends of a wire have the same rate."""
    bridge = bridge_with(config, port)
    if bridge is not None:
        yield from doubled_rates({f"{bridge.key}.ports.{port}.rate": bridge.settings.ports[port].rate_bps})


def _wire_rate(bridge: NamedBridge, name: str, to: str) -> Iterator[Change]:
    """Double the rate of a wire between bridges, at both ends."""
    far_bridge, _, far_name = to.partition(".")
    rate_bps = bridge.settings.ports[name].rate_bps
    keys = (f"{bridge.key}.ports.{name}.rate", f"bridges.{far_bridge}.ports.{far_name}.rate")
    return doubled_rates(dict.fromkeys(keys, rate_bps))


def _buffers(bridge: NamedBridge) -> Iterator[Change]:
    """Double the buffers of a bridge, of its extenders, and of ports with queues of their own."""
    settings, key = bridge.settings, bridge.key
    rooms: dict[str, int | None] = {f"{key}.buffer": settings.buffer_bytes}
    rooms |= {f"{key}.extenders.{name}.buffer": one.buffer_bytes for name, one in settings.extenders.items()}
    for name, port in settings.ports.items():
        for s_vid, level in port.s_channels.items():
            rooms[f"{key}.ports.{name}.s_channels.{s_vid}.buffer"] = level.buffer_bytes
    yield from doubled_values(rooms, format_bytes)


def _latencies(bridge: NamedBridge) -> Iterator[Change]:
    """Halve the latency of a bridge and of its extenders."""
    settings, key = bridge.settings, bridge.key
    times = {f"{key}.latency": settings.latency_fs}
    times |= {f"{key}.extenders.{name}.latency": one.latency_fs for name, one in settings.extenders.items()}
    yield from halved_times(times)


def switch_resources(config: Config) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Give each PCIe switch's link and latency by name, with the changes that make these faster."""
    for one, _ in links_above(switches_of(config)):
        link, key = one.settings, one.key
        yield (f"{one.name}.up", f"{one.name}.down"), list(_wider(key, link))
        if one.is_of_multi_root:  # one latency for all hosts
            latency = f"{MULTI_ROOT}.{'inside_latency' if one.has_turns else 'latency'}"
        else:
            latency = f"{key}.latency"
        yield (f"{one.name}.latency",), list(halved_times({latency: link.latency_fs}))


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
