"""The counters of several servers and a bridge: copied as they are, and added up for many moments at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.adapter.adapter_state import ADAPTER_COUNTS
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import FUNCTION_COUNTS, LEDGER_COUNTS
from hwmodel.simulation.counts import (
    LATENCY_PLACES,
    OF_LEDGERS,
    SERVER_COUNTS,
    Counts,
    Ints,
    area_of,
    columns_of,
    counts_of,
    gauges_in,
)
from hwmodel.simulation.nic_state import Nic


class SystemCounts:
    """Copy the counters of several servers' ledgers and of a bridge's, as `Counts` does for one server.

    They are added up for many moments at once. With several servers, ledgers and occupancies are sums, and all other
    counters are 0; with a single server, those are the server's own.
    """

    def __init__(self, servers: Sequence[Nic], ledgers: Sequence[Any]) -> None:
        self._clock, self._counts = servers[0].clock, [each.counts for each in ledgers]
        self._ledgers = [np.frombuffer(each, np.int64) for each in self._counts]
        self._n_words = sum(len(each) for each in self._ledgers)
        self._adapters = [np.frombuffer(nic.counts, np.int64) for nic in servers]
        self._own = Counts(servers[0]) if len(servers) == 1 else None
        self.functions = ledgers[0]["function"] if self._own is not None else np.zeros(MAX_FUNCTIONS, FUNCTION_COUNTS)
        self.histograms = {name: [counts_of(each, name) for each in ledgers] for name in LATENCY_PLACES}
        self.histograms["mac.wait"] = self.histograms["mac.wait"][:1]  # only a single server's is ever read

    @property
    def now_fs(self) -> int:
        """Return the time that all servers have reached."""
        return int(self._clock["now_fs"])

    @property
    def delivered(self) -> int:
        """Return how many frames have been delivered."""
        return sum(int(each["delivered"]) for each in self._counts)

    def words(self) -> Ints:
        """Return the present counters as int64 words, for `records`."""
        return np.concatenate([*self._ledgers, *(self._adapters if self._own is None else [self._own.words()])])

    def records(self, now_fs: Ints, words: Sequence[Ints]) -> npt.NDArray[Any]:
        """Return an array of SERVER_COUNTS from the times and the words of some moments."""
        rows = np.stack(words)
        ledgers, rest = _records(rows[:, : self._n_words], LEDGER_COUNTS), rows[:, self._n_words :]
        found = np.zeros(len(rows), SERVER_COUNTS) if self._own is None else _records(rest, SERVER_COUNTS)[:, 0]
        found["ledger"] = added_up(ledgers)
        if self._own is None:
            adapters = _records(rest, ADAPTER_COUNTS)
            of_each = gauges_in({"adapter": adapters, "ledger": ledgers[:, : len(self._adapters)]})
            for name, gauge in gauges_in(found).items():
                gauge["area"] = [fsum(areas) for areas in area_of(of_each[name], now_fs[:, None]).tolist()]
                gauge["level"], gauge["highest"] = (of_each[name][each].sum(axis=-1) for each in ("level", "highest"))
                gauge["since_fs"] = now_fs
        return found

    def columns(self, words: Ints) -> dict[str, slice]:
        """Return, for each latency, the histogram columns that can be filled at the moment of these words."""
        ledgers = words[: self._n_words].view(LEDGER_COUNTS)
        found = {name: columns_of(ledgers[name]["n"].max(), *map(int, _extremes(ledgers[name]))) for name in OF_LEDGERS}
        return found | {"mac.wait": slice(0, 0) if self._own is None else self._own.columns(words)["mac.wait"]}


def _records(words: Ints, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """View rows of words as rows of records."""
    found: npt.NDArray[Any] = np.ascontiguousarray(words).view(dtype)
    return found


def added_up(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Add up ledgers' counters; `rows`: LEDGER_COUNTS with the ledgers along the last axis."""
    words = rows.view(np.int64).reshape(*rows.shape, -1).sum(axis=-2)
    found: npt.NDArray[Any] = words.view(LEDGER_COUNTS)[..., 0]
    for name in PART_FIELDS:
        found["part_sums"][name] = _in_order(rows["part_sums"][name])
    for name in OF_LEDGERS:
        into, latencies = found[name], rows[name]
        into["sum_fs"] = _in_order(latencies["sum_fs"])
        into["lowest_fs"], into["highest_fs"] = _extremes(latencies)
    return found


def _extremes(latencies: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """Return lowest and highest along the last axis, over latencies with samples; 0 if none has any."""
    has_some = latencies["n"] > 0
    lowest_fs = np.where(has_some, latencies["lowest_fs"], NEVER).min(axis=-1)
    return np.where(has_some.any(axis=-1), lowest_fs, 0), np.where(has_some, latencies["highest_fs"], 0).max(axis=-1)


def _in_order(of_ledgers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Add floats in order, so that rounding does not depend on how many moments are added up at once."""
    sums: npt.NDArray[np.float64] = np.add.accumulate(of_ledgers, axis=-1)
    return sums[..., -1]
