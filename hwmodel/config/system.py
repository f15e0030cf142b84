"""Say what a system is made of: its servers, each with a whole configuration, its bridges, and their stations."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hwmodel.errors import InputError
from hwmodel.rules.capacities import MAX_SERVERS
from hwmodel.rules.switch_modes import MODES
from hwmodel.units import parse_bytes

from .bridge import BRIDGE, OUTSIDE, Bridge, BridgePort, JoinedPort, wire_names
from .document import Document, KeyPath, Problem
from .kinds import suggest
from .model import OF_SYSTEM, Config, keys_of, model_at
from .names import is_part_name
from .overrides import apply_changes, apply_overrides
from .servers import ADAPTER_BLOCKS, OWN_BLOCKS, ServerEntry, adapter_name
from .switch import Port, Switch


@dataclass(frozen=True)
class Server:
    """A host with its adapter, or one of the several adapters of a host, with its VMs.

    `name`: an empty text for the one that has none; a.x for adapter x of server a. `config`: all that holds for it,
    with the workload and run of the whole system, and without `servers` and `bridge`.
    """

    name: str
    config: Config

    @property
    def wires(self) -> tuple[str, ...]:
        """Return the names of the bridges' ports at the far ends of the adapter's wires, one for each Ethernet port."""
        return wire_names(self.name, self.config.port.count)

    def port_at(self, wire: str) -> str:
        """Return the Ethernet port at which one of `wires` begins, an empty text if the adapter has a single port."""
        return self.config.port.names[self.wires.index(wire)]

    def switch_at(self, wire: str) -> Switch:
        """Return the switch of the adapter's port at one of `wires`."""
        return self.config.switch.at_port(self.port_at(wire))

    def wire_of(self, port: Port) -> str:
        """Return by which of `wires` a station of the adapter is reached from outside."""
        return self.wires[self.config.port.number_of(port.port)]

    @property
    def prefix(self) -> str:
        """Return what stands before the names of the server's stations in the whole system: `a.`, if it has a name."""
        return f"{self.name}." if self.name else ""

    @property
    def host(self) -> str:
        """Return the name of the host, which several adapters may share."""
        return self.name.partition(".")[0]

    def key(self, key: str) -> str:
        """Return where the system's configuration has a key of the server's: `servers.a.set.pcie.lanes`."""
        if not self.name:
            return key
        _, has_adapters, adapter = self.name.partition(".")
        is_own = has_adapters and _is_of_adapter(key)
        return f"servers.{self.host}.{f'adapters.{adapter}.' if is_own else ''}set.{key}"

    def station(self, name: str) -> str:
        """Return what the server's station is called in the whole system: by its VM's own name, or a.vf0, or vf0."""
        return self.config.vm_at(f"{self.prefix}{name}")


@dataclass(frozen=True)
class NamedBridge:
    """A bridge at the other end of the wires of some servers.

    `name`: "bridge" for the one that has none. `path`: where its settings stand in the configuration.
    """

    name: str
    settings: Bridge
    path: KeyPath

    @property
    def is_joined(self) -> bool:
        """Tell whether it is one of several."""
        return len(self.path) > 1

    @property
    def key(self) -> str:
        """Return the key of its settings as users type it."""
        return f"bridges.{self.name}" if self.is_joined else BRIDGE

    @property
    def words(self) -> str:
        """Name it in a sentence."""
        return f"bridge {self.name}" if self.is_joined else "the bridge"

    @property
    def stops_senders(self) -> bool:
        """Tell whether its ports stop who sends to them, by flow control."""
        control = self.settings.flow_control
        return control is not None and control.send

    @property
    def wires(self) -> dict[str, JoinedPort]:
        """Return its ports to other bridges, by their names."""
        ports = self.settings.ports.items()
        return {name: port for name, port in ports if isinstance(port, JoinedPort) and port.to is not None}

    def is_at(self, server: Server) -> bool:
        """Tell whether a wire of a server ends at it."""
        return any(wire in self.settings.ports for wire in server.wires)

    def propagation_fs(self, port: str) -> int:
        """Return the propagation of the wire at a port."""
        own = self.settings.ports[port]
        return own.propagation_fs if isinstance(own, JoinedPort) else self.settings.propagation_fs


