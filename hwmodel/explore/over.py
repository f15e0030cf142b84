"""A comparison of ways over several values of one setting: the curves, and where they cross.

The given values are run first. Where the order of two ways changes between two of them, the crossing is found by regula
falsi, if values between can be run: each run is at the zero of a straight line through both differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from hwmodel.config import Config, as_config
from hwmodel.errors import InputError
from hwmodel.explore.side_by_side import Progress, all_outcomes
from hwmodel.explore.ways import WAYS, Way, figures_of, left_out_ways, reason_of, ways_of
from hwmodel.results.comparison import ComparedValue, Crossing, Curves, WayFigures

ROUNDS = 6  # of runs towards crossings; each crossing is within a few percent of its place before the last
CLOSE = 0.01  # of the value: a crossing is found when the values around it are no further apart


@dataclass(frozen=True)
class Over:
    """Hold a setting that may vary: the key that it sets, and its default values.

    `step`: grid of the values that can be run in between; 0: none can (a link has no three lanes). `changes`: the keys
    that a value sets.
    """

    name: str
    key: str
    values: tuple[float, ...]
    changes: Callable[[float], Mapping[str, Any]]
    step: float = 0.0


def _whole(key: str, **besides: Any) -> Callable[[float], Mapping[str, Any]]:
    return lambda value: {key: int(value) if value == int(value) else value, **besides}


def _wire_share(east_west_share: float) -> Mapping[str, Any]:
    if east_west_share > 1:
        raise InputError("it is a share of all frames, 100 % at most")
    return {"workload.wire_share": round(1 - east_west_share, 9)}


OVER = {
    one.name: one
    for one in (
        Over(
            "frame_bytes", "workload.frame_bytes", (64, 128, 256, 512, 1024, 1518),
            _whole("workload.frame_bytes", **{"workload.sizes": None}), step=1,
        ),
        Over("vms", "nic.vfs", (2, 4, 8, 16, 32), _whole("nic.vfs")),
        Over(
            "east_west_share", "workload.wire_share", (0, 0.25, 0.5, 0.75, 1),
            _wire_share, step=0.001,
        ),
        Over("lanes", "pcie.lanes", (1, 2, 4, 8, 16), _whole("pcie.lanes")),
        Over("cores", "host.cores", (1, 2, 4, 8, 16), _whole("host.cores")),
    )
}  # fmt: skip


def compare_over(
    config: Config | str | Path,
    name: str,
    values: Sequence[float] | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Curves:
    """Simulate a configuration with each way at several values of a setting; return the curves and crossings.

    `name`: one of `OVER`; `values`: in any order, the default ones where None. A value that the configuration cannot
    have is left out with the reason. Raises InputError if no way can be run at any value, or for an unknown name.
    """
    if name not in OVER:
        raise InputError(f"--over {name}: is none of {', '.join(OVER)}")
    config, over = as_config(config), OVER[name]
    wanted = sorted({float(value) for value in values or over.values})
    found = _Runs(config, over, jobs, progress)
    found.run(((value, None) for value in wanted), f"{len(wanted)} values")
    if not any(found.figures.values()):
        raise InputError([f"no way is left at {name} {value:g}: {_reason(found, value)}" for value in wanted])
    turns = _turns(found, wanted)
    for at in range(ROUNDS if over.step else 0):
        open_turns = [each for each in turns if not each.is_close(over.step)]
        asked = [(each, each.next_value(over.step)) for each in open_turns]
        found.run(((value, each.ways) for each, value in asked), f"towards crossings, round {at + 1}")
        for each, value in asked:
            each.learn(value, found.difference(value, *each.ways))
        if not asked:
            break
    crossings = tuple(
        sorted((each.crossing(found, over.step) for each in turns), key=lambda one: one.at or one.between[0])
    )
    points = tuple(found.point(value, is_asked=value in wanted) for value in sorted(found.figures))
    return Curves(over=name, key=over.key, points=points, crossings=crossings, config=config.resolved())


class _Runs:
    """Hold what has been run, by value and way."""

    def __init__(self, config: Config, over: Over, jobs: int, progress: Progress | None) -> None:
        self._config, self._over, self._jobs, self._progress = config, over, jobs, progress
        self.figures: dict[float, dict[str, WayFigures]] = {}
        self.left_out: dict[float, dict[str, str]] = {}
        self.failures: dict[float, str] = {}
        self._configs: dict[float, dict[Way, Config]] = {}

    def _ways(self, value: float) -> dict[Way, Config]:
        """Return the configuration at a value with each way; empty if the configuration cannot have the value."""
        if value not in self._configs:
            self._configs[value], self.figures[value], self.left_out[value] = {}, {}, {}
            try:
                changed = self._config.with_overrides(dict(self._over.changes(value)))
                self._configs[value], self.left_out[value] = ways_of(changed)
            except InputError as error:
                self.failures[value] = reason_of(error)
        return self._configs[value]

    def run(self, wanted: Iterable[tuple[float, Sequence[str] | None]], what: str) -> None:
        """Run the named ways, or all, at the values, unless they were run already."""
        todo: dict[tuple[float, str], tuple[Way, Config]] = {}
        for value, names in wanted:
            for way, config in self._ways(value).items():
                if (names is None or way.name in names) and way.name not in self.figures[value]:
                    todo[value, way.name] = way, config
        outcomes = all_outcomes([config for _, config in todo.values()], self._jobs, self._progress, stage=f"{what}, ")
        for ((value, name), (way, config)), outcome in zip(todo.items(), outcomes, strict=True):
            if isinstance(outcome, str):
                self.left_out[value][name] = outcome
            else:
                self.figures[value][name] = figures_of(way, config, outcome)

    def lead(self, value: float, one: str, other: str) -> float:
        """Return by how much one way gives more than another at a value, 0 where they are alike or were not run."""
        here = self.figures[value]
        return here[one].lead_over(here[other]) if one in here and other in here else 0.0

    def difference(self, value: float, one: str, other: str) -> float | None:
        """Return the difference in Gb/s, 0 if it may be chance; None if one of the two has no rate."""
        here = self.figures[value]
        first, second = here.get(one), here.get(other)
        if first is None or second is None or first.gbps is None or second.gbps is None:
            return None
        found = first.gbps - second.gbps
        return found if abs(found) > first.chance_beside(second) else 0.0

    def point(self, value: float, *, is_asked: bool) -> ComparedValue:
        """Return what is known at a value, way by way in their order."""
        here = self.figures[value]
        return ComparedValue(
            value=value,
            is_asked=is_asked,
            ways=tuple(here[way.name] for way in WAYS if way.name in here),
            left_out=left_out_ways(self.left_out[value]) if here and is_asked else (),
            failure=self.failures.get(value, ""),
        )


@dataclass
class Turn:
    """Bracket a crossing of two ways: at `low` the second one gives more, at `high` the first one."""

    ways: tuple[str, str]
    low: float
    high: float
    low_lead: float
    high_lead: float
    at: float | None = None
    _last_side: int = field(default=0, init=False)

    def is_close(self, step: float) -> bool:
        """Tell whether nothing more is to be run."""
        return self.at is not None or self.high - self.low <= max(step, CLOSE * self.high)

    @property
    def estimate(self) -> float:
        """Return the zero of a straight line through both differences."""
        if self.at is not None:
            return self.at
        return self.low + (self.high - self.low) * self.low_lead / (self.low_lead - self.high_lead)

    def next_value(self, step: float) -> float:
        """Return the value to run next: the estimate, rounded to the grid and strictly between both ends."""
        steps = round(self.estimate / step)
        least, most = round(self.low / step) + 1, round(self.high / step) - 1
        return round(float(max(least, min(most, steps)) * step), 9)

    def learn(self, value: float, lead: float | None) -> None:
        """Move one end to a value that was run; if that end moves twice in a row, halve the other's lead (Illinois)."""
        if not lead:  # alike within chance, or one way cannot be run: this is as near as it gets
            self.at = value if lead is not None else self.estimate
            return
        side = 1 if lead > 0 else -1
        if side > 0:
            self.high, self.high_lead = value, lead
            self.low_lead /= 2 if self._last_side == side else 1
        else:
            self.low, self.low_lead = value, lead
            self.high_lead /= 2 if self._last_side == side else 1
        self._last_side = side

    def crossing(self, found: _Runs, step: float) -> Crossing:
        """Return the crossing as far as it is known."""
        nearest = min(
            (value for value, here in found.figures.items() if {*self.ways} <= here.keys()),
            key=lambda value: abs(value - self.estimate),
        )
        above, below = self.ways
        return Crossing(
            below=below,
            above=above,
            at=self.estimate if step else None,
            between=(self.low, self.high),
            nearest=nearest,
            cores={name: found.figures[nearest][name].cpu_cores for name in self.ways},
        )


def _turns(found: _Runs, values: Sequence[float]) -> list[Turn]:
    """Return the brackets in which the order of two ways changes; values at which two are alike are passed over."""
    return [
        turn
        for one, other in combinations((way.name for way in WAYS), 2)
        for turn in _turns_of(found, values, one, other)
    ]


def _turns_of(found: _Runs, values: Sequence[float], one: str, other: str) -> Iterator[Turn]:
    last: tuple[float, float] | None = None
    for value in values:
        lead = found.lead(value, one, other)
        if not lead:
            continue
        if last is not None and (last[1] > 0) != (lead > 0):
            ways, sign = ((one, other), 1) if lead > 0 else ((other, one), -1)
            yield Turn(ways, last[0], value, sign * last[1], sign * lead)
        last = value, lead


def _reason(found: _Runs, value: float) -> str:
    return found.failures.get(value) or "; ".join(f"{way}: {why}" for way, why in found.left_out[value].items())
