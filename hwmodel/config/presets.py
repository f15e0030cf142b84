"""Hold what is known of devices and drivers: values for keys that a user does not write.

Each number has its source beside it. "Model's choice" marks one that no source gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Mapping[str, Any]]  # block -> key -> value as a user would type it


@dataclass(frozen=True)
class Device:
    """A network adapter: its default values, and what of it is filled in; its limits are in `device_limits`."""

    values: Values
    tx_on_chip: int | None = None  # descriptors of a Tx ring


# The embedded switches of all of them.
_SWITCH = {
    # X550 data sheet, 7.8.3.4: of what pools send the default pool, by which Linux ixgbe has a promiscuous PF, takes
    # groups alone; Linux i40e: a flag for Rx only; DPDK/grout 653, hotsos 365, mlx4_br 1, cnf-testbed 39. The 82599 and
    # X540 are taken to be as the X550, and the 82576 too.
    "promiscuous": "from_wire",  # as above
}

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

_TX_ON_CHIP = 40  # Intel X550 data sheet, 7.2.1.2; Linux ixgbe: 40 of the 82599 too (ixgbe_configure_tx_ring)

DEVICES: Mapping[str, Device] = {
    "82576": Device(
        values={
            "pcie": {"generation": 1, "lanes": 4},  # Intel 82576 data sheet: PCIe 2.0 at 2.5 GT/s, x4
            "port": {"rate": "1Gbps"},  # Intel 82576 data sheet: 1 GbE ports
            "switch": _SWITCH,
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
    ),
    "82599": Device(
        values={
            "pcie": {"generation": 2, "lanes": 8},  # Intel 82599 data sheet: PCIe 2.0 at 5 GT/s, x8
            "port": {"rate": "10Gbps"},  # Intel 82599 data sheet: 10 GbE ports
            "switch": _SWITCH,
            "nic": _NIC_82599,
        },
        tx_on_chip=_TX_ON_CHIP,  # as above
    ),
    "X540": Device(
        values={
            "pcie": {"generation": 2, "lanes": 8},  # Intel X540 data sheet: PCIe 2.1 at 5 GT/s, x8
            "port": {"rate": "10Gbps"},  # Intel X540 data sheet: 10GBASE-T ports
            "switch": _SWITCH,
            "nic": _NIC_X540,
        },
        tx_on_chip=_TX_ON_CHIP,  # as above
    ),
    "X550": Device(
        values={
            "pcie": {"generation": 3, "lanes": 4},  # Intel X550 data sheet: PCIe 3.0 at 8 GT/s, x4
            "port": {"rate": "10Gbps"},  # Intel X550 data sheet: 10GBASE-T ports
            "switch": {**_SWITCH, "lookup": "mac"},  # X550 data sheet, 7.8.3.4: held in another VLAN, goes nowhere
            "nic": _NIC_X540,
        },
        tx_on_chip=_TX_ON_CHIP,  # as above
    ),
    "XL710": Device(
        values={
            "pcie": {"generation": 3, "lanes": 8},  # Intel XL710 data sheet: PCIe 3.0 at 8 GT/s, x8
            "port": {"rate": "40Gbps"},  # Intel XL710 data sheet: 40 GbE port
            "switch": _SWITCH,
            "nic": {
                **_NIC_82599,  # model's choice where not named below
                "max_pps": 37_000_000,  # measured with DPDK below 160 B: about 37 Mpps
                "rx_prefetch": 32,  # model's choice: so that two VFs reach that rate
                "rx_fetch_batch": 32,  # Intel XL710 data sheet: descriptors of a ring are fetched by up to 32
                "queue_time": "47ns",  # github.com/emmericp/MoonGen issue 289: 21.4 Mpps of 64 B from one Tx queue
            },
        },
    ),
}

# Numbers of devices that no source gives for the device itself, or that sources disagree on. A run that hangs on one
# says so (`simulation.assumed`).
_CACHE_UNKNOWN = "the model's choice, in which a fetch of 40 fits; the depth is not published"
_OF_82599 = "the 82599's, where it is measured; no figure of this adapter was found"
_PREFETCH_OF_82599 = "the 82599's driver's"
_PREFETCH_CHOSEN = "the model's choice: so that two VFs reach the 37 Mpps that are measured"
_ONE_REPORT = (
    "of one report, 21.4 Mpps from one Tx ring (github.com/emmericp/MoonGen, issue 289); others have 16.5 to 18.7 "
    "(github.com/luigirizzo/netmap, issue 831)"
)
_OF_IXGBE = {"nic.queue_time": _OF_82599, "nic.descriptor_cache": _CACHE_UNKNOWN}
ASSUMED: Mapping[str, Mapping[str, str]] = {
    "82576": {**_OF_IXGBE, "nic.rx_prefetch": _PREFETCH_OF_82599},
    "82599": {"nic.descriptor_cache": _CACHE_UNKNOWN},
    "X540": _OF_IXGBE,
    "X550": _OF_IXGBE,
    "XL710": {
        "nic.queue_time": _ONE_REPORT,
        "nic.rx_prefetch": _PREFETCH_CHOSEN,
        "nic.descriptor_cache": _CACHE_UNKNOWN,
    },
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
_HEARD_OF = {"announce": True}  # what is published is measured when all that send and receive have been heard of
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
            # Port to VM and back: 211 ns with 10 flows, 444 with 1,000, 512 with 10,000, 780 with 100,000.
            "near_entries": 256,  # fitted to these: github.com/chaudron/ovs_perf
            "far_time": "100ns",  # fitted to these: github.com/chaudron/ovs_perf
        },
        "learning": _HEARD_OF,
    },
    "ovs_kernel": {
        **_MEASURED_WITH,
        "thread_cores": "own",  # vhost
        "frame_time": "532ns",  # Emmerich: 1.88 Mpps of 64 B from port to port on one core
        # github.com/chaudron/ovs_perf, kernel datapath: 1.632 Mpps from port to VM, 613 ns of the VM's thread.
        "guest_time": "577ns",  # the same
        "byte_time": "0.6ns",  # published of pairs of VMs with segments of 64 KiB: 12.2 Gb/s, 43 us of a thread each
        "learning": _HEARD_OF,
    },
    "linux_bridge_vhost": {
        **_MEASURED_WITH,
        # Linux commit 5503fcecd49f: vhost to a tap 1.08 Mpps with batches of 64; 1576d9860599: host to VM 1.3 and 1.5.
        "thread_cores": "own",  # vhost
        "frame_time": "206ns",  # fitted to these
        "guest_time": "680ns",  # fitted to these
        "batch_time": "176ns",  # the same: 0.91 Mpps with batches of one frame
        "batch": 64,  # the same
        "byte_time": "0.6ns",  # as of `ovs_kernel`
        "rule_match": "list",  # ebtables goes through its rules one by one
    },
    "vds": {
        **_MEASURED_WITH,
        "frame_time": "1000ns",  # Intel and VMware, ESX 3.5 U1: 4.0 Gb/s of TCP with frames of 1500 B
        "byte_time": "1.2ns",  # the same: 5.7 Gb/s with 9000 B
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
