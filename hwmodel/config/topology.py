"""The topology of bridges: ports of each, the way to the outside, and the port behind which each address belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from .bridge import Bridge, Controls, PolicyEntry
from .bridge_mirrors import BridgeMirror
from .bridge_ports import LogicalPort, PhysicalPort, comes_in, place_of
from .bridge_samples import BridgeSampler
from .lookup import own_ips
from .packet_kinds import OWN
from .system import Server
from .vms import Vm, vms_of

Place = tuple[int, int, int, int]  # a bridge, an address, a VLAN, a logical port


class Topology:
    """Number the logical ports of all bridges and extenders.

    `logical`: the bridges' logical ports, in order; `own`: an extender port's own logical port, by port number.
    `policers`: the policy entries with token buckets, in the order of the buckets. `stations`: station numbers by name;
    `configs`: of the servers. `to_adapters`: the ports to adapters, which come first, each with the switch there.
    """

    def __init__(
        self,
        bridges: Sequence[Bridge],
        ports: Sequence[PhysicalPort],
        servers: Sequence[Server],
        stations: Mapping[str, int],
    ) -> None:
        self.bridges = bridges
        self.ports = ports
        self.servers = servers
        self.configs = [server.config for server in servers]
        self.stations = stations
        self.outside = next(port for port in ports if port.server is None)
        self.to_adapters = [(port, port.switch) for port in ports if port.switch is not None]
        self.logical = [logical for port in ports if port.joined is None or port.to for logical in port.logical]
        self.bridge_ports = BridgePorts(ports, self.outside, self.logical)
        self.n_logical_ports = len(self.logical)
        self.own: dict[int, int] = {}
        for port in ports:
            if port.is_of_extender:
                self.own[port.number] = self._next_number()
        for port in ports:
            if not port.is_of_extender and port.has_interfaces:
                name, number = f"{port.name}.groups", self._next_number()
                port.groups = LogicalPort(number, port.number, name, None, False, None, (), ())
        self.policers: list[PolicyEntry] = [
            entry for bridge in bridges for entry in bridge.policy if entry.action == "police"
        ]

    @cached_property
    def vms(self) -> dict[str, Vm]:
        """Return the VMs of all servers by name, the hosts among them."""
        return vms_of(self.servers)

    def named_at(self, bridge: int) -> dict[str, list[LogicalPort]]:
        """Return the logical ports at a bridge by what results call them, and all of each port to an adapter by that.

        A port behind extenders is named for those of its stations.
        """
        ports = [port for port, _ in self.to_adapters if port.bridge == bridge]
        ports += [port for port in self.bridge_ports.ports[bridge] if port.switch is None and not port.below]
        found = {logical.name: [logical] for port in ports for logical in port.logical}
        return {**found, **{port.name: port.logical for port in ports}}

    @property
    def mirrors(self) -> list[tuple[int, BridgeMirror]]:
        """Return the mirrors of all bridges, each with its bridge's number."""
        return [(at, mirror) for at, bridge in enumerate(self.bridges) for mirror in bridge.mirrors]

    @property
    def samplers(self) -> list[tuple[int, BridgeSampler]]:
        """Return the samplers of all bridges, each with its bridge's number."""
        return [(at, sampler) for at, bridge in enumerate(self.bridges) for sampler in bridge.samples]

    @property
    def asks_for_own(self) -> bool:
        """Tell whether a bridge's rules ask for what is the sender's own."""
        return any(one.guards for bridge in self.bridges for one in bridge.controls.values()) or any(
            OWN in (entry.source_ip, entry.nd_target, entry.arp_sender_mac, entry.arp_sender_ip)
            for bridge in self.bridges for entry in bridge.policy
        )  # fmt: skip

    @property
    def n_own_addresses(self) -> int:
        """Return how many addresses stations have that rules call their own, of MAC or of IP: whichever are more."""
        stations = [vm.port for vm in vms_of(self.servers).values()] if self.asks_for_own else []
        return max(sum(len(port.macs) for port in stations), sum(len(own_ips(port)) or 1 for port in stations))

    def controls_of(self, port: PhysicalPort, logical: LogicalPort) -> Controls:
        """Return what a logical port of a port to an adapter controls."""
        return self.bridges[port.bridge].controls_of(port.name, logical.name)

    @property
    def n_class_queues(self) -> int:
        """Return how many queues by class the bridges' ports have; they are numbered after all logical ports."""
        controls = (self.bridges[port.bridge].flow_control for port in self.ports if not port.is_of_extender)
        return sum(control.n_classes for control in controls if control is not None)

    @property
    def n_listed(self) -> int:
        """Return how many entries the lists of ports, and of the logical ports that are reached by them, have."""
        of_ports = sum(len(port.logical) + len(port.taken_lists) for port in self.ports)
        beside = self.bridge_ports
        of_bridges = sum(len(own) + len(theirs) for own, theirs in zip(beside.logical, beside.ports, strict=True))
        of_extenders = sum(port.is_of_extender and bool(port.below) for port in self.ports)
        return of_ports + of_bridges + of_extenders + len(self.bridges)

    def _next_number(self) -> int:
        self.n_logical_ports += 1
        return self.n_logical_ports - 1

    def homes(self) -> Iterator[Place]:
        """Yield where each station's addresses belong by configuration, as seen from each bridge."""
        for port, switch in self.to_adapters:
            for station in switch.ports:
                # If two of its VLANs are one in the bridge, the first counts: put that of untagged frames first.
                own = [vlan for vlan in station.vlans if vlan == station.port_vlan]
                own += [vlan for vlan in station.vlans if vlan != station.port_vlan]
                places = [place for vlan in own if (place := place_of(station, vlan, port))]
                for logical, vlan in (seen for place in places for seen in self.bridge_ports.seen_from(*place)):
                    for mac in station.macs:
                        yield self.ports[logical.port].bridge, mac, vlan, logical.number

    def announced(self) -> Iterator[Place]:
        """Yield the addresses that stations have announced in their port VLANs, at each learning bridge reached."""
        for port, switch in self.to_adapters:
            for station in switch.ports:
                place = place_of(station, station.port_vlan, port) if station.enabled else None
                if place is None or place[1] not in place[0].vlans:
                    continue
                for logical, vlan in self.bridge_ports.seen_from(*place):
                    bridge = self.ports[logical.port].bridge
                    if self.bridges[bridge].announce and self.bridges[bridge].kind == "learning":
                        yield from ((bridge, mac, vlan, logical.number) for mac in station.macs)


