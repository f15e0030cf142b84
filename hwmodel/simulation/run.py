"""One run: warm up, measure a window, make the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.atomic_file import write_atomically
from hwmodel.errors import RunError
from hwmodel.kernels import engine, layout
from hwmodel.results import Result, check_balance
from hwmodel.simulation.deliveries import take_log
from hwmodel.simulation.kernel_cache import fill_cache, kernels_are_cached
from hwmodel.simulation.measurement import Snapshot, begin_window, take_snapshot
from hwmodel.simulation.nic_state import State, build_state
from hwmodel.simulation.outcome import describe_host_run, make_result
from hwmodel.simulation.trace import TracedTlp, trace_json, trace_tlps
from hwmodel.simulation.warmup import SLICE_FS, Warmup
from hwmodel.simulation.workload_state import FlowBook, fill_workload
from hwmodel.workload import Workload, build_workload
from hwmodel.workload.delivered import Deliveries, write_delivered

if TYPE_CHECKING:
    from hwmodel.config import Config

Progress = Callable[[float, str], None]

# So many events take some tenths of a second: between two calls Python sees Ctrl-C and moves the progress bar.
EVENTS_PER_CALL = 2_000_000


def simulate(
    config: Config, progress: Progress | None = None, pcap_path: str | None = None, trace_path: str | None = None
) -> Result:
    """Simulate a configuration and return what it measured.

    `progress` is called with the share done and a word on what is being done. With `pcap_path` all delivered frames of
    the run are written there; with `trace_path` the first TLPs of the window, as a time line for trace viewers. Raises
    InputError where a load or a rate is beyond what a run has room for, RunError where the run cannot be finished.
    """
    workload = build_workload(config, ceiling_frames_per_s(config))
    started_s = time.perf_counter()
    was_cached = kernels_are_cached()
    fill_cache()
    compile_s = 0.0 if was_cached else time.perf_counter() - started_s
    has_trace = trace_path is not None
    run = Run(config, workload, progress or (lambda _share, _text: None), has_trace=has_trace, compile_s=compile_s)
    if pcap_path is None:
        for _ in run.pieces():
            pass
    else:
        run.state[0].log.enabled = 1
        edits, templates = run.book.edits, workload.templates
        write_delivered(pcap_path, run.pieces(), templates, edits, replayed=workload.pcap)
    if trace_path is not None:
        write_atomically(trace_path, trace_json(run.tlps, config))
    return run.result()


class Run:
    """Hold one run: its state, its names, its window.

    `has_trace`: note the window's first TLPs in `tlps`. `compile_s`: what it took to have the kernels, for the record.
    """

    def __init__(
        self,
        config: Config,
        workload: Workload,
        progress: Progress,
        *,
        has_trace: bool = False,
        compile_s: float = 0.0,
    ) -> None:
        self.config = config
        self.is_replay = len(workload.records) > 0
        self.progress = progress
        self.state: State = build_state(config, config.run.seed)
        self.book: FlowBook = fill_workload(self.state[0], config, workload, config.run.seed)
        self.has_trace = has_trace
        self.compile_s = compile_s
        self.tlps: list[TracedTlp] = []
        self.wall_s = 0.0
        self.start: Snapshot | None = None
        self.end: Snapshot | None = None

    def pieces(self) -> Iterator[Deliveries]:
        """Run to the end; give the deliveries as they come, if the log is enabled."""
        self.load_kernels()
        nic = self.state[0]
        settings = self.config.run
        is_automatic = settings.warmup == "auto"
        if not (is_automatic and self.is_replay):  # else a capture is measured from its first frame on
            warmup = Warmup(self.config, nic)
            while not warmup.is_over():
                yield from self.advance(*warmup.next_target(), share=0.0, what="warm-up")
                warmup.look()
        # Frames become visible by the batch, of all VMs at nearly the same time. With both ends of the window right
        # behind a delivery of the same flow it holds whole batches, and its rate does not hang on where it cuts them.
        ends_with_batches = is_automatic and not self.is_replay
        flow = self.busiest_flow()
        if ends_with_batches:
            yield from self.to_next_delivery(flow, SLICE_FS)
        begin_window(nic, self.book)
        self.start = take_snapshot(nic, self.book)
        frames = layout.NEVER if settings.frames is None else int(nic.counters.delivered) + settings.frames
        until_fs = int(nic.now_fs) + settings.duration_fs
        if self.has_trace:
            nic.delivered_target = frames
            self.tlps = trace_tlps(nic, lambda: self.call(until_fs, 1))
        yield from self.advance(until_fs, frames, share=1.0, what="measuring")
        if ends_with_batches:
            yield from self.to_next_delivery(flow, (int(nic.now_fs) - self.start.now_fs) // 50)
        self.end = take_snapshot(nic, self.book)

    def busiest_flow(self) -> Any:
        """Return the record of the flow that has delivered most, the first at a tie."""
        nic = self.state[0]
        return nic.flow[int(nic["flow"]["delivered"][: max(1, len(self.book.flows))].argmax())]

    def to_next_delivery(self, flow: Any, limit_fs: int) -> Iterator[Deliveries]:
        """Go on to the next delivery of a flow, at most for `limit_fs`."""
        nic = self.state[0]
        flow.stop_at = int(flow.delivered) + 1
        yield from self.advance(int(nic.now_fs) + limit_fs, layout.NEVER, share=1.0, what="measuring")
        flow.stop_at = layout.NEVER

    def load_kernels(self) -> None:
        """Load the kernels, so that the clock of the run does not count it."""
        self.call(0, 0)
        self.wall_s = 0.0

    def call(self, until_fs: int, n_events: int) -> int:
        """Let the kernel run; return why it stopped."""
        started_s = time.perf_counter()
        status = int(engine.run(self.state, until_fs, n_events))
        self.wall_s += time.perf_counter() - started_s
        if status == layout.OVERFLOW:
            raise RunError(
                f"a queue inside the model overflowed at {int(self.state[0].now_fs) / 1e6:.0f} ns: "
                "far more is offered than can ever be carried; lower the load or shorten the rings"
            )
        return status

    def advance(self, until_fs: int, delivered: int, share: float, what: str) -> Iterator[Deliveries]:
        """Run until a time or a number of delivered frames, whichever comes first; give the deliveries."""
        nic = self.state[0]
        nic.delivered_target = delivered
        started = (int(nic.now_fs), int(nic.counters.delivered))
        while True:
            status = self.call(until_fs, EVENTS_PER_CALL)
            if nic.log.n:
                yield take_log(nic, self.book)
            self.progress(share * _part_done(nic, started, until_fs, delivered), what)
            if status == layout.IDLE and until_fs < layout.NEVER and not self.is_replay:
                nic.now_fs = until_fs  # nothing happens any more, but time goes on
            if status not in (layout.EVENTS_SPENT, layout.LOG_FULL):
                return

    def result(self) -> Result:
        """Make the result; RunError if a frame or a copy is unaccounted for."""
        assert self.start is not None and self.end is not None
        result = make_result(self.config, self.book, self.start, self.end, describe_host_run(self))
        violations = check_balance(result)
        if violations:
            raise RunError("frames are unaccounted for: " + "; ".join(violations))
        return result


def _part_done(nic: Any, started: tuple[int, int], until_fs: int, delivered: int) -> float:
    """Return the share of the way to the nearer of the two goals."""
    parts = [0.0]
    for goal, now, first in (
        (until_fs, int(nic.now_fs), started[0]),
        (delivered, int(nic.counters.delivered), started[1]),
    ):
        if goal < layout.NEVER and goal > first:
            parts.append((now - first) / (goal - first))
    return min(1.0, max(parts))
