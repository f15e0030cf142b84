"""Sweeps as a machine with three simple limits would give them, without a simulation: all figures known by hand.

A frame of n bytes crosses a link of lanes * 5 GT/s * 0.8; the link takes n + 100 bytes for it, and the adapter takes
10 million frames a second. `pcie.up` limits where the link's time is longer, else `nic.pipeline`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hwmodel.report.sweep.result import SweepResult
from hwmodel.results.explored import DONE, FAILED, SweepAxis, SweepRow
from tests.sample_result import sample_config

OVERHEAD_BYTES, MOST_MPPS, GBPS_OF_LANE = 100, 10.0, 4.0
LANES, FRAME = "pcie.lanes", "workload.frame_bytes"


def figures_of(lanes: int = 4, frame_bytes: int = 512, more: float = 1.0) -> dict[str, Any]:
    """Return the figures of a run; `more` makes throughput and latency larger, as another seed may."""
    link_mpps = lanes * GBPS_OF_LANE * 1e3 / (8 * (frame_bytes + OVERHEAD_BYTES))
    mpps = min(link_mpps, MOST_MPPS) * more
    gbps, p50_ns = mpps * frame_bytes * 8 / 1e3, 2000.0 / lanes + frame_bytes
    return {
        "totals.gbps": gbps,
        "totals.mpps": mpps,
        "latency_ns.p50": p50_ns * more,
        "latency_ns.p99": 3 * p50_ns * more,
        "bottleneck.resource": "pcie.up" if link_mpps < MOST_MPPS else "nic.pipeline",
        "closed_form.gbps": gbps / more * 1.01,
        "closed_form.mpps": mpps / more * 1.01,
        "closed_form.unloaded_latency_ns": p50_ns / 2,
        "intervals.totals.gbps.low": gbps * 0.99,
        "intervals.totals.gbps.high": gbps * 1.02,
        "intervals.latency_ns.p99.low": 2.9 * p50_ns * more,
        "intervals.latency_ns.p99.high": 3.1 * p50_ns * more,
    }


def sample_sweep(
    axes: Mapping[str, Sequence[Any]] | None = None,
    n_seeds: int = 1,
    failures: Mapping[int, str] | None = None,
    name: str = "lanes.yaml",
) -> SweepResult:
    """Return a sweep over a grid; `failures` are errors by the number of the run.

    Axes that the machine does not know change nothing. The seeds 1, 2, 3 give 0 %, 2 %, 4 % more, and so on.
    """
    varied = {LANES: (1, 2, 4, 8)} if axes is None else axes
    rows = []
    for values in itertools.product(*varied.values()):
        point = dict(zip(varied, values, strict=True))
        for offset in range(n_seeds):
            number, error = len(rows), (failures or {}).get(len(rows), "")
            figures = figures_of(point.get(LANES, 4), point.get(FRAME, 512), 1 + 0.02 * offset)
            rows.append(
                SweepRow(
                    number=number,
                    config_hash=f"{number:016x}",
                    seed=1 + offset,
                    status=FAILED if error else DONE,
                    error=error,
                    axes=point,
                    figures={} if error else figures,
                )
            )
    return sweep_of(rows, varied, n_seeds, name)


def sweep_of(
    rows: Sequence[SweepRow], axes: Mapping[str, Sequence[Any]], n_seeds: int = 1, name: str = "lanes.yaml"
) -> SweepResult:
    """Return a sweep of these rows."""
    config = sample_config()
    return SweepResult(
        name=name,
        folder="out/lanes",
        sweep_hash="0123456789abcdef",
        model_version="0.1.0+3f9a5c21d07e",
        source={"base": "base.yaml", "grid": {key: list(values) for key, values in axes.items()}},
        base={"pcie": {"generation": 2}, "nic": {"vfs": 8}},
        config=config,
        axes=tuple(SweepAxis(key=key, values=tuple(values)) for key, values in axes.items()),
        n_seeds=n_seeds,
        rows=tuple(rows),
    )