class BridgePorts:
    """Know the ports of each bridge, without those of extenders.

    `ports`, `logical`: ports and logical ports of each bridge, by bridge number. `way_out`: by bridge number, its
    logical port to the stations outside, or towards the bridge that has them.
    """

    def __init__(self, ports: Sequence[PhysicalPort], outside: PhysicalPort, logical: Sequence[LogicalPort]) -> None:
        self._all = ports
        n_bridges = 1 + max(port.bridge for port in ports)
        self.ports: list[list[PhysicalPort]] = [[] for _ in range(n_bridges)]
        for port in ports:
            if not port.is_of_extender:
                self.ports[port.bridge].append(port)
        self.logical: list[list[LogicalPort]] = [[] for _ in range(n_bridges)]
        for each in logical:
            self.logical[ports[each.port].bridge].append(each)
        self.way_out = {outside.bridge: outside.logical[0]}
        waiting = [outside.bridge]
        for bridge in waiting:
            for port in self._wires(bridge):
                far = self._far_end(port)
                if far.bridge not in self.way_out:
                    self.way_out[far.bridge] = far.logical[0]
                    waiting.append(far.bridge)

    def _wires(self, bridge: int) -> Iterator[PhysicalPort]:
        return (port for port in self.ports[bridge] if port.to)

    def _far_end(self, port: PhysicalPort) -> PhysicalPort:
        assert port.joined is not None
        return self._all[port.joined]

    def seen_from(self, own: LogicalPort, vlan: int) -> Iterator[tuple[LogicalPort, int]]:
        """Yield the logical port and VLAN on which a broadcast enters each bridge that it reaches, from `own` on."""
        yield own, vlan
        if vlan not in own.vlans:
            return
        for port in self._wires(self._all[own.port].bridge):
            (out,) = port.logical
            if out.number == own.number or vlan not in out.vlans:
                continue
            far = self._far_end(port)
            place = comes_in(far, 0 if vlan in out.untagged else vlan)
            if place is not None and place[1] in place[0].vlans:
                yield from self.seen_from(*place)
