"""What the benches share: repetitions that take turns, their ratios, and what is required of them.

A machine that others use too is fast in one second and slow in the next. So the things compared take turns, A B A B,
the ratio is formed within each turn, and the table shows the median of the ratios with the least and the greatest.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Spread:
    """Hold the median of some figures with the least and the greatest of them."""

    median: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Requirement:
    """Hold what a figure must reach (`at_least`) or stay below; `aim` is what one would like, and decides nothing."""

    limit: float
    at_least: bool
    aim: float | None = None

    def verdict(self, figure: float) -> str:
        """Judge a figure: PASS, or which side of the limit it is on."""
        if self.at_least:
            return "PASS" if figure >= self.limit else "below"
        return "PASS" if figure < self.limit else "above"

    def __str__(self) -> str:
        """Write the requirement as the tables do."""
        aim = "" if self.aim is None else f", aim {self.aim:g}"
        return f"{'>=' if self.at_least else '<'} {self.limit:g}{aim}"


def in_turn(measurements: Mapping[str, Callable[[], Sample]], repetitions: int) -> dict[str, list[Sample]]:
    """Measure each thing once, then each again, and so on; give the samples of each by name."""
    samples: dict[str, list[Sample]] = {name: [] for name in measurements}
    for _ in range(repetitions):
        for name, measure in measurements.items():
            samples[name].append(measure())
    return samples


def spread(figures: Sequence[float]) -> Spread:
    """Give median, least and greatest. Raises ValueError for no figures."""
    return Spread(statistics.median(figures), min(figures), max(figures))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Divide sample by sample, those of one turn by each other. Raises ValueError where the numbers of them differ."""
    return spread([a / b for a, b in zip(numerators, denominators, strict=True)])


def figure_text(figure: float) -> str:
    """Write a figure with three digits that count, without an exponent."""
    for digits, below in ((4, 0.1), (3, 1.0), (2, 10.0), (1, 100.0)):
        if abs(figure) < below:
            return f"{figure:.{digits}f}"
    return f"{figure:.0f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: the first column and the last to the left, the others to the right."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    last = len(heads) - 1

    def laid_out(line: Sequence[str]) -> str:
        cells = [
            text.ljust(width) if column in (0, last) else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(laid_out(line) for line in lines)
