"""What a run with a scenario says over time: each VM in equal intervals, and what each event did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from typing import NamedTuple

from hwmodel.results.json_form import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSeries:
    """Say how one VM fared, interval by interval.

    `latency_ns`: mean from post to delivery of the frames it received, None if there were none. `drops`: frames to or
    from it. `tx_ring`, `rx_ring`: descriptors in use at the interval's end, in all its queues. `mirrored_mpps`: copies
    that mirrors sent it, which no other rate has in it; empty if there were none.
    """

    tx_gbps: tuple[float, ...]
    rx_gbps: tuple[float, ...]
    rx_mpps: tuple[float, ...]
    latency_ns: tuple[float | None, ...]
    drops: tuple[int, ...]
    tx_ring: tuple[int, ...]
    rx_ring: tuple[int, ...]
    mirrored_mpps: tuple[float, ...] = field(default=(), metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSeries:
    """Say what an Ethernet port carried, interval by interval, as `Wire` does."""

    tx_gbps: tuple[float, ...]
    rx_gbps: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """Hold the time of a scenario's event, what it was, and a sentence on its effect.

    `at_ns`: None where it waited for a condition that did not come true.
    """

    at_ns: float | None
    event: str
    did: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeResult:
    """Hold one time that a function went down or came up, with the duration of each stage.

    `event`: the number of the scenario's event, from 0, in order of time; `at_ns`: its time. `goes`: whether the
    function was up then, and so went down. `reset_ns`, `messages_ns`, `rings_ns`: the stages of coming up; so far, of
    the one that it is in as the run ends or it goes again; None of those that it has not come to. `up_ns`: when it was
    up; `first_frame_ns`: when its first frame was in the Tx buffer; None if the run ended, or it went down again,
    before. `frames_lost`: frames from it and to it.
    """

    vm: str
    event: int
    at_ns: float
    goes: bool
    reset_ns: float | None
    messages_ns: float | None
    rings_ns: float | None
    up_ns: float | None
    first_frame_ns: float | None
    frames_lost: int


class Stage(NamedTuple):
    """Hold a function's stage: its state, its span of time, and the event (from 0) that began it (None: the run).

    `name`: "up", "off", "reset", "messages" or "rings" (setting up its rings).
    """

    start_ns: float
    end_ns: float
    name: str
    event: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Hold what VMs did in equal intervals, from the run's start on, and the events.

    `counters`: by VM and name, the increase of each counter (docs/counters.md) in each interval. `other_drops`: drops
    of frames and copies that are of no VM and for none, as at a bridge or from the wire; empty if there were none.
    `wires`: the Ethernet ports that carried anything: wire, or p1.wire, a.x.wire and the like.
    """

    interval_ns: float
    vms: Mapping[str, VmSeries] = field(default_factory=dict)
    events: tuple[EventResult, ...] = ()
    counters: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict, metadata={"omit_empty": True})
    lives: tuple[LifeResult, ...] = field(default=(), metadata={"omit_empty": True})
    other_drops: tuple[int, ...] = field(default=(), metadata={"omit_empty": True})
    wires: Mapping[str, WireSeries] = field(default_factory=dict, metadata={"omit_empty": True})

    @property
    def n_intervals(self) -> int:
        """Return how many intervals there are; all VMs have as many."""
        return max((len(vm.tx_gbps) for vm in self.vms.values()), default=0)

    def stages(self, vm: str, end_ns: float) -> Iterator[Stage]:
        """Give a function's stages, from the run's start to its end; none for an unknown function."""
        lives = [life for life in self.lives if life.vm == vm]
        if not lives:
            return
        yield from _some(0.0, lives[0].at_ns, "up" if lives[0].goes else "off", None)
        for life, following in zip_longest(lives, lives[1:]):
            at_ns, until_ns = life.at_ns, end_ns if following is None else following.at_ns
            parts = (("reset", life.reset_ns), ("messages", life.messages_ns), ("rings", life.rings_ns))
            for name, length_ns in parts:
                yield from _some(at_ns, min(at_ns + (length_ns or 0.0), until_ns), name, life.event)
                at_ns = min(at_ns + (length_ns or 0.0), until_ns)
            yield from _some(at_ns, until_ns, "off" if life.reset_ns is None else "up", life.event)

    def impossible(self) -> Iterator[Problem]:
        """Yield what no run can have found: intervals without length, rows of unlike lengths."""
        if self.interval_ns <= 0:
            yield Problem(("series", "interval_ns"), "expected above 0")
        for kind, rows in (("vms", self.vms), ("wires", self.wires)):
            for name, row in rows.items():
                for each in fields(row):
                    n_values = len(getattr(row, each.name))
                    if n_values != self.n_intervals and not (each.name == "mirrored_mpps" and n_values == 0):
                        yield Problem(("series", kind, name, each.name), f"expected {self.n_intervals} values")
        if len(self.other_drops) not in (0, self.n_intervals):
            yield Problem(("series", "other_drops"), f"expected {self.n_intervals} values")
        for name, counters in self.counters.items():
            for counter, grown in counters.items():
                if len(grown) != self.n_intervals:
                    yield Problem(("series", "counters", name, counter), f"expected {self.n_intervals} values")


def _some(start_ns: float, end_ns: float, name: str, event: int | None) -> Iterator[Stage]:
    if end_ns > start_ns:
        yield Stage(start_ns, end_ns, name, event)
