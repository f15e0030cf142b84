"""What an adapter does with each header of a workload: decided once before the run, and entered into its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hwmodel.config.switch import EcidList
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.forwarding.templates import ANY_LENGTH, LONGEST_COPY_BYTES, decide_templates, rewrite_headers
from hwmodel.rules.ethernet import MIN_UNPADDED_BYTES
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.nic_state import Nic, function_of
from hwmodel.simulation.switch_tables import build_buckets, build_tables, numbers_in, port_numbers
from hwmodel.wire.tags import RuntFrameError, parse_header

if TYPE_CHECKING:
    from hwmodel.config import Config, Switch

NOMINAL_BYTES = MIN_UNPADDED_BYTES  # of a template when it is decided; OVERSIZE is tested frame by frame
LIST_GROUP = 1  # GRP of the E-CIDs that stand for lists
SENDER_NAMES_IT = -1  # in place of a template's flow: its copies count as offered, each in its own
MOST_TABLES = 16  # half a MB each
MOST_DECIDED = 8  # sets of headers
REFUSED = 2  # the set of copies that are mirrored where a policer refuses the frame
KIND_COLUMNS = ("port", "function", "delta_bytes", "flow", "queue_hash", "is_mirrored", "counts_offered")


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


class _Content:
    """Stand for what a switch's configuration says."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self._text = switch.model_dump_json()

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._text == other._text


@lru_cache(maxsize=MOST_TABLES)
def _tables_of(content: _Content) -> Any:
    """Return the tables of a switch, which nobody changes: runs that differ in something else ask again."""
    return build_tables(content.switch)


class AdapterHeaders:
    """Enter the headers of one server's adapter; `prefix` stands before its ports' names (`a.` of server a)."""

    def __init__(self, nic: Nic, config: Config, book: FlowBook, prefix: str = "", *, has_peer: bool = False) -> None:
        self.nic = nic
        self.has_peer = has_peer
        self.prefix = prefix
        self.switch = config.switch
        self._content = _Content(self.switch)
        self.tables = _tables_of(self._content)
        self.numbers = {
            name if number == UPLINK else prefix + name: number for name, number in port_numbers(config.switch).items()
        }
        self.book = book.of_server(self.numbers) if has_peer else book
        self.entered: list[int] = []  # the numbers of templates
        self.names = {number: name for name, number in self.numbers.items()}
        for record, bucket in zip(nic.traffic.policer, build_buckets(config.switch), strict=False):
            for name in bucket.dtype.names:
                record[name] = bucket[name]

    def enter(self, arrivals: Sequence[Arrival]) -> list[Departure]:
        """Decide headers and enter them with their copies; return what leaves by the wire."""
        decided, copies, copy_headers = _decided_of(self._content, tuple(arrivals))
        first_copy = len(self.book.headers)
        forwarded = _forwarded(len(arrivals), copies)
        flows: list[int] = []  # those of a header stand before those of its copies
        kinds: list[tuple[int, ...]] = []
        left: list[Departure] = []
        for copy, header in zip(copies, copy_headers, strict=True):
            arrival = arrivals[copy.of]
            self._add_flows(flows, arrivals, forwarded, copy.of + 1)
            number = self.book.add_copy(header, copy.port)
            leaves = copy.port == UPLINK and self.has_peer and not copy.is_mirrored
            if leaves:
                left.append(Departure(arrival, number, header))
            named = copy.is_mirrored or leaves
            flow = -1 if named else self.book.flow(arrival.sender, self.names[copy.port])
            counts = not named and flows[copy.of] < 0 and (not arrival.is_onward or arrival.is_for_group)
            function = function_of(copy.port) if copy.port > 0 else 0
            delta_bytes = len(header) - len(arrival.header)
            kinds.append((copy.port, function, delta_bytes, flow, arrival.port, copy.is_mirrored, counts))
        self._add_flows(flows, arrivals, forwarded, len(arrivals))
        _enter_columns(
            self.nic["traffic"]["copy_kind"], slice(first_copy, first_copy + len(kinds)), KIND_COLUMNS, kinds
        )
        self._enter_templates(arrivals, decided, flows, copies, first_copy)
        return left

    def _enter_templates(
        self, arrivals: Sequence[Arrival], decided: _Decided, flows: Sequence[int], copies: Sequence[_Copy], first: int
    ) -> None:
        """Enter what was decided of the headers themselves; `first`: the number of their first copy."""
        into = self.nic["traffic"]["template"]
        at = [arrival.number for arrival in arrivals]
        self.entered += at
        into["longest_bytes"][at] = np.minimum(decided.decisions["longest_bytes"], ANY_LENGTH)
        for name in ("reason", "policer"):
            into[name][at] = decided.decisions[name]
        counts = np.zeros((3, len(arrivals)), np.int64)
        for copy in copies:
            counts[copy.which, copy.of] += 1
        into["first_copy"][at] = first + np.cumsum([0, *counts.sum(axis=0)])[:-1]
        into["n_copies"][at], into["n_mirrored"][at], into["n_mirrored_refused"][at] = counts
        into["function"][at] = [function_of(arrival.port) for arrival in arrivals]
        into["queue_hash"][at] = [self.numbers.get(arrival.target, 0) for arrival in arrivals]
        into["flow"][at] = flows

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
        self._content = _Content(self.switch)
        self.tables = _tables_of(self._content)

    def _add_flows(
        self, flows: list[int], arrivals: Sequence[Arrival], forwarded: Sequence[Sequence[int]], n: int
    ) -> None:
        """Let the list of flows have those of the first n headers."""
        for at in range(len(flows), n):
            flows.append(self._flow_of(arrivals[at], forwarded[at]))

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


