"""Check mirrors and samplers of bridges: that each says what it looks at and who gets it, and that these are there."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from hwmodel.wire.ethernet import FIRST_ADDRESS

from .bridge_mirrors import BridgeMirror
from .bridge_ports import PhysicalPort
from .bridge_samples import BridgeSampler
from .document import KeyPath
from .findings import Findings
from .kinds import suggest
from .names import OUTSIDE
from .switch import outside_mac
from .topology import Topology
from .vms import first_ips

OUTSIDE_VLAN = 1
_ENDS = (
    (("source", "vlan"), "from (a port) or vlan"),
    (("to", "to_vlan", "collector"), "to (a port), to_vlan or collector"),
)


def check_mirrors(at: int, mirrors: Sequence[BridgeMirror], path: KeyPath, topology: Topology, add: Findings) -> None:
    """Check the mirrors of a bridge by its number; `path`: of its settings."""
    if mirrors and any(config.virtual_switch is not None for config in topology.configs):
        add.add("copies may come to a virtual switch, which does not count them apart", (*path, "mirrors"))
        return
    ports = topology.bridge_ports.ports[at]
    plain = [port.name for port in ports if is_plain(port)]
    for index, mirror in enumerate(mirrors):
        here: KeyPath = (*path, "mirrors", index)
        for names, what in _ENDS:
            n = sum(getattr(mirror, name) is not None for name in names)
            if n != 1:
                add.add(f"a mirror has {what}: {'one of them' if n else 'this one has none of them'}", here)
        if mirror.vlan is not None and mirror.direction is not None:
            add.add("a VLAN's frames are copied as they come in; direction is of a port", (*here, "direction"))
        if mirror.session is not None and mirror.collector is None:
            add.add("a session's number stands in ERSPAN headers, to a collector", (*here, "session"))
        known = topology.named_at(at)
        _check_port(mirror.source, list(known), (*here, "from"), add)
        if mirror.to in known and mirror.to not in plain:
            message = f"copies go to a port without outer tags or queues of its own ({', '.join(plain)})"
            add.add(f"{message}, or by to_vlan or collector", (*here, "to"))
        else:
            _check_port(mirror.to, plain, (*here, "to"), add)
        if mirror.to is not None and mirror.to == mirror.source:
            add.add(f"{mirror.to} has these frames already; a mirror sends them to another port", (*here, "to"))
        if mirror.collector is not None:
            check_collector(mirror.collector, (*here, "collector"), topology, add)


def check_samplers(
    at: int, samplers: Sequence[BridgeSampler], path: KeyPath, topology: Topology, add: Findings
) -> None:
    """Check the samplers of a bridge by its number; `path`: of its settings."""
    named = topology.named_at(at)
    taken: dict[int, str] = {}
    for index, sampler in enumerate(samplers):
        here: KeyPath = (*path, "samples", index)
        _check_port(sampler.source, list(named), (*here, "from"), add)
        check_collector(sampler.collector, (*here, "collector"), topology, add)
        if sampler.counters and sampler.protocol != "sflow":
            add.add("packet reports of IPFIX tell no counters of ports; sflow does", (*here, "counters"))
        for logical in named.get(sampler.source, ()):
            if logical.number in taken:
                add.add(f"{taken[logical.number]} is sampled already; a port has one sampler", (*here, "from"))
                break
            taken[logical.number] = sampler.source


class Collector(NamedTuple):
    """Hold where a station takes datagrams: its address of MAC, its VLAN, its address of IPv4, if it has one."""

    mac: int
    vlan: int
    ip: IPv4Address | None


def collector_of(name: str, topology: Topology) -> Collector:
    """Return where a collector stands; without `ips` it has the address of its made-up frames."""
    if name == OUTSIDE:
        switches = [config.switch for config in topology.configs]
        return Collector(outside_mac(switches), OUTSIDE_VLAN, FIRST_ADDRESS)
    vm = topology.vms[name]
    place = list(topology.vms).index(name) + 1
    ip = first_ips(vm.port, place).get(4)
    assert not isinstance(ip, IPv6Address)
    return Collector(vm.port.macs[0], vm.port.port_vlan, ip)


def check_collector(name: str, path: KeyPath, topology: Topology, add: Findings) -> None:
    """Report a collector that nobody is, or that has no address of IPv4."""
    names = [*topology.vms, OUTSIDE]
    if name not in names:
        hint = suggest(name, names) or f"; there are {', '.join(names[:8])}"
        add.add(f"nobody is {name}, so there is no such collector{hint}", path)
    elif collector_of(name, topology).ip is None:
        add.add(f"{name} has no address of IPv4 (`ips`), at which it would take datagrams", path)


def is_plain(port: PhysicalPort) -> bool:
    """Tell whether frames have no outer tag at a bridge's port, and no queues apart."""
    return len(port.logical) == 1 and not port.has_interfaces and not port.is_scheduled


def _check_port(name: str | None, known: Sequence[str], path: KeyPath, add: Findings) -> None:
    if name is not None and name not in known:
        hint = suggest(name, known) or f"; there are {', '.join(known)}"
        add.add(f"there is no port {name} at this bridge{hint}", path)
