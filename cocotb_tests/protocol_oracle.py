"""A second reading of the rules in protocol.py, cycle by cycle, that the checkers of rtl/checkers/ are compared with.

A cycle is what a checker sees at a rising edge. Handshakes are characters, 'x' among them; what goes with a beat or an
answer is a number, or None where it is undefined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Found = frozenset[tuple[int, int]]  # rules that may be named, each with its port
NOTHING: Found = frozenset({(0, 0)})
MOST_CHANCES = 28


@dataclass(frozen=True)
class Offer:
    """A beat or an answer in a cycle, and whether it is taken. `rest` goes with a beat: tkeep, tlast, tuser."""

    valid: str = "0"
    ready: str = "0"
    value: int | None = 0
    rest: int = 0

    def waits(self) -> bool:
        """Tell whether it is there and not taken."""
        return self.valid == "1" and self.ready == "0"


@dataclass(frozen=True)
class Accesses:
    """A cycle of AXI4-Lite. `asked`: valid and ready of write addresses, of write data, of reads."""

    asked: tuple[tuple[str, str], ...] = (("0", "0"),) * 3
    write: Offer = field(default_factory=Offer)
    read: Offer = field(default_factory=Offer)


class StreamOracle:
    """The first rule of AXI4-Stream that is broken, and the port."""

    def __init__(self, n_ports: int) -> None:
        self.chances = [0] * n_ports
        self.before: Sequence[Offer] | None = None
        self.found = NOTHING

    def step(self, in_reset: bool, beats: Sequence[Offer]) -> Found:
        """Take a cycle; return what is named after it."""
        if in_reset:
            self.before, self.found = None, NOTHING
        else:
            if self.found == NOTHING:
                broken = {(rule, port) for port, beat in enumerate(beats) for rule in self._broken(port, beat)}
                self.found = frozenset(broken) or NOTHING
            self.before = beats
        return self.found

    def _broken(self, port: int, beat: Offer) -> Iterator[int]:
        before = self.before[port] if self.before is not None else None
        if beat.valid == "x":
            yield 6
        if before is None:
            if beat.valid == "1":
                yield 4
        elif before.waits():
            self.chances[port] = 0
            if beat.valid != "1":
                yield 1
            elif beat.value != before.value:
                yield 2
            elif beat.rest != before.rest:
                yield 3
        elif (before.valid, before.ready, beat.valid, beat.ready) == ("0", "0", "1", "1"):
            self.chances[port] += 1
            if self.chances[port] == MOST_CHANCES:
                yield 5


class LiteOracle:
    """The first rule of AXI4-Lite that is broken."""

    def __init__(self) -> None:
        self.open = [0, 0, 0]  # write addresses, write data, reads that were taken and not answered
        self.before = Accesses()
        self.found = NOTHING

    def step(self, in_reset: bool, now: Accesses) -> Found:
        """Take a cycle; return what is named after it."""
        if in_reset:
            self.open, self.before, self.found = [0, 0, 0], Accesses(), NOTHING
            return self.found
        if self.found == NOTHING:
            self.found = frozenset((rule, 0) for rule in self._broken(now)) or NOTHING
        for i, (asked, answer) in enumerate(zip(now.asked, (now.write, now.write, now.read), strict=True)):
            self.open[i] += (asked == ("1", "1")) - ((answer.valid, answer.ready) == ("1", "1"))
        self.before = now
        return self.found

    def _broken(self, now: Accesses) -> Iterator[int]:
        for withdrawn, before, answer, is_asked in (
            (16, self.before.write, now.write, 0 not in self.open[:2]),
            (19, self.before.read, now.read, self.open[2] != 0),
        ):
            if before.waits() and answer.valid != "1":
                yield withdrawn
            elif before.waits() and answer.value != before.value:
                yield withdrawn + 1
            if answer.valid == "1" and not is_asked:
                yield withdrawn + 2
            if answer.valid == "x" or (answer.valid == "1" and answer.value is None):
                yield 22
        if any(ready == "x" for _, ready in now.asked):
            yield 22
