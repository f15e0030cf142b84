"""The hops of frames that have left their adapter: over extenders to the bridge, from there to adapters and outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.traffic import Leg, Onward, Sizes, nothing_of

if TYPE_CHECKING:
    from hwmodel.analytic.paths import Hop, Path
    from hwmodel.analytic.system import System

ONE = Fraction(1)
_Last = tuple["Hop", Leg]  # the last hop of a copy, and what it asks where it comes to


class OnwardHops:
    """Put the hops of frames of one stream together: what takes the same ways is one."""

    def __init__(self, system: System, sizes: Sizes) -> None:
        self._system, self._nothing = system, nothing_of(sizes)
        self._trees: dict[object, list[Onward]] = {}

    def add(self, path: Path, arrives: Sequence[Leg], share: Fraction, passing: Fraction) -> None:
        """Add a share of all frames, on one path; `arrives`: what each of its hops asks, in their order.

        `passing`: what part of them a policer of the bridge lets pass.
        """
        upwards = self._system.above(path.part) if path.route.to_wire else ()
        for last in self._parted(list(zip(path.hops, arrives, strict=True)), has_one_way_up=bool(upwards)):
            asked = tuple((hop, leg.traffic.rx_rings) for hop, leg in last)
            key = upwards, path.route.tag_bytes * bool(upwards), asked
            found = self._tree(upwards, path.route.tag_bytes, share, last, share * passing)
            before = self._trees.get(key)
            if before is not None:
                pairs = zip(found, before, strict=True)
                found = [replace(hop, share=hop.share + so_far.share) for hop, so_far in pairs]
            self._trees[key] = found

    def all(self) -> tuple[Onward, ...]:
        """Give all hops in one list."""
        found: list[Onward] = []
        for tree in self._trees.values():
            first = len(found)
            found += (replace(hop, after=None if hop.after is None else hop.after + first) for hop in tree)
        return tuple(found)

    def _parted(self, last: Sequence[_Last], has_one_way_up: bool) -> Iterable[Sequence[_Last]]:
        """Part copies by the first wire that they take together."""
        if has_one_way_up:
            return [last]
        below: defaultdict[object, list[_Last]] = defaultdict(list)
        for number, (hop, leg) in enumerate(last):
            root = self._system.root(hop.part)
            below[root if self._system.is_extender(root) else (root, number)].append((hop, leg))
        return below.values()

    def _tree(
        self, upwards: Sequence[int], tag_bytes: int, share: Fraction, last: Sequence[_Last], passing: Fraction
    ) -> list[Onward]:
        found: list[Onward] = []
        up = replace(self._nothing, to_wire=ONE, tag_bytes=Fraction(tag_bytes))
        for extender in upwards:
            found.append(Onward(Leg(extender, up), share, len(found) - 1 if found else None))
        top = len(found) - 1 if found else None
        places: dict[int, int] = {}
        for hop, leg in last:
            after = top
            for extender in reversed(self._system.above(hop.part)):
                if extender not in places:
                    down = replace(self._nothing, from_wire=ONE, back_tag_bytes=Fraction(hop.route.tag_bytes))
                    places[extender] = len(found)
                    found.append(Onward(Leg(extender, down), passing, after))
                after = places[extender]
            found.append(Onward(leg, passing, after))
        return found


def trees_of(hops: Sequence[Onward]) -> Iterator[list[int]]:
    """Part the hops of a stream by the first of each, which follows none: the numbers of a tree, in their order."""
    trees: dict[int, list[int]] = {}
    first_of: list[int] = []
    for number, hop in enumerate(hops):
        first = number if hop.after is None else first_of[hop.after]
        first_of.append(first)
        trees.setdefault(first, []).append(number)
    yield from trees.values()
