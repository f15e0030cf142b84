"""Whether this process does without numba's undocumented parts: they save time and change no result.

HWMODEL_NUMBA=plain in the environment leaves all of them out.
"""

from __future__ import annotations

import os

SWITCH, PLAIN = "HWMODEL_NUMBA", "plain"
_reasons = [f"{SWITCH}={PLAIN}"] if os.environ.get(SWITCH) == PLAIN else []


def is_plain() -> bool:
    """Tell whether they are left out."""
    return bool(_reasons)


def left_out() -> str:
    """Return why they are left out, "" where they are not."""
    return "; ".join(_reasons)


def leave_out(error: BaseException) -> None:
    """Leave them out from now on, because of what numba raised where they were used."""
    _reasons.append(in_a_line(error))


def in_a_line(error: BaseException) -> str:
    """Return an error's kind and the first line of what it says."""
    said = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}{f': {said}' if said else ''}"
