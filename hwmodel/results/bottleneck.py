"""What may set the throughput, judged from one window: all suspects, and a first guess among them.

Resources are of two kinds: a server works at a rate of its own (a link direction, the wire, a core); a store lends
items that must be returned (tags, credits, descriptors, room, ring slots). A server's busy share, or the share of its
capacity that a store lent, tells whether it is full. If none is full, or several are, these shares do not tell what a
larger one would gain: then `simulation.judgement` runs the suspects made larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwmodel.results.result import Bottleneck
from hwmodel.rules.drop_kinds import CONGESTION_DROPS, LATE_DROPS, OFF_DROPS, POLICED_DROPS, RX_DROPS, STRAY_DROPS
from hwmodel.words.bottleneck import (
    FULL_OF_LOST,
    FULLEST_ON_AVERAGE,
    is_rate_limit,
    lost_to,
    nearly_full_load,
    room_on_average,
    sentence,
    with_as_full,
)
from hwmodel.words.quantities import server_title

LEAST_PART = 0.02  # of the demand: a smaller part is not worth naming as a limit
FULL = 0.985  # a link in round-robin service reaches 99 % and more; the rest is the ends of the window
AS_FULL = 0.97  # of two servers: making one larger gains less than 3 %
NEARLY_FULL = 0.9  # a less busy resource has room for a tenth more
MATTERS, WAITED_FOR = 0.5, 0.01  # shares above which a server, or a store, may be the limit
LOSS = 0.001  # a smaller share of the frames, lost in a burst, does not set the throughput
MUCH_LOSS = 0.02  # a smaller share, were none of it lost, would raise the throughput by less than matters
BACKLOG = 0.01
OFFERED_LOAD = "offered_load"
STOPPED_FROM_OUTSIDE = ("nic.flow_control.received",)  # the keys of a wire that control frames stop most of the time
POSTED, NON_POSTED, COMPLETION = (f"pcie.credits.{kind}" for kind in ("posted", "non_posted", "completion"))
CORE_KEYS = tuple(
    f"driver.{name}" for name in ("frame_time", "byte_time", "doorbell_time", "interrupt_time", "exit_time")
)
OF_PORTS = ("switch.bus", "wire.tx", "wire.rx")  # each Ethernet port has its own
FLOW_CACHE_KEYS = tuple(
    f"host.virtual_switch.flow_cache.{name}" for name in ("miss_time", "wildcard_time", "exact_entries", "miss_cores")
)
# The adapter's rings at a virtual switch are its uplink's: each of its cores sends by one of them.
UPLINK_RING_KEYS = ("nic.queue_time", "host.virtual_switch.uplink_queues", "host.virtual_switch.cores")
PASS_KEYS = ("driver.pass_time", "driver.pass_byte_time", "driver.pass_by")
# The keys that make each resource larger, in datapath order; those of one link direction widen both.
KEYS: Mapping[str, tuple[str, ...]] = {
    OFFERED_LOAD: ("workload.load", "workload.flows", "workload.external.rate"),
    "driver.tx": CORE_KEYS,
    "vswitch": (
        "host.virtual_switch.cores",
        "host.virtual_switch.frame_time",
        "host.virtual_switch.byte_time",
        "host.virtual_switch.pass_by",
    ),
    "host.memory": ("host.virtual_switch.memory_rate", "host.virtual_switch.pass_by"),
    "nic.tx_ring": ("nic.tx_ring",),
    "nic.queue": ("nic.queue_time", "nic.queues_per_vf"),
    "tx.descriptors": ("nic.descriptor_cache",),
    "rate_limit": ("switch.ports.NAME.rate_limit", "switch.acl.NUMBER.rate", "switch.ports.NAME.receive_limit"),
    "nic.tx_buffer": ("nic.tx_buffer",),
    "pcie.tags": ("pcie.tags",),
    "nic.dma.places": ("nic.dma.read.outstanding",),
    "nic.dma.read": ("nic.dma.read.operation", "nic.dma.read.rate"),
    "nic.dma.shared": ("nic.dma.shared_rate",),
    NON_POSTED: ("pcie.credits.nph",),
    "bus": ("pcie.bus.clock_mhz", "pcie.bus.width_bits", "pcie.bus.kind", "pcie.max_read_request"),
    "pcie.down": ("pcie.lanes", "pcie.generation"),
    COMPLETION: ("pcie.credits.cplh", "pcie.credits.cpld"),
    "nic.store": ("nic.store_rate",),
    "nic.pipeline": ("nic.max_pps",),
    "switch.bus": ("switch.clock",),
    "wire.tx": ("port.rate",),
    "wire.rx": ("port.rate",),
    "nic.rx_buffer": ("nic.rx_buffer",),
    "nic.rx_ring": ("nic.rx_ring",),
    "rx.descriptors": ("nic.rx_prefetch", "nic.descriptor_cache"),
    "nic.dma.write": ("nic.dma.write.operation", "nic.dma.write.rate"),
    "host.walkers": ("host.iotlb.walkers",),
    "pcie.up": ("pcie.lanes", "pcie.generation"),
    POSTED: ("pcie.credits.ph", "pcie.credits.pd"),
    "host.drain": ("host.write_drain",),
    "driver.rx": CORE_KEYS,
}
CREDITS = "pcie.credits"  # the name of all three kinds; `Bottleneck.keys` and the sentence say which
_CREDITS = (POSTED, NON_POSTED, COMPLETION)
_STORES = (
    "nic.tx_ring", "tx.descriptors", "rate_limit", "nic.tx_buffer", "pcie.tags", "nic.dma.places", *_CREDITS,
    "nic.rx_buffer", "nic.rx_ring", "rx.descriptors",
)  # fmt: skip
# Stores for which the holding time of an item on an idle machine is known.
_OF_KNOWN_USE = ("pcie.tags", "rx.descriptors", "rate_limit", *_CREDITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCost:
    """Give the bytes that a frame costs on one direction of the link, in all and as payload."""

    bytes_per_frame: float
    payload_bytes_per_frame: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Hold the share of a window in which a port, or its class with least time left, was stopped with frames there.

    `busy`: the share in which the wire carried frames of that class; `traffic_class`: None for PAUSE, which stops all.
    """

    share: float
    busy: float
    traffic_class: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Collect what a run saw of its resources during the window; every share is between 0 and 1.

    - `utilizations`: busy share by resource name. `driver.tx` and `driver.rx` are what the busiest core spends on
      sending and on receiving, so they add up to how busy that core is. `pcie.tags`: the share of time in which no tag
      is free.
    - `waits`: the share of time in which ready work waited: for `pcie.tags`; for credits, as seen by the first TLP of a
      kind whatever other kinds did; for `rx.descriptors` at the head of the Rx buffer, and `nic.rx_ring`: the part of
      that in which the ring had none to fetch; for `tx.descriptors`, no frame being on the chip although rings held
      more than its cache could fetch; for room in `nic.tx_buffer` and `nic.rx_buffer`; for `rate_limit`, nothing else
      being ready.
    - `credit_use`: by kind, the share of the finite credits that the window's TLPs would occupy if held as briefly as
      on an idle machine.
    - `fetch_use`: the same for the Rx descriptors that a ring may have in flight, at the busiest ring.
    - `demand_use`: the share of the senders' demand (each sender's capped by its rate limit) that got through; 0 if one
      of them saturates without a limit. `limited_demand`: the share of that demand that is set by rate limits.
    - `read_slowness`: how long a read holds its tag, as a multiple of the time on an idle machine.
    - `open_load`: frames arrive at times of their own; False for a closed loop (`load: saturate`).
    - `tx_ring_full_share`: share in which the fullest Tx ring had no room. `rx_ring_fill`: the largest share of an Rx
      ring's descriptors that were in use at once.
    - `stopped`: by a port's wire, what control frames from outside the machine stopped there.
    - `ports`: the names of the adapter's Ethernet ports, an empty text for the only one.
    - `refused_frames`: by VM that never reposts Rx descriptors (`refill: false`), the frames dropped for lack of one.
    - `drops`, `offered_frames`, `unwanted_drops` (in the whole machine, of what no station was to get) and
      `backlog_frames` (by how much frames in flight or waiting for a slot have grown) are of the window; `frame_bytes`
      is the mean frame with FCS.
    - `up`, `down`, `tags`, `tags_in_use` (mean), `core_of` (the VM with the busiest core), `passes_frames`
      (cores are a hypervisor's, which passes frames between pools and VMs), `has_flow_cache` (the host's virtual
      switch looks frames up in one, whose keys are among those of its cores' work), `has_mirrored` (mirrored
      copies were carried), `iotlb_miss_share` (of the addresses translated; None: no cache), `rx_descriptor_ns` (for
      how long a frame keeps its Rx descriptor), `rx_blocked` (VMs whose empty rings kept others waiting for long) only
      make the sentence more exact.
    """

    utilizations: Mapping[str, float]
    open_load: bool
    ports: tuple[str, ...] = ("",)
    waits: Mapping[str, float] = field(default_factory=dict)
    credit_use: Mapping[str, float] = field(default_factory=dict)
    fetch_use: float = 0.0
    demand_use: float = 0.0
    limited_demand: float = 0.0
    read_slowness: float = 1.0
    tx_ring_full_share: float = 0.0
    rx_ring_fill: float = 0.0
    stopped: Mapping[str, Stop] = field(default_factory=dict)
    drops: Mapping[str, int] = field(default_factory=dict)
    refused_frames: Mapping[str, int] = field(default_factory=dict)
    offered_frames: int = 0
    unwanted_drops: int = 0
    backlog_frames: int = 0
    frame_bytes: float | None = None
    up: LinkCost | None = None
    down: LinkCost | None = None
    tags: int | None = None
    tags_in_use: float | None = None
    core_of: str | None = None
    passes_frames: bool = False
    has_flow_cache: bool = False
    has_mirrored: bool = False
    iotlb_miss_share: float | None = None
    rx_descriptor_ns: float | None = None
    rx_blocked: tuple[str, ...] = ()

    def busy(self, server: str) -> float:
        """Return how busy a server is; for a driver, its whole core, whichever side it works on."""
        if server.startswith("driver."):
            return self.utilizations.get("driver.tx", 0.0) + self.utilizations.get("driver.rx", 0.0)
        return self.utilizations.get(server, 0.0)

    def wait(self, store: str) -> float:
        """Return for what share of the window work waited for a store."""
        return self.waits.get(store, 0.0)

    def use(self, name: str) -> float:
        """Return the share of its capacity that a resource gave; of a store, as if nothing behind it were slow.

        For tags and credits: the share that would be in use if each were held as briefly as on an idle machine.
        """
        if name == "pcie.tags":
            return max(self.busy(name), self.wait(name)) / max(1.0, self.read_slowness)
        if name == "rate_limit":
            # Of a window in which nothing gets through, the time says it for which nothing else held frames back.
            return (self.demand_use or self.wait(name)) if self.limited_demand > LEAST_PART else 0.0
        if name == "rx.descriptors":
            return self.fetch_use
        if name in self.stopped:
            stop = self.stopped[name]
            return max(self.busy(name), stop.share + stop.busy)
        return self.credit_use.get(name, 0.0) if name.startswith("pcie.credits") else self.busy(name)

    def lost_frames(self, *reasons: str) -> int:
        """Return how many frames were dropped for these reasons."""
        return sum(self.drops.get(reason, 0) for reason in reasons)

    def lost_share(self, *reasons: str) -> float:
        """Return the share of the offered frames that were dropped for these reasons."""
        return self.lost_frames(*reasons) / max(1, self.offered_frames)

    @property
    def lost_for_want_of_room(self) -> int:
        """Return how many frames met a full queue."""
        return self.lost_frames(*CONGESTION_DROPS)

    @property
    def lost_at_what_is_off(self) -> int:
        """Return how many frames met a function, port or wire that is off."""
        return self.lost_frames(*OFF_DROPS)

    def dropped_by_rules(self, least: float = LEAST_PART) -> Mapping[str, int]:
        """Return the frames that the switches' rules dropped (not for lack of room), most frequent reason first.

        Those without a receiver are left out where all but `least` of the frames may be of what no station was to get.
        Empty if these drops are that share of the frames or fewer.
        """
        others = {*CONGESTION_DROPS, *POLICED_DROPS, *OFF_DROPS}
        if self.lost_frames(*STRAY_DROPS) - self.unwanted_drops <= least * self.offered_frames:
            others |= {*STRAY_DROPS}
        return self._if_many({reason for reason in self.drops if reason not in others}, least)

    def dropped_at_what_is_off(self, least: float = LEAST_PART) -> Mapping[str, int]:
        """Return the frames that met a function, port or wire that is off, by reason as `dropped_by_rules`."""
        return self._if_many(OFF_DROPS, least)

    def _if_many(self, reasons: Iterable[str], least: float) -> Mapping[str, int]:
        found = {reason: n for reason in reasons if (n := self.drops.get(reason, 0))}
        is_much = sum(found.values()) > least * self.offered_frames
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0]))) if is_much else {}

    @property
    def core_side(self) -> str:
        """Return the side that takes more of the busiest core."""
        sends, takes = (self.utilizations.get(side, 0.0) for side in ("driver.tx", "driver.rx"))
        return "driver.rx" if takes >= sends else "driver.tx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Hold what may set the throughput: a resource as a window shows it.

    `resource`: its name in results; `share`: how busy it is; `use`: the share of its capacity that it gave, 0 for a
    store of which that is unknown. `why`, `keys`: as in `Bottleneck`. `lost_frames`: frames dropped by the queue before
    a port. `mean_share`: where `share` is that of its fullest moment, a share of the whole window: for how long frames
    waited for it, or how many it lost. `loses_behind`: a port inward, of whose adapter's frames many drop for want of
    room in its Rx buffer or rings.
    """

    resource: str
    share: float
    use: float
    why: str
    keys: tuple[str, ...]
    lost_frames: int = 0
    mean_share: float | None = None
    loses_behind: bool = False

    @property
    def bottleneck(self) -> Bottleneck:
        """Return the suspect as a bottleneck."""
        return Bottleneck(resource=self.resource, utilization=self.share, why=self.why, keys=self.keys)

    @property
    def is_core(self) -> bool:
        """Tell whether it is a core, which several keys make faster."""
        return self.resource.endswith(("driver.tx", "driver.rx"))


