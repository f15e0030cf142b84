"""The senders that take turns at an adapter or at a virtual switch's cores, and the turns that serve each in full."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from hwmodel.analytic.linear_programs import WITHOUT_END
from hwmodel.analytic.mix_costs import PER_S
from hwmodel.analytic.switch_rings import core_of_ring
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Offered, Sizes, mean_bytes
from hwmodel.analytic.transactions import core_of
from hwmodel.analytic.uplink import charged_bytes
from hwmodel.analytic.virtual_switch import frames_a_turn
from hwmodel.config import Config
from hwmodel.config.names import is_uplink
from hwmodel.config.switch import Port
from hwmodel.rules.function_names import PF
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

Interval = tuple[float, float]


ADAPTER = NO_CORE = -1


@dataclass(frozen=True)
class Sender:
    """Hold a function that sends: its server, its streams by number, its turns, the most that it has to send.

    `core`: the core that it runs on. `limited_by`: what sets `most` if it has more to send: `rate_limit`, or
    `nic.queue` for the time that its Tx rings take. `giver`: who gives it turns of `weight` frames each: its server and
    a switching core, or `ADAPTER`; `takes_turns`: whether its turns are known. `guaranteed`: the rate that it gets
    before any turns. `shares`: its streams' shares of what it sends, empty where unknown. `at_cores`: its weights by
    giver, where rings of it at several cores fill in order. `held_by`: rows of the resources that, when full, hold back
    this sender but not all that wait for the same turns.
    """

    part: int
    streams: tuple[int, ...]
    weight: float
    core: int
    most: float
    limited_by: str = ""
    giver: tuple[int, int] = (0, ADAPTER)
    takes_turns: bool = True
    guaranteed: float = 0.0
    shares: tuple[float, ...] = ()
    at_cores: Mapping[tuple[int, int], float] = field(default_factory=dict)
    held_by: frozenset[int] = frozenset()

    @property
    def turns(self) -> Mapping[tuple[int, int], float]:
        """Give the weights with which it has turns, by who gives them."""
        return self.at_cores or ({self.giver: self.weight} if self.takes_turns else {})

    def at_last_core(self, levels: Mapping[tuple[int, int], float]) -> Sender:
        """Give the sender as one that waits for the core that serves its part last, at these levels of turns."""
        if not self.at_cores:
            return self
        by_giver = {giver: weight * levels[giver] for giver, weight in self.at_cores.items()}
        giver = min(by_giver, key=lambda one: (by_giver[one], one != self.giver))
        return replace(self, giver=giver, weight=self.at_cores[giver])

    @property
    def is_limited(self) -> bool:
        """Tell whether its own limit holds it back: it has more to send than `most`."""
        return bool(self.limited_by)

    @property
    def level(self) -> float:
        """Give how many turns a second, by its weight, serve it in full."""
        return max(0.0, self.most - self.guaranteed) / self.weight


def intervals_of(levels: Iterator[float]) -> list[Interval]:
    """Give the intervals between the levels at which senders are served in full."""
    ends = sorted({0.0, *levels})
    return [each for each in zip(ends, [*ends[1:], WITHOUT_END], strict=True) if each[0] < WITHOUT_END]


def senders_of(system: System, streams: Sequence[Offered], most: Sequence[float]) -> Iterator[Sender]:
    """List the functions that send `streams`; `most`: what each stream offers, in millions of frames a second."""
    if system.config(0).has_virtual_switch:
        yield from _from_wire(system.config(0), streams, most)
    for name, numbers in _by_sender(system, streams):
        part, local = system.place(name)
        config, port = system.config(part), system.port(name)
        asked = sum(most[number] for number in numbers)
        limits = [(asked, "")]
        # The adapter takes one frame, or send, from each of its Tx rings in that time, whatever other rings do.
        if config.nic.queue_time_fs and not config.has_virtual_switch:
            # Where all senders are alike, one stands for those of its server (`symmetry.folded_stream`).
            rings = {ring for number in numbers for ring in streams[number].traffic.tx_rings}
            per_s = max(1, len(rings)) * config.workload.frames_a_send * FS_PER_S / config.nic.queue_time_fs
            limits.append((per_s / PER_S, "nic.queue"))
        if port.rate_limit_bps is not None:
            bits = float(charged_bytes(config, streams[numbers[0]].traffic)) * BITS_PER_BYTE
            limits.append((port.rate_limit_bps / bits / PER_S, "rate_limit"))
        limit, limited_by = min(limits, key=lambda each: each[0])
        weight = float(port.weight) if config.switch.scheduler in ("weighted", "deficit") else 1.0
        # Classes (`nic.arbitration`) take turns by bytes, which this does not model.
        takes_turns = config.switch.scheduler != "strict" and config.nic.arbitration is None
        shares = (1.0,) if len(numbers) == 1 else ()
        own_core, giver = core_of(config, local), (part, ADAPTER)
        one = Sender(part, numbers, weight, own_core, limit, limited_by, giver, takes_turns, shares=shares)
        yield _at_switch(config, one, port, streams) if config.has_virtual_switch else one


def _by_sender(system: System, streams: Sequence[Offered]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give each function's streams by number; at a virtual switch, each ring's where rings drop independently."""
    found: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for number, one in enumerate(streams):
        if not is_uplink(one.source):
            config, port = system.config(0), system.port(one.source)
            has_own = config.has_virtual_switch and config.workload.on_full == "drop"
            is_apart = has_own and port.rate_limit_bps is None and not port.min_rate_bps
            found.setdefault((one.source, tuple(one.rings) if is_apart else ()), []).append(number)
    return ((name, tuple(numbers)) for (name, _), numbers in found.items())


