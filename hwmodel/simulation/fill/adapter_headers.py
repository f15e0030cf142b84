"""Enter into the machine the frame headers that arrive at adapters, and the tables of their switches and steering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import give
from hwmodel.config import Server, vms_of
from hwmodel.config.names import UPLINK as OUTSIDE
from hwmodel.config.names import uplink_of
from hwmodel.config.steering import FlowFilter, Steering, TupleFilter
from hwmodel.errors import InputError
from hwmodel.forwarding.header_store import MAX_COPY_KINDS, TEMPLATE_HEADER
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.forwarding.steering import DROPPED, NO_DIRECTOR, PERFECT, SIGNATURE, SLOTS
from hwmodel.forwarding.tables import ANY, NO_VLAN
from hwmodel.machine.counts.flow_state import MAX_FLOWS
from hwmodel.machine.switch.decisions import ON_THE_WIRE
from hwmodel.machine.switch.switch_state import FIRST_GENERATION
from hwmodel.rules.steering import HASH_BITS, KEY_BYTES, PROTOCOLS
from hwmodel.simulation.fill.access_lists import address_words
from hwmodel.simulation.fill.nic_state import Nic, function_of
from hwmodel.simulation.fill.switch_tables import build_buckets, fill_tables, port_numbers
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, frame_hashes, scan_headers
from hwmodel.wire.tags import TAG_OFFSET, RuntFrameError, parse_header
from hwmodel.workload.traffic import FrameTemplate

HASH_MASK = (1 << HASH_BITS) - 1


def fill_switch(nic: Nic, server: Server, stations: Mapping[str, int], *, has_peer: bool) -> None:
    """Fill in the tables and policers of the switch at each of an adapter's ports; `stations`: numbers by name."""
    nic.headers.generation = FIRST_GENERATION
    config, n_buckets = server.config, 0
    for at, name in enumerate(config.switched_ports):
        own, switch = config.switch.at_port(name), nic["port"][at]["switch"]
        ports, steering = port_numbers(own), config.nic.steering
        if steering is not None:
            steering = steering.at_port(ports)
        type_filters = () if steering is None else steering.ethertype_filters
        fill_tables(nic["port"]["switch"]["tables"][at : at + 1], own, type_filters, n_buckets)
        switch.others_changed, switch.has_peer = FIRST_GENERATION, has_peer
        numbers = [station.number for station in own.ports]
        switch["function"][numbers] = [function_of(number) for number in numbers]
        fill_steering(switch["steering"], steering, ports)
        switch["station"][numbers] = [stations[server.station(station.name)] for station in own.ports]
        switch["station"][UPLINK] = stations[uplink_of("" if has_peer else name)]
        buckets = build_buckets(own)
        first, n_buckets = n_buckets, n_buckets + len(buckets)
        nic.traffic.policer[first:n_buckets] = buckets


def numbers_at(server: Server, uplinks: Iterable[str] = (OUTSIDE,)) -> dict[str, int]:
    """Return the numbers of a server's switch ports by who is there, those outside, called `uplinks`, among them."""
    return {**dict.fromkeys(uplinks, UPLINK), **{name: vm.port.number for name, vm in vms_of([server]).items()}}


def headers_of(templates: Sequence[FrameTemplate], stations: Mapping[str, int]) -> npt.NDArray[Any]:
    """Return the headers of a workload, one TEMPLATE_HEADER each, the ingress port not yet set."""
    found = np.zeros(len(templates), TEMPLATE_HEADER)
    headers = [template.header for template in templates]
    found["n_bytes"] = list(map(len, headers))
    longest = max(1, int(found["n_bytes"].max(initial=0)))
    padded = np.array(headers, f"S{longest}")
    found["octets"][:, :longest] = padded.view(np.uint8).reshape(len(templates), longest)
    behind = [header[TAG_OFFSET:] for header in headers]
    are_whole = {each: is_complete(bytes(TAG_OFFSET) + each) for each in set(behind)}
    found["is_whole"] = [are_whole[each] for each in behind]
    found["sender"] = [stations[template.source] for template in templates]
    found["target"] = [stations[template.target] for template in templates]
    return found


def flow_hashes(templates: Sequence[FrameTemplate]) -> npt.NDArray[np.int64]:
    """Return for each header the flow hash by which its sender chooses the Tx ring; -1 for one that is of no flow."""
    found = np.full(len(templates), -1, np.int64)
    rows = np.array([at for at, template in enumerate(templates) if template.flow_bytes], np.int64)
    if len(rows):
        text = b"".join(templates[at].header[:RSS_PREFIX_BYTES].ljust(RSS_PREFIX_BYTES, b"\0") for at in rows)
        prefix = np.frombuffer(text, np.uint8).reshape(len(rows), RSS_PREFIX_BYTES)
        n_bytes = np.array([len(templates[at].header) for at in rows], np.int64)
        scan = scan_headers(prefix, n_bytes)
        hashes = frame_hashes(prefix, n_bytes, scan.n_bytes, scan.ethertype) & HASH_MASK
        found[rows] = np.where(scan.ethertype == EtherType.ARP, -1, hashes)
    return found


