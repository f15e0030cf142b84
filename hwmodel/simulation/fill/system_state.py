"""The state of a system at time 0: servers, the bridges between them, the headers of all that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import check_memory, give, zeros
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, PcieSwitch, Server, Switch, bridges_of, servers_of, switches_of, vms_of
from hwmodel.config.bridge_ports import PhysicalPort, ports_of
from hwmodel.config.names import UPLINK
from hwmodel.config.topology import Topology
from hwmodel.errors import InputError
from hwmodel.machine.first_decisions import decide_first
from hwmodel.machine.network.bridge_state import BRIDGE, MAX_HOPS, MAX_WAYS
from hwmodel.machine.server import fresh_state
from hwmodel.machine.system import SYSTEM
from hwmodel.rules.capacities import MAX_TEMPLATES
from hwmodel.simulation.fill.adapter_headers import (
    check_room,
    enter_headers,
    fill_switch,
    flow_hashes,
    headers_of,
    make_room,
    numbers_at,
)
from hwmodel.simulation.fill.bridge_mirrors import fill_samplers
from hwmodel.simulation.fill.bridge_state import (
    check_addresses,
    enter_places,
    fill_bridges,
    fill_crossings,
    fill_outside,
    fill_wire,
    least_on_wire_bytes,
)
from hwmodel.simulation.fill.clocks import BOX, OUTSIDE, begin_at_phases, fill_clocks, stretch, stretch_port
from hwmodel.simulation.fill.flow_book import FlowBook, FlowNumbers, Stations
from hwmodel.simulation.fill.flow_control import CONTROL_WIRE_BYTES
from hwmodel.simulation.fill.nic_state import State, fill_state
from hwmodel.simulation.fill.pci_buses import fill_buses
from hwmodel.simulation.fill.pcie_trees import fill_trees
from hwmodel.simulation.fill.virtual_switch import fill_learning, fill_passing
from hwmodel.simulation.fill.workload_state import (
    check_workload,
    enter_histograms,
    enter_sources,
    let_flows_begin,
    watch_fifos,
)
from hwmodel.workload.traffic import Workload

MANY_TEMPLATES = 1 << 11  # with more headers, flood paths are precomputed only for the first header of each sender
WHOLE_WINDOW_FS = NEVER // 4  # no limit on how far a server runs alone, except what it does not know yet


@dataclass
class SystemState:
    """Hold the records of a system, and the names that go with them; all bridges together are one record.

    `headers`: those of the workload, until `decide`; `numbers`: port numbers by name, for each server. `book` (of the
    bridges), `books` (one for each server) are set by `decide`; `threads`, which run it, by a run.
    """

    names: tuple[str, ...]
    configs: tuple[Config, ...]
    servers: State
    bridges: Any
    system: Any
    ports: Sequence[PhysicalPort]
    topology: Topology
    stations: Stations
    headers: Any
    numbers: list[dict[str, int]]
    pcie_switches: tuple[PcieSwitch, ...] = ()
    book: FlowBook = field(default_factory=FlowBook)
    books: list[FlowBook] = field(default_factory=list)
    threads: Any = None

    @property
    def ledgers(self) -> list[Any]:
        """Return where frames are counted: at each server, and at the bridge for those outside."""
        return [*(nic.ledger for nic in self.servers), self.bridges[0].ledger]

    def decide(self, workload: Workload, seed: int) -> None:
        """Make the forwarding decisions for all headers, and number the flows."""
        headers, self.headers = self.headers, None  # the adapters have them; they may take much memory
        _decide_first(self.servers, self.bridges, headers, self.configs)
        for index, (nic, config) in enumerate(zip(self.servers, self.configs, strict=True)):
            begin_at_phases(nic, config, workload, seed, index)
        flows = FlowNumbers(self.ledgers, self.stations)
        enter_histograms(self.ledgers, flows)
        sent_bytes = headers["n_bytes"].tolist()
        port_numbers = self.numbers[0] if len(self.numbers) == 1 else {}
        self.book = FlowBook(flows, sent_bytes, port_numbers, bridge=self.bridges[0])
        self.books = [
            FlowBook(flows, sent_bytes, own_numbers, nic)
            for own_numbers, nic in zip(self.numbers, self.servers, strict=True)
        ]

    @property
    def safe_fs(self) -> int:
        """Return the time up to which all servers and bridges have finished their events."""
        system = self.system[0]
        components = [*system.server[: int(system.n_servers)], *system.bridge[: int(system.n_bridges)]]
        return min(int(component.safe_fs) for component in components)


def build_system(config: Config, workload: Workload, seed: int) -> SystemState:
    """Return the idle state of a configuration with a bridge and its workload, before any forwarding decision.

    Raises InputError if something does not fit into the state.
    """
    parts = servers_of(config)
    configs = [part.config for part in parts]
    servers = fresh_state(len(parts))
    numbers = [numbers_at(part) for part in parts]
    stations = Stations(vms_of(parts))
    headers, hashes = headers_of(workload.templates, stations), flow_hashes(workload.templates)
    least_bytes = least_bytes_of(config, workload)
    bridges, topology, _ = build_bridges(config, stations, least_bytes, seed)
    ports = topology.ports
    for index, (nic, part) in enumerate(zip(servers, configs, strict=True)):
        check_workload(part, workload)
        fill_state(nic, part, seed, index)
        fill_clocks(nic, part, seed, index)
        watch_fifos(nic, workload)
        fill_switch(nic, parts[index], stations, has_peer=True)
        for port in (one for one in ports if one.server == index):
            fill_wire(nic, port)
        fill_outside(nic, topology.outside)
        stretch_port(nic.outside.params, stretch(config, seed, OUTSIDE))
        enter_sources(nic, senders_at(parts[index], index), config, workload, seed)
    _enter_all(servers, bridges[0], headers, hashes, configs)
    for index, nic in enumerate(servers):
        fill_passing(nic, config, workload.templates, seed, index)
        fill_learning(nic, parts, index)
    system = _system(servers, ports, len(parts), least_bytes)
    fill_trees(system[0], servers, config, parts, seed)
    fill_buses(system[0], servers, parts)
    return SystemState(
        tuple(part.name for part in parts), tuple(configs), servers, bridges, system, ports, topology, stations,
        headers, numbers, switches_of(config),
    )  # fmt: skip


def senders_at(server: Server, at: int) -> dict[str, int]:
    """Return the port numbers of those whose sources a server has, by name: the first one has those outside, too."""
    return {name: number for name, number in numbers_at(server).items() if at == 0 or name != UPLINK}


def build_bridges(
    config: Config, stations: Stations, least_bytes: int, seed: int
) -> tuple[npt.NDArray[Any], Topology, npt.NDArray[np.int64]]:
    """Return all bridges, without any frame in them, as an array of one, their topology, and the places of homes.

    `least_bytes`: from `least_bytes_of`. Raises InputError where a bridge has no room for all addresses.
    """
    named, parts = bridges_of(config), servers_of(config)
    settings, ports = [bridge.settings for bridge in named], ports_of(named, parts)
    topology = Topology(settings, ports, parts, stations)
    bridges = zeros(1, BRIDGE)
    fill_bridges(bridges, topology)
    _fill_box_clocks(bridges[0], config, ports, seed)
    fill_samplers(bridges[0], topology, seed)
    fill_crossings(bridges[0], least_bytes)
    return bridges, topology, enter_places(bridges, topology)


def least_bytes_of(config: Config, workload: Workload) -> int:
    """Return the least bytes that anything takes on any wire: a frame of the workload, or a frame of flow control."""
    least_bytes = least_on_wire_bytes(workload)
    controls = (
        *(bridge.settings.flow_control for bridge in bridges_of(config)),
        *(part.config.nic.flow_control for part in servers_of(config)),
    )
    return min(least_bytes, CONTROL_WIRE_BYTES) if any(controls) else least_bytes


def _fill_box_clocks(record: Any, config: Config, ports: Sequence[PhysicalPort], seed: int) -> None:
    """Scale the port rates of each bridge and extender by its clock."""
    for port in ports:
        stretch_port(record.port[port.number].params, stretch(config, seed, BOX, port.box))


def longest_way_fs(system: SystemState, server: int) -> int:
    """Return the longest time, among all other servers and the bridges, that anything from a server takes at the least.

    No other has run further than that beyond an instant at which this one has stopped. 0 where it has only bridges
    beside it, which do not run ahead of it.
    """
    record = system.system[0]
    if record.stops_exactly:
        return 0
    ports = [(port.server, port) for port in system.ports if port.server is not None]
    ways_fs = {server: 0}
    while True:  # a wire more in each turn
        at_bridge_fs = min(
            (
                ways_fs[at] + int(system.bridges[0].port[port.number].params.crossing_fs)
                for at, port in ports
                if at in ways_fs
            ),
            default=0,
        )
        found = dict(ways_fs)
        for at, port in ports:
            way_fs = at_bridge_fs + int(record.server[at].end[port.adapter_port].crossing_fs)
            found[at] = min(way_fs, found.get(at, way_fs))
        if found == ways_fs:
            break
        ways_fs = found
    longest_fs = max(at_bridge_fs, *ways_fs.values())
    if record.trees.n_switches:
        longest_fs = max(longest_fs, int(record.trees.beyond_fs))
    return max(longest_fs, int(record.buses.ahead_fs)) if record.buses.n_buses else longest_fs


def way_from_bridges_fs(system: SystemState) -> int:
    """Return the longest time that anything from a bridge takes to a server at the least, as `longest_way_fs` does."""
    ends = [(port.server, port.adapter_port) for port in system.ports if port.server is not None]
    return max(int(system.system[0].server[server].end[port].crossing_fs) for server, port in ends)


def _enter_all(servers: State, bridge: Any, headers: Any, hashes: Any, configs: Sequence[Config]) -> None:
    """Enter the headers of a workload at their senders' adapters, with room for what is decided on them."""
    server_of, target_of = _server_of(headers["sender"], configs), _server_of(headers["target"], configs)
    # Each may also come by a bridge. Room is only addresses until it is written, longer tables are copied.
    n_headers = min(2 * len(headers), MAX_TEMPLATES)
    for at, nic in enumerate(servers):
        make_room(nic, n_headers, int((server_of == at).sum() + (target_of == at).sum()))
    for table in (bridge.hop, bridge.hop_header):
        give(table, min(int((server_of != target_of).sum()) + 1, int(table.most)))
    for sender in np.unique(server_of).tolist():
        enter_headers(servers[max(sender, 0)], headers, np.flatnonzero(server_of == sender), hashes)
    for nic in servers:
        nic.headers.n_own_templates = nic.headers.n_templates = len(headers)