def key_of_all(key: str) -> str:
    """Return the common driver's key for a key of a VM's own driver; other keys unchanged."""
    steps = key.split(".")
    return ".".join((steps[0], *steps[3:])) if steps[:2] == ["driver", "vms"] else key


def _published(name: str) -> str:
    """Return the name used in results: one for all kinds of credits, one for ring and fetch of Rx descriptors."""
    if name == "nic.rx_ring":
        return "rx.descriptors"
    return CREDITS if name.startswith(CREDITS) else name


RESOURCES = tuple(dict.fromkeys(_published(name) for name in KEYS))


def suspects_of(seen: Observation, prefix: str = "") -> list[Suspect]:
    """Return what may set the throughput of an adapter, the fullest first; `prefix` stands before its names."""

    def rank(name: str) -> tuple[float, bool, float, bool]:
        holds_all = name == "nic.rx_ring" and bool(seen.rx_blocked)  # a tie: an empty ring fills the others
        return -use_of(name, seen), name in _STORES, -share_of(name, seen), not holds_all

    return [_suspect(name, seen, prefix) for name in sorted(_suspected(seen), key=rank)]


def _suspect(name: str, seen: Observation, prefix: str) -> Suspect:
    return Suspect(
        resource=prefix + _published(name),
        share=share_of(name, seen),
        use=use_of(name, seen),
        why=_of_server(prefix) + _sentence(name, seen),
        keys=_keys_of(name, seen),
        mean_share=max(seen.wait(name), min(1.0, seen.lost_share("NO_DESCRIPTOR"))) if name == "nic.rx_ring" else None,
        loses_behind=of_any_port(name) == "wire.rx" and seen.lost_share(*RX_DROPS) > MUCH_LOSS,
    )


