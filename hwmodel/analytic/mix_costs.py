"""The rows of the mix's linear program: what frames take of each resource of a system, and the hops they share.

Costs are shares of a resource's capacity for a million frames a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwmodel.analytic.ceilings import part_costs, switch_costs
from hwmodel.analytic.linear_programs import Floats
from hwmodel.analytic.paths import trees_of
from hwmodel.analytic.rx_rings import descriptors_by_core, rings_by_core, rooms_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ZERO, Demand, Leg, Offered, Sizes, Traffic
from hwmodel.analytic.transactions import core_of, descriptors_a_frame, sending_s, taking_s
from hwmodel.analytic.uplink import on_link
from hwmodel.config import Config

# A core, and a station that stands for all guests with the same driver; an empty text where all have the same driver.
Place = tuple[int, str]
_OF_CORES = ("driver.tx", "driver.rx", "vswitch")
NEARLY = 1 - 1e-9
PER_S = 10**6  # rates are in millions of frames a second, so that coefficients are about 1


class MixCosts:
    """Hold a row for each resource: first those shared by all senders, by component, then the cores in use.

    `core_rows`: rows of the cores, by server and core number; `memory_rows`: rows of the memory that virtual switches
    copy in. `names`: of each row, what `Ceiling.resource` may say for it.
    """

    def __init__(self, system: System, demand: Demand) -> None:
        self._system = system
        parts = range(system.n_parts if demand.sought.parts else 1)
        self._asked = [demand.at(part) for part in parts]
        # Many streams have the same costs: with 552 streams this cache finds the mix in 20 ms instead of 27, of a
        # point's 45 or so.
        self._known: dict[object, Floats] = {}
        nothing = replace(demand.sought, reads=ZERO, copies=ZERO, to_wire=ZERO, from_wire=ZERO, mirrored=ZERO, parts=())
        self._kinds: dict[int, dict[object, str]] = {}  # by server and driver: the first station seen with it
        self._first_row: list[int] = []
        self.names: list[tuple[str, ...]] = []
        for part in parts:
            self._first_row.append(len(self.names))
            self.names += [(one.resource,) for one in part_costs(system, part, nothing)]
        self.memory_rows = [row for row, (name,) in enumerate(self.names) if name == "host.memory"]
        self._switch_row = len(self.names)
        self.names += [(one.resource,) for one in switch_costs(system, 0, nothing)]
        used = {
            (leg.part, core_of(system.config(leg.part), name))
            for one in demand.streams
            for leg in (*one.sent_as, *(hop.leg for hop in one.hops))
            if system.is_server(leg.part)
            for name in leg.traffic.stations
        }
        used |= {(leg.part, core) for one in demand.streams for leg in one.sent_as for core in leg.traffic.switching_s}
        self.core_rows = {core: len(self.names) + row for row, core in enumerate(sorted(used))}
        self.names += [tuple(system.prefix(part) + name for name in _OF_CORES) for part, _ in self.core_rows]
        # By server and core of receivers: the rows of their Rx rings, each with what a descriptor takes of it.
        self._ring_rows: dict[tuple[int, int], dict[int, float]] = {}
        for part in filter(system.is_server, parts):
            self._add_rings(part)
        self.n_rows = len(self.names)

    def _add_rings(self, part: int) -> None:
        config, asked = self._system.config(part), self._asked[part]
        for room in rooms_of(config, asked):
            for core, n_rings in sorted(rings_by_core(config, asked).items()):
                a_descriptor = float(room.held_s / (room.most * n_rings) * PER_S)
                self._ring_rows.setdefault((part, core), {})[len(self.names)] = a_descriptor
                self.names.append((f"{self._system.prefix(part)}rx.descriptors",))

    def columns(self, found: Iterable[Floats | int]) -> Floats:
        """Put columns side by side, as a matrix of resources by columns; there may be no column."""
        return np.array([column + np.zeros(self.n_rows) for column in found]).reshape(-1, self.n_rows).T

    def of(self, leg: Leg) -> Floats:
        """Give the costs of a frame on a leg."""
        traffic = leg.traffic
        found = self._shared(leg.part, traffic).copy()
        for by_station, work_s in ((traffic.sent, sending_s), (traffic.received, taking_s)):
            for (core, kind), share in self.by_place(leg.part, by_station).items():
                found[self.core_rows[leg.part, core]] += share * self._work(leg.part, kind, traffic.sizes, work_s)
        for core, s in traffic.switching_s.items():
            found[self.core_rows[leg.part, core]] += float(s * PER_S)
        if self._system.is_server(leg.part):
            for core, n in descriptors_by_core(*on_link(self._system.config(leg.part), traffic)).items():
                self._take_descriptors(leg.part, core, n, found)
        return found

    def _take_descriptors(self, part: int, core: int, n: Fraction, found: Floats) -> None:
        for row, a_descriptor in self._ring_rows.get((part, core), {}).items():
            found[row] += float(n) * a_descriptor

    def of_landing(self, part: int, sizes: Sizes, place: Place) -> Floats:
        """Give the costs of a copy that lands at a place."""
        core, kind = place
        received = {kind: Fraction(1)} if kind else {}
        copy = Traffic(sizes, reads=ZERO, copies=Fraction(1), to_wire=ZERO, from_wire=ZERO, received=received)
        found = self._shared(part, copy).copy()
        found[self.core_rows[part, core]] += self._work(part, kind, sizes, taking_s)
        config = self._system.config(part)
        if not config.has_virtual_switch:
            self._take_descriptors(part, core, descriptors_a_frame(config, sizes), found)
        return found

    def full_for_receivers(self, used: Floats) -> set[tuple[int, int]]:
        """Give the servers and cores that are full, or whose receivers' Rx rings are, from the use of each row."""
        cores = {at for at, row in self.core_rows.items() if used[row] > NEARLY}
        return cores | {at for at, rows in self._ring_rows.items() if any(used[row] > NEARLY for row in rows)}

    def place_of(self, part: int, name: str) -> Place:
        """Give the core and driver of a server's station."""
        return core_of(self._system.config(part), name), self._kind_of(part, name)

    def by_place(self, part: int, by_station: Mapping[str, Fraction]) -> dict[Place, float]:
        """Sum the shares of a server's stations by place."""
        found: dict[Place, float] = {}
        for name, share in by_station.items():
            place = self.place_of(part, name)
            found[place] = found.get(place, 0.0) + float(share)
        return found

    def _kind_of(self, part: int, name: str) -> str:
        """Give the first station seen with the same driver; an empty text where all have one driver."""
        driver = self._system.config(part).driver
        if not driver.vms:
            return ""
        return self._kinds.setdefault(part, {}).setdefault(driver.vms.get(name, driver).behaviour, name)

    def _work(self, part: int, kind: str, sizes: Sizes, work_s: Callable[[Config, Sizes], Fraction]) -> float:
        return float(work_s(self._system.config(part).for_function(kind), sizes) * PER_S)

    def _by_kind(self, part: int, by_station: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Give the shares of a server's stations by driver; empty where all have one driver."""
        found: dict[str, Fraction] = {}
        for name, share in by_station.items():
            kind = self._kind_of(part, name) if self._system.is_server(part) else ""
            if kind:
                found[kind] = found.get(kind, ZERO) + share
        return found

    def _shared(self, part: int, traffic: Traffic) -> Floats:
        sent, received = self._by_kind(part, traffic.sent), self._by_kind(part, traffic.received)
        own = (traffic.at_ports, sent, received)
        key = part, traffic.asked, traffic.wire_copies, traffic.copied_bytes, *(tuple(one.items()) for one in own)
        if key not in self._known:
            asked = self._asked[part]  # all rings in use share the chip's descriptors, which sets the batches
            plain = replace(
                traffic, sent=sent, received=received, tx_rings=asked.tx_rings, rx_rings=asked.rx_rings, parts=()
            )
            first, costs = self._first_row[part], part_costs(self._system, part, plain)
            row = np.zeros(self.n_rows)
            row[first : first + len(costs)] = [float(one.per_frame / one.capacity) * PER_S for one in costs]
            above = switch_costs(self._system, part, plain)
            row[self._switch_row :][: len(above)] = [float(one.per_frame / one.capacity) * PER_S for one in above]
            self._known[key] = row
        return self._known[key]


# ---- Hops as rows of a linear program ----


HopKey = tuple[object, ...]


class HopTable:
    """Number the hops of all streams, identical ones as one; `legs`: what each takes.

    `takes`: hops by streams: the frames that arrive at a first hop per frame of the stream. `follows`: hops by hops:
    the frames that arrive at a hop per frame that the hop before it has passed.
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
        """Give the frames that arrive at each hop, from the streams' rates and from what the hops pass."""
        return self.takes @ rates + self.follows @ passed

    def shares_left(self, stream: int, kept: Sequence[Fraction]) -> list[Fraction]:
        """Give the shares of a stream's frames that get through its hops, from the share that each hop keeps."""
        left: list[Fraction] = []
        hops = self._streams[stream].hops
        for key, hop in zip(self._keys[stream], hops, strict=True):
            here = kept[self._numbers[key]]
            before = Fraction(1) if hop.after is None else left[hop.after] / hops[hop.after].share
            left.append(hop.share * here * before)
        return left

    def _keys_of(self, stream: Offered) -> list[HopKey]:
        """Give each hop a key; hops are identical if their whole trees (all hops behind one first hop) are."""
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
        mirrored = self._costs.by_place(leg.part, one.mirrored_to) if one.mirrored_to else {}
        by_place = tuple(sorted(places.items())), tuple(sorted(mirrored.items()))
        tags = one.tag_bytes, one.back_tag_bytes, one.mixed_back_bytes
        named = tuple(one.at_ports.items()), tuple(one.switching_s.items())
        return leg.part, one.sizes, one.to_wire, tags, one.copies, one.mirrored, by_place, named
