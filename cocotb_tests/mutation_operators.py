"""Single changes to Verilog found by pattern: another operator, another constant, no inversion, no assignment.

Also: a condition that always or never holds (a reset that is missing, an enable that is stuck), operands that changed
places.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SWAPS = {
    "==": "!=",
    "!=": "==",
    "&&": "||",
    "||": "&&",
    " & ": " | ",
    " | ": " & ",
    " + ": " - ",
    " - ": " + ",
    " < ": " <= ",
    " > ": " >= ",
    " >= ": " > ",
    "1'b0": "1'b1",
    "1'b1": "1'b0",
    "posedge clk": "negedge clk",
}
SWAP = re.compile("|".join(re.escape(text) for text in sorted(SWAPS, key=len, reverse=True)))
INVERSION = re.compile(r"(?<![\w!~&|^])[!~](?=[\w(])")
REDUCTION = re.compile(r"(?<=[=,{(?:] )\|(?=\w)|(?<=[{(])\|(?=\w)")
NUMBER = re.compile(r"\b(\d+)'d(\d+)\b")
SLICE = re.compile(r"(?<=\[)(\d+):(\d+)(?=\])")
ASSIGNMENT = re.compile(r"(?<=\s)[\w\[\]:+*'{},\- ]+ <= [^;]*;")
CHOICE = re.compile(r"\? ([\w\[\]:+*'\-]+) : ([\w\[\]:+*'\-]+)(?=[;,)\s])")
CONDITION = re.compile(r"(?<=\bif \()[^()]+(?=\))")
OPERANDS = re.compile(r"(?<![\w\])}'])([a-z]\w*(?:\[\w+\])?)( - | < | > | >= )([a-z]\w*(?:\[\w+\])?)(?![\w\[(.'])")
# Declarations, and what says which hardware there is at all, are not changed.
FIXED = re.compile(
    r"^\s*(//|`|localparam|parameter|genvar|integer|(input|output|reg|wire)\b[^=]*$|module|for \(|if \(LANES|if \(PRI)"
)


@dataclass(frozen=True)
class Change:
    """A change at an offset of a source."""

    offset: int
    line: int
    text: str
    replacement: str
    what: str


def all_changes(source: str) -> Iterator[Change]:
    """Find every change of one source."""
    offset = 0
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        if not FIXED.match(line):
            code = line.split("//")[0]
            for at, text, replacement in _changes_of_line(code):
                yield Change(
                    offset + at, number, text, replacement, f"`{text.strip()}` becomes `{replacement.strip()}`"
                )
        offset += len(line)


def _changes_of_line(code: str) -> Iterator[tuple[int, str, str]]:
    for match in SWAP.finditer(code):
        yield match.start(), match[0], SWAPS[match[0]]
    for match in INVERSION.finditer(code):
        yield match.start(), match[0], ""
    for match in REDUCTION.finditer(code):
        yield match.start(), match[0], "&"
    for match in NUMBER.finditer(code):
        width, value = int(match[1]), int(match[2])
        yield match.start(), match[0], f"{width}'d{(value + 1) % (1 << width)}"
    for match in SLICE.finditer(code):
        first, last = int(match[1]), int(match[2])
        if "case" not in code and first > last:
            yield match.start(), match[0], f"{first - 1}:{last - 1}" if last else f"{first + 1}:{last + 1}"
    for match in ASSIGNMENT.finditer(code):
        yield match.start(), match[0], ";"
    for match in CONDITION.finditer(code):
        for held in ("1'b1", "1'b0"):
            yield match.start(), match[0], held
    for match in OPERANDS.finditer(code):
        yield match.start(), match[0], match[3] + match[2] + match[1]
    for match in CHOICE.finditer(code):
        yield match.start(), match[0], f"? {match[2]} : {match[1]}"


def spread_sample(changes: Mapping[str, Sequence[Change]], number: int, seed: int) -> list[tuple[str, Change]]:
    """Draw changes without repetition, from each file as many as its share, in the order of files and lines."""
    every = [(file, change) for file, of_file in changes.items() for change in of_file]
    chosen = random.Random(seed).sample(range(len(every)), min(number, len(every)))
    return [every[i] for i in sorted(chosen)]
