"""Run a sweep: plan it, open its ledger, run what is missing, write the tables."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hwmodel.config.overrides import Overrides
from hwmodel.errors import InputError, Interrupted
from hwmodel.explore.side_by_side import Progress
from hwmodel.explore.study.axes import total_cost
from hwmodel.explore.sweep.ledger import Ledger, Outcome, locked_folder
from hwmodel.explore.sweep.plan import Plan, plan_sweep
from hwmodel.explore.sweep.point_run import PointRun, Task, outcomes_on_dask
from hwmodel.explore.sweep.tables import Note, load_sweep, write_tables
from hwmodel.processes import check_jobs, work_through
from hwmodel.processes.processors import usable_processors
from hwmodel.report.sweep.result import SweepResult
from hwmodel.results.explored import CSV_NAME, LEDGER_NAME, PENDING
from hwmodel.simulation import announce_compilation, entries_of, fill_cache, load_kernels
from hwmodel.version import model_version

_TIMED_AFTER_S, _TIMED_RUNS = 2.0, 4  # what has to be seen before the time to go is estimated


@dataclass(frozen=True)
class SweepDone:
    """Hold how a sweep ended: the ledger's counts, the files written, the runs made and the time taken."""

    plan: Plan
    folder: Path
    counts: Mapping[str, int]
    files: tuple[Path, ...]
    n_run: int
    wall_s: float


def run_sweep(
    source: str | os.PathLike[str] | Mapping[str, Any] | Plan,
    out: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    overrides: Overrides | None = None,
    retry_failed: bool = False,
    any_number: bool = False,
    progress: Progress | None = None,
    note: Note | None = None,
) -> SweepDone:
    """Run what is missing of a sweep in the folder `out`, and write its tables there.

    A `Plan` already includes its overrides. Raises InputError for an invalid sweep or a folder of something else;
    RunError if the ledger cannot be written; Interrupted on Ctrl-C, after writing finished runs to the tables.
    """
    if jobs is not None:
        check_jobs(jobs)
    say = note or (lambda _line: None)
    plan = source if isinstance(source, Plan) else plan_sweep(source, overrides, any_number=any_number)
    folder = Path(out)
    with locked_folder(folder), _opened(plan, folder, say) as ledger:
        if retry_failed:
            ledger.forget_failures()
        pending = ledger.pending()
        say(_announcement(plan, len(pending)))
        if pending and plan.doubtful:
            more = f", and {len(plan.doubtful) - 1} more like this" if len(plan.doubtful) > 1 else ""
            say(f"some runs will fail: {plan.doubtful[0]}{more}")
        started_s = time.monotonic()
        try:
            if pending:
                entries = entries_of(plan.config)
                announce_compilation(entries, say)
                fill_cache(entries)
                with closing(_outcomes(plan, pending, jobs, scheduler)) as outcomes:
                    _record_all(ledger, outcomes, len(pending), progress, say)
        except KeyboardInterrupt:
            ledger.check_in_place()
            write_tables(ledger, folder, say)
            raise Interrupted(said=_kept(plan, ledger, folder)) from None
        wall_s = time.monotonic() - started_s
        ledger.check_in_place()
        return SweepDone(plan, folder, ledger.count(), write_tables(ledger, folder, say), len(pending), wall_s)


def _kept(plan: Plan, ledger: Ledger, folder: Path) -> str:
    n_finished = len(plan.points) - ledger.count()[PENDING]
    kept = f"{n_finished:,} of {len(plan.points):,} runs are finished and kept in {folder}"
    return f"{kept}; the same command makes the rest"


def _opened(plan: Plan, folder: Path, say: Note) -> Ledger:
    """Return the sweep's ledger, new or resumed, with a row for each run."""
    version = model_version()
    if (folder / CSV_NAME).exists() and not (folder / LEDGER_NAME).exists():
        raise InputError(f"{folder}: --out: holds a {CSV_NAME} of something else; name another folder")
    ledger = Ledger(folder / LEDGER_NAME, version)
    try:
        if ledger.is_new():
            ledger.create(_about(plan))
        ledger.check()
        about = ledger.about()
        if about.get("sweep_hash") != plan.sweep_hash:
            name = about.get("name")
            raise InputError(f"{folder}: --out: holds the results of another sweep ({name}); name another folder")
        ledger.prepare_to_write()
        ledger.tell(_about(plan))
        n_points = sum(ledger.count().values())
        if n_points < len(plan.points):
            ledger.add_points(_rows(plan))
            for other, n_done in ledger.other_versions().items():
                say(f"{folder}: {n_done:,} runs of another model ({other}) stay in the ledger; all are made again")
    except BaseException:
        ledger.__exit__()
        raise
    return ledger


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "sweep_hash": plan.sweep_hash,
        "name": plan.sweep.study.name,
        "source": plan.sweep.study.data,
        "base": plan.base.data,
        "config": plan.config.resolved(),
        "axes": [[axis.key, list(axis.values)] for axis in plan.sweep.axes],
        "costs": list(_costs(plan)),
        "n_seeds": plan.sweep.n_seeds,
    }


