"""What only the mix of frames asked for adds to the ceilings: page walks, and room in the Tx buffer.

It all depends on which frames are interleaved, so it does not hold for another mix (`Ceiling.of_any_mix`).

Page walks: how often the IOMMU's cache misses in a saturated run, and how long a frame's walks take. Rings and buffers
are swept in order, over and over, so a page is looked up again when its ring has gone round. An LRU cache of E pages
holds what is touched in T frames, where T is the time in which E different pages are touched (the characteristic time
of Che, Tung, Wang, "Hierarchical Web caching systems", IEEE JSAC 20, 2002): a page touched again sooner hits, one
touched later misses. Written from docs/datapath/host_memory.md ("Address translation"), apart from the kernels;
docs/pcie.md ("Page walks") works it through by hand.

Misses are underestimated: a page touched again by the same frame's TLPs is a hit; touches of a page come at random
intervals (even ones would miss more often); and with limited walkers the pages of pending walks are held beyond the E.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.latency import transfer_read_fs
from hwmodel.analytic.rx_batches import mean_descriptors
from hwmodel.analytic.traffic import ONE, ZERO, Demand, Traffic
from hwmodel.analytic.transactions import cut, cut_buffers, transactions_of, with_starts
from hwmodel.config import Config
from hwmodel.config.host import Iotlb
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import wire_bytes


def with_waits(config: Config, demand: Demand, ceilings: Sequence[Ceiling]) -> Iterator[Ceiling]:
    """Add the time of page walks to the ceilings; then give those of the page walkers and of the Tx buffer."""
    traffic = demand.sought
    walks, walks_beside = page_walks(config, traffic), [page_walks(config, one) for one in demand.beside]
    reads_beside_s = sum((one.reads_s for one in walks_beside), ZERO)
    for one in ceilings:
        match one.resource, one.unit:
            case ("pcie.tags", _) | ("nic.dma.read", "places"):
                yield one.with_waiting(walks.reads_s, reads_beside_s)
            case "rx.descriptors", "s":
                yield one.with_waiting(walks.rx_reads_s)
            case _:
                yield one
    if config.host.iotlb is not None and config.host.iotlb.walkers is not None:
        n = config.host.iotlb.walkers
        beside_s = sum((one.all_s for one in walks_beside), ZERO)
        what = f"{n} page walks at once"
        yield Ceiling("host.walkers", what, "walkers", Fraction(n), walks.all_s, beside_s, waiting=walks.all_s)
    yield from _tx_buffer(config, traffic)


def _tx_buffer(config: Config, traffic: Traffic) -> Iterator[Ceiling]:
    """Give the Tx buffer's ceiling: a frame occupies it while it is read and while the wire sends it."""
    nic, sizes = config.nic, [(n_bytes - FCS_BYTES, share) for n_bytes, share in traffic.sizes]
    if not traffic.reads:
        return
    pipeline_fs = FS_PER_S // nic.max_pps if nic.max_pps is not None else 0
    offset = config.host.buffer_offset_bytes
    to_wire = min(ONE, traffic.to_wire / traffic.reads)
    held_s = {
        n: Fraction(transfer_read_fs(config, offset, n) + pipeline_fs, FS_PER_S)
        + to_wire * Fraction(BITS_PER_BYTE * wire_bytes(n + FCS_BYTES), config.port.rate_bps)
        for n, _ in sizes
    }
    if len(sizes) == 1:
        ((n_bytes, _),) = sizes
        most = max(1, nic.tx_buffer_bytes // n_bytes)
        room = "1 frame" if most == 1 else f"{most} frames, each"
        what, unit, per_frame = f"room for {room} while read and sent", "frames", held_s[n_bytes]
    else:
        most, what, unit = nic.tx_buffer_bytes, "room for frames, each while read and sent", "B"
        per_frame = sum((share * n_bytes * held_s[n_bytes] for n_bytes, share in sizes), ZERO)
    per_frame *= traffic.reads
    yield Ceiling("nic.tx_buffer", what, unit, Fraction(most), per_frame, waiting=per_frame)


# ---- Page walks ----


PAGES_A_LINE = 8  # entries of the page table, 8 B each, in a cache line of 64 B
_BISECTIONS = 40
_LATER = 1.125  # a ring's round must exceed the cache's time by this factor to count as a miss: turns are uneven
_SIDES = (("tx", "Tx"), ("rx", "Rx"))


@dataclass(frozen=True)
class Sweep:
    """Hold how one ring's memory is touched: `visits` per frame, a share `turn` of which moves on to the next page.

    `region`: "tx_ring", "rx_ring", "tx_buffer" or "rx_buffer". `n_pages`: pages until the sweep starts again.
    `read_share`: the share of visits by reads.
    """

    region: str
    visits: float
    turn: float
    n_pages: float
    read_share: float

    def touched(self, frames: float) -> float:
        """Give the mean number of pages that it touches within `frames` frames."""
        n_visits = self.visits * frames
        return min(self.n_pages, n_visits if n_visits <= 1 else 1 + (n_visits - 1) * self.turn)

    def touched_at_random(self, frames: float) -> float:
        """Give the same for visits at random times, of which there may be none."""
        n_visits = self.visits * frames
        at_all = -math.expm1(-n_visits)
        return min(self.n_pages, at_all + (n_visits - at_all) * self.turn)

    def missing(self, held_frames: float) -> float:
        """Give the misses per frame in a cache that holds what `held_frames` frames touch.

        If it does not even hold what one frame touches, misses depend on the order of touches among the frames that are
        under way together; then only moves to a next page are counted.
        """
        comes_at_random = held_frames >= 1 and self.visits * held_frames < 1
        again = math.exp(-self.visits * held_frames) if comes_at_random else 0.0
        turns = self.visits * self.turn
        returns_late = turns > 0 and self.n_pages / turns > _LATER * held_frames
        return turns * returns_late + (self.visits - turns) * again


@dataclass(frozen=True)
class PageWalks:
    """Hold the seconds of page walks: for all look-ups, for reads only, and for Rx descriptor reads only.

    Per frame, or per second where the traffic has a rate of its own.
    """

    all_s: Fraction = Fraction(0)
    reads_s: Fraction = Fraction(0)
    rx_reads_s: Fraction = Fraction(0)


def page_walks(config: Config, traffic: Traffic) -> PageWalks:
    """Give the page walk time of a traffic's frame, as if it had the IOTLB to itself; 0 without `host.iotlb`."""
    iotlb = config.host.iotlb
    if iotlb is None or not (traffic.sent or traffic.received):
        return PageWalks()
    n_parts = len(config.switch.ports) if iotlb.split else 1
    entries = max(1, iotlb.entries // n_parts)
    counts = _counts(config, traffic)
    by_station = _sweeps(config, iotlb, traffic, counts)
    under_way = config.pcie.tags / counts.reads if counts.reads else 0.0  # frames whose reads have tags
    lying = 0.0 if iotlb.walkers is None else under_way
    groups = list(by_station.values()) if iotlb.split else [[one for own in by_station.values() for one in own]]
    sums: defaultdict[str, float] = defaultdict(float)
    for sweeps in groups:
        held = held_frames(sweeps, entries) + lying
        for sweep, misses in zip(sweeps, _misses(config, iotlb, traffic, sweeps, held, under_way), strict=True):
            walks_fs = misses * _walk_fs(iotlb, sweeps, sweep, misses)
            sums["all"] += walks_fs
            sums["reads"] += walks_fs * sweep.read_share
            sums["rx_reads"] += walks_fs * sweep.read_share * (sweep.region == "rx_ring")
    rate = Fraction(1) if traffic.frames_per_s is None else traffic.frames_per_s
    found = (rate * Fraction(sums[name]) / FS_PER_S for name in ("all", "reads", "rx_reads"))
    return PageWalks(*found)


def held_frames(sweeps: Sequence[Sweep], entries: int) -> float:
    """Give the frames within which `entries` pages are touched; infinite if there are no more pages than that."""
    if sum(sweep.n_pages for sweep in sweeps) <= entries:
        return math.inf
    low, high = 0.0, 1.0
    while sum(sweep.touched(high) for sweep in sweeps) < entries:
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if sum(sweep.touched(middle) for sweep in sweeps) < entries:
            low = middle
        else:
            high = middle
    return high


def _misses(
    config: Config, iotlb: Iotlb, traffic: Traffic, sweeps: Sequence[Sweep], held: float, under_way: float
) -> list[float]:
    """Give each sweep's misses per frame: the cache holds what `held` frames touch, and `under_way` are in flight."""
    found = [sweep.missing(held) for sweep in sweeps]
    if iotlb.invalidation == "strict":  # each buffer's pages are walked anew, but for buffers in flight in that page
        anew = [one.visits * max(one.turn, 1 / (1 + one.visits * under_way)) for one in sweeps]
        return [
            one if sweep.region.endswith("ring") else max(one, again)
            for sweep, one, again in zip(sweeps, found, anew, strict=True)
        ]
    if iotlb.invalidation == "deferred":
        unmapped = float(traffic.reads) + float(traffic.written) * float(mean_descriptors(config, traffic.sizes))
        between = iotlb.flush_after / unmapped + under_way
        if between < held:  # a page touched between two flushes misses once
            return [
                max(one, sweep.touched_at_random(between) / between) for sweep, one in zip(sweeps, found, strict=True)
            ]
    return found


def _walk_fs(iotlb: Iotlb, sweeps: Sequence[Sweep], sweep: Sweep, misses: float) -> float:
    """Give the mean time of a sweep's walks: shorter where the page table's line is cached."""
    near_fs = iotlb.near_walk_fs
    if not iotlb.walk_lines or near_fs >= iotlb.miss_fs or not misses:
        return iotlb.miss_fs
    n_lines = sum(math.ceil(one.n_pages / PAGES_A_LINE) for one in sweeps)
    far = 0.0 if n_lines <= iotlb.walk_lines else min(1.0, sweep.visits * sweep.turn / PAGES_A_LINE / misses)
    return far * iotlb.miss_fs + (1 - far) * near_fs


@dataclass(frozen=True)
class _Counts:
    """Hold per frame: reads, touches of each side's (Tx, Rx) descriptors, and those of them that are reads."""

    reads: float
    touches: dict[str, float]
    ring_reads: dict[str, float]


def _counts(config: Config, traffic: Traffic) -> _Counts:
    counts: defaultdict[str, float] = defaultdict(float)
    reads = 0.0
    for one in transactions_of(config, traffic):
        n = float(one.per_frame + one.per_s / (traffic.frames_per_s or 1))
        counts[one.name] += n
        reads += n * one.is_read
    ring_reads = {side: counts[f"{name} descriptor read"] for side, name in _SIDES}
    return _Counts(reads, {side: ring_reads[side] + counts[f"{name} write-back"] for side, name in _SIDES}, ring_reads)


def _sweeps(config: Config, iotlb: Iotlb, traffic: Traffic, counts: _Counts) -> dict[str, list[Sweep]]:
    """List the sweeps of each station's rings. Approximated: each sender uses one Tx ring."""
    found: defaultdict[str, list[Sweep]] = defaultdict(list)
    n_rings = Counter(station for station, _ in traffic.rx_rings)
    for side, by_station in (("tx", traffic.sent), ("rx", traffic.received)):
        total = float(sum(by_station.values()))
        for station, frames in by_station.items():
            n = max(1, n_rings[station]) if side == "rx" else 1
            for _ in range(n if frames else 0):
                found[station] += _of_ring(config, iotlb, traffic, side, float(frames) / n, counts, total)
    return dict(found)


def _of_ring(
    config: Config, iotlb: Iotlb, traffic: Traffic, side: str, frames: float, counts: _Counts, total: float
) -> Iterator[Sweep]:
    """Give the sweeps of a ring's descriptors and buffers, through which `frames` of `total` go."""
    page = iotlb.page_bytes
    ring = config.nic.tx_ring if side == "tx" else config.nic.rx_ring
    per_frame = 1.0 if side == "tx" else float(mean_descriptors(config, traffic.sizes))
    read, touched = counts.ring_reads[side], counts.touches[side]
    each_bytes = config.nic.tx_descriptor_bytes if side == "tx" else DESCRIPTOR_BYTES
    entry_bytes = config.nic.completion_entry_bytes
    rings = [("ring", each_bytes, touched, read)]
    if entry_bytes is not None:
        rings = [("ring", each_bytes, read, read), ("entries", entry_bytes, touched - read, 0.0)]
    for name, n_bytes, touches, reads in rings:
        if not touches:
            continue
        moved, n_pages = per_frame * n_bytes / page, -(-ring * n_bytes // page)
        n = max(min(1.0, touches / total), moved)  # one frame's touches of a page come in a row: one visit
        yield Sweep(f"{side}_{name}", frames * n, moved / n if n_pages > 1 else 0.0, n_pages, reads / touches)
    stride = _tx_stride(config) if side == "tx" else config.host.buffer_bytes
    is_read = float(side == "tx")
    if stride < page:
        moved, n_pages = per_frame * stride / page, -(-ring * stride // page)
        turn = min(1.0, moved) if n_pages > 1 else 0.0
        yield Sweep(f"{side}_buffer", frames * max(1.0, moved), turn, n_pages, is_read)
    else:
        pages = _pages_of_frame(config, traffic, side, page)
        yield Sweep(f"{side}_buffer", frames * pages, 1.0, ring * pages / per_frame, is_read)


def _pages_of_frame(config: Config, traffic: Traffic, side: str, page: int) -> float:
    """Give the mean number of pages in which a frame's TLPs begin, for buffers no smaller than a page."""
    offset, total = config.host.buffer_offset_bytes, 0.0
    for frame_bytes, share in traffic.sizes:
        n_bytes = frame_bytes - FCS_BYTES
        pieces = (n_bytes,) if side == "tx" else cut_buffers(config, n_bytes)
        boundary = config.pcie.max_read_request_bytes if side == "tx" else config.pcie.max_payload_bytes
        total += float(share) * sum(_pages_begun(offset, piece, boundary, page) for piece in pieces)
    return total


def _pages_begun(address: int, n_bytes: int, boundary_bytes: int, page: int) -> int:
    pieces = cut(address, n_bytes, boundary_bytes)
    return len({start // page for start, _ in with_starts(address, pieces)})


def _tx_stride(config: Config) -> int:
    """Give the distance between Tx buffers: the least power of two that holds the longest frame."""
    longest = max(port.max_frame_bytes for port in config.switch.ports)
    needed = max(config.host.buffer_bytes, config.host.buffer_offset_bytes + longest)
    return 1 << (needed - 1).bit_length()
