"""Names of what the kernels know by number: stations, flows, copies, and the bytes that each copy's header has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwmodel.forwarding.port_set import UPLINK
from hwmodel.workload.traffic import UPLINK as OUTSIDE


class Stations(dict[str, int]):
    """Number stations by their names: those outside are 0, then come each server's in the order of their ports.

    Behind them stands whatever else frames are sent to: a group, an address that nobody has.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__({OUTSIDE: 0})
        for name in names:
            self[name]

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self)
        return number


@dataclass
class FlowBook:
    """Number the flows of all servers together and the copies of one.

    `flows` holds (from, to) by flow number; `sent_header_bytes`: by the number of a workload's header, its length.
    `nic`: the server whose copies these are, `port_numbers`: of its ports; `counted`: the flows that its ledger counts,
    which knows them by their place there, all where it is None. `outside_headers`: of what goes to stations outside a
    bridge, where it is no server's.
    """

    flows: list[tuple[str, str]] = field(default_factory=list)
    sent_header_bytes: list[int] = field(default_factory=list)
    port_numbers: Mapping[str, int] = field(default_factory=dict)
    stations: Stations = field(default_factory=Stations)
    nic: Any = None
    counted: Any = None
    outside_headers: list[bytes] = field(default_factory=list)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _targets: Any = field(default_factory=lambda: np.zeros(0, np.int64))  # port numbers of the flows' targets

    def of_server(self, nic: Any, port_numbers: Mapping[str, int]) -> FlowBook:
        """Return the book of one of several servers: its own copies and ports, the flows of all."""
        none_yet = np.zeros(0, np.int64)
        return FlowBook(
            self.flows, self.sent_header_bytes, port_numbers, self.stations, nic, none_yet, _numbers=self._numbers
        )

    @property
    def headers(self) -> list[bytes]:
        """Return what each copy's header is when it leaves."""
        if self.nic is None:
            return self.outside_headers
        return _octets(self.nic["switch"]["copy_header"][: self.n_copy_kinds])

    @property
    def egress_ports(self) -> list[int]:
        """Return the port by which each copy leaves."""
        if self.nic is None:
            return [UPLINK] * len(self.outside_headers)
        return self.nic["traffic"]["copy_kind"]["port"][: self.n_copy_kinds].tolist()

    @property
    def n_copy_kinds(self) -> int:
        """Return how many kinds of copies there are so far."""
        return int(self.nic.switch.n_copy_kinds)

    @property
    def n_counted(self) -> int:
        """Return how many flows the ledger counts."""
        return len(self.flows) if self.counted is None else len(self.counted)

    def take_flows(self, ledger: Any) -> None:
        """Number the flows that came up in a ledger; `counted` gets their numbers."""
        names = list(self.stations)
        ends = ledger["directory"]["ends"][: int(ledger.directory.n)]
        first = 0 if self.counted is None else len(self.counted)
        found = [
            self.flow(names[sender], names[receiver])
            for sender, receiver in zip(ends["sender"][first:].tolist(), ends["receiver"][first:].tolist(), strict=True)
        ]
        held = [] if self.counted is None else self.counted.tolist()
        self.counted = np.array(held + found, np.int64)

    def by_target(self, of_flows: Any, n_functions: int) -> Any:
        """Add up a figure of the flows by the port number of their target; at 0, of those without one.

        `of_flows`: an entry a flow, or a row of them for each of several moments; so are the sums.
        """
        if len(self._targets) != self.n_counted:
            counted = self.flows if self.counted is None else [self.flows[number] for number in self.counted.tolist()]
            self._targets = np.array([self.port_numbers.get(target, 0) for _, target in counted], np.int64)
        moments, n_sums = of_flows.shape[:-1], n_functions + 1
        n_moments = math.prod(moments)
        into = np.add.outer(n_sums * np.arange(n_moments), self._targets)
        found = np.bincount(into.ravel(), weights=of_flows.ravel(), minlength=n_moments * n_sums)
        return found.reshape(*moments, n_sums)

    def flow(self, sender: str, target: str) -> int:
        """Return the number of a flow; a new one gets the next."""
        key = (sender, target)
        number = self._numbers.setdefault(key, len(self.flows))
        if number == len(self.flows):
            self.flows.append(key)
        return number


def _octets(headers: Any) -> list[bytes]:
    """Return the bytes of headers in a store."""
    text, room = headers["octets"].tobytes(), headers["octets"].shape[1]
    return [text[at : at + n] for at, n in zip(range(0, len(text), room), headers["n_bytes"].tolist(), strict=True)]
