"""The flow cache of the host's virtual switch: two tables in the order of use, and a slow path."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from .core import Core, Task
from .frames import Frame
from .timing import Phase, passing_place

BEHIND_ALL_PORTS = 128
ADDRESSES_AND_TYPE = 14
OUTER_BYTES = {b"\x88\xa8": 4, b"\x89\x26": 6, b"\x89\x3f": 8}  # of outer tags, which tell no connections apart
HEADERS = 54  # with those of IP and TCP


@dataclass(frozen=True)
class CacheRules:
    """What each stage holds and takes; `miss_cores`: of the slow path, none: the core that switches."""

    near_entries: int
    far_time_fs: int
    exact_entries: int
    exact_time_fs: int
    wildcard_entries: int
    wildcard_time_fs: int
    wildcard_match: str
    miss_time_fs: int
    miss_cores: tuple[int, ...]
    miss_queue: int

    @classmethod
    def of(cls, said: Any) -> CacheRules:
        """Take them from what has them by the same names."""
        return cls(**{field.name: getattr(said, field.name) for field in fields(cls)})


class Table:
    """Holds so many keys, those that were used last."""

    def __init__(self, room: int) -> None:
        """Begin empty."""
        self.room = room
        self._keys: OrderedDict[Any, None] = OrderedDict()

    def __len__(self) -> int:
        """Count what is held."""
        return len(self._keys)

    def finds(self, key: Any) -> bool:
        """Tell whether a key is there, and note that it was used."""
        if key in self._keys:
            self._keys.move_to_end(key)
            return True
        return False

    def enter(self, key: Any) -> None:
        """Hold a key, in place of the one that was used longest ago where there is no room."""
        if self.room and not self.finds(key):
            self._keys[key] = None
            if len(self._keys) > self.room:
                self._keys.popitem(last=False)


class FlowCache:
    """Says where a frame is known, and what it takes to find out."""

    def __init__(self, rules: CacheRules) -> None:
        """Begin with nothing known."""
        self.rules = rules
        self.near = Table(rules.near_entries)
        self.exact, self.wildcards = Table(rules.exact_entries), Table(rules.wildcard_entries)
        self.counts = {"exact_hits": 0, "wildcard_hits": 0, "misses": 0, "lost": 0}

    def look_up(self, frame: Frame) -> tuple[int, bool]:
        """Return the time of the core that switches, and whether the frame waits for a core of the slow path."""
        rules, spent_fs = self.rules, 0
        connection, wide = self._keys(frame)
        if self.near.room and not self.near.finds(connection):
            spent_fs += rules.far_time_fs
            self.near.enter(connection)
        if self.exact.room:
            spent_fs += rules.exact_time_fs
            if self.exact.finds(connection):
                self.counts["exact_hits"] += 1
                return spent_fs, False
        if self.wildcards.room:
            spent_fs += rules.wildcard_time_fs
            if self.wildcards.finds(wide):
                self.counts["wildcard_hits"] += 1
                self.exact.enter(connection)
                return spent_fs, False
        self.counts["misses"] += 1
        if rules.miss_cores:
            return spent_fs, True
        self.learn(frame)
        return spent_fs + rules.miss_time_fs, False

    def learn(self, frame: Frame) -> None:
        """Enter what is decided of a frame."""
        connection, wide = self._keys(frame)
        self.wildcards.enter(wide)
        self.exact.enter(connection)

    def _keys(self, frame: Frame) -> tuple[Any, Any]:
        raw = frame.raw or b""
        if raw[12:14] in OUTER_BYTES:
            raw = raw[:12] + raw[12 + OUTER_BYTES[raw[12:14]] :]
        connection = frame.source, raw[:HEADERS]
        return connection, (
            (frame.source, raw[:ADDRESSES_AND_TYPE]) if self.rules.wildcard_match == "ends" else connection
        )


class SlowTask(Task):
    """Decides on frames of one Tx ring that no table knew, one after the other."""

    phase = Phase.SWITCHING

    def __init__(
        self, number: int, ring: tuple[int, int], most: int, rules: CacheRules | None, core: Core, doorbell_fs: int
    ) -> None:
        """Begin with nothing to do for the ring of a number."""
        super().__init__((ring[0] + BEHIND_ALL_PORTS, ring[1]), most, doorbell_fs)
        self._number, self._rules, self._core = number, rules, core
        self._waiting: deque[Callable[[], bool]] = deque()
        self._done: Callable[[], bool] | None = None

    def place_at(self, at_fs: int) -> int:
        """Return by lot the place in an instant at which a frame is decided on then."""
        return passing_place(at_fs, self._number, is_aside=True)

    def tell(self, done: Callable[[], bool]) -> None:
        """Take a frame, of which is known what is to be done with it then."""
        self._waiting.append(done)
        self._core.join(self)

    @property
    def has_work(self) -> bool:
        """Whether a frame waits that is not in work."""
        return bool(self._waiting)

    def begin_piece(self, most: int) -> tuple[int, int]:
        """Take one frame."""
        self._done = self._waiting.popleft()
        return 1, 0

    def frame_fs(self, behind: int = 0) -> int:
        """Return what it takes."""
        assert self._rules is not None
        return self._rules.miss_time_fs

    def frame_done(self) -> None:
        """Leave it to the end of the piece."""

    def piece_done(self, is_turn_over: bool) -> bool:
        """Let the frame go on; tell whether the adapter was told of it."""
        assert self._done is not None
        return self._done()


class HandTask(SlowTask):
    """Hands frames over to a VM by its own thread, before that takes any from it."""

    def __init__(
        self, number: int, ring: tuple[int, int], most: int, core: Core, doorbell_fs: int,
        begins: Callable[[int], tuple[int, list[int]]],
    ) -> None:  # fmt: skip
        """Begin with nothing to do; `begins`: says of so many frames what comes before them, and what each takes."""
        super().__init__(number, ring, most, None, core, doorbell_fs)
        self._begins = begins
        self._times_fs: list[int] = []
        self._handed: list[Callable[[], int]] = []

    @property
    def comes_first(self) -> bool:
        """Come before what the VM sends."""
        return True

    def begin_piece(self, most: int) -> tuple[int, int]:
        """Take all that wait, as far as the turn goes."""
        n = min(most, len(self._waiting))
        before_fs, self._times_fs = self._begins(n)
        self._handed = [self._waiting.popleft() for _ in range(n)]
        return n, before_fs

    def frame_fs(self, behind: int = 0) -> int:
        """Return what a frame takes."""
        return self._times_fs[behind]

    def frame_done(self) -> None:
        """Have a frame ready, until the piece is over."""
        self._times_fs.pop(0)

    def piece_done(self, is_turn_over: bool) -> int:
        """Let the frames go on; return how many registers were written."""
        return sum(done() for done in self._handed)