class _Decided(NamedTuple):
    """Hold what was parsed and decided of n headers, and what becomes of them if their policers refuse the frame."""

    headers: Any
    decisions: Any
    refused: Any
    frames: Any


def _decide(tables: Any, arrivals: Sequence[Arrival]) -> _Decided:
    n = len(arrivals)
    frames = np.zeros((n, NOMINAL_BYTES), np.uint8)
    lengths = np.full(n, NOMINAL_BYTES, np.int64)
    for i, arrival in enumerate(arrivals):
        frames[i, : len(arrival.header)] = np.frombuffer(arrival.header, np.uint8)
        if not is_complete(arrival.header):
            lengths[i] = len(arrival.header)
    ports = np.array([arrival.port for arrival in arrivals], np.int64)
    headers = np.zeros(n, HEADER)
    decisions = np.zeros(n, DECISION)
    refused = np.zeros(n, DECISION)
    decide_templates(tables, ports, frames, lengths, headers, decisions, refused)
    return _Decided(headers, decisions, refused, frames)


class _Copy(NamedTuple):
    """Hold a copy: of which header, to which of its sets (`_SETS`) it belongs, by which port it leaves."""

    of: int
    which: int
    port: int

    @property
    def is_mirrored(self) -> bool:
        return self.which > 0


@lru_cache(maxsize=MOST_DECIDED)
def _decided_of(content: _Content, arrivals: tuple[Arrival, ...]) -> tuple[_Decided, list[_Copy], list[bytes]]:
    """Return what a switch decides of headers, with their copies and the headers of these; nobody changes them.

    Runs that differ in neither the switch nor the headers ask again.
    """
    decided = _decide(_tables_of(content), arrivals)
    copies = _copies_of(decided)
    return decided, copies, _rewritten(arrivals, decided, copies)


def _copies_of(decided: _Decided) -> list[_Copy]:
    """Return the copies of all headers in the order in which they stand: forwarded, mirrored, mirrored if refused."""
    egress = decided.decisions["egress"]["word"].tolist()
    mirrored = decided.decisions["mirrored"]["word"].tolist()
    of_refused = decided.refused["mirrored"]["word"].tolist()
    found = []
    for at, policer in enumerate(decided.decisions["policer"].tolist()):
        sets = (egress[at], mirrored[at], of_refused[at]) if policer >= 0 else (egress[at], mirrored[at])
        for which, words in enumerate(sets):
            found += [_Copy(at, which, port) for port in numbers_in(words)]
    return found


def _forwarded(n: int, copies: Sequence[_Copy]) -> list[list[int]]:
    """Return of each header the ports that it is forwarded to."""
    found: list[list[int]] = [[] for _ in range(n)]
    for copy in copies:
        if copy.which == 0:
            found[copy.of].append(copy.port)
    return found


def _enter_columns(into: Any, rows: Any, names: Sequence[str], values: Sequence[tuple[int, ...]]) -> None:
    if values:
        for name, column in zip(names, zip(*values, strict=True), strict=True):
            into[name][rows] = column


def _rewritten(arrivals: Sequence[Arrival], decided: _Decided, copies: Sequence[_Copy]) -> list[bytes]:
    """Return the header of each copy."""
    if not copies:
        return []
    at = np.array([copy.of for copy in copies], np.int64)
    is_of_refused = np.array([copy.which == REFUSED for copy in copies])
    decisions = decided.decisions[at]
    decisions[is_of_refused] = decided.refused[at[is_of_refused]]
    ports = np.array([copy.port for copy in copies], np.int64)
    lengths = np.array([len(arrivals[number].header) for number in at.tolist()], np.int64)
    out = np.zeros((len(copies), LONGEST_COPY_BYTES), np.uint8)
    rewrite_headers(decided.frames[at], lengths, decided.headers[at], decisions, ports, out)
    return [row[:n].tobytes() for row, n in zip(out, lengths.tolist(), strict=True)]


def is_complete(header: bytes) -> bool:
    """Tell whether a captured frame reaches to the type behind its last tag; only runts do not."""
    try:
        parse_header(header)
    except RuntFrameError:
        return False
    return True
