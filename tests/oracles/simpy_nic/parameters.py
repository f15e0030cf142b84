"""What a run of the model is given: the adapter and its host, the load, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .classes import Planes
    from .core import Stalls
    from .flow_control import FlowControl
    from .sources import SourceParameters

Ratio = tuple[int, int]
"""Femtoseconds a byte as numerator and denominator."""


@dataclass(frozen=True)
class DmaEngine:
    """One of the adapter's engines; None: bytes take no time."""

    operation_fs: int = 0
    small_bytes: int = 0
    small_operation_fs: int = 0
    start_fs: int = 0
    piece_bytes: int = 128
    piece_time_fs: int = 0
    piece_least_bytes: int = 0
    fs_per_byte: Ratio | None = None
    latency_fs: int = 0
    outstanding: int = 256
    large_bytes: int = 1 << 20


class DmaPath(NamedTuple):
    """What both engines share: how long an operation takes it, by no more than so many of its bytes."""

    fs_per_byte: Ratio
    time_fs: int = 0
    bytes_each: int = 1 << 20


@dataclass(frozen=True)
class TranslationCache:
    """The IOMMU's cache of translations, and its walkers (`host.iotlb`)."""

    entries: int
    miss_fs: int
    walkers: int | None = None
    walk_lines: int = 0
    near_miss_fs: int | None = None
    page_bytes: int = 4096
    split: bool = False
    invalidation: str = "none"
    flush_after: int = 256


@dataclass(frozen=True)
class LastLevelCache:
    """The processors' cache, as the adapter sees it (`host.cache`)."""

    size_bytes: int
    warm: bool = True
    read_miss_fs: int = 80_000_000
    io_share_percent: int = 10
    write_miss_fs: int = 0


class JobStep(NamedTuple):
    """A step of a job."""

    op: int
    times: int
    time_fs: int


class DriverJob(NamedTuple):
    """What a port's driver does from an instant on, in steps: what, how often, a time.

    `tells`: of which ends, a bit for each; `raises`: the port whose interrupt its last write raises; `is_agents`: an
    agent does it on the driver's core.
    """

    port: int
    number: int
    from_fs: int
    tells: int
    raises: int | None
    steps: Sequence[JobStep]
    is_agents: bool = False


