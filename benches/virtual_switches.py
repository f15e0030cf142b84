"""Published rates of virtual switches beside the model's: those that a preset is fitted to, and others.

    python -m benches.virtual_switches         prints the tables that docs/validation.md has too
    python -m benches.virtual_switches --quick the first of its points: shows that it works

VMs and the adapter are as fast as they can be, so that the switch is the limit, as in what is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from benches.switch_rates import POINTS, PORT_BPS, Point
from hwmodel.config import config_from_mapping
from hwmodel.explore import compare
from hwmodel.results import WayFigures
from hwmodel.simulation import simulate_on_one_core as simulate

BASE: dict[str, Any] = {
    "nic": {"strict": False, "mode": "vswitch", "rx_ring": 1024, "tx_ring": 1024},
    "pcie": {"generation": 3, "lanes": 8},
    "port": {"rate": "40Gbps"},
    "driver": {"preset": "dpdk", "frame_time": "10ns", "vms": {"pf": {"preset": "dpdk", "doorbell_time": "0ns"}}},
    "run": {"warmup": "600us", "duration": "1200us", "clocks": "exact"},  # the first frames take the slow path
}
Flow = tuple[str, str]
Direction = Literal["less", "more", "as much"]


def flows_of(path: str) -> tuple[list[Flow], int]:
    """Return the flows of a path, and how many frames passed on make one that is counted.

    A chain: frames come by the wire, go from VM to VM, and leave. Each VM sends all it can, as if all that it gets.
    """
    way, _, times = path.partition(", ")
    if way == "VM to VM":
        flows = [("vf0", "vf1"), ("vf1", "vf0")] if times else [("vf0", "vf1")]
        return flows, 1
    if way == "port to VM":
        return [("uplink", "vf0"), ("vf0", "uplink")] if times else [("uplink", "vf0")], 1
    if way == "VM to port":
        return [("vf0", "uplink")], 1
    if way.startswith("pairs"):
        return [(f"vf{n}", f"vf{n ^ 1}") for n in range(0, int(way.split()[2]), 2 if times else 1)], 1
    n, n_chains = int(way.split()[2]), 2 if times else 1
    chains = [[f"vf{chain * n + number}" for number in range(n)] for chain in range(n_chains)]
    ends = [["uplink", *chain, "uplink"] for chain in chains]
    return [flow for chain in ends for flow in pairwise(chain)], n + 1


def passing(point: Point, **changes: Any) -> dict[str, Any]:
    """Return the configuration of a point, with other keys of the switch."""
    flows, _ = flows_of(point.path)
    names = {end for flow in flows for end in flow if end != "uplink"}
    n_vfs = max(2, *(int(name[2:]) + 1 for name in names))
    own: dict[str, Any] = {"preset": point.preset, "cores": [n_vfs + 1], **point.keys, **changes}
    n_cores = n_vfs + 2 + 2 * n_vfs
    workload: dict[str, Any] = {"frame_bytes": point.frame_bytes, "connections": point.connections}
    sent = [list(flow) for flow in flows if flow[0] != "uplink"]
    workload |= {"pattern": "flows", "flows": sent, "load": "saturate"} if sent else {"pattern": "none"}
    to = [target for source, target in flows if source == "uplink"]
    if to:
        line_bps = int(0.95 * PORT_BPS * point.frame_bytes / (point.frame_bytes + 20))
        workload["external"] = {"rate": f"{line_bps // 10**6}Mbps", "to": to}
    nic, switch = {**BASE["nic"], "vfs": n_vfs}, {"ports": [{"name": "all", "max_frame": "9728B"}]}
    host: dict[str, Any] = {"cores": n_cores, "virtual_switch": own}
    if point.frame_bytes > 9728:  # segments, which stay in memory
        switch = {}
        host["buffer_bytes"] = "64KiB"
    is_long = {"warmup": "4ms", "duration": "16ms"} if point.frame_bytes > 9728 else {}  # a batch takes over 1 ms
    return {
        **BASE,
        "run": {**BASE["run"], **is_long},
        "nic": nic,
        "switch": switch,
        "host": host,
        "workload": workload,
    }


def model_mpps(point: Point, **changes: Any) -> float:
    """Return what the model's switch passes where nothing else is a limit, in million frames a second."""
    result = simulate(config_from_mapping(passing(point, **changes)))
    frames = (result.window.vm_frames or 0) + (result.window.wire_frames or 0)
    return frames / (result.window.end_ns - result.window.start_ns) * 1e3 / flows_of(point.path)[1]


class Turn(NamedTuple):
    """Hold two points, and which way the rate goes from the one to the other in what is published."""

    what: str
    first: Point
    second: Point
    published: float
    """The second rate over the first."""


def _at(preset: str, path: str, frame_bytes: int = 64, connections: int = 1) -> Point:
    return Point(preset, path, frame_bytes, 0.0, "compared", "", connections=connections)


