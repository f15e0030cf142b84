"""The kernels' machine code on disk: whether it is there, and how it gets there.

A cold cache is filled by child processes, one for each entry point and all at once: the compiler's memory is gone
with them, and what makes it quick (see `quick_compilation`) touches nobody else's code.
"""

from __future__ import annotations

import os
import subprocess
import sys

from hwmodel.kernels import CACHE_DIR

# Entry points by the module that holds them; each child compiles one.
RUN_ENTRIES = ("engine.run", "templates.decide_templates")
DMA_ENTRIES = ("dma.run_dma",)
SWITCH_ENTRIES = ("frame_batch.decide_batch", "frame_batch.copy_batch")
_CHILD = "import sys; from hwmodel.simulation.compile_entry import compile_entry; compile_entry(sys.argv[1])"


def kernels_are_cached(entries: tuple[str, ...] = RUN_ENTRIES) -> bool:
    """Tell whether these entry points are on disk, so that nothing has to be compiled."""
    return all(any(CACHE_DIR.rglob(f"{name}-*.nbc")) for name in entries)


def fill_cache(entries: tuple[str, ...] = RUN_ENTRIES) -> None:
    """Compile what is not on disk yet; where children cannot be started, the caller compiles when it first calls."""
    # A child might choose another folder than this process: a temporary one may be its own.
    environment = os.environ | {"HWMODEL_CACHE_DIR": str(CACHE_DIR.parent)}
    missing = [name for name in entries if not kernels_are_cached((name,))]
    children = []
    try:
        for name in missing:
            children.append(subprocess.Popen([sys.executable, "-c", _CHILD, name], env=environment))
        for child in children:
            child.wait()
    except OSError:
        return
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
