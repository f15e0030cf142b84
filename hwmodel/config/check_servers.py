"""Check servers against each other: their names, and the addresses of their stations, which meet at one bridge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .document import KeyPath
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .names import mac_text


def check_servers(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check that no two servers have a name, and no two of their stations an address in a VLAN."""
    seen: set[str] = set()
    for index, entry in enumerate(config.servers):
        if entry.name in seen:
            findings.add(f"there is a server {entry.name} already", ("servers", index, "name"))
        seen.add(entry.name)
    if len(seen) == len(parts):
        _check_macs(parts)


def check_vm_names(findings: Findings, parts: Sequence[Part], names: Iterable[tuple[str, KeyPath]]) -> None:
    """Report each name, given with its key's path, of a server or VF that the system does not have."""
    by_name = {part.server.name: part for part in parts}
    for name, path in dict.fromkeys(names):
        server, _, station = name.rpartition(".")
        if station in ("uplink", "outside", "all"):
            continue
        part = by_name.get(server)
        if part is None:
            findings.add(_no_server(name, list(by_name)), path, besides=["servers"])
        elif station != "pf" and int(station[2:]) >= part.server.config.nic.vfs:
            part.findings.add(_absent(name, part), path, besides=["nic.vfs"])


def _no_server(name: str, servers: list[str]) -> str:
    server, _, station = name.rpartition(".")
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
                            f"(--set servers.{part.server.name}.set.switch.ports.{port.name}.macs=[...])",
                            part.findings.station(port.name, "macs"),
                            besides=[part.findings.station(port.name, "vlans")],
                        )
                owners.setdefault(mac, []).append((part, part.server.station(port.name), vlans))
