"""How many processors this process may use: those of its CPU affinity, up to its container's quota."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")  # of control groups: lines of hierarchy:controllers:path (Linux, cgroups(7))


def usable_processors() -> int:
    """Return how many processors are worth a thread or a process each, at least 1.

    A container with a quota of 1.5 processors may run on all of the machine's, but 2 threads use up its quota. On
    systems without Linux' calls it is the machine's number.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    found = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = _quota()
    return found if quota is None else max(1, min(found, ceil(quota)))


def _quota() -> float | None:
    """Return the processors that the control groups above this process let it use; None where they set no limit."""
    try:
        lines = MEMBERSHIP.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:  # version 2, one hierarchy for all
            found += [_of_version_2(folder) for folder in _up_from(CGROUPS, path)]
        elif "cpu" in controllers.split(","):
            found += [_of_version_1(folder) for folder in _up_from(CGROUPS / "cpu", path)]
    limits = [quota for quota in found if quota is not None]
    return min(limits, default=None)


def _up_from(root: Path, path: str) -> list[Path]:
    """Return a group's folder and those above it: any may set the limit. In a container, `root` is its own group."""
    folder = root / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent == root or root in parent.parents)]


def _of_version_2(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return _ratio(quota, period)


def _of_version_1(folder: Path) -> float | None:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _ratio(quota: str, period: str) -> float | None:
    """Return what a quota, in microseconds of each period, is worth; `max` and -1 stand for none."""
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)
