"""Public reports of people who run adapters: what they say, and the configurations that say the same of the model.

A report has its place, a repository and the number of a public thread, and what it says in words of our own. Its base
is a configuration; a point changes keys of it, as --set does, and names a figure and what it should be. Reports that
the model has no words for are in `NOT_EXPRESSED`, with why.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, NamedTuple

from benches.report_figures import (
    DROPS,
    EVENT,
    FILTERS,
    GIVEN_UP,
    LIMIT,
    PFS,
    RECEIVED_MPPS,
    REFUSAL,
    TCP_GBPS,
    WIRE_GBPS,
    WIRE_MPPS,
    Blocks,
    Changes,
    Figure,
    Value,
    counter,
    frame_goes,
    frame_reaches,
    got,
    vf_offset,
)

TOLERANCE = 0.10
NO_CHANGES: Changes = MappingProxyType({})


class Point(NamedTuple):
    """Hold what a report says of one configuration: a figure, or its least and greatest, or a word.

    `changes`: keys in which it differs from the report's base. `said`: the report's own words where it has no figure
    and the two numbers are bounds of ours for them; then nothing is allowed beyond them, else a tenth is. `fits`:
    whether the model says so too; where not, the report's `why` says why.
    """

    case: str
    figure: Figure
    reported: float | tuple[float, float] | str
    changes: Changes = NO_CHANGES
    said: str = ""
    fits: bool = True

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest figure that was reported."""
        assert not isinstance(self.reported, str)
        return self.reported if isinstance(self.reported, tuple) else (self.reported, self.reported)

    def off(self, value: Value) -> float | None:
        """Return by which part a figure is off what was reported, 0 within it; None of words, and of words' bounds."""
        if isinstance(value, str) or self.said:
            return None
        least, greatest = self.bounds
        nearest = min(max(value, least), greatest)
        return value / nearest - 1 if nearest else None

    def holds(self, value: Value) -> bool:
        """Tell whether the model's figure is the reported one, a tenth more or less; of words, whether it is that."""
        if isinstance(self.reported, str) or isinstance(value, str):
            return value == self.reported
        least, greatest = self.bounds
        free = 0.0 if self.said else TOLERANCE
        return least * (1 - free) <= value <= greatest * (1 + free)


class Report(NamedTuple):
    """Hold a report: a short name, where it is, what it says, and its points. `why`: what the model makes of it."""

    name: str
    places: str
    says: str
    base: Blocks
    points: tuple[Point, ...]
    why: str = ""

    @property
    def fits(self) -> bool:
        """Tell whether all that it says fits."""
        return all(point.fits for point in self.points)


def _adapter(preset: str | None, vfs: int = 4, **nic: Any) -> dict[str, Any]:
    return {"nic": {"preset": preset, "vfs": vfs, **nic}}


def _sending(preset: str | None, senders: int, frame_bytes: int, driver: str, **blocks: Any) -> dict[str, Any]:
    """Let some VFs send all they can by the wire."""
    flows = [[f"vf{k}", "uplink"] for k in range(senders)]
    workload = {"pattern": "flows", "flows": flows, "frame_bytes": frame_bytes}
    run = {"duration": "1ms"}
    return {**_adapter(preset), "driver": {"preset": driver}, "workload": workload, "run": run, **blocks}


def _queues(*names: str) -> dict[str, Any]:
    return {"workload.flows": [[name, "uplink"] for name in names]}


def _one_lane(generation: int, max_payload: str) -> dict[str, Any]:
    """Let a 10 GbE adapter without a preset send by the wire over one lane."""
    pcie = {"generation": generation, "lanes": 1, "max_payload": max_payload}
    ports = [{"name": "all", "max_frame": "9018B"}]
    return _sending(
        None, 1, 1518, "dpdk", pcie=pcie, port={"rate": "10Gbps"}, switch={"ports": ports}, run={"duration": "3ms"}
    )


