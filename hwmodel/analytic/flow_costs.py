"""What frames take of each resource of a system, one row for each: the resources that flows share or have alone.

Costs are shares of a resource's capacity for a million frames a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from hwmodel.analytic.ceilings import part_costs, switch_costs
from hwmodel.analytic.rx_rings import descriptors_by_core, rings_by_core, rooms_of
from hwmodel.analytic.stalls import available_share
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ZERO, Demand, Leg, Offered, Sizes, Traffic
from hwmodel.analytic.transactions import core_of, sending_s, taking_s
from hwmodel.analytic.uplink import charged_bytes, on_link
from hwmodel.config import Config
from hwmodel.config.names import is_uplink
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

Floats = npt.NDArray[np.float64]
# A core, and a station that stands for all guests with the same driver; an empty text where all have the same driver.
Place = tuple[int, str]
PER_S = 10**6  # rates are in millions of frames a second, so that coefficients are about 1


class FlowCosts:
    """Hold a row for each resource: those shared by all senders, by component, then the cores and Rx rings in use.

    `names`: of each row, as `Ceiling.resource`; `kinds`: the same for rows that are alike at each server.
    """

    def __init__(self, system: System, demand: Demand, streams: Sequence[Offered]) -> None:
        self._system = system
        parts = range(system.n_parts if demand.sought.parts else 1)
        self._asked = [demand.at(part) for part in parts]
        self._known: dict[object, Floats] = {}  # many streams have the same costs
        self._kinds: dict[int, dict[object, str]] = {}  # by server and driver: the first station seen with it
        self.names: list[str] = []
        self.kinds: list[str] = []
        nothing = replace(demand.sought, reads=ZERO, copies=ZERO, to_wire=ZERO, from_wire=ZERO, mirrored=ZERO, parts=())
        self._first_row: list[int] = []
        for part in parts:
            self._first_row.append(len(self.names))
            for one in part_costs(system, part, nothing):
                self._add(one.resource, self._kind_of_row(part, one.resource, one.what))
        self._switch_row = len(self.names)
        for one in switch_costs(system, 0, nothing):
            self._add(one.resource, one.resource)
        legs = [leg for one in streams for leg in (*one.sent_as, *(hop.leg for hop in one.hops))]
        self._core_rows: dict[tuple[int, int], int] = {}
        for part, core in sorted(set(self._cores_in(legs))):
            self._core_rows[part, core] = len(self.names)
            self._add(f"{system.prefix(part)}{self._name_of_core(part, core, legs)}", "cores")
        # By server and core of receivers: the rows of their Rx rings, each with what a descriptor takes of it.
        self._ring_rows: dict[tuple[int, int], dict[int, float]] = {}
        for part in filter(system.is_server, parts):
            self._add_rings(part)
        self.n_rows = len(self.names)

    def _add(self, name: str, kind: str) -> None:
        self.names.append(name)
        self.kinds.append(kind)

    def _kind_of_row(self, part: int, name: str, what: str) -> str:
        """Give what a row has in common with other servers' rows: its name there, or the way of the servers' wires."""
        system = self._system
        if not system.is_server(part):
            return name
        for wire in system.wires_of(part) if system.bridges else ():
            if name in system.wire_names(wire):
                return f"wire {system.wire_names(wire).index(name)}"
        return f"{name.removeprefix(system.prefix(part))}, {what}"

    def _cores_in(self, legs: Sequence[Leg]) -> list[tuple[int, int]]:
        found = [
            (leg.part, core_of(self._system.config(leg.part), name))
            for leg in legs
            if self._system.is_server(leg.part)
            for name in leg.traffic.stations
        ]
        return [*found, *((leg.part, core) for leg in legs for core in leg.traffic.switching_s)]

    def _name_of_core(self, part: int, core: int, legs: Sequence[Leg]) -> str:
        own = [leg.traffic for leg in legs if leg.part == part]
        if any(core in one.switching_s for one in own):
            return "vswitch"
        config = self._system.config(part)
        sends, takes = (
            sum(share for by in found for name, share in by.items() if core_of(config, name) == core)
            for found in ([one.sent for one in own], [one.received for one in own])
        )
        return "driver.tx" if sends >= takes else "driver.rx"

    def _add_rings(self, part: int) -> None:
        config, asked = self._system.config(part), self._asked[part]
        for number, room in enumerate(rooms_of(config, asked)):
            for core, n_rings in sorted(rings_by_core(config, asked).items()):
                a_descriptor = float(room.held_s / (room.most * n_rings) * PER_S)
                self._ring_rows.setdefault((part, core), {})[len(self.names)] = a_descriptor
                self._add(f"{self._system.prefix(part)}rx.descriptors", f"rx.descriptors {number}")

    def of(self, leg: Leg) -> Floats:
        """Give the costs of a frame on a leg."""
        traffic, part = leg.traffic, leg.part
        found = self._shared(part, traffic).copy()
        if not self._system.is_server(part):
            return found
        config = self._system.config(part)
        a_second = float(available_share(config))
        for by_station, work_s in ((traffic.sent, sending_s), (traffic.received, taking_s)):
            for (core, kind), share in self.by_place(part, by_station).items():
                work = self._work(part, kind, traffic.sizes, work_s)
                found[self._core_rows[part, core]] += share * work / a_second
        for core, s in traffic.switching_s.items():
            found[self._core_rows[part, core]] += float(s * PER_S) / a_second
        for core, n in descriptors_by_core(*on_link(config, traffic)).items():
            for row, a_descriptor in self._ring_rows.get((part, core), {}).items():
                found[row] += float(n) * a_descriptor
        return found

    def of_copy(self, part: int, sizes: Sizes, station: str) -> Floats:
        """Give the costs of a copy that is written to a station."""
        received = {station: Fraction(1)}
        return self.of(Leg(part, Traffic(sizes, ZERO, copies=Fraction(1), to_wire=ZERO, from_wire=ZERO,
                                         received=received)))  # fmt: skip

    def rows_of(self, part: int, station: str) -> list[int]:
        """Give the rows of a station's core and Rx rings."""
        core = core_of(self._system.config(part), station)
        return [self._core_rows[part, core], *self._ring_rows.get((part, core), {})]

    def place_of(self, part: int, name: str) -> Place:
        """Give the core and driver of a server's station."""
        return core_of(self._system.config(part), name), self._kind_of(part, name)

    def by_place(self, part: int, by_station: Mapping[str, Fraction]) -> dict[Place, float]:
        """Sum the shares of a server's stations by their core and driver."""
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
            row = np.zeros(self.n_rows)
            for first, costs in (
                (self._first_row[part], part_costs(self._system, part, plain)),
                (self._switch_row, switch_costs(self._system, part, plain)),
            ):
                row[first : first + len(costs)] = [float(one.per_frame / one.capacity) * PER_S for one in costs]
            self._known[key] = row
        return self._known[key]


def sender_limits(system: System, streams: Sequence[Offered]) -> list[tuple[str, dict[int, float]]]:
    """List what holds back each function that sends: a name, and the shares that a million frames of streams take.

    That is its rate limit, and the time in which the adapter takes one frame, or send, from each of its Tx rings.
    """
    by_source: dict[str, list[int]] = {}
    for number, one in enumerate(streams):
        if not is_uplink(one.source):
            by_source.setdefault(one.source, []).append(number)
    found = []
    for name, numbers in by_source.items():
        config, port = system.config(system.place(name)[0]), system.port(name)
        if config.nic.queue_time_fs and not config.has_virtual_switch:
            rings = {ring for number in numbers for ring in streams[number].traffic.tx_rings}
            per_s = max(1, len(rings)) * config.workload.frames_a_send * FS_PER_S / config.nic.queue_time_fs
            found.append(("nic.queue", dict.fromkeys(numbers, PER_S / per_s)))
        if port.rate_limit_bps is not None:
            bits = {number: charged_bytes(config, streams[number].traffic) * BITS_PER_BYTE for number in numbers}
            found.append(
                ("rate_limit", {number: float(one / port.rate_limit_bps) * PER_S for number, one in bits.items()})
            )
    return found
