"""Say what of the Verilog was reached: a table by module, a list of what was not, and both as JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cocotb_tests.coverage_waivers import ToggleWaiver, Waiver
from cocotb_tests.verilator_coverage import Edge, FileCoverage
from hwmodel.atomic_file import write_atomically

DIRECTIONS = ("0->1", "1->0")
KINDS = ("lines", "branches", "toggles")
# A file without ports, such as one that only checks parameters, has nothing that can be counted.
_COMMENT, _PORT = re.compile(r"//.*"), re.compile(r"\b(input|output|inout)\b")

# Of all toggles so many are to be reached, or waived with a reason.
LEAST_TOGGLES = 0.95


class Counts(NamedTuple):
    """How many there are of something, how many were hit, and how many of the others need not be."""

    n_hit: int
    n_all: int
    n_waived: int


@dataclass(frozen=True)
class CoverageReport:
    """What was hit in each source file, and which lines need not be. A file of rtl/ holds one module of its name."""

    files: Mapping[Path, FileCoverage]
    waivers: Sequence[Waiver] = ()
    toggle_waivers: Sequence[ToggleWaiver] = ()

    def waived(self, path: Path) -> dict[int, Waiver]:
        """Return the lines of a file that need not be hit, or not in each branch."""
        return {waiver.line_number(path): waiver for waiver in self.waivers if waiver.file == path.name}

    def stale(self) -> list[str]:
        """Return a text for each waiver of a built file of which nothing was missed."""
        found = []
        for path, covered in self.files.items():
            missed = covered.missed()
            for line, waiver in self.waived(path).items():
                is_missed = line in missed and waiver.branch in (None, *missed[line])
                if covered.toggles and not is_missed:
                    found.append(f"waived, but reached: {path.name}:{line} ({waiver.reason})")
        for waiver in self.toggle_waivers:
            edges = [hit for path, each in self.files.items() for edge, hit in each.toggles.items()
                     if waiver.explains(path.name, edge)]  # fmt: skip
            if edges and all(edges):
                found.append(f"waived, but reached: {waiver} ({waiver.reason})")
        return found

    def waived_edges(self, path: Path) -> dict[Edge, ToggleWaiver]:
        """Return the toggles of a file that were missed and need not be hit."""
        missed = [edge for edge, is_hit in self.files[path].toggles.items() if not is_hit]
        named = ((edge, next((each for each in self.toggle_waivers if each.explains(path.name, edge)), None))
                 for edge in missed)  # fmt: skip
        return {edge: waiver for edge, waiver in named if waiver is not None}

    def unexplained(self) -> list[str]:
        """Return a text for each line or branch that was missed and is not waived, and for each file never built."""
        found = []
        for path, covered in self.files.items():
            waived, missed = self.waived(path), covered.missed()
            explained = {line for line, waiver in waived.items() if waiver.explains(missed.get(line, ()))}
            found += [text for line, text in _missed_texts(path, covered) if line not in explained]
            if not covered.toggles and _PORT.search(_COMMENT.sub("", path.read_text(encoding="utf-8"))):
                found.append(f"{path.name}: in no build")
        return found

    def lacking_toggles(self) -> list[str]:
        """Return a text where too few toggles were reached or are waived."""
        toggles = self._of_all()[-1]
        enough = toggles.n_hit + toggles.n_waived >= LEAST_TOGGLES * toggles.n_all
        return [] if enough else [f"toggles: {_share(toggles)}, {LEAST_TOGGLES:.0%} are wanted"]

    def _counts(self, path: Path) -> list[Counts]:
        """Return what there is of lines, branches and toggles of a file, what was hit, and what need not be."""
        covered, waived = self.files[path], self.waived(path)
        lines = [line for line in covered.missed_lines() if line in waived]
        branches = [each for each in covered.missed_branches() if each.line in waived]
        kinds = (covered.lines, covered.branches, covered.toggles)
        n_waived = (len(lines), len(branches), len(self.waived_edges(path)))
        return [Counts(sum(kind.values()), len(kind), n) for kind, n in zip(kinds, n_waived, strict=True)]

    def _of_all(self) -> list[Counts]:
        of_files = [self._counts(path) for path in self.files]
        return [Counts(*map(sum, zip(*kind, strict=True))) for kind in zip(*of_files, strict=True)]

    def table(self) -> str:
        """Return a table: of each module, how many lines, branches and toggles there are and how many were hit."""
        named = [(path.stem, self._counts(path)) for path in self.files]
        rows: list[tuple[str, ...]] = [("module", *KINDS)]
        rows += [(name, *map(_share, of)) for name, of in (*named, ("all", self._of_all()))]
        return "\n".join(
            f"{name:20} {lines:>28} {branches:>18} {toggles:>36}" for name, lines, branches, toggles in rows
        )

    def text(self) -> str:
        """Return the table, then all that was missed: lines and branches, and what never toggled, by module."""
        parts = [self.table(), "", "Lines and branches that were not reached:"]
        for path, covered in self.files.items():
            waived = self.waived(path)
            for line, text in _missed_texts(path, covered):
                parts.append(f"  {text}" + (f"\n    {waived[line].reason}" if line in waived else ""))
        parts += ["", "Toggles that need not be reached:"]
        for path in self.files:
            parts += [f"  {path.stem}: {each['what']}\n    {each['reason']}" for each in self._waivers(path)]
        for heading, of_whole in (("Signals that never toggled:", True), ("Bits that never rose or fell:", False)):
            parts += ["", heading]
            for path, covered in self.files.items():
                open_ones = _by_signal(covered, self.waived_edges(path))
                listed = [text for text, is_whole in _missed_toggles(open_ones) if is_whole == of_whole]
                if listed:
                    parts.append(f"  {path.stem}: {', '.join(listed)}")
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain data."""
        totals = _as_data(self._of_all())
        return {"totals": totals, "modules": {path.stem: self._module(path) for path in self.files}}

    def _module(self, path: Path) -> dict[str, Any]:
        covered = self.files[path]
        waived = {line: waiver.reason for line, waiver in self.waived(path).items()}
        lines = [{"line": line, "waived": waived.get(line)} for line in covered.missed_lines()]
        branches = [{**branch._asdict(), "waived": waived.get(branch.line)} for branch in covered.missed_branches()]
        bits_of = {
            signal: {way: bits for way in DIRECTIONS if (bits := _missed_bits(edges, way))}
            for signal, edges in _by_signal(covered, self.waived_edges(path)).items()
        }
        missed = {
            "lines": lines,
            "branches": branches,
            "toggles": {name: bits for name, bits in bits_of.items() if bits},
        }
        return {"file": path.name, **_as_data(self._counts(path)), "waivers": self._waivers(path), "missed": missed}

    def _waivers(self, path: Path) -> list[dict[str, str]]:
        """Return what need not be hit of a file and was not, each with its reason."""
        lines = [{"what": f"line {each.line}", "reason": each.reason} for each in self.waived(path).values()]
        n_edges = Counter(self.waived_edges(path).values())
        return lines + [{"what": f"{n} {each}", "reason": each.reason} for each, n in n_edges.items()]

    def write(self, folder: Path) -> None:
        """Write coverage-verilator.txt and coverage-verilator.json into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "coverage-verilator.txt", self.text())
        write_atomically(folder / "coverage-verilator.json", json.dumps(self.as_json(), indent=1) + "\n")


def _missed_texts(path: Path, covered: FileCoverage) -> Iterator[tuple[int, str]]:
    """Return each line of which something was missed, and a text that says what."""
    sources = path.read_text(encoding="utf-8").splitlines()
    for line, ways in covered.missed().items():
        never = f"never {', '.join(ways)} of: " if ways else ""
        yield line, f"{path.name}:{line}: {never}{sources[line - 1].strip()}"


def _as_data(counts: Iterable[Counts]) -> dict[str, Any]:
    return {
        kind: {"hit": each.n_hit, "all": each.n_all, "waived": each.n_waived}
        for kind, each in zip(KINDS, counts, strict=True)
    }


def _share(counts: Counts) -> str:
    if not counts.n_all:
        return "none" + " " * 8
    share = 100 * (counts.n_hit + counts.n_waived) / counts.n_all
    waived = f" + {counts.n_waived} waived" if counts.n_waived else ""
    return f"{counts.n_hit}{waived} of {counts.n_all} {share:5.1f} %"


def _by_signal(covered: FileCoverage, waived: Collection[Edge]) -> dict[str, dict[Edge, bool]]:
    """Return the toggles that were hit or should have been, by signal."""
    signals: dict[str, dict[Edge, bool]] = {}
    for edge, is_hit in covered.toggles.items():
        if edge not in waived:
            signals.setdefault(edge.signal, {})[edge] = is_hit
    return dict(sorted(signals.items()))


def _missed_bits(edges: Mapping[Edge, bool], direction: str) -> str:
    """Return the bits that did not toggle in a direction, as `[9:4,1]`, or `all` of a signal of one bit."""
    missed = {edge.bit for edge, is_hit in edges.items() if edge.direction == direction and not is_hit}
    if None in missed:
        return "all"
    runs: list[list[int]] = []
    for bit in sorted((bit for bit in missed if bit is not None), reverse=True):
        if runs and bit == runs[-1][-1] - 1:
            runs[-1].append(bit)
        else:
            runs.append([bit])
    shown = [f"{run[0]}:{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"[{','.join(shown)}]" if shown else ""


def _missed_toggles(by_signal: Mapping[str, Mapping[Edge, bool]]) -> Iterator[tuple[str, bool]]:
    """Return for each signal that lacks toggles a text, and whether it never toggled at all."""
    for signal, edges in by_signal.items():
        up, down = (_missed_bits(edges, direction) for direction in DIRECTIONS)
        if not any(edges.values()):
            yield signal, True
        elif up or down:
            yield signal + (up if up == down else f" up {up}" * bool(up) + f" down {down}" * bool(down)), False
