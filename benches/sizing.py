"""`hwmodel size` against trying all: problems drawn at random, each point of their grids run with several seeds.

    python -m benches.sizing                       60 problems of seed 1
    python -m benches.sizing --seed 7 --n 20 --ledger out/sizing.jsonl
    python -m benches.sizing --noise               60 of noisy hosts, bursts and windows too short for them
    python -m benches.sizing --quick               two problems: shows that it works, and measures nothing

A problem is a machine, one to three knobs of 24 points or fewer with costs in any order, and targets that stand among
the figures that its points give, so that some meet. Trying all takes the mean of `SEEDS` seeds of each point, others
than those of `size`. The answer is `same` where it costs as much as the cheapest that meets, `named` where that is
among the cheaper ones that the answer names as near the target, `unsure` where the answer misses with those seeds and
has less than 95 % of confidence, else `wrong`. Every row of an answer is compared with its own figures and bounds:
what is said to be met with more than 99 % has its whole interval on the right side of the bound. With `--noise` a
problem has 8 points or fewer, each tried once, and may have a latency target beside a rate, at which it is then run:
it is `answered` or not, and its rows alone are compared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import hwmodel
from hwmodel.errors import InputError, RunError
from hwmodel.results import Result, SizingResult
from hwmodel.results.sizing_text import sizing_sentence

SEEDS = (101, 102, 103, 104, 105)
MOST_POINTS, MOST_NOISY_POINTS = 24, 8
SURE = 0.95
OVER = 0.99  # confidence beside which no interval may reach beyond its bound
OFFERED = 0.985  # of a rate that is offered just as asked counts as met (docs/sizing.md)
RUN = {"duration": "1ms", "warmup": "300us"}
QUICK_RUN = {"duration": "200us", "warmup": "50us"}

# Of every kind: more is as a rule better, worse, or now one, now the other.
KNOBS: Mapping[str, Sequence[Any]] = {
    "pcie.lanes": (1, 2, 4, 8),
    "pcie.tags": (4, 8, 16, 32, 64),
    "pcie.max_payload": ("128B", "256B", "512B"),
    "nic.rx_ring": (64, 96, 128, 256, 1024),  # multiples of 32, as rings of the XL710 are
    "nic.tx_ring": (64, 128, 512),
    "nic.rx_buffer": ("16KiB", "64KiB", "508KiB", "512KiB", "800KiB", "1MiB"),
    "nic.tx_buffer": ("16KiB", "64KiB", "160KiB"),
    "nic.rx_writeback_batch": (1, 4, 8, 16),
    "nic.rx_fetch_batch": (1, 4, 8, 16),
    "nic.descriptor_cache": (32, 64, 128),
    "nic.queues_per_vf": (1, 2),
    "driver.preset": ("dpdk", "kernel"),
    "driver.tx_doorbell_batch": (1, 8, 32),
    "host.cores": (1, 2, 4),
}


@dataclass(frozen=True)
class Case:
    """Hold one problem's outcome: what is cheapest by trying all, what was answered, and what its rows contradict."""

    label: str
    verdict: str
    truth: float | None = None
    answered: float | None = None
    confidence: float | None = None
    n_points: int = 0
    simulations: int = 0
    is_cheapest: bool = False
    contradictions: tuple[str, ...] = ()
    problem: str = ""


def noisy(drawn: random.Random, problem: dict[str, Any]) -> dict[str, Any]:
    """Give a drawn machine a noisy host, arrivals in bursts, and a window that holds few of them."""
    base = problem["base"]
    base["host"] = base.get("host", {}) | {
        "jitter": {"kind": "uniform", "range": drawn.choice(("200ns", "1us", "3us"))}
    }
    base["run"]["duration"] = drawn.choice(("100us", "200us", "1ms"))
    workload = base["workload"]
    if problem["is_open"] and drawn.random() < 0.5:
        bps = int(workload["load"].removesuffix("Mbps")) * 10**6
        bursts = {"arrivals": "on_off", "mean_burst": drawn.choice((8, 32)), "peak_rate": f"{4 * bps}bps"}
        workload |= {"load": f"{bps}bps", **bursts}
    return problem


