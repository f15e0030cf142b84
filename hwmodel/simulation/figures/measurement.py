"""Snapshots: the counters copied at one moment, so that a window is the difference of two snapshots.

A snapshot also counts the frames and copies in flight and sums their ages, as Little's law needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from math import fsum
from operator import getitem
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.config.names import ethernet_ports
from hwmodel.machine.adapter.adapter_state import LONG_BLOCK_FS
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import FIRST_FLOW_HISTOGRAM, FUNCTION_COUNTS, LATENCY, STALLS
from hwmodel.machine.guest.guest_state import N_TASKS, TAKE_TASK
from hwmodel.machine.network.pauses import CONTROL_ON_WIRE
from hwmodel.machine.time.clock import WIRE
from hwmodel.resources import RESOURCES, WIRE_RX, WIRE_TX
from hwmodel.results import filled_columns
from hwmodel.simulation.figures.counts import OF_LEDGERS, Counts, area_of, counts_of, gauges_in, latencies_in, parts_of
from hwmodel.simulation.figures.part_snapshots import (
    begin_pauses_window,
    flow_cache_counts,
    learned_addresses,
    passed_flows,
    take_bond,
    take_pauses,
)
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.words.limits import at_port

Ints = npt.NDArray[np.int64]
# Reasons for a core's work that are counted separately besides the total, in the order within a piece of work.
CORE_WORK = ("interrupt", "copying", "passing", "doorbell", "beside")


class Snapshot:
    """Hold all sums of a moment by name, of one server, or of several added up; times in fs.

    `counts`: a record of SERVER_COUNTS, in which what goes on counts as far as it has come: an occupancy, a stall, a
    held tag until now; a link without the rest of the TLP on it. `ahead_fs`: that rest, with the DLLPs before it, up
    and down. `functions`: FUNCTION_COUNTS of each. `flows`: of each flow. Their latencies, histograms and the sums of
    parts are those since the window began; the latter two are views, not copies, since they may take most of a run's
    memory. Of one server only: the sums that PARTS names.
    """

    def __init__(self, **sums: Any) -> None:
        vars(self).update({"functions": np.zeros(0, FUNCTION_COUNTS), **dict.fromkeys(PARTS), **sums})

    now_fs: int
    n_events: int
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def replaced(self, **sums: Any) -> Snapshot:
        """Return a snapshot with some other sums."""
        return Snapshot(**vars(self) | sums)

    def before_all(self) -> Snapshot:
        """Return what a run's first snapshot, which follows the first instant, would have been before it: all zero."""
        sums = ((name, getattr(self, name)) for name in ("counts", "functions", "flows", "passed", "host_stalls"))
        return self.replaced(**{name: np.zeros_like(each)[()] for name, each in sums if each is not None})

    def count(self, name: str) -> int:
        """Return a counter of the ledger's (`COUNTERS`)."""
        return int(self.counts["ledger"][name])

    @property
    def parts_fs(self) -> dict[str, float]:
        """Return the sums of the parts of latencies."""
        sums = self.counts["ledger"]["part_sums"]
        return {name: float(sums[name]["sum_fs"]) for name in PART_FIELDS}

    def latency(self, name: str) -> Any:
        """Return a LATENCY, by the names of `LATENCY_PLACES`."""
        return latencies_in(self.counts)[name]


def begin_ledger(ledger: Any) -> None:
    """Reset a ledger's latencies, in total and of its flows."""
    flows, counts = ledger["flow"][: int(ledger.directory.n)], ledger.counts
    _forget(ledger["sampled_parts"], counts.to_guest)
    for name in ("delivery", "to_guest"):
        _forget(ledger["latency_counts"][f"{name}_fs"], counts[name])
    for name in PART_FIELDS:
        counts.part_sums[name] = 0
    for name in OF_LEDGERS:
        _forget_latency(ledger, name, counts[name])
    counted = np.flatnonzero(flows["latency"]["n"])
    _forget_rows(ledger["histogram"], flows[counted])
    flows["latency"][counted] = np.zeros((), LATENCY)


