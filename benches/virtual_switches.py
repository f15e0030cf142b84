"""Published rates of virtual switches beside the model's: those that a preset is fitted to, and others.

    python -m benches.virtual_switches         prints the table that docs/validation.md has too
    python -m benches.virtual_switches --quick the first of its points: shows that it works

VMs and the adapter are as fast as they can be, so that one core of the switch is the limit, as in what is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate_on_one_core as simulate

Path = Literal["VM to VM", "VM to VM, both ways", "port to VM", "port and VM, both ways", "VM to port"]
PORT_BPS = 40 * 10**9
ZHANG = "Zhang et al., CoNEXT 2019, data of the authors' page"
LINUX = "Linux commit 5503fcecd49f"
CLOUDNET = "Emmerich et al., CloudNet 2014, from memory"
VMWARE = "VMware on ESXi 5.0, second-hand: 16,000 frames a second to 24 VMs"
BASE: dict[str, Any] = {
    "nic": {"strict": False, "mode": "vswitch", "vfs": 2, "rx_ring": 1024, "tx_ring": 1024},
    "pcie": {"generation": 3, "lanes": 8},
    "port": {"rate": "40Gbps"},
    "driver": {"preset": "dpdk", "frame_time": "10ns", "vms": {"pf": {"preset": "dpdk", "doorbell_time": "0ns"}}},
    "run": {"duration": "3ms", "clocks": "exact"},
}


class Point(NamedTuple):
    """Hold a rate that somebody has published, of one core; `is_fitted`: the preset is fitted to it."""

    preset: str
    path: Path
    frame_bytes: int
    mpps: float
    is_fitted: bool
    source: str
    batch: int | None = None


POINTS = (
    Point("ovs_dpdk", "port to VM", 64, 7.649, True, ZHANG),
    Point("ovs_dpdk", "VM to VM", 64, 5.997, True, ZHANG),
    Point("ovs_dpdk", "VM to VM", 1024, 3.440, True, ZHANG),
    Point("ovs_dpdk", "VM to VM", 256, 5.190, False, ZHANG),
    Point("ovs_dpdk", "port and VM, both ways", 64, 7.842, False, ZHANG),
    Point("ovs_dpdk", "port and VM, both ways", 256, 6.780, False, ZHANG),
    Point("ovs_dpdk", "VM to VM, both ways", 256, 3.949, False, ZHANG),
    Point("ovs_dpdk", "VM to VM, both ways", 1024, 2.960, False, ZHANG),
    Point("ovs_kernel", "port to VM", 64, 0.85, False, CLOUDNET),
    Point("ovs_kernel", "VM to VM", 64, 0.27, False, CLOUDNET),
    Point("linux_bridge_vhost", "VM to port", 64, 0.91, True, LINUX, batch=1),
    Point("linux_bridge_vhost", "VM to port", 64, 1.00, False, LINUX, batch=4),
    Point("linux_bridge_vhost", "VM to port", 64, 1.00, False, LINUX, batch=8),
    Point("linux_bridge_vhost", "VM to port", 64, 1.01, False, LINUX, batch=16),
    Point("linux_bridge_vhost", "VM to port", 64, 1.07, False, LINUX, batch=32),
    Point("linux_bridge_vhost", "VM to port", 64, 1.08, True, LINUX, batch=64),
    Point("vds", "VM to VM", 1024, 0.384, True, VMWARE),
    Point("vds", "port to VM", 1518, 0.453, False, "anandtech.com/show/2956: 5 to 6 Gb/s, ESX 4.0"),
    Point("hyper_v", "port to VM", 1518, 0.329, True, "Microsoft: 3 to 5 Gb/s of one core, without VMQ"),
    Point("hyper_v", "port to VM", 1518, 0.371, False, "windowsitpro.com: 4.5 Gb/s measured, migrations to one vNIC"),
    Point("hyper_v", "port to VM", 1518, 0.288, False, "Mastering Windows Server 2016 Hyper-V: 3 to 4 Gb/s of a VMQ"),
    Point("hyper_v", "port to VM", 1518, 0.453, False, "itprotoday.com: 5 to 6 Gb/s on modern processors"),
)


def model_mpps(point: Point) -> float:
    """Return what the model's switch passes where nothing else is a limit, in million frames a second."""
    own = {"preset": point.preset, "cores": [5]} | ({} if point.batch is None else {"batch": point.batch})
    workload: dict[str, Any] = {"frame_bytes": point.frame_bytes}
    line_bps = int(0.95 * PORT_BPS * point.frame_bytes / (point.frame_bytes + 20))
    if point.path == "port to VM":
        workload["pattern"] = "none"
    else:
        target = "uplink" if "port" in point.path else "vf1"
        flows = [["vf0", target], ["vf1", "vf0"]] if point.path == "VM to VM, both ways" else [["vf0", target]]
        workload |= {"pattern": "flows", "flows": flows, "load": "saturate"}
    if point.path.startswith("port"):
        workload["external"] = {"rate": f"{line_bps // 10**6}Mbps", "to": ["vf0"]}
    result = simulate(config_from_mapping({**BASE, "host": {"cores": 6, "virtual_switch": own}, "workload": workload}))
    frames = (result.window.vm_frames or 0) + (result.window.wire_frames or 0)
    return frames / (result.window.end_ns - result.window.start_ns) * 1e3


def table(points: Sequence[Point] = POINTS) -> Iterator[str]:
    """Give each point beside the model, a line each."""
    yield "| preset | path | frame | published Mpps | model Mpps | off % | fitted | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in points:
        model = model_mpps(one)
        frame = f"{one.frame_bytes} B" + ("" if one.batch is None else f", batches of {one.batch}")
        off = 100 * (model / one.mpps - 1)
        fitted = "yes" if one.is_fitted else ""
        figures = f"{one.mpps:.3f} | {model:.3f} | {off:+z.1f}"
        yield f"| `{one.preset}` | {one.path} | {frame} | {figures} | {fitted} | {one.source} |"


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    sys.stdout.write("\n".join(table(POINTS[:1] if "--quick" in arguments else POINTS)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
