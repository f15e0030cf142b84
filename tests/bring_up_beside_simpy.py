"""VFs that come up beside traffic, several at once, through both: when each is up, and all else that runs meanwhile."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hwmodel.config import Config, config_from_mapping
from hwmodel.simulation.run.play import play_of
from tests.beside_simpy import (
    BASE,
    GROUP_OF,
    NS_FS,
    PF,
    WIRE,
    Both,
    OfFunctions,
    Recorded,
    engine_figures,
    run_the_oracle,
    with_capture,
)
from tests.jobs_for_simpy import function_number
from tests.journey_runs import JourneyRun, finished_journeys
from tests.oracles.simpy_nic import BringUps, Model, Starts

US_NS, MS_NS = 1000, 10**6
BEGIN_NS = 50 * US_NS
RESET_NS = 100 * MS_NS
LAST_NS = 118 * MS_NS
VFS = 8


class ComingUp(NamedTuple):
    """A machine, its load, and which VFs are reset when."""

    changes: dict[str, Any]
    load: Recorded
    resets: Sequence[tuple[int, str]]
    """In ns."""


def draw_bring_up(seed: int, n: int = 1200) -> ComingUp:
    """Draw from one to eight VFs that come up together, or nearly so, and load as they ask: none, or at times all."""
    chance = random.Random(f"bring up {seed}")
    gaps = chance.choice(((0,), (0,), (0, 1, 700, 40_000)))
    names = chance.sample([f"vf{at}" for at in range(VFS)], chance.randint(1, VFS))
    resets = sorted((BEGIN_NS + chance.choice(gaps), name) for name in names)
    changes: dict[str, Any] = {
        "nic.vfs": VFS, "nic.queues_per_vf": 1, "host.cores": chance.choice((1, 2, 4, 9)),
        "driver.doorbell_time": chance.choice(("0ns", "36.777ns", "100ns", "250ns")),
        "driver.interrupt_time": chance.choice(("0ns", "700.0007ns")),
        "driver.exit_time": chance.choice(("0ns", "300ns")),
        "driver.frame_time": chance.choice(("19.987ns", "1999.987ns")),
        "driver.moderation": chance.choice(("0us", "0us", "25us")),
        "host.read_latency": chance.choice(("450ns", "999.0003ns")), "pcie.generation": chance.choice((1, 2, 3)),
        "pcie.propagation": chance.choice(("0ns", "20ns")), "host.write_latency": chance.choice(("0ns", "300.0001ns")),
        "host.stall": chance.choice((None, None, {"every": "901.003us", "for": "30us"})),
        "run.warmup": "20us", "run.duration": f"{LAST_NS - 20 * US_NS}ns", "workload.on_full": "drop",
    }  # fmt: skip
    return ComingUp(changes, _load(chance, n), resets)


def _load(chance: random.Random, n: int) -> Recorded:
    """Draw frames among all, most of them in bursts while drivers ask: the link is full, or the cores are."""
    frames = [(0, PF, WIRE, 64), (LAST_NS, PF, WIRE, 64)]
    mean_ns = chance.choice((300, 700, 5_000, 40_000))
    if chance.random() < 0.15:
        return frames
    left = n
    while left > 0:
        at_ns = BEGIN_NS + RESET_NS + chance.choice((0, 500, 10_500, chance.randrange(16_500))) * US_NS
        at_ns += chance.randrange(700 * US_NS)
        for _ in range(min(left, chance.choice((50, 200, 400)))):
            source, to = chance.sample((WIRE, PF, *range(2, 2 + VFS)), 2)
            frames.append((int(at_ns), source, to, chance.choice((64, 64, 570, 1518))))
            at_ns += chance.expovariate(1 / mean_ns)
        left -= 400
    return sorted(frame for frame in frames if frame[0] <= LAST_NS)


class CameUp(NamedTuple):
    """What both made of it, and when each VF was up in both, in fs."""

    both: Both
    engine_fs: dict[str, int | None]
    oracle_fs: dict[str, int | None]


def come_up(folder: Path, drawn: ComingUp) -> CameUp:
    """Let VFs come up in both."""
    events = [{"at": f"{at_ns}ns", "reset": name} for at_ns, name in drawn.resets]
    changes = with_capture(folder, drawn.changes, drawn.load)
    play = play_of(config_from_mapping(BASE, {**changes, "scenario": events}))
    play.workload.records.rss_hash[:] = play.workload.records.at_fs // NS_FS  # not IP, which have 0
    run = JourneyRun.of_play(play)
    run.go_through()
    result, first = run.result(), play.scene.first
    assert play.scene.course is not None
    engine_fs = {life.vm: life.up_fs for life in play.scene.course.lives}
    found: list[BringUps] = []

    def beside(parameters: OfFunctions, model: Model) -> BringUps:
        found.append(bring_ups(first, drawn, parameters, model))
        return found[0]

    figures, journeys = run_the_oracle(first, drawn.load, result, GROUP_OF, (), agents=beside)
    both = Both(result, engine_figures(run, result), figures, finished_journeys(run), journeys, first, drawn.load)
    up_fs = {name: found[0].up_fs.get(function_number(name) + 1) for _, name in drawn.resets}
    return CameUp(
        both._replace(oracle=replace(figures, told=[])), engine_fs, up_fs
    )  # what is told is noted there alone


def bring_ups(first: Config, drawn: ComingUp, parameters: OfFunctions, model: Model) -> BringUps:
    """Return the drivers of the VFs that come up, for the SimPy model."""
    off: set[str] = set()
    names = {function_number(name) + 1: name for _, name in drawn.resets}

    def turn(port: int) -> None:
        off.symmetric_difference_update({names[port]})
        model.command(parameters(first, frozenset(off)))

    driver = first.driver_of("pf")
    return BringUps(
        model,
        [Starts(at_ns * NS_FS, function_number(name) + 1) for at_ns, name in drawn.resets],
        PF,
        driver.interrupt_time_fs + driver.exit_time_fs,
        2 * first.nic.queues_per_vf,
        goes=turn,
        comes=turn,
    )
