"""How near runs come to the closed form: machines drawn at random, the ratio of each, and why where it is below.

    python -m benches.ceilings                       100 configurations of seed 1
    python -m benches.ceilings --seed 7 --n 300 --ledger out/ceilings.jsonl
    python -m benches.ceilings --vswitch --n 60      virtual switches with an uplink, whose VMs offer unequal loads
    python -m benches.ceilings --quick               a handful: shows that it works, and measures nothing

Each machine is run twice as long as its queues take to settle; again, longer and with other seeds, where that gives no
rate or one above the closed form. A run above it by more than its interval, and a burst of each receiver, says that
the closed form is no ceiling there. Where `limits` says that it is exact, runs come to it within 0.2 %. One below 0.95
has its reason beside it, by a rule that looks at the run (`reason_of`); docs/pcie.md ("How near runs come") has each.
With `--ledger` a line of JSON is kept for each machine, and those that have one are not run again.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benches.bottleneck import LONGER, QUICK_RUN, RUN, chance_of
from benches.bottleneck_cases import Blocks, configurations
from benches.ceilings_cases import draw_saturated
from benches.vswitch_cases import draw_vswitch
from hwmodel.analytic import Limits, limits
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.results import SystemResult
from hwmodel.simulation import simulate
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.results import Result

Drawing = Callable[[random.Random], Blocks]
BELOW = 0.95
LONG = {"warmup": "auto", "duration": "400ms", "frames": 200_000}  # rings of a core have turns of 32 frames
WITHIN = (0.99, 0.98, 0.95, 0.9)
NEAR = 1e-3
EXACT = 0.002
LOST = 0.02  # of the frames: what is lost has used the link and the cores
PAGES_A_RING = 8
FEW_FRAMES = 4
CLOSE = 1.15


@dataclass(frozen=True)
class Case:
    """Hold what one machine gave: `ratio` of the run to the closed form, what limits each, and the reason if below.

    `over`: by how much of the ratio chance does not explain that it is above 1. `problem`: why there is no ratio.
    """

    label: str
    ratio: float | None = None
    over: float = 0.0
    limited_by: str = ""
    bottleneck: str = ""
    lost_share: float = 0.0
    reason: str = ""
    problem: str = ""
    is_exact: bool = False
    half_width: float = 0.0  # of the interval, as a share of the closed form


def judge(label: str, config: Config) -> Case:
    """Run a machine beside its closed form; a run that is above, or has no rate, is made longer, and drawn anew.

    An interval of 95 % leaves one run of forty above its mean by more than that: what two others are not is chance.
    """
    case = _judge(label, config)
    for number in (1, 2):
        if case.problem != "no rate" and (case.ratio or 0.0) < 1 + NEAR:
            break
        case = _judge(
            label, config_from_mapping(config.resolved(), {**LONGER, "run.seed": config.run.seed + 1000 * number})
        )
    return case


def _judge(label: str, config: Config) -> Case:
    try:
        found = limits(config)
        result = simulate(config)
    except (InputError, RunError) as error:
        return Case(label, problem=str(error))
    name, gbps = result.throughput()  # the closed form too is of the wire where nothing reaches a VM
    if not gbps or not found.gbps:
        return Case(label, problem="no rate")
    ratio = gbps / found.gbps
    # Without an interval, as of several servers, chance stands for it.
    least_gbps, most_gbps = result.intervals.get(name) or (gbps * (1 - chance_of(config, result)), gbps)
    over = max(0.0, least_gbps / found.gbps - 1 - _at_ends(config, result) - said_to_be_above(found))
    reason = reason_of(config, found, result) if ratio < BELOW else ""
    return Case(label, ratio, over, found.limited_by, result.bottleneck.resource, _lost_share(result), reason,
                is_exact=found.is_exact, half_width=(most_gbps - least_gbps) / 2 / found.gbps)  # fmt: skip


def said_to_be_above(found: Limits) -> float:
    """Give by what share `limits` says that a run may be above: busy drivers save doorbells."""
    said = (re.search(r"a run may be up to ([\d.]+) % above", note) for note in found.notes)
    return sum(float(one[1]) / 100 for one in said if one)


def _at_ends(config: Config, result: Result) -> float:
    """Give what share of the frames the bursts at the window's ends may add, a burst of each receiver."""
    burst = max(1, config.driver.rx_interrupt_batch, config.nic.rx_writeback_batch)
    receivers = sum(1 for vm in result.vms if vm.rx_gbps) or 1
    return burst * receivers / max(1, result.window_frames)


