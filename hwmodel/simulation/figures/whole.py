"""Present all servers and the stations outside as one, with measurements added up.

Their counters are copied as they are, and added up for many moments at once; ledgers are added up in another ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from math import fsum, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import give, zeros
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.adapter_state import ADAPTER_COUNTS
from hwmodel.machine.counts.flow_state import MAX_HISTOGRAMS, add_flows
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import (
    FIRST_FLOW_HISTOGRAM,
    FLOW,
    LEDGER,
    LEDGER_COUNTS,
    WIRE_WAIT_HISTOGRAM,
)
from hwmodel.simulation.figures.counts import (
    GAUGES,
    OF_LEDGERS,
    SERVER_COUNTS,
    Counts,
    Histogram,
    Ints,
    area_of,
    columns_of,
    counts_of,
    gauges_in,
)
from hwmodel.simulation.figures.measurement import Snapshot, flow_sums, settle, take_snapshot
from hwmodel.simulation.fill.flow_book import FlowBook, FlowNumbers
from hwmodel.simulation.fill.nic_state import Nic
from hwmodel.simulation.fill.workload_state import histogram_rows


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
        self._first = ledgers[0]
        self._histograms = {name: [counts_of(each, name) for each in ledgers] for name in OF_LEDGERS}

    @property
    def now_fs(self) -> int:
        """Return the time that all servers have reached."""
        return int(self._clock["now_fs"])

    @property
    def delivered(self) -> int:
        """Return how many frames have been delivered."""
        return sum(int(each["delivered"]) for each in self._counts)

    def histograms(self, name: str) -> list[Histogram]:
        """Return the histograms of a latency to add up; waits for the wire are read of a single server only."""
        return self._histograms.get(name) or [counts_of(self._first, name)]

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
        found["part_sums"][name]["sum_fs"] = _in_order(rows["part_sums"][name]["sum_fs"])
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


class Whole:
    """Show a machine's servers and the stations outside as one: ledgers are added up.

    `counts`: copies their counters. `nic`: the state of the only server, None with several. `capacities`: of each
    buffer, those of all servers together.
    """

    def __init__(self, servers: Sequence[Nic], bridge: Any, book: FlowBook) -> None:
        self.nic = servers[0] if len(servers) == 1 else None
        self.capacities = capacities_of(servers)
        self._servers, self._book = servers, book
        self._ledgers = [nic.ledger for nic in servers]
        self.counts: Counts | SystemCounts
        if bridge is None:
            self.counts = Counts(servers[0])
            return
        self._ledgers.append(bridge.ledger)
        self.counts = SystemCounts(servers, self._ledgers)
        self._boxes = bridge["box"][: int(bridge.params.n_boxes)]["counts"]
        together = zeros(1, LEDGER)
        self._together = together[0]
        self._of_flows = LedgerSums(together, self._ledgers, book.numbers)

    def snapshot(self) -> Snapshot:
        """Copy all sums; flows are those that are numbered."""
        if isinstance(self.counts, Counts):
            return take_snapshot(self._servers[0], self._book)
        now_fs, sums = self.counts.now_fs, self._flow_sums()
        (counts,) = self.counts.records(np.array([now_fs]), [self.counts.words()])
        ledger, boxes = counts["ledger"], self._boxes
        ledger["dropped"] += boxes["dropped"].sum()
        ledger["replicated"] += boxes["replicated"].sum()
        ledger["drops"] += boxes["drops"].sum(axis=0)
        if self.nic is None:
            n_events = sum(int(nic.clock.n_events) for nic in self._servers)
            return Snapshot(now_fs=now_fs, n_events=n_events, counts=counts, **sums)
        settle(self.nic, counts, now_fs)
        return take_snapshot(self.nic, self._book, with_flows=False).replaced(counts=counts, **sums)

    def _flow_sums(self) -> dict[str, Any]:
        """Add up what ledgers have by flow and by bucket of latency."""
        flows = self._of_flows.add_up()
        _add_sampled_parts(self._together, self._ledgers)
        if self.nic is not None:
            self._together["histogram"][WIRE_WAIT_HISTOGRAM] = self.nic.ledger["histogram"][WIRE_WAIT_HISTOGRAM]
        return {**flow_sums(self._together, len(flows), with_flows=False), "flows": flows}


def capacities_of(servers: Sequence[Nic]) -> dict[str, float]:
    """Return each buffer's capacity, by name; rings are those of all functions together, as in their gauges."""
    return {
        name: float(sum(prod(int(nic.params[each]) for each in gauge.capacity) for nic in servers))
        for name, gauge in GAUGES.items()
    }