def bridges_of(config: Config) -> tuple[NamedBridge, ...]:
    """Return the bridges of a configuration, in order; none where there is none."""
    if config.bridge is not None:
        return (NamedBridge(BRIDGE, config.bridge, ("bridge",)),)
    return tuple(NamedBridge(one.name, one, ("bridges", at)) for at, one in enumerate(config.bridges))


def bridge_with(config: Config, port: str) -> NamedBridge | None:
    """Return the bridge that has a port of this name, None where none has; ports to servers and outside are unique."""
    return next((bridge for bridge in bridges_of(config) if port in bridge.settings.ports), None)


def bridge_beyond(bridges: Iterable[NamedBridge], port: JoinedPort) -> NamedBridge:
    """Return the bridge at the other end of a port to another bridge."""
    return next(bridge for bridge in bridges if bridge.name == str(port.to).partition(".")[0])


def bridges_at(config: Config, server: Server) -> list[NamedBridge]:
    """Return the bridges at the other ends of a server's wires, each once, in the order of all."""
    return [one for one in bridges_of(config) if one.is_at(server)]


MOST_REMEMBERED = 4
_BURST = parse_bytes(Port.model_fields["receive_burst_bytes"].default)
# What each server's configuration has of the whole system.
_OF_ALL = ("vms", "profiles", "workload", "run", "scenario", "agents", "management", "control")
_lately: deque[tuple[Config, tuple[Server, ...]]] = deque(maxlen=MOST_REMEMBERED)


def servers_of(config: Config) -> tuple[Server, ...]:
    """Return the servers of a configuration in order; the only one has no name where `servers` lists none.

    Cached for the last few configurations: a run asks some twenty times, which with 64 servers would take a sixth of
    the time that the run spends outside its events.
    """
    found = next((servers for known, servers in tuple(_lately) if known is config), None)
    if found is None:
        found = _servers_made(config) or _servers_of(config)
        _lately.append((config, found))
    return found


def _servers_made(config: Config) -> tuple[Server, ...]:
    """Return the servers that a configuration was made of, none if it has other blocks of its servers by now."""
    if config.made is None:
        return ()
    then, servers = config.made
    if any(getattr(config, name) is not getattr(then, name) for name in (*OWN_BLOCKS, "servers")):
        return ()
    own = {name: getattr(config, name) for name in _OF_ALL if getattr(config, name) is not getattr(then, name)}
    return tuple(replace(one, config=one.config.model_copy(update=own)) for one in servers) if own else servers


def server_made(common: Config, part: Server, entry: ServerEntry) -> Server:
    """Return what `servers_of` finds of a system with these common blocks and this entry, of which a part was made."""
    if not _is_said(part.config):
        part = Server(part.name, _changed(_alone(common), part.name, dict(_parts_of(entry))[part.name]))
    return in_slot(common, part, entry)


def in_slot(common: Config, part: Server, entry: ServerEntry) -> Server:
    """Return a part as the server of a system: with what all servers have, and its link negotiated with its slot."""
    config = part.config.model_copy(update={name: getattr(common, name) for name in _OF_ALL})
    return Server(part.name, _in_slot(config, entry, part.name))


def _is_said(own: Config) -> bool:
    """Tell whether keys show all that a server has; they do not show a bucket of no limit, nor the lanes of a bus."""
    is_shown = (port.receive_limit_bps is not None or port.receive_burst_bytes == _BURST for port in own.switch.ports)
    return own.pcie.bus is None and all(is_shown)


def only_server(config: Config, name: str | None = None, hosts: Iterable[str] = ()) -> Server:
    """Return the server of a name, or the only one. Raises InputError where there is none, or it is not clear which.

    `hosts`: names that could have been given too, of hosts with a PCIe tree.
    """
    servers = {each.name: each for each in servers_of(config)}
    if name is None and len(servers) == 1:
        return next(iter(servers.values()))
    names = ", ".join(filter(None, (*hosts, *servers))) or "there is one adapter, which has no name"
    if name is None:
        raise InputError(f"of which server? --server says it ({names})")
    if name not in servers:
        raise InputError(f"--server: no server is called {name!r} ({names})")
    return servers[name]


