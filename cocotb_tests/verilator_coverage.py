"""Read what Verilator's coverage counted, and unite it over runs, instances and sets of parameters.

The format is that of `VerilatedCovImp::write` in verilated_cov.cpp of Verilator 5.48, its keys those of
verilated_cov_key.h. After the heading, each line is a point: `C '`, pairs of a key and a value, `' ` and how often the
point was hit. \\x01 stands before a key and \\x02 before its value; characters that cannot be printed, `%` and `"` are
written as `%XX`. The keys that are read: `f` file, `l` line, `n` column, `t` kind of point, `o` what it is, `S` the
lines that run with it, such as `3,7-9`. `page` names the module with its parameters and `h` the instance; a point that
differs from another in these alone is the same point. That is how one module has one count, wherever it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from hwmodel.atomic_file import write_atomically

HEADING = "# SystemC::Coverage-3"
TOGGLE = "toggle"
# Kinds of points of statements: verilator's `line` and `branch` differ in whether both ways of an `if` are seen.
STATEMENT_KINDS = ("line", "branch")
BLOCK = "block"
_POINT = re.compile(r"C '(\x01.*)' (\d+)$")
_PLACED = re.compile(r"(.*?)(?:\[(\d+)\])?:(0->1|1->0)")


class Point(NamedTuple):
    """A place in the sources of which hits are counted.

    `what`: SIGNAL:0->1 or SIGNAL:1->0 of a toggle; else `block`, or which way: `if`, `else`, `elsif`, `case`,
    `cond_then`, `cond_else`.
    """

    path: Path
    line: int
    column: int
    kind: str
    what: str


class Branch(NamedTuple):
    """One way of an `if`, a `case` or a conditional operator."""

    line: int
    column: int
    what: str


class Edge(NamedTuple):
    """A bit of a signal that rises (`0->1`) or falls (`1->0`); `bit` is None where the signal has one bit."""

    signal: str
    bit: int | None
    direction: str


@dataclass
class FileCoverage:
    """What was hit in one source file: each thing that can be, with whether it was.

    A line is hit if all its points are: on `if (a) b <= c;` both the test and the assignment. A branch is each way of
    an `if`, also of one without `else`, of a `case` and of a conditional operator.
    """

    lines: dict[int, bool] = field(default_factory=dict)
    branches: dict[Branch, bool] = field(default_factory=dict)
    toggles: dict[Edge, bool] = field(default_factory=dict)

    def add(self, point: Point, lines: Iterable[int], is_hit: bool) -> None:
        """Add a point."""
        if point.kind == TOGGLE:
            edge = _edge(point.what)
            self.toggles[edge] = self.toggles.get(edge, False) or is_hit
        elif point.kind in STATEMENT_KINDS:
            for line in lines:
                self.lines[line] = self.lines.get(line, True) and is_hit
            if point.what != BLOCK:
                self.branches[Branch(point.line, point.column, point.what)] = is_hit

    def missed_lines(self) -> list[int]:
        """Return the lines that were not hit."""
        return sorted(line for line, is_hit in self.lines.items() if not is_hit)

    def missed_branches(self) -> list[Branch]:
        """Return the branches that were not taken."""
        return sorted(branch for branch, is_hit in self.branches.items() if not is_hit)

    def missed(self) -> dict[int, list[str]]:
        """Return the lines that were not hit or have a branch that was not taken, with these branches."""
        found: dict[int, list[str]] = {line: [] for line in self.missed_lines()}
        for branch in self.missed_branches():
            found.setdefault(branch.line, []).append(branch.what)
        return dict(sorted(found.items()))


def read(paths: Iterable[Path], sources: Iterable[Path]) -> dict[Path, FileCoverage]:
    """Read files of coverage and return what they say of each of `sources`, all runs together.

    Raises ValueError where a file is not one of Verilator's.
    """
    return covered(counts_of(paths), sources)


def counts_of(paths: Iterable[Path]) -> Counter[str]:
    """Return how often each point was hit in all these files together, by its keys as they stand there."""
    named: Counter[str] = Counter()
    for path in paths:
        named.update(_counts(path))
    return named


def write_counts(named: Mapping[str, int], path: Path) -> None:
    """Write a file of the same format."""
    points = "".join(f"C '{name}' {count}\n" for name, count in named.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, f"{HEADING}\n{points}")


def covered(named: Mapping[str, int], sources: Iterable[Path]) -> dict[Path, FileCoverage]:
    """Return what counts say of each of `sources`."""
    n_hits: Counter[Point] = Counter()
    lines: dict[Point, set[int]] = {}
    wanted = set(sources)
    for name, count in named.items():
        keys = _keys(name)
        if (source := Path(keys["f"])) in wanted:
            point = Point(source, int(keys["l"]), int(keys["n"]), keys["t"], keys["o"])
            n_hits[point] += count
            lines.setdefault(point, set()).update(_line_numbers(keys.get("S", "")))
    found = {source: FileCoverage() for source in sorted(wanted)}
    for point, numbers in lines.items():
        found[point.path].add(point, numbers, n_hits[point] > 0)
    return found


def _counts(path: Path) -> Mapping[str, int]:
    """Return how often each point was hit, by its keys as they stand in the file."""
    heading, *rest = path.read_text(encoding="utf-8").split("\n")
    if heading != HEADING:
        raise ValueError(f"{path}: not a coverage file of Verilator: it begins with {heading[:40]!r}")
    counts = {}
    for number, line in enumerate(rest, 2):
        if line.startswith("C "):
            if (match := _POINT.match(line)) is None:
                raise ValueError(f"{path}:{number}: not a point of coverage: {line[:80]!r}")
            counts[match[1]] = int(match[2])
    return counts


def _keys(name: str) -> dict[str, str]:
    pairs = (pair.split("\x02", 1) for pair in name.split("\x01")[1:])
    return {key: unquote(value) for key, value in pairs}


def _line_numbers(text: str) -> Iterable[int]:
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _edge(what: str) -> Edge:
    match = _PLACED.fullmatch(what)
    if match is None:
        raise ValueError(f"not a toggle: {what!r}")
    signal, bit, direction = match.groups()
    return Edge(signal, None if bit is None else int(bit), direction)
