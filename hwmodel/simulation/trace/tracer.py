"""Stepping through a stretch of the run, one instant at a time, and noting what happens in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from hwmodel.kernels import layout
from hwmodel.simulation.trace.adapter_side import Levels, Servers
from hwmodel.simulation.trace.frame_names import FrameNames
from hwmodel.simulation.trace.frame_parts import FrameParts, under_way
from hwmodel.simulation.trace.host_side import Cores, Reads, Translations
from hwmodel.simulation.trace.link_tlps import LinkTlps
from hwmodel.simulation.trace.timeline import MOST_LANES, Timeline
from hwmodel.units import FS_PER_NS, FS_PER_US

if TYPE_CHECKING:
    from hwmodel.config import Config

MOST_TLPS = 20_000
MOST_INSTANTS = 200_000  # where little goes over the link and much happens beside it

# Moves the machine to a time, by at most so many events; returns the kernel's status.
Advance = Callable[[int, int], int]


class Tracer:
    """Record what happens from `start_fs` of the window on, for `length_fs` or until there is enough for one file.

    It stands between the run and the kernel, and takes single steps in its stretch; looking does not change the run.
    `left_out` says in words what of the stretch found no room, None where all did.
    """

    def __init__(self, config: Config, nic: Any, start_fs: int = 0, length_fs: int | None = None) -> None:
        self._config, self._nic = config, nic
        self._start_fs, self._length_fs = start_fs, length_fs
        self._begin_fs = self._end_fs = layout.NEVER
        self._runs_on = int(nic.pcie.runs_on)
        self._recording: Recording | None = None
        self._is_over = False
        self.left_out: str | None = None

    def begin_window(self) -> None:
        """Let the window begin here."""
        self._begin_fs = int(self._nic.clock.now_fs) + self._start_fs
        if self._length_fs is not None:
            self._end_fs = self._begin_fs + self._length_fs

    def advance(self, until_fs: int, n_events: int, kernel: Advance) -> int:
        """Move the machine as the kernel would, and look at each instant of the stretch; return the kernel's status."""
        if self._has_ended() or until_fs < self._begin_fs:
            return kernel(until_fs, n_events)
        if self._recording is None:
            if self._nic.clock.now_fs < self._begin_fs and (status := kernel(self._begin_fs, n_events)) != layout.DONE:
                return status
            if (status := self._begin(until_fs, kernel)) != layout.EVENTS_SPENT:
                return status
        status = self._step(until_fs, kernel)
        return (
            kernel(until_fs, n_events) if self._has_ended() and status in (layout.EVENTS_SPENT, layout.DONE) else status
        )

    def to_json(self) -> str:
        """Return the time line as a document that Perfetto and chrome://tracing open, what is recorded so far."""
        self._finish()
        if self._recording is None:
            self.left_out = "the run ended before the time line began"
            return Timeline().to_json({"ended_early": self.left_out})
        return self._recording.timeline.to_json(self._recording.facts | {"ended_early": self.left_out})

    def remarks(self) -> Iterator[str]:
        """Yield what a written document leaves out, in words."""
        if self.left_out is not None:
            yield self.left_out
        n_slices = 0 if self._recording is None else self._recording.timeline.left_out.total()
        if n_slices:
            yield f"{n_slices} slices found none of the {MOST_LANES} rows of their track free"

    def _has_ended(self) -> bool:
        return self._is_over

    def _begin(self, until_fs: int, kernel: Advance) -> int:
        """Begin to record, behind the completions of a read that was begun as a whole."""
        nic = self._nic
        nic.pcie.runs_on = 0  # each completion an instant of its own; the result is the same
        while nic.down.boundary_fs < layout.NEVER:
            if (status := kernel(until_fs, 1)) != layout.EVENTS_SPENT:
                return status
        nic.ledger.journey_log.enabled = 1
        nic.ledger.journey_log.n = 0
        self._recording = Recording(self._config, nic, self._end_fs)
        return layout.EVENTS_SPENT

    def _step(self, until_fs: int, kernel: Advance) -> int:
        """Step to a time or to the end of the stretch; return why the kernel stopped."""
        recording, next_at = self._recording, self._nic["clock"]["next_at"]
        assert recording is not None
        last_fs = min(until_fs, self._end_fs)
        if self._nic.clock.now_fs >= self._end_fs:  # time has gone on without events
            self._finish()
            return layout.EVENTS_SPENT
        while True:
            at_fs = int(next_at.min())
            status = kernel(last_fs, 1)
            if at_fs <= last_fs:
                recording.look(at_fs)
            if recording.is_full() or int(self._nic.clock.now_fs) >= self._end_fs:
                self._finish()
                return status
            if status != layout.EVENTS_SPENT:
                return status

    def _finish(self) -> None:
        """End the stretch here."""
        if self._recording is None or self._is_over:
            return
        self._is_over = True
        now_fs = min(int(self._nic.clock.now_fs), self._end_fs)
        if self._length_fs is not None and now_fs < self._end_fs and self._recording.is_full():
            shown_us = (now_fs - self._begin_fs) / FS_PER_US
            asked_us = self._length_fs / FS_PER_US
            self.left_out = f"a time line has room for {shown_us:.3f} us of the {asked_us:.3f} us asked for"
        self._recording.finish(now_fs)
        self._nic.ledger.journey_log.enabled = 0
        self._nic.ledger.journey_log.n = 0
        self._nic.pcie.runs_on = self._runs_on


