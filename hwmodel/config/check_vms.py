"""Check VMs' own names and places, and that VMs that are named exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hwmodel.rules.function_names import is_pf

from .document import KeyPath
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .names import is_vm_name
from .system import Server, bridges_of

_NAMED = "; `vms` gives VMs names of their own, others have those of their functions"


def check_vms(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Report names that something else has, places that are none, and VMs that are at one place."""
    check_vm_names(findings, parts, ((entry.at, ("vms", at, "at")) for at, entry in enumerate(config.vms)))
    taken = {part.server.host: "a server" for part in parts if part.server.host}
    for bridge in bridges_of(config):
        taken |= {bridge.name: "a bridge"} | dict.fromkeys(bridge.settings.extenders, "an extender")
    places: dict[str, str] = {}
    for at, entry in enumerate(config.vms):
        if entry.name in taken:
            findings.add(f"{entry.name} is the name of {taken[entry.name]} too", ("vms", at, "name"))
        taken[entry.name] = "another VM"
        if is_pf(entry.at):
            findings.add(f"{entry.at} belongs to the host; a VM is attached to a VF", ("vms", at, "at"))
        if entry.at in places:
            message = f"{entry.name} and {places[entry.at]} are both at {entry.at}; a function has one VM"
            findings.add(message, ("vms", at, "at"))
        places[entry.at] = entry.name
    for name in config.workload.weights:
        if name in places:  # else it is named by its own name there
            findings.add(f"{name} is called {places[name]}, which has a weight here too", ("workload", "weights", name))


def check_vm_names(findings: Findings, parts: Sequence[Part], names: Iterable[tuple[str, KeyPath]]) -> None:
    """Report each name, given with its key's path, of a server, VF or VM that the system does not have."""
    by_name, config = {part.server.name: part for part in parts}, parts[0].server.config
    for name, path in dict.fromkeys(names):
        server, _, station = (place := config.place_of(name)).rpartition(".")
        if station in ("uplink", "outside", "all"):
            continue
        if is_vm_name(place):
            known = [*(vm.name for vm in config.vms), *(f"{part.server.prefix}vf0" for part in parts)]
            findings.add(f"there is no VM {name}{suggest(name, known) or _NAMED}", path, besides=["vms"])
            continue
        part = by_name.get(server)
        if part is None:
            lists = [("servers", at, "adapters") for at in range(len(parts))]
            findings.add(_no_server(place, list(by_name)), path, besides=["servers", *lists])
        elif station not in part.server.config.function_names:
            part.findings.add(absent(place, part.server), path, besides=["nic.vfs"])


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


def absent(name: str, server: Server) -> str:
    """Say that a server has no such function, and which it has."""
    if is_pf(name):
        return f"there is no {name}; each Ethernet port has a PF, and port.count is {server.config.port.count}"
    n_vfs, first = server.config.nic.vfs, f"{server.prefix}vf0"
    last = f"{first} to {server.prefix}vf{n_vfs - 1}" if n_vfs > 1 else f"{first} alone"
    whose = f" of {server.name}" if server.name else ""
    return f"there is no {name}; nic.vfs{whose} is {n_vfs}, {last}"
