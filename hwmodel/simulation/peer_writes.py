"""Writes of adapters to the memory of peers behind PCIe switches, by transfer size: direct, and over the root (ACS)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hwmodel.analytic.peer_writes import Writers, peer_limits
from hwmodel.config import PcieSwitch, servers_of, switches_of
from hwmodel.errors import RunError
from hwmodel.machine.pcie.link_state import TO_HOST, TO_PEER, TO_PEER_BY_ROOT
from hwmodel.machine.peer_writes import run_writes
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.dma import checked_sizes
from hwmodel.simulation.kernel_cache import PEER_ENTRIES, fill_cache
from hwmodel.simulation.offered import workload_of
from hwmodel.simulation.pcie_tree_measure import sums_of
from hwmodel.simulation.system_state import SystemState, build_system
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_US

if TYPE_CHECKING:
    from hwmodel.config import Config

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
    state = build_system(config, workload_of(config), config.run.seed, 1)
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
