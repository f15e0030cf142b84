"""The headers that come to adapters, and the tables that their switches decide by, entered into the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.errors import InputError
from hwmodel.forwarding.header_store import HEADER_ROOM, MAX_COPY_KINDS, TEMPLATE_HEADER
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.flow_state import MAX_FLOWS
from hwmodel.machine.switch.decisions import ON_THE_WIRE
from hwmodel.machine.switch.switch_state import FIRST_GENERATION
from hwmodel.simulation.nic_state import Nic, function_of
from hwmodel.simulation.steering_state import fill_steering
from hwmodel.simulation.switch_tables import build_buckets, build_tables, port_numbers
from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, frame_hashes, scan_headers
from hwmodel.wire.tags import TAG_OFFSET, RuntFrameError, parse_header
from hwmodel.workload.traffic import FrameTemplate

if TYPE_CHECKING:
    from hwmodel.config import Config, Switch
    from hwmodel.config.steering import EthertypeFilter

HASH_MASK = 0x7FFFFFFF
MOST_TABLES = 16  # half a MB each
MOST_TYPES = 1024  # of headers behind their addresses


class _Content:
    """Stand for what a switch's configuration says."""

    def __init__(self, switch: Switch, type_filters: Sequence[EthertypeFilter]) -> None:
        self.switch, self.type_filters = switch, type_filters
        self._text = switch.model_dump_json() + "".join(one.model_dump_json() for one in type_filters)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._text == other._text


@lru_cache(maxsize=MOST_TABLES)
def _tables_of(content: _Content) -> Any:
    """Return the tables of a switch, which nobody changes: runs that differ in something else ask again."""
    return build_tables(content.switch, content.type_filters)


def fill_switch(nic: Nic, config: Config, first_station: int, *, has_peer: bool) -> None:
    """Fill in the tables and policers of an adapter; `first_station`: the number of its first station, less 1."""
    nic.headers.generation = FIRST_GENERATION
    type_filters = () if config.nic.steering is None else config.nic.steering.ethertype_filters
    tables, numbers = (
        _tables_of(_Content(config.switch, type_filters))[0],
        [port.number for port in config.switch.ports],
    )
    for port in nic["port"]:
        switch = port["switch"]
        switch.others_changed, switch.has_peer, switch["tables"] = FIRST_GENERATION, has_peer, tables
        switch["function"][numbers] = [function_of(number) for number in numbers]
        fill_steering(switch["steering"], config)
        switch["station"][numbers] = first_station + np.arange(1, len(numbers) + 1)
    for record, bucket in zip(nic.traffic.policer, build_buckets(config.switch), strict=False):
        for name in bucket.dtype.names:
            record[name] = bucket[name]


def prefixed_numbers(switch: Switch, prefix: str) -> dict[str, int]:
    """Return the numbers of a switch's ports by their names in the whole system."""
    return {name if number == UPLINK else prefix + name: number for name, number in port_numbers(switch).items()}


def headers_of(templates: Sequence[FrameTemplate], stations: Mapping[str, int]) -> npt.NDArray[Any]:
    """Return the headers of a workload, one TEMPLATE_HEADER each; by which port they come is not said yet."""
    found = np.zeros(len(templates), TEMPLATE_HEADER)
    text = b"".join(template.header.ljust(HEADER_ROOM, b"\0") for template in templates)
    found["octets"] = np.frombuffer(text, np.uint8).reshape(len(templates), HEADER_ROOM)
    found["n_bytes"] = [len(template.header) for template in templates]
    found["is_whole"] = [is_complete(template.header) for template in templates]
    found["sender"] = [stations[template.source] for template in templates]
    found["target"] = [stations[template.target] for template in templates]
    return found


def flow_hashes(templates: Sequence[FrameTemplate]) -> npt.NDArray[np.int64]:
    """Return by what their senders choose a Tx ring for the headers that say something of a flow; -1 for the others."""
    found = np.full(len(templates), -1, np.int64)
    rows = np.array([at for at, template in enumerate(templates) if template.flow_bytes], np.int64)
    if len(rows):
        text = b"".join(templates[at].header.ljust(RSS_PREFIX_BYTES, b"\0") for at in rows)
        prefix = np.frombuffer(text, np.uint8).reshape(len(rows), RSS_PREFIX_BYTES)
        n_bytes = np.array([len(templates[at].header) for at in rows], np.int64)
        scan = scan_headers(prefix, n_bytes)
        found[rows] = frame_hashes(prefix, n_bytes, scan.n_bytes, scan.ethertype) & HASH_MASK
    return found


def enter_headers(
    nic: Nic, headers: npt.NDArray[Any], numbers: npt.NDArray[np.int64], hashes: npt.NDArray[np.int64]
) -> None:
    """Enter those of a workload's headers that come to an adapter from its stations or from outside.

    `hashes`: of all of them, as `flow_hashes` has them; who has none goes through the ring of the target's number.
    """
    switch, templates = nic["port"][0]["switch"], nic["traffic"]["template"]
    own = headers[numbers]
    last = max(int(each.max(initial=0)) for each in (own["sender"], own["target"], switch["station"]))
    port_of = np.zeros(last + 1, np.int64)
    port_of[switch["station"]] = np.arange(len(switch["station"])) * (switch["station"] > 0)
    is_from_outside = own["sender"] == 0
    own["port"] = np.where(is_from_outside, ON_THE_WIRE if switch.has_peer else UPLINK, port_of[own["sender"]])
    nic["headers"]["template_header"][numbers] = own
    templates["function"][numbers] = np.where(is_from_outside, function_of(UPLINK), switch["function"][own["port"]])
    templates["queue_hash"][numbers] = np.where(hashes[numbers] < 0, port_of[own["target"]], hashes[numbers])


def check_room(nics: Sequence[Nic]) -> None:
    """Raise InputError where there are more flows, or kinds of copies, than adapters have room for."""
    if max(int(nic.ledger.directory.n) for nic in nics) >= MAX_FLOWS:
        raise InputError(f"workload: more than {MAX_FLOWS} flows between ports")
    if max(int(nic.headers.n_copy_kinds) for nic in nics) >= MAX_COPY_KINDS:
        most = MAX_COPY_KINDS
        raise InputError(f"workload: more than {most} kinds of copies; fewer templates or receivers")


def is_complete(header: bytes) -> bool:
    """Tell whether a captured frame reaches to the type behind its last tag; only runts do not."""
    return len(header) >= TAG_OFFSET and _is_complete(header[TAG_OFFSET:])


@lru_cache(maxsize=MOST_TYPES)
def _is_complete(behind_addresses: bytes) -> bool:
    try:
        parse_header(bytes(TAG_OFFSET) + behind_addresses)
    except RuntFrameError:
        return False
    return True
