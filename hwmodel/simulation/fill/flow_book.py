"""The names of stations, flows and copies, which the kernels know by number, and the header bytes of each copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config import Server as ServerConfig
from hwmodel.config.names import UPLINK as OUTSIDE
from hwmodel.forwarding.header_store import MAX_COPY_KINDS
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.flow_state import FLOW_ENDS

Ints = npt.NDArray[np.int64]
BITS = 32  # of the number of a station


class Stations(dict[str, int]):
    """Number stations by name: 0 is the stations outside, then come each server's stations in the order of their ports.

    Last come the stations outside of an adapter's other ports, and any other target of frames: a group, or an unknown
    address; these are numbered when they are first looked up.
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
    """Hold flows by number, each (from, to); as columns, since there may be hundreds of thousands.

    `names`: of stations; `senders`, `receivers`: for each flow, the indices of its ends in `names`.
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
        """Sum a figure of each flow by the sender's name."""
        sums = np.bincount(self.senders, weights=of_flows)
        return {self.names[at]: float(sums[at]) for at in np.unique(self.senders)}

    def by_receiver(self) -> dict[str, list[int]]:
        """Return the numbers of the flows by the names of their receivers."""
        in_order = np.argsort(self.receivers, kind="stable")
        ends = np.cumsum(np.bincount(self.receivers, minlength=len(self.names)))
        each = np.split(in_order, ends[:-1])
        return {name: numbers.tolist() for name, numbers in zip(self.names, each, strict=False)}


class FlowNumbers:
    """Number the flows of some ledgers, in the order of their first appearance.

    `flows`: by number. `of_ledgers`: for each ledger, the numbers of its flows in its own order. Flows that come up in
    mid-run follow ledger by ledger, once they are looked for (`follow`).
    """

    def __init__(self, ledgers: Sequence[Any], stations: Stations) -> None:
        self._ledgers, self._stations = ledgers, stations
        self._known: dict[int, int] = {}
        of_each = [_ends(ledger) for ledger in ledgers]
        ends = np.concatenate([np.zeros(0, FLOW_ENDS), *of_each])
        unordered = len(ends) + np.arange(len(ends))
        in_order = np.argsort(np.where(ends["order"] < 0, unordered, ends["order"]), kind="stable")
        sorted_keys = _keys(ends)[in_order]
        _, first, inverse = np.unique(sorted_keys, return_index=True, return_inverse=True)
        ranks = np.argsort(np.argsort(first))
        numbers = np.empty(len(ends), np.int64)
        numbers[in_order] = ranks[inverse]
        self.flows = self._named(sorted_keys[np.sort(first)])
        self.of_ledgers: list[Ints] = np.split(numbers, np.cumsum([len(part) for part in of_each])[:-1])

    def follow(self) -> None:
        """Give numbers to the flows that have come up since."""
        n_new = [int(each.directory.n) - len(own) for each, own in zip(self._ledgers, self.of_ledgers, strict=True)]
        if not any(n_new):
            return
        if not self._known:
            keys = self.flows.senders << BITS | self.flows.receivers
            self._known = dict(zip(keys.tolist(), range(len(keys)), strict=True))
        for at, own in enumerate(self.of_ledgers):
            keys = _keys(_ends(self._ledgers[at], len(own))).tolist()
            found = [self._known.setdefault(key, len(self._known)) for key in keys]
            self.of_ledgers[at] = np.concatenate([own, np.array(found, np.int64)])
        self.flows = self._named(np.fromiter(self._known, np.int64, len(self._known)))

    def of_ledger(self, ledger: Any) -> Flows:
        """Return a ledger's flows in its own order."""
        return self._named(_keys(_ends(ledger)))

    def _named(self, keys: Ints) -> Flows:
        return Flows(list(self._stations), keys >> BITS, keys & (1 << BITS) - 1)


def _ends(ledger: Any, first: int = 0) -> npt.NDArray[Any]:
    """Return the ends of a ledger's flows from one of them on."""
    found: npt.NDArray[Any] = ledger["directory"]["ends"][first : int(ledger.directory.n)]
    return found


def _keys(ends: npt.NDArray[Any]) -> Ints:
    """Return a number for each flow, from its ends."""
    keys: Ints = ends["sender"].astype(np.int64) << BITS | ends["receiver"]
    return keys


@dataclass
class FlowBook:
    """Hold the flows of all servers, and the kinds of copies of one adapter or of the bridge.

    `numbers`: those of the flows of all ledgers. `sent_header_bytes`: the length of each header of the workload.
    `port_numbers`: one server's port numbers, by name. `nic`, `bridge`: one is given; the copies are those of the
    adapter, or those that leave a bridge for the stations outside.
    """

    numbers: FlowNumbers = field(default_factory=lambda: FlowNumbers((), Stations()))
    sent_header_bytes: list[int] = field(default_factory=list)
    port_numbers: Mapping[str, int] = field(default_factory=dict)
    nic: Any = None
    bridge: Any = None

    @property
    def flows(self) -> Flows:
        """Return all flows that are known by now."""
        return self.numbers.flows

    @property
    def own_flows(self) -> Flows:
        """Return the flows that the adapter counts, in the order of its own numbers."""
        return self.numbers.of_ledger(self.nic.ledger)

    @property
    def headers(self) -> StoredHeaders:
        """Return the header of each kind of copy as it leaves."""
        if self.nic is not None:
            return StoredHeaders(self.nic["headers"]["copy_header"])
        return StoredHeaders(self.bridge["outside_header"])

    @property
    def egress_ports(self) -> npt.NDArray[np.int16]:
        """Return the port by which each kind of copy leaves."""
        if self.nic is not None:
            return np.asarray(self.nic["traffic"]["copy_kind"]["port"])
        return np.broadcast_to(np.int16(UPLINK), MAX_COPY_KINDS)


@dataclass(frozen=True)
class Server(ServerConfig):
    """Hold one server of a machine with its record, and with the names of its flows and copies."""

    nic: Any
    book: FlowBook


class StoredHeaders:
    """Look up header bytes by number in one of the machine's header stores, as they are at the time of the look-up."""

    def __init__(self, records: Any) -> None:
        self._records = records

    @property
    def n_bytes(self) -> npt.NDArray[np.int16]:
        """Return the length of each header."""
        lengths: npt.NDArray[np.int16] = self._records["n_bytes"]
        return lengths

    @property
    def most(self) -> int:
        """Return how many headers there can be."""
        return int(self._records.most)

    def __getitem__(self, number: int) -> bytes:
        record = self._records[number]
        return bytes(record["octets"][: int(record["n_bytes"])])
