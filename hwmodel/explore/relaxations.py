"""Each resource made larger: which keys stand for it, and what a larger value of each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.config import config_from_mapping
from hwmodel.config.bridge import ADAPTER, OUTSIDE
from hwmodel.config.demand import FRAME_RATE
from hwmodel.errors import InputError
from hwmodel.results import CREDITS
from hwmodel.units import BITS_PER_BYTE, format_bytes, format_frequency_hz, format_rate_bps, format_time_fs
from hwmodel.workload.sizes import Sizes

if TYPE_CHECKING:
    from hwmodel.config import Config, Flow
    from hwmodel.results import Bottleneck

FACTOR = 2
_LANES = (1, 2, 4, 8, 12, 16, 32)
_MOST_TAGS, _MOST_HEADER_CREDITS, _MOST_DATA_CREDITS = 256, 127, 2047
_LEAST_PREFETCH = 8
_LOADS_FROM_WIRE = (
    Fraction(FACTOR),
    Fraction(3, 2),
    Fraction(5, 4),
    Fraction(21, 20),
    Fraction(1),
)  # as the line has room

Change = tuple[str, Any, Any]  # a dotted key, its value and the larger one, as users write them


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Hold what makes a resource larger: the `resources` that it stands for, `changes` of keys, `config` with them."""

    resources: tuple[str, ...]
    changes: tuple[Change, ...]
    config: Config

    @property
    def text(self) -> str:
        """Say what changes: `pcie.lanes: 4 -> 8`; of many keys the first two."""
        shown = ", ".join(
            f"{key}: rates doubled" if isinstance(new, list) else f"{key}: {old} -> {new}"
            for key, old, new in self.changes[:2]
        )
        return shown + (f" and {len(self.changes) - 2} more" if len(self.changes) > 2 else "")

    def is_of(self, bottleneck: Bottleneck) -> bool:
        """Tell whether this makes the bottleneck larger; of credits or descriptors, the kind that lacks."""
        if bottleneck.resource not in self.resources:
            return False
        has_kinds = bottleneck.resource in (CREDITS, "rx.descriptors")
        return not has_kinds or any(key in bottleneck.keys for key, _, _ in self.changes)


def relaxations_of(config: Config) -> list[Relaxation]:
    """Give every way to make one resource of a configuration larger, in the order of the datapath.

    Left out is what is infinite already, cannot be larger in this model, or does not fit to the other keys. The
    device's own limits do not hold: `nic.preset` is null.
    """
    config = _with_load_of_its_own(config)
    found: list[Relaxation] = []
    for resources, changes_of in (*_RESOURCES, *_uplinks(config)):
        if found and found[-1].resources == resources == ("offered_load",):
            continue  # the larger load has fitted
        changes = tuple(changes_of(config))
        relaxed = _changed(config, changes)
        if relaxed is not None:
            found.append(Relaxation(resources, changes, relaxed))
    return found


def together(config: Config, relaxations: Sequence[Relaxation], names: Sequence[str] = ()) -> Relaxation | None:
    """Make several resources larger at once; None if they do not fit together.

    Of those that one key makes larger, as both directions of the link, the one that is among `names` is told.
    """
    resources = tuple(next((one for one in each.resources if one in names), each.resources[0]) for each in relaxations)
    changes = tuple(change for relaxation in relaxations for change in relaxation.changes)
    relaxed = _changed(config, changes)
    return None if relaxed is None else Relaxation((" + ".join(resources),), changes, relaxed)


def _changed(config: Config, changes: Sequence[Change]) -> Config | None:
    if not changes:
        return None
    try:
        return config_from_mapping(config.resolved(), {"nic.preset": None, **{key: new for key, _, new in changes}})
    except InputError:
        return None  # such as rings longer than there is room for


def _lanes(config: Config) -> Iterator[Change]:
    pcie = config.pcie
    wider = [lanes for lanes in _LANES if lanes >= FACTOR * pcie.lanes]
    if wider:
        yield "pcie.lanes", pcie.lanes, wider[0]
    elif pcie.generation < 3:
        yield "pcie.generation", pcie.generation, pcie.generation + 1


def _tags(config: Config) -> Iterator[Change]:
    if config.pcie.tags < _MOST_TAGS:
        yield "pcie.tags", config.pcie.tags, min(_MOST_TAGS, FACTOR * config.pcie.tags)


def _credits(*names: str) -> Callable[[Config], Iterator[Change]]:
    def changes(config: Config) -> Iterator[Change]:
        for name in names:
            granted = getattr(config.pcie.credits, name)
            most = _MOST_HEADER_CREDITS if name.endswith("h") else _MOST_DATA_CREDITS
            if 0 < granted < most:
                yield f"pcie.credits.{name}", granted, min(most, FACTOR * granted)

    return changes


def _doubled(
    key: str, attribute: str = "", write: Callable[[int], Any] = lambda value: value
) -> Callable[[Config], Iterator[Change]]:
    """Double a key; nothing where it is null. `attribute`: its name in the configuration, if it is another."""

    def changes(config: Config) -> Iterator[Change]:
        block, _, name = key.partition(".")
        value = getattr(getattr(config, block), attribute or name)
        if value:
            yield key, write(value), write(FACTOR * value)

    return changes


