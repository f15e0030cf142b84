"""What frames take of everything in a system, as shares of what there is, for a million of them a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hwmodel.analytic.ceilings import core_of, part_costs
from hwmodel.analytic.core_work import sending_s, taking_s
from hwmodel.analytic.linear_program import Floats
from hwmodel.analytic.traffic import Demand, Leg, Sizes, Traffic

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.config import Config

ZERO = Fraction(0)
PER_S = 10**6  # rates are in millions of frames a second, so that coefficients are about 1


class MixCosts:
    """Hold a row for each resource: of each component what all share, then the cores that guests use.

    `core_rows`: the rows of the cores, by server and number.
    """

    def __init__(self, system: System, demand: Demand) -> None:
        self._system = system
        self._known: dict[object, Floats] = {}
        self._work_of: dict[object, float] = {}
        nothing = replace(demand.sought, reads=ZERO, copies=ZERO, to_wire=ZERO, from_wire=ZERO, mirrored=ZERO, parts=())
        self._first_row: list[int] = []
        self.n_rows = 0
        for part in range(system.n_parts if demand.sought.parts else 1):
            self._first_row.append(self.n_rows)
            self.n_rows += len(part_costs(system, part, nothing))
        used = {
            (leg.part, core_of(system.config(leg.part), name))
            for one in demand.streams
            for leg in (*one.sent_as, *(hop.leg for hop in one.hops))
            if system.is_server(leg.part)
            for name in (*leg.traffic.sent, *leg.traffic.received)
        }
        self.core_rows = {core: self.n_rows + row for row, core in enumerate(sorted(used))}
        self.n_rows += len(used)

    def columns(self, found: Iterable[Floats | int]) -> Floats:
        """Put columns side by side: resources by columns, which may be none."""
        return np.array([column + np.zeros(self.n_rows) for column in found]).reshape(-1, self.n_rows).T

    def of(self, leg: Leg, without_copies: bool) -> Floats:
        """Give the costs of a frame on a leg, those of its copies left out where they count by themselves."""
        traffic = leg.traffic
        if without_copies:
            traffic = replace(traffic, copies=ZERO, received={})
        found = self._shared(leg.part, traffic).copy()
        for by_station, work_s in ((traffic.sent, sending_s), (traffic.received, taking_s)):
            if by_station:
                each = self._work(leg.part, traffic.sizes, work_s)
                for core, share in self.by_core(leg.part, by_station).items():
                    found[self.core_rows[leg.part, core]] += share * each
        return found

    def of_landing(self, part: int, sizes: Sizes, core: int) -> Floats:
        """Give the costs of a copy that lands on a core."""
        copy = Traffic(sizes, reads=ZERO, copies=Fraction(1), to_wire=ZERO, from_wire=ZERO)
        found = self._shared(part, copy).copy()
        found[self.core_rows[part, core]] += self._work(part, sizes, taking_s)
        return found

    def by_core(self, part: int, by_station: Mapping[str, Fraction]) -> dict[int, float]:
        """Add the shares of a server's stations up by core."""
        found: dict[int, float] = {}
        for name, share in by_station.items():
            core = core_of(self._system.config(part), name)
            found[core] = found.get(core, 0.0) + float(share)
        return found

    def _work(self, part: int, sizes: Sizes, work_s: Callable[[Config, Sizes], Fraction]) -> float:
        key = part, sizes, work_s
        if key not in self._work_of:
            self._work_of[key] = float(work_s(self._system.config(part), sizes) * PER_S)
        return self._work_of[key]

    def _shared(self, part: int, traffic: Traffic) -> Floats:
        key = part, traffic.asked
        if key not in self._known:
            plain = replace(traffic, sent={}, received={}, rx_rings=frozenset(), parts=())
            first, costs = self._first_row[part], part_costs(self._system, part, plain)
            row = np.zeros(self.n_rows)
            row[first : first + len(costs)] = [float(one.per_frame / one.capacity) * PER_S for one in costs]
            self._known[key] = row
        return self._known[key]