def _servers_of(config: Config) -> tuple[Server, ...]:
    alone = _alone(config)
    if not config.servers:
        return (Server("", alone),)
    return tuple(
        Server(name, _in_slot(_changed(alone, name, changes), entry, name))
        for entry in config.servers
        for name, changes in _parts_of(entry)
    )


def _alone(config: Config) -> Config:
    if not config.servers and not config.bridges and config.multi_root is None is config.bridge:
        return config
    return config.model_copy(update={"servers": (), "multi_root": None, "bridge": None, "bridges": ()})


def looks_behind_type(config: Config) -> bool:
    """Tell whether a rule or guard of any adapter's switch or bridge matches packet fields beyond the EtherType."""
    at_adapter = any(server.config.switch.looks_behind_type for server in servers_of(config))
    return at_adapter or any(one.settings.looks_behind_type for one in bridges_of(config))


def looks_into_packets(config: Config) -> bool:
    """Tell whether a rule, guard or steering filter of any adapter matches packet fields beyond the EtherType."""
    return looks_behind_type(config) or any(server.config.nic.steering is not None for server in servers_of(config))


def adapters_of_host(servers: Iterable[Server], host: str) -> dict[str, Server]:
    """Return the adapters of a host that lists them, in order, by their names there."""
    return {one.name.rpartition(".")[2]: one for one in servers if one.host == host}


def _in_slot(config: Config, entry: ServerEntry, name: str) -> Config:
    """Return the configuration with the link negotiated with the slot: the lower generation, the smaller width."""
    slot = entry.tree.slots.get(name.rpartition(".")[2]) if entry.tree else None
    if slot is None:
        return config
    own = config.pcie
    generation, lanes = min(own.generation, slot.generation or own.generation), min(own.lanes, slot.lanes or own.lanes)
    if (generation, lanes) == (own.generation, own.lanes):
        return config
    return config.model_copy(update={"pcie": own.model_copy(update={"generation": generation, "lanes": lanes})})


def entries_of(
    listed: Iterable[ServerEntry],
    common: Mapping[str, Any],
    servers: Iterable[Server],
    known: Mapping[str, ServerEntry] = {},
) -> tuple[ServerEntry, ...]:
    """Return entries whose `set` has every key in which a server differs from the file's common blocks.

    `listed`: the entries as they are written; `common`: what `own_blocks` says of the whole system; `known`: what is
    returned for hosts that are not among `servers`, by name.
    """
    changes = {server.name: _changes(common, own_blocks(server.config)) for server in servers}
    return tuple(known.get(entry.name) or _entry_of(entry, changes) for entry in listed)


def _entry_of(entry: ServerEntry, changes: Mapping[str, dict[str, Any]]) -> ServerEntry:
    if not entry.adapters:
        return ServerEntry.model_validate({"name": entry.name, "set": changes[entry.name]})
    names = entry.adapter_names
    return ServerEntry.model_validate({
        "name": entry.name,
        "set": {key: value for key, value in changes[names[0]].items() if not _is_of_adapter(key)},
        "adapters": [
            {"name": own.name, "set": {key: value for key, value in changes[name].items() if _is_of_adapter(key)}}
            for own, name in zip(entry.adapters, names, strict=True)
        ],
    }).model_copy(update={"tree": entry.tree})  # fmt: skip


def _is_of_adapter(key: str) -> bool:
    return key.partition(".")[0] in ADAPTER_BLOCKS