def make_room(nic: Nic, n_headers: int, n_own: int) -> None:
    """Make room for all headers of a workload at an adapter, and for what is decided on those of its own stations."""
    for table in (nic.headers.template_header, nic.traffic.template, nic.virtual_switch.flow_cache.header):
        give(table, n_headers)
    decided = (nic.headers.copy_header, nic.traffic.copy_kind, nic.ledger.flow, nic.ledger.directory.ends)
    for table in decided:
        give(table, min(n_own + 1, int(table.most)))


def enter_headers(
    nic: Nic, headers: npt.NDArray[Any], numbers: npt.NDArray[np.int64], hashes: npt.NDArray[np.int64]
) -> None:
    """Enter the headers of a workload that reach an adapter from its stations or from outside.

    `numbers`: of these headers. `hashes`: of all headers, from `flow_hashes`; a header without one takes the Tx ring of
    its target's port number.
    """
    n_switches = 1 if nic.virtual_switch.bond.params.n_legs else int(nic.params.n_ports)
    switches, templates = nic["port"]["switch"][:n_switches], nic["traffic"]["template"]
    own = headers[numbers]
    last = max(int(each.max(initial=0)) for each in (own["sender"], own["target"], switches["station"]))
    port_of, adapter_port_of, is_outside = np.zeros((3, last + 1), np.int64)
    is_outside[0], has_peer = 1, int(switches["has_peer"][0])
    for at, of_ports in enumerate(switches["station"]):
        here = np.flatnonzero(of_ports[UPLINK + 1 :] > 0) + UPLINK + 1
        port_of[of_ports[here]], adapter_port_of[of_ports[here]] = here, at
        is_outside[of_ports[UPLINK]], adapter_port_of[of_ports[UPLINK]] = 1, 0 if has_peer else at
    is_from_outside = is_outside[own["sender"]] != 0
    own["port"] = adapter_port_of[own["sender"]]
    own["ingress"] = np.where(is_from_outside, ON_THE_WIRE if has_peer else UPLINK, port_of[own["sender"]])
    nic["headers"]["template_header"][numbers] = own
    # Switch ports and functions are numbered through the whole adapter, so this holds at every Ethernet port.
    templates["function"][numbers] = np.where(is_from_outside, function_of(UPLINK), own["ingress"] + function_of(0))
    templates["queue_hash"][numbers] = np.where(hashes[numbers] < 0, port_of[own["target"]], hashes[numbers])


def check_room(nics: Sequence[Nic]) -> None:
    """Raise InputError where there are more flows, or kinds of copies, than adapters have room for."""
    if max(int(nic.ledger.directory.n) for nic in nics) >= MAX_FLOWS:
        raise InputError(f"workload: more than {MAX_FLOWS} flows between ports")
    if max(int(nic.headers.n_copy_kinds) for nic in nics) >= MAX_COPY_KINDS:
        most = MAX_COPY_KINDS
        raise InputError(f"workload: more than {most} kinds of copies; fewer templates or receivers")


def is_complete(header: bytes) -> bool:
    """Tell whether a captured frame is long enough to contain the EtherType behind its last tag (False for runts)."""
    try:
        parse_header(header)
    except RuntFrameError:
        return False
    return True


DIRECTORS = {"perfect": PERFECT, "signature": SIGNATURE}


def fill_steering(record: Any, steering: Steering | None, ports: Mapping[str, int]) -> None:
    """Fill a zeroed STEERING, which stays off without `nic.steering`. `ports`: port numbers by name."""
    if steering is None:
        return
    record.is_on = 1
    key = bytes.fromhex(steering.rss.key_digits)
    record.key[:] = [int.from_bytes(key[at : at + 4], "big") for at in range(0, KEY_BYTES, 4)]
    entries, table = steering.rss.entries, steering.rss.table
    record.table_mask = entries - 1
    record.table[:entries] = [table[at % len(table)] for at in range(entries)]
    for one, filled in zip(steering.tuple_filters, record.tuple_filter, strict=False):
        _fill_filter(filled, one, ports)
        filled.priority = one.priority
    record.n_tuple_filters = len(steering.tuple_filters)
    director = steering.flow_director
    record.director = NO_DIRECTOR
    if director is None:
        return
    record.director, record.atr = DIRECTORS[director.mode], director.atr
    is_perfect = director.mode == "perfect"
    record.capacity = director.capacity
    give(record.slot, SLOTS)
    give(record.signature, director.capacity)
    for flow, filled in zip(director.filters, give(record.flow_filter, len(director.filters)), strict=False):
        _fill_filter(filled, flow, ports)
        filled.flow.vlan = flow.vlan if flow.vlan is not None else ANY if is_perfect else NO_VLAN
    record.n_flow_filters = len(director.filters)


def _fill_filter(record: Any, one: TupleFilter | FlowFilter, ports: Mapping[str, int]) -> None:
    record.port = ANY if one.pool is None else ports[one.pool]
    record.queue = DROPPED if one.queue == "drop" else one.queue
    flow = record.flow
    flow.vlan = ANY
    flow.protocol = ANY if one.protocol is None else PROTOCOLS[one.protocol]
    for name in ("source_port", "destination_port"):
        port = getattr(one, name)
        flow[name] = 0 if one.protocol == "other" else ANY if port is None else port
    version = ANY
    for name in ("source", "destination"):
        address: IPv4Address | IPv6Address | None = getattr(one, name)
        if address is not None:
            version = address.version
            record[f"has_{name}"] = 1
            flow[name][:] = address_words(int(address))
    flow.version = version
