"""Validate the blocks `pcie`, `nic` and `port`: the adapter's link, its functions and buffers, its Ethernet port."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from hwmodel.rules.function_names import MOST_VFS
from hwmodel.rules.pci_bus import CYCLE_FS, WIDTHS_BITS, BusKind, bus_name
from hwmodel.rules.pcie_link import (
    DESCRIPTOR_BYTES,
    GENERATIONS,
    LANE_WIDTHS,
    MOST_TEN_BIT_TAGS,
    REGISTER_BYTES,
    DllpModel,
)

from .arbitration import TransmitArbitration
from .flow_control import FlowControl
from .kinds import Block, ByteCount, ByteRate, Duration, Listing, Truth, Whole, Word, key
from .names import PortName, ethernet_ports
from .presets import DEVICES, Device
from .steering import Steering

Ordering = Literal["strict", "relaxed", "id_based"]
Arbitration = Literal["round_robin", "reads_first", "writes_first", "arrival"]
Generation = Annotated[int, Whole(choices=tuple(GENERATIONS))]
Lanes = Annotated[int, Whole(choices=LANE_WIDTHS)]
HeaderCredits = Annotated[int, Whole(0, 127)]  # PCI Express Base Specification 3.0, 2.6.1: at most 127 outstanding
DataCredits = Annotated[int, Whole(0, 2047)]  # the same: at most 2047 outstanding, 16 B each
DevicePreset = Literal["82576", "82599", "X540", "X550", "XL710"]
NicMode = Literal["sriov", "vmdq", "vswitch"]
# What a simulation has room for: queue pairs of all functions together, descriptors of all Tx (or Rx) rings, and TLPs
# that are under way on a link at once, in each direction.
MODEL_MAX_QUEUES = 1024
MODEL_RING_POOL = 2**21
MODEL_TLPS_ON_LINK = 4095
# RSC: most frames that may begin in one Rx descriptor's buffer, and the model's room for these in all rings together.
PLACES_A_DESCRIPTOR = 16
MODEL_PLACES = 2**22
# Keys of `pcie` that a bus has no use for.
OF_LINKS = (
    "generation", "lanes", "dllp_model", "propagation", "switch_hops", "switch_latency", "address_bits", "ecrc",
    "credits",
)  # fmt: skip
_BATCH = Whole(1, 4096)
_THRESHOLD = Whole(0, 127)  # Intel 82599 data sheet, TXDCTL: seven bits each
_TIME = Duration("0ns", "1ms")
_BUFFER = ByteCount("64B", "64MiB")
_DESCRIPTOR = ByteCount("16B", "64B", power_of_two=True)


class Credits(Block):
    """Flow-control credits; 0 means infinite, as in the InitFC of the PCI Express Base Specification."""

    ph: HeaderCredits = key(
        0,
        "Posted header credits that the host grants for memory writes, one a TLP; 0 is infinite. "
        "Too few stall the writes for a round trip (`stalls_ns.credits`).",
    )
    pd: DataCredits = key(
        0,
        "Posted data credits that the host grants, 16 B each; 0 is infinite, else at least max_payload / 16, "
        "or a full write could never be sent.",
    )
    nph: HeaderCredits = key(
        0, "Non-posted header credits that the host grants for read requests, one a request; 0 is infinite."
    )
    npd: DataCredits = key(
        0, "Non-posted data credits; memory reads carry no data, so they limit nothing here; 0 is infinite."
    )
    cplh: HeaderCredits = key(
        0,
        "Completion header credits that the adapter grants to the host, one a completion; 0 is infinite, as the "
        "specification has it for endpoints.",
    )
    cpld: DataCredits = key(
        0,
        "Completion data credits that the adapter grants to the host, 16 B each; 0 is infinite, as the specification "
        "has it for endpoints.",
    )
    return_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "200ns",
        "Time from the receipt of a posted TLP to the return of its credits; longer means more credits are "
        "needed for the same write rate.",
        alias="return",
    )


class PciBus(Block):
    """A PCI or PCI-X bus, for all adapters of a server that have it: one transaction at a time, either way."""

    kind: Annotated[BusKind, Word(BusKind)] = key(
        "pci_x",
        "pci: a read is retried until the host has its data, and the bus is kept by each try. pci_x: a read is split, "
        "and its data come as a transaction of the host's.",
    )
    width_bits: Annotated[int, Whole(choices=WIDTHS_BITS)] = key(64, "Width of the bus, 32 or 64 bits.")
    clock_mhz: Annotated[int, Whole(choices=tuple(CYCLE_FS))] = key(
        66, "Clock, as people call it: 33 and 66 of PCI, 66, 100 and 133 of PCI-X; 33 are 30 ns, 133 are 7.5 ns."
    )
    decode_clocks: Annotated[int, Whole(1, 4)] = key(
        2, "Clocks until a target knows its address (DEVSEL#): PCI fast 1, medium 2, slow 3; PCI-X A 1, B 2, C 3."
    )
    initial_wait_clocks: Annotated[int, Whole(0, 15)] = key(
        0, "Clocks that a target waits before the first data of a transaction."
    )
    latency_timer: Annotated[int, Whole(0, 255)] = key(
        64,
        "Clocks from its address on for which a master may go on with a burst where another asked as it got the bus; "
        "a burst of PCI-X then ends at the next multiple of 128 B.",
    )
    retry_clocks: Annotated[int, Whole(2, 255)] = key(
        2, "Clocks for which a master does not ask again behind a try at a read of PCI (REQ# is off for two at least)."
    )


class Pcie(Block):
    """The PCI Express link: its rate, its transaction sizes and what its data link layer costs."""

    shown_by = ("bus",)
    generation: Generation = key(2, "PCI Express generation, 1 to 5: 2.5, 5, 8, 16 or 32 GT/s a lane.")
    lanes: Lanes = key(4, "Width of the link; with `generation` it sets the raw rate.")
    max_payload_bytes: Annotated[int, ByteCount("128B", "4096B", power_of_two=True)] = key(
        "256B",
        "Largest payload of a memory write or completion (MPS). A larger one spends fewer bytes on headers.",
        alias="max_payload",
    )
    max_read_request_bytes: Annotated[int, ByteCount("128B", "4096B", power_of_two=True)] = key(
        "512B",
        "Largest read request (MRRS). A larger one sends fewer requests up and needs fewer tags.",
        alias="max_read_request",
    )
    read_completion_boundary_bytes: Annotated[int, ByteCount("64B", "128B", power_of_two=True)] = key(
        "64B",
        "Addresses at which the host may cut completions (RCB), 64 B or 128 B.",
        alias="read_completion_boundary",
    )
    tags: Annotated[int, Whole(1, MOST_TEN_BIT_TAGS)] = key(
        32,
        "Read requests that may be outstanding at once, descriptors and payload together. With few, reads are "
        "limited to tags * request / round trip. More than 256 have tags of 10 bits, from generation 4 on.",
    )
    dllp_model: Annotated[DllpModel, Word(DllpModel)] = key(
        "tlp4",
        "What acknowledgements and credit updates cost: nothing, one of each at the limit times of the "
        "specification's tables, one of each per four TLPs, one of each per TLP, or as pcie-bench counts them.",
    )
    arbitration: Annotated[Arbitration, Word(Arbitration)] = key(
        "round_robin",
        "Who goes first on the way up when a read request and a write are both ready; changes the latency of a "
        "loaded link.",
    )
    propagation_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "0ns", "Time from the end of a TLP's transmission to its receipt, each way.", alias="propagation"
    )
    switch_hops: Annotated[int, Whole(0, 8)] = key(0, "PCIe switches between adapter and host.")
    switch_latency_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "150ns",
        "What each switch adds to `propagation`, each way. Product briefs of cut-through switches say at most 100ns "
        "(PLX PEX 8747) to 160ns (PEX 8624); 150ns is the Broadcom PEX8796 (docs/pcie.md).",
        alias="switch_latency",
    )
    ordering: Annotated[Ordering, Word(Ordering)] = key(
        "strict",
        "What waits for the writes that the host received before: all writes and reads, all but payload writes "
        "(relaxed ordering), or what is of the same function (ID-based ordering).",
    )
    address_bits: Annotated[int, Whole(choices=(32, 64))] = key(
        64, "Address size in requests: 64 bits make headers of 24 B with framing, 32 bits of 20 B."
    )
    ecrc: Annotated[bool, Truth()] = key(False, "End-to-end CRC: 4 B more for each TLP.")
    credits: Credits = key({}, "Flow-control credits; 0 is infinite.")
    errors: Annotated[None, Word(None, none_word="none")] = key(
        "none", "Transmission errors and replays: `none` is the one choice so far."
    )
    bus: PciBus | None = key(
        None,
        "A shared PCI or PCI-X bus in place of the link (docs/pcie.md): bus: {kind: pci_x, clock_mhz: 133}; null: "
        "none. Then tags are reads under way, or splits, max_payload is where the host ends a burst, max_read_request "
        "what one read brings at most.",
        unsaid=None,
    )

    @model_serializer(mode="wrap")
    def _said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys that only links have (`OF_LINKS`), if the adapter is on a bus."""
        said: dict[str, Any] = write(self)
        return said if self.bus is None else {name: value for name, value in said.items() if name not in OF_LINKS}

    @property
    def flight_fs(self) -> int:
        """Return the one-way time of flight: propagation and the latency of each switch hop."""
        return self.propagation_fs + self.switch_hops * self.switch_latency_fs

    @property
    def link_name(self) -> str:
        """Name the link as people do: "PCIe Gen2 x4, MPS 256 B, MRRS 512 B"; or the bus: "PCI-X 64-bit 133 MHz"."""
        if self.bus is not None:
            sizes = f"reads of {self.max_read_request_bytes} B, bursts to {self.max_payload_bytes} B"
            return f"{bus_name(self.bus.kind, self.bus.width_bits, self.bus.clock_mhz)}, {sizes}"
        sizes = f"MPS {self.max_payload_bytes} B, MRRS {self.max_read_request_bytes} B"
        return f"PCIe Gen{self.generation} x{self.lanes}, {sizes}"


