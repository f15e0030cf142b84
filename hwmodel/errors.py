"""The ways in which a command ends early: the input is wrong, the run failed, or somebody stopped it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class InputError(Exception):
    """Report bad input, one line a problem.

    `lines` holds finished lines of the form `FILE:LINE:COL: dotted.key: what is wrong (hint)`; the command line
    prints them as they are and ends with exit status 2.
    """

    def __init__(self, lines: str | Iterable[str]) -> None:
        self.lines = [lines] if isinstance(lines, str) else list(lines)
        super().__init__("\n".join(self.lines))


class RunError(Exception):
    """Report a run that could not be finished although its input was valid; exit status 1."""


class Interrupted(KeyboardInterrupt):
    """Report a run that was stopped by Ctrl-C, SIGTERM or SIGHUP; exit status 130.

    `result`: the figures of the window so far (a `results.Result`, with a warning that it is partial), None if the
    window had not begun. `said`: in words, what the result is, or what else was kept, as a sweep's finished runs.
    """

    def __init__(self, result: Any = None, said: str = "") -> None:
        self.result = result
        self.said = said
        super().__init__()
