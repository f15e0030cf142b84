"""What an adapter does with each header of a workload: decided once before the run, and entered into its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.config.switch import EcidList
from hwmodel.kernels.forward import DECISION
from hwmodel.kernels.parse import HEADER
from hwmodel.kernels.port_set import UPLINK
from hwmodel.kernels.templates import LONGEST_COPY_BYTES, decide_templates, rewrite_headers
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.nic_state import Nic, function_of
from hwmodel.simulation.switch_tables import build_buckets, build_tables, port_list, port_numbers
from hwmodel.wire.ethernet import MIN_UNPADDED_BYTES
from hwmodel.wire.tags import RuntFrameError, parse_header

if TYPE_CHECKING:
    from hwmodel.config import Config

NOMINAL_BYTES = MIN_UNPADDED_BYTES  # of a template when it is decided; OVERSIZE is tested frame by frame
LIST_GROUP = 1  # GRP of the E-CIDs that stand for lists
SENDER_NAMES_IT = -1  # in place of a template's flow: its copies count as offered, each in its own


@dataclass(frozen=True)
class Arrival:
    """Hold a header that comes to an adapter at a port of its switch; port, sender and target by their names.

    `is_onward`: it comes from a bridge, so that its sender's flow has counted it, unless it is for a group.
    """

    number: int  # of its template
    port: int
    sender: str
    target: str
    header: bytes
    is_onward: bool = False
    is_for_group: bool = False


@dataclass(frozen=True)
class Departure:
    """Hold a copy that leaves an adapter by the wire: of which arrival, its kind's number and its header."""

    arrival: Arrival
    copy_kind: int
    header: bytes


