"""The hops of all streams as the rows of a linear program: which streams' frames take them, and which follow which."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hwmodel.analytic.linear_program import Floats
from hwmodel.analytic.mix_costs import MixCosts
from hwmodel.analytic.onward import trees_of
from hwmodel.analytic.traffic import Leg, Offered

if TYPE_CHECKING:
    from hwmodel.analytic.system import System

HopKey = tuple[object, ...]


class HopTable:
    """Number the hops, those that ask the same once; `legs`: what each asks.

    `takes`: hops by streams, how many frames are to take a hop that follows none. `follows`: hops by hops, how many
    take the one for each that has got through the other.
    """

    def __init__(self, system: System, costs: MixCosts, streams: Sequence[Offered]) -> None:
        self._system, self._costs, self._streams = system, costs, streams
        self._keys = [self._keys_of(one) for one in streams]
        found: dict[HopKey, Leg] = {}
        for keys, one in zip(self._keys, streams, strict=True):
            found |= {key: hop.leg for key, hop in zip(keys, one.hops, strict=True)}
        self._numbers = {key: number for number, key in enumerate(found)}
        self.legs = list(found.values())
        n = len(self.legs)
        self.takes, self.follows = np.zeros((n, len(streams))), np.zeros((n, n))
        for stream, (keys, one) in enumerate(zip(self._keys, streams, strict=True)):
            for key, hop in zip(keys, one.hops, strict=True):
                row = self._numbers[key]
                if hop.after is None:
                    self.takes[row, stream] += float(hop.share)
                else:
                    self.follows[row, self._numbers[keys[hop.after]]] = float(hop.share / one.hops[hop.after].share)

    def asked(self, rates: Floats, passed: Floats) -> Floats:
        """Give how many frames are to take each hop, from the streams' rates and from what gets through the hops."""
        return self.takes @ rates + self.follows @ passed

    def shares_left(self, stream: int, kept: Sequence[Fraction]) -> list[Fraction]:
        """Give the shares of a stream's frames that take its hops, from what part of those asked for each hop keeps."""
        left: list[Fraction] = []
        hops = self._streams[stream].hops
        for key, hop in zip(self._keys[stream], hops, strict=True):
            here = kept[self._numbers[key]]
            before = Fraction(1) if hop.after is None else left[hop.after] / hops[hop.after].share
            left.append(hop.share * here * before)
        return left

    def _keys_of(self, stream: Offered) -> list[HopKey]:
        """Give a key to each hop: the same for those that ask the same, with all that follow the same first one."""
        keys: list[HopKey] = [()] * len(stream.hops)
        for tree in trees_of(stream.hops):
            first = stream.hops[tree[0]]
            places = {number: place for place, number in enumerate(tree)}
            whole = tuple(
                (self._leg_key(hop.leg), None if hop.after is None else places[hop.after], hop.share / first.share)
                for hop in (stream.hops[number] for number in tree)
            )
            for number, place in places.items():
                keys[number] = whole, place
        return keys

    def _leg_key(self, leg: Leg) -> HopKey:
        one = leg.traffic
        places = self._costs.by_place(leg.part, one.received) if self._system.is_server(leg.part) else {}
        by_place = tuple(sorted(places.items()))
        tags = one.tag_bytes, one.back_tag_bytes, one.mixed_back_bytes
        return leg.part, one.sizes, one.to_wire, tags, one.copies, one.mirrored, by_place