class DmaEngine(Block):
    """One of the adapter's DMA engines: how long an operation keeps it, and how many are under way."""

    operation_fs: Annotated[int, _TIME] = key("0ns", "Least time from one operation to the next.", alias="operation")
    small_bytes: Annotated[int, ByteCount("0B", "4KiB")] = key(
        "0B", "Operations up to here are small ones.", alias="small"
    )
    small_operation_fs: Annotated[int, _TIME] = key(
        "0ns", "Time from a small operation to the next.", alias="small_operation"
    )
    start_fs: Annotated[int, _TIME] = key(
        "0ns", "What an operation takes beside its pieces and bytes, if that is longer than `operation`.", alias="start"
    )
    piece_bytes: Annotated[int, ByteCount("16B", "4KiB")] = key("128B", "Pieces that the engine moves.", alias="piece")
    piece_time_fs: Annotated[int, _TIME] = key("0ns", "Time of each piece begun.", alias="piece_time")
    piece_least_bytes: Annotated[int, ByteCount("0B", "4KiB")] = key(
        "0B", "What the last piece counts as if it has fewer bytes.", alias="piece_least"
    )
    rate_bps: Annotated[int, ByteRate("1Mbps", "10000Gbps")] | None = key(
        None, "Rate of the bytes, beside the pieces; null: no time.", alias="rate"
    )
    latency_fs: Annotated[int, _TIME] = key(
        "0ns", "Time from a command to its first TLP on an idle engine; commands overlap.", alias="latency"
    )
    outstanding: Annotated[int, Whole(2, 4096)] = key(
        256, "Operations under way at once. Of reads large ones count twice; `pcie.tags` holds too."
    )
    large_bytes: Annotated[int, ByteCount("0B", "1MiB")] = key("1MiB", "Reads beyond this count twice.", alias="large")


