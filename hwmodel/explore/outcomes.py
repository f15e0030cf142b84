"""Simulate several configurations: one after another, or side by side in processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING

from hwmodel.errors import InputError, RunError
from hwmodel.results import Result
from hwmodel.simulation import entries_of, fill_cache, simulate

if TYPE_CHECKING:
    from hwmodel.config import Config

Outcome = Result | str  # a string says why a run failed


def outcomes_of(configs: Sequence[Config], jobs: int = 1) -> Iterator[tuple[int, Outcome]]:
    """Simulate each configuration; give (its position, its outcome) as they are done.

    `jobs`: processes that simulate at once; the outcomes do not depend on it, the order in which they come does.
    """
    return _one_by_one(configs) if jobs <= 1 or len(configs) < 2 else _side_by_side(configs, jobs)


def _outcome(config: Config) -> Outcome:
    """Simulate a configuration; return why, where it cannot be run."""
    try:
        return simulate(config)
    except (InputError, RunError) as error:
        return " ".join(str(error).split())


def _one_by_one(configs: Sequence[Config]) -> Iterator[tuple[int, Outcome]]:
    for number, config in enumerate(configs):
        yield number, _outcome(config)


def _side_by_side(configs: Sequence[Config], jobs: int) -> Iterator[tuple[int, Outcome]]:
    fill_cache(entries_of(configs[0]))  # once here, rather than in each process
    others = set(multiprocessing.active_children())
    # Spawned: the parent may have threads, such as a progress bar's, and a fork would inherit their locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(configs)), context, _leave_interrupts_to_the_parent)
    try:
        number_of = {pool.submit(_outcome, config): number for number, config in enumerate(configs)}
        for future in as_completed(number_of):
            yield number_of[future], future.result()
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()  # what is under way would be waited for
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
