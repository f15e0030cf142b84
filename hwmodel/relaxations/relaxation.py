"""The relaxations of a configuration: load, servers' and bridges' resources made larger, with all dependent keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.analytic.traffic import as_typed
from hwmodel.config import Config, Server, bridge_with, changes_between, config_from_mapping, port_rate_bps, servers_of
from hwmodel.config.streams import Sizes
from hwmodel.errors import InputError
from hwmodel.relaxations.resources import (
    FACTOR,
    Change,
    bridge_resources,
    bus_resources,
    loads,
    port_rate,
    resources_of,
    slot_of,
    switch_resources,
)
from hwmodel.resources import CORE, CREDITS, LINK, OF_PORTS, OFFERED_LOAD, RATE_LIMIT, RX_DESCRIPTORS, WIRE_RX
from hwmodel.results import Bottleneck
from hwmodel.units import BITS_PER_BYTE

# Names that stand for several resources, each with keys of its own.
_OF_SEVERAL_KEYS = (CREDITS, RX_DESCRIPTORS, RATE_LIMIT, *CORE)

_MOST_JOINED = 6

_OF_SERVER = re.compile(r"servers\.(?P<host>[^.]+)(\.adapters\.(?P<adapter>[^.]+))?\.set\.(?P<key>.+)")


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Hold what makes a resource larger: the `resources` affected, the `changes` of keys, the changed `config`.

    `own_changes`: a server's changes, with the keys as in its own configuration; `servers`: whose they are, several
    where alike servers change together. Then `parts` has the same of each of them alone, with `config` unchanged, since
    building one takes 2 ms and more. `for_all`: whom one key serves, as all ports of an adapter; else empty.
    """

    resources: tuple[str, ...]
    changes: tuple[Change, ...]
    config: Config
    own_changes: tuple[Change, ...] = ()
    servers: tuple[str, ...] = ()
    parts: tuple[Relaxation, ...] = ()
    for_all: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys that change and make the resource itself larger: those of the server's block, if any."""
        written = {key for key, _, _ in self.own_changes}
        own = tuple(key for key, _, _ in self.changes if _own_part(key) in written)
        return own or tuple(key for key, _, _ in self.changes)

    @property
    def alone(self) -> tuple[Relaxation, ...]:
        """Return the parts, or this one where it has none."""
        return self.parts or (self,)

    @property
    def text(self) -> str:
        """Say what changes: `pcie.lanes: 4 -> 8`; of many keys the first two, alike servers' changes once.

        Keys that change together are joined by `with`: such texts stand in lists with commas.
        """
        changes, servers = (self.own_changes, self.servers) if self.parts else _alike_in_all(self.changes)
        shown = " with ".join(
            f"{key}: rates doubled" if isinstance(new, list) else f"{key}: {_written(old)} -> {_written(new)}"
            for key, old, new in changes[:2]
        )
        shown += f" and {len(changes) - 2} more" if len(changes) > 2 else ""
        shown += f" for {self.for_all}" if self.for_all else ""
        return shown if len(servers) < 2 else f"{shown} in each of {', '.join(servers)}"

    def is_of(self, bottleneck: Bottleneck) -> bool:
        """Tell whether this relaxes the bottleneck; for credits, descriptors and rates, the very kind that is short."""
        if bottleneck.resource not in self.resources:
            return False
        has_kinds = bottleneck.resource.endswith(_OF_SEVERAL_KEYS)
        return not has_kinds or any(_is_written(key, known) for key in self.keys for known in bottleneck.keys)


def _own_part(key: str) -> str:
    """Return a server's key as in its own configuration."""
    found = _OF_SERVER.fullmatch(key)
    return key if found is None else found["key"]


def _written(value: object) -> str:
    """Write a value as in a configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alike_in_all(changes: Sequence[Change]) -> tuple[Sequence[Change], Sequence[str]]:
    """Return changes under one server's own keys, with the servers, if all change alike; else unchanged."""
    by_change: dict[Change, list[str]] = {}
    for key, old, new in changes:
        found = _OF_SERVER.fullmatch(key)
        if found is None or isinstance(new, list):
            return changes, ()
        by_change.setdefault((found["key"], old, new), []).append(
            ".".join(filter(None, found.group("host", "adapter")))
        )
    servers, *others = by_change.values() or [[]]
    is_for_all = len(servers) > 1 and all(one == servers for one in others)
    return (tuple(by_change), servers) if is_for_all else (changes, ())