def busiest_of(seen: Observation, prefix: str = "") -> Bottleneck | None:
    """Return the busiest resource of an adapter as a bottleneck; None if none is busy."""
    known = [name for name in seen.utilizations if of_any_port(name) in KEYS and seen.busy(name) > 0]
    name = max(known, key=seen.busy, default=None)
    if name is None:
        return None
    return _suspect(seen.core_side if name.startswith("driver.") else name, seen, prefix).bottleneck


def _of_server(prefix: str) -> str:
    return f"{server_title(prefix[:-1])}: " if prefix else ""


def _keys_of(name: str, seen: Observation) -> tuple[str, ...]:
    """Return the keys that make a resource larger."""
    if seen.passes_frames and name.startswith("driver."):
        return (*PASS_KEYS, *KEYS[name])
    if seen.has_flow_cache and name == "vswitch":
        return (*KEYS[name], *FLOW_CACHE_KEYS)
    if name == "nic.queue" and "vswitch" in seen.utilizations:
        return UPLINK_RING_KEYS
    if name in seen.stopped and seen.stopped[name].share > seen.busy(name):
        return STOPPED_FROM_OUTSIDE
    return KEYS[of_any_port(name)]


def at_port(port: str, name: str) -> str:
    """Return the name of a resource at a port: wire.tx, or p1.wire.tx where an adapter has several."""
    return f"{port}.{name}" if port else name