def _forget_latency(ledger: Any, name: str, latency: Any) -> None:
    _forget(counts_of(ledger, name), latency)
    latency["n"], latency["sum_fs"], latency["rest_fs"] = 0, 0, 0


def begin_window(nic: Any) -> None:
    """Reset the latencies and the largest depths of a server."""
    begin_ledger(nic["ledger"])
    _forget_latency(nic["ledger"], "mac.wait", nic.counts.wire_wait)
    for gauge in gauges_in(parts_of(nic)).values():
        gauge.highest = gauge.level
    for name, in_use in rings_in_use(nic, all_rings(nic)).items():
        nic[name]["highest"][: len(in_use)] = in_use
    nic.pcie[0].tags.counts.fewest_free = nic.pcie[0].tags.n_free
    begin_pauses_window(nic)


def rings_in_use(nic: Any, n: int) -> dict[str, Ints]:
    """Return how many descriptors are in use of each of the first n Tx rings and Rx rings."""
    tx, rx = nic["tx_queue"][:n], nic["rx_queue"][:n]
    return {
        "tx_queue": tx["reserved"] - tx["freed"],
        "rx_queue": rx["slots"] - rx["known"] - rx["requested"] - rx["cached"],
    }


def all_rings(nic: Any) -> int:
    """Return how many rings there are each way: of all functions, and of a virtual switch's uplink."""
    return int(nic.params.n_queues) + int(nic.virtual_switch.params.n_rings)


def _forget(row: Any, latency: Any) -> None:
    """Clear a histogram where it can be filled; touching the rest would allocate its memory."""
    if latency["n"] > 0:
        row[filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), len(row))] = np.zeros((), row.dtype)


def _forget_rows(histograms: Any, flows: npt.NDArray[Any]) -> None:
    """Clear the flows' histograms where they can be filled; if flows are very many, hundreds share a row."""
    rows, place = np.unique(flows["histogram"], return_inverse=True)
    lowest_fs, highest_fs = np.full(len(rows), NEVER), np.zeros(len(rows), np.int64)
    np.minimum.at(lowest_fs, place, flows["latency"]["lowest_fs"])
    np.maximum.at(highest_fs, place, flows["latency"]["highest_fs"])
    for row, lowest, highest in zip(rows.tolist(), lowest_fs.tolist(), highest_fs.tolist(), strict=True):
        histograms[row, filled_columns(lowest, highest, histograms.shape[1])] = 0


def take_snapshot(nic: Any, book: FlowBook, *, with_flows: bool = True) -> Snapshot:
    """Copy the sums out of the state; `with_flows`: also those of flows, unless another snapshot has them."""
    now_fs, counts, n_flows = int(nic.clock.now_fs), Counts(nic).copy(), len(book.flows)
    ahead_fs = np.array([link_ahead_fs(link, now_fs) for link in (nic.pcie[0].up, nic.pcie[0].down)], np.int64)
    settle(nic, counts, now_fs)
    return Snapshot(
        now_fs=now_fs,
        n_events=int(nic.clock.n_events),
        counts=counts,
        ahead_fs=ahead_fs,
        functions=_functions(nic, now_fs),
        **flow_sums(nic["ledger"], n_flows, with_flows=with_flows),
        pauses=take_pauses(nic, len(book.sent_header_bytes), now_fs),
        **{name: taken(nic, now_fs) for name, taken in PARTS.items() if taken is not None},
    )


def in_flight(snapshot: Snapshot) -> int:
    """Return how many frames and copies are in flight."""
    count = snapshot.count
    return count("offered") + count("replicated") - count("delivered") - count("dropped")


def flow_sums(ledger: Any, n_flows: int, *, with_flows: bool = True) -> dict[str, Any]:
    """Return what a ledger has by flow and by bucket of latency: flows as a copy, else views."""
    return {
        "flows": ledger["flow"][: n_flows if with_flows else 0].copy(),
        "histogram": ledger["histogram"][: FIRST_FLOW_HISTOGRAM + n_flows],
        "latency_counts": ledger["latency_counts"],
        "sampled_parts": ledger["sampled_parts"],
    }


