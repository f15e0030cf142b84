"""Several servers and the stations outside, looked at as one: what is measured added up, in the form of one server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hwmodel.kernels import layout
from hwmodel.kernels.journey_layout import PART_FIELDS
from hwmodel.kernels.ledger_layout import LATENCY_COUNTS, LEDGER
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.measurement import COUNTERS, GAUGES, OF_LEDGERS, area_of, in_state
from hwmodel.simulation.nic_state import Nic
from hwmodel.simulation.workload_state import Counted

COUNTED = LATENCY_COUNTS.names or ()
FLOW_COUNTS = ("offered", "delivered", "dropped", "n_bytes")
ROOMS = ("tx_ring", "rx_ring", "tx_buffer_bytes", "rx_buffer_bytes")


class Whole:
    """Look at several ledgers as at that of one server; what is no ledger's is the first server's, or all together.

    To be read only, and after `refresh`.
    """

    def __init__(self, servers: Sequence[Nic], bridge: Any, book: FlowBook, counted: Counted) -> None:
        self._servers = servers
        self._bridge = bridge
        self._ledgers = [*(nic.ledger for nic in servers), bridge.ledger]
        self._book = book
        self._flows = counted.flows  # a ledger counts those that begin or end at its stations
        self._together: Any = None
        if len(servers) > 1:
            self._together = layout.zeros(1, layout.SERVER)[0]
            self._fill_limits()
        self._ledger = layout.zeros(1, LEDGER)[0]
        self._ledger["flow"]["histogram"][: len(book.flows)] = counted.rows
        self.refresh()

    def __getitem__(self, name: str) -> Any:
        if name == "ledger":
            return self._ledger
        return (self._servers[0] if self._together is None else self._together)[name]

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def place_of(self, path: str) -> tuple[Any, str]:
        """Return the record that a dotted path leads into, and the rest of the path in it."""
        first, _, inside = path.partition(".")
        if first == "ledger":
            return self._ledger, inside
        return (self._servers[0] if self._together is None else self._together), path

    def refresh(self, *, with_histograms: bool = False) -> None:
        """Add up what stands in the ledgers now; flows' histograms only where they are asked for."""
        into, n_flows = self._ledger, len(self._book.flows)
        for name in COUNTERS:
            into.counters[name] = sum(int(each.counters[name]) for each in self._ledgers)
        for name in ("drops", "mirrored_drops"):
            into["counters"][name][:] = sum(each["counters"][name] for each in self._ledgers)
        boxes = self._bridge["box"][: int(self._bridge.n_boxes)]
        into.counters.dropped += int(boxes["dropped"].sum())
        into.counters.replicated += int(boxes["replicated"].sum())
        into["counters"]["drops"] += boxes["drops"].sum(axis=0)
        self._add_flows(into["flow"][:n_flows])
        for name in OF_LEDGERS:
            _add_latencies(into[name], [each[name] for each in self._ledgers])
        for name in COUNTED:
            into["latency_counts"][name][:] = sum(each["latency_counts"][name] for each in self._ledgers)
        for name in PART_FIELDS:
            into.part_sums[name] = sum(float(each.part_sums[name]) for each in self._ledgers)
        if with_histograms:
            self._add_histograms(n_flows)
            _add_sampled_parts(into, self._ledgers)
        own = self._servers[0].ledger
        if self._together is None:
            for name in ("function_drops", "function_mirrored"):
                into["counters"][name][:] = own["counters"][name]
            for name in ("stalls", "tx_ring", "rx_ring", "served"):
                into[name] = own[name]
            into["histogram"][layout.WIRE_WAIT_HISTOGRAM] = own["histogram"][layout.WIRE_WAIT_HISTOGRAM]
        else:
            self._refresh_together()

    def _add_flows(self, flows: Any) -> None:
        for name in FLOW_COUNTS:
            flows[name] = 0
        latency = flows["latency"]
        for name in ("n", "sum_fs", "highest_fs"):
            latency[name] = 0
        latency["lowest_fs"] = layout.NEVER
        for rows, each in zip(self._flows, self._ledgers, strict=True):
            counted = each["flow"][: len(rows)]
            for name in FLOW_COUNTS:
                flows[name][rows] += counted[name]
            seen = counted["latency"]["n"] > 0
            one, of = counted["latency"][seen], rows[seen]
            latency["n"][of] += one["n"]
            latency["sum_fs"][of] += one["sum_fs"]
            latency["lowest_fs"][of] = np.minimum(latency["lowest_fs"][of], one["lowest_fs"])
            latency["highest_fs"][of] = np.maximum(latency["highest_fs"][of], one["highest_fs"])
        latency["lowest_fs"][latency["n"] == 0] = 0

    def _fill_limits(self) -> None:
        limits = self._together.limits
        limits.n_queues = sum(int(nic.limits.n_queues) for nic in self._servers)
        limits.queues_per_function = 1  # no ring of theirs is looked at here
        limits.n_functions = max(int(nic.limits.n_functions) for nic in self._servers)
        for name in ROOMS[:2]:  # of a queue, for all queues to have as much as there is
            slots = sum(int(nic.limits[name]) * int(nic.limits.n_queues) for nic in self._servers)
            limits[name] = slots // int(limits.n_queues)
        for name in ROOMS[2:]:
            limits[name] = sum(int(nic.limits[name]) for nic in self._servers)

    def _refresh_together(self) -> None:
        """Add up occupancies, and the clock's events."""
        clock = self._together.clock
        clock.now_fs = int(self._servers[0].clock.now_fs)
        clock.n_events = sum(int(nic.clock.n_events) for nic in self._servers)
        for gauge_of in GAUGES.values():
            gauge = in_state(self, gauge_of.path)
            gauge.area, gauge.level, gauge.highest = 0.0, 0, 0
            gauge.since_fs = clock.now_fs
            for nic in self._servers:
                one = in_state(nic, gauge_of.path)
                gauge.area += area_of(one, int(clock.now_fs))
                gauge.level += int(one.level)
                gauge.highest += int(one.highest)

    def _add_histograms(self, n_flows: int) -> None:
        """Add up the rows of the flows' histograms; where each flow has its own, one ledger alone has filled it."""
        into = self._ledger["histogram"]
        for row in {int(each) for each in self._ledger["flow"]["histogram"][:n_flows]}:
            into[row] = 0
        for numbers, each in zip(self._flows, self._ledgers, strict=True):
            flows = each["flow"][: len(numbers)]
            for row in {int(row) for row in flows["histogram"][flows["latency"]["n"] > 0]}:
                into[row] += each["histogram"][row]


