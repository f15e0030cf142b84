"""A stand-in for the simulation: results whose figures a test makes up from the configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hwmodel.config import Config
from hwmodel.results import Result
from tests.sample_result import sample_result

# What the closed form leaves open: a load of next to nothing, so that no ceiling is met.
QUIET = {"nic": {"preset": None, "vfs": 2}, "workload": {"load": "10Mbps"}, "run": {"duration": "1ms"}}


class PlantedMachine:
    """Give `figures(config)`: gbps, mpps, latencies in ns, `loss`; a text is a failure. Counts the runs.

    `intervals`: those of a result, by the names that it has for figures; none unless said.
    """

    def __init__(self, figures: Callable[[Config], dict[str, Any] | str]) -> None:
        self._figures = figures
        self._sample = sample_result(intervals={})
        self.configs: list[Config] = []

    def __call__(self, configs: Sequence[Config], jobs: int) -> Iterator[tuple[int, Result | str]]:
        for number, config in enumerate(configs):
            self.configs.append(config)
            figures = self._figures(config)
            yield number, figures if isinstance(figures, str) else self._result(figures)

    def _result(self, figures: dict[str, Any]) -> Result:
        totals, latency = self._sample.totals, self._sample.latency_ns
        rates = {name: figures[name] for name in ("gbps", "mpps") if name in figures}
        times = {name: figures[name] for name in ("mean", "p50", "p99", "p999", "max") if name in figures}
        n_lost = round(figures.get("loss", 0) * totals.offered_frames)
        return dataclasses.replace(
            self._sample,
            intervals=figures.get("intervals", {}),
            totals=dataclasses.replace(totals, dropped_frames=n_lost, copies_dropped=0, **rates),
            latency_ns=dataclasses.replace(latency, **times),
        )