def relaxations_of(config: Config, among: Sequence[Bottleneck] | None = None) -> list[Relaxation]:
    """Give all relaxations of a configuration: the load's, each server's in turn, the bridge's.

    A server's are in the order of the datapath. Resources that are infinite, cannot be larger in this model, or would
    contradict other keys are left out. The device's own limits are lifted: `nic.preset` is null. `among`: only those
    that relax one of these bottlenecks (the load counts as one), since building a configuration takes 2 ms, and longer
    with many servers.
    """
    config = _with_load_of_its_own(config)
    found: list[Relaxation] = []
    wants_load = among is None or any(each.resource == OFFERED_LOAD for each in among)
    for larger in loads(config) if wants_load else ():
        relaxed = _changed(config, larger)
        if relaxed is not None:
            found.append(Relaxation((OFFERED_LOAD,), tuple(larger), relaxed))
            break
    for relaxation in listed_relaxations(config, among):
        relaxed = _changed(config, relaxation.changes)
        if relaxed is not None:
            found.append(replace(relaxation, config=relaxed))
    return found


def listed_relaxations(config: Config, among: Sequence[Bottleneck] | None = None) -> list[Relaxation]:
    """Give the relaxations but the load's, of which some may be invalid, with the configuration as it is."""
    return [one for one in _resources(config) if among is None or any(one.is_of(each) for each in among)]


def together(config: Config, relaxations: Sequence[Relaxation], names: Sequence[str] = ()) -> Relaxation | None:
    """Make several resources larger at once; None if the result is invalid.

    Where one key makes several resources larger, as both link directions, the one among `names` is named.
    """
    resources = tuple(next((one for one in each.resources if one in names), each.resources[0]) for each in relaxations)
    config = _with_load_of_its_own(config)
    changes = tuple(change for relaxation in relaxations for change in relaxation.changes)
    if config.workload.load.share and len(relaxations) > 1:
        changes = tuple(_with_one_load(changes, len([one for one in relaxations if OFFERED_LOAD in one.resources])))
    relaxed = _changed(config, changes)
    return None if relaxed is None else Relaxation((joined(resources),), changes, relaxed)


def joined(resources: Sequence[str]) -> str:
    """Name several resources that are made larger at once; of very many the first, and how many others."""
    names = list(dict.fromkeys(resources))
    if len(names) > _MOST_JOINED:
        names[_MOST_JOINED - 1 :] = [f"{len(names) - _MOST_JOINED + 1} others"]
    return " + ".join(names)


def shared(relaxations: Sequence[Relaxation]) -> str:
    """Return the text of what several parts that are alike have in common: `pcie.lanes: 4 -> 8 in each of a, b`."""
    if len(relaxations) < 2:
        return relaxations[0].text
    names = tuple(dict.fromkeys(name for one in relaxations for name in one.servers))
    return replace(relaxations[0], servers=names, parts=tuple(relaxations)).text


def built(config: Config, relaxation: Relaxation) -> Relaxation | None:
    """Return one of `parts` with its changed configuration; None if that is invalid."""
    relaxed = _changed(_with_load_of_its_own(config), relaxation.changes)
    return None if relaxed is None else replace(relaxation, config=relaxed)


def _with_one_load(changes: Iterable[Change], n_larger: int) -> Iterator[Change]:
    """Give changes with one for a load that is a share of the ports' rates, which several faster ports lessen."""
    of_load = [(old, new) for key, old, new in changes if key == "workload.load"]
    yield from (change for change in changes if change[0] != "workload.load")
    if of_load:
        share, less = of_load[0][0], [new for old, new in of_load if new < old]
        yield "workload.load", share, FACTOR**n_larger * share / (1 + sum(share / new - 1 for new in less))


def _resources(config: Config) -> list[Relaxation]:
    """List all relaxations without building their configurations; alike servers change together, and each alone.

    A resource shared by several adapters of a server is listed once, with its name at each.
    """
    found: dict[tuple[Change, ...], Relaxation] = {}
    for alike in _alike(servers_of(config)):
        for names, own in resources_of(alike[0].config):
            if not own or (config.multi_root is not None and names == LINK):
                continue  # with a shared adapter, its link stands for each host's link inside
            parts: dict[tuple[Change, ...], Relaxation] = {}
            for server in alike if len(alike) > 1 else ():
                _enter(parts, _of_servers(config, [server], names, own))
            of_all = _of_servers(config, alike, names, own)
            _enter(found, of_all if len(parts) < 2 else replace(of_all, parts=tuple(parts.values())))
    for resources, changes_there in (*bridge_resources(config), *switch_resources(config), *bus_resources(config)):
        key = tuple(changes_there)
        if key:
            found[key] = Relaxation(resources, key, config, key)
    return list(found.values())


