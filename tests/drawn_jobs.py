"""Jobs of drivers, and of agents on their cores, drawn at random; and machines on which they run beside frames."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.rules.driver_jobs import (
    AGENTS_FROM,
    DOORBELLS,
    ENDS,
    READ,
    RELEASE,
    TAKE_CORE,
    WAIT,
    WORK,
    WRITE,
    JobStep,
)
from hwmodel.simulation.run.commands import Job
from tests.beside_simpy import NS_FS, VFS, Commands, Loops, Recorded
from tests.drawn_machines import Drawn, draw_drivers, draw_engines, draw_hosts, draw_own_drivers

US_FS = 1000 * NS_FS
MOST_AT_ONCE = 16
NAMES = ("pf", *VFS)
OF_ALL = (1 << ENDS) - 1


def draw_jobs(chance: random.Random, names: Sequence[str], at_fs: int, turn: int) -> tuple[Job, ...]:
    """Draw jobs that begin as a command comes, or up to 3 fs before, as answers do; often none, and none at the start.

    `turn`: the command's number, so that numbers of jobs differ.
    """
    if at_fs < 4 or chance.random() < 0.2:
        return ()
    return tuple(
        _job(chance, names, at_fs, turn * MOST_AT_ONCE + at) for at in range(chance.choice((1, 1, 2, 3, MOST_AT_ONCE)))
    )


def draw_work(chance: random.Random, names: Sequence[str], at_fs: int, turn: int) -> tuple[Job, ...]:
    """Draw what agents do on cores as a command comes: often nothing, and nothing at the start."""
    if at_fs == 0 or chance.random() < 0.4:
        return ()
    return tuple(
        work_of_agent(chance.choice(names), turn * 3 + at, at_fs, chance.choice((0, chance.randrange(4 * US_FS))))
        for at in range(chance.choice((1, 1, 3)))
    )


def work_of_agent(core: str, number: int, from_fs: int, work_fs: int) -> Job:
    """Return an agent's job, which goes on where the function goes whose core it is."""
    steps = (JobStep(TAKE_CORE), JobStep(WORK, 1, work_fs), JobStep(RELEASE))
    return Job(core, AGENTS_FROM + number, from_fs, OF_ALL, None, steps)


def _job(chance: random.Random, names: Sequence[str], at_fs: int, number: int) -> Job:
    function = chance.choice(names)
    from_fs = at_fs + chance.choice((0, -1, -1, -3, chance.randrange(2 * US_FS)))
    own = [name for name in names if name.rpartition(".")[0] == function.rpartition(".")[0]]
    raises = chance.choice((None, chance.choice(own)))
    steps = [step for _ in range(chance.choice((1, 2, 3, 6))) for step in _part(chance)]
    return Job(function, number, from_fs, chance.choice((OF_ALL, OF_ALL, chance.randrange(32))), raises, tuple(steps))


def _part(chance: random.Random) -> Iterator[JobStep]:
    """Draw a step, or several that take a core and give it back; at times a core is kept to the end of the job."""
    if chance.random() < 0.4:
        yield JobStep(TAKE_CORE)
        yield from (_step(chance) for _ in range(chance.choice((0, 1, 3))))
        if chance.random() < 0.8:
            yield JobStep(RELEASE)
    else:
        yield _step(chance)


def _step(chance: random.Random) -> JobStep:
    op = chance.choice((WORK, WAIT, READ, READ, WRITE, WRITE, DOORBELLS, RELEASE))
    if op in (WORK, WAIT):
        return JobStep(op, 1, chance.choice((0, chance.randrange(200 * NS_FS), chance.randrange(5 * US_FS))))
    if op == DOORBELLS:
        return JobStep(op, chance.choice((0, 1, 3, 20)), chance.choice((0, chance.randrange(300 * NS_FS))))
    return JobStep(op, chance.choice((0, 1, 1, 2, 3, 17)))


class WithJobs(NamedTuple):
    """A machine, what it has to carry, and commands with jobs."""

    changes: Mapping[str, Any]
    load: Recorded | Loops
    commands: Commands


LOOPS_LAST_FS = 375 * US_FS
MACHINES = (draw_drivers, draw_own_drivers, draw_hosts, draw_engines)


def draw_with_jobs(seed: int) -> WithJobs:
    """Draw a machine whose drivers do much beside frames, most of it at once; it may be idle, busy or saturated."""
    chance = random.Random(f"jobs {seed}")
    drawn = _loaded(chance, seed)
    changes = {**drawn.changes, "driver.doorbell_time": chance.choice(("0ns", "1ns", "36.777ns", "250ns"))}
    changes |= {"driver.wakeup_time": chance.choice(("0ns", "900.003ns"))}
    if "host.stall" not in changes and chance.random() < 0.2:
        changes["host.stall"] = {"every": "7.003us", "for": f"{chance.randrange(1, 3000)}ns"}
    last_fs = LOOPS_LAST_FS if isinstance(drawn.load, Mapping) else drawn.load[-1][0] * NS_FS
    times = sorted(chance.randrange(4, last_fs) for _ in range(chance.choice((1, 4, 12))))
    if chance.random() < 0.3:
        times = sorted([*times, *(at_fs + 1 for at_fs in times)])
    commands = [
        (at_fs, {}, frozenset[str](), draw_jobs(chance, NAMES, at_fs, turn)) for turn, at_fs in enumerate(times)
    ]
    return WithJobs(changes, drawn.load, commands)


def _loaded(chance: random.Random, seed: int) -> Drawn:
    draw = MACHINES[seed % len(MACHINES)]
    changes, load = draw(11_000 + seed, 300)
    kind = chance.choice(("as drawn", "as drawn", "idle", "light"))
    if isinstance(load, Mapping) or kind == "as drawn":
        return Drawn(changes, load)
    frames = [(at_ns * 4, *rest) for at_ns, *rest in load[:: 30 if kind == "idle" else 4]]
    return Drawn({**changes, "run.duration": f"{frames[-1][0] - 20_000}ns"}, frames)