def _server_of(stations: npt.NDArray[np.int32], configs: Sequence[Config]) -> npt.NDArray[np.int64]:
    """Return the server of each station, -1 for those outside, groups and unknown addresses."""
    n_stations = [len(config.switch.ports) for config in configs]
    servers = np.repeat(np.r_[np.arange(-1, len(configs)), -1], [1, *n_stations, 1])
    found: npt.NDArray[np.int64] = servers[np.minimum(stations, len(servers) - 1)]
    return found


def _decide_first(servers: State, bridges: Any, headers: Any, configs: Sequence[Config]) -> None:
    """Make the forwarding decisions for all headers of a workload, at adapters and bridges."""
    server_of = _server_of(headers["sender"], configs)
    senders, first_headers = np.unique(server_of, return_index=True)
    # Headers from outside first, then those of the servers in the order of their first header.
    senders = senders[np.argsort(np.where(senders < 0, -1, first_headers))]
    by_sender = [np.flatnonzero(server_of == sender) for sender in senders]
    rows = np.concatenate([np.zeros(0, np.int64), *by_sender])
    firsts = np.cumsum([0, *map(len, by_sender)])
    shares = len(headers) > MANY_TEMPLATES and all(_drops_strays(config.switch) for config in configs)
    n_ports = [config.port.count for config in configs]
    decide_first(servers, bridges, rows, senders, firsts, np.cumsum([0, *n_ports]), int(shares))
    for nic in servers:
        let_flows_begin(nic)
    check_room(list(servers))
    check_addresses(bridges[0])
    for records in (servers, bridges):
        check_memory(records)
    if bridges[0].clock.overflow:
        raise InputError(f"workload: more than {MAX_HOPS} headers, or {MAX_WAYS} ways, at the bridge")


