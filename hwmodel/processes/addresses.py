"""How many bytes of addresses this process has taken, and may still take: batch systems limit them (`ulimit -v`).

Memory counts there as it is set aside, whether or not it is ever written; so do the stacks of threads, and what the C
library sets aside for each.
"""

from __future__ import annotations

import resource
from pathlib import Path

SIZES = Path("/proc/self/statm")  # the first number: pages of addresses (proc_pid_statm(5))
# Of a thread: a stack as `ulimit -s` has it, 8 MiB where that is not set, and glibc's arena of 64 MiB (malloc/arena.c,
# HEAP_MAX_SIZE), which takes twice that until its ends are cut off.
STACK_BYTES, ARENA_BYTES = 8 << 20, 128 << 20
SPARE_BYTES = 64 << 20  # for all that Python's objects take meanwhile


def taken_bytes() -> int | None:
    """Return the bytes of addresses of this process; None where the system does not say."""
    try:
        return int(SIZES.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None


def allowed_bytes() -> int | None:
    """Return how many bytes of addresses this process may have; None where there is no limit."""
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if allowed == resource.RLIM_INFINITY else allowed


def threads_at_once(asked: int, n_bytes: int) -> int:
    """Return how many of so many threads have room at once if each needs `n_bytes` of its own, at least 1."""
    allowed, taken = allowed_bytes(), taken_bytes()
    if allowed is None or taken is None:
        return asked
    stack_bytes = resource.getrlimit(resource.RLIMIT_STACK)[0]
    each = n_bytes + ARENA_BYTES + (STACK_BYTES if stack_bytes == resource.RLIM_INFINITY else stack_bytes)
    return max(1, min(asked, (allowed - taken - SPARE_BYTES) // each))


def said_to_be_taken() -> str:
    """Say how many addresses are taken of those that are allowed; "" where there is no limit."""
    allowed, taken = allowed_bytes(), taken_bytes()
    if allowed is None or taken is None:
        return ""
    return f", with {taken / (1 << 20):,.0f} of {allowed / (1 << 20):,.0f} MiB taken (ulimit -v)"
