"""Many faults in one build: each behind a number that a run is given, so that the next fault is no new build.

Where a change is within an expression, the expression becomes `(planted_fault == N ? changed : unchanged)`; where a
statement is missing, it is carried out under `if (planted_fault != N)`. `+planted_fault=N` says at the start of a
simulation which one is there; without it, none. A change of a declaration, a bound, a label or an edge has no such
switch.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

NAME = "planted_fault"
DECLARATION = f'\n    integer {NAME};\n    initial if (!$value$plusargs("{NAME}=%d", {NAME})) {NAME} = 0;\n'
# Heads of what is in parentheses.
HEAD = re.compile(r"(?:\b(?:if|case|casez)|\.\w+)\s*(?=\()")
# What has none is a constant, which decides on which hardware there is.
SIGNAL = re.compile(r"(?<![\w'$`])[a-z]")
IGNORED = re.compile(r"//[^\n]*|/\*.*?\*/|^[ \t]*`[^\n]*", re.DOTALL | re.MULTILINE)
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Place:
    """A text of a source at an offset, and what takes its place."""

    offset: int
    text: str
    replacement: str

    @property
    def end(self) -> int:
        """Return the offset after it."""
        return self.offset + len(self.text)


def switched(source: str, faults: Mapping[int, Place]) -> tuple[str, set[int]]:
    """Return a source with all faults that can be chosen in a run, and the numbers of these."""
    bare = IGNORED.sub(lambda match: " " * len(match[0]), source)
    if "module " not in bare:  # a header: constants cannot depend on the run
        return source, set()
    spans = sorted(_expressions(bare))
    starts = [start for start, _ in spans]
    of_span: dict[tuple[int, int], list[int]] = {}
    missing: dict[tuple[int, int], list[int]] = {}
    for number, place in faults.items():
        if place.replacement == ";" and place.text.endswith(";"):
            missing.setdefault((place.offset, place.end), []).append(number)
            continue
        at = bisect.bisect_right(starts, place.offset) - 1
        # A bound that fits some parameters alone would keep the others from being built.
        is_bound = source[place.offset - 1] == "[" and source[place.end] == ":"
        if at >= 0 and place.end <= spans[at][1] and not is_bound:
            of_span.setdefault(spans[at], []).append(number)
    edits = [(start, 1, end, _chosen(source, start, end, numbers, faults)) for (start, end), numbers in of_span.items()]
    for (start, end), numbers in missing.items():
        never = " && ".join(f"{NAME} != {number}" for number in numbers)
        edits += [(start, 0, start, f"begin if ({never}) "), (end, 0, end, " end")]
    if not edits:
        return source, set()
    header = _end_of_header(bare)
    edits.append((header, 0, header, DECLARATION))
    for start, _, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source, {number for numbers in (*of_span.values(), *missing.values()) for number in numbers}


def _chosen(source: str, start: int, end: int, numbers: Iterable[int], faults: Mapping[int, Place]) -> str:
    whole = source[start:end]
    text = ""
    for number in numbers:
        place = faults[number]
        at = place.offset - start
        changed = whole[:at] + place.replacement + whole[at + len(place.text) :]
        text += f"{NAME} == {number} ? ({changed}) : "
    return f"({text}({whole}))"


def _end_of_header(bare: str) -> int:
    depth = 0
    for at in range(bare.index("module "), len(bare)):
        depth += (bare[at] in OPENING) - (bare[at] in CLOSING)
        if bare[at] == ";" and depth == 0:
            return at + 1
    raise ValueError("no module")


def _expressions(bare: str) -> Iterator[tuple[int, int]]:
    """Find conditions, what is connected to ports, and what is assigned, as (start, end)."""
    for match in HEAD.finditer(bare):
        depth = 0
        for at in range(match.end(), len(bare)):
            depth += (bare[at] in OPENING) - (bare[at] in CLOSING)
            if depth == 0:
                if SIGNAL.search(bare, match.end() + 1, at):
                    yield match.end() + 1, at
                break
    depth, start, begun = 0, None, _end_of_header(bare)
    for at in range(begun, len(bare)):
        depth += (bare[at] in OPENING) - (bare[at] in CLOSING)
        if depth == 0 and bare[at] == ";":
            if start is not None and "localparam" not in bare[begun:start]:
                yield start, at
            start, begun = None, at
        elif depth == 0 and start is None and bare[at] == "=" and bare[at - 1] not in "=!>" and bare[at + 1] != "=":
            start = at + 1
