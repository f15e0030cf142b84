"""Names of what the kernels know by number: flows, copies, and the bytes that each copy's header has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwmodel.errors import InputError
from hwmodel.forwarding.templates import MAX_COPY_KINDS
from hwmodel.machine.counts.ledger_state import MAX_FLOWS
from hwmodel.workload.traffic import UPLINK as OUTSIDE


@dataclass
class FlowBook:
    """Number the flows of all servers together and the copies of one, and keep what the kernels do not know of them.

    `flows` holds (from, to) by flow number; by copy number `headers` what a copy's header is when it leaves,
    `egress_ports` the port by which it does; by the number of a workload's header `sent_header_bytes`, its length.
    `port_numbers`: of one server's ports; `counted`: the flows that its ledger counts, which knows them by their place
    there, all where it is None.
    """

    flows: list[tuple[str, str]] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    egress_ports: list[int] = field(default_factory=list)
    sent_header_bytes: list[int] = field(default_factory=list)
    port_numbers: Mapping[str, int] = field(default_factory=dict)
    counted: Any = None
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _targets: Any = field(default_factory=lambda: np.zeros(0, np.int64))  # port numbers of the flows' targets

    def of_server(self, port_numbers: Mapping[str, int]) -> FlowBook:
        """Return the book of one of several servers: its own copies and ports, the flows of all."""
        return FlowBook(self.flows, sent_header_bytes=self.sent_header_bytes, port_numbers=port_numbers,
                        _numbers=self._numbers)  # fmt: skip

    def flows_at(self, places: Iterable[str]) -> list[Any]:
        """Return for each place the numbers of the flows that begin or end there; it is what stands before the dot.

        The sources of the stations outside are the first server's.
        """
        first, *others = places
        of_place: dict[str, list[int]] = {}
        for number, ends in enumerate(self.flows):
            found = {name.rpartition(".")[0] if name != OUTSIDE else OUTSIDE for name in ends}
            for place in found | ({first} if ends[0] == OUTSIDE else set()):
                of_place.setdefault(place, []).append(number)
        return [np.array(of_place.get(place, []), np.int64) for place in (first, *others)]

    @property
    def n_counted(self) -> int:
        """Return how many flows the ledger counts."""
        return len(self.flows) if self.counted is None else len(self.counted)

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
        if key not in self._numbers:
            if len(self.flows) == MAX_FLOWS:
                raise InputError(f"workload: more than {MAX_FLOWS} flows between ports")
            self._numbers[key] = len(self.flows)
            self.flows.append(key)
        return self._numbers[key]

    def add_copy(self, header: bytes, egress: int) -> int:
        """Enter a kind of copy; return its number."""
        number = len(self.headers)
        if number == MAX_COPY_KINDS:
            most = MAX_COPY_KINDS
            raise InputError(f"workload: more than {most} kinds of copies; fewer templates or receivers")
        self.headers.append(header)
        self.egress_ports.append(egress)
        return number
