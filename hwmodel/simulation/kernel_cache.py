"""The kernels' machine code on disk: whether it is there, and how it gets there.

A cold cache is filled by other processes, one for each entry point and all at once: the compiler's memory is gone
with them, and what makes it quick (see `quick_compilation`) touches nobody else's code.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hwmodel.errors import RunError
from hwmodel.kernels import CACHE_DIR, CACHE_ROOTS

# Entry points by the module that holds them; each is compiled by a process of its own.
TEMPLATE_ENTRIES = ("templates.decide_templates", "templates.rewrite_headers")
RUN_ENTRIES = ("engine.run", *TEMPLATE_ENTRIES)
SYSTEM_ENTRIES = ("system.run_system", *TEMPLATE_ENTRIES)
DMA_ENTRIES = ("dma.run_dma",)
SWITCH_ENTRIES = ("frame_batch.decide_batch", "frame_batch.copy_batch")
_IN_PROCESS: set[tuple[str, ...]] = set()  # entries that need not be looked for on disk again


def kernels_are_cached(entries: tuple[str, ...] = RUN_ENTRIES) -> bool:
    """Tell whether these entry points are on disk, so that nothing has to be compiled."""
    return all(any(CACHE_DIR.rglob(f"{name}-*.nbc")) for name in entries)


def have_kernels(entries: tuple[str, ...] = RUN_ENTRIES) -> float:
    """Compile what neither this process has asked for before nor the disk has; return the seconds that it took."""
    if entries in _IN_PROCESS:
        return 0.0
    started_s = time.perf_counter()
    was_cached = kernels_are_cached(entries)
    fill_cache(entries)
    _IN_PROCESS.add(entries)
    return 0.0 if was_cached else time.perf_counter() - started_s


def passed_over_cache() -> str | None:
    """Return a line that says where the kernels are kept in place of the first choice, None if they are there."""
    if not CACHE_ROOTS or CACHE_DIR.parent == CACHE_ROOTS[0]:
        return None
    return f"{CACHE_ROOTS[0]}: cannot be written or is full; the compiled kernels are kept in {CACHE_DIR.parent}"


def fill_cache(entries: tuple[str, ...] = RUN_ENTRIES) -> None:
    """Compile what is not on disk yet; where no process can be started, the caller compiles when it first calls.

    So it does where the disk is full, with a warning, and where a process is killed.
    """
    missing = [name for name in entries if not kernels_are_cached((name,))]
    if not missing:
        return
    from hwmodel.processes import work_through
    from hwmodel.simulation.compile_entry import compile_alone

    try:
        with _this_folder():
            done = list(work_through(compile_alone, missing, jobs=len(missing), attempts=1))
    except RunError:
        return
    if all(one.value for one in done) and not kernels_are_cached(entries):
        warnings.warn(
            f"{CACHE_DIR}: the disk is full; the kernels are compiled again for each run "
            "(HWMODEL_CACHE_DIR names another folder)",
            RuntimeWarning,
            stacklevel=2,
        )


@contextmanager
def _this_folder() -> Iterator[None]:
    """Have processes keep kernels where this one does: a temporary folder may be its own."""
    asked = os.environ.get("HWMODEL_CACHE_DIR")
    os.environ["HWMODEL_CACHE_DIR"] = str(CACHE_DIR.parent)
    try:
        yield
    finally:
        if asked is None:
            del os.environ["HWMODEL_CACHE_DIR"]
        else:
            os.environ["HWMODEL_CACHE_DIR"] = asked


def load_kernels(entries: tuple[str, ...]) -> None:
    """Have this process load its kernels now, for the processes that will be copies of it."""
    from hwmodel.simulation.compile_entry import compile_entry

    if kernels_are_cached(entries):
        for entry in entries:
            compile_entry(entry)
