"""A sweep from Python."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from hwmodel.config.overrides import Overrides
from hwmodel.report.sweep.result import SweepResult

from .run import run_sweep
from .tables import load_sweep


def sweep(
    source: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str] | None = None,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    overrides: Overrides | None = None,
    retry_failed: bool = False,
    any_number: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> SweepResult:
    """Run a sweep, from its file or a mapping as one would hold it; return what all its points gave.

    `out`: the folder of its ledger, in which a sweep that was stopped goes on; without it nothing is kept. `jobs`:
    processes, one for each core by default; `scheduler`: the address of a Dask scheduler to use instead. `overrides`,
    as of `load_config`, change the base. `any_number`: begin even with more than 100,000 runs. A run that fails is a
    row with its error. Raises as `run_sweep` does.
    """
    options: dict[str, Any] = {
        "jobs": jobs,
        "scheduler": scheduler,
        "overrides": overrides,
        "retry_failed": retry_failed,
        "any_number": any_number,
        "progress": progress,
    }
    if out is not None:
        return load_sweep(run_sweep(source, out, **options).folder)
    with tempfile.TemporaryDirectory(prefix="hwmodel-sweep-") as folder:
        return load_sweep(run_sweep(source, folder, **options).folder)
