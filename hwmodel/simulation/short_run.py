"""Short what-if runs after a run has ended: the throughput of changed configurations, over a shorter window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from hwmodel.config import servers_of
from hwmodel.errors import InputError, Interrupted, RunError
from hwmodel.processes.processors import usable_processors
from hwmodel.simulation.offered import workload_of
from hwmodel.simulation.span import Span

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.simulation.run import Run
    from hwmodel.workload import Workload

Item = TypeVar("Item")
Found = TypeVar("Found")

FRAMES = 10_000
MOST_WARMUP_FRAMES = 60_000  # by then buffers have filled; slower filling could not be seen by a short run anyway
SETTLES_WITHIN = 2  # an automatic warm-up ends when at most a third of it was not steady: half of it would have done
MOST_TIMES_WINDOW = 8  # times the run's own window, at most, if that holds few frames
MOST_SERVERS = 16  # of all runs at once: a server takes 3 MB, and 15 where very many send to each other


class ShortRuns:
    """Run configurations over a window as long as `run`, which has ended, took for FRAMES frames.

    `make` builds a run from a configuration and its workload. `are_settled`: whether the short runs' warm-up is long
    enough for buffers to be as full as in `run`.
    """

    def __init__(self, run: Run, make: Callable[[Config, Workload], Run]) -> None:
        assert run.start is not None and run.end is not None
        self._make, self._config, self._workload = make, run.config, run.workload
        self._progress, self._threads, self._stops = run.progress, run.threads, False
        window = Span(run.start, run.end)
        n_frames = max(1, window.frames)
        has_settled = run.config.run.warmup == "auto" and not run.unsteady
        settled_fs = run.start.now_fs // (SETTLES_WITHIN if has_settled else 1)
        most_fs = MOST_WARMUP_FRAMES * window.fs // n_frames
        self._warmup_fs, self.are_settled = min(settled_fs, most_fs), settled_fs <= most_fs
        self._window_fs = min(MOST_TIMES_WINDOW * window.fs, FRAMES * window.fs // n_frames)

    def __call__(self, config: Config, times: int) -> float | None:
        """Return a configuration's throughput in Gb/s, over `times` the usual window; None if it cannot be measured."""
        run = self.finished(config, times, has_intervals=False)
        return None if run is None else run.throughput_gbps()

    def each(self, measure: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
        """Call a function that makes short runs for each of several items, on several threads; return what it found."""
        n_threads = usable_processors() if self._threads is None else self._threads
        n_at_once = max(1, min(n_threads, MOST_SERVERS // len(servers_of(self._config))))
        pool = ThreadPoolExecutor(n_at_once)
        try:
            return list(pool.map(measure, items))
        finally:
            self._stops = True  # on Ctrl-C, those that are under way
            pool.shutdown(cancel_futures=True)
            self._stops = False

    def _go_on(self, _share: float, _text: str) -> None:
        """Raise Interrupted if the short runs are to end; a progress callback."""
        if self._stops:
            raise Interrupted

    def finished(self, config: Config, times: int = 1, *, has_intervals: bool = True) -> Run | None:
        """Return a finished run of a configuration, over `times` the usual window; None if it cannot be run."""
        length = {
            "warmup": self._warmup_fs, "duration_fs": max(1, times * self._window_fs), "frames": None, "precision": None
        }  # fmt: skip
        self._progress(1.0, "short runs")
        short = config.model_copy(update={"run": config.run.model_copy(update=length)})
        try:
            run = self._make(short, self._workload if self._is_loaded_alike(config) else workload_of(short))
            run.ends_with_batches, run.progress = True, self._go_on
            if not has_intervals:
                run.n_marks = 1
            for _ in run.pieces():
                pass
        except (InputError, RunError):
            return None  # for example, far more is offered than the model has room for
        return run

    def _is_loaded_alike(self, config: Config) -> bool:
        """Tell whether a configuration differs from the run's only in its `run` block, and so offers the same load."""
        return all(block is getattr(self._config, name) for name, block in config if name != "run")
