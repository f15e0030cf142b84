"""Simulate several configurations: one after another, or side by side in processes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from hwmodel.errors import InputError, RunError
from hwmodel.processes import work_through
from hwmodel.results import Result
from hwmodel.simulation import entries_of, fill_cache, load_kernels
from hwmodel.simulation import simulate_on_one_core as simulate

if TYPE_CHECKING:
    from hwmodel.config import Config

Outcome = Result | str  # a string says why a run failed


def outcomes_of(configs: Sequence[Config], jobs: int = 1) -> Generator[tuple[int, Outcome], None, None]:
    """Simulate each configuration; give (its position, its outcome) as they are done.

    `jobs`: processes that simulate at once; the outcomes do not depend on it, the order in which they come does.
    """
    if jobs <= 1 or len(configs) <= 1:
        for number, config in enumerate(configs):
            yield number, _outcome(config)
        return
    entries = entries_of(configs[0])
    fill_cache(entries)  # once here, rather than in each process
    jobs = min(jobs, len(configs))
    with closing(work_through(_outcome, configs, jobs, prepare=partial(load_kernels, entries))) as finished:
        for one in finished:
            yield one.number, one.lost or one.value


def _outcome(config: Config) -> Outcome:
    """Simulate a configuration; return why, where it cannot be run."""
    try:
        return simulate(config)
    except (InputError, RunError) as error:
        return " ".join(str(error).split())
