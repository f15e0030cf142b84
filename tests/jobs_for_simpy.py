"""What drivers, and agents, do on cores beside frames, as changes have it, for the SimPy model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.config import Config
from hwmodel.rules.driver_jobs import AGENTS_FROM
from hwmodel.simulation.run.commands import Change, Job
from tests.oracles.simpy_nic import DriverJob, JobStep


def change_of(at_fs: int, config: Config, off: frozenset[str] = frozenset(), jobs: Sequence[Job] = ()) -> Change:
    """Return the change that a command makes."""
    return Change(at_fs, config, off, jobs=tuple(jobs))


def function_number(name: str) -> int:
    """Return the number of a VM's function."""
    return 0 if name == "pf" else int(name.removeprefix("vf")) + 1


def beside_frames(change: Change, prefix: str = "") -> dict[str, Any]:
    """Return what drivers of a server do beside frames, by port; `prefix`: of the names of its stations."""

    def port(function: str) -> int:
        return function_number(function.removeprefix(prefix)) + 1

    jobs = [
        DriverJob(
            port(job.function), job.number, job.from_fs, job.tells, None if job.raises is None else port(job.raises),
            [JobStep(*step) for step in job.steps], is_agents=job.number >= AGENTS_FROM,
        )
        for job in change.jobs if job.function.startswith(prefix)
    ]  # fmt: skip
    return {"driver_jobs": jobs}