def _kernel_pairs(n_vms: int) -> Point:
    """Give pairs of VMs with TCP, whose segments pass uncut; a thread for each VM, 38.6 Gb/s copied twice at most."""
    threads = {"memory_rate": "154Gbps"}
    return Point("ovs_kernel", f"pairs of {n_vms} VMs, one way", 65602, 0.0, "compared", "", others=threads)


TURNS = (
    Turn("frames of 512 B for 64 B, 10,000 flows", _at("ovs_dpdk", "chain of 1 VM", 64, 10000),
         _at("ovs_dpdk", "chain of 1 VM", 512, 10000), 1.740 / 1.954),
    Turn("frames of 512 B for 74 B", _at("ovs_kernel", "VM to port", 74), _at("ovs_kernel", "VM to port", 512), 0.5),
    Turn("4 VMs in pairs for 2, a thread each", _kernel_pairs(2), _kernel_pairs(4), 17.9 / 12.2),
    Turn("14 VMs in pairs for 4, a thread each", _kernel_pairs(4), _kernel_pairs(14), 38.6 / 17.9),
    Turn("frames of 9018 B for 1518 B, in Gb/s a frame's bytes longer", _at("vds", "port to VM", 1518),
         _at("vds", "port to VM", 9018), 1.425 * 1518 / 9018),
    Turn("a chain of 2 VMs for 1", _at("ovs_dpdk", "chain of 1 VM"), _at("ovs_dpdk", "chain of 2 VMs"), 2.039 / 3.527),
    Turn("a chain of 5 VMs for 4", _at("ovs_dpdk", "chain of 4 VMs"), _at("ovs_dpdk", "chain of 5 VMs"), 0.685 / 0.893),
    Turn("both ways for one", _at("ovs_dpdk", "chain of 1 VM"), _at("ovs_dpdk", "chain of 1 VM, both ways"), 0.81),
    Turn("1000 flows for 10", _at("ovs_dpdk", "chain of 1 VM", 64, 10), _at("ovs_dpdk", "chain of 1 VM", 64, 1000),
         0.476),
    Turn("2 pairs of VMs for 1, one core", _at("ovs_dpdk", "pairs of 2 VMs", 1518),
         _at("ovs_dpdk", "pairs of 4 VMs", 1518), 0.9),
    Turn("7 pairs of VMs for 2, one core", _at("ovs_dpdk", "pairs of 4 VMs", 1518),
         _at("ovs_dpdk", "pairs of 14 VMs", 1518), 0.97),
)  # fmt: skip
# Frames from the wire, as ESX 3.5 U1 had them of an 82598, with four VMs.
RECEIVING: dict[str, Any] = {
    "nic": {"preset": "82599"}, "workload": {"pattern": "none", "frame_bytes": 1518}, "run": {"duration": "3ms"},
}  # fmt: skip


def relief(
    preset: str | None, rate: str = "9.7Gbps", n_vms: int = 4, pass_by: str = "copy"
) -> tuple[WayFigures, WayFigures]:
    """Return the figures of VMDq and of a virtual switch, which pass frames alike: VMs get them from the wire."""
    external = {"rate": rate, "to": [f"vf{n}" for n in range(n_vms)]}
    blocks = {**RECEIVING, "nic": {**RECEIVING["nic"], "vfs": n_vms}, "driver": {"pass_by": pass_by}}
    blocks["workload"] = {**RECEIVING["workload"], "external": external}
    if preset is not None:
        blocks["host"] = {"virtual_switch": {"preset": preset}}
    found = {one.way: one for one in compare(config_from_mapping(blocks)).ways}
    return found["vmdq"], found[f"vswitch_{pass_by}"]


def table(points: Sequence[Point] = POINTS) -> Iterator[str]:
    """Give each point beside the model, a line each."""
    yield "| preset | path | frame | published Mpps | model Mpps | off % | used | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in points:
        model = model_mpps(one)
        frame = f"{one.frame_bytes} B" + ("" if one.batch is None else f", batches of {one.batch}")
        frame += "" if one.connections == 1 else f", {one.connections:,} flows"
        figures = f"{one.mpps:.3f} | {model:.3f} | {100 * (model / one.mpps - 1):+z.1f}"
        yield f"| `{one.preset}` | {one.path} | {frame} | {figures} | {one.use} | {one.source} |"


def turns(some: Sequence[Turn] = TURNS) -> Iterator[str]:
    """Give by how much a rate changes, published and modelled, a line each."""
    yield "| preset | what changes | published, times | model, times |"
    yield "|---|---|---|---|"
    for one in some:
        times = model_mpps(one.second) / model_mpps(one.first)
        yield f"| `{one.first.preset}` | {one.what} | {one.published:.2f} | {times:.2f} |"


def main(arguments: Sequence[str]) -> None:
    """Print the tables."""
    if "--quick" in arguments:
        sys.stdout.write("\n".join(table(POINTS[:1])) + "\n")
        return
    for lines in (table(), ("",), turns()):
        for line in lines:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