def _add_sampled_parts(into: Any, ledgers: Sequence[Any]) -> None:
    """Add up the parts of sampled journeys, weighted by how many journeys each ledger's samples represent."""
    whole = into["sampled_parts"]
    for part in PART_FIELDS:
        whole["sums"][part] = 0.0
    for each in ledgers:
        rows = np.flatnonzero(each["sampled_parts"]["n"])
        sampled = each["sampled_parts"][rows]
        each_stands_for = each["latency_counts"]["n_to_guest"][rows] / sampled["n"]
        for part in PART_FIELDS:
            whole["sums"][part][rows] += sampled["sums"][part] * each_stands_for


N_SUMS = 2  # words of sums in a bucket's record; its 32-bit counts follow, and are added two at a time as one word


class LedgerSums:
    """Add up several ledgers' counters of flows, and of latencies by bucket, in another ledger.

    `into`: an array of one ledger. `flows`: the numbers of the other ledgers' flows in that one.
    """

    def __init__(self, into: npt.NDArray[Any], ledgers: Sequence[Any], flows: FlowNumbers) -> None:
        self._buckets, self._buckets_into = [_by_bucket(each) for each in ledgers], _by_bucket(into[0])
        self._into, self._ledgers, self._flows = into[0], ledgers, flows
        self._rows = histogram_rows(flows.flows)

    def add_up(self) -> npt.NDArray[Any]:
        """Write the sums of latencies into the other ledger; return those of flows, a record of FLOW for each."""
        self._buckets_into[:, :N_SUMS].view(np.float64)[:] = sum(
            each[:, :N_SUMS].view(np.float64) for each in self._buckets
        )
        self._buckets_into[:, N_SUMS:] = sum(each[:, N_SUMS:] for each in self._buckets)
        flows = np.zeros(len(self._flows.flows), FLOW)
        flows["histogram"] = self._rows_of(len(flows))
        self._into["histogram"][np.unique(flows["histogram"])] = 0
        for numbers, each in zip(self._flows.of_ledgers, self._ledgers, strict=True):
            own = each["flow"][: len(numbers)]
            add_flows(flows, numbers, own)
            self._add_histograms(flows["histogram"][numbers], own, each["histogram"])
        return flows

    def _rows_of(self, n_flows: int) -> Ints:
        """Return the row of each flow's histogram in the other ledger, a further one for any that has come up since."""
        further = self._rows.max(initial=FIRST_FLOW_HISTOGRAM - 1) + 1 + np.arange(n_flows - len(self._rows))
        rows = np.concatenate([self._rows, np.minimum(further, MAX_HISTOGRAMS - 1)])
        give(self._into.histogram, int(rows.max(initial=FIRST_FLOW_HISTOGRAM)) + 1)
        return rows

    def _add_histograms(self, rows: Ints, own: npt.NDArray[Any], histograms: Any) -> None:
        """Add up the rows of the flows' histograms; a row of a single flow is filled by only one ledger."""
        has_some = own["latency"]["n"] > 0
        pairs = np.unique(rows[has_some] * MAX_HISTOGRAMS + own["histogram"][has_some])
        into = self._into["histogram"]
        for row, own_row in map(divmod, pairs.tolist(), repeat(MAX_HISTOGRAMS)):
            into[row] += histograms[own_row]


def _by_bucket(ledger: Any) -> npt.NDArray[np.int64]:
    """Return a view of a ledger's latencies by bucket, as a row of words for each bucket."""
    buckets = ledger["latency_counts"]
    return buckets.view(np.int64).reshape(len(buckets), -1)  # type: ignore[no-any-return]
