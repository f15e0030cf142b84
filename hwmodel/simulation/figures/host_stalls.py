"""What stalls of a host cost in a window, and how large an Rx ring would have to be."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from hwmodel.config import Config, servers_of
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.results import Result
from hwmodel.results.adapter_use import HostStalls
from hwmodel.results.stall_text import few_stalls
from hwmodel.simulation.figures.span import Span
from hwmodel.units import FS_PER_NS

OFF = 0.05  # of the share of a long time: a window with less or more of the stalls is warned of
STEP = 8  # a ring has a whole number of cache lines of so many descriptors (Intel 82599 data sheet, TDLEN and RDLEN)
MOST = 0.5  # of the frames for which a descriptor was missing: stalls are named as their reason from this share on


def host_stalls(config: Config, span: Span) -> HostStalls | None:
    """Return what the host's stalls cost in the window; None where it has none."""
    stall = config.host.stall
    if stall is None:
        return None
    (begun, stalled_fs), lost = span.host_stalls, span.count("lost_in_stalls")
    vm, needed = None, None
    missed = span.drops().get("NO_DESCRIPTOR", 0)
    if lost and missed and lost >= MOST * missed:
        vm, needed = _ring_needed(config, span, missed, max(1, round(stalled_fs / stall.length_fs)))
    return HostStalls(
        begun=begun,
        share=span.share(stalled_fs),
        length_ns=stall.length_fs / FS_PER_NS,
        lost=lost,
        vm=vm,
        needed_descriptors=needed,
    )


def _ring_needed(config: Config, span: Span, missed: int, n_stalls: int) -> tuple[str, int]:
    """Return for whom most frames lacked a descriptor, and how many its rings would have to have, all lost alike."""
    by_function = span.by_function("drops")[:, DropReason.NO_DESCRIPTOR]
    at, n_unknown = int(by_function.argmax()), missed - int(by_function.sum())
    is_known = int(by_function[at]) >= n_unknown
    n_lost = int(by_function[at]) if is_known else n_unknown  # of frames for a virtual switch nobody knows for whom
    n_rings = config.nic.queues_per_vf
    if not is_known and config.virtual_switch is not None:
        n_rings = config.virtual_switch.n_uplink_rings
    each = span.count("rx_descriptors") / max(1, span.count("rx_copies"))
    # As a stall begins, up to a batch less one is taken and not posted again: half of that more than in the mean.
    late = config.driver_of(config.switch.ports[at].name).refill_batch // 2
    needed = config.nic.rx_ring + late + ceil(n_lost * max(1.0, each) / (n_stalls * n_rings))
    return (config.switch.ports[at].name if is_known else "uplink"), -(-needed // STEP) * STEP


def stall_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning of each host of which the window holds another share of stalls than a long time."""
    seen = {one.name: one.cpu.stalls for one in result.servers} or {"": result.cpu.stalls}
    for server in servers_of(config):
        stall, stalls = server.config.host.stall, seen.get(server.name)
        if stall is None or stalls is None or stall.every_fs is None:
            continue
        expected = float(stall.share)
        if abs(stalls.share - expected) > OFF * expected:
            yield f"{server.name}: " * bool(server.name) + few_stalls(stalls.share, expected)
