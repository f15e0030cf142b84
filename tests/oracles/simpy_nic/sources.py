"""Sources of made-up frames, whose loads change (docs/datapath/guest.md, "Sources" and "Commands").

When frames come depends on a source's own chance and on its loads alone, not on what becomes of them: so each arrival
is worked out ahead, through all loads that hold on the way, as far as the next closed loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import simpy

from .chances import xorshift128
from .frames import WIRE, Frame
from .posts import Post
from .timing import Delay, Phase, later, place

TIMED = ("periodic", "poisson", "on_off")


class Choice(NamedTuple):
    """A row of a table that is drawn from: `value` if a word is below `threshold`, else `other`."""

    threshold: int
    value: int
    other: int


@dataclass(frozen=True)
class SourceLoad:
    """How a source sends: closed, silent or at times; `first_fs`: the phase of one that is periodic."""

    kind: str
    gap_fs: int = 0
    peak_gap_fs: int = 0
    pause_fs: int = 0
    mean_burst: float = 1.0
    fixed_burst: int = 0
    first_fs: int = 0


@dataclass(frozen=True)
class SourceParameters:
    """A source: its port, how its stream of random words begins, whom it sends to, how long its frames are.

    `targets` have numbers of `headers`, which are destinations and first bytes; all other bytes are 0. `loads`: from
    when on which holds, the first from 0. `hashes`: what chooses a ring, by the header's number, if it is not 0.
    """

    port: int
    random_state: tuple[int, int, int, int]
    targets: Sequence[Choice]
    lengths: Sequence[Choice]
    headers: Mapping[int, tuple[tuple[int, ...], bytes]]
    loads: Sequence[tuple[int, SourceLoad]]
    hashes: Mapping[int, int] = field(default_factory=dict)


class Drawn(NamedTuple):
    """What is drawn of a frame."""

    destinations: tuple[int, ...]
    header: bytes
    frame_bytes: int
    rss_hash: int = 0

    @property
    def raw(self) -> bytes:
        """Return the frame without FCS."""
        return self.header.ljust(self.frame_bytes - 4, b"\0")


class Source:
    """One source; `next_fs` is when its next frame comes, infinite where it has no times."""

    def __init__(self, parameters: SourceParameters) -> None:
        """Begin at time 0."""
        self._parameters = parameters
        self.port = parameters.port
        self._words = xorshift128(parameters.random_state)
        self._at = max(at for at, (from_fs, _) in enumerate(parameters.loads) if from_fs == 0)
        self.next_fs: float = math.inf
        self._burst_left, self._pauses = 0, False
        self._kept: Drawn | None = None
        self._begin(self.load, 0)
        self._through_loads()

    @property
    def load(self) -> SourceLoad:
        """Return how it sends, as far as it has been worked out."""
        return self._parameters.loads[self._at][1]

    @property
    def is_closed(self) -> bool:
        """Whether it sends whenever it can, from the time of its load on."""
        return self.load.kind == "closed"

    @property
    def since_fs(self) -> int:
        """When this load began."""
        return self._parameters.loads[self._at][0]

    def closed_loop_ends(self, now_fs: int) -> bool:
        """Go on if another load follows a closed loop by now; return whether one does."""
        loads = self._parameters.loads
        if not self.is_closed or self._at + 1 == len(loads) or loads[self._at + 1][0] > now_fs:
            return False
        self._at += 1
        self._begin(self.load, self.since_fs)
        self._through_loads()
        return True

    def keep(self) -> Drawn:
        """Draw the next frame of a closed loop, once."""
        self._kept = self._kept or self._draw()
        return self._kept

    def take(self) -> Drawn:
        """Return the frame that comes now; of a source with times work out when the next one does."""
        found, self._kept = self.keep(), None
        if not self.is_closed:
            self._wait()
            self._through_loads()
        return found

    def _through_loads(self) -> None:
        """Let the next arrival be that by all loads that begin before it, or with it."""
        loads = self._parameters.loads
        while not self.is_closed and self._at + 1 < len(loads) and loads[self._at + 1][0] <= self.next_fs:
            at_fs, after = loads[self._at + 1]
            before_fs, kind = self._mean_wait_fs(), self.load.kind
            self._at += 1
            if after.kind == kind and kind in TIMED:
                share = float(self.next_fs - at_fs) / float(before_fs)
                self.next_fs = at_fs + math.floor(share * self._mean_wait_fs() + 0.5)
            elif after.kind != kind:
                self._begin(after, at_fs)

    def _mean_wait_fs(self) -> int:
        load = self.load
        if load.kind == "on_off":
            return load.peak_gap_fs + (load.pause_fs if self._pauses else 0)
        return load.gap_fs

    def _begin(self, load: SourceLoad, at_fs: int) -> None:
        self.next_fs = math.inf
        if load.kind == "periodic":
            self.next_fs = at_fs + load.first_fs
        elif load.kind == "poisson":
            self.next_fs = at_fs + self._exponential_fs(load.gap_fs)
        elif load.kind == "on_off":
            self.next_fs = at_fs + self._exponential_fs(load.pause_fs)
            self._burst_left, self._pauses = self._burst(), True

    def _wait(self) -> None:
        load = self.load
        if load.kind == "periodic":
            self.next_fs += load.gap_fs
        elif load.kind == "poisson":
            self.next_fs += self._exponential_fs(load.gap_fs)
        else:
            self.next_fs += load.peak_gap_fs
            self._burst_left -= 1
            self._pauses = self._burst_left == 0
            if self._pauses:
                self._burst_left = self._burst()
                self.next_fs += self._exponential_fs(load.pause_fs)

    def _burst(self) -> int:
        load = self.load
        if load.fixed_burst:
            return load.fixed_burst
        if load.mean_burst <= 1:
            return 1
        return 1 + int(math.log(self._unit()) / math.log(1 - 1 / load.mean_burst))

    def _unit(self) -> float:
        high, low = next(self._words) // 2**5, next(self._words) // 2**6
        return (high * 2**26 + low + 0.5) / 2**53

    def _exponential_fs(self, mean_fs: int) -> int:
        return math.floor(-math.log(self._unit()) * mean_fs + 0.5)

    def _draw(self) -> Drawn:
        number = self._choice(self._parameters.targets)
        destinations, header = self._parameters.headers[number]
        rss_hash = self._parameters.hashes.get(number, 0)
        return Drawn(destinations, header, self._choice(self._parameters.lengths), rss_hash)

    def _choice(self, rows: Sequence[Choice]) -> int:
        if len(rows) == 1:
            return rows[0].value
        row = rows[next(self._words) * len(rows) // 2**32]
        return row.value if next(self._words) < row.threshold else row.other


class Traffic:
    """All sources of a model; `makes`: what makes a frame, and what a driver posts, of what is drawn."""

    def __init__(
        self,
        env: simpy.Environment,
        sources: Sequence[SourceParameters],
        drivers: Mapping[int, Any],
        from_wire: Callable[[Frame], None],
        makes: tuple[Callable[[int, Drawn], Frame], Callable[[int, Drawn], Post]],
        on_full: str,
    ) -> None:
        """Have all sources as they begin, in the order of their ports."""
        self._env, self._drivers, self._from_wire = env, drivers, from_wire
        self._new_frame, self._new_post = makes
        self._on_full = on_full
        self._sources = [Source(one) for one in sorted(sources, key=lambda one: one.port)]
        self.change_times_fs = sorted({at_fs for one in sources for at_fs, _ in one.loads if at_fs > 0})

    def turn(self) -> None:
        """Let closed loops end, and begin, that do so now; drivers look at them behind all commands of the instant."""
        for source in self._sources:
            while source.closed_loop_ends(self._env.now):
                self._drivers[source.port].loop = None
        for source in self._sources:
            if source.is_closed and source.since_fs <= self._env.now:
                self._drivers[source.port].loop = source, partial(self._new_post, source.port)
        later(self._env, 0, place(Phase.COMMANDED), self._look)

    def _look(self) -> None:
        for _, driver in sorted(self._drivers.items()):
            driver.look()

    def arrivals(self) -> Generator[simpy.Event, None, None]:
        """Offer the frames of all sources that have times, those of one instant in the order of their ports."""
        while True:
            source = min(self._sources, key=lambda one: one.next_fs)
            changes = (at_fs for at_fs in self.change_times_fs if at_fs > self._env.now)
            wake_fs = min(source.next_fs, next(changes, math.inf))
            if wake_fs == math.inf:
                return
            if wake_fs > self._env.now:
                yield Delay(self._env, int(wake_fs) - self._env.now, place(Phase.DRIVER))
                continue
            if source.port == WIRE:
                self._from_wire(self._new_frame(WIRE, source.take()))
            else:
                self._drivers[source.port].offer(self._new_post(source.port, source.take()), self._on_full, source)
