"""What a run saw of its resources during the window, as evidence for its bottleneck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from hwmodel.resources import CORE, CREDITS, DRIVER_RX, DRIVER_TX, RATE_LIMIT, RX_DESCRIPTORS, RX_RING, TAGS
from hwmodel.rules.drop_kinds import CONGESTION_DROPS, OFF_DROPS, POLICED_DROPS, STRAY_DROPS

LEAST_PART = 0.02  # of the demand or the frames: a smaller part is not worth naming


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
class CoreUse:
    """Hold a core: the first VM on it, the driver blocks of its VMs, and its shares with sending and with receiving."""

    vm: str | None
    blocks: tuple[str, ...]
    tx: float
    rx: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingCore:
    """Hold a virtual switch's busiest core: its busy share, and the keys that its time is made of, largest first.

    `kind`: a core that switches, the thread of `vms`, or a core of the slow path.
    """

    share: float
    kind: Literal["switch", "thread", "slow"]
    keys: tuple[str, ...]
    vms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Collect what a run saw of its resources during the window; every share is between 0 and 1.

    - `utilizations`: busy share by resource name. `driver.tx` and `driver.rx` are what the busiest core spends on
      sending and on receiving, so they add up to how busy that core is: as shares, like that of a virtual switch, of
      what the host's stalls leave of the window. `pcie.tags`: the share of time in which no tag
      is free.
    - `waits`: the share of time in which ready work waited: for `pcie.tags`; for credits, as seen by the first TLP of a
      kind whatever other kinds did; for `rx.descriptors` at the head of the Rx buffer, and `nic.rx_ring`: the part of
      that in which the ring had none to fetch; for `tx.descriptors`, no frame being on the chip although rings held
      more than its cache could fetch; for room in `nic.tx_buffer`, `nic.rx_buffer` and the fullest `nic.tx_ring`; for
      `rate_limit`, nothing else being ready.
    - `credit_use`: by kind, the share of the finite credits that the window's TLPs would occupy if held as briefly as
      on an idle machine.
    - `fetch_use`: the same for the Rx descriptors that a ring may have in flight, at the busiest ring.
    - `demand_use`: the share of the senders' demand (each sender's capped by its rate limit) that got through; 0 if one
      of them saturates without a limit. `limited_demand`: the share of that demand that is set by rate limits.
    - `read_slowness`: how long a read holds its tag, as a multiple of the time on an idle machine.
    - `open_load`: frames arrive at times of their own; False for a closed loop (`load: saturate`).
    - `rx_ring_fill`: the largest share of an Rx ring's descriptors that were in use at once.
    - `stopped`: by a port's wire, what control frames from outside the machine stopped there.
    - `ports`: the names of the adapter's Ethernet ports, an empty text for the only one.
    - `refused_frames`: by VM that never reposts Rx descriptors (`refill: false`), the frames dropped for lack of one;
      `refusing`: the share of the window in which such a VM's empty rings kept the head of the Rx buffer.
      `refill_keys`: by such a VM, the key that says so.
    - `drops`, `offered_frames`, `unwanted_drops` (in the whole machine, of what no station was to get) and
      `backlog_frames` (by how much frames in flight or waiting for a slot have grown) are of the window; `frame_bytes`
      is the mean frame with FCS.
    - `core_blocks`: the driver blocks of the VMs on the busiest core. `other_cores`: the busiest core of each other set
      of such blocks.
    - `up`, `down`, `tags`, `tags_in_use` (mean), `core_of` (the VM with the busiest core), `passes_frames`
      (cores are a hypervisor's, which passes frames between pools and VMs), `switching` (the busiest core of the host's
      virtual switch), `has_mirrored` (mirrored
      copies were carried), `iotlb_miss_share` (of the addresses translated; None: no cache), `rx_descriptor_ns` (for
      how long a frame keeps its Rx descriptor), `stalled` (the share in which the host stalls), `lost_in_stalls`
      (frames that met a full ring then), `rx_blocked` (VMs whose empty rings kept others waiting for long) only make
      the sentence more exact.
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
    rx_ring_fill: float = 0.0
    stopped: Mapping[str, Stop] = field(default_factory=dict)
    drops: Mapping[str, int] = field(default_factory=dict)
    refused_frames: Mapping[str, int] = field(default_factory=dict)
    refusing: Mapping[str, float] = field(default_factory=dict)
    refill_keys: Mapping[str, str] = field(default_factory=dict)
    offered_frames: int = 0
    unwanted_drops: int = 0
    backlog_frames: int = 0
    frame_bytes: float | None = None
    up: LinkCost | None = None
    down: LinkCost | None = None
    tags: int | None = None
    tags_in_use: float | None = None
    core_of: str | None = None
    core_blocks: tuple[str, ...] = ("driver",)
    other_cores: tuple[CoreUse, ...] = ()
    passes_frames: bool = False
    switching: SwitchingCore | None = None
    has_mirrored: bool = False
    iotlb_miss_share: float | None = None
    rx_descriptor_ns: float | None = None
    stalled: float = 0.0
    lost_in_stalls: int = 0
    rx_blocked: tuple[str, ...] = ()

    def busy(self, server: str) -> float:
        """Return how busy a server is; for a driver, its whole core, whichever side it works on."""
        if server in CORE:
            return sum(self.utilizations.get(side, 0.0) for side in CORE)
        return self.utilizations.get(server, 0.0)

    def wait(self, store: str) -> float:
        """Return for what share of the window work waited for a store."""
        return self.waits.get(store, 0.0)

    def use(self, name: str) -> float:
        """Return the share of its capacity that a resource gave; of a store, as if nothing behind it were slow.

        For tags and credits: the share that would be in use if each were held as briefly as on an idle machine.
        """
        if name == TAGS:
            return max(self.busy(name), self.wait(name)) / max(1.0, self.read_slowness)
        if name == RATE_LIMIT:
            # Of a window in which nothing gets through, the time says it for which nothing else held frames back.
            return (self.demand_use or self.wait(name)) if self.limited_demand > LEAST_PART else 0.0
        if name == RX_DESCRIPTORS:
            return self.fetch_use
        if name == RX_RING:  # what is never posted again is held for ever
            return max(self.refusing.values(), default=0.0)
        if name in self.stopped:
            stop = self.stopped[name]
            return max(self.busy(name), stop.share + stop.busy)
        return self.credit_use.get(name, 0.0) if name.startswith(CREDITS) else self.busy(name)

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

    def at_core(self, core: CoreUse) -> Observation:
        """Return what is seen with another core in place of the busiest one."""
        shares = {**self.utilizations, DRIVER_TX: core.tx, DRIVER_RX: core.rx}
        return replace(self, utilizations=shares, core_of=core.vm, core_blocks=core.blocks, other_cores=())

    @property
    def core_side(self) -> str:
        """Return the side that takes more of the busiest core."""
        sends, takes = (self.utilizations.get(side, 0.0) for side in CORE)
        return DRIVER_RX if takes >= sends else DRIVER_TX