class Recording:
    """Note what happens in each instant of a stretch that begins now."""

    def __init__(self, config: Config, nic: Any, end_fs: int) -> None:
        self._nic, self.timeline = nic, Timeline()
        self.facts: dict[str, Any] = {}
        self._start_fs = int(nic.clock.now_fs)
        names, timeline = FrameNames(config, nic), self.timeline
        self._tlps, self._reads = LinkTlps(nic, names, timeline), Reads(nic, names, timeline)
        self._servers, self._levels = Servers(nic, names, timeline), Levels(nic, names, timeline)
        self._cores = Cores(nic, names, timeline, end_fs)
        self._translations = Translations(nic, timeline)
        self._parts = FrameParts(names, timeline, self._start_fs)
        self._sums = _link_bytes(nic)
        self._n_instants = 0
        self.look(self._start_fs)

    def is_full(self) -> bool:
        """Tell whether there is enough for one file."""
        return self._tlps.n_tlps >= MOST_TLPS or self._n_instants >= MOST_INSTANTS

    def look(self, now_fs: int) -> None:
        """Note what has happened in this instant."""
        self._n_instants += 1
        started = list(self._tlps.look())
        self._reads.look(now_fs, started)
        self._translations.look(now_fs, started)
        self._servers.look(now_fs)
        self._cores.look(self._start_fs)
        self._levels.look(now_fs)
        log = self._nic.ledger.journey_log
        if log.n:
            self._parts.add(log.entry[: int(log.n)].copy(), now_fs, finished=True)
            log.n = 0

    def finish(self, now_fs: int) -> None:
        """Note what is under way at the end, and what the document says of itself."""
        self._parts.add(under_way(self._nic), now_fs, finished=False)
        self._reads.finish(now_fs)
        self._tlps.finish()
        self.facts = {
            "start_ns": self._start_fs // FS_PER_NS,
            "end_ns": now_fs // FS_PER_NS,
            "tlps": self._tlps.n_tlps,
            "frames": self._parts.n_frames,
            "link_bytes": {name: after - self._sums[name] for name, after in _link_bytes(self._nic).items()},
            "capacities": self._levels.capacities,
        }


def _link_bytes(nic: Any) -> dict[str, int]:
    return {name: int(nic[name]["n_bytes"].sum()) for name in ("up", "down")}
