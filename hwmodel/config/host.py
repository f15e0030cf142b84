"""Validate the blocks `host` and `driver`: memory and processors of a server, and the drivers of its VMs."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from hwmodel.rules.capacities import MAX_JITTER_BINS

from .kinds import Block, ByteCount, ByteRate, Duration, Listing, Pair, Truth, Whole, Word, key
from .names import MOST_CORES, Name
from .virtual_switch import BYTE_COST, BYTE_TIME, PASS_TIME, VirtualSwitch

JitterKind = Literal["fixed", "uniform", "histogram"]
HostPreset = Literal["xeon_e5_2630v4", "xeon_e5_2637v3", "xeon_e3_1226v3_outside_model"]
# Presets that have another name now, and why.
_RENAMED = {
    "xeon_e3_1226v3": "xeon_e3_1226v3_outside_model: no figure of that host under load follows from this model, only "
    "the latency of lone reads (docs/validation.md)"
}
# Cautions about the figures of uncalibrated hosts; each goes on after the preset's name.
_UNMEASURED = {
    "xeon_e5_2637v3": "is not measured: its read latency is the most that is published of Xeon E5 hosts, the rest is "
    "that of xeon_e5_2630v4, so what depends on the host is an estimate (docs/validation.md).",
    "xeon_e3_1226v3_outside_model": "is outside the model: in that host reads and writes take longer the more of them "
    "there are, here each read is late by a chance of its own. Of its figures only the latency of lone reads holds "
    "(docs/validation.md).",
}
Invalidation = Literal["none", "strict", "deferred"]
CompletionRule = Literal["mps", "rcb"]
_TIME = Duration("0ns", "1ms")
_WEIGHT = Whole(1, 10**9)
TsoContext = Literal["each", "changed"]
Doorbell = Literal["tail", "inline"]
DriverPreset = Literal["kernel", "kernel_busy_poll", "dpdk"]
PassBy = Literal["copy", "pointer"]
_BATCH = Whole(1, 4096)
_COST = Duration("0ns", "1s")
_INTERRUPT_BATCH = Whole(0, 4096)


class JitterBin(NamedTuple):
    """One bar of a latency histogram: what is added to the read latency, and how often."""

    offset_fs: int
    weight: int


_BIN = Pair(JitterBin, _TIME, _WEIGHT, "a bin is a time and a weight, like [100ns, 3]")
_BINS = Listing("[[0ns, 9], [300ns, 1]]", least=1, most=MAX_JITTER_BINS)


class Jitter(Block):
    """How the read latency varies."""

    kind: Annotated[JitterKind, Word(JitterKind)] = key(
        "fixed", "Fixed: always read_latency. Uniform: read_latency plus 0 to `range`. Histogram: plus one of `bins`."
    )
    range_fs: Annotated[int, _TIME] | None = key(
        None, "Width of the uniform distribution above read_latency; needed with `kind: uniform`.", alias="range"
    )
    bins: Annotated[tuple[Annotated[JitterBin, _BIN], ...], _BINS] | None = key(
        None, "Times added to read_latency, with weights: [[0ns, 9], [300ns, 1]]; needed with `kind: histogram`."
    )


# Neugebauer et al., "Understanding PCIe performance for end host networking" (SIGCOMM 2018), measured with pcie-bench
# about 64 entries and about 330 ns a miss. Walkers, lines and the near miss are those fitted on its data
# (docs/validation.md): 300 ns, 270 ns where the line is held.
class Iotlb(Block):
    """The IOMMU's translation cache."""

    entries: Annotated[int, Whole(1, 65536)] = key(
        ..., "Pages of 4 KiB that the cache holds; the least recently used is replaced. Measured on hosts of 2018: 64."
    )
    miss_fs: Annotated[int, _TIME] = key(
        ...,
        "Time that a translation takes where the cache has none. Measured on hosts of 2018: 330ns.",
        alias="miss",
    )
    walkers: Annotated[int, Whole(1, 64)] | None = key(
        6, "Page walks under way at once: 6 as measured on a host of 2018; null: any number, which no host has."
    )
    walk_lines: Annotated[int, Whole(0, 65536)] = key(
        24, "Cache lines of the page table's last level, 8 pages each, that the walkers hold; 0: none."
    )
    near_miss_fs: Annotated[int, _TIME] | None = key(
        None, "Time of a walk whose line is held; null: nine tenths of `miss`, as measured.", alias="near_miss"
    )
    page_bytes: Annotated[int, ByteCount("4KiB", "1024MiB", power_of_two=True)] = key(
        "4KiB", "Size of the pages that drivers map: 4KiB, or large ones of 2MiB or 1024MiB.", alias="page"
    )
    split: Annotated[bool, Truth()] = key(
        False, "Each function has an equal part of the entries, so that none can evict another's; false: one for all."
    )
    invalidation: Annotated[Invalidation, Word(Invalidation)] = key(
        "none",
        "What becomes of a buffer's pages when its driver unmaps it after use: kept (mapped once), dropped at once, or "
        "the whole cache emptied every `flush_after` buffers.",
    )
    flush_after: Annotated[int, Whole(1, 65536)] = key(
        256, "Buffers unmapped before a deferred invalidation. Linux's queue for them has 256 (IOVA_FQ_SIZE)."
    )

    @property
    def near_walk_fs(self) -> int:
        """Return the time of a page walk if a walker holds the page table's cache line."""
        return self.miss_fs * 9 // 10 if self.near_miss_fs is None else self.near_miss_fs


