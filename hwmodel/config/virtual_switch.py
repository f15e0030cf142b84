"""Validate `host.virtual_switch`: a switch in the host's memory, its cores, its flow cache, the bond of its uplink."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from hwmodel.units import BITS_PER_BYTE, FS_PER_S, format_time_fs, parse_time_fs

from .kinds import Block, ByteCount, Duration, Listing, OrWord, Rate, Truth, Whole, Word, key
from .names import CoreNumber, PortName
from .workload import VmNames

PassedBy = Literal["pointer", "copy", "parent"]
Preset = Literal["pointer", "ovs_dpdk", "ovs_kernel", "linux_bridge_vhost", "vds", "hyper_v"]
Reach = Literal["private", "internal", "external"]
WhenFull = Literal["drop", "wait"]
_COST = Duration("0ns", "1ms")
# Of each byte: what a core does at once, up to 4,096 sends of 256 KiB, must end within 63 bits of femtoseconds.
BYTE_COST = Duration("0ns", "1us")
MOST_SWITCH_CORES = 64
MOST_VMS = 127  # of 128: the uplink, or each leg of its bond, takes the place of one VM
# What it takes a hypervisor to pass a frame on, and each byte of it. Model's choice: "up to 30 Gb/s" is what textbooks
# say of virtual switches that pass pointers, which at 1500 B is 2.5 Mpps, 400 ns a frame on one core; one copy is made
# at 10 GB/s.
FRAME_TIME = "400ns"
# The part of a switch's time for a frame in which it finds out whose the frame is. VMDq spares it, for the adapter has
# sorted the frames; the driver's time, the hand-over to the VM and copies remain. Two sources say about half. OVS with
# DPDK, 80 ns from port to port (Zhang et al.), of which DPDK's driver takes 2 * 20. From port to VM by OVS' kernel path
# 613 ns (ovs_perf); by XDP straight to the VM's tap, without a switch, 400 and 328 (Linux, "tuntap: XDP transmission").
LOOKUP_SHARE = Fraction(1, 2)
PASS_TIME = format_time_fs(int(parse_time_fs(FRAME_TIME) * (1 - LOOKUP_SHARE)))
PASS_TIME_ASSUMED = "half of what textbooks give a virtual switch for a frame, no measurement of a hypervisor"
# To cut a frame off a segment: copy and edit the header, write a descriptor, no payload; a quarter of a whole frame.
SEGMENT_FRAME_TIME = "100ns"
# To put an outer tag on, or take it off: some 30 cycles at 3 GHz, in which both addresses are moved within a line of
# the cache and the number is looked up.
TAG_TIME = "10ns"
TAG_TIME_ASSUMED = "some 30 cycles to move both addresses and look a number up, no measurement of a hypervisor"
RULE_TIME = {"masks": "100ns", "list": "5ns"}
BYTE_TIME = {"pointer": "0ns", "copy": "0.1ns", "parent": "0.2ns"}
COPIES = {"pointer": 0, "copy": 1, "parent": 2}
WildcardMatch = Literal["ends", "connections"]
RuleMatch = Literal["masks", "list"]
_SLOW_COST = Duration("0ns", "1s")
MOST_ENTRIES = 1 << 20
MOST_LEARNED = 4096  # beside its stations' own, what the tables of a switch look up
MOST_MISS_CORES = 16
MOST_WAITING = 1024
BondMode = Literal["active_backup", "source_mac", "l4_hash"]
Lacp = Literal["off", "fast", "slow"]
_DELAY = Duration("0ns", "1000s")


class FlowCache(Block):
    """The flow cache of a virtual switch: exact match, wildcards, and a slow path for what neither holds."""

    near_entries: Annotated[int, Whole(0, MOST_ENTRIES)] = key(
        0,
        "Connections, those used last, whose entries the switching core's own processor caches hold; 0: all. Presets "
        "have a number.",
    )
    far_time_fs: Annotated[int, _SLOW_COST] = key(
        "0ns",
        "Processor time to fetch the entry of any other connection from further away, for each frame. What is "
        "published: with 1000 connections Open vSwitch takes some 90 ns more for a frame than with 10, though its "
        "exact match holds all (docs/virtual_switch.md).",
        alias="far_time",
    )
    exact_entries: Annotated[int, Whole(0, MOST_ENTRIES)] = key(
        8192,
        "Connections that the exact match holds, the least recently used going first; 0: there is none. The default is "
        "that of Open vSwitch's datapath in user space (EM_FLOW_HASH_SHIFT 13 in lib/dpif-netdev.c).",
    )
    exact_time_fs: Annotated[int, _SLOW_COST] = key(
        "0ns",
        "Processor time to look there, for each frame. 0ns: `frame_time` has it in it, as of a frame that is found.",
        alias="exact_time",
    )
    wildcard_entries: Annotated[int, Whole(0, MOST_ENTRIES)] = key(
        65536,
        "Entries with wildcards (megaflows), the least recently used going first; 0: there are none. The default is "
        "that of Open vSwitch's datapath in user space (MAX_FLOWS).",
    )
    wildcard_time_fs: Annotated[int, _SLOW_COST] = key(
        "100ns",
        "Processor time to look there, for each frame that the exact match does not hold, and for each table of rules "
        "(`rule_match: masks`). The default is some 300 cycles at 3 GHz: 1200 a frame with 8,000 to 64,000 flows, 900 "
        "with 16 (B. O'Mahony, RFC of EMC load-shedding on ovs-dev, September 2017).",
        alias="wildcard_time",
    )
    wildcard_match: Annotated[WildcardMatch, Word(WildcardMatch)] = key(
        "ends",
        "What an entry with wildcards is for: all frames from one station to another (ends), as where the switch goes "
        "by addresses and VLANs alone, or one connection, as where its rules look at ports of TCP and UDP.",
    )
    miss_time_fs: Annotated[int, _SLOW_COST] = key(
        "20us",
        "Processor time of the slow path, for each frame that neither holds: an upcall, its decision, the new entries. "
        "Model's choice.",
        alias="miss_time",
    )
    miss_cores: Annotated[tuple[CoreNumber, ...], Listing("[10]", least=0, most=MOST_MISS_CORES)] = key(
        [],
        "Cores of the host that do that, Tx ring by Tx ring in turn, while the frame waits aside and others pass it "
        "(handler threads). []: the switch's own core does it at once, and what is behind waits.",
    )
    miss_queue: Annotated[int, Whole(1, MOST_WAITING)] = key(
        128,
        "Frames that wait at most for one of `miss_cores`, the one in work among them; one more is dropped "
        "(QUEUE_FULL). The default is MAX_QUEUE_LEN of earlier versions of Open vSwitch's datapath in user space.",
    )


class Learning(Block):
    """What a virtual switch learns: behind which of its ports each address stands, in its VLAN."""

    table: Annotated[int, Whole(1, MOST_LEARNED)] = key(
        2048,
        "Addresses that the switch can learn; one that finds the table full is not learned. The default is that of "
        "earlier versions of Open vSwitch (MAC_DEFAULT_MAX in lib/mac-learning.h).",
    )
    ageing_fs: Annotated[int, Duration("1us", "4000s")] = key(
        "300s",
        "Time after which an address that sent nothing is forgotten. The default is that of Open vSwitch "
        "(mac-aging-time).",
        alias="ageing",
    )
    announce: Annotated[bool, Truth()] = key(
        False,
        "Whether all VMs, and the stations outside, have made their addresses known before the run, as by ARP: else "
        "frames to one that has not sent yet go to all VMs.",
    )


class Bond(Block):
    """All Ethernet ports of the adapter as legs of one uplink, as Linux' bonding has it: who uses which, how long."""

    mode: Annotated[BondMode, Word(BondMode)] = key(
        "active_backup",
        "By which leg a frame goes: all by the active one; by its source address and VLAN (Linux: xmit_hash_policy "
        "vlan+srcmac); by addresses and ports (layer3+4).",
    )
    primary: Annotated[str, PortName()] | None = key(
        None,
        "With active_backup the leg that is active whenever it is in use; null: none, the one that takes over stays.",
    )
    monitor_fs: Annotated[int, _DELAY] = key(
        "100ms",
        "How often the host looks whether legs have a carrier (Linux: miimon); 0ns: it is told at once. The default is "
        "what the driver's documentation calls a good start.",
        alias="monitor",
    )
    down_delay_fs: Annotated[int, _DELAY] = key(
        "0ns", "For how long a leg is without a carrier before it is given up (downdelay).", alias="down_delay"
    )
    up_delay_fs: Annotated[int, _DELAY] = key(
        "0ns", "For how long a leg has its carrier again before it is used (updelay).", alias="up_delay"
    )
    lacp: Annotated[Lacp, Word(Lacp)] = key(
        "off",
        "Whether the ends of a leg send each other LACPDUs: each second (fast) or each 30 s (slow); a leg whose other "
        "end is silent is given up three of these after the last one, 3 s or 90 s. Not with active_backup.",
    )
    silent: Annotated[tuple[Annotated[str, PortName()], ...], Listing("[p1]", least=0, most=4)] = key(
        [],
        "Legs whose other end is silent though they have a carrier: nothing passes, and LACP alone finds it. May "
        "change in mid-run, as `port.down` may.",
    )
    idle: Annotated[tuple[Annotated[str, PortName()], ...], Listing("[p1]", least=0, most=4)] = key(
        [],
        "Legs that are not used, whatever their carriers are: as an agent that speaks LACP sets it, or an event.",
        unsaid=(),
    )

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the legs that are not used at the start whatever their carriers are: with LACP the silent ones too."""
        return self.idle if self.lacp == "off" else (*self.idle, *self.silent)


def n_ports_at_once(bond: Bond | None, n_ports: int) -> int:
    """Return how many of an adapter's ports send at once: of an active-backup bond only one does."""
    return 1 if bond is not None and bond.mode == "active_backup" else n_ports