def _at_switch(config: Config, one: Sender, port: Port, streams: Sequence[Offered]) -> Sender:
    """Give a sender as the cores of a virtual switch see it, which give each of its rings turns."""
    first = streams[one.streams[0]].traffic
    turn = float(frames_a_turn(config, port.name, first.sizes))
    owed = (port.min_rate_bps or 0) / (float(charged_bytes(config, first)) * BITS_PER_BYTE) / PER_S
    offered = [rate_of(streams[number].frames_per_s) for number in one.streams]
    total, shares = sum(offered), one.shares
    is_one_ring = len({ring for number in one.streams for ring in streams[number].rings}) == 1
    wait_in_order = is_one_ring or config.workload.on_full == "wait"  # for a ring, or at the driver: each has its part
    if wait_in_order and 0 < total < WITHOUT_END:
        shares = tuple(rate / total for rate in offered)
    rings: dict[int, dict[int, float]] = {}
    for number, of_sender in zip(one.streams, shares or (math.nan,) * len(offered), strict=True):
        for ring, share in streams[number].rings.items():
            own = rings.setdefault(core_of_ring(config, port.name, ring), {})
            own[ring] = own.get(ring, 0.0) + of_sender * float(share)
    # Of rings that fill in order the fullest holds back the others; of rings that do not, all may be full.
    weights = {(one.part, core): turn / max(own.values()) if shares else turn * len(own) for core, own in rings.items()}
    # In a ring shorter than a turn the guest may or may not post more while a piece is passed on, so turns are unknown.
    is_known, giver = turn < config.nic.tx_ring - 1, min(weights, key=lambda one: (weights[one], one))
    at_cores = weights if is_known and shares and len(weights) > 1 else {}
    return replace(
        one, weight=weights[giver], giver=giver, guaranteed=owed,
        takes_turns=is_known and (len(weights) == 1 or bool(shares)), shares=shares, at_cores=at_cores,
    )  # fmt: skip


def _from_wire(config: Config, streams: Sequence[Offered], most: Sequence[float]) -> Iterator[Sender]:
    """List the streams from the wire as senders: at its core, an uplink ring takes turns like those of guests."""
    driver = config.driver_of(PF)
    for number, one in enumerate(streams):
        if is_uplink(one.source) and one.rings:  # no leg of a bond may be in use
            cores = {core_of_ring(config, one.source, ring) for ring in one.rings}
            a_turn = driver.poll_budget / float(max(one.rings.values()))
            giver, takes_turns = (0, min(cores)), len(cores) == 1 and driver.refill
            yield Sender(
                0, (number,), a_turn, NO_CORE, most[number], giver=giver, takes_turns=takes_turns, shares=(1.0,)
            )


def rate_of(frames_per_s: Fraction | None) -> float:
    """Give a rate in millions a second, infinite where none is given."""
    return WITHOUT_END if frames_per_s is None else float(frames_per_s / PER_S)


def bits_of(sizes: Sizes) -> float:
    """Give the bits of the mean frame."""
    return float(mean_bytes(sizes)) * BITS_PER_BYTE
