"""Present several servers and the stations outside as one server, with measurements added up.

The counters of several ledgers are added up in another ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.machine.counts.flow_state import add_flows
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import LEDGER, WIRE_WAIT_HISTOGRAM
from hwmodel.machine.server import SERVER, zeros
from hwmodel.simulation.counts import Counts, Ints
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.nic_state import Nic
from hwmodel.simulation.system_counts import SystemCounts
from hwmodel.simulation.workload_state import Counted

ROOMS = ("tx_ring", "rx_ring", "tx_buffer_bytes", "rx_buffer_bytes")


class Whole:
    """Show several servers and the stations outside as one server: ledgers are added up.

    Other parts are the server's own if there is only one, else sums over all servers, or zero. Read-only, and valid
    only after `refresh`.
    """

    def __init__(self, servers: Sequence[Nic], bridge: Any, book: FlowBook, counted: Counted) -> None:
        self._servers = servers
        self._ledgers = [*(nic.ledger for nic in servers), bridge.ledger]
        self._book = book
        self._flows = counted.flows  # for each ledger: flows that begin or end at its stations
        self._together: Any = None
        if len(servers) > 1:
            self._together = zeros(1, SERVER)[0]
            self._fill_params()
        self.sums = SystemCounts(servers, self._ledgers)
        self._boxes = bridge["box"][: int(bridge.params.n_boxes)]["counts"]
        together = zeros(1, LEDGER)
        self._ledger = together[0]
        self._of_flows = LedgerSums(together, self._ledgers, counted.flows, len(book.flows))
        self._ledger["flow"]["histogram"][: len(book.flows)] = counted.rows
        self.refresh()

    def __getitem__(self, name: str) -> Any:
        if name == "ledger":
            return self._ledger
        return (self._servers[0] if self._together is None else self._together)[name]

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def refresh(self) -> None:
        """Add up the present counters of all ledgers."""
        clock, ledger = self._servers[0].clock, self._ledger
        (found,) = self.sums.records(np.array([clock.now_fs]), [self.sums.words()])
        ledger["counts"], boxes = found["ledger"], self._boxes
        ledger.counts.dropped += boxes["dropped"].sum()
        ledger.counts.replicated += boxes["replicated"].sum()
        ledger.counts.drops += boxes["drops"].sum(axis=0)
        self._of_flows.add_up()
        self._add_histograms(len(self._book.flows))
        _add_sampled_parts(ledger, self._ledgers)
        if self._together is None:
            self._copy_own()
        else:
            self._together["counts"] = found["adapter"]
            self._together.clock.now_fs = clock.now_fs
            self._together.clock.n_events = sum(int(nic.clock.n_events) for nic in self._servers)

    def _copy_own(self) -> None:
        """Copy a single server's counters that are not added up."""
        into, own = self._ledger, self._servers[0].ledger
        into["histogram"][WIRE_WAIT_HISTOGRAM] = own["histogram"][WIRE_WAIT_HISTOGRAM]
        n_functions = int(self._servers[0].params.n_functions)
        into["function"][:n_functions] = own["function"][:n_functions]

    def _fill_params(self) -> None:
        params = self._together.params
        params.n_queues = sum(int(nic.params.n_queues) for nic in self._servers)
        params.n_ports = 1
        params.n_functions = max(int(nic.params.n_functions) for nic in self._servers)
        for name in ROOMS[:2]:  # lengths of one ring: average them, so that times `n_queues` is the total
            slots = sum(int(nic.params[name]) * int(nic.params.n_queues) for nic in self._servers)
            params[name] = slots // int(params.n_queues)
        for name in ROOMS[2:]:
            params[name] = sum(int(nic.params[name]) for nic in self._servers)

    def _add_histograms(self, n_flows: int) -> None:
        """Add up the rows of the flows' histograms; a row of a single flow is filled by only one ledger."""
        into = self._ledger["histogram"]
        into[np.unique(self._ledger["flow"]["histogram"][:n_flows])] = 0
        for numbers, each in zip(self._flows, self._ledgers, strict=True):
            flows = each["flow"][: len(numbers)]
            for row in np.unique(flows["histogram"][flows["latency"]["n"] > 0]).tolist():
                into[row] += each["histogram"][row]


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


COUNTED_BY_FLOW = ("offered", "delivered", "dropped", "n_bytes", "latency")
N_SUMS = 2  # words of sums in a bucket's record; its 32-bit counts follow, and are added two at a time as one word


def counts_in(view: Any) -> Counts | SystemCounts:
    """Return the counters' copier for a view from `Machine.view`."""
    return view.sums if isinstance(view, Whole) else Counts(view)


class LedgerSums:
    """Add up several ledgers' counters of flows, and of latencies by bucket, in another ledger.

    `into`: an array of one ledger. `flows`: for each of the other ledgers, the numbers of its flows in that one, none
    twice.
    """

    def __init__(self, into: npt.NDArray[Any], ledgers: Sequence[Any], flows: Sequence[Ints], n_flows: int) -> None:
        self._buckets, self._buckets_into = [_by_bucket(each) for each in ledgers], _by_bucket(into[0])
        self._flows_into = into[0]["flow"][:n_flows]
        self._flows = [(numbers, each["flow"][: len(numbers)]) for numbers, each in zip(flows, ledgers, strict=True)]

    def add_up(self) -> None:
        """Write the sums into the other ledger."""
        self._buckets_into[:, :N_SUMS].view(np.float64)[:] = sum(
            each[:, :N_SUMS].view(np.float64) for each in self._buckets
        )
        self._buckets_into[:, N_SUMS:] = sum(each[:, N_SUMS:] for each in self._buckets)
        into = self._flows_into
        for name in COUNTED_BY_FLOW:
            into[name] = np.zeros((), into.dtype[name])
        for numbers, own in self._flows:
            add_flows(into, numbers, own)


def _by_bucket(ledger: Any) -> npt.NDArray[np.int64]:
    """Return a view of a ledger's latencies by bucket, as a row of words for each bucket."""
    buckets = ledger["latency_counts"]
    return buckets.view(np.int64).reshape(len(buckets), -1)  # type: ignore[no-any-return]
