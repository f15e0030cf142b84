"""What gets through of a demand that is more than there is room for: the mix of frames that carries most.

Frames of streams that differ are not carried in proportion to what is offered. What is known of the mix is this:

- Senders take turns. One that always has a frame ready gets as many turns as any other, times its weight; one that
  offers less than that gets through whole.
- A core or a rate limit holds back those that it serves, and nobody else.
- Frames from the wire do not wait for a turn: as much of them gets in as there is room for, down to nothing.
- Copies can be lost behind the switch, those of frames from the wire, and all where `drop_enable` is on: what is lost
  is not written to memory, so there is the more room for others.

Among the mixes that this allows, a linear program finds the one that carries most to VMs; among equal ones, most to
the wire. What is not known is taken at its best, so that this is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hwmodel.analytic.ceilings import Ceiling, core_of
from hwmodel.analytic.linear_program import Floats, maximize
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.traffic import Demand, Offered, Traffic, average
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

ZERO = Fraction(0)
Sizes = tuple[tuple[int, Fraction], ...]
Landing = tuple[Sizes, int]  # copies of frames of some sizes, for stations of one core
CostsOf = Callable[[Traffic], Sequence[Ceiling]]

_PER_S = 10**6  # rates are in millions of frames a second, so that coefficients are about 1
_TO_WIRE_TOO = 1e-6  # of the value of a copy for a VM
_NEARLY = 1 - 1e-9
_WITHOUT_END = float("inf")


def carried(config: Config, demand: Demand, costs_of: CostsOf) -> Demand:
    """Give the demand with the mix that carries most; what is offered of it only where nothing else bounds it.

    `costs_of`: what a frame of some traffic takes of each resource that all share, in a fixed order.
    """
    problem = _Problem(config, demand, costs_of)
    held_back: frozenset[int] = frozenset()  # cores whose guests cannot take each turn
    while True:
        found = problem.solve(held_back)
        more = found.full_cores - held_back
        if not more:
            return problem.demand_of(found)
        held_back |= more


@dataclass(frozen=True)
class _Sender:
    """Hold a function that sends: its streams by number, its turns, the most that it has to send."""

    streams: tuple[int, ...]
    weight: float
    core: int
    most: float
    is_limited: bool

    @property
    def level(self) -> float:
        """Give how many turns a second, by its weight, serve it in full."""
        return self.most / self.weight


@dataclass(frozen=True)
class _Solution:
    value: float
    rates: Floats  # of the streams
    landed: Floats  # copies that can be lost, by landing
    full_cores: frozenset[int]


class _Program:
    """Hold the rates of the streams, each a constant and so much of each variable, and bounds of the variables."""

    def __init__(self, n_streams: int, n_landings: int) -> None:
        self.constant = np.zeros(n_streams)
        self._of_variables: list[dict[int, float]] = [{} for _ in range(n_streams)]
        self._bounds: list[tuple[dict[int, float], float]] = []
        self.n_variables = 1 + n_landings  # the level of the turns, the landings, then streams
        self.n_landings = n_landings

    def fix(self, stream: int, rate: float, by_level: float = 0.0) -> None:
        self.constant[stream] = rate
        self._of_variables[stream] = {0: by_level} if by_level else {}

    def free(self, stream: int, most: float) -> int:
        variable = self.n_variables
        self.n_variables += 1
        self._of_variables[stream] = {variable: 1.0}
        self.bound({variable: 1.0}, most)
        return variable

    def bound(self, coefficients: dict[int, float], most: float) -> None:
        if most < _WITHOUT_END:
            self._bounds.append((coefficients, most))

    def matrix(self) -> Floats:
        """Give what a unit of each variable adds to each stream: streams by variables."""
        return _rows(self._of_variables, self.n_variables)

    def bounds(self) -> tuple[Floats, Floats]:
        return _rows([row for row, _ in self._bounds], self.n_variables), np.array([most for _, most in self._bounds])


def _rows(rows: Sequence[dict[int, float]], n: int) -> Floats:
    found = np.zeros((len(rows), n))
    for row, coefficients in zip(found, rows, strict=True):
        for column, coefficient in coefficients.items():
            row[column] = coefficient
    return found


class _Problem:
    """Write a demand as a linear program, and its solution as a demand."""

    def __init__(self, config: Config, demand: Demand, costs_of: CostsOf) -> None:
        self._config = config
        self._demand = demand
        self._streams = streams = demand.streams
        self._most = [_rate(one.frames_per_s) for one in streams]
        self._senders = list(_senders(config, streams, self._most))
        self._can_be_lost = [_can_be_lost(config, one) for one in streams]
        landings = {key for number in range(len(streams)) for key in self._landings_of(number)}
        self._landings: list[Landing] = sorted(landings)
        self._cores = sorted(
            {core_of(config, name) for one in streams for name in (*one.traffic.sent, *one.traffic.received)}
        )
        self._costs = _Costs(config, costs_of, self._cores)
        self._of_streams = np.array(
            [self._costs.of(one.traffic, lost) for one, lost in zip(streams, self._can_be_lost, strict=True)]
        ).T
        self._of_landings = np.array([self._costs.of_landing(*key) for key in self._landings]).T.reshape(
            self._of_streams.shape[0], len(self._landings)
        )
        self._lands = np.array(
            [[self._landings_of(number).get(key, 0.0) for number in range(len(streams))] for key in self._landings]
        ).reshape(len(self._landings), len(streams))
        self._stream_value, self._landing_value = self._values()

    def _landings_of(self, stream: int) -> dict[Landing, float]:
        """Give the copies of a frame that can be lost, by where they land."""
        found: dict[Landing, float] = {}
        if self._can_be_lost[stream]:
            traffic = self._streams[stream].traffic
            for station, share in traffic.received.items():
                key = (traffic.sizes, core_of(self._config, station))
                found[key] = found.get(key, 0.0) + float(share)
        return found

    def _values(self) -> tuple[Floats, Floats]:
        """Give the value of a frame of each stream and of a copy at each landing: its bits, where it gets somewhere."""
        to_vms = any(one.traffic.copies for one in self._streams)
        by_wire = _TO_WIRE_TOO if to_vms else 1.0
        of_streams = [
            _bits(one.traffic.sizes)
            * (float(one.traffic.to_wire) * by_wire + float(one.traffic.copies) * (not lost) - _TO_WIRE_TOO**2 * lost)
            for one, lost in zip(self._streams, self._can_be_lost, strict=True)
        ]
        return np.array(of_streams), np.array([_bits(sizes) for sizes, _ in self._landings])

    def solve(self, held_back: frozenset[int]) -> _Solution:
        """Find the mix of the most value; senders on cores `held_back` may take less than their turns."""
        has_turns = self._config.switch.scheduler != "strict"
        regular = [one for one in self._senders if has_turns and one.core not in held_back]
        levels = sorted({0.0, *(one.level for one in regular)})
        best: _Solution | None = None
        for low, high in zip(levels, [*levels[1:], _WITHOUT_END], strict=True):
            if low == _WITHOUT_END:
                break
            found = self._solve_between(low, high, regular)
            if found is None:
                break
            if best is None or found.value > best.value:
                best = found
        assert best is not None, "no frames at all always fit"
        return best

    def _solve_between(self, low: float, high: float, regular: Sequence[_Sender]) -> _Solution | None:
        """Solve for levels of the turns between two, where the same senders wait for turns; None if low is too high."""
        program = _Program(len(self._streams), len(self._landings))
        waiting = [one for one in regular if one.level > low]
        program.bound({0: 1.0}, high - low if waiting else 0.0)
        for sender in self._senders:
            if sender not in regular or (len(sender.streams) > 1 and (sender in waiting or sender.is_limited)):
                chosen = dict.fromkeys((program.free(number, self._most[number]) for number in sender.streams), 1.0)
                program.bound(chosen, sender.most)
                if waiting:
                    program.bound({**chosen, 0: -sender.weight}, sender.weight * low)
            elif sender in waiting:
                program.fix(sender.streams[0], sender.weight * low, sender.weight)
            else:
                for number in sender.streams:
                    program.fix(number, min(self._most[number], sender.most))
        for number, one in enumerate(self._streams):
            if one.source == UPLINK:
                program.free(number, self._most[number])
        return self._solution(program)

    def _solution(self, program: _Program) -> _Solution | None:
        by_variable, constant, n = program.matrix(), program.constant, program.n_landings
        at_landings = np.zeros((n, program.n_variables))
        at_landings[:, 1 : 1 + n] = np.eye(n)
        own, own_room = program.bounds()
        uses = np.vstack(
            [
                self._of_streams @ by_variable + self._of_landings @ at_landings,
                at_landings - self._lands @ by_variable,
                own,
            ]
        )
        room = np.concatenate([1 - self._of_streams @ constant, self._lands @ constant, own_room])
        value = self._stream_value @ by_variable + self._landing_value @ at_landings
        found = maximize(value, uses, room)
        if found is None:
            return None
        rates, landed = constant + by_variable @ found, found[1 : 1 + n]
        used = self._of_streams @ rates + self._of_landings @ landed
        of_cores = used[len(used) - len(self._cores) :]
        full = frozenset(core for core, share in zip(self._cores, of_cores, strict=True) if share > _NEARLY)
        total = float(self._stream_value @ rates + self._landing_value @ landed)
        return _Solution(total, rates, landed, full)

    def demand_of(self, found: _Solution) -> Demand:
        """Give the demand whose mix is the one found: frames of the workload's sizes together, others beside them."""
        possible = self._lands @ found.rates
        kept = {
            key: Fraction(min(1.0, landed / most)).limit_denominator(10**9) if most > 0 else Fraction(1)
            for key, landed, most in zip(self._landings, found.landed, possible, strict=True)
        }
        rates = [Fraction(round(rate * _PER_S * 1000), 1000) for rate in found.rates]
        parts = [(self._with_losses(number, kept), rate) for number, rate in enumerate(rates) if rate]
        sizes = self._demand.sought.sizes
        together = [part for part in parts if part[0].sizes == sizes] or parts
        beside = [replace(traffic, frames_per_s=rate) for traffic, rate in parts if (traffic, rate) not in together]
        total = sum((rate for _, rate in together), ZERO)
        all_sent = all(rate >= most * _NEARLY for rate, most in zip(found.rates, self._caps(found), strict=True))
        is_limited = any(sender.is_limited for sender in self._senders)
        return replace(
            self._demand,
            sought=average(together) if together else self._demand.sought,
            beside=tuple(beside),
            offered_frames_per_s=total if all_sent else None,
            following=(),
            with_rate=(),
            carried=tuple(zip(self._streams, rates, strict=True)),
            offered_by="rate_limit" if is_limited else "offered_load",
        )

    def _caps(self, found: _Solution) -> list[float]:
        """Give what each stream has to send, its sender's rate limit counted."""
        caps = list(self._most)
        for sender in self._senders:
            if sender.is_limited and sum(found.rates[number] for number in sender.streams) >= sender.most * _NEARLY:
                for number in sender.streams:
                    caps[number] = min(caps[number], found.rates[number])
        return caps

    def _with_losses(self, stream: int, kept: dict[Landing, Fraction]) -> Traffic:
        traffic = self._streams[stream].traffic
        if not self._can_be_lost[stream]:
            return traffic
        received = {
            name: share * kept[traffic.sizes, core_of(self._config, name)] for name, share in traffic.received.items()
        }
        return replace(traffic, received=received, copies=sum(received.values(), ZERO))


