"""One frame alone in a machine drawn at random: the parts of its time in a run, and by the closed form.

`python -m tests.lone_frames FIRST LAST` compares the frames of the seeds from FIRST up to LAST and prints what differs.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwmodel.analytic import limits
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.rules import switch_core_cycles
from hwmodel.simulation.run.one_frame import lone_parts_fs
from hwmodel.simulation.run.trace.frame_parts import under_way
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload import build_workload
from tests.journey_runs import PARTS, JourneyRun, stamp_columns
from tests.one_frame import BASE, NOBODY, OUTSIDE

Parts = dict[str, int | None]

UPLINK_PORT = 0
POSTED_NS = 10_000_137  # all Rx descriptors have come by then, with one tag and the slowest host too
ENGINES: list[dict[str, Any]] = [
    {"read": {"latency": "66ns", "operation": "23.5ns"}, "write": {"latency": "185ns", "start": "7.3ns"}},
    {
        "read": {"small": "64B", "small_operation": "14.9ns", "rate": "61.5Gbps", "outstanding": 2, "large": "192B"},
        "write": {"piece": "128B", "piece_time": "10.7ns", "rate": "166Gbps", "outstanding": 2},
        "shared_rate": "20Gbps", "shared_time": "2.25ns", "shared_bytes": "1KiB",
    },
]  # fmt: skip
CHOICES: Mapping[str, list[Any]] = {
    "pcie.generation": [1, 2, 3, 4, 5],
    "pcie.lanes": [1, 2, 4, 8, 16],
    "pcie.max_payload": ["128B", "256B", "512B", "4KiB"],
    "pcie.max_read_request": ["128B", "256B", "512B", "4KiB"],
    "pcie.read_completion_boundary": ["64B", "128B"],
    "pcie.tags": [1, 2, 3, 4, 8, 32],
    "pcie.dllp_model": ["none", "spec", "tlp4", "tlp1", "pcie_bench"],
    "pcie.arbitration": ["round_robin", "reads_first", "writes_first", "arrival"],
    "pcie.propagation": ["0ns", "3ns", "100ns", "1us"],
    "pcie.address_bits": [32, 64],
    "pcie.ecrc": [False, True],
    "pcie.credits.ph": [0, 1, 2, 3, 8],
    "pcie.credits.pd": [0, 256, 300],
    "pcie.credits.nph": [0, 1, 2, 3],
    "pcie.credits.cplh": [0, 1, 2, 5],
    "pcie.credits.cpld": [0, 256, 300],
    "pcie.credits.return": ["0ns", "20ns", "200ns", "1us"],
    "host.read_latency": ["0ns", "10ns", "450ns", "2us"],
    "host.completion_bytes": ["mps", "rcb"],
    "host.buffer_bytes": ["256B", "1KiB", "2KiB", "4KiB", "16KiB"],
    "host.buffer_offset": ["0B", "4B", "64B", "128B"],
    "host.write_drain": [None, "1Gbps", "8Gbps", "40Gbps"],
    "host.iotlb": [
        None,
        None,
        *({"entries": n, "miss": miss, "walkers": None} for n, miss in ((1, "330ns"), (3, "2us"), (64, "100ns"))),
        {"entries": 12, "miss": "330ns", "split": True, "walkers": None},
        {"entries": 64, "miss": "330ns", "walkers": 6},
    ],
    "host.write_latency": ["0ns", "50ns", "1us"],
    "host.remote_latency": ["0ns", "100ns"],
    "pcie.switch_hops": [0, 1],
    "pcie.ordering": ["strict", "relaxed", "id_based"],
    "host.cores": [1, 2, 3],
    "nic.vfs": [2, 3, 8],
    "nic.queues_per_vf": [1, 1, 2, 4],
    "nic.tx_ring": [64, 104, 512],
    "nic.rx_ring": [64, 104, 512],
    "nic.fetch_batch": [1, 4, 8],
    "nic.rx_fetch_batch": [1, 3, 8, 16],
    "nic.rx_prefetch": [0, 1, 5, 8, 20],
    "nic.tx_writeback_batch": [1, 2, 8],
    "nic.rx_writeback_batch": [1, 1, 2, 4, 8],
    "nic.writeback_timeout": [None, "50ns", "400ns", "1500ns", "5us", "64us"],
    "nic.descriptor_cache": [40, 48, 64],
    "nic.dma": [None, None, *ENGINES],
    "nic.store_rate": [None, "2Gbps", "8Gbps", "80Gbps"],
    "nic.max_pps": [None, 1_000_000, 37_000_000],
    "nic.tx_buffer": ["10KiB", "160KiB"],
    "nic.rx_buffer": ["10KiB", "16KiB", "512KiB"],
    "nic.drop_enable": [False, True],
    "driver.tx_doorbell_batch": [1, 8],
    "driver.refill_batch": [1, 8],
    "driver.rx_interrupt_batch": [0, 0, 1, 1, 2],
    "driver.tx_interrupt_batch": [0, 1, 2],
    "driver.moderation": ["0us", "0us", "3us", "50us"],
    "driver.frame_time": ["0ns", "20ns", "700ns"],
    "driver.byte_time": ["0ns", "0.08ns"],
    "driver.doorbell_time": ["0ns", "100ns", "5us"],
    "driver.interrupt_time": ["0ns", "1us"],
    "driver.exit_time": ["0ns", "2us"],
    "driver.wakeup_time": ["0ns", "3us"],
    "driver.poll_budget": [1, 64],
    "driver.send_burst": [1, 32],
    "driver.mask_interrupts": [False, True],
    "driver.adaptive_moderation": [False, True],
    "switch.scheduler": ["round_robin", "weighted", "deficit", "strict"],
    "switch.timing": ["none", "none", "core"],
    "switch.bus_bits": [64, 128, 256, 512],
    "switch.clock": ["156.25MHz", "200MHz", "322.265625MHz"],
    "port.rate": ["1Gbps", "10Gbps"],
}
BASES: tuple[Mapping[str, Any], ...] = (
    BASE, BASE, BASE, {}, {"driver": {"preset": "dpdk"}}, {"nic": {"preset": "82576"}},
    {"nic": {"preset": "XL710"}, "driver": {"preset": "dpdk"}}, {"nic": {"preset": None}, "driver": {"preset": None}},
)  # fmt: skip
FRAME_BYTES = (64, 65, 100, 128, 257, 512, 1000, 1518, 1519, 4000, 9018)
VLANS = [{"name": "vf0", "port_vlan": 10, "vlans": [10]}, {"name": "vf1", "port_vlan": 10, "vlans": [10]}]
TAGGED = [{**VLANS[0], "admit": "tagged"}, {**VLANS[1], "untagged": []}]
CHANNEL = [{**port, "s_channel": 10} for port in TAGGED]
SWITCHES: Mapping[str, dict[str, Any]] = {
    "bridge": {},
    "VLAN": {"ports": VLANS},
    "tagged": {"ports": TAGGED},
    "mirrored": {"mirrors": [{"to": "pf", "from": "vf0", "direction": "ingress"}]},
    "PF off": {"ports": [{"name": "pf", "enabled": False}]},
    "VEPA": {"mode": "vepa", "ports": TAGGED},
    "VN-Tag": {"mode": "vn_tag", "ports": [{"name": "vf0", "port_vlan": 10, "vlans": [10], "admit": "tagged"}]},
    "E-TAG": {"mode": "e_tag"},
    "channels": {"mode": "multichannel", "s_channels": {10: "veb"}, "ports": CHANNEL},
}  # fmt: skip
FLOWS = (("vf0", "vf1"), ("vf0", "vf1"), ("vf0", "vf1"), ("vf0", "uplink"), ("uplink", "vf1"), ("vf0", "broadcast"))


class Drawn(NamedTuple):
    """A machine, and the one frame that it is given."""

    base: Mapping[str, Any]
    changes: dict[str, Any]
    flow: tuple[str, str]
    frame_bytes: int


def draw(seed: int) -> Drawn:
    """Draw some keys of the machine, its switch, and a frame."""
    chance = random.Random(seed)
    keys = chance.sample(sorted(CHOICES), chance.randint(1, len(CHOICES)))
    changes = {key: chance.choice(CHOICES[key]) for key in keys}
    base = chance.choice(BASES)
    if base.get("nic", {}).get("preset"):  # a device has as many functions and queues as it has
        changes = {key: value for key, value in changes.items() if key not in ("nic.vfs", "nic.queues_per_vf")}
    switch = SWITCHES[chance.choice(["bridge", *SWITCHES])]
    of_all = {"name": "all", "max_frame": "9728B", "rate_limit": chance.choice([None, "1Gbps"])}
    ports = [of_all, *switch.get("ports", [])]
    changes |= {f"switch.{key}": value for key, value in switch.items()} | {"switch.ports": ports}
    return Drawn(base, changes, chance.choice(FLOWS), chance.choice(FRAME_BYTES))


def compare(folder: Path, drawn: Drawn) -> tuple[Parts, Parts]:
    """Return the parts of a drawn frame that a capture sends once, and those of a frame alone, as configured."""
    config, alone = two_frames(folder, drawn)
    run = JourneyRun(alone, build_workload(alone))
    run.go_through()
    posted_fs, found = _first_copy(run)
    cycle_fs = switch_core_cycles.cycle_fs(config.switch.clock_hz)
    lone = limits(config).lone_frame
    assert lone is not None
    return found, lone_parts_fs(config, lone, 0 if config.switch.timing == "none" else posted_fs % cycle_fs)


def _made_up(drawn: Drawn) -> Config:
    source, target = drawn.flow
    flow = {"pattern": "flows", "flows": [[source, target, "1Mbps"]]}
    workload = {"pattern": "broadcast"} if target == "broadcast" else flow
    workload |= {"frame_bytes": drawn.frame_bytes}
    return config_from_mapping(drawn.base, {**drawn.changes, "workload": workload})


def two_frames(folder: Path, drawn: Drawn, last_ns: int = 12_000_000) -> tuple[Config, Config]:
    """Return the machine with a made-up workload, and with its frame sent once; one at 0, dropped, sets the clock."""
    made_up = _made_up(drawn)
    templates = build_workload(made_up).templates
    header = next(one.header for one in templates if (one.source, one.target) == drawn.flow)
    path = folder / "one.pcap"
    frames = (0, bytes.fromhex(NOBODY + OUTSIDE + "88b5"), 60), (POSTED_NS, header, drawn.frame_bytes - 4)
    with PcapWriter(path) as writer:
        for at_ns, start, n_bytes in frames:
            writer.write(at_ns, start.ljust(60, b"\0"), n_bytes)
    run_keys = {"workload.pcap": str(path), "run.warmup": "15us", "run.duration": f"{last_ns}ns"}
    return made_up, config_from_mapping(drawn.base, {**drawn.changes, **run_keys})


def _first_copy(run: JourneyRun) -> tuple[int, Parts]:
    """Return when a frame was posted and the parts of its first copy; None for those that are never over."""
    nic: Any = run.state[0]
    journeys = np.concatenate([run.entries, under_way(nic)])
    ports = nic["traffic"]["copy_kind"]["port"][journeys["copy_kind"]].tolist()
    first = min(range(len(ports)), key=lambda at: (ports[at] == UPLINK_PORT, ports[at]))
    _, *stamps_fs = stamp_columns(journeys)[first].tolist()
    parts: Parts = dict.fromkeys(PARTS)
    for part, (begin_fs, end_fs) in zip(PARTS, pairwise(stamps_fs), strict=True):
        if end_fs < begin_fs:  # not stamped
            break
        parts[part] = end_fs - begin_fs
    return stamps_fs[0], parts


def compare_all(
    drawing: Callable[[int], Drawn], comparing: Callable[[Path, Drawn], tuple[Parts, Parts]], first: int, last: int
) -> int:
    """Compare the frames of some seeds; return 1 where one differs."""
    count: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last):
            drawn = drawing(seed)
            try:
                found, expected = comparing(Path(folder), drawn)
            except InputError as error:
                count["refused"] += 1
                print(f"seed {seed}: refused: {error}"[:200])
                continue
            never_taken = found["guest_queue"] is None
            count["that differ" if found != expected else "never taken" if never_taken else "taken"] += 1
            for part in expected:
                if found[part] != expected[part]:
                    fs = f"{found[part]} fs, by the closed form {expected[part]} fs"
                    print(f"seed {seed}, {' to '.join(drawn.flow)}, {drawn.frame_bytes} B: {part} takes {fs}")
    print(", ".join(f"{n} {what}" for what, n in sorted(count.items())))
    return int(count["that differ"] > 0)


if __name__ == "__main__":
    sys.exit(compare_all(draw, compare, *map(int, sys.argv[1:])))