def _halved_time(key: str, attribute: str) -> Callable[[Config], Iterator[Change]]:
    def changes(config: Config) -> Iterator[Change]:
        block = key.partition(".")[0]
        value = getattr(getattr(config, block), attribute)
        if value:
            yield key, format_time_fs(value), format_time_fs(value // FACTOR)

    return changes


def _halved_batches(*keys: str) -> Callable[[Config], Iterator[Change]]:
    def changes(config: Config) -> Iterator[Change]:
        for key in keys:
            block, _, name = key.partition(".")
            batch = getattr(getattr(config, block), name)
            if batch > 1:
                yield key, batch, batch // FACTOR

    return changes


def _rx_descriptors(config: Config) -> Iterator[Change]:
    yield "nic.rx_ring", config.nic.rx_ring, FACTOR * config.nic.rx_ring


def _rx_prefetch(config: Config) -> Iterator[Change]:
    nic = config.nic
    prefetch = max(FACTOR * nic.rx_prefetch, _LEAST_PREFETCH)
    yield "nic.rx_prefetch", nic.rx_prefetch, prefetch
    yield "nic.descriptor_cache", nic.descriptor_cache, FACTOR * max(nic.descriptor_cache, prefetch)


def _tx_fetch(config: Config) -> Iterator[Change]:
    nic = config.nic
    yield "nic.descriptor_cache", nic.descriptor_cache, FACTOR * nic.descriptor_cache


def _cores(config: Config) -> Iterator[Change]:
    if config.host.cores < config.nic.vfs:
        yield "host.cores", config.host.cores, FACTOR * config.host.cores


def _rate_limits(config: Config) -> Iterator[Change]:
    for port in config.switch.ports:
        if port.rate_limit_bps is not None:
            limit = port.rate_limit_bps
            key = f"switch.ports.{port.name}.rate_limit"
            yield key, format_rate_bps(limit), format_rate_bps(FACTOR * limit)
    policy = () if config.bridge is None else config.bridge.policy
    for block, entries in (("switch.acl", config.switch.acl), ("bridge.policy", policy)):
        for index, entry in enumerate(entries):
            if entry.rate_bps is not None:
                key = f"{block}.{index}.rate"
                yield key, format_rate_bps(entry.rate_bps), format_rate_bps(FACTOR * entry.rate_bps)


def _offered_load(from_wire: Fraction) -> Callable[[Config], Iterator[Change]]:
    """Double what the VMs offer; what comes from the wire grows by a factor of its own, for which the line has room."""

    def changes(config: Config) -> Iterator[Change]:
        workload, external = config.workload, config.workload.external
        if workload.pcap is None:
            if workload.pattern == "flows" and any(not flow.follows_load for flow in workload.flows):
                flows = [
                    _larger_flow(flow, from_wire if flow.source == "uplink" else FACTOR) for flow in workload.flows
                ]
                yield "workload.flows", None, flows
            load = workload.load
            for value, more in (
                (load.share, FACTOR * (load.share or 0)),
                (_rate(load.rate_bps), _rate(load.rate_bps, FACTOR)),
                (_frame_rate(load.frames_per_s), _frame_rate(load.frames_per_s, FACTOR)),
            ):
                if value is not None:
                    yield "workload.load", value, more
            if workload.peak_rate_bps is not None:
                yield "workload.peak_rate", _rate(workload.peak_rate_bps), _rate(workload.peak_rate_bps, FACTOR)
        if external is not None and from_wire > 1:
            for key, rate_bps in (("rate", external.rate_bps), ("peak_rate", external.peak_rate_bps)):
                if rate_bps is not None:
                    yield f"workload.external.{key}", _rate(rate_bps), _rate(rate_bps, from_wire)

    return changes


def _larger_flow(flow: Flow, factor: Fraction | int) -> list[str | None]:
    return [flow.source, flow.target, _rate(flow.rate_bps, factor) or _frame_rate(flow.frames_per_s, factor)]


def _rate(rate_bps: int | None, factor: Fraction | int = 1) -> str | None:
    return None if rate_bps is None else format_rate_bps(int(rate_bps * factor))


def _frame_rate(frames_per_s: int | None, factor: Fraction | int = 1) -> str | None:
    return None if frames_per_s is None else FRAME_RATE.write(int(frames_per_s * factor))


def _with_load_of_its_own(config: Config) -> Config:
    """Write a load that is a share of the ceiling as one of the port rate: the ceiling is not what it was."""
    workload = config.workload
    ceiling = ceiling_frames_per_s(config)
    if ceiling is None:
        return config
    sizes = Sizes.of(workload.frame_bytes, workload.sizes)
    bits = BITS_PER_BYTE * sizes.mean_wire_bytes
    share = float(Fraction(repr(workload.load.share)) * ceiling * bits / config.port.rate_bps)
    return config_from_mapping(config.resolved(), {"workload.load": share})


def _port_rate(config: Config) -> Iterator[Change]:
    yield from _doubled("port.rate", "rate_bps", format_rate_bps)(config)
    yield from _bridge_port_rate(ADAPTER)(config)  # both ends of a wire have one rate
    share = config.workload.load.share
    if share is not None:
        yield "workload.load", share, share / FACTOR  # as much in frames as before


def _bridge_port_rate(port: str) -> Callable[[Config], Iterator[Change]]:
    def changes(config: Config) -> Iterator[Change]:
        if config.bridge is not None and port in config.bridge.ports:
            rate_bps = config.bridge.ports[port].rate_bps
            yield f"bridge.ports.{port}.rate", _rate(rate_bps), _rate(rate_bps, FACTOR)

    return changes


def _bridge_buffers(config: Config) -> Iterator[Change]:
    """Double the room for what waits in the bridge, in its extenders and in queues of their own."""
    if config.bridge is None:
        return
    rooms = {"bridge.buffer": config.bridge.buffer_bytes}
    rooms |= {f"bridge.extenders.{name}.buffer": one.buffer_bytes for name, one in config.bridge.extenders.items()}
    for name, port in config.bridge.ports.items():
        for s_vid, level in port.s_channels.items():
            if level.buffer_bytes is not None:
                rooms[f"bridge.ports.{name}.s_channels.{s_vid}.buffer"] = level.buffer_bytes
    for key, n_bytes in rooms.items():
        yield key, format_bytes(n_bytes), format_bytes(FACTOR * n_bytes)


def _uplinks(config: Config) -> Iterator[tuple[tuple[str, ...], Callable[[Config], Iterator[Change]]]]:
    """Give the wire of each port extender, which has one rate in both directions."""
    for name in config.bridge.extenders if config.bridge is not None else ():
        yield (f"bridge.{name}.uplink", f"bridge.{name}"), _uplink_rate(name)


def _uplink_rate(extender: str) -> Callable[[Config], Iterator[Change]]:
    def changes(config: Config) -> Iterator[Change]:
        if config.bridge is not None:
            rate_bps = config.bridge.extenders[extender].rate_bps
            yield f"bridge.extenders.{extender}.rate", _rate(rate_bps), _rate(rate_bps, FACTOR)

    return changes


def _bus_clock(config: Config) -> Iterator[Change]:
    if config.switch.timing == "core":
        yield from _doubled("switch.clock", "clock_hz", format_frequency_hz)(config)


def _iotlb(config: Config) -> Iterator[Change]:
    if config.host.iotlb is not None:
        yield "host.iotlb.entries", config.host.iotlb.entries, FACTOR * config.host.iotlb.entries


def _frame_time(config: Config) -> Iterator[Change]:
    return _halved_time("driver.frame_time", "frame_time_fs")(config)


_RESOURCES: tuple[tuple[tuple[str, ...], Callable[[Config], Iterator[Change]]], ...] = (
    *((("offered_load",), _offered_load(from_wire)) for from_wire in _LOADS_FROM_WIRE),
    (("driver.tx", "driver.rx"), _frame_time),
    (("host.cores",), _cores),
    (("nic.tx_ring",), _doubled("nic.tx_ring")),
    (("nic.queue",), _halved_time("nic.queue_time", "queue_time_fs")),
    (("tx.descriptors",), _tx_fetch),
    (("rate_limit",), _rate_limits),
    (("nic.tx_buffer",), _doubled("nic.tx_buffer", "tx_buffer_bytes", format_bytes)),
    (("pcie.tags",), _tags),
    ((CREDITS,), _credits("nph", "npd")),
    (("pcie.up", "pcie.down"), _lanes),
    ((CREDITS,), _credits("cplh", "cpld")),
    (("nic.store",), _doubled("nic.store_rate", "store_rate_bps", format_rate_bps)),
    (("nic.pipeline",), _doubled("nic.max_pps")),
    (("switch.bus",), _bus_clock),
    (("wire.tx", "wire.rx", "bridge.adapter"), _port_rate),
    (("bridge.outside",), _bridge_port_rate(OUTSIDE)),
    (("bridge.buffer",), _bridge_buffers),
    (("nic.rx_buffer",), _doubled("nic.rx_buffer", "rx_buffer_bytes", format_bytes)),
    (("rx.descriptors",), _rx_descriptors),
    (("rx.descriptors",), _rx_prefetch),
    ((CREDITS,), _credits("ph", "pd")),
    (("host.drain",), _doubled("host.write_drain", "write_drain_bps", format_rate_bps)),
    (("host.read_latency",), _halved_time("host.read_latency", "read_latency_fs")),
    (("host.iotlb",), _iotlb),
    (("driver.moderation",), _halved_time("driver.moderation", "moderation_fs")),
    (("write-back batches",), _halved_batches("nic.tx_writeback_batch", "nic.rx_writeback_batch")),
    (("interrupt batches",), _halved_batches("driver.tx_interrupt_batch", "driver.rx_interrupt_batch")),
    (("pcie.max_payload",), _doubled("pcie.max_payload", "max_payload_bytes", format_bytes)),
    (("pcie.max_read_request",), _doubled("pcie.max_read_request", "max_read_request_bytes", format_bytes)),
)
