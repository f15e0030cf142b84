"""Step through a part of the run, one instant at a time, and record what happens in each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT
from hwmodel.simulation.trace.recording import Recording
from hwmodel.simulation.trace.stage import Advance, Stage
from hwmodel.simulation.trace.timeline import MOST_LANES, Timeline
from hwmodel.words import time_line as words

if TYPE_CHECKING:
    from hwmodel.results import Result


class Tracer:
    """Record what happens from `start_fs` of the window on, for `length_fs` or until one file is full.

    It is called between run and kernel, and single-steps the recorded part, which does not change the run. `left_out`
    says in words which part of the time asked for is not shown; None if all is.
    """

    def __init__(self, stage: Stage, start_fs: int = 0, length_fs: int | None = None) -> None:
        self._stage = stage
        self._start_fs, self._length_fs = start_fs, length_fs
        self._begin_fs = self._end_fs = NEVER
        self._runs_on = [int(nic.pcie[0].params.runs_on) for nic in stage.nics]
        self._recording: Recording | None = None
        self._is_over = False
        self.left_out: str | None = None

    def begin_window(self) -> None:
        """Let the window begin here."""
        self._begin_fs = self._stage.now_fs + self._start_fs
        if self._length_fs is not None:
            self._end_fs = self._begin_fs + self._length_fs

    def advance(self, until_fs: int, n_events: int, kernel: Advance) -> int:
        """Run the machine as the kernel would, recording the instants asked for; return the kernel's status."""
        if self._has_ended() or until_fs < self._begin_fs:
            return kernel(until_fs, n_events)
        if self._recording is None:
            if self._stage.now_fs < self._begin_fs and (status := kernel(self._begin_fs, n_events)) != DONE:
                return status
            if (status := self._begin(until_fs, kernel)) != EVENTS_SPENT:
                return status
        status = self._step(until_fs, kernel)
        return kernel(until_fs, n_events) if self._has_ended() and status in (EVENTS_SPENT, DONE) else status

    def to_json(self, result: Result | None = None) -> str:
        """End the recording, and return the time line as JSON for Perfetto and chrome://tracing.

        `result`: the run's, if the effects of its events are to be shown.
        """
        self._finish()
        if self._recording is None:
            self.left_out = words.NOT_BEGUN
            return Timeline().to_json({"ended_early": self.left_out})
        if result is not None and result.series is not None:
            self._recording.show_scenario(result.series, result.window.end_ns)
        return self._recording.timeline.to_json(self._recording.facts | {"ended_early": self.left_out})

    def remarks(self) -> Iterator[str]:
        """Yield sentences on what the document leaves out."""
        if self.left_out is not None:
            yield self.left_out
        n_slices = 0 if self._recording is None else self._recording.timeline.left_out.total()
        if n_slices:
            yield words.without_a_row(n_slices, MOST_LANES)

    def _has_ended(self) -> bool:
        return self._is_over

    def _begin(self, until_fs: int, kernel: Advance) -> int:
        """Begin to record, once the completions of reads that run as a single event have ended."""
        for nic in self._stage.nics:
            nic.pcie[0].params.runs_on = 0  # each completion an instant of its own; the result is the same
        while any(nic.pcie[0].down.boundary_fs < NEVER for nic in self._stage.nics):
            if (status := self._stage.step(until_fs, kernel)) != EVENTS_SPENT:
                return status
        self._log_journeys(is_wanted=True)
        self._recording = Recording(self._stage, self._end_fs)
        return EVENTS_SPENT

    def _step(self, until_fs: int, kernel: Advance) -> int:
        """Step to a time or to the end of the recording; return why the kernel stopped."""
        recording, stage = self._recording, self._stage
        assert recording is not None
        last_fs = min(until_fs, self._end_fs)
        if stage.now_fs >= self._end_fs:  # the time passed without events
            self._finish()
            return EVENTS_SPENT
        while True:
            at_fs = stage.next_fs()
            status = stage.step(last_fs, kernel)
            if at_fs <= last_fs:
                recording.look(at_fs)
            if recording.is_full() or stage.now_fs >= self._end_fs:
                self._finish()
                return status
            if status != EVENTS_SPENT:
                return status

    def _finish(self) -> None:
        """End the recording here, if it has begun and not ended."""
        if self._recording is None or self._is_over:
            return
        self._is_over = True
        now_fs = min(self._stage.now_fs, self._end_fs)
        if self._length_fs is not None and now_fs < self._end_fs:
            said = words.no_more_room if self._recording.is_full() else words.run_ended_first
            self.left_out = said(now_fs - self._begin_fs, self._length_fs)
        self._recording.finish(now_fs)
        self._log_journeys(is_wanted=False)
        for nic, runs_on in zip(self._stage.nics, self._runs_on, strict=True):
            nic.pcie[0].params.runs_on = runs_on

    def _log_journeys(self, *, is_wanted: bool) -> None:
        for ledger in self._stage.machine.ledgers():
            ledger.journey_log.enabled = int(is_wanted)
            ledger.journey_log.n = 0
