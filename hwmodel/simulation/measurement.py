"""What the state says at one moment: counters copied out, so that a window is the difference of two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import COUNTERS, FIRST_FLOW_HISTOGRAM, LATENCY, STALLS, WIRE_WAIT_HISTOGRAM
from hwmodel.machine.time.clock import WIRE
from hwmodel.results import filled_columns
from hwmodel.simulation.population import Population, take_population
from hwmodel.simulation.probe import Probe

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

# All but the counts by reason or function, which are arrays.
COUNTER_NAMES = tuple(name for name in COUNTERS.names or () if not COUNTERS[name].shape)
MAC_BYTES = ("mac.tx_bytes", "mac.rx_bytes")
# Servers' busy times, and until when each has work, which is in them from the moment when it comes.
SERVERS = {
    "mac.rx_busy_fs": "mac.line.busy_until_fs",
    "pipeline_busy_fs": "pipeline_busy_until_fs",
    "store_busy_fs": "store_busy_until_fs",
    "pcie.drain_busy_fs": "pcie.drain_busy_until_fs",
    "bus.busy_fs": "bus.free_fs",
    "engines.read.busy_fs": "engines.read.next_fs",
    "engines.write.busy_fs": "engines.write.next_fs",
    "engines.shared_busy_fs": "engines.shared_next_fs",
}

Ints = npt.NDArray[np.int64]


class Gauge(NamedTuple):
    """Say of an occupancy where it stands in the state, in words what it is, and which limits' product it keeps to."""

    path: str
    words: str
    capacity: tuple[str, ...]


class Delay(NamedTuple):
    """Say of a latency where it stands in the state, None if it is added up from the flows', and in the result."""

    path: str | None
    place: str


# Rings of all functions together.
GAUGES = {
    "tx_ring": Gauge("ledger.tx_ring", "the Tx rings' depth", ("tx_ring", "n_queues")),
    "tx_buffer": Gauge("tx_buffer", "the Tx buffer's depth", ("tx_buffer_bytes",)),
    "rx_buffer": Gauge("rx_buffer", "the Rx buffer's depth", ("rx_buffer_bytes",)),
    "rx_ring": Gauge("ledger.rx_ring", "the Rx rings' depth", ("rx_ring", "n_queues")),
    "mac.waiting": Gauge("mac.waiting", "the queue of the wire", ("tx_ring", "n_queues")),
}
LATENCIES = {
    "delivery": Delay(None, "latency_ns"),
    "from_doorbell": Delay("ledger.from_doorbell", "latency_from_doorbell_ns"),
    "to_guest": Delay("ledger.to_guest", "latency_to_guest_ns"),
    "sender_wait": Delay("ledger.sender_wait", "sender_wait_ns"),
    "mac.wait": Delay("mac.wait", "wire.wait_ns"),
}
OF_LEDGERS = tuple(name for name, delay in LATENCIES.items() if (delay.path or "").startswith("ledger."))


_STALLS = STALLS.names or ()
_SUMS = (
    *("clock.now_fs", "clock.n_events", f"clock.next_at.{WIRE}"),
    *("limits.n_functions", "limits.n_queues", "limits.queues_per_function"),
    *(f"{link}.{name}" for link in ("up", "down") for name in ("busy_fs", "busy_until_fs", "is_busy", "dllps")),
    *(f"ledger.counters.{name}" for name in COUNTER_NAMES),
    *(f"ledger.part_sums.{name}" for name in PART_FIELDS),
    *(f"ledger.stalls.{name}.{field}" for name in _STALLS for field in ("total_fs", "since_fs")),
    *(f"{gauge.path}.{name}" for gauge in GAUGES.values() for name in ("area", "level", "since_fs", "highest")),
    *("mac.tx_bytes", "mac.rx_bytes", "mac.is_sending", "mac.tx_busy_fs", *SERVERS, *SERVERS.values()),
    *(f"host.translation.{name}" for name in ("hits", "misses", "walks_busy_fs")),
    *(f"tags.{name}" for name in ("held_fs", "n_tags", "n_free", "fewest_free")),
)


