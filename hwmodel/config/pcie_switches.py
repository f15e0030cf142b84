"""Say which PCIe switches and shared buses a system has, and which of its adapters are below or on each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .adapter import PciBus, Pcie
from .model import Config
from .pcie_tree import MULTI_ROOT, ROOT, MultiRoot, PcieTree, TreeSwitch
from .system import Server, servers_of


@dataclass(frozen=True)
class PcieSwitch:
    """A PCIe switch of a server's tree: its number among those of all servers, and who is below it.

    `members`: the adapters below, by their numbers among all, in order. `above`: the number of the switch above it,
    None at a root port. `below`: kind, number and weight of what is at each lower port, adapters first. `has_turns`: it
    shares its upper link with all switches that have this set, and they take turns on it (`multi_root`).
    """

    number: int
    host: str
    settings: TreeSwitch
    above: int | None
    members: tuple[int, ...]
    below: tuple[tuple[str, int, int], ...]
    has_turns: bool = False

    @property
    def is_of_multi_root(self) -> bool:
        """Tell whether it is one host's part of the multi-root switch, or of the adapter's inside."""
        return self.settings.name.startswith(MULTI_ROOT)

    @property
    def name(self) -> str:
        """Return its name in the system: a.s1, or multi_root for the link that hosts share, multi_root.a for a's."""
        return self.settings.name if self.is_of_multi_root else f"{self.host}.{self.settings.name}"

    @property
    def key(self) -> str:
        """Return where the configuration has it."""
        if self.has_turns:
            return "pcie"
        return f"{MULTI_ROOT}.hosts.{self.host}" if self.is_of_multi_root else (
            f"servers.{self.host}.tree.switches.{self.settings.name}"
        )  # fmt: skip

    def link_of(self, servers: Sequence[Server]) -> Pcie:
        """Return the link of its upper port: its own generation and lanes, all else as the adapters below share it."""
        lanes = {"generation": self.settings.generation, "lanes": self.settings.lanes}
        return servers[self.members[0]].config.pcie.model_copy(update=lanes)


def switches_of(config: Config) -> tuple[PcieSwitch, ...]:
    """Return the PCIe switches of all servers, in order."""
    parts = servers_of(config)
    if config.multi_root is not None:
        return (*_inside(config.multi_root, parts), *_of_hosts(config.multi_root, parts))
    found: list[PcieSwitch] = []
    for entry in config.servers:
        if entry.tree is not None:
            own = {part.name.rpartition(".")[2]: at for at, part in enumerate(parts) if part.host == entry.name}
            found += _of_tree(entry.name, entry.tree, own, len(found))
    return tuple(found)


def cards_of(config: Config) -> tuple[Server, ...]:
    """Return the servers of a configuration with the links that their adapters would have if no slot limited them."""
    entries = tuple(entry.model_copy(update={"tree": None}) for entry in config.servers)
    return servers_of(config.model_copy(update={"servers": entries}))


def _of_tree(host: str, tree: PcieTree, own: dict[str, int], first: int) -> Iterator[PcieSwitch]:
    numbers = {one.name: first + at for at, one in enumerate(tree.switches)}
    for one in tree.switches:
        members = tuple(at for name, at in own.items() if one in tree.switches_over(name))
        adapters = [("adapter", at, tree.slots[name].weight) for name, at in own.items()
                    if tree.slots[name].behind == one.name]  # fmt: skip
        below = [("switch", numbers[other.name], other.weight) for other in tree.switches if other.behind == one.name]
        above = None if one.behind == ROOT else numbers[one.behind]
        yield PcieSwitch(numbers[one.name], host, one, above, members, (*adapters, *below))


def links_above(switches: Sequence[PcieSwitch]) -> tuple[tuple[PcieSwitch, tuple[int, ...]], ...]:
    """Return each upper link of switches once: a switch that stands for all on it, and the numbers of these."""
    sharing = [one for one in switches if one.has_turns]
    found = [(one, (one.number,)) for one in switches if not one.has_turns]
    if not sharing:
        return tuple(found)
    members, below = (tuple(each for one in sharing for each in getattr(one, what)) for what in ("members", "below"))
    settings = sharing[0].settings.model_copy(update={"name": MULTI_ROOT})
    shared = replace(sharing[0], settings=settings, members=members, below=below, above=None)
    return ((shared, tuple(one.number for one in sharing)), *found)


def _inside(multi_root: MultiRoot, parts: Sequence[Server]) -> Iterator[PcieSwitch]:
    """Yield for each host what passes TLPs, inside the adapter, between the shared link and the host's part of it."""
    for at, part in enumerate(parts):
        own = part.config.pcie
        name = f"{MULTI_ROOT}.{part.name}.inside"
        settings = _settings(multi_root, name, multi_root.inside_latency_fs, own.generation, own.lanes,
                             own.propagation_fs)  # fmt: skip
        below = (("adapter", at, multi_root.port_of(part.name).weight),)
        yield PcieSwitch(at, part.name, settings, len(parts) + at, (at,), below, has_turns=True)


def _of_hosts(multi_root: MultiRoot, parts: Sequence[Server]) -> Iterator[PcieSwitch]:
    """Give each host's part of the multi-root switch, with the host's own link."""
    for at, part in enumerate(parts):
        own, port = part.config.pcie, multi_root.port_of(part.name)
        generation, lanes = port.generation or own.generation, port.lanes or own.lanes
        settings = _settings(multi_root, f"{MULTI_ROOT}.{part.name}", multi_root.latency_fs, generation, lanes,
                             port.propagation_fs)  # fmt: skip
        yield PcieSwitch(len(parts) + at, part.name, settings, None, (at,), (("switch", at, 1),))


def _settings(
    multi_root: MultiRoot, name: str, latency_fs: int, generation: int, lanes: int, propagation_fs: int
) -> TreeSwitch:
    return TreeSwitch.model_construct(
        name=name, behind=ROOT, generation=generation, lanes=lanes, propagation_fs=propagation_fs,
        latency_fs=latency_fs, forwarding=multi_root.forwarding, weight=1, credits=multi_root.credits,
    )  # fmt: skip


@dataclass(frozen=True)
class SharedBus:
    """The bus of a host; `members`: its adapters on it, by their numbers among all, in order."""

    host: str
    settings: PciBus
    members: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return its name in the system: a.bus."""
        return f"{self.host}.bus" if self.host else "bus"


def buses_of(servers: Iterable[Server]) -> tuple[SharedBus, ...]:
    """Return the buses of all servers of a configuration, in order: one for each that has adapters on a bus."""
    members: dict[str, list[int]] = {}
    settings: dict[str, PciBus] = {}
    for at, server in enumerate(servers):
        if server.config.pcie.bus is not None:
            members.setdefault(server.host, []).append(at)
            settings.setdefault(server.host, server.config.pcie.bus)
    return tuple(SharedBus(host, settings[host], tuple(own)) for host, own in members.items())
