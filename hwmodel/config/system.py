"""Say what a system is made of: its servers, each with a whole configuration, and their stations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .bridge import ADAPTER, OUTSIDE, BridgePort
from .document import Document
from .model import Config, model_at
from .overrides import apply_overrides
from .servers import OWN_BLOCKS, ServerEntry
from .station import Port
from .switch import Switch


@dataclass(frozen=True)
class Server:
    """A host with its adapter.

    `name`: an empty text for the one that has none. `config`: all that holds for this server, with the workload and run
    of the whole system, and without `servers` and `bridge`.
    """

    name: str
    config: Config

    @property
    def port(self) -> str:
        """Return the name of the server's port at the bridge."""
        return self.name or ADAPTER

    @property
    def prefix(self) -> str:
        """Return what stands before the names of the server's stations in the whole system: `a.`, if it has a name."""
        return f"{self.name}." if self.name else ""

    @property
    def set_key(self) -> str:
        """Return the key under which the configuration has what differs in the server: `servers.a.set`."""
        return f"servers.{self.name}.set"

    def station(self, name: str) -> str:
        """Return what the server's station is called in the whole system: a.vf0, or vf0 if the server has no name."""
        return f"{self.prefix}{name}"


def servers_of(config: Config) -> tuple[Server, ...]:
    """Return the servers of a configuration in order; the only one has no name where `servers` lists none."""
    alone = config.model_copy(update={"servers": (), "bridge": None})
    if not config.servers:
        return (Server("", alone),)
    return tuple(Server(entry.name, _changed(alone, entry)) for entry in config.servers)


def stations_in_use(servers: Iterable[Server]) -> dict[str, Port]:
    """Return the VFs in use of all servers, by their names in the system and in order: patterns run among these."""
    found: dict[str, Port] = {}
    for server in servers:
        present = {f"vf{k}" for k in range(server.config.nic.vfs)}
        ports = (port for port in server.config.switch.ports if port.enabled and port.name in present)
        found.update((server.station(port.name), port) for port in ports)
    return found


def port_rate_bps(servers: Iterable[Server]) -> int:
    """Return the rate of all servers' ports together, which a share as `load` is a share of."""
    return sum(server.config.port.rate_bps for server in servers)


def outside_rate_bps(config: Config) -> int:
    """Return the rate at which outside stations send: that of the bridge's port, else of the adapter's own."""
    return config.port.rate_bps if config.bridge is None else config.bridge.ports[OUTSIDE].rate_bps


def reflects(port: BridgePort, switch: Switch, s_channel: int | None = None) -> bool:
    """Tell whether a logical port has hairpin: that of an adapter with this switch, or of one S-channel."""
    if port.hairpin is not None:
        return port.hairpin
    if switch.mode == "multichannel":
        return s_channel is not None and switch.s_channels.get(s_channel) == "vepa"
    return switch.mode == "vepa"


def changes_between(base: Config, own: Config) -> dict[str, Any]:
    """Return the keys, dotted, in which a server's configuration differs from that of the file's own blocks."""
    before, after = base.resolved(), own.resolved()
    changes: dict[str, Any] = {}
    for block in OWN_BLOCKS:
        _compare((block,), before[block], after[block], changes)
    return changes


def _compare(path: tuple[str | int, ...], before: Any, after: Any, changes: dict[str, Any]) -> None:
    if before == after:
        return
    if path == ("switch", "ports") and _names(before) == _names(after):
        before, after = ({entry["name"]: entry for entry in ports} for ports in (before, after))
    elif not isinstance(before, dict) or not isinstance(after, dict) or _is_table(path):
        changes[".".join(map(str, path))] = after
        return
    for key, value in after.items():
        _compare((*path, key), before[key], value, changes)


def _is_table(path: tuple[str | int, ...]) -> bool:
    """Tell whether a mapping has keys of the user's, so that it changes as a whole."""
    is_station = path[:2] == ("switch", "ports")
    return not is_station and model_at(path) is None


def _names(entries: list[Mapping[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def _changed(base: Config, entry: ServerEntry) -> Config:
    if not entry.changes:
        return base
    document = Document(f"servers.{entry.name}", base.resolved())
    apply_overrides(document, entry.changes)
    return Config.model_validate(document.data)
