"""What makes each resource of one server larger: keys of its adapter, link and host, each with a larger value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hwmodel.results import CREDITS
from hwmodel.units import format_bytes, format_frequency_hz, format_rate_bps, format_time_fs

if TYPE_CHECKING:
    from hwmodel.config import Config

FACTOR = 2
_LANES = (1, 2, 4, 8, 12, 16, 32)
_MOST_TAGS, _MOST_HEADER_CREDITS, _MOST_DATA_CREDITS = 256, 127, 2047
_LEAST_PREFETCH = 8
_MOST_WALKERS = 64

Change = tuple[str, Any, Any]  # a dotted key, its value and the larger one, as users write them
ChangesOf = Callable[["Config"], Iterator[Change]]


WIRE = ("wire.tx", "wire.rx")
CORE = ("driver.tx", "driver.rx")
# What a core does for a frame, a byte, a write to a register and an interrupt.
CORE_TIMES = ("frame_time", "byte_time", "doorbell_time", "interrupt_time", "exit_time")
# Times that keep nobody busy, and that rings, tags and buffers bridge.
_LATENCIES = (
    "host.read_latency", "host.write_latency", "host.remote_latency", "driver.moderation", "driver.wakeup_time",
    "nic.writeback_timeout", "pcie.propagation", "pcie.switch_latency",
)  # fmt: skip


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


def _credits(*names: str) -> ChangesOf:
    def changes(config: Config) -> Iterator[Change]:
        for name in names:
            granted = getattr(config.pcie.credits, name)
            most = _MOST_HEADER_CREDITS if name.endswith("h") else _MOST_DATA_CREDITS
            if 0 < granted < most:
                yield f"pcie.credits.{name}", granted, min(most, FACTOR * granted)

    return changes


def doubled(key: str, attribute: str = "", write: Callable[[int], Any] = lambda value: value) -> ChangesOf:
    """Double a key; nothing where it is null. `attribute`: its name in the configuration, if it is another."""

    def changes(config: Config) -> Iterator[Change]:
        block, _, name = key.partition(".")
        value = getattr(getattr(config, block), attribute or name)
        if value:
            yield key, write(value), write(FACTOR * value)

    return changes


def halved_time(key: str) -> ChangesOf:
    """Halve a time, of a driver's that of VMs with their own too; nothing where it is 0."""

    def changes(config: Config) -> Iterator[Change]:
        block, _, name = key.partition(".")
        for where, settings in _blocks(config, block):
            value = getattr(settings, f"{name}_fs")
            if value:
                yield f"{where}.{name}", format_time_fs(value), format_time_fs(value // FACTOR)

    return changes


def _halved_batches(*keys: str) -> ChangesOf:
    def changes(config: Config) -> Iterator[Change]:
        for key in keys:
            block, _, name = key.partition(".")
            for where, settings in _blocks(config, block):
                batch = getattr(settings, name)
                if batch > 1:
                    yield f"{where}.{name}", batch, batch // FACTOR

    return changes


def _blocks(config: Config, name: str) -> Iterator[tuple[str, Any]]:
    """Give a block with its name, and behind the drivers' those of VMs with their own."""
    yield name, getattr(config, name)
    for vm, own in config.driver.vms.items() if name == "driver" else ():
        yield f"driver.vms.{vm}", own


def _faster_cores(config: Config) -> Iterator[tuple[Change, ...]]:
    """Halve what cores do, a time by itself: of VMs with the server's driver, then of each group with another."""
    groups: dict[object, list[tuple[str, Any]]] = {}
    blocks = list(_blocks(config, "driver"))
    for where, driver in blocks[1:] if len(blocks) > config.nic.vfs + 1 else blocks:  # where the PF has one, all have
        groups.setdefault(driver.behaviour if where != "driver" else None, []).append((where, driver))
    for group in groups.values():
        for name in CORE_TIMES:
            value = getattr(group[0][1], f"{name}_fs")
            if value:
                before, after = format_time_fs(value), format_time_fs(value // FACTOR)
                yield tuple((f"{where}.{name}", before, after) for where, _ in group)


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
    limits = {f"switch.ports.{port.name}.rate_limit": port.rate_limit_bps for port in config.switch.ports}
    limits |= {f"switch.acl.{index}.rate": entry.rate_bps for index, entry in enumerate(config.switch.acl)}
    yield from doubled_rates(limits)


def doubled_rates(rates_bps: Mapping[str, int | None]) -> Iterator[Change]:
    """Double rates, by their keys; those that are None are no limits."""
    for key, rate_bps in rates_bps.items():
        if rate_bps is not None:
            yield key, format_rate_bps(rate_bps), format_rate_bps(FACTOR * rate_bps)


def _bus_clock(config: Config) -> Iterator[Change]:
    if config.switch.timing == "core":
        yield from doubled("switch.clock", "clock_hz", format_frequency_hz)(config)


def _iotlb(config: Config) -> Iterator[Change]:
    if config.host.iotlb is not None:
        yield "host.iotlb.entries", config.host.iotlb.entries, FACTOR * config.host.iotlb.entries


def _walkers(config: Config) -> Iterator[Change]:
    if config.host.iotlb is not None and config.host.iotlb.walkers is not None:
        walkers = config.host.iotlb.walkers
        yield "host.iotlb.walkers", walkers, min(_MOST_WALKERS, FACTOR * walkers)


def _read_places(config: Config) -> Iterator[Change]:
    if config.nic.dma is not None:
        key = "nic.dma.read.outstanding"
        yield key, config.nic.dma.read.outstanding, FACTOR * config.nic.dma.read.outstanding


def _faster_engine(name: str) -> ChangesOf:
    """Let an engine do everything in half the time."""

    def changes(config: Config) -> Iterator[Change]:
        if config.nic.dma is None:
            return
        engine, block = getattr(config.nic.dma, name), f"nic.dma.{name}"
        for key in ("operation", "small_operation", "start", "piece_time"):
            duration_fs = getattr(engine, f"{key}_fs")
            if duration_fs:
                yield f"{block}.{key}", format_time_fs(duration_fs), format_time_fs(duration_fs // FACTOR)
        yield from doubled_rates({f"{block}.rate": engine.rate_bps})

    return changes


def _faster_shared_path(config: Config) -> Iterator[Change]:
    dma = config.nic.dma
    if dma is not None and dma.shared_rate_bps is not None:
        yield from doubled_rates({"nic.dma.shared_rate": dma.shared_rate_bps})
        if dma.shared_time_fs:
            halved = format_time_fs(dma.shared_time_fs // FACTOR)
            yield "nic.dma.shared_time", format_time_fs(dma.shared_time_fs), halved


def _faster_walks(config: Config) -> Iterator[Change]:
    if config.host.iotlb is not None:
        for key in ("miss", "near_miss"):
            duration_fs = getattr(config.host.iotlb, f"{key}_fs")
            if duration_fs:
                yield f"host.iotlb.{key}", format_time_fs(duration_fs), format_time_fs(duration_fs // FACTOR)


# In the order of the datapath, behind the cores.
OF_A_SERVER: tuple[tuple[tuple[str, ...], ChangesOf], ...] = (
    (("host.cores",), _cores),
    (("nic.tx_ring",), doubled("nic.tx_ring")),
    (("nic.queue",), halved_time("nic.queue_time")),
    (("tx.descriptors",), _tx_fetch),
    (("rate_limit",), _rate_limits),
    (("nic.tx_buffer",), doubled("nic.tx_buffer", "tx_buffer_bytes", format_bytes)),
    (("pcie.tags",), _tags),
    (("nic.dma.places",), _read_places),
    (("nic.dma.read",), _faster_engine("read")),
    (("nic.dma.shared",), _faster_shared_path),
    ((CREDITS,), _credits("nph", "npd")),
    (("pcie.up", "pcie.down"), _lanes),
    ((CREDITS,), _credits("cplh", "cpld")),
    (("nic.store",), doubled("nic.store_rate", "store_rate_bps", format_rate_bps)),
    (("nic.pipeline",), doubled("nic.max_pps")),
    (("switch.bus",), _bus_clock),
    (WIRE, doubled("port.rate", "rate_bps", format_rate_bps)),
    (("nic.rx_buffer",), doubled("nic.rx_buffer", "rx_buffer_bytes", format_bytes)),
    (("rx.descriptors",), _rx_descriptors),
    (("rx.descriptors",), _rx_prefetch),
    (("nic.dma.write",), _faster_engine("write")),
    (("host.walkers",), _walkers),
    ((CREDITS,), _credits("ph", "pd")),
    (("host.drain",), doubled("host.write_drain", "write_drain_bps", format_rate_bps)),
    *(((key,), halved_time(key)) for key in _LATENCIES),
    (("host.iotlb",), _iotlb),
    (("host.iotlb.miss",), _faster_walks),
    (("write-back batches",), _halved_batches("nic.tx_writeback_batch", "nic.rx_writeback_batch")),
    (("interrupt batches",), _halved_batches("driver.tx_interrupt_batch", "driver.rx_interrupt_batch")),
    (("pcie.max_payload",), doubled("pcie.max_payload", "max_payload_bytes", format_bytes)),
    (("pcie.max_read_request",), doubled("pcie.max_read_request", "max_read_request_bytes", format_bytes)),
)


def resources_of(config: Config) -> Iterator[tuple[tuple[str, ...], tuple[Change, ...]]]:
    """Give what each change of a server makes larger, with the keys that change, in the order of the datapath."""
    for changes in _faster_cores(config):
        yield CORE, changes
    for names, changes_of in OF_A_SERVER:
        yield names, tuple(changes_of(config))