class Cache(Block):
    """The host's last-level cache, as the adapter sees it."""

    size_bytes: Annotated[int, ByteCount("64KiB", "1024MiB")] = key(
        ..., "Its size. Buffers, or a window, that are larger are held in part.", alias="size"
    )
    warm: Annotated[bool, Truth()] = key(True, "Whether what the adapter reads has been touched by a core before.")
    read_miss_fs: Annotated[int, _TIME] = key(
        "80ns", "What a read from memory takes longer than one from the cache.", alias="read_miss"
    )
    io_share_percent: Annotated[int, Whole(1, 100)] = key(
        10, "Share of the cache that writes of adapters may take (DDIO: 2 of 20 ways)."
    )
    write_miss_fs: Annotated[int, _TIME] = key(
        "0ns",
        "What a write takes longer where its line has to be given room in the adapters' share first.",
        alias="write_miss",
    )


class Stall(Block):
    """Times in which none of the host's cores does anything: an SMI, a hypervisor that does not run its guests."""

    every_fs: Annotated[int, Duration("1us", "100s")] | None = key(
        None,
        "Time from the beginning of one stall to that of the next; where in it the first begins is drawn by the seed.",
        alias="every",
    )
    at_fs: Annotated[int, Duration("0ns", "1000s")] | None = key(
        None,
        "In place of `every`: when the only one begins, counted from the run's first instant, warm-up included.",
        alias="at",
    )
    length_fs: Annotated[int, Duration("1ns", "10s")] = key(..., "How long each is.", alias="for")

    @property
    def share(self) -> Fraction:
        """Return the share of a long time in which the host stalls; 0 of a single stall."""
        return Fraction(self.length_fs, self.every_fs) if self.every_fs else Fraction(0)


class Host(Block):
    """The host: what a read waits for, how completions are cut, where buffers lie, how many cores there are."""

    preset: Annotated[HostPreset | None, Word(HostPreset, renamed=_RENAMED)] | None = key(
        None,
        "Host whose numbers stand in for keys that are not written; null: none. It sets this block's latencies, "
        "jitter, drain and cache. The first is calibrated on measurements; results of the others say they are not.",
    )
    read_latency_fs: Annotated[int, _TIME] = key(
        "450ns",
        "Time from a read request's last byte at the host to its completions being ready. Sets the unloaded latency "
        "and, with `pcie.tags`, a ceiling for reads.",
        alias="read_latency",
    )
    write_latency_fs: Annotated[int, _TIME] = key(
        "0ns",
        "Time from a write's passing to its being in memory, where cores and reads find it.",
        alias="write_latency",
    )
    remote_latency_fs: Annotated[int, _TIME] = key(
        "0ns",
        "What memory on another socket than the adapter's adds to each read. Writes land in the cache of the adapter's "
        "socket (DDIO).",
        alias="remote_latency",
    )
    jitter: Jitter = key({}, "How the read latency varies.")
    completion_bytes: Annotated[CompletionRule, Word(CompletionRule)] = key(
        "mps",
        "How the host cuts completions: as large as max_payload allows, or every one of read_completion_boundary "
        "bytes, which costs a 20 B header for each.",
    )
    buffer_bytes: Annotated[int, ByteCount("256B", "64KiB", power_of_two=True)] = key(
        "2KiB",
        "Size of an Rx buffer. A longer frame is received into several, each with an Rx descriptor; a Tx buffer holds "
        "its whole frame.",
    )
    buffer_offset_bytes: Annotated[int, ByteCount("0B", "64KiB", multiple_of="4B")] = key(
        "0B",
        "Where in each buffer the data begin, a multiple of 4 B. Off a max_payload boundary they may need more TLPs.",
        alias="buffer_offset",
    )
    write_drain_bps: Annotated[int, ByteRate("1Mbps", "10000Gbps")] | None = key(
        None,
        "Rate at which host memory takes posted writes, after which their credits return; null: unlimited.",
        alias="write_drain",
    )
    iotlb: Iotlb | None = key(None, "Translation cache of the IOMMU; null: none, every address translates at once.")
    cache: Cache | None = key(None, "The last-level cache; null: `read_latency` holds for every read.")
    stall: Stall | None = key(
        None,
        "Times in which no core of the host does anything, {every: 10ms, for: 200us} or once {at: 5ms, for: 200us}: "
        "drivers post, take and refill nothing and serve no interrupt, nor does a virtual switch pass frames on. The "
        "adapter, the links and the memory go on. null: none.",
        unsaid=None,
    )
    cores: Annotated[int, Whole(1, MOST_CORES)] = key(
        8,
        "Processor cores of the VMs, and of a virtual switch. With fewer than VMs, VMs share them.",
        derived="one for each VF; in nic.mode vswitch two more, for the PF and the switch",
    )
    virtual_switch: VirtualSwitch | None = key(
        None, "The host's virtual switch, which nic.mode: vswitch has; null: none.", unsaid=None
    )

    @property
    def unmeasured(self) -> str | None:
        """Return a caution about the figures of an uncalibrated preset; None for the others."""
        words = _UNMEASURED.get(self.preset or "")
        return None if words is None else f"host.preset {self.preset} {words}"