class DmaEngines(Block):
    """The engines that move data over the link: one for reads, one for writes, and what they share."""

    read: DmaEngine = key({}, "The engine of reads.")
    write: DmaEngine = key({}, "The engine of writes.")
    shared_rate_bps: Annotated[int, ByteRate("1Mbps", "10000Gbps")] | None = key(
        None, "Rate of the path that reads and writes share inside the adapter; null: none.", alias="shared_rate"
    )
    shared_time_fs: Annotated[int, _TIME] = key(
        "0ns", "What an operation takes of the shared path beside its bytes.", alias="shared_time"
    )
    shared_bytes: Annotated[int, ByteCount("16B", "1MiB")] = key(
        "1MiB", "Of each operation so much takes time on the shared path."
    )


class Rsc(Block):
    """Receive-side coalescing: frames of a flow that follow one another become one large receive."""

    descriptors: Annotated[int, Whole(choices=(1, 4, 8, 16))] = key(
        16,
        "Most Rx descriptors of a coalesced receive, whose buffers may have 65,535 B in all: RSCCTL.MAXDESC of the "
        "82599.",
    )
    timeout_fs: Annotated[int, Duration("100ns", "1ms")] = key(
        "6144ns",
        "How long after its first frame a coalesced receive is closed at the latest. 6144ns: three steps of EITR, the "
        "shortest interval that Linux' ixgbe sets with RSC (IXGBE_MAX_RSC_INT_RATE).",
        alias="timeout",
    )