UNKNOWN = bytes.fromhex("02dd00000099")  # an address that no station has
VIRTUAL = bytes.fromhex("00005e000107")  # of VRRP, of which UCarp's and keepalived's are (RFC 5798, 7.3)
SOLICITED = bytes.fromhex("3333ff000001")  # of a neighbour solicitation (RFC 4291, 2.7.1)
LINES = {"read": {"piece": "64B", "piece_time": "6.4ns"}}  # 80 Gb/s of cache lines
NOTHING, EVERYTHING = (0.0, 0.001), (4.98, 5.6)  # of 5.25 Gb/s that come, at random, for three of four VFs
# The longest stop, 83.9 us at 400 Gb/s, is 21.7 % of 386.5 us.
PAUSES = [{"at": f"{386_500 * k}ns", "quanta": 65535} for k in range(8)]

LIMITS = (
    Report(
        "Four Gigabit ports behind one lane", "geerlingguy/raspberry-pi-pcie-devices 3, 46",
        "An I340-T4 on Gen2 x1 (Raspberry Pi Compute Module 4) receives 3.06 Gb/s of TCP at MTU 1500, 3.21 at 9000.",
        {
            **_adapter(None),
            "pcie": {"generation": 2, "lanes": 1, "max_payload": "128B"},
            "port": {"rate": "1Gbps", "count": 4},
            "switch": {"ports": [{"name": "all", "max_frame": "9018B"}]},
            "driver": {"preset": "dpdk"},
            "workload": {"pattern": "none", "frame_bytes": 1518, "external": {"rate": "980Mbps"}},
            "run": {"duration": "5ms"},
        },
        (
            Point("MTU 1500", TCP_GBPS, 3.06), Point("MTU 1500", LIMIT, "pcie.up"),
            Point("MTU 9000", TCP_GBPS, 3.21, {"workload.frame_bytes": 9018}),
        ),
        "128 B is what the root port of such a module is set to (raspberrypi/linux 5352). Acknowledgements of TCP, "
        "which take some of the link, are left out.",
    ),
    Report(
        "A 10 GbE adapter behind one lane", "geerlingguy/raspberry-pi-pcie-devices 15, 47",
        "On the same module, with an XG-C100C, about 3.2 Gb/s of TCP is the most.",
        _one_lane(2, "128B"),
        (
            Point("MTU 1500", TCP_GBPS, 3.2), Point("MTU 1500", LIMIT, "pcie.down"),
            Point("MTU 9000", TCP_GBPS, 3.2, {"workload.frame_bytes": 9018}),
        ),
        "The report's MTU is not said.",
    ),
    Report(
        "The same behind a lane of Gen3", "geerlingguy/raspberry-pi-pcie-devices 364",
        "An EGPL-T101, 10 GbE, in a Raspberry Pi 5 at Gen3 x1 sends 6.03 Gb/s of TCP.",
        _one_lane(3, "512B"),
        (
            Point("completions of 512 B", TCP_GBPS, 6.03, fits=False),
            Point("completions of 64 B", TCP_GBPS, 6.03, {"host.completion_bytes": "rcb"}),
        ),
        "Another adapter in that slot is set to 512 B (682 of the same list). How this host cuts completions nobody "
        "says, and sending hangs on it: the measured rate lies between whole completions and those of 64 B.",
    ),
    Report(
        "One Tx queue of an 82599", "snabbco/snabb 622, 628",
        "Frames of 64 B: 12 to 13 M/s from one Tx queue, 14.8 from two; with descriptors prefetched (PTHRESH) 14.88 "
        "from one.",
        _sending("82599", 1, 64, "dpdk"),
        (
            Point("one queue", WIRE_MPPS, (12.0, 13.0)),
            Point("two queues", WIRE_MPPS, 14.8, _queues("vf0", "vf1")),
            Point("one queue, without the limit of a ring", WIRE_MPPS, 14.88, {"nic.queue_time": "0ns"}),
            Point("one queue, PTHRESH 32", WIRE_MPPS, 14.88, {"nic.txdctl": {"pthresh": 32}}, fits=False),
        ),
        "`nic.queue_time`, 78 ns, is a constant that stands for what a ring costs the device without prefetch; it was "
        "found by these rates. The model's own fetches of descriptors do not bind: even with PTHRESH 0 and no queue "
        "time they stay ahead of the wire, for the Tx buffer hides the round trip. So PTHRESH changes nothing here; "
        "for a driver that sets it, write `queue_time: 0ns` too.",
    ),
    Report(
        "Tx queues of an XL710", "emmericp/MoonGen 289, netmap 831",
        "Frames of 60 B and FCS: 21.4 M/s from one queue, 15.4 from two together, 13.8 from three to six; 16.5 to 18.7 "
        "from one elsewhere.",
        _sending("XL710", 1, 64, "dpdk"),
        (
            Point("one queue", WIRE_MPPS, 21.4),
            Point("one queue, elsewhere", WIRE_MPPS, (16.5, 18.7), fits=False),
            Point("two queues", WIRE_MPPS, 15.4, _queues("vf0", "vf1"), fits=False),
            Point("four queues", WIRE_MPPS, 13.8, _queues("vf0", "vf1", "vf2", "vf3"), fits=False),
        ),
        "21.4 M is the source of `nic.queue_time`, 47 ns, so it is no test of it; a result that hangs on it says that "
        "others have less. That more queues carry *less* is not modelled, and reports disagree: four queues receive 36 "
        "M/s in pktgen/Pktgen-DPDK 59, which some port has sent. No cause is named in any of them.",
    ),
    Report(
        "What an XL710 receives at most", "cisco-system-traffic-generator/trex-core 384",
        "With firmware 6.0.1 no more than 27 M frames/s are taken (by design, says Intel); with 5.0.5 it is 42.",
        {
            **_adapter("XL710"), "driver": {"preset": "dpdk"}, "run": {"duration": "1ms"},
            "workload": {"pattern": "none", "frame_bytes": 64, "external": {
                "rate": "18.94Gbps", "arrivals": "periodic", "to": ["vf0", "vf1", "vf2", "vf3"]}},
        },
        (Point("37 M frames/s come", RECEIVED_MPPS, 27.0, fits=False),),
        "A limit of one version of the firmware, which a preset of the device does not have: it passes the 37 M "
        "that others measure, either way. `nic.max_pps: 27000000` is that firmware.",
    ),
    Report(
        "A ConnectX-4 and the host's cache lines", "snabbco/snabb 1013",
        "100 GbE, Gen3 x16: 68 M frames/s at 60 B, some 76 Gb/s at 1500 B, though neither wire nor link is full; the "
        "host hands out cache lines too slowly, some 80 Gb/s of them.",
        _sending(
            None, 8, 1504, "dpdk", **_adapter(None, 8, tx_descriptor="64B", completion_entry="64B", tx_buffer="1MiB"),
            pcie={"generation": 3, "lanes": 16, "tags": 256}, port={"rate": "100Gbps"}, run={"duration": "200us"},
        ),
        (
            Point("1500 B, lines of 64 B in 6.4 ns", WIRE_GBPS, 76.0,
                  {"nic.dma": LINES}),
            Point("1500 B, nothing said of lines", WIRE_GBPS, 76.0, fits=False),
            Point("60 B, lines of 64 B in 6.4 ns", WIRE_MPPS, 68.0,
                  {"workload.frame_bytes": 64, "nic.dma": LINES}, fits=False),
        ),
        "The host serves reads at any rate unless it is told otherwise. 80 Gb/s of lines of 64 B is 6.4 ns each, which "
        "`nic.dma.read` can say: long frames then have the reported rate, and steps at each 64 B (1473 B are sent 4 % "
        "less often than 1472). Short frames, a line and a descriptor's line each, come out 15 % too fast: what else "
        "limits them the thread does not find.",
    ),
    Report(
        "A kernel's sender on one core", "k8snetworkplumbingwg/sriov-network-operator 366",
        "The kernel's generator on one core sends 1.2 M frames/s over a VF, whatever the card.",
        _sending("82599", 1, 64, "kernel"),
        (
            Point("82599", WIRE_MPPS, 1.2), Point("82599", LIMIT, "driver.tx"),
            Point("XL710", WIRE_MPPS, 1.2, {"nic.preset": "XL710"}),
        ),
        "800 ns a frame and 100 ns a doorbell: the driver's preset (`driver.preset: kernel`).",
    ),
    Report(
        "Pages of the IOMMU", "ixy-languages/ixy.rs 9",
        "An 82599 with frames of 64 B: with pages of 4 KiB slower than without an IOMMU, with 2 MiB as fast (a "
        "picture, without figures).",
        {
            **_adapter("82599", 2), "driver": {"preset": "dpdk"}, "run": {"duration": "1ms"},
            "host": {"iotlb": {"entries": 64, "miss": "330ns", "walkers": 1}},
            "workload": {"pattern": "none", "frame_bytes": 64, "external": {
                "rate": "7.61Gbps", "arrivals": "periodic", "to": ["vf0"]}},
        },
        (
            Point("4 KiB", RECEIVED_MPPS, (0.0, 13.4), said="slower"),
            Point("2 MiB", RECEIVED_MPPS, (14.6, 14.9), {"host.iotlb.page": "2MiB"}, said="as fast"),
            Point("no IOMMU", RECEIVED_MPPS, (14.6, 14.9), {"host.iotlb": None}, said="as fast as it gets"),
        ),
        "With one page walk at a time. The default, six, is measured on another host (pcie-bench) and hides it: the "
        "report's host and processor are not known.",
    ),
)  # fmt: skip