def _add_sampled_parts(into: Any, ledgers: Sequence[Any]) -> None:
    """Add up the parts of sampled journeys, each ledger's by how many journeys they stand for."""
    whole = into["sampled_parts"]
    for part in PART_FIELDS:
        whole["sums"][part] = 0.0
    for each in ledgers:
        rows = np.flatnonzero(each["sampled_parts"]["n"])
        sampled = each["sampled_parts"][rows]
        each_stands_for = each["latency_counts"]["n_to_guest"][rows] / sampled["n"]
        for part in PART_FIELDS:
            whole["sums"][part][rows] += sampled["sums"][part] * each_stands_for


def _add_latencies(into: Any, parts: Sequence[Any]) -> None:
    """Add up counts, sums and extremes, of one latency or of an array of them."""
    into["n"] = sum(each["n"] for each in parts)
    into["sum_fs"] = sum(each["sum_fs"] for each in parts)
    never = np.int64(layout.NEVER)
    lowest = np.minimum.reduce([np.where(each["n"] > 0, each["lowest_fs"], never) for each in parts])
    into["lowest_fs"] = np.where(lowest == never, 0, lowest)
    into["highest_fs"] = np.maximum.reduce([np.where(each["n"] > 0, each["highest_fs"], 0) for each in parts])
