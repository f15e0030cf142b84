"""The state of a system at time 0: servers, the bridges between them, the headers of all that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.compiled.records import NEVER
from hwmodel.config import bridges_of, servers_of
from hwmodel.errors import InputError
from hwmodel.machine.server import fresh_state, zeros
from hwmodel.machine.system import MAX_SERVERS, SYSTEM
from hwmodel.simulation.bridge_ports import PhysicalPort
from hwmodel.simulation.bridge_state import (
    fill_bridges,
    fill_crossings,
    fill_wire,
    fresh_bridge,
    least_on_wire_bytes,
)
from hwmodel.simulation.clocks import BOX, OUTSIDE, begin_at_phases, fill_clocks, stretch, stretch_port
from hwmodel.simulation.adapter_headers import AdapterHeaders
from hwmodel.simulation.flow_book import FlowBook, Stations
from hwmodel.simulation.nic_state import State, fill_state, is_long
from hwmodel.simulation.port_layout import ports_of
from hwmodel.simulation.server_threads import ServerThreads, n_threads_for
from hwmodel.simulation.topology import Topology
from hwmodel.simulation.workload_state import Counted, check_workload, enter_sources, histogram_rows, watch_fifos
from hwmodel.workload.traffic import UPLINK, Workload

if TYPE_CHECKING:
    from hwmodel.config import Config

WHOLE_WINDOW_FS = NEVER // 4  # no bound on how far a server runs alone but what is not known yet


@dataclass
class SystemState:
    """Hold the records of a system, and the names that go with them; all bridges, joined by wires, are one record."""

    names: tuple[str, ...]
    configs: tuple[Config, ...]
    servers: State
    bridges: Any
    system: Any
    ports: list[PhysicalPort]
    topology: Topology
    book: FlowBook
    counted: Counted
    threads: ServerThreads

    @property
    def safe_fs(self) -> int:
        """Return up to when all has happened, at the servers and in the bridge."""
        system = self.system[0]
        components = [*system.server[: int(system.n_servers)], *system.bridge[: int(system.n_bridges)]]
        return min(int(component.safe_fs) for component in components)

    def advance(self, until_fs: int, n_events: int) -> int:
        """Let all run to a time or through so many events; return why they stopped."""
        return self.threads.advance(until_fs, n_events)


def build_system(config: Config, workload: Workload, seed: int, n_threads: int | None = None) -> SystemState:
    """Return the state of a configuration with a bridge, idle, with its workload; InputError where it has no room.

    `n_threads`: on which its servers run, None for as many as are worth while.
    """
    named = bridges_of(config)
    settings = [bridge.settings for bridge in named]
    parts = [(part.name, part.config) for part in servers_of(config)]
    if len(parts) > MAX_SERVERS:
        raise InputError(f"servers: {len(parts)} servers, at most {MAX_SERVERS} are supported")
    in_large_pages = is_long(config)
    servers = fresh_state(len(parts), in_large_pages=in_large_pages and len(parts) == 1)
    stations = Stations(f"{name}.{port.name}" if name else port.name for name, part in parts for port in part.switch.ports)
    book = FlowBook([], [len(template.header) for template in workload.templates], stations=stations)
    adapters = []
    for index, (name, part) in enumerate(parts):
        check_workload(part, workload)
        fill_state(servers[index], part, seed, index)
        fill_clocks(servers[index], part, seed, index)
        prefix = f"{name}." if name else ""
        watch_fifos(servers[index], workload)
        adapters.append(AdapterHeaders(servers[index : index + 1], part, book, prefix, has_peer=True))
    ports = ports_of(named, parts)
    topology = Topology(settings, ports, adapters, book)
    topology.enter(workload.templates)
    for index, adapter in enumerate(adapters):
        fill_wire(adapter.nic, ports[index], topology.outside)
        stretch_port(adapter.nic.wire.outside, stretch(config, seed, OUTSIDE))
        own = {name: number for name, number in adapter.numbers.items() if index == 0 or name != UPLINK}
        enter_sources(adapter.nic, own, config, workload, seed)
        begin_at_phases(adapter.nic, parts[index][1], workload, seed, index)
    if len(adapters) == 1:
        book.port_numbers = adapters[0].numbers
    bridges = fresh_bridge(in_large_pages=in_large_pages)
    fill_bridges(bridges[0], settings, ports, topology)
    _fill_box_clocks(bridges[0], config, ports, seed)
    least_bytes = least_on_wire_bytes(workload)
    fill_crossings(bridges[0], least_bytes)
    outside = np.array(sorted(set(topology.outside_flows.values())), np.int64)
    counted = Counted([*(adapter.book.counted for adapter in adapters), outside], histogram_rows(book))
    _number_flows(adapters, bridges[0], topology, counted)
    system = _system(servers, len(parts), least_bytes)
    return SystemState(
        tuple(name for name, _ in parts), tuple(part for _, part in parts), servers, bridges, system,
        ports, topology, book, counted, ServerThreads(n_threads_for(len(parts), n_threads), system, servers, bridges),
    )  # fmt: skip


def _fill_box_clocks(record: Any, config: Config, ports: Sequence[PhysicalPort], seed: int) -> None:
    """Give the ports of each bridge and extender the rate of its clock."""
    for port in ports:
        stretch_port(record.port[port.number], stretch(config, seed, BOX, port.box))


def _number_flows(adapters: Sequence[AdapterHeaders], bridge: Any, topology: Topology, counted: Counted) -> None:
    """Let each ledger know its flows by their place among those that it counts, so that they lie close together."""
    outside = counted.flows[-1]
    kinds = np.array(list(topology.outside_flows), np.int64)
    bridge["outside_flow"][kinds] = np.searchsorted(outside, list(topology.outside_flows.values()))
    for flows, ledger in zip(
        counted.flows, [*(adapter.nic.ledger for adapter in adapters), bridge.ledger], strict=True
    ):
        ledger["flow"]["histogram"][: len(flows)] = counted.rows[flows]


def _system(servers: State, n_servers: int, least_bytes: int) -> Any:
    array = zeros(1, SYSTEM)
    system = array[0]
    system.n_servers, system.n_bridges, system.window_fs = n_servers, 1, WHOLE_WINDOW_FS
    system.stops_exactly = n_servers == 1
    for index in range(n_servers):
        component, mac = system.server[index], servers[index].mac
        component.bridge, component.port = 0, index
        component.crossing_fs = int(least_bytes * mac.fs_per_byte_num // mac.fs_per_byte_den + mac.propagation_fs)
        component.safe_fs = -1
    system.bridge[0].safe_fs = -1
    return array
