"""Hold what is known of devices and drivers: values for keys that a user does not write, and limits to check.

Each number has its source beside it. "Model's choice" marks one that no source gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Mapping[str, Any]]  # block -> key -> value as a user would type it


@dataclass(frozen=True)
class Device:
    """A network adapter: default values, and limits that a configuration of it must keep (None: not known)."""

    values: Values
    max_vfs: int
    max_queues: int
    ring_least: int
    ring_most: int
    ring_step: int
    max_queues_per_function: int
    max_macs: int | None
    max_vlans: int | None
    max_mirrors: int
    max_pools: int | None
    rss_entries: int
    vf_rss_entries: int  # of a VF's table, or of the PF's that VFs share
    max_ethertype_filters: int
    max_tuple_filters: int
    has_flow_director: bool  # of the kind that rules.steering models; the XL710's is another
    max_ports: int
    has_rsc: bool = True  # all of these cut sends (TSO): Linux igb, ixgbe, i40e drivers, NETIF_F_TSO
    has_dcb: bool = False  # classes of traffic in two planes: 82599, X540 and X550 (Linux ixgbe_dcb_82599.c)
    tx_on_chip: int | None = None  # descriptors of a Tx ring
    vectors_per_vf: int | None = None  # for queues, beside the one for messages
    shares_vfs_by_ports: bool = False  # each of several ports has an equal part of the VFs


# What the 82599 does; the other devices say where they differ.
_NIC_82599 = {
    "tx_ring": 512,  # Linux ixgbe driver, ixgbe.h: IXGBE_DEFAULT_TXD
    "rx_ring": 512,  # Linux ixgbe driver, ixgbe.h: IXGBE_DEFAULT_RXD
    "fetch_batch": 32,  # Linux ixgbe and DPDK ixgbe drivers: TXDCTL prefetch threshold 32
    "rx_fetch_batch": 8,  # Linux ixgbe driver: RXDCTL prefetch and host thresholds 8
    "rx_prefetch": 8,  # Linux ixgbe driver: RXDCTL prefetch threshold 8
    "tx_writeback_batch": 8,  # pcie-bench: the 82599 writes Tx descriptors back by 8
    "rx_writeback_batch": 1,  # pcie-bench: Rx write-back not batched; Linux ixgbe driver: threshold 0
    "writeback_timeout": "64us",  # model's choice
    "descriptor_cache": 64,  # model's choice: room for one fetch of 40 (pcie-bench), as a power of two
    "tx_buffer": "160KiB",  # Intel 82599 data sheet: transmit packet buffer
    "rx_buffer": "512KiB",  # Intel 82599 data sheet: receive packet buffer
    "rate_limit_window": "4KiB",  # Linux ixgbe driver, ixgbe_sriov.c: RTTBCNRM 4 for the 82599, units of 1 KB
    "queue_time": "78ns",  # measured: 12 to 13 Mpps of 64 B from one Tx queue, 14.8 from two
    "max_pps": None,  # the 14.8 Mpps measured at 64 B from two queues are the 10 Gb/s line's own rate
}
# The X540 and the X550 differ in this (Linux ixgbe driver, ixgbe_x550.c: ixgbe_get_invariants_X540).
_NIC_X540 = {
    **_NIC_82599,
    "rx_buffer": "384KiB",  # Intel X540 data sheet: receive packet buffer
    "rate_limit_window": "20KiB",  # Linux ixgbe driver, ixgbe_sriov.c: RTTBCNRM 0x14, "typically" with 9728 B
}

# What the 82599, X540 and X550 share.
_IXGBE: Mapping[str, Any] = {
    "max_queues": 128,  # Intel 82599, X540, X550 data sheets: 128 + 128 queues
    "ring_least": 64,  # Linux ixgbe driver, ixgbe.h: IXGBE_MIN_TXD
    "ring_step": 8,  # Linux ixgbe driver, ixgbe_type.h: IXGBE_REQ_TX_DESCRIPTOR_MULTIPLE
    "max_queues_per_function": 8,  # Intel 82599 data sheet: pools of 2, 4 or (with 8 classes) 8 queues
    "max_macs": 128,  # Intel 82599, X540, X550 data sheets: exact receive addresses
    "max_vlans": 64,  # Intel 82599, X540, X550 data sheets: pool VLAN filters
    "max_mirrors": 4,  # Intel 82599, X540, X550 data sheets: mirror rules
    "max_pools": 64,  # Linux ixgbe driver, ixgbe_type.h: 64 pools
    "max_ethertype_filters": 8,  # Linux ixgbe driver, ixgbe_type.h: IXGBE_MAX_ETQF_FILTERS
    "max_tuple_filters": 128,  # Linux ixgbe driver, ixgbe_type.h: IXGBE_MAX_FTQF_FILTERS
    "has_flow_director": True,  # Intel 82599 data sheet: Flow Director; the X540 and X550 have the same
    "tx_on_chip": 40,  # Intel X550 data sheet, 7.2.1.2; Linux ixgbe: 40 of the 82599 too (ixgbe_configure_tx_ring)
    "vectors_per_vf": 2,  # Linux ixgbevf: three vectors of a VF, one for other causes, two for queues
    "max_ports": 2,  # Intel 82599 data sheet: dual port (82599EN: one); Linux ixgbe_type.h: IXGBE_STATUS_LAN_ID 0 and 1
    "has_dcb": True,  # Linux ixgbe: DCB (ixgbe_dcb_82599.c), for the X540 and X550 too
}

DEVICES: Mapping[str, Device] = {
    "82576": Device(
        values={
            "pcie": {"generation": 1, "lanes": 4},  # Intel 82576 data sheet: PCIe 2.0 at 2.5 GT/s, x4
            "port": {"rate": "1Gbps"},  # Intel 82576 data sheet: 1 GbE ports
            "nic": {
                **_NIC_82599,  # model's choice where not named below
                "vfs": 6,  # model's choice: the most that `pattern: pairs` can use
                "tx_ring": 256,  # Linux igb driver, igb.h: IGB_DEFAULT_TXD
                "rx_ring": 256,  # Linux igb driver, igb.h: IGB_DEFAULT_RXD
                "tx_buffer": "40KiB",  # Intel 82576 data sheet: transmit packet buffer
                "rx_buffer": "64KiB",  # Intel 82576 data sheet: receive packet buffer
                "rate_limit_window": "20KiB",  # Linux igb driver, igb_main.c: RTTBCNRM 0x14
            },
        },
        max_vfs=7,  # Intel 82576 data sheet: 8 pools, one of them the PF's
        max_queues=16,  # Intel 82576 data sheet: 16 + 16 queues
        ring_least=32,  # DPDK igb driver; Linux asks for 64
        ring_most=4096,  # Linux igb driver, igb.h: IGB_MAX_TXD
        ring_step=8,  # Linux igb driver, e1000_defines.h: REQ_TX_DESCRIPTOR_MULTIPLE
        max_queues_per_function=2,  # Intel 82576 data sheet: 2 queues a pool
        max_macs=24,  # Intel 82576 data sheet: exact receive addresses
        max_vlans=32,  # Intel 82576 data sheet: pool VLAN filters
        max_mirrors=4,  # Linux igb driver, e1000_regs.h: VMRCTL at 0x5D80, VMRVLAN at 0x5D90, so four of 4 B
        has_rsc=False,  # Linux igb driver: no LRO of the hardware's; ixgbe has IXGBE_FLAG2_RSC_CAPABLE
        max_ports=2,  # Intel 82576 data sheet: two 1 GbE ports
        max_pools=8,  # Intel 82576 data sheet: 8 pools
        rss_entries=128,  # Linux igb driver, igb.h: IGB_RETA_SIZE
        vf_rss_entries=128,  # the PF's
        max_ethertype_filters=8,  # DPDK igb driver: E1000_MAX_ETQF_FILTERS
        max_tuple_filters=8,  # DPDK igb driver: E1000_MAX_FTQF_FILTERS
        has_flow_director=False,  # Intel 82576 data sheet: none
        vectors_per_vf=2,  # Intel 82576 data sheet: three vectors a VF, of which the driver keeps one for messages
    ),
    "82599": Device(
        values={
            "pcie": {"generation": 2, "lanes": 8},  # Intel 82599 data sheet: PCIe 2.0 at 5 GT/s, x8
            "port": {"rate": "10Gbps"},  # Intel 82599 data sheet: 10 GbE ports
            "nic": _NIC_82599,
        },
        **_IXGBE,
        max_vfs=63,  # Intel 82599 data sheet: 64 pools, one of them the PF's
        ring_most=8192,  # Linux ixgbe driver, ixgbe.h: IXGBE_MAX_TXD_82599
        rss_entries=128,  # Linux ixgbe driver: IXGBE_MAX_RETA_ENTRIES 128
        vf_rss_entries=128,  # the PF's, which VFs share
    ),
    "X540": Device(
        values={
            "pcie": {"generation": 2, "lanes": 8},  # Intel X540 data sheet: PCIe 2.1 at 5 GT/s, x8
            "port": {"rate": "10Gbps"},  # Intel X540 data sheet: 10GBASE-T ports
            "nic": _NIC_X540,
        },
        **_IXGBE,
        max_vfs=63,  # Intel X540 data sheet: 64 pools, one of them the PF's
        ring_most=8192,  # Linux ixgbe driver, ixgbe.h: IXGBE_MAX_TXD_X540
        rss_entries=128,  # Linux ixgbe driver: IXGBE_MAX_RETA_ENTRIES 128
        vf_rss_entries=128,  # the PF's, which VFs share
    ),
    "X550": Device(
        values={
            "pcie": {"generation": 3, "lanes": 4},  # Intel X550 data sheet: PCIe 3.0 at 8 GT/s, x4
            "port": {"rate": "10Gbps"},  # Intel X550 data sheet: 10GBASE-T ports
            "nic": _NIC_X540,
        },
        **_IXGBE,
        max_vfs=64,  # captured listing of its SR-IOV capability: total VFs 64
        ring_most=32768,  # Linux ixgbe driver, ixgbe.h: IXGBE_MAX_TXD_X550
        rss_entries=512,  # Linux ixgbe driver: IXGBE_MAX_RETA_ENTRIES 512 (X550)
        vf_rss_entries=64,  # Linux ixgbevf driver: IXGBEVF_X550_VFRETA_SIZE
    ),
    "XL710": Device(
        values={
            "pcie": {"generation": 3, "lanes": 8},  # Intel XL710 data sheet: PCIe 3.0 at 8 GT/s, x8
            "port": {"rate": "40Gbps"},  # Intel XL710 data sheet: 40 GbE port
            "nic": {
                **_NIC_82599,  # model's choice where not named below
                "max_pps": 37_000_000,  # measured with DPDK below 160 B: about 37 Mpps
                "rx_prefetch": 32,  # model's choice: so that two VFs reach that rate
                "rx_fetch_batch": 32,  # Intel XL710 data sheet: descriptors of a ring are fetched by up to 32
                "queue_time": "0ns",  # model's choice: nothing is known of a limit
            },
        },
        max_vfs=128,  # Intel XL710 data sheet: 128 VFs
        max_queues=1536,  # Intel OpenNESS, O-RAN front haul: 1536 queue pairs in the device, 16 a VF
        ring_least=64,  # Linux i40e driver, i40e.h: I40E_MIN_NUM_DESCRIPTORS
        ring_most=8160,  # Linux i40e driver, i40e.h: I40E_MAX_NUM_DESCRIPTORS_XL710
        ring_step=32,  # Linux i40e driver, i40e.h: I40E_REQ_DESCRIPTOR_MULTIPLE
        max_queues_per_function=16,  # Linux i40e driver: a VF has at most 16 pairs
        max_macs=None,  # shared table; a limit of 64 exact filters is for the driver's own use
        max_vlans=None,  # filters belong to each virtual station interface
        max_mirrors=64,  # Intel XL710 data sheet: mirror rules
        has_rsc=False,  # Linux i40e driver: no LRO of the hardware's
        max_ports=4,  # DPDK documentation of i40e, listings of its SR-IOV capability: 128, 64, 32 VFs a port by ports
        shares_vfs_by_ports=True,  # the same
        max_pools=None,  # virtual station interfaces, of which VFs have some
        rss_entries=512,  # Linux i40e driver: I40E_HLUT_ARRAY_SIZE of the PF, 128 words of four
        vf_rss_entries=64,  # Linux iavf driver: VFQF_HLUT, 16 words of four
        max_ethertype_filters=0,  # others, through its firmware, which are not modelled
        max_tuple_filters=0,  # model's choice: the same
        has_flow_director=False,  # model's choice: the XL710 has one of another kind, with 8 K filters
    ),
}

# What a Linux driver of these adapters sets, whoever uses it.
_LINUX = {
    "tx_doorbell_batch": 1,  # Linux ixgbe: the tail is written for each frame, unless the stack says that more follow
    "refill_batch": 16,  # Linux ixgbe, ixgbe.h: IXGBE_RX_BUFFER_WRITE
    "poll_budget": 64,  # Linux, netdevice.h: NAPI_POLL_WEIGHT
    "send_burst": 64,  # Linux, sch_generic.c: __qdisc_run goes on for dev_tx_weight frames, 64 (dev.c)
    "frame_time": "800ns",  # measured: a VF receives 1.19 Mpps a core through the kernel, 840 ns a frame of 64 B
    "byte_time": "0.1ns",  # model's choice: one copy at 10 GB/s
    "doorbell_time": "100ns",  # measured: uncached writes of a core are 50 to 300 ns apart
}
_LINUX_NIC = {
    "tx_writeback_batch": 8,  # Linux ixgbe: TXDCTL write-back threshold 8
    "writeback_timeout": "2us",  # Linux ixgbe: the lowest step of EITR, which bounds the threshold's wait
}

# Calibrated with the measurements that docs/validation.md shows; shared by all adapters in this host.
_CACHE = {
    "size": "25MiB",  # Intel product specifications: E5-2630 v4, 25 MB
    "read_miss": "80ns",  # fitted: windows of 64 B reads, warm and cold
}
_XEON_E5_2630V4 = {
    "read_latency": "445ns",  # fitted: median of reads by size
    "jitter": {
        "kind": "histogram",  # fitted: p95 and p99.9 of reads by size, in steps of the adapter's counter
        "bins": [  # fitted: the same
            ["0ns", 10],
            ["13ns", 100],
            ["27ns", 450],
            ["40ns", 400],
            ["53ns", 32],
            ["67ns", 7],
            ["80ns", 1],
        ],
    },
    "write_latency": "50ns",  # fitted: a write followed by a read
    "write_drain": "53Gbps",  # fitted: writes of 512 B to 2 KiB
    "cache": _CACHE,
}

# What a frame takes in virtual switches that others have measured; docs/virtual_switch.md has the points, those that a
# preset is fitted to and those that it is only compared with. Zhang: "Comparing the Performance of State-of-the-Art
# Software Switches for NFV" (CoNEXT 2019), data of the authors' page, one core of a Xeon E5-2690 v3. Emmerich: J. Netw.
# Syst. Manage. 26 (2018).
_MEASURED_WITH = {"uplink_time": "0ns", "uplink_byte_time": "0ns"}  # the driver is in `frame_time` and `byte_time`
VIRTUAL_SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "pointer": {
        "pass_by": "pointer",  # the source chapter
        "frame_time": "400ns",  # the source chapter's 30 Gb/s of frames of 1500 B on one core
    },
    "ovs_dpdk": {
        **_MEASURED_WITH,
        "polls": True,  # OVS with DPDK: threads that poll
        "frame_time": "80ns",  # Zhang: 64 B from port to port 83.5 ns a frame, from port to VM 130.7 ns
        "guest_time": "39ns",  # Zhang: 64 B from VM to VM 166.7 ns, a VM more
        "byte_time": "0.128ns",  # Zhang: 256 and 1024 B from VM to VM 192.7 and 290.7 ns
        "ring_time": "26ns",  # Zhang: chains of one to five VMs, 283, 490, 810, 1120, 1461 ns
        "further_rings": 3,  # Zhang: the same both ways, twice the rings, 350, 611, 884, 1159, 1430 ns
        "flow_cache": {
            # github.com/chaudron/ovs_perf, port to VM and back: 211 ns with 10 flows, 444 with 1,000, 512 with 10,000,
            # 780 with 100,000.
            "near_entries": 256,
            "far_time": "100ns",
        },
    },
    "ovs_kernel": {
        **_MEASURED_WITH,
        "frame_time": "496ns",  # Emmerich: 1.88 Mpps of 64 B from port to port on one core, 532 ns
        "guest_time": "81ns",  # github.com/chaudron/ovs_perf, kernel datapath: 1.632 Mpps from port to VM, 613 ns
        "byte_time": "0.6ns",  # published of pairs of VMs with segments of 64 KiB: 12.2 Gb/s, 43 us each
    },
    "linux_bridge_vhost": {
        **_MEASURED_WITH,
        # Linux commit 5503fcecd49f: vhost to a tap 1.08 Mpps with batches of 64; 1576d9860599: host to VM 1.3 and 1.5.
        "frame_time": "845ns",
        "batch_time": "176ns",  # the same: 0.91 Mpps with batches of one frame
        "batch": 64,  # the same
        "byte_time": "0.6ns",  # as of `ovs_kernel`
        "rule_match": "list",  # ebtables goes through its rules one by one
    },
    "vds": {
        **_MEASURED_WITH,
        # Intel and VMware, ESX 3.5 U1: 4.0 Gb/s of TCP with frames of 1500 B, 5.7 with 9000 B.
        "frame_time": "1000ns",
        "byte_time": "1.2ns",
    },
    "hyper_v": {
        **_MEASURED_WITH,
        "pass_by": "parent",  # Hyper-V's virtual switch runs in the parent partition
        "frame_time": "2733ns",  # Microsoft: 3 to 5 Gb/s of one core without VMQ; 4 Gb/s at 1518 B, two copies
    },
}

# Only the E5-2630 v4 is calibrated. For E5 hosts with the same adapter, published medians are 547 to 600 ns for reads
# of 64 B, and 853 to 907 ns for 1024 B. The calibrated host has the lowest of both; the E5-2637 v3 is 7 to 11 % above
# it, so it gets the highest. For the E3 a few figures are published (SIGCOMM 2018: Neugebauer et al., 6.2, reads of
# 64 B, warm cache; benches/nfp6000.py), unverified. All else is the calibrated host's, for want of a
# source: drain rate, write latency, cache miss time; for the E5-2637 v3 its jitter too.
HOSTS: Mapping[str, Values] = {
    "xeon_e5_2630v4": {"host": _XEON_E5_2630V4},
    "xeon_e5_2637v3": {
        "host": {
            **_XEON_E5_2630V4,
            "read_latency": "485ns",  # pcie-bench's data: a median of 600 ns at 64 B, the most of its E5 hosts
            "cache": {**_CACHE, "size": "15MiB"},  # Intel product specifications: E5-2637 v3, 15 MB
        },
    },
    "xeon_e3_1226v3_outside_model": {
        "host": {
            **_XEON_E5_2630V4,
            "read_latency": "404ns",  # SIGCOMM 2018: 493 ns at the least, less the adapter's own 89 ns
            "jitter": {
                "kind": "histogram",  # model's choice: evenly between what is published
                # SIGCOMM 2018: 1213 ns in the median, twice that at 90 %, 5707 ns at 99 %, 11987 ns at
                # 99.9 %. The last bar stands for all that is slower, up to 5.8 ms there.
                "bins": [  # the same, less 493 ns
                    *([f"{offset}ns", 50] for offset in range(0, 720, 80)),
                    *(["720ns", 100], ["1120ns", 125], ["1530ns", 125]),
                    *(["1933ns", 110], ["2750ns", 30], ["3570ns", 25], ["4400ns", 15]),
                    *(["5214ns", 11], ["7300ns", 4], ["9400ns", 2]),
                    ["11494ns", 3],
                ],
            },
            "cache": {**_CACHE, "size": "8MiB"},  # Intel product specifications: E3-1226 v3, 8 MB
        },
    },
}

DRIVERS: Mapping[str, Values] = {
    "kernel": {
        "driver": {
            **_LINUX,
            "rx_interrupt_batch": 1,  # moderation decides
            "tx_interrupt_batch": 8,  # Linux ixgbe: one interrupt a pair of rings, for each write-back of 8
            "moderation": "50us",  # Linux ixgbevf: IXGBE_20K_ITR, where adaptive moderation starts
            "adaptive_moderation": True,  # Linux ixgbevf: rx-usecs 1
            "adaptive_intervals": ["10us", "50us", "84us"],  # Linux ixgbevf: IXGBE_100K_ITR, 20K_ITR and 12K_ITR
            "mask_interrupts": True,  # NAPI
            "interrupt_time": "1us",  # model's choice: entry, soft interrupt and end of the poll
            "exit_time": "0ns",  # posted interrupts
            "wakeup_time": "3us",  # Linux, intel_idle.c: 2 us to leave C1 (Broadwell); scheduling is the model's choice
        },
        "nic": _LINUX_NIC,
    },
    "kernel_busy_poll": {
        "driver": {
            **_LINUX,
            "rx_interrupt_batch": 0,  # Linux, net.core.busy_poll: the socket polls the ring
            "tx_interrupt_batch": 0,  # cleaned as the socket polls
            "moderation": "0us",  # no interrupts, nothing to moderate
        },
        "nic": _LINUX_NIC,
    },
    "dpdk": {
        "driver": {
            "tx_doorbell_batch": 32,  # pcie-bench: Tx tail every 32
            "refill_batch": 32,  # DPDK ixgbe: rx_free_thresh 32
            "rx_interrupt_batch": 0,  # pcie-bench: no interrupts
            "tx_interrupt_batch": 0,  # pcie-bench: no interrupts
            "moderation": "0us",  # no interrupts, nothing to moderate
            "poll_budget": 32,  # DPDK: bursts of 32
            "send_burst": 32,  # DPDK: bursts of 32
            "frame_time": "20ns",  # measured orders of magnitude: 12 to 60 ns a frame and side
            "doorbell_time": "100ns",  # measured: uncached writes of a core are 50 to 300 ns apart
        },
    },
}

# What the driver of another device sets differently: Linux's i40evf, now named iavf.
_I40EVF_NIC = {
    "tx_writeback_batch": 4,  # Linux iavf, iavf_txrx.c: WB_STRIDE, descriptors of 16 B in a cache line
}
DRIVERS_OF_DEVICES: Mapping[tuple[str | None, str | None], Values] = {
    ("kernel", "XL710"): {
        "driver": {
            "tx_interrupt_batch": 4,  # model's choice: one for each write-back, as with ixgbevf
            "adaptive_intervals": ["20us", "50us", "124us"],  # Linux i40evf: I40E_ITR_50K, 20K, 8K (over 40,000/s)
        },
        "nic": _I40EVF_NIC,
    },
    ("kernel_busy_poll", "XL710"): {"nic": _I40EVF_NIC},
}