class _Costs:
    """Give what frames take of everything, as shares of what there is, for a million of them a second."""

    def __init__(self, config: Config, costs_of: CostsOf, cores: Sequence[int]) -> None:
        self._config = config
        self._costs_of = costs_of
        self._cores = cores
        self._known: dict[object, list[float]] = {}

    def of(self, traffic: Traffic, without_copies: bool) -> list[float]:
        """Give the costs of a frame, those of its copies left out where they count by themselves."""
        if without_copies:
            traffic = replace(traffic, copies=ZERO, received={})
        return [*self._shared(traffic), *self._at_cores([*traffic.sent.items(), *traffic.received.items()])]

    def of_landing(self, sizes: Sizes, core: int) -> list[float]:
        """Give the costs of a copy that lands on a core."""
        copy = Traffic(sizes, reads=ZERO, copies=Fraction(1), to_wire=ZERO, from_wire=ZERO)
        frame_time = self._config.driver.frame_time_fs * _PER_S / FS_PER_S
        return [*self._shared(copy), *(frame_time * (one == core) for one in self._cores)]

    def _shared(self, traffic: Traffic) -> list[float]:
        plain = replace(traffic, sent={}, received={}, rx_rings=frozenset())
        key = (plain.sizes, plain.reads, plain.copies, plain.to_wire, plain.from_wire, plain.tag_bytes, plain.mirrored)
        if key not in self._known:
            self._known[key] = [float(one.per_frame / one.capacity) * _PER_S for one in self._costs_of(plain)]
        return self._known[key]

    def _at_cores(self, work: Iterable[tuple[str, Fraction]]) -> list[float]:
        by_core = dict.fromkeys(self._cores, 0.0)
        for station, share in work:
            by_core[core_of(self._config, station)] += float(share)
        return [share * self._config.driver.frame_time_fs * _PER_S / FS_PER_S for share in by_core.values()]