def reason_of(config: Config, found: Limits, result: Result) -> str:
    """Return why a run is below the closed form, in the words of docs/pcie.md; "unknown" where no rule finds it."""
    return next((reason for reason, holds in REASONS.items() if holds(config, found, result)), "unknown")


def _lost_share(result: Result) -> float:
    return sum(result.drops.values()) / max(1, result.totals.offered_frames)


def _limiting(found: Limits, result: Result) -> set[str]:
    """Give the names of what limits the closed form and the run, also without a server's name before them."""
    names = {found.limited_by, result.bottleneck.resource, *result.bottleneck.keys}
    return names | {name.partition(".")[2] for name in names}


def _waits_at_rings(config: Config, found: Limits, result: Result) -> bool:
    names = {"nic.tx_ring", "nic.tx_buffer", "nic.rx_ring", "tx.descriptors"}
    longest = max((n_bytes for n_bytes, _ in found.sizes), default=0)
    holds_few = len(found.sizes) > 1 and config.nic.tx_buffer_bytes < FEW_FRAMES * longest
    return holds_few or not names.isdisjoint(_limiting(found, result))


def _is_interrupted(config: Config, found: Limits, result: Result) -> bool:
    return config.driver.masks and any(name.startswith("driver.") for name in _limiting(found, result))


def _is_behind_writes(config: Config, found: Limits, result: Result) -> bool:
    of_reads = {"pcie.tags", "nic.dma.places", "nic.dma.read", "pcie.up", "pcie.down", "up", "down"}
    goes_ahead = config.pcie.arbitration in ("writes_first", "arrival")
    names = _limiting(found, result)
    few = not names.isdisjoint({"pcie.tags", "nic.dma.read"}) or _stalled(result, "tags") > 0.5
    return bool(names & of_reads and (goes_ahead or few))


def _fetches_late(config: Config, found: Limits, result: Result) -> bool:
    return "rx.descriptors" in _limiting(found, result) or _stalled(result, "descriptors") > 0.1


def _stalled(result: Result, why: str) -> float:
    """Return the share of the window in which reads stood still, of several servers the largest."""
    adapters = result.adapters if isinstance(result, SystemResult) else [result]
    return max(float(getattr(one.stalls_ns, why)) for one in adapters) / result.window.duration_ns


def _walks(config: Config, found: Limits, result: Result) -> bool:
    iotlb = config.host.iotlb
    n_rings = 2 * config.nic.vfs * config.nic.queues_per_vf
    if iotlb is None or (not isinstance(result, SystemResult) and not result.iotlb.misses):
        return False
    return "host.walkers" in _limiting(found, result) or iotlb.entries < PAGES_A_RING * n_rings


def _is_a_mix(config: Config, found: Limits, result: Result) -> bool:
    has_flows = config.workload.pattern == "flows" and len(config.workload.flows) > 1
    return has_flows or found.as_offered is not None


def _is_chance(config: Config, found: Limits, result: Result) -> bool:
    return (result.throughput()[1] or 0.0) > found.gbps * (1 - chance_of(config, result))


def _writes_back_by_timer(config: Config, found: Limits, result: Result) -> bool:
    nic, n_rings = config.nic, max(1, config.nic.vfs * config.nic.queues_per_vf)
    rate = result.window_frames / result.window.duration_ns / n_rings
    timeout_ns = (nic.writeback_timeout_fs or 0) / FS_PER_NS
    return timeout_ns > 0 and rate * timeout_ns < max(nic.rx_writeback_batch, nic.tx_writeback_batch)


def _is_short_of_credits(config: Config, found: Limits, result: Result) -> bool:
    return "pcie.credits" in _limiting(found, result)