@dataclass(frozen=True)
class LinkSnapshot:
    """Hold one link direction's sums: femtoseconds busy, TLPs and their bytes by kind, pairs of DLLPs.

    `ahead_fs`: what is left of the TLP on the link, with the DLLPs before it; not in `busy_fs`.
    """

    busy_fs: int
    ahead_fs: int
    n_tlps: Ints
    n_bytes: Ints
    dllp_pairs: int


@dataclass(frozen=True)
class Snapshot:
    """Hold all sums of a moment; times in fs. Arrays by function, core or flow are int64 of that many entries.

    `areas` are integrals of occupancies over time; `highest` the largest occupancies, by gauge; `tx_ring_highest` and
    `rx_ring_highest` those of a single ring. `n_receivers`: functions that frames were written to. `backlog`:
    frames that were due at a function's sources and wait for a slot of its rings, by their mean gap. `latencies`, the
    histograms and the parts' sums are those since the window began, and the last two not copied: they may take most of
    a run's memory. `served`: what whole transactions took on the link, by kind.
    """

    now_fs: int
    n_events: int
    counts: dict[str, int]
    servers: dict[str, int]
    drops: Ints
    function_drops: Ints
    mirrored_drops: Ints
    function_mirrored: Ints
    up: LinkSnapshot
    down: LinkSnapshot
    areas: dict[str, float]
    highest: dict[str, int]
    stalls_fs: dict[str, int]
    tags_held_fs: int
    iotlb_hits: int
    iotlb_misses: int
    fewest_free_tags: int
    core_busy_fs: Ints
    read_bytes: Ints
    backlog: Ints
    flows: npt.NDArray[Any]
    received_bytes: npt.NDArray[np.float64]  # by port number; at 0, what went to no one port
    tx_ring_highest: int
    rx_ring_highest: int
    n_receivers: int
    histogram: npt.NDArray[np.int32]
    latencies: dict[str, npt.NDArray[Any]]
    latency_counts: npt.NDArray[Any]
    sampled_parts: npt.NDArray[Any]
    part_sums: dict[str, float]
    served: npt.NDArray[Any]
    population: Population


def in_state(nic: Any, path: str) -> Any:
    """Return what stands there in the state."""
    for part in path.split("."):
        nic = nic[part]
    return nic


def begin_ledger(ledger: Any, n_flows: int) -> None:
    """Forget the latencies seen so far, of all and of the first flows."""
    flows = ledger["flow"][:n_flows]
    _forget(ledger["sampled_parts"], ledger["to_guest"])
    delivery = _of_flows(flows)
    _forget(ledger["latency_counts"]["delivery_fs"], delivery)
    _forget(counts_of(ledger, "delivery"), delivery)
    _forget(ledger["latency_counts"]["to_guest_fs"], ledger["to_guest"])
    for name in PART_FIELDS:
        ledger["part_sums"][name] = 0
    for name in OF_LEDGERS:
        _forget_latency(ledger, name, ledger[name])
    counted = np.flatnonzero(flows["latency"]["n"])
    for row, latency in zip(flows["histogram"][counted].tolist(), flows["latency"][counted], strict=True):
        _forget(ledger["histogram"][row], latency)
    flows["latency"][counted] = np.zeros((), LATENCY)


def _forget_latency(ledger: Any, name: str, latency: Any) -> None:
    _forget(counts_of(ledger, name), latency)
    latency["n"], latency["sum_fs"] = 0, 0


def begin_window(nic: Any, book: FlowBook) -> None:
    """Forget the latencies and the largest depths seen so far."""
    begin_ledger(nic["ledger"], book.n_counted)
    _forget_latency(nic["ledger"], "mac.wait", nic["mac"]["wait"])
    for each in GAUGES.values():
        gauge = in_state(nic, each.path)
        gauge.highest = gauge.level
    queues = nic["tx_queue"][: int(nic.limits.n_queues)]
    queues["highest"] = queues["reserved"] - queues["freed"]
    queues = nic["rx_queue"][: int(nic.limits.n_queues)]
    queues["highest"] = int(nic.limits.rx_ring) - 1 - queues["known"] - queues["requested"] - queues["cached"]
    nic.tags.fewest_free = nic.tags.n_free


def latency_of(nic: Any, book: FlowBook, name: str) -> npt.NDArray[Any]:
    """Return a latency's count, sum and extremes; that of deliveries is added up from the flows'."""
    path = LATENCIES[name].path
    if path is not None:
        return np.array(in_state(nic, path)).copy()  # np.array returns a view here
    return _of_flows(nic["ledger"]["flow"][: book.n_counted])


