"""The state of bridges at time 0, and of the wires that end at them, from a configuration and its `Topology`.

It includes the tables that bridges and extenders forward by: ports and VLANs, policies, where addresses belong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.config import queue_bytes, vms_of
from hwmodel.config.bridge import OUTSIDE, Bridge, Extender, PolicyEntry
from hwmodel.config.bridge_ports import ALL_VLANS, LogicalPort, PhysicalPort
from hwmodel.config.guards import GUARDS
from hwmodel.config.lookup import Network, own_ips
from hwmodel.config.made_up import Connections
from hwmodel.config.topology import Place, Topology
from hwmodel.errors import InputError
from hwmodel.machine.network.bridge import HEADER_BYTES
from hwmodel.machine.network.bridge_state import MAX_ADDRESSES, NOBODY, OWN_LOGICAL_PORTS, OWN_PORTS
from hwmodel.machine.network.places import announce, enter_homes
from hwmodel.machine.switch.switch_state import FIRST_GENERATION
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.switch_modes import MODES
from hwmodel.simulation.fill.access_lists import bits_of, fill_access_lists, fill_ips
from hwmodel.simulation.fill.bridge_mirrors import bits_of_vlans, fill_mirrors
from hwmodel.simulation.fill.flow_control import fill_bridge_flow_control
from hwmodel.simulation.fill.nic_state import Nic
from hwmodel.simulation.fill.switch_tables import fill_bucket
from hwmodel.units import fs_per_byte
from hwmodel.wire.ethernet import UNTAGGED_HEADER_BYTES, wire_bytes
from hwmodel.workload.traffic import Workload

BridgeRecord = Any  # an element of a record array of BRIDGE
LONGEST_BURST_FS = NEVER // 2  # longer than any run


def fill_bridges(array: np.ndarray, topology: Topology) -> None:
    """Set up all bridges, without any frame in them, in a fresh record given as an array of one."""
    record, bridges, ports = array[0], topology.bridges, topology.ports
    record.clock.next_at[:] = NEVER
    record.first_free = record.watched.first = record.watched.last = NOBODY
    record.params.n_ports, record.params.n_logical_ports = len(ports), topology.n_logical_ports
    record.params.n_outer_ports = sum(port.joined is None for port in ports)
    boxes: list[Bridge | Extender] = [*bridges, *(one for bridge in bridges for one in bridge.extenders.values())]
    _fill_boxes(record, boxes)
    for bridge, box in zip(bridges, record.box, strict=False):
        box.params.learns = bridge.kind == "learning"
        box.params.table_entries, box.params.ageing_fs = bridge.table, bridge.ageing_fs
    _fill_ports(record, boxes, ports)
    _fill_levels(record, topology)
    fill_bridge_flow_control(record, topology)
    _fill_policers(record, topology.policers)
    record.ledger.crosses = 1
    fill_tables(array, topology)


def _fill_boxes(record: BridgeRecord, boxes: Sequence[Bridge | Extender]) -> None:
    record.params.n_boxes = len(boxes)
    for box, entry in zip(boxes, record.box, strict=False):
        params = entry.params
        params.latency_fs, params.buffer_bytes = box.latency_fs, box.buffer_bytes
        params.shares_buffer = box.sharing == "all"


def _fill_ports(record: BridgeRecord, boxes: Sequence[Bridge | Extender], ports: Sequence[PhysicalPort]) -> None:
    fastest_bps = [max((port.rate_bps for port in ports if port.box == box), default=0) for box in range(len(boxes))]
    for port in ports:
        entry = record.port[port.number]
        num, den = fs_per_byte(port.rate_bps)
        params = entry.params
        params.fs_per_byte_num, params.fs_per_byte_den = num, den
        params.peer, params.adapter_port = port.server or 0, port.adapter_port
        params.is_outside = port.server is None and port.joined is None
        params.box, params.joined = port.box, NOBODY if port.joined is None else port.joined
        params.cuts_through = boxes[port.box].forwarding == "cut_through" and port.rate_bps == fastest_bps[port.box]
        params.propagation_fs = port.propagation_fs
        params.is_scheduled = port.is_scheduled
        entry.resumes_fs = NEVER
        entry.sending = NOBODY
        for name in ("come", "queue", "begun", "active"):
            entry[name].first = entry[name].last = NOBODY


def least_on_wire_bytes(workload: Workload) -> int:
    """Return the least bytes that any frame of a workload takes on any wire of its path, with preamble and gap.

    Assumes that all its tags may have been removed on the way, and that frames that are too short are padded.
    """
    type_ends = {len(header) - flow_bytes for _, _, header, flow_bytes in workload.templates}
    most_tag_bytes = max(type_ends, default=0) - UNTAGGED_HEADER_BYTES
    least_bytes = min(workload.frame_lengths, default=0) - max(0, most_tag_bytes)
    return wire_bytes(least_bytes)


def fill_crossings(record: BridgeRecord, least_bytes: int) -> None:
    """Set each port's lookahead: the least time from a frame's first bit at the far end until it is due at this port.

    `least_bytes`: the least bytes that a frame takes on a wire.
    """
    for entry in record.port[: int(record.params.n_ports)]:
        params = entry.params
        until_due_bytes = HEADER_BYTES if params.cuts_through else least_bytes
        wire_fs = until_due_bytes * int(params.fs_per_byte_num) // int(params.fs_per_byte_den)
        latency_fs = int(record.box[int(params.box)].params.latency_fs)
        waits_fs = latency_fs if params.n_classes == 0 else 0  # a pause frame acts without the bridge's latency
        params.crossing_fs = wire_fs + int(params.propagation_fs) + waits_fs


def _fill_levels(record: BridgeRecord, topology: Topology) -> None:
    """Set queues, weights and shapers of the logical ports on ports with a scheduler."""
    longest_bytes = max(config.switch.longest_frame_bytes for config in topology.configs) - FCS_BYTES
    for port in topology.ports:
        bridge = topology.bridges[port.bridge]
        for logical in port.logical if port.is_scheduled else ():
            s_vid = logical.s_vid
            level = bridge.ports[port.name].s_channels.get(s_vid)
            entry = record.logical_port[logical.number]
            entry.queue.first = entry.queue.last = entry.following = NOBODY
            entry.params.buffer_bytes = queue_bytes(bridge, bridge.ports[port.name], s_vid, len(port.logical))
            entry.params.quantum_bytes = longest_bytes * (1 if level is None else level.weight)
            if level is not None and level.rate_bps is not None:
                num, den = fs_per_byte(level.rate_bps)
                entry.params.shaper_num, entry.params.shaper_den = num, den
                entry.params.burst_fs = min(level.burst_bytes * num // den, LONGEST_BURST_FS)
                entry.eligible_fs = -entry.params.burst_fs  # a full bucket, as after a long pause


def _fill_policers(record: BridgeRecord, entries: Sequence[PolicyEntry]) -> None:
    for entry, bucket in zip(entries, record.policer, strict=False):
        fill_bucket(bucket, entry)


def fill_wire(nic: Nic, port: PhysicalPort) -> None:
    """Connect the wire of an adapter's port to a bridge's port."""
    mac = nic.port[port.adapter_port].mac.params
    mac.has_peer = nic.ledger.crosses = 1
    mac.propagation_fs = port.propagation_fs


def fill_outside(nic: Nic, outside: PhysicalPort) -> None:
    """Let the stations outside send to the bridges at their port's rate."""
    sender = nic.outside.params
    sender.propagation_fs = outside.propagation_fs
    sender.fs_per_byte_num, sender.fs_per_byte_den = fs_per_byte(outside.rate_bps)


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
        box, beside = record.box[at].params, topology.bridge_ports
        box.first_logical, box.n_logical = lists.add(one.number for one in beside.logical[at])
        box.first_port, box.n_ports = lists.add(port.number for port in beside.ports[at])
        box.way_out = beside.way_out[at].number
        box.is_controlling = topology.bridges[at].kind == "controlling"
    for port in topology.ports:
        if port.is_uplink:
            box = record.box[port.box].params
            box.uplink = port.number
            below = (one.number for one in topology.ports if one.is_of_extender and one.below and one.box == port.box)
            box.first_port, box.n_ports = lists.add(below)
    _fill_rules(record, topology)
    for at in range(len(topology.bridges)):
        _fill_own_port(record, at, lists)
    fill_mirrors(record, topology)