STOPS = (
    Report(
        "A queue that nobody refills", "att/vfd 119, ntop/PF_RING 423, OpenDataPlane/odp 458",
        "One receive queue without descriptors stops all VFs, unless drop enable is set for it.",
        {
            **_adapter("82599", drop_enable=False),
            "driver": {"preset": "dpdk", "vms": {"vf0": {"refill": False}}},
            "workload": {"pattern": "none", "external": {"rate": "7Gbps", "to": ["vf0", "vf1", "vf2", "vf3"]}},
            "run": {"warmup": "6ms", "duration": "5ms"},
        },
        (
            Point("drop enable clear", got("vf1", "vf2", "vf3"), NOTHING, said="nothing"),
            Point("the same, as it begins", LIMIT, "rx.descriptors", {"run.warmup": "500us"}),
            Point("drop enable set", got("vf1", "vf2", "vf3"), EVERYTHING, {"nic.drop_enable": True}, said="all"),
            Point("drop enable set", LIMIT, "rx.descriptors", {"nic.drop_enable": True}),
        ),
        "That 82599 and X540 stop so, and how drop enable helps, is said in OpenDataPlane/odp 458.",
    ),
    Report(
        "Pause, and no counter that shows it", "NVIDIA/daqiri 250, 252",
        "A sender at 400 GbE ends at 308 Gb/s: the other end has it paused for 21.7 % of the line, while all drop "
        "counters stay 0; only pause counters show it.",
        {
            **_adapter(None, 2, flow_control={"mode": "pause", "received": PAUSES}),
            "pcie": {"generation": 5, "lanes": 16, "max_payload": "512B", "max_read_request": "4KiB", "tags": 768},
            "port": {"rate": "400Gbps"}, "driver": {"preset": "dpdk"},
            "switch": {"ports": [{"name": "all", "max_frame": "4096B"}]},
            "workload": {"pattern": "to_wire", "frame_bytes": 4096}, "run": {"warmup": "773us", "duration": "1546us"},
        },
        (
            Point("paused", WIRE_GBPS, 308.0), Point("paused", DROPS, (0.0, 0.0), said="0"),
            Point("paused", counter("rx_flow_control_xoff"), (6.0, 8.0), said="not 0"),
            Point("not paused", WIRE_GBPS, (390.0, 400.0), {"nic.flow_control.obey": False}, said="400"),
        ),
        "For how long the other end stops it is given to the model: the longest stop each 386.5 us.",
    ),
    Report(
        "A silent partner of a link aggregation", "many threads on LACP; IEEE 802.3ad, 43.4.4",
        "A partner that falls silent is given up when three of its LACPDUs have not come: 3 x 30 s, or 3 x 1 s.",
        {
            **_adapter(None, mode="vswitch"), "port": {"count": 2, "rate": "10Gbps"},
            "host": {"virtual_switch": {"bond": {"mode": "source_mac", "lacp": "slow"}}},
            "workload": {"pattern": "to_wire", "frame_bytes": 64, "load": "20Kbps"},
            "run": {"warmup": "0ns", "duration": "95s"},
            "scenario": [{"at": "5s", "set": {"host.virtual_switch.bond.silent": ["p1"]}}],
        },
        (
            Point("slow", GIVEN_UP, (60.0, 90.0)),
            Point("fast", GIVEN_UP, (2.0, 3.0), {"host.virtual_switch.bond.lacp": "fast", "run.duration": "10s"}),
        ),
        "Counted from when it falls silent: three periods, less what had passed of one.",
    ),
    Report(
        "Flow Director's table is full", "mtcp 182; Linux ixgbe, ATR",
        "Filters that the driver writes as connections begin fill the table; later ones find no room. 64 KiB hold 8191 "
        "signatures (2046 perfect filters).",
        {
            **_adapter("82599", 2, steering={"flow_director": {"mode": "signature", "atr": True}}),
            "driver": {"preset": "dpdk"}, "run": {"warmup": "1ms", "duration": "1ms"},
            "workload": {"pattern": "flows", "flows": [["vf0", "uplink"]], "frame_bytes": 64, "connections": 12000},
        },
        (Point("12,000 connections", FILTERS, (8191.0, 8191.0), said="8191"),),
        "Written filters, perfect or signatures, are counted as the file is read: 2046 and 8191 at most.",
    ),
)  # fmt: skip

