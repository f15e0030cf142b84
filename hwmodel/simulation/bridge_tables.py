"""What bridges and extenders decide by, from a configuration: ports and VLANs, policies, where addresses belong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.errors import InputError
from hwmodel.forwarding.parse import NO_OUTER_TAG
from hwmodel.forwarding.tables import ANY, VIDS
from hwmodel.machine.network.bridge_state import MAX_ADDRESSES, MAX_HOMES, MAX_LISTED, MAX_POLICY, NOBODY
from hwmodel.machine.network.places import announce, enter_homes
from hwmodel.machine.switch.switch_state import FIRST_GENERATION
from hwmodel.simulation.bridge_ports import OUTSIDE, LogicalPort, PhysicalPort
from hwmodel.simulation.switch_tables import ACL_ACTIONS, OUTER_KINDS
from hwmodel.simulation.topology import Place, Topology

if TYPE_CHECKING:
    from hwmodel.config.bridge import PolicyEntry

BridgeRecord = Any  # an element of a record array of BRIDGE
MOST_SETS = 1024  # of VLANs


def fill_tables(bridges: npt.NDArray[Any], topology: Topology) -> None:
    """Fill in the tables of a fresh record of bridges, given as an array of one."""
    record = bridges[0]
    record.generation = FIRST_GENERATION
    lists = _Lists(record)
    for logical in topology.logical:
        _fill_logical(record, logical)
    for port in topology.ports:
        _fill_port(record, port, topology, lists)
    for at in range(len(topology.bridges)):
        box, beside = record.box[at], topology.bridge_ports
        box.first_logical, box.n_logical = lists.add(one.number for one in beside.logical_of(at))
        box.first_port, box.n_ports = lists.add(port.number for port in beside.ports_of(at))
        box.way_out = beside.way_out[at].number
        box.is_controlling = topology.bridges[at].kind == "controlling"
    for port in topology.ports:
        if port.is_uplink:
            box = record.box[port.box]
            box.uplink = port.number
            below = (one.number for one in topology.ports if one.is_of_extender and one.below and one.box == port.box)
            box.first_port, box.n_ports = lists.add(below)
    _fill_policies(record, topology)
    _enter_places(bridges, topology)


class _Lists:
    """Put lists of numbers one behind the other."""

    def __init__(self, record: BridgeRecord) -> None:
        self._record = record
        self._n = 0

    def add(self, numbers: Iterable[int]) -> tuple[int, int]:
        """Enter a list; return where it begins and how long it is."""
        found = list(numbers)
        first = self._n
        self._n += len(found)
        if self._n > MAX_LISTED:
            raise InputError(f"bridge: more than {MAX_LISTED} logical ports below ports")
        self._record["listed"][first : self._n] = found
        return first, len(found)


def _fill_logical(record: BridgeRecord, logical: LogicalPort) -> None:
    entry, vlans = record.logical_port[logical.number], record.vlans[logical.number]
    entry.port, entry.is_hairpin = logical.port, logical.is_hairpin
    entry.interface = NOBODY if logical.interface is None else logical.interface
    entry.native_vlan = logical.native_vlan or 0
    if logical.wire_vlan is not None:
        entry.wire_vlan, entry.inner_vlan = logical.wire_vlan, next(iter(logical.vlans))
    entry.server, entry.station = logical.server or 0, logical.station
    vlans.members[:], vlans.untagged[:] = _bits_of(logical.vlans), _bits_of(logical.untagged)


def _bits_of(vlans: Collection[int]) -> Any:
    return _bits(vlans if isinstance(vlans, range) else tuple(vlans))


@lru_cache(maxsize=MOST_SETS)
def _bits(vlans: Collection[int]) -> Any:
    is_in = np.zeros(VIDS, bool)
    is_in[list(vlans)] = True
    return np.packbits(is_in, bitorder="little").view("<u4").astype(np.int64)


def _fill_port(record: BridgeRecord, port: PhysicalPort, topology: Topology, lists: _Lists) -> None:
    entry = record.port[port.number]
    entry.root, entry.bridge, entry.server = port.root, port.bridge, NOBODY if port.server is None else port.server
    entry.outer_kind = OUTER_KINDS.get(port.mode, NO_OUTER_TAG)
    entry.has_interfaces, entry.is_of_extender = port.has_interfaces, port.is_of_extender
    entry.is_uplink, entry.is_wire = port.is_uplink, bool(port.to)
    entry.first_logical, entry.n_logical = lists.add(logical.number for logical in port.logical)
    entry.first_below, entry.n_below = lists.add(port.below)
    entry.first_taken, entry.n_taken = lists.add(sorted(port.taken_lists))
    entry.own_logical = topology.own.get(port.number, NOBODY)
    entry.groups = NOBODY if port.groups is None else port.groups.number
    for own in (entry.own_logical, entry.groups):
        if own != NOBODY:
            logical = record.logical_port[own]
            logical.port, logical.interface = port.number, NOBODY


def _fill_policies(record: BridgeRecord, topology: Topology) -> None:
    """Enter the policies of all bridges, one behind the other."""
    at = 0
    for number, bridge in enumerate(topology.bridges):
        box = record.box[number]
        box.first_policy, box.n_policy = at, len(bridge.policy)
        if at + len(bridge.policy) > MAX_POLICY:
            raise InputError(f"bridge.policy: more than {MAX_POLICY} entries")
        for entry in bridge.policy:
            _fill_policy(record.policy[at], entry, topology)
            at += 1


def _fill_policy(row: Any, entry: PolicyEntry, topology: Topology) -> None:
    fixed = {"all": ANY, OUTSIDE: 0}
    row.port = fixed[entry.port] if entry.port in fixed else topology.stations[entry.port]
    for name in ("source", "destination", "vlan", "ethertype"):
        value = getattr(entry, name)
        row[name] = ANY if value is None else value
    row.action, row.priority = ACL_ACTIONS[entry.action], entry.priority or 0
    row.policer = next((i for i, each in enumerate(topology.policers) if each is entry), NOBODY)


def _enter_places(bridges: npt.NDArray[Any], topology: Topology) -> None:
    homes = _columns(topology.homes())
    if len(homes[0]) > MAX_HOMES // 2:
        raise InputError(f"bridge: more than {MAX_HOMES // 2} addresses in VLANs")
    enter_homes(bridges, *homes)
    announce(bridges, *_columns(topology.announced()))
    check_addresses(bridges[0])


def check_addresses(record: BridgeRecord) -> None:
    """Raise InputError where a bridge's table has no room for all addresses."""
    if int(record.n_addresses) >= MAX_ADDRESSES:
        raise InputError(f"bridge: more than {MAX_ADDRESSES} addresses")


def _columns(places: Iterable[Place]) -> Sequence[npt.NDArray[np.int64]]:
    return list(np.array(list(places), np.int64).reshape(-1, 4).T.copy())
