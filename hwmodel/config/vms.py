"""Say what a VM is: its name, and where it is attached, by which all that is a VM's is found; and who reaches whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from hwmodel.rules.function_names import is_pf
from hwmodel.wire.ethernet import FIRST_ADDRESS

from .model import Config
from .names import UPLINK, is_uplink, uplink_of
from .switch import Port
from .system import Server, apart_ports, servers_of

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Vm:
    """A VM, or the host itself at a PF, with the place at which it is attached.

    `name`: its own, or its place's where `vms` gives it none. `at`: the server's number in the system. `port`: the
    port of the adapter's switch, or of the host's virtual switch, with its addresses and VLANs. Flows, sources and
    headers have the VM's name; its rings, its counts and its words in the machine are those of `function`.
    """

    name: str
    at: int
    server: Server
    port: Port

    @property
    def place(self) -> str:
        """Return the name of its place in the whole system: a.vf1."""
        return f"{self.server.prefix}{self.port.name}"

    @property
    def function(self) -> int:
        """Return the number of its function at the server."""
        return self.port.number - 1

    @property
    def wire(self) -> str:
        """Return by which of the server's wires it is reached from outside."""
        return self.server.wire_of(self.port)

    def key(self, key: str) -> str:
        """Return where the system's configuration has a key of its port: switch.ports.vf1.vlans."""
        return self.server.key(f"switch.ports.{self.port.name}.{key}")

    @property
    def is_host(self) -> bool:
        """Tell whether it is the host itself, at a PF."""
        return is_pf(self.port.name)

    @property
    def is_in_use(self) -> bool:
        """Tell whether it is a VM whose port is switched on: patterns run among these."""
        return self.port.enabled and 0 < self.function <= self.server.config.nic.vfs


def vms_of(servers: Iterable[Server]) -> dict[str, Vm]:
    """Return all VMs of some servers by their names, in the order of servers and ports, the hosts among them."""
    found: dict[str, Vm] = {}
    for at, server in enumerate(servers):
        names = {entry.at: entry.name for entry in server.config.vms}
        for port in server.config.switch.ports:
            place = f"{server.prefix}{port.name}"
            name = names.get(place, place)
            name = place if name in found else name  # of two VMs of one name, which is reported
            found[name] = Vm(name, at, server, port)
    return found


def first_ips(port: Port, place: int) -> dict[int, Address]:
    """Return a station's first address of each version, in the order in which it has them; of a prefix its first.

    One without `ips` has a made-up IPv4 address, by its place among all stations, from 1 on.
    """
    if port.ips is None:
        return {4: FIRST_ADDRESS + place}
    return {prefix.version: prefix[0] if prefix.num_addresses == 1 else prefix[1] for prefix in reversed(port.ips)}


def vms_in_use(servers: Iterable[Server]) -> dict[str, Vm]:
    """Return the VMs in use of some servers, without the hosts: patterns run among these."""
    return {name: vm for name, vm in vms_of(servers).items() if vm.is_in_use}


class Domain(NamedTuple):
    """The VFs in use that reach each other: those at one Ethernet port, or all of a system that bridges join.

    `port`: its name where an adapter has several, else an empty text. Patterns run within each domain.
    """

    port: str
    vms: tuple[str, ...]

    @property
    def uplink(self) -> str:
        """Return what the stations outside are called there: uplink, or p1.uplink."""
        return uplink_of(self.port)

    def incast_target(self, incast_to: str) -> str:
        """Return the target of `pattern: incast` in the domain: `incast_to` if it is in it, else its first VM."""
        return incast_to if not self.port or incast_to in self.vms else next(iter(self.vms), incast_to)


def domains_of(config: Config, servers: Iterable[Server] = ()) -> tuple[Domain, ...]:
    """Return the domains of a configuration, in the order of ports; `servers`: its servers, if at hand."""
    in_use = vms_in_use(servers or servers_of(config))
    ports = apart_ports(config)
    if ports == ("",):
        return (Domain("", tuple(in_use)),)
    return tuple(Domain(name, tuple(vm for vm, one in in_use.items() if one.port.port == name)) for name in ports)


def outside_targets(config: Config, servers: Iterable[Server] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """Return the uplinks by which frames of `workload.external` enter, each with the stations that they go to."""
    external = config.workload.external
    if external is None:
        return []
    domains = domains_of(config, servers)
    if external.to == "all":
        return [(domain.uplink, domain.vms) for domain in domains if domain.vms or len(domains) == 1]
    if len(domains) == 1:
        return [(domains[0].uplink, external.to)]
    by_port = [(domain.uplink, tuple(to for to in external.to if port_of_end(config, to) == domain.port))
               for domain in domains]  # fmt: skip
    return [(uplink, targets) for uplink, targets in by_port if targets]


def own_uplinks(config: Config, source: str, target: str) -> tuple[str, str]:
    """Return the ends of a flow, with `uplink` replaced by the uplink of the other end's Ethernet port.

    By the first port's if the other end is at none, as a group is. Unchanged if ports do not part flows.
    """
    if apart_ports(config) == ("",):
        return source, target
    ports = {port.name: port.port or "" for port in config.switch.ports}
    of_ends = [uplink_of(ports.get(config.place_of(end)) or config.port.names[0]) for end in (target, source)]
    source, target = (own if end == UPLINK else end for end, own in zip((source, target), of_ends, strict=True))
    return source, target


def port_of_end(config: Config, name: str) -> str:
    """Return the Ethernet port of an end of a flow by its name, an empty text if ports do not part flows."""
    if apart_ports(config) == ("",):
        return ""
    if is_uplink(name):
        return name.rpartition(".")[0]
    place = config.place_of(name)
    return next((port.port or "" for port in config.switch.ports if port.name == place), "")
