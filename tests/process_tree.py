"""Which processes a test has started, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path


def children_of_this_process() -> list[int]:
    """Return the process ids of the children that run, or were not waited for."""
    return children_of(os.getpid())


def children_of(parent: int) -> list[int]:
    """Return the process ids of a process's children."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            behind_the_name = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(behind_the_name[1]) == parent:
            found.append(int(path.parent.name))
    return found