def _fill_own_port(record: BridgeRecord, at: int, lists: _Lists) -> None:
    """Set up the port by which what a bridge makes itself comes in, in any VLAN."""
    number, logical = OWN_PORTS + at, OWN_LOGICAL_PORTS + at
    port = record.port[number].params
    port.root, port.bridge, port.box, port.joined, port.server = number, at, at, NOBODY, NOBODY
    port.first_logical, port.n_logical = lists.add([logical])
    record.logical_port[logical].params.port, record.logical_port[logical].params.interface = number, NOBODY
    record.vlans[logical].members[:] = bits_of_vlans(ALL_VLANS)


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
        self._record["listed"][first : self._n] = found
        return first, len(found)


def _fill_logical(record: BridgeRecord, logical: LogicalPort) -> None:
    entry, vlans = record.logical_port[logical.number].params, record.vlans[logical.number]
    entry.port, entry.is_hairpin, entry.pvlan = logical.port, logical.is_hairpin, logical.pvlan
    entry.interface = NOBODY if logical.interface is None else logical.interface
    entry.native_vlan = logical.native_vlan or 0
    if logical.wire_vlan is not None:
        entry.wire_vlan, entry.inner_vlan = logical.wire_vlan, next(iter(logical.vlans))
    entry.server, entry.adapter_port, entry.station = logical.server or 0, logical.adapter_port, logical.station
    for name, own in (("members", logical.vlans), ("untagged", logical.untagged)):
        vlans[name] = bits_of_vlans(own if isinstance(own, range) else tuple(own))