def settle(nic: Any, counts: Any, now_fs: int) -> None:
    """Let what goes on in a server count up to now, in a copy of its counters."""
    for gauge in gauges_in(counts).values():
        gauge["area"], gauge["since_fs"] = area_of(gauge, now_fs), now_fs
    for name in STALLS.names or ():
        stall = counts["ledger"]["stalls"][name]
        if stall["since_fs"] >= 0:
            stall["total_fs"], stall["since_fs"] = stall["total_fs"] + now_fs - stall["since_fs"], now_fs
    counts["tags"]["held_fs"] += _held_now_fs(nic, now_fs)
    for way in ("up", "down"):
        counts[way]["busy_fs"] -= link_ahead_fs(nic.pcie[0][way], now_fs)


def link_ahead_fs(link: Any, now_fs: int) -> int:
    """Return the remaining time of the TLP on a link, with the DLLPs before it."""
    return max(0, int(link.busy_until_fs) - now_fs) if link.is_busy else 0


def _busy_fs(nic: Any, now_fs: int) -> dict[str, int]:
    """Return the busy time of each resource so far, without work already booked but still to be done.

    `host.walkers` is the sum over all page walkers.
    """
    found = {}
    for row in RESOURCES:
        if row.until or row.name in _UNTIL:
            for number, port in enumerate(ports_named(nic) if row.is_at_port else ("",)):
                record = nic.port[number] if row.is_at_port else nic
                busy_fs = reduce(getitem, row.busy, record)
                until_fs = reduce(getitem, row.until, record) if row.until else _UNTIL[row.name](nic, number, now_fs)
                found[at_port(port, row.name)] = int(busy_fs) - int(np.maximum(until_fs - now_fs, 0).sum())
    return found


def sending_until_fs(nic: Any, number: int, now_fs: int) -> int:
    """Return when the frame or control frame that a port is sending ends; the present time if it sends none."""
    mac = nic.port[number].mac
    if mac.is_stopped & CONTROL_ON_WIRE:
        return int(nic.pauses.port[number].sent_fs)
    return int(nic.clock.next_at[WIRE + number]) if mac.is_sending else now_fs


def coming_until_fs(nic: Any, number: int, now_fs: int) -> int:
    """Return when the frame that a port is receiving ends; the present time of a dead one, which receives none."""
    mac = nic.port[number].mac
    return now_fs if mac.params.is_down else int(mac.line.busy_until_fs)


# Until when work is booked that no field of a record says.
_UNTIL: Mapping[str, Callable[[Any, int, int], int]] = {WIRE_TX: sending_until_fs, WIRE_RX: coming_until_fs}


def ports_named(nic: Any) -> tuple[str, ...]:
    """Return the names of an adapter's ports; a single empty name if it has one port."""
    n_ports = int(nic.params.n_ports)
    return ethernet_ports(n_ports) if n_ports > 1 else ("",)


def _flow_filters(nic: Any, _now_fs: int) -> Ints:
    """Return, for each port, how many filters and signature filters it has, and of flows that found no room."""
    steerings = [nic.port[at].switch.steering for at in range(int(nic.params.n_ports))]
    return np.array([(one.n_flow_filters, one.counts.n_signatures, one.counts.n_without_room) for one in steerings])


CORE_TIMES = ("started_fs", "ends_fs", "free_fs", "awake_fs", "doorbell_begins_fs", "doorbell_ends_fs")


def _cores_at_work(nic: Any, now_fs: int) -> tuple[Any, int]:
    """Return the cores' records and the present time, all times without the host's stalls before them."""
    cores = nic["guests"]["core"][: int(nic.guests.params.n_cores)]
    stall, cores = nic.guests.params.stall, cores.copy()
    for name in CORE_TIMES:
        cores[name] -= host_stalled_fs(stall, cores[name])
    return cores, now_fs - int(host_stalled_fs(stall, np.int64(now_fs)))


