"""The headers that come to an adapter, and the tables that its switch decides by, entered into the machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hwmodel.config.switch import EcidList
from hwmodel.errors import InputError
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.forwarding.templates import MAX_COPY_KINDS, UNKNOWN
from hwmodel.machine.counts.flow_state import MAX_FLOWS
from hwmodel.machine.switch.decisions import ON_THE_WIRE, decide_templates
from hwmodel.machine.switch.switch_state import FIRST_GENERATION
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.nic_state import State, function_of
from hwmodel.simulation.switch_tables import build_buckets, build_tables, port_numbers
from hwmodel.wire.tags import RuntFrameError, parse_header

if TYPE_CHECKING:
    from hwmodel.config import Config, Switch

LIST_GROUP = 1  # GRP of the E-CIDs that stand for lists
MOST_TABLES = 16  # half a MB each


class Arrival(NamedTuple):
    """Hold a header that comes to an adapter at a port of its switch; sender and target by their names."""

    number: int  # of its template
    port: int
    sender: str
    target: str
    header: bytes


class Departure(NamedTuple):
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
    """Enter the headers of one server's adapter; `prefix` stands before its ports' names (`a.` of server a).

    `state`: a one-element array of SERVER.
    """

    def __init__(self, state: State, config: Config, book: FlowBook, prefix: str = "", *, has_peer: bool = False) -> None:
        self.state = state
        self.nic = nic = state[0]
        self.prefix = prefix
        self.switch = config.switch
        self.numbers = {
            name if number == UPLINK else prefix + name: number for name, number in port_numbers(config.switch).items()
        }
        self.book = book.of_server(nic, self.numbers) if has_peer else book
        switch = nic.switch
        switch.generation = switch.others_changed = FIRST_GENERATION
        switch.has_peer = has_peer
        switch.first_station = min(self.book.stations[name] - number for name, number in self.numbers.items() if number)
        switch.n_stations = len(self.numbers) - 1
        self._fill_tables()
        for record, bucket in zip(nic.traffic.policer, build_buckets(config.switch), strict=False):
            for name in bucket.dtype.names:
                record[name] = bucket[name]

    def _fill_tables(self) -> None:
        self.nic["switch"]["tables"] = _tables_of(_Content(self.switch))[0]

    def enter(self, arrivals: Sequence[Arrival]) -> list[Departure]:
        """Enter headers, and decide on them; return what leaves by the wire to a bridge."""
        if not arrivals:
            return []
        numbers = np.array([arrival.number for arrival in arrivals], np.int64)
        self._enter_headers(arrivals, numbers)
        decide_templates(self.state, numbers)
        self._check_room()
        return list(self._departures(arrivals, numbers))

    def _enter_headers(self, arrivals: Sequence[Arrival], numbers: Any) -> None:
        nic, stations = self.nic, self.book.stations
        headers, templates = nic["switch"]["template_header"], nic["traffic"]["template"]
        lengths = np.array([len(arrival.header) for arrival in arrivals])
        room = headers["octets"].shape[1]
        text = b"".join(arrival.header.ljust(room, b"\0") for arrival in arrivals)
        headers["octets"][numbers] = np.frombuffer(text, np.uint8).reshape(len(arrivals), room)
        headers["n_bytes"][numbers] = lengths
        headers["is_whole"][numbers] = [is_complete(arrival.header) for arrival in arrivals]
        headers["port"][numbers] = [arrival.port for arrival in arrivals]
        headers["sender"][numbers] = [stations[arrival.sender] for arrival in arrivals]
        headers["target"][numbers] = [stations[arrival.target] for arrival in arrivals]
        templates["function"][numbers] = [max(function_of(arrival.port), -1) for arrival in arrivals]
        templates["queue_hash"][numbers] = [self.numbers.get(arrival.target, 0) for arrival in arrivals]

    def _check_room(self) -> None:
        """Raise InputError where there are more flows, or kinds of copies, than the state has room for."""
        if int(self.nic.ledger.directory.n) >= MAX_FLOWS:
            raise InputError(f"workload: more than {MAX_FLOWS} flows between ports")
        if self.nic.clock.overflow or int(self.nic.switch.n_copy_kinds) > MAX_COPY_KINDS:
            most = MAX_COPY_KINDS
            raise InputError(f"workload: more than {most} kinds of copies; fewer templates or receivers")

    def _departures(self, arrivals: Sequence[Arrival], numbers: Any) -> Any:
        if not self.nic.switch.has_peer:
            return
        templates, kinds = self.nic["traffic"]["template"][numbers], self.nic["traffic"]["copy_kind"]
        headers = self.book.headers
        ends = zip(arrivals, templates["first_copy"].tolist(), templates["n_copies"].tolist(), strict=True)
        for arrival, first, n in ends:
            for number in range(first, first + n):
                is_from_outside = arrival.port == ON_THE_WIRE
                if is_from_outside or (kinds["port"][number] == UPLINK and kinds["next_template"][number] == UNKNOWN):
                    yield Departure(arrival, number, headers[number])

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
        self._fill_tables()


def is_complete(header: bytes) -> bool:
    """Tell whether a captured frame reaches to the type behind its last tag; only runts do not."""
    try:
        parse_header(header)
    except RuntFrameError:
        return False
    return True
