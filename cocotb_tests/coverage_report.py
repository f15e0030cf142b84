"""Say what of the Verilog was reached: a table by module, a list of what was not, and both as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotb_tests.coverage_waivers import Waiver
from cocotb_tests.verilator_coverage import Edge, FileCoverage

DIRECTIONS = ("0->1", "1->0")
KINDS = ("lines", "branches", "toggles")
# A file without ports, such as one that only checks parameters, has nothing that can be counted.
_COMMENT, _PORT = re.compile(r"//.*"), re.compile(r"\b(input|output|inout)\b")

HitAndAll = tuple[int, int]


@dataclass(frozen=True)
class CoverageReport:
    """What was hit in each source file, and which lines need not be. A file of rtl/ holds one module of its name."""

    files: Mapping[Path, FileCoverage]
    waivers: Sequence[Waiver] = ()

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
        return found

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

    def table(self) -> str:
        """Return a table: of each module, how many lines, branches and toggles there are and how many were hit."""
        named = [(path.stem, _counts([covered])) for path, covered in self.files.items()]
        rows: list[tuple[str, ...]] = [("module", *KINDS)]
        rows += [
            (name, *(_share(*each) for each in of)) for name, of in (*named, ("all", _counts(self.files.values())))
        ]
        return "\n".join(
            f"{name:20} {lines:>18} {branches:>18} {toggles:>20}" for name, lines, branches, toggles in rows
        )

    def text(self) -> str:
        """Return the table, then all that was missed: lines and branches, and what never toggled, by module."""
        parts = [self.table(), "", "Lines and branches that were not reached:"]
        for path, covered in self.files.items():
            waived = self.waived(path)
            for line, text in _missed_texts(path, covered):
                parts.append(f"  {text}" + (f"\n    {waived[line].reason}" if line in waived else ""))
        for heading, of_whole in (("Signals that never toggled:", True), ("Bits that never rose or fell:", False)):
            parts += ["", heading]
            for path, covered in self.files.items():
                listed = [text for text, is_whole in _missed_toggles(covered) if is_whole == of_whole]
                if listed:
                    parts.append(f"  {path.stem}: {', '.join(listed)}")
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain data."""
        totals = _as_data(_counts(self.files.values()))
        return {"totals": totals, "modules": {path.stem: self._module(path) for path in self.files}}

    def _module(self, path: Path) -> dict[str, Any]:
        covered = self.files[path]
        waived = {line: waiver.reason for line, waiver in self.waived(path).items()}
        lines = [{"line": line, "waived": waived.get(line)} for line in covered.missed_lines()]
        branches = [{**branch._asdict(), "waived": waived.get(branch.line)} for branch in covered.missed_branches()]
        bits_of = {
            signal: {way: bits for way in DIRECTIONS if (bits := _missed_bits(edges, way))}
            for signal, edges in _by_signal(covered).items()
        }
        missed = {
            "lines": lines,
            "branches": branches,
            "toggles": {name: bits for name, bits in bits_of.items() if bits},
        }
        return {"file": path.name, **_as_data(_counts([covered])), "missed": missed}

    def write(self, folder: Path) -> None:
        """Write coverage-verilator.txt and coverage-verilator.json into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "coverage-verilator.txt").write_text(self.text(), encoding="utf-8")
        (folder / "coverage-verilator.json").write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")


def _missed_texts(path: Path, covered: FileCoverage) -> Iterator[tuple[int, str]]:
    """Return each line of which something was missed, and a text that says what."""
    sources = path.read_text(encoding="utf-8").splitlines()
    for line, ways in covered.missed().items():
        never = f"never {', '.join(ways)} of: " if ways else ""
        yield line, f"{path.name}:{line}: {never}{sources[line - 1].strip()}"


def _counts(files: Iterable[FileCoverage]) -> list[HitAndAll]:
    """Return hit and all of lines, branches and toggles."""
    hits = [(covered.lines.values(), covered.branches.values(), covered.toggles.values()) for covered in files]
    return [(sum(sum(each) for each in kind), sum(len(each) for each in kind)) for kind in zip(*hits, strict=True)]


def _as_data(counts: Iterable[HitAndAll]) -> dict[str, Any]:
    return {kind: {"hit": n_hit, "all": n_all} for kind, (n_hit, n_all) in zip(KINDS, counts, strict=True)}


def _share(n_hit: int, n_all: int) -> str:
    return f"{n_hit} of {n_all} {100 * n_hit / n_all:5.1f} %" if n_all else "none" + " " * 8


def _by_signal(covered: FileCoverage) -> dict[str, dict[Edge, bool]]:
    signals: dict[str, dict[Edge, bool]] = {}
    for edge, is_hit in covered.toggles.items():
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


def _missed_toggles(covered: FileCoverage) -> Iterator[tuple[str, bool]]:
    """Return for each signal that lacks toggles a text, and whether it never toggled at all."""
    for signal, edges in _by_signal(covered).items():
        up, down = (_missed_bits(edges, direction) for direction in DIRECTIONS)
        if not any(edges.values()):
            yield signal, True
        elif up or down:
            yield signal + (up if up == down else f" up {up}" * bool(up) + f" down {down}" * bool(down)), False