def _passes_part_batches(config: Config, found: Limits, result: Result) -> bool:
    return config.has_virtual_switch and "vswitch" in _limiting(found, result)


def _is_close_to_another(config: Config, found: Limits, result: Result) -> bool:
    rates = sorted({one.frames_per_s for one in found.ceilings if one.frames_per_s is not None})
    return len(rates) > 1 and rates[1] < CLOSE * rates[0]


REASONS: dict[str, Callable[[Config, Limits, Result], bool]] = {
    "chance": _is_chance,
    "frames are lost": lambda config, found, result: _lost_share(result) > LOST,
    "rings and buffers": _waits_at_rings,
    "masked interrupts": _is_interrupted,
    "a mix of streams": _is_a_mix,
    "page walks": _walks,
    "Rx descriptors": _fetches_late,
    "few credits": _is_short_of_credits,
    "reads behind writes": _is_behind_writes,
    "part batches": _writes_back_by_timer,
    "pieces that are not full": _passes_part_batches,
    "two nearly full": _is_close_to_another,
}


def judge_all(
    seed: int, n: int, run: dict[str, object], ledger: Path | None = None, drawing: Drawing = draw_saturated
) -> Iterator[Case]:
    """Judge `n` machines of a seed, one after the other; those that the ledger has are taken from there."""
    known = {}
    if ledger is not None and ledger.exists():
        known = {case.label: case for case in (Case(**json.loads(line)) for line in ledger.read_text().splitlines())}
    for index, config in enumerate(configurations(seed, n, run, drawing)):
        label = f"{seed}/{index}"
        case = known.get(label) or judge(label, config)
        if ledger is not None and label not in known:
            ledger.parent.mkdir(parents=True, exist_ok=True)
            with ledger.open("a") as lines:
                lines.write(json.dumps(asdict(case)) + "\n")
        yield case


def line_of(case: Case) -> str:
    """Write one machine's line."""
    if case.ratio is None:
        return f"{case.label:8} left out: {case.problem}"
    mark = f"ABOVE by {case.over:.2g}" if case.over else case.reason
    names = f"{case.limited_by} / {case.bottleneck}"
    return f"{case.label:8} {case.ratio:.4f}  {names:32} lost {case.lost_share:6.1%}  {mark}".rstrip()


def report_text(cases: Sequence[Case]) -> str:
    """Sum up: how many are above, how many within 5 %, how many below by reason."""
    judged = [case for case in cases if case.ratio is not None]
    by_reason: defaultdict[str, list[float]] = defaultdict(list)
    for case in judged:
        by_reason[case.reason].append(case.ratio or 0.0)
    above = [case for case in judged if case.over]
    exact = [max(0.0, abs((case.ratio or 0.0) - 1) - case.half_width) for case in judged if case.is_exact]
    lines = [
        f"{len(judged)} machines, {len(cases) - len(judged)} left out (nothing arrived, no rate, or no room)",
        f"above the closed form: {len(above)}; within 5 %: {len(by_reason.pop('', []))}",
        f"said to be exact: {len(exact)}; off by more than {EXACT:.1%} and chance: {sum(off > EXACT for off in exact)}",
    ]
    for share in WITHIN:
        lines.append(f"at {share:.0%} of it or more: {sum((case.ratio or 0.0) >= share for case in judged)}")
    for reason, ratios in sorted(by_reason.items(), key=lambda one: -len(one[1])):
        lines.append(f"below 0.95, {reason}: {len(ratios)}, down to {min(ratios):.2f}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--ledger", type=Path, help="lines of JSON, by which a bench that was stopped goes on")
    parser.add_argument("--vswitch", action="store_true", help="virtual switches with an uplink")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args(argv)
    n, run = (2, QUICK_RUN) if arguments.quick else (arguments.n, LONG if arguments.vswitch else RUN)
    cases = []
    drawing = draw_vswitch if arguments.vswitch else draw_saturated
    for case in judge_all(arguments.seed, n, run, arguments.ledger, drawing):
        print(line_of(case), flush=True)
        cases.append(case)
    print(report_text(cases))


if __name__ == "__main__":
    main()
