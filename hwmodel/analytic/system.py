"""The components whose loads the closed form adds up: servers, stations outside, extenders, wires between bridges.

Each component has one wire, an adapter with several Ethernet ports one wire for each port. Wires are numbered in the
order of their components.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

from hwmodel.analytic.routes import has_packets
from hwmodel.config import (
    Config,
    NamedBridge,
    PcieSwitch,
    SharedBus,
    Vm,
    bridges_of,
    buses_of,
    links_above,
    servers_of,
    switches_of,
    vms_of,
)
from hwmodel.config.bridge import OUTSIDE, Bridge, Extender, way_up
from hwmodel.config.names import UPLINK, is_uplink
from hwmodel.config.switch import Port, Switch
from hwmodel.config.system import Server
from hwmodel.words.limits import at_port


@dataclass(frozen=True)
class Trunk:
    """Hold a wire between two bridges, by number, and its port at each; `upper`: the bridge nearer to the first.

    Towards the upper bridge is up.
    """

    upper: int
    upper_port: str
    lower: int
    lower_port: str


@dataclass(frozen=True)
class System:
    """Hold the servers, by number, the bridges at the other ends of their wires, and PCIe switches, if there are any.

    Components are numbered: servers, then, with a bridge, the stations outside, port extenders (their wire is the
    uplink), wires between bridges. Wires are numbered in the same order, adapters' wires first.
    """

    servers: tuple[Server, ...]
    bridges: tuple[NamedBridge, ...] = ()
    pcie_switches: tuple[PcieSwitch, ...] = ()

    @classmethod
    def of(cls, config: Config) -> System:
        """Take a configuration apart."""
        links = links_above(switches_of(config))
        return cls(servers_of(config), bridges_of(config), tuple(one for one, _ in links))

    @cached_property
    def buses(self) -> tuple[SharedBus, ...]:
        """Give the buses that adapters stand on."""
        return buses_of(self.servers)

    @property
    def only_bridge(self) -> Bridge | None:
        """Give the settings of the bridge where there is one, None where there is none or several."""
        return self.bridges[0].settings if len(self.bridges) == 1 else None

    @property
    def outside(self) -> int:
        """Give the number of the stations outside."""
        return len(self.servers)

    @cached_property
    def has_packets(self) -> bool:
        """Tell whether unicast frames of any server are IPv4 packets."""
        if any(bridge.settings.looks_behind_type for bridge in self.bridges):
            return True
        return any(has_packets(server.config) for server in self.servers)

    @cached_property
    def adapter_ports(self) -> tuple[tuple[int, str], ...]:
        """Give the server and the name of the port at each wire of an adapter; an empty text where it has one port."""
        return tuple((part, port) for part, one in enumerate(self.servers) for port in one.config.port.names)

    @property
    def outside_wire(self) -> int:
        """Give the number of the wire of the stations outside."""
        return len(self.adapter_ports)

    @property
    def n_wires(self) -> int:
        """Count the wires."""
        return self.n_parts - self.outside + self.outside_wire

    def part_at(self, wire: int) -> int:
        """Give the component whose wire it is."""
        ports = self.adapter_ports
        return ports[wire][0] if wire < len(ports) else wire - len(ports) + self.outside

    def wires_of(self, part: int) -> range:
        """Give the wires of a component."""
        if not self.is_server(part):
            wire = part - self.outside + self.outside_wire
            return range(wire, wire + 1)
        first = self._first_wires[part]
        return range(first, first + self.config(part).port.count)

    @cached_property
    def _first_wires(self) -> tuple[int, ...]:
        parts = [part for part, _ in self.adapter_ports]
        return tuple(map(parts.index, range(len(self.servers))))

    @cached_property
    def n_parts(self) -> int:
        """Count the components: servers, and with bridges the stations outside, extenders, wires between bridges."""
        return len(self.servers) + bool(self.bridges) + len(self._extenders) + len(self.trunks)

    @cached_property
    def _extenders(self) -> tuple[tuple[int, str], ...]:
        """Give the bridge and the name of each extender, in the order of their numbers."""
        return tuple((at, name) for at, bridge in enumerate(self.bridges) for name in bridge.settings.extenders)

    @cached_property
    def trunks(self) -> tuple[Trunk, ...]:
        """Give the wires between bridges by number; a wire comes after the one above it."""
        numbers = {bridge.name: at for at, bridge in enumerate(self.bridges)}
        found: list[Trunk] = []
        seen, to_do = {0}, deque([0] if self.bridges else [])
        while to_do:
            upper = to_do.popleft()
            for name, port in self.bridges[upper].wires.items():
                other, _, other_port = str(port.to).rpartition(".")
                lower = numbers[other]
                if lower not in seen:
                    found.append(Trunk(upper, name, lower, other_port))
                    seen.add(lower)
                    to_do.append(lower)
        return tuple(found)

    def is_behind_switch(self, part: int) -> bool:
        """Tell whether PCIe switches stand between a server's adapter and its host."""
        return any(part in one.members for one in self.pcie_switches)

    @property
    def shared_buses(self) -> tuple[SharedBus, ...]:
        """Give the buses on which several adapters stand."""
        return tuple(one for one in self.buses if len(one.members) > 1)

    def shares_bus(self, part: int) -> bool:
        """Tell whether other adapters stand on the bus of a server's adapter."""
        return any(part in one.members for one in self.shared_buses)

    def is_server(self, part: int) -> bool:
        """Tell whether a component is a server, with a configuration of its own."""
        return part < self.outside

    def is_extender(self, wire: int) -> bool:
        """Tell whether a wire is the uplink of an extender."""
        return self.outside_wire < wire <= self.outside_wire + len(self._extenders)

    def trunk(self, wire: int) -> Trunk | None:
        """Give a wire between bridges by its number, None for another wire."""
        at = wire - self.outside_wire - 1 - len(self._extenders)
        return self.trunks[at] if at >= 0 else None

    def wire_of_trunk(self, trunk: Trunk) -> int:
        """Give the number of a wire between bridges."""
        return self.outside_wire + 1 + len(self._extenders) + self.trunks.index(trunk)

    def extender(self, wire: int) -> Extender:
        """Give the settings of an extender, by its uplink."""
        bridge, name = self._extenders[wire - self.outside_wire - 1]
        return self.bridges[bridge].settings.extenders[name]

    @cached_property
    def _bridge_at(self) -> tuple[int, ...]:
        owners = {name: at for at, bridge in enumerate(self.bridges) for name in bridge.settings.ports}
        ends = [owners[name] for server in self.servers for name in server.wires]
        return (*ends, owners[OUTSIDE], *(at for at, _ in self._extenders), *(one.upper for one in self.trunks))

    def bridge_at(self, wire: int) -> int:
        """Give the bridge to which a wire leads, over extenders or not, upwards."""
        return self._bridge_at[wire]

    @cached_property
    def _above(self) -> tuple[tuple[int, ...], ...]:
        if not self.bridges:
            return ((),) * self.n_wires
        found = []
        for wire in range(self.n_wires):
            bridge = self.bridges[self.bridge_at(wire)].settings
            name = self.port_name(wire)
            own = bridge.extenders[name].behind if self.is_extender(wire) else bridge.ports[name].behind
            names = way_up(own, {each: one.behind for each, one in bridge.extenders.items()}) or ()
            found.append(tuple(self._uplink_of(self.bridge_at(wire), each) for each in names))
        return tuple(found)

    def _uplink_of(self, bridge: int, extender: str) -> int:
        return self.outside_wire + 1 + self._extenders.index((bridge, extender))

    def above(self, wire: int) -> tuple[int, ...]:
        """Give the uplinks of the extenders between the other end of a wire and its bridge, the lowest first."""
        return self._above[wire]

    def root(self, wire: int) -> int:
        """Give the wire that is attached to the bridge itself on the way to a given wire."""
        return (wire, *self.above(wire))[-1]

    @cached_property
    def _trunk_above(self) -> tuple[int | None, ...]:
        """Give the wire that connects each bridge to the one above it."""
        wires = {trunk.lower: self.wire_of_trunk(trunk) for trunk in self.trunks}
        return tuple(wires.get(bridge) for bridge in range(len(self.bridges)))

    def depth(self, wire: int) -> int:
        """Count the wires between the upper end of a wire and the first bridge."""
        above = self._trunk_above[self.bridge_at(wire)]
        return len(self.above(wire)) + (0 if above is None else 1 + self.depth(above))

    @cached_property
    def ports_in_order(self) -> tuple[str, ...]:
        """Name the ports of bridges and extenders in the order in which frames pass them: up, then down."""
        between, every = range(self.outside_wire + 1, self.n_wires), range(self.n_wires)
        upwards = [self.wire_names(wire)[0] for wire in sorted(between, key=self.depth, reverse=True)]
        return (*upwards, *(self.wire_names(wire)[1] for wire in sorted(every, key=self.depth)))

    def trunks_between(self, bridge: int, other: int) -> list[tuple[int, bool]]:
        """Give the wires from one bridge to another, in their order, each with whether it is taken upwards."""

        def way_up(number: int) -> list[tuple[int, int]]:
            above = self._trunk_above[number]
            return [(number, -1)] if above is None else [(number, above), *way_up(self.bridge_at(above))]

        up, down = way_up(bridge), way_up(other)
        passed = {number for number, _ in down}
        n_up = next(n for n, (number, _) in enumerate(up) if number in passed)
        n_down = [number for number, _ in down].index(up[n_up][0])
        return [(wire, True) for _, wire in up[:n_up]] + [(wire, False) for _, wire in reversed(down[:n_down])]

    def towards(self, bridge: int, other: int) -> int:
        """Give the wire by which frames leave a bridge for another, or for the stations outside at it."""
        return next((wire for wire, _ in self.trunks_between(bridge, other)), self.outside_wire)

    def device_above(self, wire: int) -> tuple[int, int | None]:
        """Give the device at a wire's upper end: the bridge's number, and None or, if it is an extender, its uplink."""
        return self.bridge_at(wire), next(iter(self.above(wire)), None)

    def device_below(self, wire: int) -> tuple[int, int | None]:
        """Give the device at the lower end of an extender's or a bridge-to-bridge wire, as `device_above` does."""
        trunk = self.trunk(wire)
        return (self.bridge_at(wire), wire) if trunk is None else (trunk.lower, None)

    def rates_at_bps(self, device: tuple[int, int | None]) -> list[int]:
        """Give the rates of all ports of a bridge (by its number, and None), or of an extender of it."""
        bridge, extender = device
        own = [self._trunk_above[bridge] if extender is None else extender]
        below = [wire for wire in range(self.n_wires) if self.device_above(wire) == device]
        return [self.rate_bps(wire) for wire in (*own, *below) if wire is not None]

    @cached_property
    def vms(self) -> dict[str, Vm]:
        """Give all VMs by their names, the hosts among them, in the order of servers and ports."""
        return vms_of(self.servers)

    @cached_property
    def vm_names(self) -> tuple[str, ...]:
        """Give the names of the VMs in use, in that order."""
        return tuple(name for name, vm in self.vms.items() if vm.is_in_use)

    @cached_property
    def server_names(self) -> tuple[str, ...]:
        """Give the servers' names, in order."""
        return tuple(server.name for server in self.servers)

    def config(self, part: int) -> Config:
        """Give the configuration of one server."""
        return self.servers[part].config

    def prefix(self, part: int) -> str:
        """Give the prefix of a server's resource names."""
        return self.servers[part].prefix

    def own_port(self, wire: int) -> str:
        """Give the name of an adapter's port at its wire; an empty text where it has one, and for other wires."""
        return self.adapter_ports[wire][1] if wire < self.outside_wire else ""

    def switch_at(self, wire: int) -> Switch:
        """Give the switch of an adapter's port at its wire."""
        part, port = self.adapter_ports[wire]
        return self._switches[part][port]

    @cached_property
    def _switches(self) -> tuple[dict[str, Switch], ...]:
        return tuple({port: one.config.switch.at_port(port) for port in one.config.port.names} for one in self.servers)

    def port_name(self, wire: int) -> str:
        """Give the name of the port at the upper end of a wire."""
        trunk = self.trunk(wire)
        if trunk is not None:
            return trunk.upper_port
        if self.is_extender(wire):
            return self._extenders[wire - self.outside_wire - 1][1]
        if wire == self.outside_wire:
            return OUTSIDE
        part = self.part_at(wire)
        return self.servers[part].wires[wire - self._first_wires[part]]

    def wire_names(self, wire: int) -> tuple[str, str]:
        """Give the names of a wire as a resource: towards the bridge, and from it."""
        port, trunk = f"{self.bridges[self.bridge_at(wire)].name}.{self.port_name(wire)}", self.trunk(wire)
        if trunk is not None:
            return f"{self.bridges[trunk.lower].name}.{trunk.lower_port}", port
        if wire < self.outside_wire:
            return f"{self.prefix(self.part_at(wire))}{at_port(self.own_port(wire), 'wire.tx')}", port
        return f"{port}.{UPLINK}" if self.is_extender(wire) else f"{port} in", port

    def rate_bps(self, wire: int) -> int:
        """Give the rate of a wire."""
        if wire < self.outside_wire:
            return int(self.config(self.part_at(wire)).port.rate_bps)
        if self.is_extender(wire):
            return int(self.extender(wire).rate_bps)
        return int(self.bridges[self.bridge_at(wire)].settings.ports[self.port_name(wire)].rate_bps)

    def propagation_fs(self, wire: int) -> int:
        """Give the propagation of a wire."""
        bridge = self.bridges[self.bridge_at(wire)]
        return bridge.settings.propagation_fs if self.is_extender(wire) else bridge.propagation_fs(self.port_name(wire))

    def place(self, name: str) -> tuple[int, str]:
        """Give a station's server and its name there; "uplink" belongs to the stations outside."""
        if is_uplink(name):
            return self.outside, UPLINK
        vm = self.vms[self.servers[0].config.vm_at(name)]
        return vm.at, vm.port.name

    def wire_at(self, name: str) -> int:
        """Give the wire by which bridges reach a station; for one that has none, its server's first wire."""
        if is_uplink(name):
            return self.outside_wire
        wire = self._wires_of_stations.get(name)
        return self.wires_of(self.place(name)[0])[0] if wire is None else wire

    @cached_property
    def _wires_of_stations(self) -> dict[str, int]:
        return {
            name: self.wires_of(vm.at)[vm.server.config.port.number_of(vm.port.port)] for name, vm in self.vms.items()
        }

    def station(self, part: int, local: str) -> str:
        """Give the name in the system of a server's station."""
        return self.servers[part].station(local)

    @cached_property
    def stations(self) -> dict[tuple[int, str], Port]:
        """Give each station's port settings, by its server and its name there."""
        return {(vm.at, vm.port.name): vm.port for vm in self.vms.values()}

    def port(self, name: str) -> Port:
        """Give a station's port settings; raises KeyError if there is no such station."""
        return self.vms[name].port