PF_PROMISCUOUS = {**_adapter("82599"), "switch": {"ports": [{"name": "pf", "promiscuous": True}]}}
PROMISCUOUS_VF = {"nic.preset": "XL710", "switch.ports": [{"name": "vf1", "promiscuous": True}]}
TWO_VLANS = [{"name": "vf0", "port_vlan": 10}, {"name": "vf1", "port_vlan": 20}]
SWITCHING = (
    Report(
        "A promiscuous function", "DPDK/grout 653, hotsos 365, mlx4_br 1, cnf-testbed 39",
        "A promiscuous PF, or VF, gets unknown unicast from the wire, and not what another VF of its port sends; a "
        "bridge behind it has to have its addresses in the filter.",
        PF_PROMISCUOUS,
        (
            Point("to an address nobody has, from the wire", frame_goes("uplink", UNKNOWN), "pf"),
            Point("the same, from vf0", frame_goes("vf0", UNKNOWN), "the wire"),
            Point("the same, and the PF has the address", frame_goes("vf0", UNKNOWN), "pf",
                  {"switch.ports.pf.macs": ["02:00:00:00:00:01", "02:dd:00:00:00:99"]}),
            Point("a promiscuous VF of an XL710, from the wire", frame_goes("uplink", UNKNOWN), "vf1", PROMISCUOUS_VF),
            Point("the same, from vf0", frame_goes("vf0", UNKNOWN), "the wire", PROMISCUOUS_VF),
        ),
    ),
    Report(
        "A PF that bridges", "the same threads; Linux ixgbe_set_mac_anti_spoofing",
        "A PF may send with other source addresses than its own, for it bridges for others; a VF may not.",
        PF_PROMISCUOUS,
        (
            Point("from the PF, another source", frame_goes("pf", "vf1", UNKNOWN), "vf1"),
            Point("from vf0, another source", frame_goes("vf0", "vf1", UNKNOWN), "dropped: SPOOFED_MAC"),
        ),
    ),
    Report(
        "A virtual router's address", "metallb 1901, UCarp 19; keepalived with use_vmac",
        "Frames with the virtual MAC address that a VF sends are dropped by anti-spoofing, until the PF's owner lets "
        "it have the address, or turns the check off.",
        _adapter("82599"),
        (
            Point("from vf0, virtual source", frame_goes("vf0", "vf1", VIRTUAL), "dropped: SPOOFED_MAC"),
            Point("the same, with the address", frame_goes("vf0", "vf1", VIRTUAL), "vf1",
                  {"switch.ports.vf0.macs": ["02:00:00:00:00:02", "00:00:5e:00:01:07"]}),
            Point("the same, without the check", frame_goes("vf0", "vf1", VIRTUAL), "vf1",
                  {"switch.ports.vf0.spoof_check": False}),
        ),
    ),
    Report(
        "A VF without trust and IPv6", "DPDK/grout 404",
        "E810, X710: a VF gets no neighbour solicitations, for it may not ask for their groups, until it is trusted.",
        {**_adapter("XL710"), "switch": {"ports": [{"name": "vf0", "accept": ["broadcast"]}]}},
        (
            Point("to 33:33:ff:00:00:01", frame_reaches("vf0", "uplink", SOLICITED), "no"),
            Point("the same, to a VF that gets all groups", frame_reaches("vf0", "uplink", SOLICITED), "yes",
                  {"switch.ports.vf0.accept": ["broadcast", "multicast"]}),
            Point("the same, with the group alone", frame_reaches("vf0", "uplink", SOLICITED), "yes",
                  {"switch.ports.vf0.groups": ["33:33:ff:00:00:01"]}),
        ),
        "By keys: unless `accept` is written, a station of the model gets all groups, with these presets too.",
    ),
    Report(
        "A switch that looks up addresses without VLANs", "openshift/dpu-operator 485",
        "The E810's switch is not aware of VLANs: a frame of VLAN 10 is forwarded to an address of VLAN 20, and not to "
        "the wire. VEPA mode is the way round it.",
        {**_adapter(None, 2), "switch": {"lookup": "mac", "ports": TWO_VLANS}},
        (
            Point("from VLAN 10 to vf1 in 20", frame_reaches("uplink", "vf0", "vf1"), "no"),
            Point("the same", frame_goes("vf0", "vf1"), "vf1", fits=False),
            Point("the same, a switch that is aware", frame_goes("vf0", "vf1"), "the wire, VLAN 10",
                  {"switch.lookup": "mac_and_vlan"}),
            Point("the same, VEPA", frame_goes("vf0", "vf1"), "the wire, VLAN 10", {"switch.mode": "vepa"}),
        ),
        "`switch.lookup: mac` has the half of it that data sheets confirm (X550, 7.8.3.4): the address is found "
        "without its VLAN, so the frame stays inside. It is then dropped there, as a member's filter does; that it is "
        "delivered across VLANs, as the report says of VFs with trust, is not modelled.",
    ),
    Report(
        "A port VLAN over the guest's own tag", "openshift/openshift-docs 74534",
        "An X710 pushes the port VLAN over the tag that the guest has sent: 802.1Q over 802.1Q.",
        {**_adapter("XL710"), "switch": {"ports": [{"name": "vf0", "port_vlan": 30, "q_in_q": True}]}},
        (
            Point("tagged with VLAN 7, to the wire", frame_goes("vf0", UNKNOWN, vlan=7), "the wire, VLAN 30 over 7"),
            Point("the same, tags not payload", frame_goes("vf0", UNKNOWN, vlan=7), "dropped: VLAN_MEMBER",
                  {"switch.ports.vf0.q_in_q": False}),
        ),
    ),
    Report(
        "VEPA at a switch without reflective relay", "pipework 239, openwrt 11471",
        "Guests of one host see no answers of each other where the switch does not send frames back.",
        {
            **_adapter("82599", 2), "switch": {"mode": "vepa"}, "run": {"duration": "1ms"},
            "bridge": {"ports": {"adapter": {"hairpin": False}}}, "workload": {"pattern": "pairs", "load": "1Gbps"},
        },
        (
            Point("without", RECEIVED_MPPS, (0.0, 0.0), said="nothing"),
            Point("with reflective relay", RECEIVED_MPPS, (0.14, 0.20), {"bridge.ports.adapter.hairpin": True},
                  said="all"),
        ),
    ),
)  # fmt: skip

FUNCTIONS = (
    Report(
        "Rates that a driver refuses", "sriov-cni 107; Linux ixgbe_ndo_set_vf_bw",
        "min_tx_rate is refused, and so is a max_tx_rate of 10 Mb/s or less.",
        _adapter("82599"),
        (
            Point("min_tx_rate", REFUSAL, "refused", {"switch.ports.vf0.min_rate": "100Mbps"}),
            Point("max_tx_rate 10 Mb/s", REFUSAL, "refused", {"switch.ports.vf0.rate_limit": "10Mbps"}),
            Point("max_tx_rate 11 Mb/s", REFUSAL, "taken", {"switch.ports.vf0.rate_limit": "11Mbps"}),
            Point("min_tx_rate, in mid-run", REFUSAL, "refused",
                  {"scenario": [{"at": "1ms", "set": {"switch.ports.vf0.min_rate": "100Mbps"}}]}),
            Point("max_tx_rate 10 Mb/s, in mid-run", REFUSAL, "refused",
                  {"scenario": [{"at": "1ms", "set": {"switch.ports.vf0.rate_limit": "10Mbps"}}]}),
            Point("max_tx_rate 10 Mb/s, asked of the driver", EVENT, "refused", {
                "nic.strict": False, "run.warmup": "500us", "run.duration": "1ms", "workload.load": "1Gbps",
                "scenario": [{"at": "1ms", "pf": {"vf": "vf0", "rate_limit": "10Mbps"}}]}),
        ),
    ),
    Report(
        "VFs by ports", "intel-wired-lan, 9 February 2021",
        "An X710 with four ports has four PFs of 32 VFs, an XL710-Q2 two of 64.",
        {**_adapter("XL710", 8), "port": {"count": 4, "rate": "10Gbps"}},
        (
            Point("four ports", PFS, "32, 32, 32, 32"),
            Point("two ports", PFS, "64, 64", {"port.count": 2, "port.rate": "40Gbps"}),
        ),
    ),
    Report(
        "Where VFs are", "linux-pci; lspci of an 82599 and an 82576",
        "First VF Offset is 128 where the hierarchy is capable of ARI, else 384.",
        _adapter("82599"),
        (
            Point("82599, ARI", vf_offset(ari=True), "128"), Point("82599", vf_offset(ari=False), "384"),
            Point("82576, ARI", vf_offset(ari=True), "128", {"nic.preset": "82576"}),
            Point("82576", vf_offset(ari=False), "384", {"nic.preset": "82576"}),
        ),
    ),
)  # fmt: skip