@dataclass(frozen=True)
class NicParameters:
    """Link, host, adapter and driver; 0 credits are infinite, None switches a feature off."""

    # The PCIe link; both directions run at the same rate.
    link_fs_per_byte: Ratio
    max_payload_bytes: int = 256
    max_read_request_bytes: int = 512
    read_completion_boundary_bytes: int = 64
    request_header_bytes: int = 24
    completion_header_bytes: int = 20
    whole_double_words: bool = True
    tags: int = 32
    dllp_period_tlps: int = 0
    propagation_fs: int = 0
    switch_hops: int = 0
    switch_latency_fs: int = 0
    ordering: str = "strict"
    arbitration: str = "round_robin"
    posted_header_credits: int = 0
    posted_data_credits: int = 0
    read_header_credits: int = 0
    completion_header_credits: int = 0
    completion_data_credits: int = 0
    credit_return_fs: int = 200_000_000

    # The host.
    read_latency_fs: int = 450_000_000
    jitter_range_fs: int | None = None
    """Added to the read latency: so much or less."""
    jitter_bins: Sequence[tuple[int, int]] = ()
    """Else one of these times, with their weights."""
    random_state: tuple[int, int, int, int] = (1, 2, 3, 4)
    """The words of 32 bits with which the host's stream of random numbers begins."""
    remote_latency_fs: int = 0
    last_level_cache: LastLevelCache | None = None
    completion_cut: str = "mps"
    buffer_bytes: int = 2048
    buffer_offset_bytes: int = 0
    write_drain_fs_per_byte: Ratio | None = None
    cores: int = 8
    queue_cores: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """The cores of rings, by port and queue, where they are not those of the guests' numbers."""
    translation_cache: TranslationCache | None = None
    write_latency_fs: int = 0

    # The adapter.
    first_port: int = 1
    """Of the functions: the PF's."""
    vfs: int = 8
    further_pfs: int = 0
    """Those of Ethernet ports behind the first; their functions come behind all VFs."""
    queues_per_vf: int = 1
    vectors_per_function: int | None = None
    """MSI-X vectors for the queues of a function; None: one for each."""
    tx_descriptor_bytes: int = 16
    completion_entry_bytes: int | None = None
    """None: descriptors are written back where they lie."""
    doorbell_bytes: int = 4
    tx_ring: int = 512
    rx_ring: int = 512
    fetch_batch: int = 8
    rx_fetch_batch: int = 8
    rx_prefetch: int = 8
    descriptor_cache: int = 64
    shared_descriptor_cache: int | None = None
    """For all rings together; None: each has its own."""
    tx_host_threshold: int = 0
    """Tx descriptors that there must be for a prefetch."""
    tx_reports_last: bool = False
    """The last descriptor of a batch alone is written back, and nothing for want of time."""
    queue_time_fs: int = 0
    tx_writeback_batch: int = 8
    rx_writeback_batch: int = 8
    writeback_timeout_fs: int | None = None
    store_fs_per_byte: Ratio | None = None
    dma_read: DmaEngine | None = None
    dma_write: DmaEngine | None = None
    dma_path: DmaPath | None = None
    max_frame_bytes: int = 1518
    tx_buffer_bytes: int = 160 * 1024
    rx_buffer_bytes: int = 512 * 1024
    max_pps: int | None = None
    scheduler: str = "round_robin"
    weights: Mapping[int, int] = field(default_factory=dict)
    """By port, where it is not 1."""
    rate_limits: Mapping[int, Ratio] = field(default_factory=dict)
    """By port; none: no limit."""
    rate_limit_window_bytes: int = 4096
    guarantees: Mapping[int, Ratio] = field(default_factory=dict)
    """By port; none: nothing is guaranteed."""
    guarantee_window_fs: int = 0
    planes: Planes | None = None
    """Of classes of traffic; None: `scheduler` says who is next."""
    flow_control: FlowControl | None = None
    receive_limits: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By port in bits a second, with the bytes of the bucket; none: no limit."""
    drop_enable: bool = True
    own_drop_enable: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    """By port and queue, where a station says so itself."""
    port_rate_bps: int = 10_000_000_000
    line_speeds: Mapping[int, Fraction] = field(default_factory=dict)
    """By Ethernet port: how many times as fast as the adapter the stations outside send there."""
    ethernet_ports: int = 1
    at_ethernet_port: Mapping[int, int] = field(default_factory=dict)
    """By port, the Ethernet port of a function that is not at the first."""
    down_ports: frozenset[int] = frozenset()
    """Ethernet ports without a carrier."""
    silent_ports: frozenset[int] = frozenset()
    """Those of a bond at whose other end nobody is."""
    bus_cycle_fs: int | None = None
    """A clock cycle of the switch core; None: the switch takes no time."""
    bus_bits: int = 512

    # The driver.
    tx_doorbell_batch: int = 8
    refill_batch: int = 8
    rx_interrupt_batch: int = 8
    tx_interrupt_batch: int = 8
    moderation_fs: int = 0
    frame_time_fs: int = 20_000_000
    byte_time_fs: int = 0
    pass_time_fs: int = 0
    pass_byte_time_fs: int = 0
    doorbell_time_fs: int = 0
    doorbell: str = "tail"
    """Or `inline`: one that tells of a single descriptor carries it."""
    interrupt_time_fs: int = 0
    exit_time_fs: int = 0
    wakeup_time_fs: int = 0
    poll_budget: int = 64
    send_burst: int = 32
    mask_interrupts: bool = False
    adaptive_moderation: bool = False
    core_starts_fs: Sequence[int] = ()
    """When each core begins; none: all at 0."""
    stalls: Stalls | None = None
    taken_before: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """By port and queue, the Rx descriptors that its driver has taken and not yet posted again as it begins."""
    never_refill: frozenset[int] = frozenset()
    """Ports whose drivers post no Rx descriptor again."""
    early_refills: int = 0
    """Of 2^32 pieces of taking so many end with a refill ahead of its batch."""
    adaptive_intervals_fs: Sequence[int] = (10_000_000_000, 50_000_000_000, 84_000_000_000)

    # Sends that the adapter cuts.
    mss_bytes: int = 0
    """Payload of each frame; 0: drivers post frames."""
    segment_bytes: int = 0
    header_bytes: int = 0
    send_time_fs: int | None = None
    """None: that of a frame; of a descriptor a tenth of it."""
    descriptor_time_fs: int | None = None
    send_byte_time_fs: int = 0
    tso_context: str = "each"
    # Receives of several frames, and headers by themselves.
    rsc_descriptors: int = 0
    """0: each frame is a receive."""
    rsc_timeout_fs: int = 0
    header_split_bytes: int | None = None

    switch: Any = None
    """Its tables, shaped like the configuration's block; None: a frame names its destinations."""
    switches: Sequence[Any] = ()
    """The same at each Ethernet port; none: what of `switch` is of the functions there."""
    off: frozenset[int] = frozenset()
    """The functions that are off: the PF is 0, VF K is K + 1."""
    driver_jobs: Sequence[DriverJob] = ()
    """What drivers, or agents on their cores, begin with as a command comes."""
    own_drivers: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """By port, the driver's parameters that are others there."""

    virtual_switch: Any = None
    """What passes frames in place of the adapter, if anything does (`virtual_switch.Rules`)."""

    def of_port(self, port: int) -> NicParameters:
        """Return the parameters as the driver of a port sees them."""
        return replace(self, **self.own_drivers.get(port, {}))

    def frame_fs(self, n_bytes: int) -> int:
        """Return what a frame of so many bytes costs the core that posts or takes it."""
        return self.frame_time_fs + self.pass_time_fs + n_bytes * (self.byte_time_fs + self.pass_byte_time_fs)

    @cached_property
    def dead_ports(self) -> frozenset[int]:
        """Ethernet ports whose wires carry nothing."""
        return self.down_ports | self.silent_ports

    @cached_property
    def ports_off(self) -> frozenset[int]:
        """The same functions by their ports."""
        return frozenset(function + 1 for function in self.off)

    def vector_of(self, queue: int) -> int:
        """Return the first queue of those that have the vector of a queue."""
        return queue % min(self.queues_per_vf, self.vectors_per_function or self.queues_per_vf)

    def drops_at(self, port: int, queue: int) -> bool:
        """Tell whether frames drop for which a ring has no descriptor."""
        return self.own_drop_enable.get((port, queue), self.drop_enable)

    @cached_property
    def masks(self) -> bool:
        """Whether there are Rx interrupts, and they are masked."""
        return self.mask_interrupts and bool(self.rx_interrupt_batch or self.moderation_fs)

    @cached_property
    def tx_buffer_distance_bytes(self) -> int:
        """How far apart the Tx buffers of a ring begin."""
        distance = self.buffer_bytes
        while distance < self.buffer_offset_bytes + max(self.max_frame_bytes, self.send_bytes):
            distance *= 2
        return distance

    @cached_property
    def send_bytes(self) -> int:
        """How many bytes of memory a send takes; 0 where there are none."""
        return self.header_bytes + self.segment_bytes if self.mss_bytes else 0

    @cached_property
    def ports(self) -> range:
        """Port numbers of the functions: the PF is 1, VF K is K + 2, further PFs; the wire is 0 (not of `uplink`)."""
        return range(self.first_port, self.first_port + self.vfs + 1 + self.further_pfs)

    @cached_property
    def polls(self) -> bool:
        """Whether guests look for received frames all the time, without interrupts."""
        return not self.rx_interrupt_batch and not self.moderation_fs