def _costs(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield, for each group of axes with costs, the cost of each set of values."""
    for group in plan.sweep.groups:
        known = [axis.costs for axis in group if axis.costs is not None]
        if known:
            yield {
                "axes": [axis.key for axis in group],
                "values": [list(values) for values in zip(*(axis.values for axis in group), strict=True)],
                "costs": [total_cost(costs) for costs in zip(*known, strict=True)],
            }


def _rows(plan: Plan) -> Iterator[tuple[int, int, str]]:
    for number in range(len(plan.points)):
        axes = json.dumps(plan.points.values(number), separators=(",", ":"), ensure_ascii=False)
        yield number, plan.seed_of(number), axes


def _announcement(plan: Plan, n_pending: int) -> str:
    n_all = len(plan.points)
    by_axis = [f"{len(axis.values)} {axis.key}" for axis in plan.sweep.axes]
    seeds = [f"{plan.sweep.n_seeds} seeds"] if plan.sweep.n_seeds > 1 else []
    text = f"{plan.sweep.study.name}: {n_all:,} run{'s' * (n_all > 1)} ({', '.join([*by_axis, *seeds])})"
    return text if n_pending == n_all else f"{text}, {n_all - n_pending:,} of them finished already"


def _outcomes(
    plan: Plan, numbers: list[int], jobs: int | None, scheduler: str | None
) -> Generator[Outcome, None, None]:
    work = PointRun(plan.base)
    tasks = (Task(number, plan.changes_of(number)) for number in numbers)
    if scheduler is not None:
        yield from outcomes_on_dask(work, tasks, scheduler)
        return
    if jobs == 1:
        yield from map(work, tasks)
        return
    n_jobs = min(jobs or usable_processors(), len(numbers))
    prepare = partial(load_kernels, entries_of(plan.config))
    with closing(work_through(work, tasks, n_jobs, prepare=prepare)) as finished:
        for one in finished:
            yield Outcome(numbers[one.number], "", one.lost, "") if one.lost else one.value


def _record_all(ledger: Ledger, outcomes: Iterable[Outcome], n_all: int, progress: Progress | None, say: Note) -> None:
    started_s, is_timed = time.monotonic(), False
    for n_done, outcome in enumerate(outcomes, start=1):
        ledger.record([outcome])
        taken_s = time.monotonic() - started_s
        if not is_timed and n_done >= _TIMED_RUNS and taken_s >= _TIMED_AFTER_S and n_done < n_all:
            is_timed = True
            say(f"about {duration_text(taken_s / n_done * (n_all - n_done))} to go")
        if progress is not None:
            progress(n_done / n_all, f"run {n_done:,} of {n_all:,}")


def duration_text(duration_s: float) -> str:
    """Write a rough duration as people say it."""
    if duration_s < 90:
        return f"{max(1, round(duration_s))} s"
    if duration_s < 5400:
        return f"{round(duration_s / 60)} min"
    return f"{duration_s / 3600:.1f} h"


# ---- From Python ----


def sweep(
    source: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str] | None = None,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    overrides: Overrides | None = None,
    retry_failed: bool = False,
    any_number: bool = False,
    progress: Progress | None = None,
) -> SweepResult:
    """Run a sweep, given as a file or as a mapping with a file's content; return the results of all points.

    `out`: the folder of its ledger, from which a stopped sweep resumes; without it nothing is kept. `jobs`: processes,
    one for each core by default; `scheduler`: the address of a Dask scheduler to use instead. `overrides`, as for
    `load_config`, change the base. `retry_failed`: run failed points again. `any_number`: allow more than 100,000 runs.
    A failed run is a row with its error. Raises InputError for an invalid sweep or a folder of something else, RunError
    if the ledger cannot be written, Interrupted on Ctrl-C; finished runs are kept in `out`.
    """
    with nullcontext(out) if out is not None else tempfile.TemporaryDirectory(prefix="hwmodel-sweep-") as folder:
        done = run_sweep(
            source,
            folder,
            jobs=jobs,
            scheduler=scheduler,
            overrides=overrides,
            retry_failed=retry_failed,
            any_number=any_number,
            progress=progress,
        )
        return load_sweep(done.folder)