def of_any_port(name: str) -> str:
    """Return a port resource's name without its port."""
    return next((one for one in OF_PORTS if name.endswith(one)), name)


def _sentence(name: str, seen: Observation) -> str:
    """Return the reason for a resource, with the port at which it is."""
    own = of_any_port(name)
    if own == name:
        return sentence(name, seen)
    port = name.partition(".")[0]
    stopped = {own: seen.stopped[name]} if name in seen.stopped else {}
    there = replace(seen, utilizations={**seen.utilizations, own: seen.busy(name)}, stopped=stopped)
    return f"Port {port}: {sentence(own, there)}"


def _suspected(seen: Observation) -> Iterator[str]:
    names = (at_port(port, name) for name in KEYS for port in (seen.ports if name in OF_PORTS else ("",)))
    for name in names:
        if name == OFFERED_LOAD or (name.startswith("driver.") and name != seen.core_side):
            continue
        least = WAITED_FOR if name in _STORES else MATTERS
        if name == "host.drain" and seen.wait(POSTED) <= LOSS:
            continue  # if nothing waits for posted credits, the drain returns them in time
        if max(share_of(name, seen), use_of(name, seen)) > least:
            yield name


def share_of(name: str, seen: Observation) -> float:
    """Return how busy a resource is: a server's busy share, else the share in which work waited for it.

    For credits: the share of their capacity used, if that is more. For the load: the busiest server's share.
    """
    if name == OFFERED_LOAD:
        return max((seen.busy(server) for server in seen.utilizations), default=0.0)
    if name == "nic.tx_ring":
        return seen.tx_ring_full_share
    if name == "nic.rx_ring":
        return max(seen.wait(name), seen.rx_ring_fill)
    if name == "nic.rx_buffer":
        return max(seen.wait(name), seen.lost_share("RX_BUFFER_FULL"))
    if name == "rate_limit":
        return max(seen.wait(name), min(1.0, seen.lost_share(*POLICED_DROPS)))
    return min(1.0, max(seen.busy(name), seen.wait(name), seen.use(name) if name in _CREDITS else 0.0))


