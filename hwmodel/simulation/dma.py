"""The link alone: bandwidth and latency of DMA reads, writes and copies, by transfer size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hwmodel.errors import InputError, RunError
from hwmodel.kernels import layout
from hwmodel.kernels.dma import run_dma
from hwmodel.results import Latency, summarize_latency
from hwmodel.simulation.kernel_cache import DMA_ENTRIES, fill_cache
from hwmodel.simulation.nic_state import State, build_state
from hwmodel.simulation.translation import place_pages, tx_stride_bytes
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

# Enough to fill tags and queues, then enough for the ends of the window not to count.
WARMUP_TRANSFERS = 2000
WINDOW_TRANSFERS = 20_000
LATENCY_TRANSFERS = 2000
LARGEST_BYTES = 1 << 20


def dma(config: Config, sizes: Iterable[int]) -> list[dict[str, Any]]:
    """Measure the configured link by itself; return a row for each transfer size in bytes.

    `read_gbps`, `write_gbps`: transfers of one kind, as many under way as tags and credits allow. `both_gbps`: each
    transfer is read, then written (a copy), and the figure is that of one direction. `read_latency_ns`: one read under
    way at a time, from the request's entering the queue to the last byte, summarised as in a run's result. Data begin
    at `host.buffer_offset`. With `host.iotlb` transfers go round the buffers of a Tx ring (reads) and of an Rx ring
    (writes), which begin `translation.tx_stride_bytes` apart. Raises InputError for sizes out of range.
    """
    wanted = list(sizes)
    wrong = [n for n in wanted if not 1 <= n <= LARGEST_BYTES]
    if wrong:
        raise InputError(f"--sizes: {wrong[0]} B: a transfer has 1 B to {LARGEST_BYTES} B")
    fill_cache(DMA_ENTRIES)
    return [
        {
            "bytes": n_bytes,
            "read_gbps": _bandwidth_gbps(config, n_bytes, does_read=True, does_write=False),
            "write_gbps": _bandwidth_gbps(config, n_bytes, does_read=False, does_write=True),
            "both_gbps": _bandwidth_gbps(config, n_bytes, does_read=True, does_write=True),
            "read_latency_ns": asdict(_read_latency(config, n_bytes)),
        }
        for n_bytes in wanted
    ]


def _machine(config: Config, n_bytes: int, *, does_read: bool, does_write: bool, most_ahead: int) -> State:
    state = build_state(config, config.run.seed)
    transfers = state[0].dma
    transfers.n_bytes = n_bytes
    transfers.does_read, transfers.does_write = does_read, does_write
    transfers.most_ahead = most_ahead
    if config.host.iotlb is not None:
        stride = tx_stride_bytes(config, n_bytes)
        place_pages(state[0], stride, stride)
    return state


def _run(state: State, n_transfers: int) -> int:
    at_fs = int(run_dma(state, n_transfers))
    if at_fs < 0:
        raise RunError("the link is stuck: credits do not suffice for one TLP")
    return at_fs


def _bandwidth_gbps(config: Config, n_bytes: int, *, does_read: bool, does_write: bool) -> float:
    """Measure from one transfer's end to a later one's: the same point of the cycle."""
    # Beyond the reads under way, a copy may have some waiting for their writes: enough to keep P from running dry.
    most_ahead = min(2 * config.pcie.tags + 16, layout.TRANSFER_CAP)
    state = _machine(config, n_bytes, does_read=does_read, does_write=does_write, most_ahead=most_ahead)
    scale = max(1, n_bytes // 4096)
    start_fs = _run(state, max(WARMUP_TRANSFERS // scale + config.pcie.tags, _once_round(config)))
    before = _done(state)
    end_fs = _run(state, before + WINDOW_TRANSFERS // scale)
    return (_done(state) - before) * n_bytes * 8 * (FS_PER_S / 1e9) / (end_fs - start_fs)


def _done(state: State) -> int:
    transfers = state[0].dma
    return int(transfers.writes_done if transfers.does_write else transfers.reads_done)


def _once_round(config: Config) -> int:
    """Return the transfers after which a translation cache has seen all buffers; 0 where there is none."""
    return max(config.nic.tx_ring, config.nic.rx_ring) if config.host.iotlb is not None else 0


def _read_latency(config: Config, n_bytes: int) -> Latency:
    state = _machine(config, n_bytes, does_read=True, does_write=False, most_ahead=1)
    latency = state[0].dma.latency
    is_fixed = config.host.jitter.kind == "fixed" and config.host.iotlb is None
    if config.host.iotlb is not None:
        _run(state, _once_round(config))
        latency.n = latency.sum_fs = 0
        state[0]["ledger"]["histogram"][layout.LATENCY_HISTOGRAM] = 0
    _run(state, _done(state) + (1 if is_fixed else LATENCY_TRANSFERS))
    return summarize_latency(
        state[0].ledger.histogram[layout.LATENCY_HISTOGRAM],
        min_fs=int(latency.lowest_fs),
        max_fs=int(latency.highest_fs),
        sum_fs=int(latency.sum_fs),
    )