class TxThresholds(Block):
    """The thresholds of TXDCTL, under the data sheets' names, and how often drivers ask for a report."""

    pthresh: Annotated[int, _THRESHOLD] = key(
        32,
        "Prefetch threshold: more Tx descriptors are read while fewer than so many are on the chip. nic.fetch_batch "
        "is then what is free beyond it: nic.descriptor_cache less PTHRESH.",
    )
    hthresh: Annotated[int, _THRESHOLD] = key(
        1,
        "Host threshold: so many descriptors must be there to be read before they are needed. One whose ring has none "
        "on the chip is read in any case.",
    )
    wthresh: Annotated[int, _THRESHOLD] = key(
        8,
        "Write-back threshold: done descriptors that are written back together (nic.tx_writeback_batch). 0: those with "
        "the RS bit alone, at once.",
    )
    rs: Annotated[int, _BATCH] = key(
        1,
        "Each so many-th frame's last descriptor has the RS bit, which asks for a report; with WTHRESH 0 it alone is "
        "written back, and tells of those before it.",
    )


class RxThresholds(Block):
    """The thresholds of RXDCTL, under the data sheets' names."""

    pthresh: Annotated[int, _THRESHOLD] = key(
        8, "Prefetch threshold: Rx descriptors that a ring tries to have on the chip (nic.rx_prefetch)."
    )
    hthresh: Annotated[int, _THRESHOLD] = key(
        8, "Host threshold: posted descriptors that there must be for a prefetch, which reads so many (rx_fetch_batch)."
    )
    wthresh: Annotated[int, _THRESHOLD] = key(
        0, "Write-back threshold: filled descriptors that are written back together (rx_writeback_batch); 0 as 1."
    )


