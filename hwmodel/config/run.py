"""Validate the `run` block: how long to simulate, and with which random numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from hwmodel.units import FS_PER_S

from .kinds import Block, Duration, Kind, Percentage, Quantity, Tolerance, Whole, key, wrong

MAX_SEED = 2**63 - 1
# The longest window, the longest warm-up before it, and both: well before `compiled.records.NEVER`, 4,611 s, up to
# which the machine counts femtoseconds. Sums of such times of many things at once are kept as floating point.
LONGEST_WINDOW, LONGEST_WARMUP, LONGEST_RUN = "3600s", "600s", "4200s"
LONGEST_WINDOW_FS = 3600 * FS_PER_S
_TIME = Duration("0ns", LONGEST_WARMUP)
_TOLERANCE = Tolerance("0ppm", "1000ppm")
EXACT = "exact"


class _WordOr(Kind):
    """A word, held as the value `held`, or a quantity; `like`: the quantity in messages, like `time like 2ms`."""

    def __init__(self, word: str, held: int | str, quantity: Quantity, like: str) -> None:
        self.word, self.held, self.quantity, self.like = word, held, quantity, like

    def parse(self, value: object) -> int | str:
        if value == self.word:
            return self.held
        if isinstance(value, str) and value[:1].isalpha():
            raise wrong(f"{value!r} is neither {self.word} nor a {self.like}")
        return self.quantity.parse(value)

    def write(self, value: Any) -> str:
        return self.word if value == self.held else self.quantity.write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": self.word}, self.quantity.schema()]}


class Run(Block):
    """Length and seed of a run."""

    warmup: Annotated[int | Literal["auto"], _WordOr("auto", "auto", _TIME, "time like 2ms")] = key(
        "auto", "Simulated time before figures count: auto waits until buffers have filled and rates hold, or a time."
    )
    duration_fs: Annotated[int, Duration("1ns", LONGEST_WINDOW)] = key(
        "20ms", "Simulated time in which figures count, after the warm-up.", alias="duration"
    )
    frames: Annotated[int, Whole(1, 10**12)] | None = key(
        None, "Frames after which a run ends even before `duration`; null: by time alone."
    )
    precision: Annotated[float, Percentage()] | None = key(
        None,
        "How sure the figures are to be, like 1%: a run goes on until the 95 % intervals of throughput, mean latency "
        "and p99 are within it, or says that it was not met; null: as long as `duration` says.",
    )
    seed: Annotated[int, Whole(0, MAX_SEED)] = key(
        1, "Seed of all random numbers; the same configuration and seed give the same result, byte for byte."
    )
    clocks_ppb: Annotated[int, _WordOr(EXACT, 0, _TOLERANCE, "tolerance like 50ppm")] = key(
        "50ppm",
        "Tolerance of the machine's clocks, each of which is off by an amount of its own within it, drawn by the seed, "
        "and begins at a phase of its own. exact (or 0ppm): all keep their nominal rates and begin together, and "
        "nothing is drawn for them.",
        alias="clocks",
    )
