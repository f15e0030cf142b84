"""What cores and drivers do beside frames, as changes have it, for the SimPy model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.config import Config
from hwmodel.config.message_time import DriverWork
from hwmodel.simulation.run.commands import Change, Job
from tests.oracles.simpy_nic import DriverJob, JobStep


def change_of(
    at_fs: int, config: Config, off: frozenset[str] = frozenset(), work: Sequence[DriverWork] = (),
    jobs: Sequence[Job] = (),
) -> Change:  # fmt: skip
    """Return the change that a command makes."""
    return Change(at_fs, config, off, tuple(work), jobs=tuple(jobs))


def function_number(name: str) -> int:
    """Return the number of a VM's function."""
    return 0 if name == "pf" else int(name.removeprefix("vf")) + 1


def beside_frames(change: Change, prefix: str = "") -> dict[str, Any]:
    """Return what cores and drivers of a server do beside frames, by port; `prefix`: of the names of its stations."""

    def port(function: str) -> int:
        return function_number(function.removeprefix(prefix)) + 1

    work = [(port(each.function), each.core_fs) for each in change.work if each.function.startswith(prefix)]
    jobs = [
        DriverJob(
            port(job.function), job.number, job.from_fs, job.tells, None if job.raises is None else port(job.raises),
            [JobStep(*step) for step in job.steps],
        )
        for job in change.jobs if job.function.startswith(prefix)
    ]  # fmt: skip
    return {"driver_work": work, "driver_jobs": jobs}