class Nic(Block):
    """The adapter: functions, queues, descriptor rings and their batches, packet buffers."""

    preset: Annotated[DevicePreset | None, Word(DevicePreset)] | None = key(
        "82599",
        "Device whose numbers stand in for keys that are not written, and whose limits are checked; null: no device. "
        "It sets this block's rings, batches and buffers, pcie.generation, pcie.lanes and port.rate.",
    )
    strict: Annotated[bool, Truth()] | None = key(
        True,
        "Whether what the preset's device cannot do is wrong (the limits below, with their sources); false: a warning "
        "names it, and the run has it. A rate, a width or a list beyond the device is then that of no real adapter. "
        "null, where no preset is written: only limits that are marked so below hold, for nobody has named a device.",
        unsaid=True,
    )
    mode: Annotated[NicMode, Word(NicMode)] = key(
        "sriov",
        "How VMs have their queues: each has a virtual function and its own driver (sriov), or the PF has all queues, "
        "a pool for each VM, and the hypervisor's driver passes the frames to the VMs and from them (vmdq), or VMs "
        "have ports of the host's virtual switch and nothing of the adapter (vswitch).",
    )
    vfs: Annotated[int, Whole(1, MOST_VFS)] = key(
        8, "Virtual functions, one for each VM: vf0, vf1 and so on; in mode vmdq the VMs' pools, of the same names."
    )
    queues_per_vf: Annotated[int, Whole(1, 16)] = key(
        1,
        "Pairs of a Tx and an Rx ring for each function or pool, the PF's too. What one station sends to another stays "
        "in one ring unless it has several connections (workload.connections): more of them matter to those that send "
        "to, or get from, several.",
    )
    vectors_per_function: Annotated[int, Whole(1, 16)] | None = key(
        None,
        "MSI-X vectors that each function has for its queues. With fewer than queues, queue q has vector q modulo "
        "their number: its rings share interrupts, their moderation and their core. null: one for each queue.",
        unsaid=None,
    )
    steering: Steering | None = key(
        None,
        "Which queue of a function or pool a received frame goes to (docs/steering.md); null: its hash modulo the "
        "queues.",
        derived="with workload.connections the RSS table alone",
    )
    tx_descriptor_bytes: Annotated[int, _DESCRIPTOR] = key(
        "16B",
        "Size of a Tx descriptor. Intel's have 16 B, those of the ConnectX kind 64 B (Linux, mlx5/qp.h: "
        "MLX5_SEND_WQE_BB). An Rx descriptor has 16 B.",
        alias="tx_descriptor",
        unsaid=DESCRIPTOR_BYTES,
    )
    completion_entry_bytes: Annotated[int, _DESCRIPTOR] | None = key(
        None,
        "Size of an entry of the completion rings into which what is done is reported, 64B with adapters of the "
        "ConnectX kind (Linux, mlx5/device.h: struct mlx5_cqe64); null: descriptors are written back where they lie.",
        alias="completion_entry",
        unsaid=None,
    )
    doorbell_bytes: Annotated[int, ByteCount("4B", "8B", power_of_two=True)] = key(
        "4B",
        "Size of a driver's write that tells of descriptors or enables an interrupt: a tail register has 4 B, "
        "mlx5/doorbell.h writes 8 B (mlx5_write64).",
        alias="doorbell",
        unsaid=REGISTER_BYTES,
    )
    tx_ring: Annotated[int, Whole(8, 65536)] = key(
        512, "Descriptors of a Tx ring. A saturated sender keeps it full, so it adds to the latency."
    )
    rx_ring: Annotated[int, Whole(8, 65536)] = key(
        512, "Descriptors of an Rx ring: how many frames a slow receiver may lag behind before frames drop or wait."
    )
    fetch_batch: Annotated[int, _BATCH] = key(
        8, "Tx descriptors read at once. Larger spends fewer bytes on read requests and headers."
    )
    rx_fetch_batch: Annotated[int, _BATCH] = key(
        8, "Rx descriptors read at once, when fewer than rx_prefetch are cached and as many are posted."
    )
    rx_prefetch: Annotated[int, Whole(0, 4096)] = key(
        8,
        "Rx descriptors that a queue tries to have cached; 0: read one when a frame needs it, which adds a round trip.",
    )
    tx_writeback_batch: Annotated[int, _BATCH] = key(8, "Tx descriptors done before one write reports them.")
    rx_writeback_batch: Annotated[int, _BATCH] = key(
        1, "Rx descriptors filled before one write reports them. Larger saves bytes upwards and delays frames."
    )
    writeback_timeout_fs: Annotated[int, Duration("1ns", "1s")] | None = key(
        "64us",
        "How long after the first held write-back all held ones go out; null: no timer, a part batch waits for more.",
        alias="writeback_timeout",
    )
    descriptor_cache: Annotated[int, Whole(1, 4096)] = key(
        64, "Descriptors that a queue holds on the chip; fetch_batch, rx_fetch_batch and rx_prefetch must fit."
    )
    shared_descriptor_cache: Annotated[int, Whole(1, 2**21)] | None = key(
        None,
        "Descriptors that the chip holds for all Tx and Rx rings together: each of n rings in use has at most this / "
        "n, so with many rings fewer are fetched at once. null: each ring has descriptor_cache of its own.",
        unsaid=None,
    )
    txdctl: TxThresholds | None = key(
        None,
        "Thresholds of the Tx rings under their data-sheet names, in place of fetch_batch and tx_writeback_batch; "
        "`txdctl: {}` is what Linux' ixgbe sets. null: none.",
        unsaid=None,
    )
    rxdctl: RxThresholds | None = key(
        None,
        "Thresholds of the Rx rings under their data-sheet names, in place of rx_prefetch, rx_fetch_batch and "
        "rx_writeback_batch; null: none.",
        unsaid=None,
    )
    store_rate_bps: Annotated[int, ByteRate("1Mbps", "10000Gbps")] | None = key(
        None, "Rate at which received data move into the adapter's buffer; null: at once.", alias="store_rate"
    )
    dma: DmaEngines | None = key(
        None, "The DMA engines' own limits; null: none but the link's, the tags' and the buffers'."
    )
    tx_buffer_bytes: Annotated[int, _BUFFER] = key(
        "160KiB",
        "Packet buffer for frames read from the host. Room is reserved before a read, so a small one holds reads back.",
        alias="tx_buffer",
    )
    rx_buffer_bytes: Annotated[int, _BUFFER] = key(
        "512KiB", "Packet buffer for frames on their way to the host; frames from the wire drop when it is full.",
        alias="rx_buffer",
    )  # fmt: skip
    max_pps: Annotated[int, Whole(1, 10**10)] | None = key(
        None, "Frames a second that the adapter's pipeline can pass; null: unlimited."
    )
    queue_time_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "0ns",
        "Time that the adapter needs for each frame of one Tx ring, which may be ahead by descriptor_cache frames.",
        alias="queue_time",
    )
    rate_limit_window_bytes: Annotated[int, ByteCount("0B", "1MiB")] = key(
        "4KiB",
        "Bytes that a limited station may make up for, at its own rate, after frames that came later than their turn.",
        alias="rate_limit_window",
    )
    drop_enable: Annotated[bool, Truth()] = key(
        True, "Drop a frame whose Rx ring has no descriptor; false: it waits, and all frames behind it."
    )
    arbitration: TransmitArbitration | None = key(
        None,
        "Who sends next by classes of traffic, in two planes with credits, as the 82599's DCB has it "
        "(docs/datapath/transmit.md); null: as switch.scheduler says.",
        unsaid=None,
    )
    flow_control: FlowControl | None = key(
        None,
        "PAUSE or priority flow control: the adapter stops who sends to it before its Rx buffer is full, and stops "
        "when it is told to; null: neither.",
        unsaid=None,
    )
    tso: Annotated[bool, Truth()] = key(
        True,
        "Whether the adapter cuts sends into frames (TCP segmentation offload), which workload.segment_bytes asks for. "
        "Where it does not, a virtual switch's core cuts what leaves by the wire (GSO).",
        unsaid=True,
    )
    rsc: Rsc | None = key(
        None,
        "Receive-side coalescing (LRO in hardware), `rsc: {}` with its defaults; null: each frame is a receive of its "
        "own. Linux' ixgbe turns it off while there are VFs.",
        unsaid=None,
    )
    header_split_bytes: Annotated[int, ByteCount("64B", "1KiB", multiple_of="64B")] | None = key(
        None,
        "Size of the header buffers into which the headers of frames are written by themselves; null: header and "
        "payload lie in one buffer. Headers that are longer are not split off.",
        alias="header_split",
        unsaid=None,
    )

    @property
    def device(self) -> Device | None:
        """Return what is known of the preset's device; None where there is no preset."""
        return None if self.preset is None else DEVICES[self.preset]

    @property
    def n_queues(self) -> int:
        """Return the number of queue pairs of all functions together, the PF's included."""
        return self.queues_per_vf * (self.vfs + 1)

    @property
    def tx_host_threshold(self) -> int:
        """Return how many posted Tx descriptors a prefetch needs at least (HTHRESH); 0 without `txdctl`."""
        return 0 if self.txdctl is None else self.txdctl.hthresh

    @property
    def reports_last(self) -> bool:
        """Say whether only a batch's last Tx descriptor is written back, on behalf of the whole batch."""
        return self.txdctl is not None and self.txdctl.wthresh == 0 and self.txdctl.rs > 1

    @property
    def tx_entry_bytes(self) -> int:
        """Return the bytes that report a done Tx descriptor: its own, or those of a completion entry."""
        return self.completion_entry_bytes or self.tx_descriptor_bytes

    @property
    def rx_entry_bytes(self) -> int:
        """Return the bytes that report a done Rx descriptor."""
        return self.completion_entry_bytes or DESCRIPTOR_BYTES

    @property
    def n_vectors(self) -> int:
        """Return how many vectors the queues of a function have."""
        return min(self.queues_per_vf, self.vectors_per_function or self.queues_per_vf)


