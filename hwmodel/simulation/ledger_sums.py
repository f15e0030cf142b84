"""What several ledgers count, added up in another one: words of memory at once, since there are looks all the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER, offset_of
from hwmodel.forwarding.drop_reason import MAX_REASONS
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import FLOW, LATENCY, LATENCY_COUNTS, LEDGER
from hwmodel.machine.network.bridge_state import BOX
from hwmodel.simulation.measurement import COUNTER_NAMES, OF_LEDGERS
from hwmodel.simulation.probe import WORD_BYTES, Ints, words_of

_DROPS = tuple(f"drops.{reason}" for reason in range(MAX_REASONS))
_OF_BOXES = ("dropped", "replicated", *_DROPS)
_MIRRORED = tuple(f"mirrored_{name}" for name in _DROPS)
_COUNTERS = (*_OF_BOXES, *(name for name in COUNTER_NAMES if name not in _OF_BOXES), *_MIRRORED)
COUNTED = words_of(LEDGER, *(f"counters.{name}" for name in _COUNTERS))
OF_BOX = words_of(BOX, *_OF_BOXES)
PARTS = words_of(LEDGER, *(f"part_sums.{name}" for name in PART_FIELDS))
_LATENCY = LATENCY.names or ()
LATENCIES = np.array([words_of(LEDGER, *(f"{name}.{each}" for each in _LATENCY)) for name in OF_LEDGERS])
N, LOWEST, HIGHEST, SUM = (int(words_of(LATENCY, name)[0]) for name in ("n", "lowest_fs", "highest_fs", "sum_fs"))
OF_FLOW = words_of(FLOW, "offered", "delivered", "dropped", "n_bytes")
LATENCY_OF_FLOW = offset_of(FLOW, "latency") // WORD_BYTES
# Of a bucket's record, which begins with sums: four counts, of half a word each, are added up in pairs.
N_SUMS = offset_of(LATENCY_COUNTS, "n_delivery") // WORD_BYTES


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
        self._into, self._words = into.view(np.int64), [np.frombuffer(each, np.int64) for each in ledgers]
        self._boxes = _rows_of_words(boxes)
        self._flows = flows
        self._flows_into = _rows(self._into, "flow", FLOW)[:n_flows]
        self._own_flows = [
            _rows(words, "flow", FLOW)[: len(own)] for words, own in zip(self._words, flows, strict=True)
        ]
        # Latencies of flows, and behind them those of whole ledgers.
        self._places = [np.concatenate((own, n_flows + np.arange(len(LATENCIES)))) for own in flows]
        buckets = (_rows(words, "latency_counts", LATENCY_COUNTS).T for words in (self._into, *self._words))
        self._columns_into, *self._columns = buckets

    def add_up(self) -> None:
        """Write sums and extremes; of latencies by bucket the counts alone."""
        into, n_flows = self._into, len(self._flows_into)
        counted = _sum([words.take(COUNTED) for words in self._words])
        counted[: len(OF_BOX)] += self._boxes[:, OF_BOX].sum(axis=0)
        into[COUNTED] = counted
        into[PARTS] = _sum([words.take(PARTS).view(np.float64) for words in self._words]).view(np.int64)
        flows = np.zeros((n_flows, len(OF_FLOW)), np.int64)
        latencies = []
        for words, numbers, own in zip(self._words, self._flows, self._own_flows, strict=True):
            flows[numbers] += own[:, OF_FLOW]
            latencies.append(
                np.concatenate((own[:, LATENCY_OF_FLOW : LATENCY_OF_FLOW + len(_LATENCY)], words.take(LATENCIES)))
            )
        self._flows_into[:, OF_FLOW] = flows
        together = _together(latencies, self._places, n_flows + len(LATENCIES))
        self._flows_into[:, LATENCY_OF_FLOW : LATENCY_OF_FLOW + len(_LATENCY)] = together[:n_flows]
        into[LATENCIES] = together[n_flows:]
        self._add_columns(slice(N_SUMS, None), np.int64)

    def add_up_sums_by_bucket(self) -> None:
        """Write the sums of latencies by bucket."""
        self._add_columns(slice(N_SUMS), np.float64)

    def _add_columns(self, words: slice, kind: type) -> None:
        """Add up some words of all buckets, one after another: so that a step of the sum is long."""
        for into, *of_each in zip(*(columns[words] for columns in (self._columns_into, *self._columns)), strict=True):
            _sum([column.view(kind) for column in of_each], out=into.view(kind))


def _rows_of_words(records: npt.NDArray[Any]) -> Ints:
    """Return records as rows of words, in place."""
    n_words = records.dtype.itemsize // WORD_BYTES
    return np.ndarray((len(records), n_words), np.int64, records, strides=(records.strides[0], WORD_BYTES))


def _rows(words: Ints, array: str, kind: Any) -> Ints:
    """Return an array of a ledger's records as rows of words."""
    n_words, first = kind.itemsize // WORD_BYTES, offset_of(LEDGER, array) // WORD_BYTES
    n_rows = LEDGER[array].shape[0]
    return words[first : first + n_rows * n_words].reshape(n_rows, n_words)


def _sum(parts: Sequence[Any], out: Any = None) -> Any:
    """Add arrays up in their order, which floats tell apart; the first is changed where there is no `out`."""
    first, *others = parts
    if out is None:
        out = first
    else:
        out[:] = first
    for part in others:
        out += part
    return out


def _together(parts: Sequence[Ints], places: Sequence[Ints], n: int) -> Ints:
    """Return latencies of several ledgers together: counts and sums added up, extremes of those that have samples.

    `parts`: of each ledger a row of words for each of its latencies; `places`: where these are among all `n`.
    """
    counts, highest, sums = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    lowest = np.full(n, NEVER)
    for part, at in zip(parts, places, strict=True):
        own = part[:, N]
        has_some = own > 0
        counts[at] += own
        sums[at] += part.view(np.float64)[:, SUM]
        lowest[at] = np.minimum(lowest[at], np.where(has_some, part[:, LOWEST], NEVER))
        highest[at] = np.maximum(highest[at], np.where(has_some, part[:, HIGHEST], 0))
    lowest[counts == 0] = 0
    found = np.empty((n, len(_LATENCY)), np.int64)
    found[:, N], found[:, LOWEST], found[:, HIGHEST], found[:, SUM] = counts, lowest, highest, sums.view(np.int64)
    return found