def _drops_strays(switch: Switch) -> bool:
    """Tell whether an adapter simply drops flooded frames that are for none of its stations."""
    return not (switch.mirrors or switch.addresses or any(each.promiscuous or each.default for each in switch.ports))


def crossing_fs(wire: Any, least_bytes: int) -> int:
    """Return the least time that anything takes over an adapter's wire, whose parameters are given."""
    wire_fs = least_bytes * wire.fs_per_byte_num // wire.fs_per_byte_den
    return int(wire_fs + wire.propagation_fs)


def _system(servers: State, ports: Sequence[PhysicalPort], n_servers: int, least_bytes: int) -> Any:
    array = zeros(1, SYSTEM)
    system = array[0]
    system.n_servers, system.n_bridges, system.window_fs = n_servers, 1, WHOLE_WINDOW_FS
    system.stops_exactly = n_servers == 1
    for index in range(n_servers):
        system.server[index].safe_fs = -1
    for port in (one for one in ports if one.server is not None):
        component, params = system.server[port.server], servers[port.server].port[port.adapter_port].mac.params
        component.n_ends = port.adapter_port + 1
        end = component.end[port.adapter_port]
        end.bridge, end.port = 0, port.number
        end.crossing_fs = crossing_fs(params, least_bytes)
    system.bridge[0].safe_fs = -1
    return array
