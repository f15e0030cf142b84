"""The sources of a workload, and of those behind changes of the load, as the SimPy model has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwmodel.config import Config
from hwmodel.simulation.run.commands import Change
from hwmodel.workload import Workload
from hwmodel.workload.traffic import AliasTable, Source
from tests.oracles.flow_queues import look, rss_hash
from tests.oracles.simpy_nic import Choice, SourceLoad, SourceParameters


def sources_of(
    config: Config, workload: Workload, changes: Sequence[Change], numbers: Mapping[str, int]
) -> list[SourceParameters]:
    """Translate sources; `numbers`: of stations by their names."""
    headers = {at: ((numbers[one.target],), one.header) for at, one in enumerate(workload.templates)}
    hashes, found = _hashes_of(config, headers), []
    for at, source in enumerate(workload.sources):
        loads = [(0, _load_of(source))]
        for change in changes:
            then = _load_of((change.workload or workload).sources[at])
            if then != loads[-1][1]:
                loads.append((change.at_fs, then))
        first, *others = (int(word) for word in np.random.SeedSequence([config.run.seed, 1 + at]).generate_state(4))
        tables = (_rows_of(source.target_table), _rows_of(source.size_table))
        found.append(SourceParameters(numbers[source.port], (first | 1, *others), *tables, headers, loads, hashes))
    return found


def _hashes_of(config: Config, headers: Mapping[int, tuple[tuple[int, ...], bytes]]) -> dict[int, int]:
    """Return which entry of the RSS table frames with each header name; without IP they go to the first queue."""
    rss = None if config.nic.steering is None else config.nic.steering.rss
    seen = {at: look(header) for at, (_, header) in headers.items()}
    if rss is None:
        return {}
    key = bytes.fromhex(rss.key_digits)
    return {at: rss_hash(key, one) % rss.entries for at, one in seen.items() if one.version is not None}


def _load_of(source: Source) -> SourceLoad:
    return SourceLoad(
        source.kind, source.mean_gap_fs, source.peak_gap_fs, source.mean_off_fs, source.mean_burst_frames,
        source.fixed_burst_frames, source.phase_fs,
    )  # fmt: skip


def _rows_of(table: AliasTable) -> list[Choice]:
    values = table.value.tolist()
    return [
        Choice(threshold, value, values[other])
        for threshold, value, other in zip(table.threshold.tolist(), values, table.alias.tolist(), strict=True)
    ]
