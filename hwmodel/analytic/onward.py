"""The hops of frames that have left their adapter: over extenders to bridges, from there to adapters and outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.paths import TrunkHop
from hwmodel.analytic.traffic import Leg, Onward, Sizes, nothing_of

if TYPE_CHECKING:
    from hwmodel.analytic.paths import Hop, Path, Policer
    from hwmodel.analytic.system import System

ONE = Fraction(1)
Passing = Callable[[tuple["Policer", ...]], Fraction]
# The wires that a copy takes, its last hop, and what it asks where it comes to; None where it goes nowhere behind them.
_Copy = tuple[tuple["TrunkHop", ...], "Hop | None", Leg | None]


class OnwardHops:
    """Put the hops of frames of one stream together: what takes the same ways is one."""

    def __init__(self, system: System, sizes: Sizes) -> None:
        self._system, self._nothing = system, nothing_of(sizes)
        self._trees: dict[object, list[Onward]] = {}

    def add(self, path: Path, arrives: Sequence[Leg], share: Fraction, passing: Passing) -> None:
        """Add a share of all frames, on one path; `arrives`: what each of its hops asks, in their order.

        `passing`: what part of them policers let pass.
        """
        upwards = self._system.above(path.part) if path.route.to_wire else ()
        up = tuple(TrunkHop(extender, True, path.route.tag_bytes) for extender in upwards)
        copies = [(self._wires(up, hop), hop, leg) for hop, leg in zip(path.hops, arrives, strict=True)]
        for last in self._parted([*copies, *(((*up, *stop), None, None) for stop in path.stops)]):
            key = tuple((wires, hop, leg and leg.traffic.rx_rings) for wires, hop, leg in last)
            found = self._tree(share, last, passing)
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

    def _wires(self, up: tuple[TrunkHop, ...], hop: Hop) -> tuple[TrunkHop, ...]:
        """Give the wires between a copy's adapter and its last one: of extenders, of bridges, of extenders."""
        below = reversed(self._system.above(hop.part))
        down = (TrunkHop(extender, False, hop.route.tag_bytes, hop.policers) for extender in below)
        return (*up, *hop.trunks, *down)

    def _parted(self, copies: Sequence[_Copy]) -> Iterable[Sequence[_Copy]]:
        """Part copies by the first wire that they take together."""
        found: defaultdict[object, list[_Copy]] = defaultdict(list)
        for number, copy in enumerate(copies):
            found[_place(copy[0][:1]) or number].append(copy)
        return found.values()

    def _tree(self, share: Fraction, copies: Sequence[_Copy], passing: Passing) -> list[Onward]:
        found: list[Onward] = []
        places: dict[object, int | None] = {(): None}
        for wires, hop, leg in copies:
            for n, wire in enumerate(wires, start=1):
                if _place(wires[:n]) not in places:
                    places[_place(wires[:n])] = len(found)
                    after = places[_place(wires[: n - 1])]
                    found.append(Onward(self._on(wire), share * passing(wire.policers), after))
            if hop is not None and leg is not None:
                found.append(Onward(leg, share * passing(hop.policers), places[_place(wires)]))
        return found

    def _on(self, wire: TrunkHop) -> Leg:
        tag_bytes = Fraction(wire.tag_bytes)
        if wire.is_upwards:
            return Leg(wire.part, replace(self._nothing, to_wire=ONE, tag_bytes=tag_bytes))
        return Leg(wire.part, replace(self._nothing, from_wire=ONE, back_tag_bytes=tag_bytes))


def _place(wires: Sequence[TrunkHop]) -> tuple[tuple[int, bool], ...]:
    return tuple((wire.part, wire.is_upwards) for wire in wires)


def trees_of(hops: Sequence[Onward]) -> Iterator[list[int]]:
    """Part the hops of a stream by the first of each, which follows none: the numbers of a tree, in their order."""
    trees: dict[int, list[int]] = {}
    first_of: list[int] = []
    for number, hop in enumerate(hops):
        first = number if hop.after is None else first_of[hop.after]
        first_of.append(first)
        trees.setdefault(first, []).append(number)
    yield from trees.values()
