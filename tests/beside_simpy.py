"""What tests of the engine beside the SimPy model have in common: seeds of drawn machines, faults that are planted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine_and_oracle import Both, Recorded, check_same_journeys, run_both, run_the_oracle


def drawn_seeds(quick: Collection[int], n_slow: int, n_nightly: int = 0) -> list[Any]:
    """Return the seeds of drawn machines: some for each run, more for a run of all tests, all for a night."""
    slow = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(n_slow) if seed not in quick]
    nightly = [pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(n_slow, n_nightly)]
    return [*quick, *slow, *nightly]


def run_machines(
    folder: Callable[[str], Path], machines: Mapping[str, tuple[Mapping[str, Any], Recorded]]
) -> dict[str, Both]:
    """Run machines with their loads, in both, each up to shortly before its last frame."""
    return {
        name: run_both(folder(name), {**changes, **until_the_last(load)}, load)
        for name, (changes, load) in machines.items()
    }


def until_the_last(load: Recorded) -> dict[str, str]:
    """Return the window of a load that ends shortly before its last frame."""
    return {"run.warmup": "20us", "run.duration": f"{load[-1][0] - 20_000}ns"}


def check_that_oracle_differs(both: Both, load: Recorded) -> None:
    """Run the SimPy model alone once more, in which a fault is planted: its journeys must be others now."""
    _, journeys = run_the_oracle(both.config, load, both.result)
    with pytest.raises(AssertionError):
        check_same_journeys(both._replace(oracle_journeys=journeys), at_least=0)