def use_of(name: str, seen: Observation) -> float:
    """Return the share of its capacity that a resource gave; 0 where that is unknown."""
    return 0.0 if name in _STORES and name not in _OF_KNOWN_USE else min(1.0, seen.use(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Hold what a window says of its limit: the suspects, and the load as a bottleneck.

    `is_load_enough`: an open load, all of which gets through. `loses_late`: frames drop after they were sent, so a full
    resource may be full of frames that get lost; `loses_much`: so many that more than the load may limit. `polices`:
    policers drop such frames, so no full resource need be the limit. `has_offers`: any frame was offered. `refusal`:
    the bottleneck if the only losses are at rings that are never refilled. `busiest`: the resource that is busiest,
    however idle. `is_open`: senders follow an open load. `less`: in words, what rules and what is off drop of it.
    """

    suspects: tuple[Suspect, ...]
    load: Bottleneck
    is_load_enough: bool
    loses_late: bool = False
    loses_much: bool = False
    polices: bool = False
    has_offers: bool = True
    refusal: Bottleneck | None = None
    busiest: Bottleneck | None = None
    is_open: bool = False
    less: str = ""


def load_of(seen: Observation) -> Bottleneck:
    """Return an adapter's load as a bottleneck."""
    return Bottleneck(
        resource=OFFERED_LOAD,
        utilization=share_of(OFFERED_LOAD, seen),
        why=sentence(OFFERED_LOAD, seen),
        keys=KEYS[OFFERED_LOAD],
    )


def sighting_of(seen: Observation) -> Sighting:
    """Return what the window of one adapter says of its limit."""
    return Sighting(
        suspects=tuple(suspects_of(seen)),
        load=load_of(seen),
        is_load_enough=seen.open_load and all_gets_through(seen),
        loses_late=loses_late(seen),
        loses_much=loses_late(seen, MUCH_LOSS),
        polices=polices(seen),
        has_offers=seen.offered_frames > 0,
        refusal=refusal(seen) if loses_by_refusal(seen) else None,
        busiest=busiest_of(seen),
        is_open=seen.open_load,
        less=lost_to(seen.dropped_by_rules(LOSS), seen.dropped_at_what_is_off(LOSS)),
    )


def loses_by_refusal(seen: Observation) -> bool:
    """Tell whether never refilled rings lose frames while all other frames get through (or there are none)."""
    loses = sum(seen.refused_frames.values()) > LOSS * seen.offered_frames
    return loses and (seen.frame_bytes is None or (seen.open_load and all_gets_through(seen)))


def refusal(seen: Observation, prefix: str = "") -> Bottleneck:
    """Return an adapter's never refilled Rx rings as its bottleneck; `prefix`: for its resource names."""
    why = _of_server(prefix) + sentence("nic.rx_ring", seen)
    return Bottleneck(resource=f"{prefix}rx.descriptors", utilization=1.0, why=why, keys=("driver.refill",))


def losing_first(suspects: Iterable[Suspect], least: float) -> tuple[Suspect, ...]:
    """Put full ports that drop over `least` frames first: what is full before them carries frames that get lost."""
    return tuple(sorted(suspects, key=lambda one: not (one.use >= AS_FULL and one.lost_frames > least)))


def by_shares(seen: Sighting) -> Bottleneck:
    """Return the bottleneck by one window's shares alone: the fullest resource, or the load if all gets through."""
    if seen.refusal is not None:
        return seen.refusal
    hot = [one for one in seen.suspects if _is_told_as_full(one)]
    if not seen.suspects or (seen.is_load_enough and not hot):
        return seen.load
    if seen.is_load_enough and seen.has_offers:
        return load_beside(hot, seen.less)
    fullest = max(seen.suspects, key=_fullness)  # the first at a tie
    is_idle = all(max(one.share, one.use) < MATTERS for one in seen.suspects)
    if is_idle:  # one of several servers, limited elsewhere
        limit = next((one for one in seen.suspects if is_rate_limit(one.resource)), None)
        return seen.load if limit is None else with_beside(limit.bottleneck, seen.suspects)
    return with_beside(fullest.bottleneck, seen.suspects)


def by_means(seen: Sighting, found: Bottleneck) -> Bottleneck:
    """Return a bottleneck by shares of the whole window: a fullest moment is of one of the machines that it is of."""
    means = tuple(one if one.mean_share is None else replace(one, share=one.mean_share) for one in seen.suspects)
    if seen.refusal is not None or all(one.resource != found.resource or one in means for one in seen.suspects):
        return found
    kept = tuple(one for one in means if max(one.share, one.use) > WAITED_FOR)
    if seen.is_load_enough or not kept:
        return by_shares(replace(seen, suspects=kept))
    return max(kept, key=_fullness).bottleneck


def shows_why_nothing_came(found: Bottleneck, seen: Sighting) -> bool:
    """Tell whether a window without a delivery shows what kept the frames: a stop from outside, rings that refuse."""
    return found.keys == STOPPED_FROM_OUTSIDE or seen.refusal is not None


def not_judged(seen: Sighting, found: Bottleneck, why: str) -> Bottleneck:
    """Adapt a bottleneck to a window without short runs, for the reason `why`: what is not full may never limit.

    The window may be a mean over changes of the machine, or of a machine that changed before. Then the load is no limit
    of a closed loop where nothing else is busy: its senders may have sent less because of a dead wire, say. Nor is a
    wire one that is full of frames which get lost behind it.
    """
    if seen.busiest is not None and _is_less_full(found, seen, seen.busiest.utilization):
        limits = (one for one in seen.suspects if is_rate_limit(one.resource))
        limit = next((one for one in limits if one.share > seen.busiest.utilization), None)
        found = seen.busiest if limit is None else limit.bottleneck
    if any(one.resource == found.resource and one.loses_behind for one in seen.suspects):
        return replace(found, why=FULL_OF_LOST, also=(), gain=None)
    if found.resource == OFFERED_LOAD and why == FULLEST_ON_AVERAGE:
        return replace(found, why=room_on_average(found.why))
    if found.resource == OFFERED_LOAD or found.utilization >= NEARLY_FULL:
        return found
    return replace(found, why=why, also=(), gain=None)


def _is_less_full(found: Bottleneck, seen: Sighting, busy: float) -> bool:
    """Tell whether what a window names is less full than its busiest resource is, by share and by use.

    An open load stays, as does a rate limit, which holds frames back and is never full.
    """
    if found.resource == OFFERED_LOAD:
        return not seen.is_open and busy >= found.utilization
    known = (max(one.share, one.use) for one in seen.suspects if one.resource == found.resource)
    return not is_rate_limit(found.resource) and busy > max(known, default=found.utilization)


def _fullness(one: Suspect) -> tuple[float, float]:
    """Rank by use if known, then by share; little-used resources that nothing waits for, by their share alone."""
    counts = one.use >= MATTERS or (one.use > 0 and one.share >= WAITED_FOR)
    return (one.use, 0.0) if counts else (0.0, one.share)


def _is_told_as_full(one: Suspect) -> bool:
    """Tell whether a resource is nearly full and its busy share is published: a server, tags or credits."""
    is_told = one.use > 0 or one.resource.endswith("pcie.tags")
    return is_told and max(one.share, one.use) >= AS_FULL


def load_beside(hot: Sequence[Suspect], less: str = "") -> Bottleneck:
    """Return the first of some nearly full resources as bottleneck, beside the load, all of which gets through.

    `less`: in words, what of it does not, whatever room there is.
    """
    first = hot[0]
    also = tuple(dict.fromkeys((OFFERED_LOAD, *(one.resource for one in hot[1:] if one.resource != first.resource))))
    return replace(first.bottleneck, why=nearly_full_load(first.why, also[1:], less), also=also)


def loses_late(seen: Observation, share: float = LOSS) -> bool:
    """Tell whether a share drops after it was sent, so that full resources may carry frames that get lost."""
    return seen.lost_share(*LATE_DROPS) > share


def polices(seen: Observation) -> bool:
    """Tell whether policers drop a relevant share of the frames."""
    return seen.lost_share(*POLICED_DROPS) > LOSS


def all_gets_through(seen: Observation) -> bool:
    """Tell whether all that is offered gets through, but for losses in a burst or at the ends of the window.

    Losses at never refilled rings are left out: they do not depend on the load.
    """
    offered = max(1, seen.offered_frames)
    lost = seen.lost_frames(*CONGESTION_DROPS, *POLICED_DROPS) - sum(seen.refused_frames.values())
    return lost <= LOSS * offered and seen.backlog_frames <= BACKLOG * offered


def with_beside(found: Bottleneck, suspects: Sequence[Suspect]) -> Bottleneck:
    """Add to a bottleneck the other resources that are as full."""
    known = {found.resource, *found.also}
    beside = [one.resource for one in suspects if _is_told_as_full(one) and one.resource not in known]
    names = tuple(dict.fromkeys(beside))
    # Two kinds of credits share a name, so their keys are added.
    of_found = set(map(key_of_all, found.keys))
    others = [one for one in suspects if one.resource == found.resource and not of_found.intersection(one.keys)]
    own = [one for one in others if one.use >= AS_FULL]
    words = [f"{one.resource} ({', '.join(one.keys)})" for one in own] + list(names)
    if not words:
        return found
    also = (*found.also, *dict.fromkeys(one.resource for one in own), *names)
    return replace(found, why=with_as_full(found.why, words), also=also)
