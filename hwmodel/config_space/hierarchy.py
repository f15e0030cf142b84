"""A host's PCI hierarchy: root ports, the ports of its PCIe switches, adapters; as an operating system enumerates it.

Buses are numbered depth first, as Linux' pci_scan_child_bus does it: a port's secondary bus is the next one, and behind
an adapter enough buses are reserved for the routing ids of all VFs that it could have (pci_iov_bus_range). Ranges are
laid out in the same order, those behind a port within its windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hwmodel.config import Config
from hwmodel.config.adapter import Pcie
from hwmodel.config.pcie_switches import PcieSwitch, cards_of, switches_of
from hwmodel.config.pcie_tree import ROOT, PcieTree
from hwmodel.config.system import Server, adapters_of_host, servers_of
from hwmodel.config_space.adapter import PciAdapter
from hwmodel.config_space.dump import Shown, shown_functions
from hwmodel.config_space.enumeration import (
    IO,
    MEMORY,
    PREFETCHABLE,
    Addresses,
    OneAdapter,
    adapter_of,
    size_code,
    start,
)
from hwmodel.config_space.extended_structures import ACS
from hwmodel.config_space.ports import (
    DOWNSTREAM_PORT,
    IO_WINDOW,
    MEMORY_WINDOW,
    PORT_EXPRESS,
    PREFETCHABLE_UPPER,
    PREFETCHABLE_WINDOW,
    PRIMARY_BUS,
    ROOT_PORT,
    SECONDARY_BUS,
    SUBORDINATE_BUS,
    UPSTREAM_PORT,
    port_space,
)
from hwmodel.config_space.space import FunctionSpace
from hwmodel.config_space.structures import BUS_MASTER, COMMAND, IO_SPACE, MEMORY_SPACE
from hwmodel.errors import InputError

MOST_DEVICES, MOST_BUSES = 32, 256
FIRST_ROOT_PORT = 1  # device 0 of bus 0 is the host bridge, which is not shown
# Granules of windows, and by how many bits base and limit registers shift an address right (P2P 3.2.5).
GRANULES = {IO: (1 << 12, 8), MEMORY: (1 << 20, 16), PREFETCHABLE: (1 << 20, 16)}
WINDOWS = {IO: (IO_WINDOW, 1), MEMORY: (MEMORY_WINDOW, 2), PREFETCHABLE: (PREFETCHABLE_WINDOW, 2)}
# What Linux enables where it isolates devices: source validation, redirect of requests and completions, forwarding up.
ISOLATING = ("Source Validation", "P2P Request Redirect", "P2P Completion Redirect", "Upstream Forwarding")


def host_with_tree(config: Config, name: str | None) -> str | None:
    """Return the host of a name, or the only host; None if it has no PCIe tree."""
    meant = [one for one in config.servers if one.name == name or (name is None and len(config.servers) == 1)]
    return next((one.name for one in meant if one.tree is not None), None)


@dataclass
class Endpoint:
    """An adapter, as a leaf of the hierarchy, by its name in the host."""

    name: str
    server: Server
    system: OneAdapter

    @property
    def adapter(self) -> PciAdapter:
        """Return its functions."""
        return self.system.adapter


@dataclass
class Port:
    """A port: where it is, and what is behind it; `buses`: primary, secondary and subordinate."""

    name: str
    kind: int
    device: int
    space: FunctionSpace
    below: Sequence[Port | Endpoint]
    buses: tuple[int, int, int] = field(default=(0, 0, 0))

    @property
    def routing_id(self) -> int:
        """Return its bus, device and function as one number."""
        return self.buses[0] << 8 | self.device << 3


class Hierarchy:
    """A host's ports and adapters: enumerated, with windows, links and isolation set, drivers bound.

    Raises InputError where devices, buses or addresses do not suffice.
    """

    def __init__(self, config: Config, host: str) -> None:
        entry = next(one for one in config.servers if one.name == host)
        assert entry.tree is not None
        builder = _Builder(config, host, entry.tree)
        self.root_ports = builder.root_ports()
        _number(self.root_ports, 0)
        addresses = builder.addresses
        for port in self.root_ports:
            _place(port, addresses)
        for one in self.endpoints():
            start(one.system, one.server)

    def walk(self) -> Iterator[Port | Endpoint]:
        """Give all ports and adapters, depth first."""
        waiting: list[Port | Endpoint] = list(reversed(self.root_ports))
        while waiting:
            one = waiting.pop()
            yield one
            if isinstance(one, Port):
                waiting += reversed(one.below)

    def endpoints(self) -> Iterator[Endpoint]:
        """Give all adapters, depth first."""
        yield from (one for one in self.walk() if isinstance(one, Endpoint))

    def functions(self, *, as_os: bool) -> Iterator[Shown]:
        """Give all functions that answer, as `dump.shown_functions` has them."""
        for one in self.walk():
            if isinstance(one, Endpoint):
                yield from shown_functions(one.adapter, as_os=as_os, prefix=f"{one.name}.")
            else:
                yield Shown(one.name, one.routing_id, "PCI bridge", one.space.content())


class _Builder:
    """Make ports and adapters of a tree."""

    def __init__(self, config: Config, host: str, tree: PcieTree) -> None:
        self.addresses = Addresses(sorts=True)
        self._tree, self._host = tree, host
        self._servers: Mapping[str, Server] = adapters_of_host(servers_of(config), host)
        self._cards = {name: one.config.pcie for name, one in adapters_of_host(cards_of(config), host).items()}
        self._switches: Mapping[str, PcieSwitch] = {
            one.settings.name: one for one in switches_of(config) if one.host == host
        }
        self._all = servers_of(config)

    def root_ports(self) -> list[Port]:
        """Return the root ports, of adapters as listed, then of switches."""
        return self._ports(ROOT, ROOT, ROOT_PORT, FIRST_ROOT_PORT)

    def _ports(self, behind: str, prefix: str, kind: int, first: int) -> list[Port]:
        """Return the ports that lead to what is behind one switch, or the root."""
        adapters = [name for name in self._servers if self._tree.slots[name].behind == behind]
        switches = [one.name for one in self._tree.switches if one.behind == behind]
        n_most = MOST_DEVICES - first
        if len(adapters) + len(switches) > n_most:
            what = "the root" if behind == ROOT else f"PCIe switch {behind}"
            n_ports = len(adapters) + len(switches)
            raise InputError(f"{self._host}: {n_ports} ports of {what} are more than the {n_most} of a bus")
        found = []
        for device, name in enumerate((*adapters, *switches), first):
            make = self._to_adapter if device - first < len(adapters) else self._to_switch
            found.append(make(f"{prefix}.{name}", kind, device, name))
        return found

    def _to_adapter(self, port_name: str, kind: int, device: int, name: str) -> Port:
        server, card, slot = self._servers[name], self._cards[name], self._tree.slots[name]
        most = (slot.generation or card.generation, slot.lanes or card.lanes)
        number = list(self._servers).index(name) + 1
        space = port_space(kind, device, server.config.pcie, most, slot_number=number)
        self._configure(space, kind, server.config.pcie, forwards_ari=True)
        system = OneAdapter(adapter_of(server, card), server, self.addresses)
        return Port(port_name, kind, device, space, [Endpoint(name, server, system)])

    def _to_switch(self, port_name: str, kind: int, device: int, name: str) -> Port:
        link = self._switches[name].link_of(self._all)
        most = (link.generation, link.lanes)
        spaces = [port_space(each, at, link, most) for each, at in ((kind, device), (UPSTREAM_PORT, 0))]
        for space, each in zip(spaces, (kind, UPSTREAM_PORT), strict=True):
            self._configure(space, each, link, forwards_ari=False)
        upper = Port(name, UPSTREAM_PORT, 0, spaces[1], self._ports(name, name, DOWNSTREAM_PORT, 0))
        return Port(port_name, kind, device, spaces[0], [upper])

    def _configure(self, space: FunctionSpace, kind: int, pcie: Pcie, *, forwards_ari: bool) -> None:
        """Set a port's payload and link, ARI forwarding where an adapter is right behind it, and isolation."""
        space.write_fields(PORT_EXPRESS, "Device Control", {"Max Payload Size": size_code(pcie.max_payload_bytes)})
        is_128 = pcie.read_completion_boundary_bytes == 128 and kind == ROOT_PORT
        clock = {"Common Clock Configuration": 1, "Read Completion Boundary": is_128}
        space.write_fields(PORT_EXPRESS, "Link Control", clock)
        if forwards_ari:
            space.write_fields(PORT_EXPRESS, "Device Control 2", {"ARI Forwarding Enable": 1})
        if space.at(ACS.name) is not None and self._tree.acs:
            space.write_fields(ACS, "ACS Control", {f"ACS {name} Enable": 1 for name in ISOLATING})