def _of_flows(flows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the latency of all flows together."""
    found = np.zeros((), LATENCY)
    latencies = flows["latency"][flows["latency"]["n"] > 0]
    if len(latencies):
        found["n"], found["sum_fs"] = latencies["n"].sum(), latencies["sum_fs"].sum()
        found["lowest_fs"], found["highest_fs"] = latencies["lowest_fs"].min(), latencies["highest_fs"].max()
    return found


def counts_of(ledger: Any, name: str) -> npt.NDArray[np.int32]:
    """Return the histogram of a latency of the ledger, or of what a snapshot holds of it (`vars`)."""
    if name == "mac.wait":
        return ledger["histogram"][WIRE_WAIT_HISTOGRAM]  # type: ignore[no-any-return]
    return ledger["latency_counts"][f"n_{name}"]  # type: ignore[no-any-return]


def _forget(row: Any, latency: Any) -> None:
    """Empty a histogram, where it can be filled only: all that is touched takes memory."""
    if latency["n"] > 0:
        row[filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), len(row))] = np.zeros((), row.dtype)


def take_snapshot(nic: Any, book: FlowBook, *, with_flows: bool = True) -> Snapshot:
    """Copy the sums out of the state; without those of flows where they stand in another snapshot."""
    read = Probe(nic, _SUMS).read()
    now_fs = read["clock.now_fs"]
    n_functions, n_queues = read["limits.n_functions"], read["limits.n_queues"]
    n_flows = len(book.flows)
    ledger, counters = nic["ledger"], nic["ledger"]["counters"]
    tx_queues, rx_queues = nic["tx_queue"][:n_queues], nic["rx_queue"][:n_queues]
    return Snapshot(
        now_fs=now_fs,
        n_events=read["clock.n_events"],
        counts={name: read[f"ledger.counters.{name}"] for name in COUNTER_NAMES},
        servers=_servers(nic, read),
        drops=counters["drops"].copy(),
        function_drops=counters["function_drops"][:n_functions].copy(),
        mirrored_drops=counters["mirrored_drops"].copy(),
        function_mirrored=counters["function_mirrored"][:n_functions].copy(),
        up=_link(nic, "up", read),
        down=_link(nic, "down", read),
        areas=areas_in(read, now_fs),
        highest={name: read[f"{gauge.path}.highest"] for name, gauge in GAUGES.items()},
        stalls_fs={name: _stalled_fs(read, f"ledger.stalls.{name}") for name in _STALLS},
        tags_held_fs=_tags_held_fs(nic, read),
        iotlb_hits=read["host.translation.hits"],
        iotlb_misses=read["host.translation.misses"],
        fewest_free_tags=read["tags.fewest_free"],
        core_busy_fs=_core_busy_fs(nic, now_fs),
        read_bytes=nic["function"]["read_bytes"][:n_functions].copy(),
        backlog=_backlog(nic, now_fs, n_functions),
        flows=ledger["flow"][: n_flows if with_flows else 0].copy(),
        received_bytes=book.by_target(ledger["flow"]["n_bytes"][: book.n_counted], n_functions),
        tx_ring_highest=int(tx_queues["highest"].max(initial=0)),
        rx_ring_highest=int(rx_queues["highest"].max(initial=0)),
        n_receivers=int((rx_queues["started"] > 0).reshape(-1, read["limits.queues_per_function"]).any(axis=1).sum()),
        histogram=ledger["histogram"][: FIRST_FLOW_HISTOGRAM + n_flows],
        latencies={name: latency_of(nic, book, name) for name in LATENCIES},
        latency_counts=ledger["latency_counts"],
        sampled_parts=ledger["sampled_parts"],
        part_sums={name: read[f"ledger.part_sums.{name}"] for name in PART_FIELDS},
        served=ledger["served"].copy(),
        population=take_population(nic, now_fs),
    )


def _link(nic: Any, name: str, read: Mapping[str, int]) -> LinkSnapshot:
    """Copy a link's sums; what is left of the TLP on it counts later."""
    ahead_fs = max(0, read[f"{name}.busy_until_fs"] - read["clock.now_fs"]) if read[f"{name}.is_busy"] else 0
    return LinkSnapshot(
        busy_fs=read[f"{name}.busy_fs"] - ahead_fs,
        ahead_fs=ahead_fs,
        n_tlps=nic[name]["n_tlps"].copy(),
        n_bytes=nic[name]["n_bytes"].copy(),
        dllp_pairs=read[f"{name}.dllps"],
    )


def _servers(nic: Any, read: Mapping[str, int]) -> dict[str, int]:
    """Copy the sums of the servers; the work that still lies before them, counted when it came, counts later."""
    now_fs = read["clock.now_fs"]
    sums = {name: read[name] for name in MAC_BYTES}
    for name, until in SERVERS.items():
        sums[name] = read[name] - max(0, read[until] - now_fs)
    ahead_fs = read[f"clock.next_at.{WIRE}"] - now_fs if read["mac.is_sending"] else 0
    walks_ahead_fs = int(np.maximum(nic.host.translation.walker_free_fs - now_fs, 0).sum())
    return sums | {
        "mac.tx_busy_fs": read["mac.tx_busy_fs"] - max(0, ahead_fs),
        "walks_busy_fs": read["host.translation.walks_busy_fs"] - walks_ahead_fs,
    }


def _core_busy_fs(nic: Any, now_fs: int) -> Ints:
    """Copy how long each core has posted and taken frames; what is left of the work under way counts later."""
    cores = nic["host"]["core"][: int(nic.host.n_cores)]
    busy_fs: Ints = cores["busy_fs"].copy()
    left_fs = np.minimum(np.maximum(cores["ends_fs"] - now_fs, 0), cores["work_fs"])
    ahead_fs = np.where(cores["is_running"] != 0, left_fs, 0) + np.maximum(cores["free_fs"] - now_fs, 0)
    busy_fs[np.arange(len(cores)), cores["kind"]] -= ahead_fs
    return busy_fs


def area_of(gauge: Any, now_fs: int) -> float:
    """Return an occupancy's integral over time up to now, in its unit times femtoseconds."""
    return float(gauge.area) + float(gauge.level) * float(now_fs - int(gauge.since_fs))


def paths_of_areas() -> list[str]:
    """Return the paths of what `areas_in` needs."""
    return [f"{gauge.path}.{name}" for gauge in GAUGES.values() for name in ("area", "level", "since_fs")]


def areas_in(read: Mapping[str, Any], now_fs: Any) -> dict[str, Any]:
    """Return the integrals of all occupancies over time up to now, by gauge, from the numbers of a `Probe`.

    The numbers may be of one moment, or arrays of many.
    """
    return {
        name: read[f"{gauge.path}.area"]
        + (1.0 * read[f"{gauge.path}.level"]) * (1.0 * (now_fs - read[f"{gauge.path}.since_fs"]))
        for name, gauge in GAUGES.items()
    }


def _backlog(nic: Any, now_fs: int, n_functions: int) -> Ints:
    """Count the frames that are due at sources with a rate and not yet offered, by function."""
    sources = nic["traffic"]["source"][: int(nic.limits.n_sources)]
    is_late = (sources["function"] >= 0) & (sources["mean_gap_fs"] > 0) & (sources["next_at_fs"] <= now_fs)
    late = sources[is_late]
    found = np.zeros(n_functions, np.int64)
    np.add.at(found, late["function"], (now_fs - late["next_at_fs"]) // late["mean_gap_fs"] + 1)
    return found


def _stalled_fs(read: Mapping[str, int], stall: str) -> int:
    since_fs = read[f"{stall}.since_fs"]
    return read[f"{stall}.total_fs"] + (read["clock.now_fs"] - since_fs if since_fs >= 0 else 0)


def _tags_held_fs(nic: Any, read: Mapping[str, int]) -> int:
    """Add up for how long tags were held, those still held among them."""
    is_held = np.ones(read["tags.n_tags"], bool)
    is_held[nic["tags"]["free"][: read["tags.n_free"]]] = False
    taken_fs = nic["tags"]["slot"]["taken_fs"][: len(is_held)][is_held]
    return read["tags.held_fs"] + int((read["clock.now_fs"] - taken_fs).sum())
