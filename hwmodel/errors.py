"""The two ways in which a command ends badly: the input is wrong, or the run failed."""

from __future__ import annotations

from collections.abc import Iterable


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