def _number(ports: Sequence[Port], bus: int) -> int:
    """Assign numbers to the buses behind the ports of a bus; return the last. Raises InputError if they run out."""
    last = bus
    for port in ports:
        secondary = last + 1
        last = _number_behind(port.below, secondary)
        if last >= MOST_BUSES:
            raise InputError(f"the buses behind all ports are more than the {MOST_BUSES} that there are numbers for")
        port.buses = bus, secondary, last
        for at, number in zip((PRIMARY_BUS, SECONDARY_BUS, SUBORDINATE_BUS), port.buses, strict=True):
            port.space.write(at, 1, number)
    return last


def _number_behind(below: Sequence[Port | Endpoint], bus: int) -> int:
    ports = [one for one in below if isinstance(one, Port)]
    last = bus
    for one in below:
        if isinstance(one, Endpoint):
            one.adapter.routing_id = bus << 8
            last = max(last, one.system.find_vfs() >> 8)
    return max(last, _number(ports, bus)) if ports else last


def _place(port: Port, addresses: Addresses) -> None:
    """Lay out the ranges behind a port, and set its windows around them."""
    begins = {kind: addresses.align(kind, granule) for kind, (granule, _) in GRANULES.items()}
    for one in port.below:
        if isinstance(one, Port):
            _place(one, addresses)
        else:
            one.system.probe()
    command = BUS_MASTER
    for kind, (granule, _) in GRANULES.items():
        ends = addresses.align(kind, granule)
        _open(port.space, kind, begins[kind], ends - 1)
        command |= (ends > begins[kind]) * (IO_SPACE if kind == IO else MEMORY_SPACE)
    port.space.write(COMMAND, 2, command)


def _open(space: FunctionSpace, kind: str, first: int, last: int) -> None:
    """Set a window from one address to another; close it if `last` is before `first`."""
    (at, n_bytes), (_, shift) = WINDOWS[kind], GRANULES[kind]
    if last < first:
        first, last = 0xFFFFFFFF >> (16 if kind == IO else 0), 0
    space.write(at, n_bytes, first >> shift & (1 << 8 * n_bytes) - 1)
    space.write(at + n_bytes, n_bytes, last >> shift & (1 << 8 * n_bytes) - 1)
    if kind == PREFETCHABLE:
        space.write(PREFETCHABLE_UPPER, 4, first >> 32)
        space.write(PREFETCHABLE_UPPER + 4, 4, last >> 32)