def draw(drawn: random.Random, run: Mapping[str, str]) -> dict[str, Any]:
    """Draw a machine and knobs, without targets; costs are in any order."""
    is_open = drawn.random() < 0.5
    workload: dict[str, Any] = {
        "pattern": drawn.choice(("pairs", "pairs", "uniform", "ring", "incast")),
        "frame_bytes": drawn.choice((64, 64, 128, 256, 1518)),
    }
    if is_open:
        workload |= {"load": f"{drawn.randint(20, 120)}% of ceiling", "on_full": drawn.choice(("wait", "drop"))}
        workload["arrivals"] = drawn.choice(("poisson", "periodic"))
    base: dict[str, Any] = {
        "pcie": {"generation": drawn.choice((2, 3)), "lanes": drawn.choice((2, 4, 8))},
        "nic": {"preset": drawn.choice(("82599", "X550", "XL710")), "vfs": drawn.choice((2, 4, 8)), "strict": False},
        "driver": {"preset": drawn.choice(("dpdk", "dpdk", "kernel", None))},
        "workload": workload,
        "run": {**run, "seed": drawn.randint(1, 50)},
    }
    if drawn.random() < 0.25:
        base["host"] = {"iotlb": {"entries": drawn.choice((16, 64, 256)), "walkers": 6}}
    if is_open:  # a load that is the same whatever the knobs are
        base["workload"]["load"] = f"{drawn.choice((100, 300, 1000, 2000, 4000))}Mbps"
    knobs: dict[str, Any] = {}
    for key in drawn.sample(sorted(KNOBS), drawn.choice((1, 2, 2, 3))):
        values = list(KNOBS[key])
        values = sorted(drawn.sample(values, drawn.randint(2, len(values))), key=values.index)
        knobs[key] = {"values": values, "costs": [drawn.randint(0, 9) for _ in values]}
    return {"base": base, "knobs": knobs, "is_open": is_open}


def problem_of(
    label: str, run: Mapping[str, str], *, is_noisy: bool = False
) -> tuple[dict[str, Any], dict[tuple[Any, ...], dict[str, float]]]:
    """Draw a problem, try all its points, and put its targets among their figures; return it and the figures."""
    drawn = random.Random(label)
    while True:
        problem = noisy(drawn, draw(drawn, run)) if is_noisy else draw(drawn, run)
        points = list(itertools.product(*(knob["values"] for knob in problem["knobs"].values())))
        if len(points) > (MOST_NOISY_POINTS if is_noisy else MOST_POINTS):
            continue
        seeds = SEEDS[: 1 if is_noisy else None]
        figures = {point: found for point in points if (found := tried(problem, point, seeds))}
        if len(figures) > len(points) / 2:
            break
    metrics = ["p99", "loss"] if problem["is_open"] else [drawn.choice(("gbps", "mpps"))]
    if problem["is_open"]:
        metrics = drawn.choice((["p99"], ["p99"], ["loss"], ["p99", "loss"], ["mpps", "p99"]))
    elif is_noisy and drawn.random() < 0.5:
        metrics = ["gbps", "p99"]
    target: dict[str, Any] = {}
    for metric in metrics:
        at = drawn.choice(sorted(one[metric] for one in figures.values()))
        near = drawn.choice((1.0, 1.0, 0.995, 1.01, 0.97, 1.05))
        if metric == "loss":
            target[metric] = drawn.choice((0, min(0.5, round(at * near, 6))))
        else:
            target[metric] = f"{at * near:.0f}ns" if metric == "p99" else float(f"{at * near:.6g}")
    return {"base": problem["base"], "knobs": problem["knobs"], "target": target}, figures


def tried(problem: Mapping[str, Any], point: Sequence[Any], seeds: Sequence[int]) -> dict[str, float] | None:
    """Run a point with each of some seeds and return the means; None where it cannot be run or gives no figure."""
    changes = dict(zip(problem["knobs"], point, strict=True))
    try:
        found = [_figures(hwmodel.simulate(hwmodel.load_config(problem["base"], {**changes, "run.seed": seed})))
                 for seed in seeds]  # fmt: skip
    except (InputError, RunError):
        return None
    if any(value is None for one in found for value in one.values()):
        return None
    return {metric: fmean(one[metric] for one in found) for metric in found[0]}  # type: ignore[misc]


def _figures(result: Result) -> dict[str, float | None]:
    totals = result.totals
    counts = ((totals.dropped_frames, totals.offered_frames), (totals.copies_dropped, totals.copies_made))
    lost = max((lost / of for lost, of in counts if of), default=0.0)
    return {"gbps": totals.gbps, "mpps": totals.mpps, "p99": result.latency_ns.p99, "loss": lost}


def judge(label: str, run: Mapping[str, str], *, is_noisy: bool = False) -> Case:
    """Answer a problem and compare."""
    problem, figures = problem_of(label, run, is_noisy=is_noisy)
    found = hwmodel.size(problem)
    bounds = {metric: _number(value) for metric, value in problem["target"].items()}
    truth = min((_cost(problem, point) for point, of in figures.items() if _meets(of, bounds)), default=None)
    contradictions = tuple(contradictions_of(found))
    verdict = "answered" if found.cost is not None else "nothing meets"
    if not is_noisy:
        verdict = _verdict(problem, found, figures, bounds, truth)
    return Case(label, verdict, truth, found.cost, found.confidence, found.n_candidates, found.simulations,
                found.is_cheapest, contradictions, json.dumps(problem) if verdict == "wrong" else "")  # fmt: skip


