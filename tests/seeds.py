"""Seeds of drawn machines as parameters of a test: a few in each run, more in a whole one, most of them at night."""

from __future__ import annotations

from typing import Any

import pytest


def seeds(n_quick: int, n_slow: int, n_nightly: int) -> list[Any]:
    """Return the seeds from 0 on: the first `n_quick` are for each run, those from `n_slow` on for the night."""
    marks = pytest.mark.slow, pytest.mark.nightly
    return [pytest.param(seed, marks=marks[: (seed >= n_quick) + (seed >= n_slow)]) for seed in range(n_nightly)]