class AdapterHeaders:
    """Enter the headers of one server's adapter; `prefix` stands before its ports' names (`a.` of server a)."""

    def __init__(self, nic: Nic, config: Config, book: FlowBook, prefix: str = "", *, has_peer: bool = False) -> None:
        self.nic = nic
        self.has_peer = has_peer
        self.prefix = prefix
        self.switch = config.switch
        self.tables = build_tables(self.switch)
        self.numbers = {
            name if number == UPLINK else prefix + name: number for name, number in port_numbers(config.switch).items()
        }
        self.book = book.of_server(self.numbers) if has_peer else book
        self.names = {number: name for name, number in self.numbers.items()}
        for record, bucket in zip(nic.traffic.policer, build_buckets(config.switch), strict=False):
            for name in bucket.dtype.names:
                record[name] = bucket[name]

    def enter(self, arrivals: Sequence[Arrival]) -> list[Departure]:
        """Decide headers and enter them with their copies; return what leaves by the wire."""
        headers, decisions, refused, frames = self._decide(arrivals)
        sets = [
            (at, decision, which, port)
            for at in range(len(arrivals))
            for decision, which in self._chosen(decisions[at], refused[at])
            for port in port_list(decision[which])
        ]
        copied = _rewritten(arrivals, frames, headers, sets)
        left = iter(zip(sets, copied, strict=True))
        found: list[Departure] = []
        for at, arrival in enumerate(arrivals):
            found += self._enter_one(arrival, headers[at], decisions[at], refused[at], left)
        return found

    def add_list(self, mode: str, number: int, names: Sequence[str]) -> None:
        """Let a list of interfaces that the bridge has set up stand for some stations."""
        stations = tuple(name.removeprefix(self.prefix) for name in names)
        if mode == "vn_tag":
            if self.switch.vif_lists.get(number) == stations:
                return
            update: dict[str, Any] = {"vif_lists": {**self.switch.vif_lists, number: stations}}
        else:
            entry = EcidList.model_construct(group=LIST_GROUP, ecid=number, ports=stations)
            if entry in self.switch.ecid_lists:
                return
            update = {"ecid_lists": (*self.switch.ecid_lists, entry)}
        self.switch = self.switch.model_copy(update=update)
        self.tables = build_tables(self.switch)

    @staticmethod
    def _chosen(decision: Any, refused: Any) -> list[tuple[Any, str]]:
        """Return the sets of ports that get copies, in the order in which the copies stand."""
        sets = [(decision, "egress"), (decision, "mirrored")]
        return [*sets, (refused, "mirrored")] if decision.policer >= 0 else sets

    def _decide(self, arrivals: Sequence[Arrival]) -> tuple[Any, Any, Any, Any]:
        n = len(arrivals)
        frames = np.zeros((n, NOMINAL_BYTES), np.uint8)
        lengths = np.full(n, NOMINAL_BYTES, np.int64)
        for i, arrival in enumerate(arrivals):
            frames[i, : len(arrival.header)] = np.frombuffer(arrival.header, np.uint8)
            if not is_complete(arrival.header):
                lengths[i] = len(arrival.header)
        ports = np.array([arrival.port for arrival in arrivals], np.int64)
        headers = np.zeros(n, HEADER).view(np.recarray)
        decisions = np.zeros(n, DECISION).view(np.recarray)
        refused = np.zeros(n, DECISION).view(np.recarray)
        decide_templates(self.tables, ports, frames, lengths, headers, decisions, refused)
        return headers, decisions, refused, frames

    def _enter_one(self, arrival: Arrival, header: Any, decision: Any, refused: Any, left: Any) -> list[Departure]:
        """Enter one header; `left` gives its copies' headers and those of the ones behind it."""
        record = self.nic.traffic.template[arrival.number]
        record.function = function_of(arrival.port)
        record.reason = decision.reason
        record.longest_bytes = decision.longest_bytes
        record.policer = decision.policer
        record.queue_hash = self.numbers.get(arrival.target, 0)
        record.first_copy = len(self.book.headers)
        ports = port_list(decision.egress)
        record.n_copies = len(ports)
        record.flow = self._flow_of(arrival, ports)
        found = []
        for egress in ports:
            copy_header = next(left)[1]
            number = self._add_copy(arrival, copy_header, egress)
            kind = self.nic.traffic.copy_kind[number]
            kind.flow = self.book.flow(arrival.sender, self.names[egress])
            kind.counts_offered = int(
                record.flow == SENDER_NAMES_IT and (not arrival.is_onward or arrival.is_for_group)
            )
            if egress == UPLINK and self.has_peer:
                kind.counts_offered = 0
                found.append(Departure(arrival, number, copy_header))
        record.n_mirrored = self._add_mirrored(arrival, decision, left)
        if decision.policer >= 0:
            record.n_mirrored_refused = self._add_mirrored(arrival, refused, left)
        return found

    def _flow_of(self, arrival: Arrival, ports: Sequence[int]) -> int:
        """Return the flow that counts a frame when it is offered.

        A copy belongs to the flow to the port that it leaves by, whatever its address: a VEPA sends all frames up. With
        a bridge there the frame's own target counts, and of a group each member.
        """
        if arrival.is_onward or len(ports) > 1:
            return SENDER_NAMES_IT
        if self.has_peer and ports == [UPLINK]:
            return SENDER_NAMES_IT if arrival.is_for_group else self.book.flow(arrival.sender, arrival.target)
        return self.book.flow(arrival.sender, self.names[ports[0]] if ports else arrival.target)

    def _add_mirrored(self, arrival: Arrival, decision: Any, left: Any) -> int:
        """Enter a decision's mirrored copies, which belong to no flow; return how many they are."""
        ports = port_list(decision.mirrored)
        for egress in ports:
            record = self.nic.traffic.copy_kind[self._add_copy(arrival, next(left)[1], egress)]
            record.flow, record.is_mirrored = -1, 1
        return len(ports)

    def _add_copy(self, arrival: Arrival, header: bytes, egress: int) -> int:
        delta_bytes = len(header) - len(arrival.header)
        number = self.book.add_copy(header, egress)
        record = self.nic.traffic.copy_kind[number]
        record.port = egress
        record.function = function_of(egress) if egress > 0 else 0
        record.delta_bytes = delta_bytes
        record.queue_hash = arrival.port
        return number


def _rewritten(
    arrivals: Sequence[Arrival], frames: Any, headers: Any, sets: Sequence[tuple[int, Any, str, int]]
) -> list[bytes]:
    """Return the header of each copy."""
    if not sets:
        return []
    decisions = np.zeros(len(sets), DECISION).view(np.recarray)
    for i, (_, decision, _, _) in enumerate(sets):
        decisions[i] = decision
    at = np.array([each[0] for each in sets], np.int64)
    ports = np.array([each[3] for each in sets], np.int64)
    lengths = np.array([len(arrivals[number].header) for number in at], np.int64)
    out = np.zeros((len(sets), LONGEST_COPY_BYTES), np.uint8)
    rewrite_headers(frames[at], lengths, headers[at], decisions, ports, out)
    return [row[:n].tobytes() for row, n in zip(out, lengths.tolist(), strict=True)]


def is_complete(header: bytes) -> bool:
    """Tell whether a captured frame reaches to the type behind its last tag; only runts do not."""
    try:
        parse_header(header)
    except RuntFrameError:
        return False
    return True
