"""The link without frames: DMA reads, writes and copies by transfer size; writes of adapters to their peers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hwmodel.analytic.dma import Writers, peer_limits
from hwmodel.config import Config, PcieSwitch, only_server, servers_of, switches_of
from hwmodel.errors import InputError, RunError
from hwmodel.machine.counts.ledger_state import LATENCY_HISTOGRAM
from hwmodel.machine.link_alone import TRANSFER_CAP, run_dma
from hwmodel.machine.pcie.link_state import TO_HOST, TO_PEER, TO_PEER_BY_ROOT
from hwmodel.machine.peer_writes import run_writes
from hwmodel.results import Latency, summarize_latency
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.figures.tree_use import sums_of
from hwmodel.simulation.fill.memory import TWO_TO_32, place_pages, set_cache_hits, tx_stride_bytes
from hwmodel.simulation.fill.nic_state import State, build_state
from hwmodel.simulation.fill.random_streams import DMA_TRANSFERS, random_words
from hwmodel.simulation.fill.system_state import SystemState, build_system
from hwmodel.simulation.run.kernel_cache import DMA_ENTRIES, PEER_ENTRIES, fill_cache
from hwmodel.simulation.run.offered import workload_of
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S, FS_PER_US

# Enough to fill tags and queues; then enough that effects at the ends of the window do not matter.
WARMUP_TRANSFERS = 2000
WINDOW_TRANSFERS = 20_000
LATENCY_TRANSFERS = 2000
LARGEST_BYTES = 1 << 20
CACHE_LINE_BYTES = 64


@dataclass(frozen=True)
class Window:
    """Hold where transfers lie: in a window of `n_bytes`, at successive places or, if `is_random`, at random ones.

    Places begin at multiples of the transfer size rounded up to whole cache lines; at least one. A transfer is no
    longer than the window.
    """

    n_bytes: int
    is_random: bool = True


def dma(config: Config, sizes: Iterable[int], window: Window | None = None) -> list[dict[str, Any]]:
    """Measure the configured link by itself; return a row for each transfer size in bytes.

    `read_gbps`, `write_gbps`: transfers of one kind, as many under way as tags and credits allow. `both_gbps`: each
    transfer is read, then written (a copy), and the figure is that of one direction. `read_latency_ns`: one read under
    way at a time, from entering the request queue to the last byte, summarised as in a run's result.
    `write_read_latency_ns`: the same for a write directly followed by a read of the same place, which is answered by
    the cache of the adapter's socket. Data begin at `host.buffer_offset`. With a `window`, reads and writes share its
    places, and the last-level cache holds as many of them as it has room for. Without a window but with `host.iotlb`,
    transfers cycle through the buffers of a Tx ring (reads) and of an Rx ring (writes), which begin `tx_stride_bytes`
    apart. `config` is of one adapter: `only_server` finds it among several. Raises InputError if there are several, for
    a PCI bus, for sizes out of range and for those that do not fit into the window.
    """
    config = only_server(config).config
    if config.pcie.bus is not None:
        raise InputError("hwmodel dma: it measures a link, and the adapter is on a bus (pcie.bus)")
    wanted = checked_sizes(sizes)
    too_long = [] if window is None else [n for n in wanted if n > window.n_bytes]
    if window is not None and too_long:
        raise InputError(f"--window: a transfer of {too_long[0]} B does not fit into {window.n_bytes} B (--sizes)")
    fill_cache(DMA_ENTRIES)
    return [
        {
            "bytes": n_bytes,
            "read_gbps": bandwidth_gbps(config, n_bytes, "read", window),
            "write_gbps": bandwidth_gbps(config, n_bytes, "write", window),
            "both_gbps": bandwidth_gbps(config, n_bytes, "both", window),
            "read_latency_ns": asdict(latency_ns(config, n_bytes, "read", window)),
            "write_read_latency_ns": asdict(latency_ns(config, n_bytes, "write_read", window)),
        }
        for n_bytes in wanted
    ]


def checked_sizes(sizes: Iterable[int]) -> list[int]:
    """Return the sizes of transfers; raise InputError for one that is out of range."""
    wanted = list(sizes)
    wrong = [n for n in wanted if not 1 <= n <= LARGEST_BYTES]
    if wrong:
        raise InputError(f"--sizes: {wrong[0]} B: a transfer has 1 B to {LARGEST_BYTES} B")
    return wanted


def _machine(config: Config, n_bytes: int, operation: str, most_ahead: int, window: Window | None) -> State:
    state = build_state(config, config.run.seed)
    transfers, host = state[0].dma, state[0].host[0]
    params = transfers.params
    params.n_bytes = n_bytes
    params.does_read, params.does_write = operation != "write", operation != "read"
    params.writes_first = operation == "write_read"
    params.most_ahead = most_ahead
    stride = tx_stride_bytes(config, n_bytes)
    if window is not None:
        params.unit_bytes = -(-n_bytes // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
        params.n_places = max(1, window.n_bytes // int(params.unit_bytes))
        params.is_random = window.is_random
        transfers.rng[:] = random_words(config.run.seed, DMA_TRANSFERS)
        set_cache_hits(host, config, read_bytes=window.n_bytes, written_bytes=window.n_bytes)
    if params.writes_first:  # what was just written lies in the cache of the adapter's own socket
        host.params.read_latency_fs, host.params.read_hits = config.host.read_latency_fs, TWO_TO_32
    if config.host.iotlb is not None:
        place_pages(host, state[0].params, stride, stride, config.nic)
        if window is not None:  # one window for reads and writes
            host.translation.params.rx_buffer.first = host.translation.params.tx_buffer.first
    return state


def _run(state: State, n_transfers: int) -> int:
    at_fs = int(run_dma(state, n_transfers))
    if at_fs < 0:
        raise RunError("the link is stuck: credits do not suffice for one TLP")
    return at_fs


def bandwidth_gbps(config: Config, n_bytes: int, operation: str, window: Window | None = None) -> float:
    """Measure the rate of `operation` (read, write, both) between the ends of two transfers, in Gb/s."""
    # Copies may exceed the reads in flight, so that enough wait for their writes to keep the posted queue busy.
    most_ahead = min(2 * config.pcie.tags + 16, TRANSFER_CAP)
    state = _machine(config, n_bytes, operation, most_ahead, window)
    scale = max(1, n_bytes // 4096)
    start_fs = _run(state, max(WARMUP_TRANSFERS // scale + config.pcie.tags, _once_round(config)))
    before = _done(state)
    end_fs = _run(state, before + WINDOW_TRANSFERS // scale)
    return (_done(state) - before) * n_bytes * 8 * (FS_PER_S / 1e9) / (end_fs - start_fs)


def _done(state: State) -> int:
    transfers = state[0].dma
    return int(
        transfers.writes_done
        if transfers.params.does_write and not transfers.params.writes_first
        else transfers.reads_done
    )


def _once_round(config: Config) -> int:
    """Return the transfers after which the IOTLB has seen all buffers; 0 without an IOTLB."""
    return max(config.nic.tx_ring, config.nic.rx_ring) if config.host.iotlb is not None else 0


def latency_ns(config: Config, n_bytes: int, operation: str, window: Window | None = None) -> Latency:
    """Measure transfers one at a time: `read`, or `write_read`, a write and a read of the same place."""
    state = _machine(config, n_bytes, operation, 1, window)
    latency = state[0].dma.latency
    host = config.host
    is_fixed = host.jitter.kind == "fixed" and host.iotlb is None and host.cache is None
    if host.iotlb is not None:
        _run(state, _once_round(config))
        latency.n = latency.sum_fs = 0
        state[0]["ledger"]["histogram"][LATENCY_HISTOGRAM] = 0
    _run(state, _done(state) + (1 if is_fixed else LATENCY_TRANSFERS))
    return summarize_latency(
        state[0].ledger.histogram[LATENCY_HISTOGRAM],
        min_fs=int(latency.lowest_fs),
        max_fs=int(latency.highest_fs),
        sum_fs=int(latency.sum_fs),
    )


WARMUP_FS, WINDOW_FS = 100 * FS_PER_US, 400 * FS_PER_US
WAYS = ("up", "down")


def peer_writes(
    config: Config, peers: Sequence[tuple[str, str]], sizes: Iterable[int], *, with_others: bool = False
) -> list[dict[str, Any]]:
    """Measure saturating writes to peers; return two rows for each transfer size, direct and redirected by ACS.

    `peers`: (writer, target) pairs of adapter names (a.x). `with_others`: adapters behind the same root ports that
    write to no peer write to the host's memory. `gbps`: what arrived from each writer in the window; `limit_gbps`: the
    same by the closed form; `link_shares`: busy share of each switch's link, with what even an idle one sends. Raises
    InputError if there are no such adapters, if they are not behind one root port, and for sizes out of range.
    """
    writers = Writers.of(config, peers, with_others=with_others)
    wanted = checked_sizes(sizes)
    fill_cache(PEER_ENTRIES)
    return [_row(config, writers, n_bytes, is_redirected) for n_bytes in wanted for is_redirected in (False, True)]


def _row(config: Config, writers: Writers, n_bytes: int, is_redirected: bool) -> dict[str, Any]:
    state = idle_writers(config, writers, n_bytes, is_redirected)
    before = _counts(state, writers, run_to(state, WARMUP_FS))
    after = _counts(state, writers, run_to(state, WARMUP_FS + WINDOW_FS))
    gone = {name: after[name] - before[name] for name in after}
    links = {one.name: link_rate_of(one.link_of(servers_of(config))) for one in switches_of(config)}
    return {
        "bytes": n_bytes,
        "acs_redirect": is_redirected,
        "gbps": {name: gone[name] * BITS_PER_BYTE * FS_PER_NS / WINDOW_FS for name in writers.names},
        "limit_gbps": peer_limits(config, writers, n_bytes, is_redirected),
        "link_shares": {
            f"{name}.{way}": link.busy_share(gone[f"{name}.{way}"] / WINDOW_FS)
            for name, link in links.items()
            for way in WAYS
        },
    }


def idle_writers(config: Config, writers: Writers, n_bytes: int, is_redirected: bool) -> SystemState:
    """Return the state of a configuration just before the writers begin."""
    state = build_system(config, workload_of(config), config.run.seed)
    trees = state.system[0].trees
    for name, nic in zip(state.names, state.servers, strict=True):
        params = nic.dma.params
        params.n_bytes, params.does_write, params.does_read = n_bytes, int(name in writers.names), 0
        to, peer = nic.pcie[0].tree.params, writers.peer_of.get(name)
        to.writes_to = TO_HOST if peer is None else TO_PEER_BY_ROOT if is_redirected else TO_PEER
        to.peer = 0 if peer is None else state.names.index(peer)
    for one in switches_of(config):
        _let_run(state, trees, one)
    return state


def _let_run(state: SystemState, trees: Any, one: PcieSwitch) -> None:
    """Set a switch's credits for peer writes, and reduce the lookahead to what these allow."""
    own, record = one.settings, trees.switch[one.number]
    for kind, number, _ in one.below:
        if kind == "adapter":
            pcie = state.servers[number].pcie[0]
            back_fs = int(pcie.params.duration_fs[pcie.params.request_bytes]) + own.credits.return_fs
            come_fs = int(pcie.tree.params.flight_fs) + own.latency_fs
            trees.ahead_fs = min(int(trees.ahead_fs), back_fs, come_fs)
    down, at_root = record.down.credits[0].params, record.up.credits[0].params
    down.headers_limit, down.data_limit = own.credits.ph, own.credits.pd
    if one.above is not None:
        return
    at_root.headers_limit = at_root.headers_limit or own.credits.ph
    at_root.data_limit = at_root.data_limit or own.credits.pd
    for number in one.members:
        root = state.servers[number].pcie[0].tree.params.root[0]
        root.headers_limit, root.data_limit = at_root.headers_limit, at_root.data_limit


def run_to(state: SystemState, until_fs: int) -> int:
    """Run all writers up to a time, and return it. Raises RunError if a queue in a switch overflows."""
    if run_writes(state.system, state.servers, until_fs):
        raise RunError("what waits in PCIe switches found no room")
    return until_fs


def _counts(state: SystemState, writers: Writers, now_fs: int) -> dict[str, int]:
    """Return the bytes of each writer that have arrived, and the busy time of each switch's link directions."""
    found = {}
    for name in writers.names:
        nic = state.servers[state.names.index(name)]
        found[name] = int(nic.dma.writes_done * nic.dma.params.n_bytes)
        if name in writers.peer_of:
            peer = state.servers[state.names.index(writers.peer_of[name])]
            found[name] = int(peer.dma.came_bytes[state.names.index(name)])
    for one in switches_of(writers.config):
        for way in WAYS:
            busy_fs, *_ = sums_of(state.system[0].trees.switch[one.number][way], now_fs)
            found[f"{one.name}.{way}"] = busy_fs
    return found