class VirtualSwitch(Block):
    """The host's virtual switch (nic.mode: vswitch): what a frame takes there, on which cores."""

    preset: Annotated[Preset, Word(Preset)] | None = key(
        None,
        "Times of a switch that others have measured, with their sources in docs/virtual_switch.md; a key that is "
        "written counts in place of the preset's.",
    )
    pass_by: Annotated[PassedBy, Word(PassedBy)] = key(
        "copy",
        "How a frame comes from VM to VM: by pointer, in the buffer of its sender; copied once, as vhost does it; or "
        "twice, through a parent partition, whose cores are `cores`.",
    )
    frame_time_fs: Annotated[int, _COST] = key(
        FRAME_TIME,
        "Processor time of the switch's core for each frame. The default is the source chapter's: 30 Gb/s of frames of "
        "1500 B by passing pointers are 2.5 Mpps, 400 ns a frame on one core.",
        alias="frame_time",
    )
    guest_time_fs: Annotated[int, _COST] = key(
        "0ns",
        "Processor time of that core for each VM that a frame comes from or goes to, beside `frame_time`: for a frame "
        "from VM to VM twice, for one from the wire once.",
        alias="guest_time",
    )
    uplink_time_fs: Annotated[int, _COST] | None = key(
        None,
        "Processor time of that core for each frame that it takes from the adapter, or posts there: the uplink's "
        "driver. null: `driver.frame_time` of pf, as any driver takes it.",
        alias="uplink_time",
    )
    uplink_byte_time_fs: Annotated[int, BYTE_COST] | None = key(
        None,
        "Processor time of that driver for each byte of such a frame. null: `driver.byte_time` of pf.",
        alias="uplink_byte_time",
    )
    tag_time_fs: Annotated[int, _COST] = key(
        TAG_TIME,
        "Processor time of that core for each outer tag that it puts on a frame for the wire, or takes off one from "
        "there (switch.mode multichannel, vn_tag, e_tag); model's choice.",
        alias="tag_time",
    )
    ring_time_fs: Annotated[int, _COST] = key(
        "0ns",
        "Processor time for each frame and each further Tx ring of VMs, beside one, that has frames for its core: what "
        "rings push out of each other's way in the processor's caches. 0ns is the model's choice; presets have what "
        "was measured.",
        alias="ring_time",
    )
    further_rings: Annotated[int, Whole(0, 4096)] = key(
        3, "The most such further rings that take `ring_time`; more cost no more (measured of Open vSwitch with DPDK)."
    )
    rule_match: Annotated[RuleMatch, Word(RuleMatch)] = key(
        "masks",
        "How a frame meets the rules of `switch.acl`: in one table for each set of fields that rules ask for "
        "(masks; Open vSwitch's tuple space search, Pfaff et al., NSDI 2015), or rule by rule (list; ebtables).",
    )
    rule_time_fs: Annotated[int, _COST] = key(
        ...,
        "Processor time for each such table, or each rule, for each frame; with a flow cache its `wildcard_time` for "
        "each table, and a list is gone through in the slow path alone. 100ns is the default of `wildcard_time`; 5ns "
        "the model's choice.",
        alias="rule_time",
        derived="100ns, with rule_match: list 5ns",
    )
    byte_time_fs: Annotated[int, BYTE_COST] = key(
        ...,
        "Processor time for each byte of a frame, all its copies by the switch together.",
        alias="byte_time",
        derived="0.1ns, by pointer 0ns, through a parent 0.2ns",
    )
    segment_frame_time_fs: Annotated[int, _COST] = key(
        SEGMENT_FRAME_TIME,
        "Processor time for each frame that the core cuts of a segment for the wire (GSO), where the adapter does not "
        "(nic.tso: false), beside what the segment takes; model's choice.",
        alias="segment_frame_time",
    )
    memory_rate_bps: Annotated[int, Rate("1Gbps", "100000Gbps")] | None = key(
        None,
        "Bits a second that the host's memory reads and writes for the switch's copies, on all cores together; each "
        "copy reads and writes each byte. null: no limit but that of the cores.",
        alias="memory_rate",
    )
    batch: Annotated[int, Whole(1, 4096)] = key(
        32, "Frames of a ring that a core passes on at most before it looks at the next ring."
    )
    batch_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time for each such batch, beside its frames.", alias="batch_time"
    )
    kick_fs: Annotated[int, _COST] = key(
        "0ns",
        "Time from a driver's kick to the switch knowing of it. What a kick costs the VM is `driver.doorbell_time`.",
        alias="kick",
    )
    reach: Annotated[Reach, Word(Reach)] = key(
        ...,
        "How far the switch reaches: its VMs alone (private), its VMs and the host (internal), or the wire too "
        "(external; also called public), by rings of the adapter's PF, whose driver is that of pf.",
        derived="external where a bridge is there, the workload has frames to the wire or from it, or switch.mode is "
        "another than veb; else internal",
    )
    uplink_queues: Annotated[int, Whole(1, MOST_SWITCH_CORES)] | None = key(
        None,
        "Tx rings, and Rx rings, of the adapter that the uplink has, each leg of a bond as many. null: one for each of "
        "`cores`.",
    )
    on_uplink_full: Annotated[WhenFull, Word(WhenFull)] = key(
        "drop",
        "What becomes of a VM's frame for the wire that finds the uplink's Tx ring full: it is dropped (TX_RING_FULL), "
        "or it waits in the VM's ring, and with it all behind it there, while the core serves other rings.",
    )
    cores: Annotated[tuple[CoreNumber, ...], Listing("[9]", least=1, most=MOST_SWITCH_CORES)] = key(
        ..., "Cores of the host that pass frames on, Tx ring by Tx ring in turn.", derived="[the last of host.cores]"
    )
    thread_cores: Annotated[
        tuple[CoreNumber, ...] | Literal["own"],
        OrWord("own", Annotated[tuple[CoreNumber, ...], Listing("[10, 11]", least=0, most=MOST_VMS + 1)]),
    ] = key(
        [],
        "Cores of threads that take frames from VMs and hand frames to them, as vhost has one for each VM: VM K has "
        "number K modulo their length. Such a thread hands over what has come before it takes anything; each frame is "
        "copied once more, `guest_time` and `byte_time` are the threads', and a frame that finds 1000 waiting for one "
        "is dropped (QUEUE_FULL). []: `cores` do all. own: a core for each VM, the last that nobody else has; where "
        "there is none, `cores`.",
    )
    polls: Annotated[bool, Truth()] | None = key(
        None,
        "Whether these cores poll, and so are taken whole whatever they have to do (`cpu.cores[].by.polling`); no time "
        "of a frame follows from it. null: as the driver of pf.",
    )
    ecn_threshold_bytes: Annotated[int, ByteCount("0B", "1024MiB")] | None = key(
        None,
        "Bytes in front of a receiver above which a frame is marked (ECN, CE) on its way there: in its Rx ring and not "
        "yet taken, or in the uplink's Tx ring and not yet picked. null: none is. Senders do not react.",
        alias="ecn_threshold",
    )
    ecn_capable: Annotated[VmNames | Literal["all"], OrWord("all", VmNames)] = key(
        "all", "Senders whose frames may be marked (ECN-capable transport): all, those outside too, or a list of VMs."
    )
    sample_one_in: Annotated[int, Whole(1, 1 << 20)] | None = key(
        None, "One in so many frames, drawn by chance, is a sample, from which flows are estimated; null: none is."
    )
    sample_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time of the switch's core for each sample, beside its frame.", alias="sample_time"
    )
    flow_cache: FlowCache | None = key(
        None,
        "How the switch finds out what to do with a frame; null: that is part of `frame_time`, whatever it is.",
        unsaid=None,
    )

    learning: Learning | None = key(
        None,
        "The switch learns addresses, and floods what is for one that it does not know, or for a group, to all its "
        "ports in the VLAN; null: it knows the addresses and groups of its VMs, and all others are behind the uplink.",
        unsaid=None,
    )

    bond: Bond | None = key(
        None,
        "The adapter's Ethernet ports (`port.count`) as legs of one uplink; null: the uplink is its only port.",
        unsaid=None,
    )

    @property
    def memory_byte_fs(self) -> int:
        """Return for how long the host's memory is busy with each byte of a frame; 0 where it is no limit."""
        if self.memory_rate_bps is None:
            return 0
        return 2 * COPIES[self.pass_by] * BITS_PER_BYTE * FS_PER_S // self.memory_rate_bps

    @property
    def n_uplink_rings(self) -> int:
        """Return how many Tx rings, and Rx rings, of the adapter the uplink has; each leg of a bond as many."""
        if self.reach != "external":
            return 0
        return len(self.cores) if self.uplink_queues is None else self.uplink_queues