def host_stalled_fs(stall: Any, until_fs: Any) -> Any:
    """Return for how long a host has stalled up to a time, or to each of an array; `stall`: a STALL_PARAMS."""
    if stall.for_fs == 0:
        return until_fs * 0
    n_whole, since_fs = np.divmod(np.maximum(until_fs - int(stall.first_fs), 0), int(stall.every_fs))
    return n_whole * int(stall.for_fs) + np.minimum(since_fs, int(stall.for_fs))


def _host_stalls(nic: Any, now_fs: int) -> Ints:
    """Return how many stalls of a host have begun by now, and how long they have lasted."""
    stall = nic.guests.params.stall
    if stall.for_fs == 0 or now_fs < stall.first_fs:
        return np.zeros(2, np.int64)
    n_begun = (now_fs - int(stall.first_fs)) // int(stall.every_fs) + 1
    return np.array([n_begun, host_stalled_fs(stall, np.int64(now_fs))])


def _core_busy_fs(nic: Any, now_fs: int) -> Ints:
    """Return each core's busy time by task, without the remaining part of work in progress."""
    cores, now_fs = _cores_at_work(nic, now_fs)
    busy_fs: Ints = cores["counts"]["busy_fs"].copy()
    is_running = cores["is_running"] != 0
    left_fs = np.where(is_running, np.minimum(np.maximum(cores["ends_fs"] - now_fs, 0), cores["work_fs"]), 0)
    every = np.arange(len(cores))
    busy_fs[every, np.minimum(cores["kind"], N_TASKS - 1)] -= left_fs
    busy_fs[every, cores["doorbell_kind"]] -= _doorbell_ahead_fs(cores, now_fs)
    busy_fs[:, TAKE_TASK] += _held_fs(cores, now_fs)
    return busy_fs


def _held_fs(cores: Any, now_fs: int) -> Ints:
    """Return for how long the job that has each core now has kept it."""
    is_held = (cores["is_running"] != 0) & (cores["kind"] == N_TASKS)
    held_fs: Ints = np.where(is_held, np.maximum(now_fs - cores["started_fs"], 0), 0)
    return held_fs


def _doorbell_ahead_fs(cores: Any, now_fs: int) -> Ints:
    """Return what each core still has to do of writes to registers."""
    ahead_fs: Ints = np.maximum(cores["doorbell_ends_fs"] - np.maximum(cores["doorbell_begins_fs"], now_fs), 0)
    return ahead_fs


def _core_work_fs(nic: Any, now_fs: int) -> Ints:
    """Return each core's time for each reason of CORE_WORK; of a piece in progress, only the part already done.

    In a piece the interrupt comes first; copying and passing are assumed to be spread evenly over its time.
    """
    cores, now_fs = _cores_at_work(nic, now_fs)
    found: Ints = np.stack([cores["counts"][f"{name}_fs"] for name in CORE_WORK], axis=1)
    frames_fs = np.maximum(cores["ends_fs"] - cores["started_fs"], 1)
    entry_fs = cores["work_fs"] - (cores["ends_fs"] - cores["started_fs"])
    is_running = cores["is_running"] != 0
    left_fs = np.where(is_running, np.clip(cores["ends_fs"] - now_fs, 0, frames_fs), 0)
    found[:, 0] -= np.where(is_running, np.clip(cores["started_fs"] - now_fs, 0, entry_fs), 0)
    for at, name in enumerate(CORE_WORK[1:3], start=1):
        found[:, at] -= (cores[f"{name}_fs"] * (left_fs / frames_fs)).astype(np.int64)
    found[:, CORE_WORK.index("doorbell")] -= _doorbell_ahead_fs(cores, now_fs)
    found[:, CORE_WORK.index("beside")] += _held_fs(cores, now_fs)
    return found


