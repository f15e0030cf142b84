"""How fast a simulation ran, on which software and machine."""

from __future__ import annotations

import os
import platform
import resource
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from hwmodel.results import HostRun
from hwmodel.simulation.figures.measurement import Snapshot
from hwmodel.version import __version__, model_version

if TYPE_CHECKING:
    from hwmodel.simulation.run.run import Run


def describe_host_run(run: Run, end: Snapshot) -> HostRun:
    """Return how fast the simulation ran, with what, on what."""
    frames, wall_s = end.count("delivered"), run.machine.kernel_s  # kernels only, without recording
    return HostRun(
        wall_s=wall_s,
        threads=run.machine.n_threads,
        compile_s=run.compile_s,
        events=end.n_events,
        frames=frames,
        frames_per_s=frames / wall_s if wall_s > 0 else 0.0,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,  # the kernel counts in KiB
        versions=dict(_versions()),
        machine=f"{platform.machine()}, {os.cpu_count()} processors",
        compiled_without=run.compiled_without,
    )


@cache
def _versions() -> dict[str, str]:
    """Return the versions of all software that affects a run's figures; cached, since they are read from disk."""
    return {
        "hwmodel": __version__,
        "model": model_version(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }
