"""Whether this process does without numba's undocumented parts: they save time and change no result.

HWMODEL_NUMBA=plain in the environment leaves all of them out.
"""

from __future__ import annotations

import os

SWITCH, PLAIN = "HWMODEL_NUMBA", "plain"
IS_PLAIN = os.environ.get(SWITCH) == PLAIN


def left_out() -> str:
    """Return why they are left out, "" where they are not."""
    return f"{SWITCH}={PLAIN}" if IS_PLAIN else ""


def in_a_line(error: BaseException) -> str:
    """Return an error's kind and the first line of what it says."""
    said = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}{f': {said}' if said else ''}"
