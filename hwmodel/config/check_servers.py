"""Check servers against each other: their names, and the addresses of their stations, which meet at one bridge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from .document import KeyPath
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .names import mac_text


def check_servers(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check that no two servers have a name, each VM a core, and no two of all stations an address in a VLAN."""
    seen: set[str] = set()
    for index, entry in enumerate(config.servers):
        if entry.name in seen:
            findings.add(f"there is a server {entry.name} already", ("servers", index, "name"))
        seen.add(entry.name)
        own: set[str] = set()
        for place, adapter in enumerate(entry.adapters):
            if adapter.name in own:
                path = ("servers", index, "adapters", place, "name")
                findings.add(f"server {entry.name} has an adapter {adapter.name} already", path)
            own.add(adapter.name)
    if len({part.server.name for part in parts}) == len(parts):
        _check_macs(parts)
        _check_cores(parts)


def _check_cores(parts: Sequence[Part]) -> None:
    """Report servers with several adapters that have fewer cores than VMs: a core serves those of one adapter."""
    for host, group in groupby(parts, key=lambda part: part.server.host):
        of_host = list(group)
        n_cores, n_vms = of_host[0].server.config.host.cores, sum(part.server.config.nic.vfs for part in of_host)
        if len(of_host) > 1 and n_cores < n_vms:
            of_host[0].findings.add(
                f"{n_cores} cores for the {n_vms} VMs of all adapters of {host}; where a server has several adapters, "
                "each VM needs a core of its own",
                "host.cores",
                besides=["nic.vfs"],
            )


def check_vm_names(findings: Findings, parts: Sequence[Part], names: Iterable[tuple[str, KeyPath]]) -> None:
    """Report each name, given with its key's path, of a server or VF that the system does not have."""
    by_name = {part.server.name: part for part in parts}
    for name, path in dict.fromkeys(names):
        server, _, station = name.rpartition(".")
        if station in ("uplink", "outside", "all"):
            continue
        part = by_name.get(server)
        if part is None:
            lists = [("servers", at, "adapters") for at in range(len(parts))]
            findings.add(_no_server(name, list(by_name)), path, besides=["servers", *lists])
        elif station != "pf" and int(station[2:]) >= part.server.config.nic.vfs:
            part.findings.add(_absent(name, part), path, besides=["nic.vfs"])


def _no_server(name: str, servers: list[str]) -> str:
    server, _, station = name.rpartition(".")
    adapters = [each for each in servers if server and each.startswith(f"{server}.")]
    if adapters:
        return f"{server} has adapters, and each has a {station} of its own (did you mean {adapters[0]}.{station}?)"
    if servers == [""]:
        return f"there is no server {server}; without servers it is {station} (did you mean {station}?)"
    if not server:
        return f"there are servers, and each has a {name} of its own (did you mean {servers[0]}.{name}?)"
    near = suggest(server, servers) or f"; there {'are' if len(servers) > 1 else 'is'} {', '.join(servers)}"
    return f"there is no server {server}{near}"


def _absent(name: str, part: Part) -> str:
    n_vfs, first = part.server.config.nic.vfs, part.server.station("vf0")
    last = f"{first} to {part.server.station(f'vf{n_vfs - 1}')}" if n_vfs > 1 else f"{first} alone"
    whose = f" of {part.server.name}" if part.server.name else ""
    return f"there is no {name}; nic.vfs{whose} is {n_vfs}, {last}"


def _check_macs(parts: Sequence[Part]) -> None:
    """Report addresses that two servers' stations have; those of one server's are another check's."""
    owners: dict[int, list[tuple[Part, str, frozenset[int]]]] = {}
    for part in parts:
        for port in part.server.config.switch.ports:
            vlans = frozenset(port.vlans)
            for mac in dict.fromkeys(port.macs):
                for other, other_name, other_vlans in owners.get(mac, []):
                    if other is not part and vlans & other_vlans:
                        name = part.server.station(port.name)
                        part.findings.add(
                            f"{other_name} and {name} both have {mac_text(mac)} in VLAN {min(vlans & other_vlans)} "
                            f"(--set {part.server.key(f'switch.ports.{port.name}.macs')}=[...])",
                            part.findings.station(port.name, "macs"),
                            besides=[part.findings.station(port.name, "vlans")],
                        )
                owners.setdefault(mac, []).append((part, part.server.station(port.name), vlans))
