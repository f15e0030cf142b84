"""The state of a system at time 0: servers, the bridges between them, the headers of all that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.compiled.records import NEVER
from hwmodel.config import bridges_of, servers_of
from hwmodel.errors import InputError
from hwmodel.machine.first_decisions import decide_first
from hwmodel.machine.network.bridge_state import MAX_HOPS, MAX_WAYS
from hwmodel.machine.server import fresh_state, zeros
from hwmodel.machine.system import MAX_SERVERS, SYSTEM
from hwmodel.simulation.adapter_headers import (
    check_room,
    enter_headers,
    fill_switch,
    headers_of,
    prefixed_numbers,
)
from hwmodel.simulation.bridge_ports import PhysicalPort
from hwmodel.simulation.bridge_state import (
    fill_bridges,
    fill_crossings,
    fill_wire,
    fresh_bridge,
    least_on_wire_bytes,
)
from hwmodel.simulation.bridge_tables import check_addresses
from hwmodel.simulation.clocks import BOX, OUTSIDE, begin_at_phases, fill_clocks, stretch, stretch_port
from hwmodel.simulation.flow_book import FlowBook, Stations, flows_of
from hwmodel.simulation.nic_state import State, fill_state, is_long
from hwmodel.simulation.port_layout import ports_of
from hwmodel.simulation.server_threads import ServerThreads, n_threads_for
from hwmodel.simulation.topology import Topology
from hwmodel.simulation.workload_state import Counted, check_workload, enter_sources, histogram_rows, watch_fifos
from hwmodel.workload.traffic import UPLINK, Workload

if TYPE_CHECKING:
    from hwmodel.config import Config, Switch

MANY_TEMPLATES = 1 << 11  # of more, the ways of floods are sought ahead for the first of each sender alone
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
    books: list[FlowBook]
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
    prefixes = [f"{name}." if name else "" for name, _ in parts]
    stations = Stations(
        prefix + port.name for prefix, (_, part) in zip(prefixes, parts, strict=True) for port in part.switch.ports
    )
    headers = headers_of(workload.templates, stations)
    ports = ports_of(named, parts)
    topology = Topology(settings, ports, [part for _, part in parts], stations)
    bridges = fresh_bridge(in_large_pages=in_large_pages)
    fill_bridges(bridges, settings, ports, topology)
    _fill_box_clocks(bridges[0], config, ports, seed)
    least_bytes = least_on_wire_bytes(workload)
    fill_crossings(bridges[0], least_bytes)
    numbers = [prefixed_numbers(part.switch, prefix) for prefix, (_, part) in zip(prefixes, parts, strict=True)]
    first_station = 0
    for index, (nic, (_, part)) in enumerate(zip(servers, parts, strict=True)):
        check_workload(part, workload)
        fill_state(nic, part, seed, index)
        fill_clocks(nic, part, seed, index)
        watch_fifos(nic, workload)
        fill_switch(nic, part, first_station, has_peer=True)
        first_station += len(part.switch.ports)
        fill_wire(nic, ports[index], topology.outside)
        stretch_port(nic.wire.outside, stretch(config, seed, OUTSIDE))
        own = {name: number for name, number in numbers[index].items() if index == 0 or name != UPLINK}
        enter_sources(nic, own, config, workload, seed)
    _decide_first(servers, bridges, headers, [part for _, part in parts])
    for index, (nic, (_, part)) in enumerate(zip(servers, parts, strict=True)):
        begin_at_phases(nic, part, workload, seed, index)
    sent_bytes = headers["n_bytes"].tolist()
    flows, own_flows = flows_of([*(nic.ledger for nic in servers), bridges[0].ledger], stations)
    counted = Counted(own_flows, histogram_rows(flows))
    for of_ledger, ledger in zip(own_flows, [*(nic.ledger for nic in servers), bridges[0].ledger], strict=True):
        ledger["flow"]["histogram"][: len(of_ledger)] = counted.rows[of_ledger]
    book = FlowBook(flows, sent_bytes, numbers[0] if len(parts) == 1 else {}, bridge=bridges[0])
    books = [
        FlowBook(flows, sent_bytes, own, own_flow, nic)
        for own, own_flow, nic in zip(numbers, own_flows, servers, strict=False)
    ]
    system = _system(servers, len(parts), least_bytes)
    threads = ServerThreads(n_threads_for(len(parts), n_threads), system, servers, bridges)
    return SystemState(
        tuple(name for name, _ in parts), tuple(part for _, part in parts), servers, bridges, system,
        ports, topology, book, books, counted, threads,
    )  # fmt: skip


def _fill_box_clocks(record: Any, config: Config, ports: Sequence[PhysicalPort], seed: int) -> None:
    """Give the ports of each bridge and extender the rate of its clock."""
    for port in ports:
        stretch_port(record.port[port.number], stretch(config, seed, BOX, port.box))


def _decide_first(servers: State, bridges: Any, headers: Any, configs: Sequence[Config]) -> None:
    """Enter the headers of a workload at their senders' adapters, and decide on them everywhere."""
    n_stations = [len(config.switch.ports) for config in configs]
    server_of = np.repeat(np.arange(-1, len(configs)), [1, *n_stations])[headers["sender"]]
    senders = np.array(sorted(set(server_of.tolist()), key=lambda one: _first_turn(server_of, one)), np.int64)
    by_sender = [np.flatnonzero(server_of == sender) for sender in senders]
    for sender, rows in zip(senders.tolist(), by_sender, strict=True):
        enter_headers(servers[max(sender, 0)], headers, rows)
    for nic in servers:
        nic.switch.n_own_templates = nic.switch.n_templates = len(headers)
    rows = np.concatenate([np.zeros(0, np.int64), *by_sender])
    firsts = np.cumsum([0, *map(len, by_sender)])
    shares = len(headers) > MANY_TEMPLATES and all(_drops_strays(config.switch) for config in configs)
    decide_first(servers, bridges, rows, senders, firsts, int(shares))
    check_room(list(servers))
    check_addresses(bridges[0])
    if bridges[0].clock.overflow:
        raise InputError(f"workload: more than {MAX_HOPS} headers, or {MAX_WAYS} ways, at the bridge")


def _first_turn(server_of: Any, sender: int) -> int:
    """Return when a server's headers are decided on: those from outside first, then as the servers come up."""
    return -1 if sender < 0 else int(np.argmax(server_of == sender))


def _drops_strays(switch: Switch) -> bool:
    """Tell whether frames that the bridge floods, and that are for none of an adapter's stations, just drop there."""
    return not (switch.mirrors or switch.addresses or any(each.promiscuous or each.default for each in switch.ports))


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