class Arrival(NamedTuple):
    """One recorded frame; port 0 is the wire, a group frame names several destinations.

    `rss_hash`, modulo the queues of a function, is its ring there, at the sender and at each receiver. `came_by`: the
    Ethernet port by which one from the wire comes. `raw`: its bytes without FCS, where the load's `bytes_of` is not to
    make them.
    """

    at_fs: int
    source: int
    destination: int | tuple[int, ...]
    frame_bytes: int
    rss_hash: int = 0
    came_by: int = 0
    raw: bytes | None = None


BytesOf = Callable[[int, tuple[int, ...], int], bytes]
MirroredTo = Callable[[int, tuple[int, ...]], tuple[int, ...]]


def nobody(_source: int, _destinations: tuple[int, ...]) -> tuple[int, ...]:
    """Mirror nothing."""
    return ()


@dataclass(frozen=True)
class Load:
    """Who sends what.

    `saturating` maps a port to the (destination, frame_bytes) pairs that it sends in turn for ever, its ring kept
    full; `arrivals` are recorded frames, sorted by time; `sources` make frames of their own. A frame without
    destinations is dropped by the switch.
    `mirrored_to` gives the ports of the mirrored copies of a frame, by its source and its destinations.
    """

    saturating: Mapping[int, Sequence[tuple[int | tuple[int, ...], int]]] = field(default_factory=dict)
    arrivals: Sequence[Arrival] = ()
    on_full: str = "wait"
    mirrored_to: MirroredTo = nobody
    sources: Sequence[SourceParameters] = ()
    bytes_of: BytesOf | None = None
    """Gives a frame's bytes without FCS, by its source, destinations and length with FCS, where tables decide."""


@dataclass(frozen=True)
class Stop:
    """The window that is measured, open at its start and closed at its end; the run stops there.

    Either by time (`start_fs`, `end_fs`) or by copies delivered (`warmup_frames`, then `frames` more, the window
    ending with the instant that completes them). With neither the run ends when nothing is left to do.
    """

    start_fs: int = 0
    end_fs: int | None = None
    warmup_frames: int | None = None
    frames: int | None = None
    keep_deliveries: bool = False
    keep_journeys: bool = False
