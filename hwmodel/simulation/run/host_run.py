"""How fast a simulation ran, on which software and machine; and the version of the model.

Two results of one version of the model have the same figures for one configuration and seed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hwmodel import __version__
from hwmodel.compiled import COMPILED_BLOCKS
from hwmodel.results import HostRun

if TYPE_CHECKING:
    from hwmodel.simulation.figures.measurement import Snapshot
    from hwmodel.simulation.run.run import Run

# All sources that compute figures, results with their text; those that only call the simulation, or make pages, not.
_BLOCKS = (
    *COMPILED_BLOCKS, "simulation", "workload", "analytic", "results", "config", "wire", "rules", "units.py"
)  # fmt: skip
_DIGITS = 12


@cache
def model_version() -> str:
    """Return hwmodel's version and a hash of the sources that figures come from, like 0.1.0+3f9a5c21d07e."""
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for block in _BLOCKS:
        path = package / block
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:_DIGITS]}"


def describe_host_run(run: Run, end: Snapshot) -> HostRun:
    """Return how fast the simulation ran, with what, on what."""
    frames, wall_s = end.counts["delivered"], run.machine.kernel_s  # kernels only, without recording
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
