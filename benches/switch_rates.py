"""What others have published of virtual switches: rates, their conditions, and what the presets make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Use = Literal["fitted", "compared", "not claimed"]
PORT_BPS = 40 * 10**9
ZHANG = "Zhang et al., CoNEXT 2019, data of the authors' page"
LINUX = "Linux commit 5503fcecd49f"
CLOUDNET = "Emmerich et al., CloudNet 2014, from memory"
VMWARE = "VMware on ESXi 5.0, second-hand: 16,000 frames a second to 24 VMs"
OVS_PERF = "github.com/chaudron/ovs_perf, Xeon E5-2690 v4, both threads of one core"
ESX = "Intel and VMware, ESX 3.5 U1, 82598, TCP payload as frames"
OSINSTOM = "github.com/osinstom/paper-vnf-offloading, processor not stated"


class Point(NamedTuple):
    """Hold a published rate; `use`: the preset is fitted to it, only compared with it, or does not claim it.

    `keys`: other keys of the switch.
    """

    preset: str
    path: str
    frame_bytes: int
    mpps: float
    use: Use
    source: str
    batch: int | None = None
    connections: int = 1
    others: Mapping[str, Any] | None = None

    @property
    def keys(self) -> dict[str, Any]:
        """Return other keys of the switch."""
        return ({} if self.batch is None else {"batch": self.batch}) | dict(self.others or {})


def _chains() -> Iterator[Point]:
    """Give Zhang's chains of VMs; Gb/s there count preamble and gap, 672 bits for a frame of 64 B."""
    rates = {"": (2.37, 1.37, 0.83, 0.60, 0.46), ", both ways": (1.92, 1.10, 0.76, 0.58, 0.47)}
    for times, all_gbps in rates.items():
        for n, gbps in enumerate(all_gbps, start=1):
            use: Use = "fitted" if n in (3, 5) else "compared"
            yield Point("ovs_dpdk", f"chain of {n} VM{'s' * (n > 1)}{times}", 64, gbps / 0.672, use, ZHANG)


def _flows() -> Iterator[Point]:
    """Give the rates of ovs_perf, from the port to a VM and back, below what its wire carries."""
    rates = {
        10: {64: 4.727, 128: 4.667, 256: 4.365},
        1000: {64: 2.251, 128: 2.220, 256: 2.173, 512: 2.046},
        10000: {64: 1.954, 128: 1.921, 256: 1.851, 512: 1.740},
        100000: {64: 1.283, 128: 1.292},
    }
    for n_flows, by_length in rates.items():
        for frame_bytes, mpps in by_length.items():
            use: Use = "fitted" if n_flows > 10 and frame_bytes == 64 else "compared"
            yield Point("ovs_dpdk", "chain of 1 VM", frame_bytes, mpps, use, OVS_PERF, connections=n_flows)


POINTS = (
    Point("ovs_dpdk", "port to VM", 64, 7.649, "fitted", ZHANG),
    Point("ovs_dpdk", "VM to VM", 64, 5.997, "fitted", ZHANG),
    Point("ovs_dpdk", "VM to VM", 1024, 3.440, "fitted", ZHANG),
    Point("ovs_dpdk", "VM to VM", 256, 5.190, "compared", ZHANG),
    Point("ovs_dpdk", "port to VM, both ways", 64, 7.842, "compared", ZHANG),
    Point("ovs_dpdk", "port to VM, both ways", 256, 6.780, "compared", ZHANG),
    Point("ovs_dpdk", "VM to VM, both ways", 64, 4.658, "compared", ZHANG),
    Point("ovs_dpdk", "VM to VM, both ways", 256, 3.949, "compared", ZHANG),
    Point("ovs_dpdk", "VM to VM, both ways", 1024, 2.960, "compared", ZHANG),
    *_chains(),
    *_flows(),
    Point("ovs_dpdk", "chain of 1 VM", 86, 1.478, "not claimed", f"{OSINSTOM}; the rate with 0.04 % loss"),
    Point("ovs_kernel", "port to VM", 64, 1.632, "fitted", "github.com/chaudron/ovs_perf, Xeon E5-2690 v4"),
    Point("ovs_kernel", "chain of 1 VM", 74, 0.497, "not claimed", f"{OSINSTOM}, overloaded"),
    Point("ovs_kernel", "port to VM", 64, 0.85, "not claimed", CLOUDNET),
    Point("ovs_kernel", "VM to VM", 64, 0.27, "not claimed", CLOUDNET),
    Point("ovs_dpdk", "pairs of 14 VMs, one way", 1518, 1.672, "not claimed", "TCP, 20.3 Gb/s in all; 21 with 4 VMs"),
    Point("linux_bridge_vhost", "VM to port", 64, 0.91, "fitted", LINUX, batch=1),
    Point("linux_bridge_vhost", "VM to port", 64, 1.00, "compared", LINUX, batch=4),
    Point("linux_bridge_vhost", "VM to port", 64, 1.00, "compared", LINUX, batch=8),
    Point("linux_bridge_vhost", "VM to port", 64, 1.01, "compared", LINUX, batch=16),
    Point("linux_bridge_vhost", "VM to port", 64, 1.07, "compared", LINUX, batch=32),
    Point("linux_bridge_vhost", "VM to port", 64, 1.08, "fitted", LINUX, batch=64),
    Point("linux_bridge_vhost", "port to VM", 64, 1.3, "fitted", "Linux commit 1576d9860599, before it"),
    Point("linux_bridge_vhost", "port to VM", 64, 1.5, "fitted", "Linux commit 1576d9860599, with it"),
    Point("linux_bridge_vhost", "port to VM", 64, 2.50, "not claimed", "Linux, XDP for tuntap: no bridge"),
    Point("vds", "VM to VM", 1024, 0.384, "compared", VMWARE),
    Point("vds", "port to VM", 1518, 0.345, "fitted", f"{ESX}: 4.0 Gb/s"),
    Point("vds", "port to VM", 9018, 0.0796, "fitted", f"{ESX}: 5.7 Gb/s"),
    Point("vds", "port to VM", 1518, 0.453, "compared", "anandtech.com/show/2956: 5 to 6 Gb/s, ESX 4.0"),
    Point(
        "vds", "port to VM", 1518, 3.02, "not claimed", "VMware, 2015: over 35 Gb/s, vSphere 6.0, several cores, LRO"
    ),
    Point("pointer", "VM to VM", 64, 15.6, "not claimed", "Zhang et al., netmap passthrough, which copies"),
    Point("hyper_v", "port to VM", 1518, 0.329, "fitted", "Microsoft: 3 to 5 Gb/s of one core, without VMQ"),
    Point("hyper_v", "port to VM", 1518, 0.371, "compared", "windowsitpro.com: 4.5 Gb/s, migrations to one vNIC"),
    Point(
        "hyper_v", "port to VM", 1518, 0.288, "compared", "Mastering Windows Server 2016 Hyper-V: 3 to 4 Gb/s of a VMQ"
    ),
    Point("hyper_v", "port to VM", 1518, 0.453, "not claimed", "itprotoday.com: 5 to 6 Gb/s on modern processors"),
)
