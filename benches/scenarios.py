"""What a run costs in which things change, and what a function that is reset costs others.

    python -m benches.scenarios                        the speed, the price, then 1,000 resets: half an hour
    python -m benches.scenarios --resets 200 --seed 7  fewer, other instants
    python -m benches.scenarios --quick                shows that it works, and measures nothing

The speed is that of a run with 100 events beside the same machine left alone, in turn: frames by the time in the
kernels. The price is the processor's time that mixed events take to load and to carry out, and an agent's reactions,
beside the run's own with one event, or an agent that never reacts. A reset comes at a drawn instant of a machine under
full load, in which the VF sends and nobody sends to it. It is compared with the same run in which the VF's load stops
at that instant: what each other VM receives in the 25 ms behind it. Up to that instant the deliveries are those of a
run without it, byte by byte. In a third run, lightly loaded, the VF has to come back: nothing is delivered to it while
it is off, and it sends and receives again. Each run checks by itself that no frame is unaccounted for.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hwmodel
from benches.comparison import Requirement, figure_text, in_turn, ratios, table
from hwmodel.config import config_from_mapping

SPEED = Requirement(0.95, at_least=True)
OTHERS = Requirement(0.5, at_least=False)  # percent
PRICES = {100: Requirement(0.05, at_least=False), 10_000: Requirement(3, at_least=False)}  # seconds, of so many events
REACTION = Requirement(20, at_least=False)  # microseconds
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


SET_MOST = (
    lambda k: {f"switch.ports.vf{k % 4}.rate_limit": f"{100 + k % 97}Mbps"},
    lambda k: {f"switch.ports.vf{k % 4}.port_vlan": 1 + k % 3},
    lambda k: {f"switch.ports.vf{k % 4}.vlans": [1, 2 + k % 30]},
    lambda k: {f"switch.ports.vf{k % 4}.macs": [f"02:00:00:00:{1 + k % 4:02x}:{k % 200:02x}"]},
    lambda k: {"switch.acl": [{"vlan": 2 + k % 50, "action": "deny"}]},
    lambda k: {"workload.load": f"{300 + k % 50}Mbps"},
)


def _took_s(mapping: Mapping[str, Any]) -> tuple[float, Any]:
    """Return the processor's time that it takes to load a configuration and to run it, and the result."""
    began_s = time.process_time()
    result = hwmodel.simulate(config_from_mapping(mapping), threads=1)
    return time.process_time() - began_s, result


def price(n_events: int) -> list[str]:
    """Return the row of what so many events cost beside the run's own, which has the first of them."""
    mapping = {"nic.vfs": 4, "workload.load": "500Mbps", "run.duration": "201us", "run.warmup": "30us"}
    events = [{"at": f"{30 + 200 * k / n_events:.4f}us", "set": SET_MOST[k % 6](k)} for k in range(n_events)]
    own_s = min(_took_s({**mapping, "scenario": events[:1]})[0] for _ in range(3))
    found = _took_s({**mapping, "scenario": events})[0] - own_s
    limit = PRICES[n_events]
    return [f"{n_events:,} events, s", figure_text(found), "", "", str(limit), limit.verdict(found)]


def reactions(milliseconds: float) -> list[str]:
    """Return the row of what an agent's reaction costs that sets one of two rate limits at each 100th frame."""
    limits = [{"switch.ports.vf2.rate_limit": rate} for rate in ("8Gbps", "9Gbps")]
    when = {"of": "vf1", "figure": "delivered", "each": 100}
    mapping = {"nic.vfs": 4, "workload.pattern": "flows", "workload.frame_bytes": 64, "run.warmup": "1ms",
               "workload.flows": [["vf0", "vf1", None], ["vf2", "vf3", "100Mbps"]]}  # fmt: skip
    agents = {"limiter": {"rules": [{"when": when, "set": limits}]}}
    idle = {"limiter": {"rules": [{"when": {"every": "1000s"}, "set": limits}]}}
    for duration in ("5ms", f"{milliseconds}ms"):  # the first has the kernels loaded
        own_s = min(_took_s({**mapping, "run.duration": duration, "agents": idle})[0] for _ in range(3))
        found_s, result = _took_s({**mapping, "run.duration": duration, "agents": agents})
    n = result.agents["limiter"].sets
    each_us = (found_s - own_s) / n * 1e6
    return [f"{n:,} reactions, us each", figure_text(each_us), "", "", str(REACTION), REACTION.verdict(each_us)]


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
    prices = [price(n) for n in (PRICES if not arguments.quick else (100,))]
    prices.append(reactions(20 if arguments.quick else 900))
    print(table(("", "median", "min", "max", "required", ""), [row, *prices]))
    print()
    n = len(MACHINES) if arguments.quick else arguments.resets
    heads = ("a VF is reset", "times", "others apart, %", "required", "", "before it other", "not back")
    print(table(heads, list(resets(arguments.seed, n))))


if __name__ == "__main__":
    main()
