"""Which resource sets the throughput: where frames wait, and which server or store they wait for there.

A server works at a rate of its own (a direction of the link, the wire, a core); a store lends what must be given back
(tags, credits, descriptors, room, slots of a ring). Whoever waits for a full server holds all the stores that stand
before it, so a store is the limit only where no server behind it is full. The search begins where frames leave the
adapter and goes against their way; the first step that finds something names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hwmodel.results.bottleneck_text import sentence
from hwmodel.results.observation import LEAST_PART, Observation
from hwmodel.results.result import Bottleneck

FULL = 0.985  # a link in round-robin service reaches 99 % and more; the rest is the ends of the window
AS_FULL = 0.97  # of two servers: making one larger gains less than 3 %
CLOSE = 0.95  # to its own limit, of what reads may wait for
NEARLY_FULL = 0.9  # of a server: a larger store before it would find hardly any room there
MOSTLY = 0.5
LOSS = 0.001  # a smaller share of the frames, lost in a burst, does not set the throughput
HEAVY_LOSS = 0.02
HEAVIEST_LOSS = 0.1
BACKLOG = 0.02
SLOW = 1.5  # of reads: for half as long again as on an idle machine, something else than tags is what they wait for
EMPTY = 0.05  # of the window: a ring that has nothing left for so long sets the pace of those that wait for it
IDLE = 0.1
LIMITED_LOSS = 0.3

POSTED, NON_POSTED, COMPLETION = (f"pcie.credits.{kind}" for kind in ("posted", "non_posted", "completion"))
# The keys that make a resource larger, in the order of the datapath; of a direction of the link both get wider.
KEYS: Mapping[str, tuple[str, ...]] = {
    "offered_load": ("workload.load", "workload.flows", "workload.external.rate"),
    "driver.tx": ("driver.frame_time",),
    "nic.tx_ring": ("nic.tx_ring",),
    "nic.queue": ("nic.queue_time", "nic.queues_per_vf"),
    "tx.descriptors": ("nic.descriptor_cache",),
    "rate_limit": ("switch.ports.NAME.rate_limit", "switch.acl.NUMBER.rate"),
    "nic.tx_buffer": ("nic.tx_buffer",),
    "pcie.tags": ("pcie.tags",),
    "nic.dma.places": ("nic.dma.read.outstanding",),
    "nic.dma.read": ("nic.dma.read.operation", "nic.dma.read.rate"),
    "nic.dma.shared": ("nic.dma.shared_rate",),
    NON_POSTED: ("pcie.credits.nph",),
    "pcie.down": ("pcie.lanes", "pcie.generation"),
    COMPLETION: ("pcie.credits.cplh", "pcie.credits.cpld"),
    "nic.store": ("nic.store_rate",),
    "nic.pipeline": ("nic.max_pps",),
    "switch.bus": ("switch.clock",),
    "wire.tx": ("port.rate",),
    "wire.rx": ("port.rate",),
    "nic.rx_ring": ("nic.rx_ring",),
    "rx.descriptors": ("nic.rx_prefetch", "nic.descriptor_cache"),
    "nic.dma.write": ("nic.dma.write.operation", "nic.dma.write.rate"),
    "host.walkers": ("host.iotlb.walkers",),
    "pcie.up": ("pcie.lanes", "pcie.generation"),
    POSTED: ("pcie.credits.ph", "pcie.credits.pd"),
    "host.drain": ("host.write_drain",),
    "driver.rx": ("driver.frame_time",),
}
CREDITS = "pcie.credits"  # the name of all three kinds; `Bottleneck.keys` and the sentence say which
CONGESTION_DROPS = ("TX_RING_FULL", "RX_BUFFER_FULL", "NO_DESCRIPTOR", "QUEUE_FULL")
# Servers that a frame meets, and the stores whose always being waited for says that more is offered than gets through.
_ENGINES = ("nic.dma.read", "nic.dma.write", "nic.dma.shared", "host.walkers")
_SERVERS = ("pcie.up", "pcie.down", "nic.store", *_ENGINES, "switch.bus", "nic.pipeline", "wire.tx")
_BEHIND_TX_BUFFER = ("switch.bus", "nic.pipeline", "wire.tx")
_CREDITS = (POSTED, NON_POSTED, COMPLETION)
_STORES = (
    "pcie.tags", "nic.dma.places", POSTED, NON_POSTED, COMPLETION, "rx.descriptors", "tx.descriptors",
    "nic.tx_buffer", "nic.rx_buffer", "rate_limit",
)  # fmt: skip


def find_bottleneck(seen: Observation) -> Bottleneck:
    """Return the resource that sets the throughput, the keys that make it larger, and the reason in plain English."""
    name = cause_of(seen)
    beside = full_beside(name, seen)
    # Of two kinds of credits the name alone would not say that they are two.
    words = [
        f"{_published(each)} ({', '.join(KEYS[each])})" if _published(each) == _published(name) else _published(each)
        for each in beside
    ]
    return Bottleneck(
        resource=_published(name),
        utilization=share_of(name, seen),
        why=sentence(name, seen) + (f" As full: {', '.join(words)}." if words else ""),
        keys=KEYS[name],
        also=tuple(dict.fromkeys(_published(each) for each in beside)),
    )


def _published(name: str) -> str:
    """Return the name that results have: one for all kinds of credits, one for all that an Rx ring may lack."""
    if name == "nic.rx_ring":
        return "rx.descriptors"
    return CREDITS if name.startswith(CREDITS) else name


RESOURCES = tuple(dict.fromkeys(_published(name) for name in KEYS))


def cause_of(seen: Observation) -> str:
    """Return the name of the bottleneck among KEYS, by the first step of the search that finds one."""
    return next(name for step in _STEPS if (name := step(seen)) is not None)


def full_beside(name: str, seen: Observation) -> tuple[str, ...]:
    """Return what gives all that it can too, so that a larger one of the named alone would gain next to nothing.

    Where a server before the Rx buffer is full and the Rx DMA engine too, what that waits for is among it; where one
    behind the Tx buffer is full and that buffer has room, what keeps reads from coming faster is.
    """
    if max(share_of(name, seen), seen.use(name)) < AS_FULL:
        return ()
    full = [each for each in ("offered_load", *_SERVERS, "pcie.tags") if seen.use(each) >= AS_FULL]
    full += [kind for kind in _CREDITS if _sets_a_limit(kind, seen) or seen.wait(kind) >= AS_FULL]
    full += [side for side in (_core(seen, AS_FULL),) if side is not None]
    if max(seen.use("rate_limit"), seen.wait("rate_limit")) >= AS_FULL:
        full.append("rate_limit")
    if seen.use("rx.descriptors") >= AS_FULL:
        full.append("rx.descriptors")
    if seen.busy("host.drain") >= AS_FULL and seen.wait(POSTED) > LOSS:
        full.append("host.drain")
    is_fed_by_reads = seen.wait("nic.tx_buffer") < MOSTLY and seen.lost_share("RX_BUFFER_FULL") <= HEAVY_LOSS
    if name in _BEHIND_TX_BUFFER and is_fed_by_reads:
        full += [before for before in (_behind_tags(seen),) if before is not None]
    if name in ("pcie.down", "nic.store", *_BEHIND_TX_BUFFER) and _rx_engine_is_full(seen):
        full += [behind for behind in (_behind_rx_buffer(seen),) if behind is not None]
    return tuple(dict.fromkeys(each for each in full if KEYS[each] != KEYS[name]))


def _sets_a_limit(kind: str, seen: Observation) -> bool:
    """Tell whether work mostly waits for credits that are close to their limit, which use says within 3 %."""
    return seen.use(kind) >= AS_FULL or (seen.use(kind) >= CLOSE and seen.wait(kind) >= MOSTLY)


def _rx_engine_is_full(seen: Observation) -> bool:
    """Tell whether frames always wait for room in the Rx buffer, or are lost there while its engine always works."""
    return _loses_behind_a_busy_engine(seen) or seen.wait("nic.rx_buffer") >= FULL


def _loses_behind_a_busy_engine(seen: Observation) -> bool:
    works = seen.busy("pcie.up") * seen.written_share + seen.wait("rx.descriptors") + _held(seen)
    return seen.lost_share("RX_BUFFER_FULL") > HEAVY_LOSS and works >= AS_FULL


def _held(seen: Observation) -> float:
    """Return for what share credits hold writes back while the link is idle."""
    return min(seen.wait(POSTED), 1 - seen.busy("pcie.up"))


def share_of(name: str, seen: Observation) -> float:
    """Return how busy a resource is: a server's busy share, else the share in which work waited for it.

    Of credits it is the share of what their number lets through, if that is more.
    """
    if name == "offered_load":
        return max((seen.busy(server) for server in seen.utilizations), default=0.0)
    if name == "nic.tx_ring":
        return seen.tx_ring_full_share
    if name == "nic.rx_ring":
        return max(seen.wait(name), seen.rx_ring_fill)
    return min(1.0, max(seen.busy(name), seen.wait(name), seen.use(name) if name in _CREDITS else 0.0))


def _before_drops(seen: Observation) -> str | None:
    """Name what makes frames drop for want of Rx descriptors: what stands before it may be full of lost frames."""
    matters = HEAVY_LOSS if seen.open_load and seen.tx_ring_full_share < MOSTLY else HEAVIEST_LOSS
    if seen.lost_share("NO_DESCRIPTOR") <= matters:
        return None
    return _core(seen, NEARLY_FULL) or "nic.rx_ring"


def _full_server(seen: Observation) -> str | None:
    """Name the fullest of the full servers; cores where all that work much are full, or where all wait for one."""
    stops_all = seen.full_cores_share >= NEARLY_FULL or seen.wait("nic.rx_ring") > EMPTY
    core = _core(seen, FULL) if stops_all else None
    return _fullest(seen, FULL, *_SERVERS, "host.drain") or core or _full_credits(seen)


def _full_credits(seen: Observation) -> str | None:
    """Name the credits that let through what their number allows, while work mostly waits for them."""
    kind = max(_CREDITS, key=seen.use)
    if seen.use(kind) < AS_FULL or seen.wait(kind) < MOSTLY:
        return None
    drains = kind == POSTED and seen.busy("host.drain") >= NEARLY_FULL
    return "host.drain" if drains else kind


def _policed(seen: Observation) -> str | None:
    return "rate_limit" if seen.lost_share("RATE_LIMITED") > HEAVY_LOSS else None


def _demand_gets_through(seen: Observation) -> str | None:
    """Name what limits the demand itself, where all of it gets through and nothing is full beside it."""
    if seen.demand_use < FULL or _full_server(seen) is not None:
        return None
    # A random load that came in above its mean rate may be that much though many were lost of what came.
    if seen.limited_demand < LEAST_PART and seen.lost_share(*CONGESTION_DROPS) > HEAVY_LOSS:
        return None
    return "rate_limit" if seen.limited_demand > MOSTLY else "offered_load"


def _load_gets_through(seen: Observation) -> str | None:
    """Name the load where it is all that there is: no ring is full, next to nothing is lost, no backlog grows."""
    backlog = seen.backlog_frames / max(1, seen.offered_frames)
    grows = backlog > BACKLOG and any(seen.wait(store) >= FULL for store in _STORES)
    grows = grows or (backlog > BACKLOG / 2 and _full_server(seen) is not None)
    is_fast_line = seen.busy("wire.rx") >= FULL
    return "offered_load" if seen.open_load and not (_has_queue(seen) or grows or is_fast_line) else None


def _has_queue(seen: Observation) -> bool:
    """Tell whether more is offered than gets through; rate limits of some stations do not hold the others back."""
    lost, is_full = seen.lost_share(*CONGESTION_DROPS), seen.tx_ring_full_share >= MOSTLY
    if seen.wait("rate_limit") >= MOSTLY:
        return (is_full and seen.tx_ring_fill >= MOSTLY) or lost > LIMITED_LOSS
    return is_full or lost > HEAVY_LOSS


def _behind_rx_buffer(seen: Observation) -> str | None:
    """Name what keeps frames in the Rx buffer: the link toward the host, credits for writes, or Rx descriptors."""
    is_behind = seen.wait("nic.rx_buffer") >= MOSTLY
    drops = seen.lost_share("RX_BUFFER_FULL") > HEAVY_LOSS and seen.wait("nic.tx_buffer") < MOSTLY
    if not (is_behind or drops or _loses_behind_a_busy_engine(seen)):
        return None
    lacking = seen.wait("rx.descriptors")
    if lacking > MOSTLY / 2:  # the reads that fetch them may be what waits
        if seen.wait("pcie.tags") >= NEARLY_FULL:
            return _behind_reads(seen) or "pcie.tags"
        if _behind_reads(seen) in (NON_POSTED, COMPLETION):
            return _behind_reads(seen)
    # A ring that runs empty, for its descriptors come back late, lets so many frames through at a time, however fast
    # they are written in between; so do credits that hold writes back while the link is idle.
    if seen.wait("nic.rx_ring") > max(EMPTY, lacking / 2):
        return _core(seen, NEARLY_FULL) or "nic.rx_ring"
    # Fetches that are always under way for a round trip let so many frames through, whatever is written in between.
    is_bound_by_fetches = lacking > EMPTY and seen.use("rx.descriptors") >= NEARLY_FULL
    if is_bound_by_fetches or lacking >= max(seen.busy("pcie.up") * seen.written_share, _held(seen)):
        return _behind_reads(seen) or "rx.descriptors"
    if _held(seen) > EMPTY:
        return _fullest(seen, NEARLY_FULL, "host.drain") or POSTED
    return _fullest(seen, NEARLY_FULL, "nic.dma.write", "nic.dma.shared", "host.walkers") or "pcie.up"


def _behind_tx_buffer(seen: Observation) -> str | None:
    """Name what keeps frames in the Tx buffer, where room in it is what the next frame waits for.

    That is so too where reads wait for room or for tags by turns, and would not need all tags.
    """
    waits = seen.wait("nic.tx_buffer")
    by_turns = waits + seen.wait("pcie.tags") >= FULL and waits > max(IDLE, seen.use("pcie.tags"))
    if waits < MOSTLY and not by_turns:
        return None
    return _fullest(seen, NEARLY_FULL, *_SERVERS) or _behind_reads(seen) or "nic.tx_buffer"


def _behind_tags(seen: Observation) -> str | None:
    """Name what makes reads slow, where tags are what the next read waits for.

    While rate limits hold all frames back no read waits: where they do so for long, tags are no limit.
    """
    if seen.wait("nic.dma.places") >= MOSTLY:
        return _fullest(seen, NEARLY_FULL, *_ENGINES) or _behind_reads(seen) or "nic.dma.places"
    if seen.wait("pcie.tags") < MOSTLY:
        return None
    if seen.wait("rate_limit") > IDLE:
        return "rate_limit"
    # What is closer to its own limit than tags to theirs: were they held for no longer than on an idle machine, fewer
    # would do. Posted credits are behind reads too, which go up between the writes.
    closest = max(("pcie.down", "pcie.up", "nic.store", *_ENGINES, *_CREDITS), key=seen.use)
    closer = closest if seen.use(closest) > max(CLOSE, seen.use("pcie.tags")) else None
    return closer or _behind_reads(seen) or "pcie.tags"


def _before_the_adapter(seen: Observation) -> str | None:
    """Name what keeps frames from being ready to be read."""
    core = _core(seen, NEARLY_FULL)
    if core is not None:
        return core
    if seen.wait("rate_limit") >= MOSTLY:
        return "rate_limit"
    server = _fullest(seen, NEARLY_FULL, *_SERVERS) or _behind_reads(seen)
    if server is not None:
        return server
    if seen.busy("nic.queue") >= NEARLY_FULL:
        return "nic.queue"
    if seen.wait("tx.descriptors") >= MOSTLY:
        return "tx.descriptors"
    return "wire.rx" if seen.busy("wire.rx") >= FULL else None


def _in_the_ring(seen: Observation) -> str:
    """Name the Tx rings; where none was ever full there was no more to send, as at the end of a capture."""
    return "nic.tx_ring" if seen.tx_ring_full_share > 0 else "offered_load"


_STEPS: tuple[Callable[[Observation], str | None], ...] = (
    _before_drops,
    _policed,
    _demand_gets_through,
    _load_gets_through,
    _full_server,
    _behind_rx_buffer,
    _behind_tx_buffer,
    _behind_tags,
    _before_the_adapter,
    _in_the_ring,
)


def _fullest(seen: Observation, least: float, *servers: str) -> str | None:
    """Return the busiest of some servers, if it is busy for at least `least` of the window; the first at a tie."""
    # Behind a drain that nothing waits for, credits come back in time.
    relevant = [one for one in servers if one != "host.drain" or seen.wait(POSTED) > LOSS]
    busiest = max(relevant, key=seen.busy)
    return busiest if seen.busy(busiest) >= least else None


def _core(seen: Observation, least: float) -> str | None:
    return seen.core_side if seen.busy("driver.tx") >= least else None


def _behind_reads(seen: Observation) -> str | None:
    """Return what reads wait for while they hold their tags, if they hold them much longer than when idle."""
    shares = _behind_reads_shares(seen)
    largest = max(shares, key=lambda name: shares[name])
    return largest if seen.read_slowness >= SLOW and shares[largest] >= MOSTLY else None


def _behind_reads_shares(seen: Observation) -> dict[str, float]:
    shares = {server: seen.busy(server) for server in ("pcie.down", "pcie.up", "nic.store", *_ENGINES)}
    return shares | {kind: max(seen.wait(kind), seen.use(kind)) for kind in (COMPLETION, NON_POSTED)}
