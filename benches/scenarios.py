"""What a run costs in which things change, and what a function that is reset costs others.

    python -m benches.scenarios                        the speed, then 1,000 resets: half an hour
    python -m benches.scenarios --resets 200 --seed 7  fewer, other instants
    python -m benches.scenarios --quick                shows that it works, and measures nothing

The speed is that of a run with 100 events beside the same machine left alone, in turn: frames by the time in the
kernels. A reset comes at a drawn instant of a machine under full load, in which the VF sends and nobody sends to it.
It is compared with the same run in which the VF's load stops at that instant: what each other VM receives in the
25 ms behind it. Up to that instant the deliveries are those of a run without it, byte by byte. In a third run, lightly
loaded, the VF has to come back: nothing is delivered to it while it is off, and it sends and receives again. Each run
checks by itself that no frame is unaccounted for.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hwmodel
from benches.comparison import Requirement, figure_text, in_turn, ratios, table
from hwmodel.config import config_from_mapping

SPEED = Requirement(0.95, at_least=True)
OTHERS = Requirement(0.5, at_least=False)  # percent
MIXED = {"workload.frame_bytes": None, "workload.sizes": [[64, 7], [570, 4], [1518, 1]]}
MACHINES: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "64 B": {"workload.frame_bytes": 64},
    "mixed lengths": MIXED,
    "IOMMU": {"host.iotlb": {"entries": 64, "miss": "330ns", "walkers": 2}},
    "DMA engines": {"nic.dma": {"read": {"outstanding": 8, "latency": "200ns"}, "write": {"outstanding": 8}}},
    "kernel driver": {"driver.preset": "kernel"},
    "deficit": {"switch.scheduler": "deficit", **MIXED},
    "a bridge": {"bridge": {"kind": "learning"}, "switch.mode": "vepa"},
}
RATE, LIGHT = "200Mbps", "50Mbps"
# Closed loops, but for vf1, which has a rate that gets through; nobody sends to it.
LOAD = [["vf0", "vf2", None], ["vf2", "vf0", None], ["vf3", "vf5", None], ["vf5", "vf3", None], ["vf1", "vf4", RATE]]
SILENT = [*LOAD[:-1], ["vf1", "vf4", "1Kbps"]]  # the least rate: no frame within the run
BEHIND = "25ms"  # frames become visible by batches: one more or less at its end is 0.2 % of a VM's rate


def speed(n_turns: int, milliseconds: float) -> list[str]:
    """Return the row of the speed with 100 events."""
    base = {"run.warmup": "1ms", "run.duration": f"{milliseconds}ms", "workload.frame_bytes": 64}
    step_us = milliseconds * 1000 / 101
    events = [
        {"at": f"{round(1000 + step_us * (at + 1))}us", "set": {"switch.ports.vf7.rate_limit": limit}}
        for at, limit in enumerate(["9Gbps", "8Gbps"] * 50)
    ]
    config = hwmodel.load_config("sriov_10g_gen2x4", base)
    both = {"static": config, "events": config_from_mapping(config.resolved(), {"scenario": events})}

    def frames_per_s(name: str) -> float:
        host_run = hwmodel.simulate(both[name], threads=1).host_run
        return host_run.frames / host_run.wall_s

    found = in_turn({name: lambda name=name: frames_per_s(name) for name in both}, n_turns)
    share = ratios(found["events"], found["static"])
    figures = map(figure_text, (share.median, share.least, share.greatest))
    return ["with 100 events / without, frames/s", *figures, str(SPEED), SPEED.verdict(share.median)]


def drawn(seed: int, n: int) -> Iterator[tuple[str, float]]:
    """Draw machines, in turn, and instants in microseconds."""
    chance = random.Random(seed)
    names = list(MACHINES)
    for number in range(n):
        yield names[number % len(names)], chance.randrange(300_000, 900_000) / 1000


def machine(name: str, flows: Sequence[Sequence[Any]], **run: Any) -> dict[str, Any]:
    return {"nic.vfs": 6, "pcie.lanes": 4, "workload.pattern": "flows", "workload.flows": flows, **MACHINES[name], **{
        f"run.{key}": value for key, value in run.items()
    }}  # fmt: skip


def behind(name: str, at_us: float, event: Mapping[str, Any] | None, folder: Path) -> tuple[dict[str, float], bytes]:
    """Run 25 ms behind an event; return what others receive, and the deliveries before it."""
    changes = machine(name, LOAD, warmup=f"{at_us}us", duration=BEHIND)
    scenario = {} if event is None else {"scenario": [{"at": f"{at_us}us", **event}]}
    path = folder / "delivered.pcap"
    result = hwmodel.simulate(config_from_mapping({}, {**changes, **scenario}), pcap_path=str(path), threads=1)
    rates = {vm.name: vm.rx_gbps or 0.0 for vm in result.vms if vm.name not in ("vf1", "vf4")}
    return rates, before(path.read_bytes(), at_us * 1000)


def before(capture: bytes, at_ns: float) -> bytes:
    """Return the records of a capture (of nanoseconds) that are earlier than an instant."""
    at = 24
    while at < len(capture):
        seconds, ns, n_bytes = (int.from_bytes(capture[at + k : at + k + 4], "little") for k in (0, 4, 8))
        if seconds * 10**9 + ns >= int(at_ns):
            break
        at += 16 + n_bytes
    return capture[:at]


def comes_back(name: str, at_us: float) -> bool:
    """Reset the VF in a lightly loaded machine; tell whether it is silent, and then sends and receives again."""
    light = [[one, other, LIGHT] for one, other in (("vf0", "vf1"), ("vf1", "vf4"), ("vf3", "vf5"))]
    changes = machine(name, light, warmup="200us", duration="130ms")
    result = hwmodel.simulate(config_from_mapping({}, {**changes, "scenario": [{"at": f"{at_us}us", "reset": "vf1"}]}))
    assert result.series is not None
    (life,), vf = result.series.lives, result.series.vms["vf1"]
    if life.up_ns is None or life.first_frame_ns is None:
        return False
    first, last = (int(time_ns / result.series.interval_ns) for time_ns in (life.at_ns, life.up_ns))
    is_silent = max(*vf.rx_gbps[first + 1 : last], *vf.tx_gbps[first + 1 : last]) == 0
    return is_silent and vf.rx_gbps[-2] > 0 and vf.tx_gbps[-2] > 0


def resets(seed: int, n: int) -> Iterator[list[str]]:
    """Return a row for each kind of machine: resets, others' largest difference, what was not as it has to be."""
    found: dict[str, list[tuple[float, bool, bool]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, at_us in drawn(seed, n):
            none, without = behind(name, at_us, None, Path(folder))
            reset, ahead = behind(name, at_us, {"reset": "vf1"}, Path(folder))
            stops, ahead_too = behind(name, at_us, {"set": {"workload.flows": SILENT}}, Path(folder))
            apart = max(abs(reset[vm] / stops[vm] - 1) if stops[vm] else 0.0 for vm in none)
            found.setdefault(name, []).append((100 * apart, without == ahead == ahead_too, comes_back(name, at_us)))
    for name, rows in found.items():
        worst = max(apart for apart, _, _ in rows)
        wrong = sum(not same for _, same, _ in rows), sum(not back for _, _, back in rows)
        yield [name, str(len(rows)), figure_text(worst), str(OTHERS), OTHERS.verdict(worst), *map(str, wrong)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what changes in mid-run cost.")
    parser.add_argument("--quick", action="store_true", help="one turn, one reset of each machine")
    parser.add_argument("--resets", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the instants (1)")
    arguments = parser.parse_args()
    row = speed(*((1, 2) if arguments.quick else (9, 60)))
    print(table(("", "median", "min", "max", "required", ""), [row]))
    print()
    n = len(MACHINES) if arguments.quick else arguments.resets
    heads = ("a VF is reset", "times", "others apart, %", "required", "", "before it other", "not back")
    print(table(heads, list(resets(arguments.seed, n))))


if __name__ == "__main__":
    main()