def _senders(config: Config, streams: Sequence[Offered], most: Sequence[float]) -> Iterator[_Sender]:
    ports = {port.name: port for port in config.switch.ports}
    has_weights = config.switch.scheduler in ("weighted", "deficit")
    for name in dict.fromkeys(one.source for one in streams if one.source != UPLINK):
        numbers = tuple(number for number, one in enumerate(streams) if one.source == name)
        port, asked = ports[name], sum(most[number] for number in numbers)
        limit = _WITHOUT_END
        if port.rate_limit_bps is not None:
            limit = port.rate_limit_bps / _bits(streams[numbers[0]].traffic.sizes) / _PER_S
        weight = float(port.weight) if has_weights else 1.0
        yield _Sender(numbers, weight, core_of(config, name), min(asked, limit), limit < asked)


def _can_be_lost(config: Config, stream: Offered) -> bool:
    """Tell whether copies can be lost; mirrored ones are taken to land with the others."""
    return not stream.traffic.mirrored and (config.nic.drop_enable or stream.source == UPLINK)


def _rate(frames_per_s: Fraction | None) -> float:
    return _WITHOUT_END if frames_per_s is None else float(frames_per_s / _PER_S)


def _bits(sizes: Sizes) -> float:
    return float(sum((n_bytes * share for n_bytes, share in sizes), ZERO)) * BITS_PER_BYTE
