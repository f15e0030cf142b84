"""The state of the host's memory, its IOMMU and the adapter's DMA engines at time 0.

Memory: latencies, last-level cache, write ordering. IOMMU: translation cache, and the pages of rings and buffers.
"""

from __future__ import annotations

from typing import Any

from hwmodel.config import Config
from hwmodel.config.adapter import DmaEngine, Nic
from hwmodel.machine.host.translation import LINE_SHIFT
from hwmodel.machine.tlp_kinds import ID_ORDER, RELAXED_ORDER, STRICT_ORDER
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES
from hwmodel.units import fs_per_byte

TWO_TO_32 = 1 << 32
ORDERINGS = {"strict": STRICT_ORDER, "relaxed": RELAXED_ORDER, "id_based": ID_ORDER}


def fill_memory(link: Any, host: Any, n_queues: int, config: Config) -> None:
    """Set latencies, cache and ordering; call it after `fill_translation`, which sets whether there is an IOMMU."""
    settings = config.host
    host.params.read_latency_fs = settings.read_latency_fs + settings.remote_latency_fs
    host.params.register_latency_fs = settings.read_latency_fs  # as long in this direction, of the near socket
    host.params.write_latency_fs = settings.write_latency_fs
    link.params.ordering = ORDERINGS[config.pcie.ordering]
    set_cache_hits(
        host,
        config,
        read_bytes=n_queues * config.nic.tx_ring * tx_stride_bytes(config, longest_frame_bytes(config)),
        written_bytes=n_queues * config.nic.rx_ring * settings.buffer_bytes,
    )
    takes_time = host.params.write_latency_fs > 0 or host.params.write_miss_fs > 0
    link.params.has_memory = int(bool(link.params.has_iotlb) or takes_time)
    varies = settings.jitter.kind != "fixed" or settings.cache is not None
    host.params.answers_vary = int(varies)
    link.params.answers_in_order = int(not varies and not link.params.has_memory and config.nic.store_rate_bps is None)


def set_cache_hits(host: Any, config: Config, *, read_bytes: int, written_bytes: int) -> None:
    """Set the hit rates of reads and writes in the last-level cache, from the total bytes of the buffers."""
    cache = config.host.cache
    if cache is None:
        return
    host.params.read_miss_fs, host.params.write_miss_fs = cache.read_miss_fs, cache.write_miss_fs
    host.params.read_hits = _share(cache.size_bytes, read_bytes) if cache.warm else 0
    host.params.write_hits = _share(cache.size_bytes * cache.io_share_percent, 100 * written_bytes)


def _share(held_bytes: int, of_bytes: int) -> int:
    return min(TWO_TO_32, held_bytes * TWO_TO_32 // max(1, of_bytes))


def fill_engines(nic: Any, config: Config) -> None:
    """Set the DMA engines of a configuration that has them."""
    nic.params.rx_writes = 1
    settings = config.nic.dma
    if settings is None:
        return
    nic.params.has_engines = 1
    nic.params.rx_writes = settings.write.outstanding
    _fill_engine(nic.engines.read, settings.read)
    _fill_engine(nic.engines.write, settings.write)
    if settings.shared_rate_bps is not None:
        nic.engines.params.shared_num, nic.engines.params.shared_den = fs_per_byte(settings.shared_rate_bps)
        nic.engines.params.shared_bytes = settings.shared_bytes
        nic.engines.params.shared_fs = settings.shared_time_fs


def _fill_engine(engine: Any, settings: DmaEngine) -> None:
    for name in ("operation_fs", "small_bytes", "start_fs", "piece_bytes", "piece_least_bytes", "latency_fs"):
        engine.params[name] = getattr(settings, name)
    engine.params.outstanding, engine.params.large_bytes = settings.outstanding, settings.large_bytes
    engine.params.small_fs, engine.params.piece_fs = settings.small_operation_fs, settings.piece_time_fs
    if settings.rate_bps is not None:
        engine.params.num, engine.params.den = fs_per_byte(settings.rate_bps)


INVALIDATIONS = ("none", "strict", "deferred")  # in the order of host_state: KEPT, STRICT_UNMAP, DEFERRED_UNMAP


def fill_translation(link: Any, host: Any, params: Any, config: Config) -> None:
    """Set up the translation caches if there is an IOMMU; `params`: the adapter's parameters."""
    settings = config.host.iotlb
    if settings is None:
        return
    link.params.has_iotlb = 1
    translation, caches = host.translation, host.translation.params
    caches.miss_fs, caches.near_miss_fs = settings.miss_fs, settings.near_walk_fs
    caches.n_walkers = settings.walkers or 0
    caches.page_shift = settings.page_bytes.bit_length() - 1
    caches.is_split = settings.split
    caches.invalidation = INVALIDATIONS.index(settings.invalidation)
    caches.flush_after = settings.flush_after
    translation.lines.part[0].n_entries = settings.walk_lines
    n_parts = len(config.switch.ports) if settings.split else 1
    for part in translation.pages.part[:n_parts]:
        part.n_entries = max(1, settings.entries // n_parts)
    tx_stride = tx_stride_bytes(config, longest_frame_bytes(config))
    place_pages(host, params, tx_stride, config.host.buffer_bytes, config.nic)


def longest_frame_bytes(config: Config) -> int:
    """Return the bytes of the largest Tx buffer: the longest frame, the FCS making room for a C-TAG, or a send."""
    frame_bytes = config.switch.longest_frame_bytes
    return max(frame_bytes, config.workload.send_bytes) if config.workload.segment_bytes else frame_bytes


def tx_stride_bytes(config: Config, n_bytes: int) -> int:
    """Return the stride of buffers of `n_bytes`: a power of two that covers `buffer_offset` and the data."""
    needed = max(config.host.buffer_bytes, config.host.buffer_offset_bytes + n_bytes)
    return 1 << (needed - 1).bit_length()


def place_pages(host: Any, params: Any, tx_stride: int, rx_stride: int, nic: Nic) -> None:
    """Assign numbers to the pages of all rings and their buffers; buffer strides are `tx_stride` and `rx_stride` bytes.

    The pages of each ring start a new cache line of page-table entries: functions have IOMMU domains of their own, so
    no line covers pages of two functions.
    """
    cache = host.translation.params
    cache.tx_stride_bytes, cache.rx_stride_bytes = tx_stride, rx_stride
    first = 0
    for name, ring, item_bytes in (
        ("tx_ring", params.tx_ring, nic.tx_descriptor_bytes),
        ("rx_ring", params.rx_ring, DESCRIPTOR_BYTES),
        ("tx_buffer", params.tx_ring, tx_stride),
        ("rx_buffer", params.rx_ring, rx_stride),
        ("tx_entries", params.tx_ring, nic.completion_entry_bytes),
        ("rx_entries", params.rx_ring, nic.completion_entry_bytes),
    ):
        if item_bytes is None:  # descriptors are written back in place, in the ring
            cache[name] = cache[name.replace("entries", "ring")]
            continue
        region = cache[name]
        pages_a_ring = -(-int(ring) * item_bytes >> int(cache.page_shift))
        region.first, region.a_ring = first, -(-pages_a_ring >> LINE_SHIFT) << LINE_SHIFT
        first += int(region.a_ring) * int(params.n_queues)
