"""The host's memory and the adapter's DMA engines at time 0: latencies, the cache, the order of writes, the engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodel.machine.tlp_kinds import ID_ORDER, RELAXED_ORDER, STRICT_ORDER
from hwmodel.simulation.translation import longest_frame_bytes, tx_stride_bytes
from hwmodel.units import fs_per_byte

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.adapter import DmaEngine

TWO_TO_32 = 1 << 32
ORDERINGS = {"strict": STRICT_ORDER, "relaxed": RELAXED_ORDER, "id_based": ID_ORDER}


def fill_memory(nic: Any, config: Config) -> None:
    """Set latencies, cache and ordering; behind `fill_translation`, which says whether there is an IOMMU."""
    host, settings = nic.host, config.host
    host.read_latency_fs = settings.read_latency_fs + settings.remote_latency_fs
    host.write_latency_fs = settings.write_latency_fs
    nic.pcie.ordering = ORDERINGS[config.pcie.ordering]
    n_queues = int(nic.limits.n_queues)
    set_cache_hits(
        nic,
        config,
        read_bytes=n_queues * config.nic.tx_ring * tx_stride_bytes(config, longest_frame_bytes(config)),
        written_bytes=n_queues * config.nic.rx_ring * settings.buffer_bytes,
    )
    takes_time = host.write_latency_fs > 0 or host.write_miss_fs > 0
    nic.pcie.has_memory = int(bool(nic.pcie.has_iotlb) or takes_time)
    varies = settings.jitter.kind != "fixed" or settings.cache is not None
    host.answers_vary = int(varies)
    nic.pcie.answers_in_order = int(not varies and not nic.pcie.has_memory and config.nic.store_rate_bps is None)


def set_cache_hits(nic: Any, config: Config, *, read_bytes: int, written_bytes: int) -> None:
    """Set how often reads and writes of buffers of so many bytes in all find them in the last-level cache."""
    cache, host = config.host.cache, nic.host
    if cache is None:
        return
    host.read_miss_fs, host.write_miss_fs = cache.read_miss_fs, cache.write_miss_fs
    host.read_hits = _share(cache.size_bytes, read_bytes) if cache.warm else 0
    host.write_hits = _share(cache.size_bytes * cache.io_share_percent, 100 * written_bytes)


def _share(held_bytes: int, of_bytes: int) -> int:
    return min(TWO_TO_32, held_bytes * TWO_TO_32 // max(1, of_bytes))


def fill_engines(nic: Any, config: Config) -> None:
    """Set the DMA engines of a configuration that has them."""
    nic.limits.rx_writes = 1
    settings = config.nic.dma
    if settings is None:
        return
    nic.pcie.has_engines = 1
    nic.limits.rx_writes = settings.write.outstanding
    _fill_engine(nic.engines.read, settings.read)
    _fill_engine(nic.engines.write, settings.write)
    if settings.shared_rate_bps is not None:
        nic.engines.shared_num, nic.engines.shared_den = fs_per_byte(settings.shared_rate_bps)
        nic.engines.shared_bytes = settings.shared_bytes
        nic.engines.shared_fs = settings.shared_time_fs


def _fill_engine(engine: Any, settings: DmaEngine) -> None:
    for name in ("operation_fs", "small_bytes", "start_fs", "piece_bytes", "piece_least_bytes", "latency_fs"):
        engine[name] = getattr(settings, name)
    engine.outstanding, engine.large_bytes = settings.outstanding, settings.large_bytes
    engine.small_fs, engine.piece_fs = settings.small_operation_fs, settings.piece_time_fs
    if settings.rate_bps is not None:
        engine.num, engine.den = fs_per_byte(settings.rate_bps)