def _verdict(problem: Mapping[str, Any], found: SizingResult, figures: Mapping[tuple[Any, ...], Mapping[str, float]],
             bounds: Mapping[str, float], truth: float | None) -> str:  # fmt: skip
    near = [one.cost for one in found.near]
    if found.cost is None:
        return "same" if truth is None else "named" if truth in near else "wrong"
    assert found.best is not None and found.confidence is not None
    mine = figures.get(tuple(found.best.values()))
    if mine is None or not _meets(mine, bounds):  # it meets with the seeds of `size`, and not with the others
        return "unsure" if found.confidence < SURE else "wrong"
    return "same" if found.cost == truth else "named" if truth in near else "wrong"


def contradictions_of(found: SizingResult) -> Iterator[str]:
    """Yield what an answer's sentence and rows contradict of each other."""
    rows = [*found.cheaper, *found.near, *(step.choice for step in found.steps)]
    rows += [one for one in (found.runner_up_choice, found.answer, found.nearest) if one is not None]
    for row in rows:
        if row.source == "simulation" and row.is_met != all(one.is_met for one in row.targets):
            yield f"{dict(row.knobs)}: met {row.is_met} beside its targets"
        if row.source != "simulation" and row.is_met:
            yield f"{dict(row.knobs)}: met without a run"
        for one in row.targets:
            if row.source == "simulation" and one.figure is not None and not found.offered:
                holds = one.figure >= one.bound if one.metric in ("gbps", "mpps") else one.figure <= one.bound
                if holds != one.is_met:
                    yield f"{dict(row.knobs)}: {one.metric} {one.figure} of {one.bound} is said to be {one.is_met}"
            if one.low is not None and one.high is not None and (one.probability or 0.0) > OVER:
                is_rate = one.metric in ("gbps", "mpps")
                bound = one.bound * (OFFERED if is_rate and found.offered and one.at_load is None else 1.0)
                if one.low < bound if is_rate else one.high > bound:
                    sure = f"{one.metric} {one.low} to {one.high} of {bound} is said to be met with {one.probability}"
                    yield f"{dict(row.knobs)}: {sure}"
        if row.is_met and (found.cost is None or row.cost < found.cost):
            yield f"{dict(row.knobs)} meets at {row.cost}: {sizing_sentence(found)}"
    if found.answer is not None and not found.answer.is_met:
        yield "the answer misses"


def _meets(figures: Mapping[str, float], bounds: Mapping[str, float]) -> bool:
    return all(
        figures[metric] >= bound if metric in ("gbps", "mpps") else figures[metric] <= bound
        for metric, bound in bounds.items()
    )


def _number(value: Any) -> float:
    return float(str(value).removesuffix("ns"))


def _cost(problem: Mapping[str, Any], point: Sequence[Any]) -> float:
    pairs = zip(problem["knobs"].values(), point, strict=True)
    return float(sum(knob["costs"][knob["values"].index(value)] for knob, value in pairs))


def line_of(case: Case) -> str:
    """Write one problem's line."""
    sure = "" if case.confidence is None else f"{case.confidence:.3f}"
    words = f"{case.label:8} {case.verdict:7} truth {case.truth}, answered {case.answered}, {sure:6}"
    more = f"{case.n_points} points, {case.simulations} runs" + ("" if case.is_cheapest else ", not all tried")
    return "\n  ".join((f"{words} {more}", *case.contradictions, *filter(None, [case.problem])))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print a line for each problem and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--noise", action="store_true", help="noisy hosts, bursts, short windows")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(arguments)
    n, run = (2, QUICK_RUN) if chosen.quick else (chosen.n, RUN)
    known: dict[str, Case] = {}
    if chosen.ledger is not None and chosen.ledger.exists():
        lines = (json.loads(line) for line in chosen.ledger.read_text().splitlines())
        known = {line["label"]: Case(**line | {"contradictions": tuple(line["contradictions"])}) for line in lines}
    cases = []
    for number in range(n):
        label = f"{chosen.seed}/{number}"
        case = known.get(label) or judge(label, run, is_noisy=chosen.noise)
        cases.append(case)
        print(line_of(case), flush=True)
        if chosen.ledger is not None and label not in known:
            chosen.ledger.parent.mkdir(parents=True, exist_ok=True)
            with chosen.ledger.open("a") as lines_out:
                lines_out.write(json.dumps(asdict(case)) + "\n")
    counts = Counter(case.verdict for case in cases)
    print(f"{len(cases)} problems: " + ", ".join(f"{word} {n}" for word, n in counts.most_common()))
    print(f"contradictions in the answers: {sum(len(case.contradictions) for case in cases)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
