"""Lines and branches of the core that no test reaches, each with the reason: coverage_waivers.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

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


def read_waivers() -> list[Waiver]:
    """Return the waivers of the core in rtl/."""
    return [Waiver(**entry) for entry in yaml.safe_load(WAIVERS.read_text(encoding="utf-8")) or []]
