"""PCI and PCI-X buses: each transaction with its phases, reads answered with Retry, and masters that wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.compiled.records import NEVER
from hwmodel.config import SharedBus
from hwmodel.machine.pcie.bus_end import burst_bytes
from hwmodel.machine.tlp_kinds import COMPLETIONS, OF_KIND, READS, UP
from hwmodel.results.shared_links import BRIDGE
from hwmodel.rules.pci_bus import (
    CYCLE_FS,
    KIND_NAMES,
    Phases,
    Stretch,
    answer_phases,
    request_clocks,
    request_stretches,
    stretches,
    word_bytes,
    write_phases,
)
from hwmodel.simulation.fill.flow_book import Server
from hwmodel.simulation.run.trace.link_tlps import StartedTlp, begun_on
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track

RETRY = "read tried again"
NO_END_BYTES = 1 << 40


@dataclass
class _Member:
    """Hold an adapter on a bus, and how many of its retries have been shown."""

    name: str
    pcie: Any
    n_retries: int


@dataclass
class _Master:
    """Hold when a master began to request the bus, or will (`NEVER`: not at all), and when its last turn ends."""

    asks_fs: int = NEVER
    ends_fs: int = 0


class BusRows:
    """Show one bus; `timeline`, `tracks`: for its adapters' transactions, both directions on one row."""

    def __init__(self, bus: SharedBus, servers: Sequence[Server], timeline: Timeline) -> None:
        self._settings, self.timeline = bus.settings, timeline
        self._cycle_fs = CYCLE_FS[bus.settings.clock_mhz]
        self._members: dict[int, _Member] = {}
        for at in bus.members:
            pcie = servers[at].nic.pcie[0]
            self._members[at] = _Member(servers[at].name or "adapter", pcie, int(pcie.counts.retries))
        self._masters = {name: _Master() for name in (*(one.name for one in self._members.values()), BRIDGE)}
        self._group = f"{KIND_NAMES[bus.settings.kind]} {bus.name}"
        self._track = Track(self._group, "transactions")
        self.name, self.tracks = bus.name, {"up": self._track, "down": self._track}
        self.n_retries = self.n_clocks = 0
        timeline.place(self._track)
        for name in self._masters:
            timeline.place(self._waits(name))
        self.look()

    def began(self, number: int, started: Iterable[StartedTlp], now_fs: int) -> None:
        """Show what an adapter, or the bridge for it, has begun in this instant: a transaction, or a retried read."""
        member = self._members[number]
        for tlp in started:
            self._show_transaction(member, tlp)
        if int(member.pcie.counts.retries) > member.n_retries:
            member.n_retries = int(member.pcie.counts.retries)
            self._show_retry(member, now_fs)

    def look(self) -> None:
        """Record who requests the bus after this instant, and since when."""
        for one in self._members.values():
            pcie = one.pcie
            asks_fs = min(_head_fs(pcie.up.first), _head_fs(pcie.up.second))
            self._masters[one.name].asks_fs = min(asks_fs, int(pcie.bus.repeat_fs) if pcie.bus.n_delayed else NEVER)
        self._masters[BRIDGE].asks_fs = min(self._of_bridge())

    def _of_bridge(self) -> Iterator[int]:
        for one in self._members.values():
            yield _head_fs(one.pcie.down.first)
            if self._settings.kind == "pci_x":
                yield _head_fs(one.pcie.down.second)

    def _waits(self, master: str) -> Track:
        return Track(self._group, f"{master} waits for the bus")

    def _show_transaction(self, member: _Member, tlp: StartedTlp) -> None:
        shown, is_up = tlp.shown, OF_KIND[tlp.kind].direction == UP
        entry = begun_on(member.pcie["up" if is_up else "down"])
        n_clocks = (shown.end_fs - shown.start_fs) // self._cycle_fs
        moves_answer = tlp.kind in COMPLETIONS and self._settings.kind == "pci"
        master = member.name if is_up or moves_answer else BRIDGE
        if tlp.kind in READS:
            course, more = list(request_stretches(self._settings)), {}
        else:
            phases = answer_phases(self._settings) if tlp.kind in COMPLETIONS else write_phases(self._settings)
            course = list(stretches(self._settings, phases, n_clocks - sum(phases)))
            more = self._data(entry, member, is_answer=tlp.kind in COMPLETIONS, phases=phases)
        told = {name: value for name, value in shown.details.items() if name != "bytes"}
        shown.details = {"master": master, "adapter": member.name, "clocks": n_clocks} | more | told
        self._show_course(master, shown, course)

    def _data(self, entry: Any, member: _Member, *, is_answer: bool, phases: Phases) -> dict[str, Any]:
        """Return the bytes of a burst and what ended it: the end of its data, a boundary, or the latency timer."""
        n_bytes, address = int(entry["data_bytes"]), int(entry["address"])
        if entry["is_last"]:
            return {"bytes": n_bytes}
        by_timer = n_bytes == _timer_bytes(member.pcie, address - n_bytes, sum(phases), word_bytes(self._settings))
        by_boundary = is_answer and not member.pcie.params.whole_completions
        ended_by = "read_completion_boundary" if by_boundary else "max_payload"
        more = {"left_bytes": int(entry["left_bytes"]), "ended_by": "latency_timer" if by_timer else ended_by}
        return {"bytes": n_bytes} | more

    def _show_retry(self, member: _Member, now_fs: int) -> None:
        n_clocks, start_fs = request_clocks(self._settings), now_fs - self._cycle_fs
        details = {"master": member.name, "adapter": member.name, "clocks": n_clocks}
        one = Slice(self._track, RETRY, start_fs, start_fs + n_clocks * self._cycle_fs, details)
        self.timeline.add(one)
        self.n_retries += 1
        self._show_course(member.name, one, list(request_stretches(self._settings)))

    def _show_course(self, master: str, one: Slice, course: Sequence[Stretch]) -> None:
        """Show the phases of a transaction, and how long its master has waited for the bus."""
        one.details["edge"] = one.start_fs // self._cycle_fs
        at_fs = one.start_fs
        for each in course:
            if each.clocks:
                end_fs = at_fs + each.clocks * self._cycle_fs
                self.timeline.add(Slice(self._track, each.what, at_fs, end_fs, {"clocks": each.clocks}))
                at_fs = end_fs
        assert at_fs == one.end_fs
        self.n_clocks += one.details["clocks"]
        asking = self._masters[master]
        since_fs = max(asking.asks_fs, asking.ends_fs)
        if since_fs < one.start_fs:
            details = {"waited_clocks": (one.start_fs - since_fs) / self._cycle_fs}
            self.timeline.add(Slice(self._waits(master), f"for {one.name}", since_fs, one.start_fs, details))
        asking.ends_fs = one.end_fs


def _head_fs(queue: Any) -> int:
    """Return when the head of a queue was queued, or when its data are ready; NEVER if the queue is empty."""
    return NEVER if queue.head == queue.tail else int(queue.ring[int(queue.head) & int(queue.mask)].at_fs)


def _timer_bytes(pcie: Any, address: int, n_clocks: int, word: int) -> int:
    """Return the bytes after which the latency timer ends a longer burst, if others requested the bus when it began."""
    rule = getattr(burst_bytes, "py_func", burst_bytes)  # one burst is not worth compiling it for
    return int(rule(pcie, address, NO_END_BYTES, n_clocks * word))
