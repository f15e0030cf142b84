"""What several ledgers count, added up in another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.machine.counts.flow_state import add_flows
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.simulation.counts import OF_LEDGERS, Ints

COUNTED_BY_FLOW = ("offered", "delivered", "dropped", "n_bytes", "latency")
N_SUMS = 2  # words of a bucket's record of latencies, before its counts, which are added up two in a word


class LedgerSums:
    """Add up ledgers, and what a bridge's boxes count, in another ledger.

    `into`: an array of one ledger. `flows`: of each of the others the numbers of its flows in that one, none twice.
    """

    def __init__(
        self,
        into: npt.NDArray[Any],
        ledgers: Sequence[Any],
        flows: Sequence[Ints],
        n_flows: int,
        boxes: npt.NDArray[Any],
    ) -> None:
        self._into, self._words_into = into[0], into["counts"].view(np.int64)
        self._ledgers, self._words = ledgers, [np.frombuffer(each.counts, np.int64) for each in ledgers]
        self._boxes = boxes["counts"]
        self._flows_into = self._into["flow"][:n_flows]
        self._flows = [(numbers, each["flow"][: len(numbers)]) for numbers, each in zip(flows, ledgers, strict=True)]

    def add_up(self) -> None:
        """Write sums and extremes; of latencies by bucket the counts alone."""
        counts, boxes = self._into.counts, self._boxes
        self._words_into[:] = sum(self._words)
        parts = counts.part_sums
        for name in PART_FIELDS:
            parts[name] = sum(float(each.counts.part_sums[name]) for each in self._ledgers)
        counts.dropped += boxes["dropped"].sum()
        counts.replicated += boxes["replicated"].sum()
        counts.drops += boxes["drops"].sum(axis=0)
        for name in OF_LEDGERS:
            _merge(counts[name], [each.counts[name] for each in self._ledgers])
        self._add_flows()
        self._add_buckets(slice(N_SUMS, None), np.int64)

    def add_up_sums_by_bucket(self) -> None:
        """Write the sums of latencies by bucket."""
        self._add_buckets(slice(N_SUMS), np.float64)

    def _add_flows(self) -> None:
        into = self._flows_into
        for name in COUNTED_BY_FLOW:
            into[name] = np.zeros((), into.dtype[name])
        for numbers, own in self._flows:
            add_flows(into, numbers, own)

    def _add_buckets(self, words: slice, kind: type) -> None:
        into = _by_bucket(self._into, kind)[:, words]
        into[:] = 0
        for each in self._ledgers:
            into += _by_bucket(each, kind)[:, words]


def _by_bucket(ledger: Any, kind: type) -> npt.NDArray[Any]:
    """Return a ledger's latencies by bucket, a row of words each, in place."""
    buckets = ledger["latency_counts"]
    return buckets.view(kind).reshape(len(buckets), -1)  # type: ignore[no-any-return]


def _merge(into: Any, latencies: Sequence[Any]) -> None:
    """Write what several latencies are together: counts and sums added up, extremes of those that have samples."""
    some = [one for one in latencies if one.n > 0]
    into.n = sum(int(one.n) for one in some)
    into.sum_fs = sum(float(one.sum_fs) for one in latencies)
    into.lowest_fs = min((int(one.lowest_fs) for one in some), default=0)
    into.highest_fs = max((int(one.highest_fs) for one in some), default=0)
