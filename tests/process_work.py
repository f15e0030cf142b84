"""What processes of tests do: a fresh interpreter imports this alone, in place of a second of what tests import."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


class Square:
    """Square a number; kill the own process at some, at the first try or always."""

    def __init__(self, folder: Path, once: tuple[int, ...] = (), always: tuple[int, ...] = ()) -> None:
        self.folder, self.once, self.always = folder, once, always

    def __call__(self, number: int) -> int:
        mark = self.folder / f"{number}-{time.monotonic_ns()}"
        is_first = not list(self.folder.glob(f"{number}-*"))
        mark.touch()
        if number in self.always or (number in self.once and is_first):
            os.kill(os.getpid(), signal.SIGKILL)
        if number < 0:
            raise ValueError("of the test")
        return number * number

    def n_tries(self, number: int) -> int:
        return len(list(self.folder.glob(f"{number}-*")))


def open_files(_item: int) -> list[str]:
    """Return what the process has open."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return links


def lack_memory(_item: int) -> None:
    """Fail with an exception that cannot be pickled, as numpy's of an array of records cannot."""
    error = MemoryError("Unable to allocate")
    error.of = lambda: None  # type: ignore[attr-defined]
    raise error
