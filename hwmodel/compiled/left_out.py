"""What of numba's undocumented parts this process does without, and why: they save time and change no result.

HWMODEL_NUMBA=plain in the environment leaves all of them out.
"""

from __future__ import annotations

import os

SWITCH, PLAIN = "HWMODEL_NUMBA", "plain"
IS_PLAIN = os.environ.get(SWITCH) == PLAIN
_reasons: list[str] = [f"{SWITCH}={PLAIN}"] if IS_PLAIN else []


def left_out() -> str:
    """Return what is left out and why, "" where nothing is."""
    return "; ".join(dict.fromkeys(_reasons))


def leave_out(what: str, error: BaseException) -> None:
    """Note that this process does without a part, and what numba raised when it was tried."""
    _reasons.append(f"{what}: {in_a_line(error)}")


def in_a_line(error: BaseException) -> str:
    """Return an error's kind and the first line of what it says."""
    said = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}{f': {said}' if said else ''}"
