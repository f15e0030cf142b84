"""What a server counts: the counters of its components, copied together at one moment.

A record of SERVER_COUNTS holds one moment of one server, or of several added up; an array of them holds successive
moments. Figures are read by field name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import record
from hwmodel.machine.counts.ledger_state import GAUGE, HISTOGRAM_BUCKETS, WIRE_WAIT_HISTOGRAM
from hwmodel.machine.server import SERVER
from hwmodel.results import filled_columns

# Where each part of SERVER_COUNTS lies in a server's record: fields by name, entries by number.
PLACES: dict[str, tuple[str | int, ...]] = {
    "up": ("pcie", 0, "up", "counts"),
    "down": ("pcie", 0, "down", "counts"),
    "pcie": ("pcie", 0, "counts"),
    "tags": ("pcie", 0, "tags", "counts"),
    "adapter": ("counts",),
    "mac": ("port", "mac", "counts"),
    "translation": ("host", 0, "translation", "counts"),
    "ledger": ("ledger", "counts"),
}


def _field(name: str) -> tuple[Any, ...]:
    """Return a part's name, its record type and, of one for each Ethernet port, how many there are."""
    kind, shape = SERVER, tuple[int, ...]()
    for step in PLACES[name]:
        if isinstance(step, str):
            assert kind.fields is not None
            kind = kind.fields[step][0]
            kind, shape = kind.subdtype or (kind, shape)
        else:
            shape = ()
    return name, kind, shape


SERVER_COUNTS = record(*map(_field, PLACES))


class Gauge(NamedTuple):
    """Say of a buffer what sentences call it, where its occupancy is counted, and the product that its capacity is.

    Rings are those of all functions together.
    """

    words: str
    part: str
    field: str
    capacity: tuple[str, ...]


GAUGES = {
    "tx_ring": Gauge("the Tx rings' depth", "ledger", "tx_ring", ("tx_ring", "n_queues")),
    "tx_buffer": Gauge("the Tx buffer's depth", "adapter", "tx_buffer", ("tx_buffer_bytes",)),
    "rx_buffer": Gauge("the Rx buffer's depth", "adapter", "rx_buffer", ("rx_buffer_bytes",)),
    "rx_ring": Gauge("the Rx rings' depth", "ledger", "rx_ring", ("rx_ring", "n_queues")),
    "mac.waiting": Gauge("the queue of the wire", "adapter", "wire_waiting", ("tx_ring", "n_queues")),
}
GAUGE_WORDS = {name: gauge.words for name, gauge in GAUGES.items()}
# The place of each latency in the result.
LATENCY_PLACES = {
    "delivery": "latency_ns",
    "from_doorbell": "latency_from_doorbell_ns",
    "to_guest": "latency_to_guest_ns",
    "sender_wait": "sender_wait_ns",
    "mac.wait": "wire.wait_ns",
}
OF_LEDGERS = ("delivery", "from_doorbell", "to_guest", "sender_wait")

Ints = npt.NDArray[np.int64]
Histogram = npt.NDArray[np.int32]


def parts_of(nic: Any) -> dict[str, Any]:
    """Return views of a server's counters, by the fields of SERVER_COUNTS."""
    return {name: reduce(getitem, path, nic) for name, path in PLACES.items()}


class Counts:
    """Copy a server's counters on demand, through views that are set up once; `live`: the views, from `parts_of`."""

    def __init__(self, nic: Any) -> None:
        self.live = parts_of(nic)
        self._ledger = nic["ledger"]
        self._clock = nic.clock
        parts = (part if isinstance(part, np.ndarray) else [part] for part in self.live.values())
        self._words = [np.frombuffer(each, np.int64) for part in parts for each in part]
        self._latencies = latencies_in(self.live)

    @property
    def now_fs(self) -> int:
        """Return the time of the server."""
        return int(self._clock["now_fs"])

    @property
    def delivered(self) -> int:
        """Return how many frames have been delivered."""
        return int(self.live["ledger"]["delivered"])

    def histograms(self, name: str) -> list[Histogram]:
        """Return the histograms of a latency that are to be added up: views, which do not follow a longer table."""
        return [counts_of(self._ledger, name)]

    def words(self) -> Ints:
        """Return the present counters as int64 words, for `records`."""
        return np.concatenate(self._words)

    def records(self, _now_fs: Ints, words: Sequence[Ints]) -> npt.NDArray[Any]:
        """Return an array of SERVER_COUNTS from the words of some moments."""
        return np.concatenate(words).view(SERVER_COUNTS)

    def copy(self) -> Any:
        """Return the present counters as a record."""
        return self.words().view(SERVER_COUNTS)[0]

    def columns(self, _words: Ints) -> dict[str, slice]:
        """Return, for each latency in `latencies_in`, which histogram columns can be filled by now."""
        return {name: columns_of(*one.item()) for name, one in self._latencies.items()}


def counts_of(ledger: Any, name: str) -> Histogram:
    """Return the histogram of a latency, from a ledger or from a snapshot's attributes (`vars`)."""
    if name == "mac.wait":
        return ledger["histogram"][WIRE_WAIT_HISTOGRAM]  # type: ignore[no-any-return]
    return ledger["latency_counts"][f"n_{name}"]  # type: ignore[no-any-return]


def columns_of(n: int, lowest_fs: int, highest_fs: int, *_sums_fs: float) -> slice:
    """Return the histogram columns that `n` latencies between two extremes can fill."""
    return filled_columns(lowest_fs, highest_fs, HISTOGRAM_BUCKETS) if n else slice(0, 0)


def gauges_in(counts: Any) -> dict[str, Any]:
    """Return the occupancies, by name, of a record or an array of SERVER_COUNTS, or of what `parts_of` returns."""
    return {name: counts[gauge.part][gauge.field] for name, gauge in GAUGES.items()}


def latencies_in(counts: Any) -> dict[str, Any]:
    """Return the latencies by name; `counts` as in `gauges_in`."""
    ledger = counts["ledger"]
    return {**{name: ledger[name] for name in OF_LEDGERS}, "mac.wait": counts["adapter"]["wire_wait"]}


def areas_in(counts: Any, now_fs: Any) -> dict[str, Any]:
    """Return the integrals of all occupancies over time up to now, in their units times femtoseconds."""
    return {name: area_of(gauge, now_fs) for name, gauge in gauges_in(counts).items()}


def area_of(gauge: Any, now_fs: Any) -> Any:
    """Return an occupancy's integral over time up to now, of one moment or an entry for each of many."""
    is_one = isinstance(gauge, np.void)  # reading its fields one by one takes a microsecond each
    area, level, since_fs, _ = gauge.item() if is_one else (gauge[name] for name in GAUGE.names or ())
    return area + (1.0 * level) * (1.0 * (now_fs - since_fs))