def _parts_of(entry: ServerEntry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each adapter of a server by its name in the system, with the keys in which it differs."""
    if not entry.adapters:
        yield entry.name, entry.changes
    for adapter in entry.adapters:
        yield adapter_name(entry.name, adapter.name), entry.changes | adapter.changes


def port_rate_bps(servers: Iterable[Server]) -> int:
    """Return the rate of all servers' ports together, of which a `load` given as a share is a part."""
    return sum(server.config.ports_rate_bps for server in servers)


def apart_ports(config: Config) -> tuple[str, ...]:
    """Return the names of the Ethernet ports that no bridge joins; one empty text if a bridge does, or for one port."""
    return ("",) if bridges_of(config) else config.switched_ports


def outside_rate_bps(config: Config) -> int:
    """Return the rate at which outside stations send: that of the bridge's port, else of the adapter's own.

    With a bond it is the rate of one leg, since all frames may come by the same leg.
    """
    bridge = bridge_with(config, OUTSIDE)
    return config.port.rate_bps if bridge is None else bridge.settings.ports[OUTSIDE].rate_bps


def reflects(port: BridgePort, switch: Switch, s_channel: int | None = None) -> bool:
    """Tell whether a bridge's port to this switch, or to an S-channel of it, has hairpin; by default VEPA's has."""
    return MODES[switch.mode].kind_of(switch.s_channels, s_channel) == "vepa" if port.hairpin is None else port.hairpin


def changes_between(base: Config, own: Config) -> dict[str, Any]:
    """Return the keys, dotted, in which a server's configuration differs from that of the file's own blocks."""
    return _changes(own_blocks(base), own_blocks(own))


def own_blocks(config: Config) -> dict[str, Any]:
    """Return the blocks that a server may have of its own, as users type them."""
    return config.model_dump(mode="json", by_alias=True, include=set(OWN_BLOCKS))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
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
    for key in {**before, **after}:  # some keys are written only where they are set
        if path == ("driver",) and key == "vms":
            continue
        own, other = (side[key] if key in side else _unsaid((*path, str(key))) for side in (before, after))
        _compare((*path, key), own, other, changes)
    if path == ("driver",):
        _compare_vms(before, after, changes)


def _unsaid(path: tuple[str | int, ...]) -> Any:
    """Return the default of a key that resolved configurations leave out at its default."""
    block = model_at((*path[:2], 0, *path[3:-1]) if _is_station(path) else path[:-1])
    field = None if block is None else block.model_fields.get(keys_of(block).get(str(path[-1]), ""))
    return None if field is None or field.is_required() else field.default


def _compare_vms(before: dict[str, Any], after: dict[str, Any], changes: dict[str, Any]) -> None:
    """Add the keys of VMs' own drivers that differ; whole drivers for VMs that have one in `after` only.

    A VM that has one in `before` only gets the common driver written out, since no key can remove a VM's driver.
    """
    of_all = {key: value for key, value in after.items() if key != "vms"}
    known, own = before.get("vms", {}), after.get("vms", {})
    for name in {**known, **own}:
        if name in known:
            _compare(("driver", "vms", name), known[name], own.get(name, of_all), changes)
        else:
            changes[f"driver.vms.{name}"] = own[name]


def _is_table(path: tuple[str | int, ...]) -> bool:
    """Tell whether a mapping's keys are the user's own names, so that it changes as a whole."""
    return not _is_station(path) and model_at(path) is None


def _is_station(path: tuple[str | int, ...]) -> bool:
    return path[:2] == ("switch", "ports")


def _names(entries: list[Mapping[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def _changed(base: Config, name: str, changes: dict[str, Any]) -> Config:
    if not changes:
        return base
    document = Document(f"servers.{name}", base.resolved())
    apply_overrides(document, changes)
    return Config.model_validate(document.data)


class ServerDocument(NamedTuple):
    """What a server's configuration is made from, or that of one of its adapters, under its name in the system.

    `beside`: the names of the server's other adapters.
    """

    name: str
    document: Document
    beside: tuple[str, ...] = ()


class _Listed(NamedTuple):
    """A server, or one of its adapters: its name in the system, its sibling adapters, and the `set`s that change it."""

    name: str
    beside: tuple[str, ...]
    sets: tuple[tuple[KeyPath, Any, tuple[str, ...]], ...]  # path, content, and the blocks that it may change


def split_servers(document: Document, hosts: Container[str] | None = None) -> list[ServerDocument]:
    """Return a document for each server that a document lists, or for each of its adapters; none where it lists none.

    `hosts`: the servers that are asked for, if not all. What a list of servers implies is filled into `document`: a
    bridge, and a target for `incast_to`. The validation that follows reports errors in the list itself; problems with
    the keys in a `set` are added to `document`.
    """
    entries = document.data.get("servers")
    if not isinstance(entries, list) or not entries:
        return []
    parts = [part for at, entry in enumerate(entries) for part in _parts_listed(at, entry)]
    if len(parts) > MAX_SERVERS:
        message = f"{len(parts)} servers are more than the {MAX_SERVERS} that there is room for"
        document.problems.append(document.problem(("servers",), message))
        return []
    if document.data.get("bridge") is None and not document.data.get("bridges"):
        document.data["bridge"] = {}
    _fill_incast(document, parts[0].name)
    if hosts is not None:
        parts = [part for part in parts if part.name.partition(".")[0] in hosts]
    rest, entry_documents = document.parted("servers", {path[1] for part in parts for path, _, _ in part.sets})
    own_data = {name: value for name, value in document.data.items() if name not in OF_SYSTEM}
    common = replace(rest, data=own_data, problems=[], spread=set(), given={}, whole=document.data)
    found = []
    for part in parts:
        own = replace(common.copied(), part=part.name)
        for path, changes, blocks in part.sets:
            if isinstance(changes, dict):
                _change(own, entry_documents[path[1]], path, changes, blocks)
        document.problems.extend(problem for problem in own.problems if problem not in document.problems)
        own.problems.clear()
        found.append(ServerDocument(part.name, own, part.beside))
    return found


def _parts_listed(at: int, entry: Any) -> list[_Listed]:
    """Return an entry of `servers` as one part, or as one for each of its adapters."""
    if not isinstance(entry, dict):
        return [_Listed("", (), ())]
    name, path = str(entry.get("name")), ("servers", at)
    own = ((*path, "set"), entry.get("set"), OWN_BLOCKS)
    listed = entry.get("adapters")
    if not isinstance(listed, list) or not listed:
        return [_Listed(name, (), (own,))]
    adapters = [each if isinstance(each, dict) else {} for each in listed]
    names = [adapter_name(name, str(each.get("name"))) for each in adapters]
    return [
        _Listed(
            names[k], (*names[:k], *names[k + 1 :]),
            (own, ((*path, "adapters", k, "set"), each.get("set"), ADAPTER_BLOCKS)),
        )
        for k, each in enumerate(adapters)
    ]  # fmt: skip


def _fill_incast(document: Document, first: str) -> None:
    if document.data.get("workload") is None:
        document.data["workload"] = {}
    workload = document.data["workload"]
    if isinstance(workload, dict) and is_part_name(first):
        workload.setdefault("incast_to", f"{first}.vf0")


def _change(own: Document, entry: Document, path: KeyPath, changes: dict[str, Any], blocks: tuple[str, ...]) -> None:
    """Change a server's document by a `set` in `entry`; keys outside `blocks` are reported and left out."""
    prefix = entry.dotted(path)
    good: dict[str, Any] = {}
    for key, value in changes.items():
        wrong = _wrong_block(key.partition(".")[0], blocks)
        if wrong:
            own.problems.append(Problem(entry.place_of((*path, key), key=True), f"{prefix}.{key}", wrong))
        else:
            good[key] = value
    apply_changes(own, entry, path, good, f"{prefix}.")


def _wrong_block(block: str, blocks: tuple[str, ...]) -> str:
    if block in blocks:
        return ""
    who = f"{'a server' if blocks == OWN_BLOCKS else 'an adapter'} has its own {', '.join(blocks)}"
    if block in OWN_BLOCKS:
        return f"{block} is that of the server, for all its adapters; {who}"
    if block in Config.model_fields:
        return f"{block} is that of the whole system; {who}"
    return f"unknown key{suggest(block, blocks)}; {who}"


def n_sending_legs(config: Config) -> int:
    """Return over how many legs of a bond the frames of one VM are spread at the start; 1 without a bond."""
    is_one = config.bond is None or config.bond.mode != "l4_hash" or config.workload.connections == 1
    return 1 if is_one else max(1, len(config.legs_in_use))