def _enter(found: dict[tuple[Change, ...], Relaxation], one: Relaxation) -> None:
    """Enter a relaxation by its changes; those with the same ones, as of adapters that share a host's key, are one."""
    known = found.get(one.changes)
    if known is not None:
        resources, servers = known.resources + one.resources, tuple(dict.fromkeys(known.servers + one.servers))
        one = replace(known, resources=resources, servers=servers)
    found[one.changes] = one


def _of_servers(config: Config, alike: Sequence[Server], names: Sequence[str], own: tuple[Change, ...]) -> Relaxation:
    """Return what makes a resource of some alike servers larger, without building its configuration."""
    resources = tuple(server.station(name) for server in alike for name in names)
    changes = {server.key(key): (old, new) for server in alike for key, old, new in own}
    of_slots = (change for server in alike for change in slot_of(config, server, own))
    changes |= {key: (old, new) for key, old, new in of_slots}
    if names[-1].endswith(WIRE_RX):
        ports = [(bridge_with(config, wire), wire) for server in alike for wire in server.wires]
        resources += tuple(f"{bridge.name}.{port}" for bridge, port in ports if bridge is not None)
        of_wires = [change for _, wire in ports for change in port_rate(config, wire)]
        of_wires += _load_of_faster_ports(config, alike)
        changes |= {key: (old, new) for key, old, new in of_wires}
    key = tuple((key, *values) for key, values in changes.items())
    has_ports = names[-1].endswith(OF_PORTS) and alike[0].config.port.count > 1
    for_all = "all ports of the adapter" if has_ports else ""
    return Relaxation(resources, key, config, own, tuple(server.name for server in alike), for_all=for_all)


def _alike(servers: Iterable[Server]) -> list[list[Server]]:
    """Group servers whose hosts and adapters differ only in their stations' addresses."""
    groups: list[list[Server]] = []
    for server in servers:
        group = next((group for group in groups if _is_alike(group[0].config, server.config)), None)
        if group is None:
            groups.append([server])
        else:
            group.append(server)
    return groups


def _is_alike(one: Config, other: Config) -> bool:
    return all(key.endswith(".macs") for key in changes_between(one, other))


def _load_of_faster_ports(config: Config, servers: Sequence[Server]) -> Iterator[Change]:
    """Keep a load given as a share of the ports' rates constant in frames when servers' ports get faster."""
    share = config.workload.load.share
    if share:
        rate_bps = port_rate_bps(servers_of(config))
        faster_bps = rate_bps + (FACTOR - 1) * port_rate_bps(servers)
        yield "workload.load", share, float(Fraction(share) * rate_bps / faster_bps)


def _is_written(key: str, known: str) -> bool:
    """Tell whether a key matches one that a bottleneck names, in which NAME and NUMBER are wildcards."""
    steps, wanted = key.split("."), known.split(".")
    return len(steps) == len(wanted) and all(
        one == step or one in ("NAME", "NUMBER") for one, step in zip(wanted, steps, strict=True)
    )


def _changed(config: Config, changes: Sequence[Change]) -> Config | None:
    if not changes:
        return None
    no_devices = dict.fromkeys(["nic.preset", *(server.key("nic.preset") for server in servers_of(config))])
    try:
        return config_from_mapping(config.resolved(), no_devices | {key: new for key, _, new in changes})
    except InputError:
        return None  # such as rings longer than allowed


def _with_load_of_its_own(config: Config) -> Config:
    """Convert a load in % of the ceiling to one of the port rate, since a relaxation changes the ceiling."""
    workload = config.workload
    ceiling = ceiling_frames_per_s(config)
    if ceiling is None:
        return config
    sizes = Sizes.of(workload.frame_bytes, workload.sizes)
    bits = BITS_PER_BYTE * sizes.mean_wire_bytes
    share = float(as_typed(workload.load.share or 0) * ceiling * bits / port_rate_bps(servers_of(config)))
    return config_from_mapping(config.resolved(), {"workload.load": share})
