"""Single changes to Verilog found by pattern: what a slip of the pen makes of a line that still compiles.

Another operator, another constant, a bound or a width that is off by one, other bits of a vector, no inversion, an
assignment that is missing, a condition that always or never holds (a reset that is missing, an enable that is stuck),
operands or results that changed places.
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
NUMBER = re.compile(r"\b(\d+)'([dhb])([0-9a-fA-F]+)\b")
BASES = {"d": 10, "h": 16, "b": 2}
ONE_BITS = {"1'b0", "1'b1"}  # which SWAPS has
PLAIN_NUMBER = re.compile(r"(?<=[ (])(\d+)(?=[ ;,)])")
SLICE = re.compile(r"(?<=[\w\]]\[)(\d+):(\d+)(?=\])")
PART = re.compile(r"(?<=\w\[)([^\[\]:]+)([+-]:[^\[\]:]+)(?=\])")
# The upper bound of a declared vector, or of a slice up to a parameter.
WIDTH = re.compile(r"(?<=\[)([A-Z]\w*(?:\*\w+)?)-(\d+)(?=:\d+\])")
NUMBERED_WIDTH = re.compile(r"(?<=[ \t]\[)(\d+)(?=:\d+\])")
LEFT = r"(?:\{[^{}=]*\}|\w+(?:\[(?:[^\[\]]|\[[^\[\]]*\])*\])*)"
ASSIGNMENT = re.compile(rf"(?<![\w.\])]){LEFT} <?= [^;]*;")
BEFORE_STATEMENT = re.compile(r"(^|\bbegin|\belse|[:;)])\s*$")
CHOICE = re.compile(r"\? ([\w\[\]:+*'\-]+) : ([\w\[\]:+*'\-]+)(?=[;,)]|\s*$)")
CONDITION = re.compile(r"(?<=\bif \()(?:[^()]|\([^()]*\))+(?=\))")
ENABLE = re.compile(r"(?<=assign )(\w+(?:\[[^\]]*\])? = )([^;?]+)(?=;)|(?<=wire )(\w+ = )([^;?]+)(?=;)")
OPERANDS = re.compile(r"(?<![\w\])}'])([a-z]\w*(?:\[\w+\])?)( - | < | > | >= )([a-z]\w*(?:\[\w+\])?)(?![\w\[(.'])")
# What says which hardware there is at all is not changed: comments, directives, parameters and what they make of it.
FIXED = re.compile(r"^\s*(//|`|parameter|genvar|integer|module|if \(LANES|if \(PRI)")
DECLARED = re.compile(r"^\s*(localparam|(input|output|reg|wire)\b[^=]*$)")
CONTINUOUS = re.compile(r"^\s*(localparam|wire|assign)\b")
LOOP = re.compile(r"\bfor \((?:[^()]|\([^()]*\))*\)")


@dataclass(frozen=True)
class Change:
    """A change at an offset of a source."""

    offset: int
    line: int
    text: str
    replacement: str
    what: str


def all_changes(source: str) -> Iterator[Change]:
    """Find every change of one source, each once."""
    offset = 0
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        if not FIXED.match(line):
            code, seen = line.split("//")[0], set()
            for at, text, replacement in _changes_of_line(code):
                if text != replacement and (at, text, replacement) not in seen:
                    seen.add((at, text, replacement))
                    what = f"`{text.strip()}` becomes `{replacement.strip()}`"
                    yield Change(offset + at, number, text, replacement, what)
        offset += len(line)


def _changes_of_line(code: str) -> Iterator[tuple[int, str, str]]:
    for match in WIDTH.finditer(code):
        yield match.start(), match[0], f"{match[1]}-{int(match[2]) + 1}"
    for match in NUMBERED_WIDTH.finditer(code):
        if match[0] != "0":
            yield match.start(), match[0], str(int(match[0]) - 1)
    code = LOOP.sub(lambda loop: " " * len(loop[0]), code)  # as often as there is hardware
    if DECLARED.match(code):
        yield from _off_by_one(code)
        return
    for match in SWAP.finditer(code):
        yield match.start(), match[0], SWAPS[match[0]]
    for match in INVERSION.finditer(code):
        yield match.start(), match[0], ""
    for match in REDUCTION.finditer(code):
        yield match.start(), match[0], "&"
    yield from _off_by_one(code)
    for match in PART.finditer(code):
        yield match.start(), match[0], f"{match[1]}+1{match[2]}"
    yield from _stuck(code)
    for match in OPERANDS.finditer(code):
        yield match.start(), match[0], match[3] + match[2] + match[1]
    for match in CHOICE.finditer(code):
        yield match.start(), match[0], f"? {match[2]} : {match[1]}"


def _off_by_one(code: str) -> Iterator[tuple[int, str, str]]:
    """Make numbers one more, and take bits that are one lower, or fewer by the highest."""
    for match in NUMBER.finditer(code):
        width, base = int(match[1]), BASES[match[2]]
        if match[0] not in ONE_BITS and set(match[3]) <= set("0123456789abcdefABCDEF"[: base + 6 * (base == 16)]):
            value = (int(match[3], base) + 1) % (1 << width)
            digits = {"d": "d", "h": "X", "b": f"0{len(match[3])}b"}[match[2]]
            yield match.start(), match[0], f"{width}'{match[2]}{value:{digits}}"
    for match in PLAIN_NUMBER.finditer(code):
        yield match.start(), match[0], str(int(match[0]) + 1)
    for match in SLICE.finditer(code):
        first, last = int(match[1]), int(match[2])
        if "case" not in code and first > last:
            yield match.start(), match[0], f"{first - 1}:{last - 1}" if last else f"{first + 1}:{last + 1}"
            yield match.start(), match[0], f"{first - 1}:{last}"


def _stuck(code: str) -> Iterator[tuple[int, str, str]]:
    """Leave assignments out, and let conditions and signals never change."""
    for match in ASSIGNMENT.finditer(code):
        if not CONTINUOUS.match(code) and BEFORE_STATEMENT.search(code[: match.start()]):
            yield match.start(), match[0], ";"
    for match in CONDITION.finditer(code):
        for held in ("1'b1", "1'b0"):
            yield match.start(), match[0], held
    for match in ENABLE.finditer(code):
        name, value = (match[1], match[2]) if match[1] else (match[3], match[4])
        at = match.start() + len(name)
        for held in ("1'b1", "1'b0") if "&&" in value or "==" in value else ():
            yield at, value, held


def spread_sample(changes: Mapping[str, Sequence[Change]], number: int, seed: int) -> list[tuple[str, Change]]:
    """Draw changes without repetition, from each file as many as its share; the first ones are a smaller sample."""
    every = [(file, change) for file, of_file in changes.items() for change in of_file]
    chosen = random.Random(seed).sample(range(len(every)), min(number, len(every)))
    return [every[i] for i in chosen]
