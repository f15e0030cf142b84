"""What of the core no test reaches, each with the reason: coverage_waivers.yaml."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from cocotb_tests.verilator_coverage import Edge

WAIVERS = Path(__file__).resolve().parent / "coverage_waivers.yaml"


@dataclass(frozen=True)
class Waiver:
    """A line of a file of rtl/, or one branch of it; named by its text so that it is found when others move it."""

    file: str
    line: str
    reason: str
    branch: str | None = None

    def explains(self, missed_branches: Sequence[str]) -> bool:
        """Say whether this is all that was missed of the line."""
        return self.branch is None or list(missed_branches) == [self.branch]

    def line_number(self, path: Path) -> int:
        """Return where the line is. Raises ValueError if the file has not one such line."""
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [number for number, text in enumerate(lines, 1) if text.strip() == self.line]
        if len(found) != 1:
            raise ValueError(f"{path.name} has not one line {self.line!r}")
        return found[0]


@dataclass(frozen=True)
class ToggleWaiver:
    """Bits of signals that need not rise and fall: `signals` by name, in which * stands for anything.

    `files` and `bits` (such as `63:32` or `7:5,2`) are all of them where they are not given.
    """

    signals: tuple[str, ...]
    reason: str
    files: tuple[str, ...] = ("*",)
    bits: str = ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        files, signals = ("|".join(map(_glob, each)) for each in (self.files, self.signals))
        return re.compile(f"(?:{files}):(?:{signals})")

    @cached_property
    def _bits(self) -> set[int]:
        runs = (part.partition(":") for part in self.bits.split(",") if part)
        return {bit for high, _, low in runs for bit in range(int(low or high), int(high) + 1)}

    def explains(self, file: str, edge: Edge) -> bool:
        """Say whether this bit is among them."""
        return (not self.bits or edge.bit in self._bits) and bool(self._pattern.fullmatch(f"{file}:{edge.signal}"))

    def __str__(self) -> str:
        return f"toggles of {', '.join(self.signals)}{f' [{self.bits}]' if self.bits else ''}"


def _glob(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split("*"))


def read_waivers() -> tuple[list[Waiver], list[ToggleWaiver]]:
    """Return the waivers of the core in rtl/: of lines and branches, and of toggles."""
    entries = yaml.safe_load(WAIVERS.read_text(encoding="utf-8")) or []
    lines = [Waiver(**entry) for entry in entries if "line" in entry]
    toggles = [
        ToggleWaiver(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for entry in entries
        if "line" not in entry
    ]
    return lines, toggles