class VmDriver(Block):
    """The driver of a VM: doorbells, refills, interrupts, and its time for a frame."""

    preset: Annotated[DriverPreset | None, Word(DriverPreset)] | None = key(
        "kernel", "Driver whose numbers stand in for keys that are not written, before the device's; null: none."
    )
    tx_doorbell_batch: Annotated[int, _BATCH] = key(
        8, "Frames posted for one doorbell write; a driver with nothing more to post rings at once."
    )
    refill_batch: Annotated[int, _BATCH] = key(8, "Received frames for one doorbell write that returns Rx descriptors.")
    rx_interrupt_batch: Annotated[int, _INTERRUPT_BATCH] = key(
        8, "Received frames for one interrupt, where moderation is 0; 0: the driver polls, no interrupts."
    )
    refill: Annotated[bool, Truth()] = key(
        True,
        "Whether the driver posts Rx descriptors again. false: never, whatever refill_batch says, so each of its rings "
        "receives what it has at the start (driver.vms.vf3.refill: a VM that has stopped to care).",
        unsaid=True,
    )
    tx_interrupt_batch: Annotated[int, _INTERRUPT_BATCH] = key(
        8, "Sent frames for one interrupt; 0: none, a slot is free when its write-back lands."
    )
    moderation_fs: Annotated[int, Duration("0us", "1s")] = key(
        "0us",
        "Shortest time between Rx interrupts of a queue (EITR); 0us: interrupts go by rx_interrupt_batch.",
        alias="moderation",
    )
    frame_time_fs: Annotated[int, _COST] = key(
        "20ns", "Processor time for a frame, at each end; its inverse limits a VM's frame rate.", alias="frame_time"
    )
    byte_time_fs: Annotated[int, BYTE_COST] = key(
        "0ns", "Processor time for each byte of a frame, at each end: copying, checksums.", alias="byte_time"
    )
    doorbell_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time of a write to the adapter's registers, which is not cached.", alias="doorbell_time"
    )
    doorbell: Annotated[Doorbell, Word(Doorbell)] = key(
        "tail",
        "What a Tx doorbell is: a write of the ring's tail, or, where it tells of a single descriptor, of that "
        "descriptor itself, 64 B, which the adapter then need not read (inline: rdma-core's mlx5 with adapters of the "
        "ConnectX kind).",
        unsaid="tail",
    )
    interrupt_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time to enter and leave an interrupt and to begin the poll.", alias="interrupt_time"
    )
    exit_time_fs: Annotated[int, _COST] = key(
        "0ns",
        "Processor time of an exit to the hypervisor for each interrupt; 0ns: interrupts are posted to the VM.",
        alias="exit_time",
    )
    wakeup_time_fs: Annotated[int, _COST] = key(
        "0ns", "Time until a VM that has nothing to do runs again after an interrupt.", alias="wakeup_time"
    )
    pass_by: Annotated[PassBy, Word(PassBy)] = key(
        "copy",
        "How the hypervisor passes a frame between a pool of the adapter and its VM (nic.mode: vmdq): copied, or by "
        "pointer, in the buffer that the adapter reads or has written.",
    )
    pass_time_fs: Annotated[int, _COST] = key(
        "0ns",
        "Processor time to pass a frame to its VM or from it, or a send, whole, beside `frame_time` or `send_time` of "
        "the hypervisor's driver.",
        alias="pass_time",
        derived=f"{PASS_TIME} in nic.mode vmdq",
    )
    pass_byte_time_fs: Annotated[int, BYTE_COST] = key(
        "0ns",
        "Processor time for each byte of a frame, or send, that is passed.",
        alias="pass_byte_time",
        derived=f"{BYTE_TIME['copy']} in nic.mode vmdq where frames are copied",
    )
    poll_budget: Annotated[int, _BATCH] = key(64, "Received frames that a core takes before it does something else.")
    send_burst: Annotated[int, _BATCH] = key(32, "Frames that a core posts before it does something else.")
    mask_interrupts: Annotated[bool, Truth()] = key(
        False,
        "Whether a ring's interrupt, if any, is off from when it is raised until the driver has taken all frames "
        "and polls no more (NAPI). One interrupt then tells of received and of sent frames.",
    )
    adaptive_moderation: Annotated[bool, Truth()] = key(
        False,
        "Whether a driver that masks its interrupts adapts the time between them to the load; `moderation` is where it "
        "starts; at 0us nothing is adapted.",
    )

    adaptive_intervals_fs: Annotated[
        tuple[Annotated[int, Duration("1us", "1s")], ...], Listing("[10us, 50us, 84us]", least=3, most=3)
    ] = key(
        ["10us", "50us", "84us"],
        "Times between interrupts that adaptive moderation goes for: up to 10 B/us, up to 20 B/us, and above (bulk). "
        "The larger of the class of what is received and that of what is sent decides.",
        alias="adaptive_intervals",
    )
    send_time_fs: Annotated[int, _COST] | None = key(
        None,
        "Processor time for a send that the adapter cuts into frames (workload.segment_bytes), beside its descriptors. "
        "null: that of a frame, since it goes through the driver once.",
        alias="send_time",
        unsaid=None,
    )
    descriptor_time_fs: Annotated[int, _COST] | None = key(
        None,
        "Processor time for each descriptor of such a send. null: a tenth of `frame_time`, an assumption.",
        alias="descriptor_time",
        unsaid=None,
    )
    send_byte_time_fs: Annotated[int, BYTE_COST] = key(
        "0ns",
        "Processor time for each byte of such a send, in place of `byte_time`. 0ns: pages are passed on as they are; "
        "who copies them first has about 0.1ns.",
        alias="send_byte_time",
        unsaid=0,
    )
    tso_context: Annotated[TsoContext, Word(TsoContext)] = key(
        "each",
        "Which sends have a context descriptor, with MSS and lengths of headers, before those of their data: each, as "
        "with Linux' ixgbe, or one whose target is another than that of the ring's last send (changed).",
        unsaid="each",
    )

    watchdog: Annotated[bool, Truth()] = key(
        False,
        "Whether a VF's driver resets its VF as the PF's tells it to (calls `trust`, `link`), as Linux' ixgbevf does. "
        "false: nobody does, unless the scenario has its VF send `reset`.",
        unsaid=False,
    )

    @property
    def send_costs_fs(self) -> tuple[int, int, int]:
        """Return the core time of a send, of each descriptor and of each byte of it, passing it on included."""
        send_fs = self.frame_time_fs if self.send_time_fs is None else self.send_time_fs
        descriptor_fs = self.frame_time_fs // 10 if self.descriptor_time_fs is None else self.descriptor_time_fs
        return send_fs + self.pass_time_fs, descriptor_fs, self.send_byte_time_fs + self.pass_byte_time_fs

    @property
    def frame_cost_fs(self) -> int:
        """Return the core time of a frame without its bytes: in the driver, and to pass it to its VM."""
        return self.frame_time_fs + self.pass_time_fs

    @property
    def byte_cost_fs(self) -> int:
        """Return the core time of each byte of a frame."""
        return self.byte_time_fs + self.pass_byte_time_fs

    @property
    def polls(self) -> bool:
        """Say whether the driver sees received frames without an interrupt."""
        return not (self.rx_interrupt_batch or self.moderation_fs)

    @property
    def masks(self) -> bool:
        """Say whether the driver has Rx interrupts, and masks them while it polls."""
        return self.mask_interrupts and not self.polls

    @property
    def behaviour(self) -> tuple[Any, ...]:
        """Return all settings but the preset's name, so that drivers that behave alike compare equal."""
        return tuple(getattr(self, name) for name in VmDriver.model_fields if name != "preset")


class Driver(VmDriver):
    """The driver of all VMs of a server, but for those that have one of their own."""

    vms: dict[Annotated[str, Name()], VmDriver] = key(
        {},
        "Functions whose driver is another one, with the keys in which it is: {vf1: {preset: kernel}, vf2: "
        "{frame_time: 200ns}}. A key that is not said is as in `driver`; beside a `preset` it is that preset's.",
        unsaid={},
    )