class WirePort(Block):
    """The Ethernet port."""

    rate_bps: Annotated[int, ByteRate("1Mbps", "1000Gbps")] = key(
        "10Gbps",
        "Rate of the Ethernet port, each way; a frame takes its bytes and 20 B more. Of several each has it.",
        alias="rate",
    )
    count: Annotated[int, Whole(choices=(1, 2, 4))] = key(
        1,
        "Ethernet ports of the adapter, p0, p1 and so on, each with a wire and a switch of its own; rings, buffers, "
        "tags and the link are shared. Functions belong to a port: switch.ports.NAME.port. A bridge has a port of its "
        "name for each.",
        unsaid=1,
    )
    down: Annotated[tuple[Annotated[str, PortName()], ...], Listing("[p1]")] = key(
        [], "Ports whose wire is dead: frames that would leave by it, or come, drop as LINK_DOWN.", unsaid=()
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the ports, p0 and so on; a single port's name is an empty text."""
        return ethernet_ports(self.count) if self.count > 1 else ("",)

    def number_of(self, name: str | None) -> int:
        """Return the number of a port; 0 for a function that names none."""
        return int(name[1:]) if name else 0

    def is_down(self, number: int) -> bool:
        """Tell whether a port's wire is dead."""
        return f"p{number}" in self.down
