"""Names of what the kernels know by number: stations, flows, copies, and the bytes that each copy's header has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config.names import UPLINK as OUTSIDE
from hwmodel.forwarding.header_store import MAX_COPY_KINDS
from hwmodel.forwarding.port_set import UPLINK

Ints = npt.NDArray[np.int64]
Ends = tuple[Ints, Ints]  # senders and receivers of flows
BITS = 32  # of the number of a station


class Stations(dict[str, int]):
    """Number stations by their names: those outside are 0, then come each server's in the order of their ports.

    Behind them stand those outside of an adapter's other ports, and whatever else frames are sent to: a group, an
    address that nobody has.
    """

    def __init__(self, names: Iterable[str] = (), outside: Iterable[str] = (OUTSIDE,)) -> None:
        first, *others = outside
        super().__init__({first: 0})
        for number, name in enumerate((*names, *others), 1):
            self[name] = number

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self)
        return number


@dataclass(frozen=True, eq=False)
class Flows(Sequence[tuple[str, str]]):
    """Hold flows by their numbers, each (from, to); as columns, since there may be hundreds of thousands.

    `names`: of stations; `senders`, `receivers`: of each flow the places of its ends in `names`.
    """

    names: Sequence[str] = ()
    senders: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    receivers: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.senders)

    def __getitem__(self, number: Any) -> Any:
        return self.names[self.senders[number]], self.names[self.receivers[number]]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        name = self.names.__getitem__
        return zip(map(name, self.senders.tolist()), map(name, self.receivers.tolist()), strict=True)

    def by_sender(self, of_flows: npt.NDArray[Any]) -> dict[str, float]:
        """Add up a figure of the flows by the names of their senders."""
        sums = np.bincount(self.senders, weights=of_flows)
        return {self.names[at]: float(sums[at]) for at in np.unique(self.senders)}

    def by_receiver(self) -> dict[str, list[int]]:
        """Return the numbers of the flows by the names of their receivers."""
        in_order = np.argsort(self.receivers, kind="stable")
        ends = np.cumsum(np.bincount(self.receivers, minlength=len(self.names)))
        each = np.split(in_order, ends[:-1])
        return {name: numbers.tolist() for name, numbers in zip(self.names, each, strict=False)}


@dataclass
class FlowBook:
    """Know the flows of all servers by their numbers, and the kinds of copies of one.

    `sent_header_bytes`: by the number of a workload's header, its length.
    `port_numbers`: of one server's ports; `counted`: the flows that its ledger counts, which knows them by their place
    there, all where it is None. `nic`, `bridge`: whose copies these are, an adapter's or those that leave a bridge for
    the stations outside.
    """

    flows: Flows = field(default_factory=Flows)
    sent_header_bytes: list[int] = field(default_factory=list)
    port_numbers: Mapping[str, int] = field(default_factory=dict)
    counted: Any = None
    nic: Any = None
    bridge: Any = None
    _targets: Any = field(default_factory=lambda: np.zeros(0, np.int64))  # port numbers of the flows' targets

    @property
    def headers(self) -> StoredHeaders:
        """Return what each kind of copy is when it leaves."""
        if self.nic is not None:
            return StoredHeaders(self.nic["headers"]["copy_header"])
        return StoredHeaders(self.bridge["outside_header"])

    @property
    def egress_ports(self) -> npt.NDArray[np.int16]:
        """Return the port by which each kind of copy leaves."""
        if self.nic is not None:
            return np.asarray(self.nic["traffic"]["copy_kind"]["port"])
        return np.full(MAX_COPY_KINDS, UPLINK, np.int16)

    @property
    def n_counted(self) -> int:
        """Return how many flows the ledger counts."""
        return len(self.flows) if self.counted is None else len(self.counted)

    def targets(self) -> Ints:
        """Return the port number of each counted flow's target, 0 of those without one."""
        if len(self._targets) != self.n_counted:
            numbers = np.array([self.port_numbers.get(name, 0) for name in self.flows.names], np.int64)
            self._targets = numbers[self.flows.receivers[slice(None) if self.counted is None else self.counted]]
        found: Ints = self._targets
        return found

    def by_target(self, of_flows: Any, n_functions: int) -> Any:
        """Add up a figure of the flows by the port number of their target; at 0, of those without one.

        `of_flows`: an entry for each that the ledger counts.
        """
        return np.bincount(self.targets(), weights=of_flows, minlength=n_functions + 1)


def flows_of(ledgers: Sequence[Any], stations: Stations) -> tuple[Flows, list[Ints]]:
    """Return the flows of some ledgers in the order in which they came up, and for each ledger the numbers of its own.

    Those that came up in mid-run stand behind the others, ledger by ledger.
    """
    parts = [ledger["directory"]["ends"][: int(ledger.directory.n)] for ledger in ledgers]
    ends = np.concatenate(parts)
    late = len(ends) + np.arange(len(ends))
    in_order = np.argsort(np.where(ends["order"] < 0, late, ends["order"]), kind="stable")
    sorted_keys = (ends["sender"].astype(np.int64) << BITS | ends["receiver"])[in_order]
    _, first, inverse = np.unique(sorted_keys, return_index=True, return_inverse=True)
    ranks = np.argsort(np.argsort(first))
    numbers = np.empty(len(ends), np.int64)
    numbers[in_order] = ranks[inverse]
    keys = sorted_keys[np.sort(first)]
    flows = Flows(list(stations), keys >> BITS, keys & (1 << BITS) - 1)
    return flows, np.split(numbers, np.cumsum([len(part) for part in parts])[:-1])


def flows_by_ledger(machines: Iterable[Sequence[Any]]) -> list[Ends]:
    """Return for each ledger, by its place, the flows that it has in any of some machines."""
    found: list[dict[tuple[int, int], None]] = []
    for ledgers in machines:
        found += [{} for _ in ledgers[len(found) :]]
        for pairs, ledger in zip(found, ledgers, strict=True):
            pairs.update(_pairs(ledger))
    columns = [np.array(list(pairs), np.int64).reshape(-1, 2).T.copy() for pairs in found]
    return [(senders, receivers) for senders, receivers in columns]


def _pairs(ledger: Any) -> dict[tuple[int, int], None]:
    ends = ledger["directory"]["ends"][: int(ledger.directory.n)]
    return dict.fromkeys(zip(ends["sender"].tolist(), ends["receiver"].tolist(), strict=True))


class StoredHeaders:
    """Give the bytes of headers in a store of the machine by their numbers, as they are when they are asked for."""

    def __init__(self, records: npt.NDArray[Any]) -> None:
        self._records = records
        self.n_bytes: npt.NDArray[np.int16] = records["n_bytes"]

    def __getitem__(self, number: int) -> bytes:
        record = self._records[number]
        return bytes(record["octets"][: int(record["n_bytes"])])
