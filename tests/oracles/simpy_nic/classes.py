"""Classes of traffic that take turns by credits, and pools that do within a class (docs/datapath/transmit.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrafficClass:
    """What a class is given each round and keeps at most, in bytes, and how strict it is."""

    refill: int
    most: int
    group: int
    strict: str = "none"


@dataclass(frozen=True)
class Planes:
    """All of `nic.arbitration`."""

    classes: Sequence[TrafficClass]
    reads_highest_first: bool
    sends_highest_first: bool
    pools_count: bool
    room_bytes: int
    pools: Mapping[int, tuple[int, int]]
    """By port what its station is given each round, and keeps at most."""
    class_of_ring: Mapping[tuple[int, int], int]
    """By port and queue."""


@dataclass
class ClassTurns:
    """One plane: which class goes next."""

    classes: Sequence[TrafficClass]
    highest_first: bool
    own: dict[int, int] = field(default_factory=dict)
    of_group: dict[int, int] = field(default_factory=dict)
    next_in_turn: int = 0

    def change(self, classes: Sequence[TrafficClass], highest_first: bool) -> None:
        """Go by others from now on; what classes and groups have stays."""
        self.classes, self.highest_first = classes, highest_first

    def choose(self, wanting: Collection[int]) -> int | None:
        """Return the class that goes next of those that want to."""
        before_all = [number for number in wanting if self.classes[number].strict == "link"]
        if before_all or not wanting:
            return max(before_all, default=None)
        while True:
            for group in {self.classes[number].group for number in wanting}:
                self._give_within(group, wanting)
            may = [number for number in wanting if self._may(number, wanting)]
            if may:
                break
            self._give_to_groups()
        n = len(self.classes)
        chosen = max(may) if self.highest_first else min(may, key=lambda number: (number - self.next_in_turn) % n)
        self.next_in_turn = chosen + 1
        return chosen

    def _members(self, group: int) -> list[int]:
        return [number for number, each in enumerate(self.classes) if each.group == group and each.strict != "link"]

    def _may(self, number: int, wanting: Collection[int]) -> bool:
        group = self.classes[number].group
        if self.of_group.get(group, 0) <= 0:
            return False
        first = [each for each in wanting if each in self._members(group) and self.classes[each].strict == "group"]
        return number == max(first) if first else self.own.get(number, 0) > 0

    def _give_within(self, group: int, wanting: Collection[int]) -> None:
        """Let one of a group's classes that want have credits, if the group has."""
        if self.of_group.get(group, 0) <= 0:
            return
        members = [number for number in wanting if number in self._members(group)]
        while not any(self._may(number, wanting) for number in members):
            for each in self._members(group):
                self.own[each] = min(self.own.get(each, 0) + self.classes[each].refill, self.classes[each].most)

    def _give_to_groups(self) -> None:
        for group in {each.group for each in self.classes if each.strict != "link"}:
            refill, most = (sum(getattr(self.classes[each], of) for each in self._members(group))
                            for of in ("refill", "most"))  # fmt: skip
            self.of_group[group] = min(self.of_group.get(group, 0) + refill, most)

    def charge(self, number: int, n_bytes: int) -> None:
        """Take what a class has sent from its credits."""
        own = self.classes[number]
        if own.strict != "link":
            self.of_group[own.group] = self.of_group.get(own.group, 0) - n_bytes
        if own.strict == "none":
            self.own[number] = self.own.get(number, 0) - n_bytes


class PoolTurns:
    """Whose frame of a class is read next."""

    def __init__(self, ports: Sequence[int], planes: Planes) -> None:
        """Begin at the first function in each class, without credits."""
        self._ports = ports
        self._planes = planes
        self._next = dict.fromkeys(range(len(planes.classes)), 0)
        self._credits = {(port, number): 0 for port in ports for number in self._next}

    def change(self, planes: Planes) -> None:
        """Give others credits from the next round on."""
        self._planes = planes

    def choose(self, number: int, has_frame: Callable[[int], bool]) -> int:
        """Return the function whose turn it is in a class; one has a frame."""
        n = len(self._ports)
        in_order = [(self._next[number] + step) % n for step in range(n)]
        ready = [function for function in in_order if has_frame(function)]
        while True:
            for function in ready:
                if not self._planes.pools_count or self._credits[self._ports[function], number] > 0:
                    self._next[number] = (function + 1) % n
                    return function
            for port in self._ports:
                refill, most = self._planes.pools[port]
                self._credits[port, number] = min(self._credits[port, number] + refill, most)

    def charge(self, port: int, number: int, n_bytes: int) -> None:
        """Take what was picked of a station."""
        self._credits[port, number] -= n_bytes
