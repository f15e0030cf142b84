"""What an adapter's parts, its flow control, a bond's legs and the host's cores were used for: records of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBytes:
    """Split the bytes of one link direction by purpose; their sum is all that the direction carried."""

    payload: int = 0
    tlp_overhead: int = 0
    read_request: int = 0
    descriptor: int = 0
    writeback: int = 0
    interrupt: int = 0
    doorbell: int = 0
    dllp: int = 0
    skp: int = 0

    @property
    def total(self) -> int:
        """Return the sum over all purposes, in bytes."""
        return sum(getattr(self, purpose.name) for purpose in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class PcieDirection:
    """Say how busy one direction of the link was, and with what.

    `per_frame`: bytes by purpose, without clock skips, per frame delivered, counted over whole frames; None if the
    window is too short to tell.
    """

    utilization: float
    bytes: LinkBytes
    per_frame: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcie:
    """Hold both directions: `up` is NIC to host, `down` is host to NIC."""

    up: PcieDirection
    down: PcieDirection


@dataclass(frozen=True, slots=True, kw_only=True)
class PortResult:
    """Say what one of an adapter's several Ethernet ports carried, as `Wire` does, and which functions use it."""

    name: str
    tx_gbps: float | None
    rx_gbps: float | None
    utilization: float
    vms: tuple[str, ...] = ()
    flow_director: FilterUse | None = field(default=None, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Say for what share of the window a core of the host was busy, and with what.

    `by`: the shares of driver, passing (between adapter and VM), copying, interrupts, doorbells, messages and polling,
    without zeros. "polling" is the time in which a polling driver finds nothing; the parts add up to `busy`.
    """

    core: int
    busy: float
    by: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStalls:
    """Say what stalls of a host (`host.stall`) cost in the window.

    `begun`: how many began there, `share`: of the window, in which the host stalled; `length_ns`: of one. `lost`:
    frames that dropped meanwhile for want of a descriptor, of room in the Rx buffer, or of a slot of a Tx ring. `vm`:
    the one for which most lacked a descriptor ("uplink": a virtual switch), where those of stalls are most of what did,
    and `needed_descriptors`: how many each of its rings would have to have; None where none did.
    """

    begun: int
    share: float
    length_ns: float
    lost: int
    vm: str | None = None
    needed_descriptors: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Say how many host cores the drivers kept busy, without idle polling; for one server, what each core did.

    `hypervisor`: of these, what a virtual switch did, its uplink's driver and its slow path among it. `stalls`: of a
    host that stalls.
    """

    cores_busy: float
    hypervisor: float = field(default=0.0, metadata={"omit_empty": True})
    cores: tuple[Core, ...] = field(default=(), metadata={"omit_empty": True})
    stalls: HostStalls | None = field(default=None, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterUse:
    """Say how many filters Flow Director holds at the end, its capacity, and the flows that found no room.

    Each of several Ethernet ports has its own table; the adapter's numbers are the sums.
    """

    filters: int
    capacity: int
    without_room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCacheUse:
    """Count the window's frames by the stage of a virtual switch's flow cache that hit, and entries at its end.

    `misses`: frames for the slow path; `lost`: those of them dropped at its full queue. `exact_entries`,
    `wildcard_entries`: entries held.
    """

    exact_hits: int
    wildcard_hits: int
    misses: int
    lost: int
    exact_entries: int
    wildcard_entries: int

    @property
    def looked_up(self) -> int:
        """Return the frames that were looked up."""
        return self.exact_hits + self.wildcard_hits + self.misses


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedAddresses:
    """Say what a virtual switch learned in the whole run, as of a bridge, and `flooded_frames` to unknown addresses."""

    addresses_known: int
    learned: int
    moved: int
    aged: int
    not_learned: int
    flooded_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedAt:
    """Count the frames for a receiver (`uplink`: the wire) that were marked, among ECN-capable ones."""

    name: str
    marked: int
    frames: int

    @property
    def share(self) -> float:
        """Return the share that was marked."""
        return self.marked / self.frames if self.frames else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedFrames:
    """Say what a virtual switch marked in the window, by receiver whose queue exceeded `threshold_bytes`."""

    threshold_bytes: int
    receivers: tuple[MarkedAt, ...]

    @property
    def together(self) -> MarkedAt:
        """Return the sums."""
        found = self.receivers
        return MarkedAt(name="", marked=sum(one.marked for one in found), frames=sum(one.frames for one in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFlow:
    """Compare a flow's traffic in the window with its estimate from samples; bytes are of frames with FCS.

    `from_` is `from` in JSON; both ends are null for frames of no flow. The errors are standard errors of the
    estimates, from the samples alone.
    """

    from_: str | None
    to: str | None
    frames: int
    bytes: int
    samples: int
    estimated_frames: float
    estimated_bytes: float
    frames_error: float
    bytes_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFlows:
    """Say what a virtual switch's samples, one in `one_in` frames, tell of its flows."""

    one_in: int
    flows: tuple[SampledFlow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassUse:
    """Hold a traffic class's credits, in units of 64 B, and what of its traffic left the Tx buffer in the window.

    `bytes`: of frames, with FCS, whose transmission began or that went to VMs; `share`: of all classes' bytes.
    """

    traffic_class: int
    refill: int
    max: int
    group: int
    strict: str
    bytes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """Hold a station's credits in a class, and its bytes read; `share`: of the bytes of its class."""

    name: str
    traffic_class: int
    refill: int
    max: int
    bytes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRegister:
    """Hold the value of RTTBCNRC that represents a station's rate limit, and the rate it means."""

    name: str
    rttbcnrc: str
    gbps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbitrationUse:
    """Say how classes and pools shared what was sent, and how registers hold the rate limits (`nic.arbitration`)."""

    classes: tuple[ClassUse, ...]
    pools: tuple[PoolUse, ...]
    rate_limits: tuple[RateRegister, ...] = field(default=(), metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class IotlbUse:
    """Count the look-ups of the IOMMU's translation cache, one for each TLP with an address; none without the cache."""

    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Give the depth of one kind of queue, in the unit that docs/results.md lists for it."""

    mean: float
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalls:
    """Say for how many nanoseconds of the window something was blocked waiting for each of these.

    `credits` is the longest of the three kinds: `credits_posted` of writes, `credits_non_posted` of read requests,
    `credits_completion` of completions.
    """

    tags: float = 0.0
    credits: float = 0.0
    credits_posted: float = 0.0
    credits_non_posted: float = 0.0
    credits_completion: float = 0.0
    descriptors: float = 0.0
    buffer: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLevel:
    """Say how full a class's part of the Rx buffer was, and for how long its sender had to stop.

    `high_bytes`, `low_bytes`: the marks. `over_ns`: within the window. `kept_ns`: by VM and, in mode pfc, queue, for
    how long its ring had no descriptor for the first frame of the class, which blocked the frames behind (head-of-line
    blocking).
    """

    traffic_class: int
    part_bytes: int
    high_bytes: int
    low_bytes: int
    level_mean_bytes: float
    level_max_bytes: int
    over_ns: float
    kept_ns: Mapping[str, float] = field(default_factory=dict, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPause:
    """Say what a port's control frames did to a class, in the window.

    `stops_sent`, `stops_received`: control frames that stopped it. `stopped_ns`: for how long it was stopped at this
    port; `partner_stopped_ns`: at the other end, if that is no bridge. `waiting_flows`: flows, as `sender>receiver`,
    with frames that waited there because of it.
    """

    port: str
    traffic_class: int
    stops_sent: int
    stops_received: int
    stopped_ns: float
    partner_stopped_ns: float
    waiting_flows: tuple[str, ...] = field(default=(), metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControlUse:
    """Say what flow control did at an adapter (`nic.flow_control`)."""

    mode: str
    control_frames_sent: int
    control_frames_received: int
    classes: tuple[ClassLevel, ...]
    ports: tuple[PortPause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgePause:
    """Say what flow control did to a class at a port of a bridge, over the whole run.

    `level_max_bytes`: the most bytes received by the port that waited in the bridge. `over_ns`: for how long that was
    over its mark, so that the port stopped its sender (by `stops_sent` control frames). `stopped_ns`: for how long the
    other end stopped what leaves by the port.
    """

    traffic_class: int
    level_max_bytes: int
    over_ns: float
    stops_sent: int
    stopped_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUse:
    """Say what a leg carried in the window: frames, their bytes with padding and FCS, its share of all legs' frames.

    `lost_out`, `lost_in`: frames lost in the whole run because its wire was dead, outgoing and incoming.
    """

    name: str
    tx_frames: int
    tx_bytes: int
    tx_share: float | None
    rx_frames: int
    rx_bytes: int
    rx_share: float | None
    lost_out: int
    lost_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Hold the times at which a leg's wire died, the leg was given up, the wire revived, the leg was used again.

    In ns from the run's start; None: not by the run's end (`given_up_ns`: not before the wire revived). `given_up_ns`
    is earlier than `died_ns` if the leg was still out of use from an earlier outage. `lost_out`, `lost_in`: frames that
    the wire lost meanwhile.
    """

    leg: str
    died_ns: float
    given_up_ns: float | None
    lives_ns: float | None
    used_ns: float | None
    lost_out: int
    lost_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BondUse:
    """Say how the legs of a bond shared the traffic sent and received, and what outages cost.

    `in_use`: legs in use at the run's end; `active`: the active leg of active_backup; `without_leg`: frames that found
    no leg in use.
    """

    mode: str
    in_use: tuple[str, ...]
    active: str | None = None
    legs: tuple[LegUse, ...]
    without_leg: int = 0
    outages: tuple[Outage, ...] = field(default=(), metadata={"omit_empty": True})