def _backlog(nic: Any, now_fs: int) -> Ints:
    """Estimate the frames due at rate-driven sources but not yet offered to a ring, by function."""
    sources = nic["traffic"]["source"][: int(nic.params.n_sources)]
    sources = sources[sources["params"]["function"] >= 0]
    found = np.zeros(int(nic.params.n_functions), np.int64)
    np.add.at(found, sources["params"]["function"], frames_due(sources, sources["next_at_fs"], now_fs))
    return found


def frames_due(sources: Any, next_at_fs: Ints, now_fs: Any) -> Ints:
    """Estimate the frames due at VMs' rate-driven sources by some time, if their next ones are due at `next_at_fs`."""
    gap_fs = sources["params"]["mean_gap_fs"]
    is_late = (sources["params"]["function"] >= 0) & (gap_fs > 0) & (next_at_fs <= now_fs)
    found: Ints = np.where(is_late, (now_fs - next_at_fs) // np.maximum(gap_fs, 1) + 1, 0)
    return found


def _functions(nic: Any, now_fs: int) -> npt.NDArray[Any]:
    """Copy the functions' counters, adding the time up to now of a ring that still blocks the head of the Rx buffer."""
    ledger, n_functions = nic["ledger"], int(nic.params.n_functions)
    found: npt.NDArray[Any] = ledger["function"][:n_functions].copy()
    since_fs = int(ledger["counts"]["stalls"]["rx_ring"]["since_fs"])
    if since_fs < 0:
        return found
    of_ring = nic["rx_queue"]["params"]["function"]
    blocking = int(of_ring[int(nic.rx_blocked_by)])
    if blocking < n_functions:  # else it is a ring of a virtual switch's uplink, which is no station
        found["blocking_fs"][blocking] += now_fs - since_fs
    if now_fs - since_fs >= LONG_BLOCK_FS:
        for fifo in (nic.rx_fifo, nic.loopback):
            at = np.arange(int(fifo.head), int(fifo.tail)) & int(fifo.mask)
            waiting = {one for one in of_ring[fifo["ring"]["queue"][at]].tolist() if one < n_functions} - {blocking}
            is_new = [number for number in waiting if found["waited_until_fs"][number] != now_fs]
            found["waited_until_fs"][is_new] = now_fs
            found["waited_fs"][is_new] += now_fs - since_fs
    return found


def _held_now_fs(nic: Any, now_fs: int) -> int:
    """Return the time for which the tags in use have been held so far, added up."""
    is_held = np.ones(int(nic.pcie[0].tags.params.n_tags), bool)
    is_held[nic["pcie"][0]["tags"]["free"][: int(nic.pcie[0].tags.n_free)]] = False
    taken_fs = nic["pcie"][0]["tags"]["slot"]["taken_fs"][: len(is_held)][is_held]
    return int((now_fs - taken_fs).sum())


def take_population(nic: Any, now_fs: int) -> dict[str, float]:
    """Count frames in Tx rings, and frames and copies in flight after them, and add up times since the run began.

    In fs: `ages_fs`, of those in flight; of all, `entered_fs`, `left_fs`: the times at which frames entered and left.
    `early_fs`: total time by which they were offered before they entered; `taken_early_fs`: taken before they left;
    `lost_fs`: ages of drops.
    """
    offered, pool = [_in_rings(nic), _on_their_way(nic)], nic.ledger.journeys
    return {
        "n": sum(len(times) for times in offered),
        # As floats: the ages of a million frames that have waited for ten seconds overflow 63 bits of femtoseconds.
        "ages_fs": fsum(float((now_fs - times).sum(dtype=np.float64)) for times in offered),
        **{name: float(pool[name]) for name in ("entered_fs", "left_fs", "early_fs", "taken_early_fs", "lost_fs")},
    }


def _in_rings(nic: Any) -> Any:
    """Return when the frames were offered that hold a Tx ring slot and that the scheduler has not picked.

    If the adapter cuts sends into frames, also those already picked together with the first frame of a payload read,
    whose journey alone is open (`n_more`).
    """
    queues = nic["tx_queue"][: int(nic.params.n_queues)]
    counts = queues["reserved"] - queues["picked"]
    own = np.repeat(np.arange(len(queues)), counts)  # the ring of each descriptor
    places = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
    slots = (queues["picked"][own] + places) & queues["mask"][own]
    posts, at = nic["guests"]["post"], queues["first"][own] + slots
    if nic.guests.params.mss_bytes == 0 or nic.params.has_virtual_switch:  # or of uncut segments
        return posts["offered_fs"][at]
    left = posts["n_frames"][at] - np.where(places == 0, queues["cut_frames"][own], 0)
    of_sends = np.repeat(posts["offered_fs"][at], left)
    grants = nic["grants"]
    read = grants["ring"][np.arange(int(grants["head"]), int(grants["tail"])) & int(grants["mask"])]
    offered = nic["ledger"]["journeys"]["slot"]["offered_fs"][read["journey"]]
    return np.concatenate([of_sends, np.repeat(offered, read["n_more"])])


def open_journeys(nic: Any) -> npt.NDArray[np.bool_]:
    """Return a flag for each place of the journey pool used so far: whether its journey is open."""
    pool = nic["ledger"]["journeys"]
    is_open = np.ones(int(pool["n_used"]) + 1, bool)
    is_open[0] = False
    is_open[pool["free"][: int(pool["n_free"])]] = False
    return is_open


def _on_their_way(nic: Any) -> Any:
    """Return when the frames and copies with an open journey were offered."""
    pool, is_open = nic["ledger"]["journeys"], open_journeys(nic)
    return pool["slot"]["offered_fs"][: len(is_open)][is_open]


def _rings(nic: Any, which: str) -> Any:
    return nic[which][: all_rings(nic)]


def _taken(nic: Any, _now_fs: int) -> Ints:
    first = int(nic.params.n_queues) if nic.params.has_virtual_switch else 0
    found: Ints = _rings(nic, "tx_queue")["n_picked"][first:].copy()
    return found


def _of_virtual_switch(taken: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    """Take something where there is a virtual switch, else nothing."""
    return lambda nic, _: taken(nic) if nic.params.has_virtual_switch else None


# What is copied of one server beside its counters, by name; what needs the workload `take_snapshot` adds. `busy_fs`: of
# each resource, by its name. `core_work_fs`: by core, of the reasons in CORE_WORK. `taken`: frames that the adapter has
# taken from each of its Tx rings, since the last reset of the ring's function. `backlog`: frames due at a function's
# sources that wait for a slot of its rings, estimated from the mean gap. `passed`: a virtual switch's counters by flow;
# the first row is for frames of no numbered flow. `classes`: a record of ARBITER_COUNTS.
PARTS: dict[str, Callable[[Any, int], Any] | None] = {
    "busy_fs": _busy_fs,
    "core_busy_fs": _core_busy_fs,
    "core_work_fs": _core_work_fs,
    "host_stalls": _host_stalls,
    "flow_cache": _of_virtual_switch(flow_cache_counts),
    "learned": lambda nic, now_fs: learned_addresses(nic, now_fs) if nic.port[0].switch.tables.learns else None,
    "bond": _of_virtual_switch(take_bond),
    "passed": lambda nic, _: passed_flows(nic),
    "flow_filters": _flow_filters,
    "backlog": _backlog,
    "tx_ring_highest": lambda nic, _: int(_rings(nic, "tx_queue")["highest"].max(initial=0)),
    "rx_ring_highest": lambda nic, _: int(_rings(nic, "rx_queue")["highest"].max(initial=0)),
    "rings_used": lambda nic, _: [int((_rings(nic, each)["highest"] > 0).sum()) for each in ("tx_queue", "rx_queue")],
    "taken": _taken,
    "population": take_population,
    "classes": lambda nic, _: nic["arbiter"]["counts"].copy() if nic["params"]["arbitrates"] else None,
    "pauses": None,
}