def _fill_port(record: BridgeRecord, port: PhysicalPort, topology: Topology, lists: _Lists) -> None:
    entry = record.port[port.number].params
    entry.root, entry.bridge, entry.server = port.root, port.bridge, NOBODY if port.server is None else port.server
    entry.outer_kind = MODES[port.mode].outer_kind
    entry.has_interfaces, entry.is_of_extender = port.has_interfaces, port.is_of_extender
    entry.is_uplink = port.is_uplink
    settings = port.owner.settings.ports.get(port.name)  # an extender's uplink has none
    if settings is not None and settings.port_security is not None:
        entry.most_addresses, entry.shuts = settings.port_security.words
    entry.first_logical, entry.n_logical = lists.add(logical.number for logical in port.logical)
    entry.first_taken, entry.n_taken = lists.add(sorted(port.taken_lists))
    entry.own_logical = topology.own.get(port.number, NOBODY)
    entry.groups = NOBODY if port.groups is None else port.groups.number
    for own in (entry.own_logical, entry.groups):
        if own != NOBODY:
            logical = record.logical_port[own].params
            logical.port, logical.interface = port.number, NOBODY


def _fill_rules(record: BridgeRecord, topology: Topology) -> None:
    """Enter the rules of all bridges, one behind the other, and the stations' own addresses if a rule asks for them."""
    number_of = {**topology.stations, OUTSIDE: 0}
    n_policers = 0
    for at, bridge in enumerate(topology.bridges):
        box = record.box[at].params
        box.first_acl = record.rules.n_acl_entries
        in_use = {word for controls in bridge.controls.values() for word in controls.guards}
        guards = [guard for guard in GUARDS if guard.word in in_use]
        fill_access_lists(record.rules, guards, bridge.policy, number_of, n_policers)
        box.n_acl = record.rules.n_acl_entries - box.first_acl
        n_policers += sum(entry.action == "police" for entry in bridge.policy)
    for port, _ in topology.to_adapters:
        for logical in port.logical:
            words = topology.controls_of(port, logical).guards
            record.logical_port[logical.number].params.guards = bits_of(guard.word in words for guard in GUARDS)
    if topology.asks_for_own:
        _fill_stations(record.rules, topology)


def _fill_stations(rules: Any, topology: Topology) -> None:
    """Enter stations' own addresses; without `ips` that of their made-up frames is theirs."""
    vms = vms_of(topology.servers)
    connections = Connections({name: vm.port for name, vm in vms.items()})
    ips: list[Network] = []
    macs: list[int] = []
    for name, vm in vms.items():
        station, own = rules.station[topology.stations[name]], own_ips(vm.port)
        if vm.port.ips is None:
            own = (IPv4Network(connections.between(name, OUTSIDE)[0]),)
        station.guards = bits_of(not (guard.spares_trusted and vm.port.trusted) for guard in GUARDS)
        station.first_ip, station.n_ips = len(ips), len(own)
        station.first_mac, station.n_macs = len(macs), len(vm.port.macs)
        ips += own
        macs += vm.port.macs
    fill_ips(rules.own_ip, ips)
    rules.own_mac[: len(macs)] = macs


def enter_places(bridges: npt.NDArray[Any], topology: Topology) -> npt.NDArray[np.int64]:
    """Enter where addresses stand, by compiled code; return the places of homes. InputError if there are too many."""
    homes = _columns(topology.homes())
    slots = np.zeros(len(homes[0]), np.int64)
    enter_homes(bridges, *homes, slots)
    announce(bridges, *_columns(topology.announced()))
    check_addresses(bridges[0])
    return slots


def check_addresses(record: BridgeRecord) -> None:
    """Raise InputError where a bridge's table has no room for all addresses."""
    if int(record.n_addresses) >= MAX_ADDRESSES:
        raise InputError(f"bridge: more than {MAX_ADDRESSES} addresses")


def _columns(places: Iterable[Place]) -> Sequence[npt.NDArray[np.int64]]:
    return list(np.array(list(places), np.int64).reshape(-1, 4).T.copy())