REPORTS = (*LIMITS, *STOPS, *SWITCHING, *FUNCTIONS)

NOT_EXPRESSED = (
    ("XL710, VF to VF", "cisco-system-traffic-generator/trex-core 148",
     "receive errors above 12.5 M frames/s, until the receiving program is changed",
     "It was the program, which took at most 128 frames in a turn; with 256 the errors were gone, the thread says. The "
     "model, whose receivers take all they have time for, has no loss at 13 M/s."),
    ("An adapter behind a dock", "Aquantia/AQtion 76",
     "0.6 Gb/s, blamed on the latency of completions; a larger ring helps",
     "Nobody measured the dock's latency. In the model it would take 30 us and 8 tags, and the ring would have no "
     "effect; so the model says what it is not."),
    ("A function on the other socket", "openNetVM 285", "9 falls to 4.5 Gb/s",
     "`host.remote_latency` is what the adapter's reads take longer: 1.4 % here. What the core's own accesses to "
     "remote memory cost is the core's, and not modelled."),
    ("Request and response over TCP", "k8s-netperf 246", "p99 of 44 us over VFs",
     "Loads of the model do not wait for answers: there is no TCP in it."),
    ("A path for the time without a VF", "oVirt 474, kubevirt 17222, incus 2423",
     "a VF is unplugged, virtio serves meanwhile, and the VF comes back",
     "`unplug` and `plug` are there, with how long the VF is away; the second path of the VM is not: a VM has one "
     "station."),
)  # fmt: skip
