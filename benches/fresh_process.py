"""Commands in processes of their own: how long they take, and how much memory."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "sriov_10g_gen2x4.yaml"

# A process asks for its own peak: what the kernel tells a parent is, on Linux, at least the parent's own size.
_PEAK = """
import re, resource, sys
from pathlib import Path
from hwmodel.cli import main
assert main(sys.argv[1:]) == 0
status = Path("/proc/self/status")
if status.exists():
    kib = int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()).group(1))
else:
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print("peak KiB:", kib)
"""


@dataclass(frozen=True)
class Duration:
    """Hold the seconds from a process's start to its end, and those for which it and its children had a processor."""

    wall_s: float
    cpu_s: float


def duration(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Duration:
    """Run Python with some arguments and give how long it took.

    `environment` is added to this process's. Raises RuntimeError with what the process wrote if it fails.
    """
    started_s, cpu_before_s = time.perf_counter(), cpu_of_children_s()
    _run(arguments, environment or {})
    return Duration(time.perf_counter() - started_s, cpu_of_children_s() - cpu_before_s)


def cpu_of_children_s() -> float:
    """Give the seconds for which the processes that this one has started and that have ended had a processor."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_memory_mb(command: Sequence[str]) -> float:
    """Run a command of hwmodel and give the most memory that it had, in MB (10^6 B).

    Raises RuntimeError with what the process wrote if it fails.
    """
    written = _run(["-c", _PEAK, *command], {})
    found = re.search(r"^peak KiB: (\d+)$", written, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"no peak in what the process wrote: {written}")
    return int(found.group(1)) * 1024 / 1e6


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments[:4])} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
