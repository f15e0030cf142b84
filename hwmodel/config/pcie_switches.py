"""Say which PCIe switches a system has, and which of its adapters are below each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .adapter import Pcie
from .model import Config
from .pcie_tree import ROOT, PcieTree, TreeSwitch
from .system import Server, servers_of


@dataclass(frozen=True)
class PcieSwitch:
    """A PCIe switch of a server's tree: its number among those of all servers, and who is below it.

    `members`: the adapters below, by their numbers among all, in order. `above`: the number of the switch above it,
    None at a root port. `below`: what stands at its lower ports, adapters then switches, each with its weight.
    """

    number: int
    host: str
    settings: TreeSwitch
    above: int | None
    members: tuple[int, ...]
    below: tuple[tuple[str, int, int], ...]

    @property
    def name(self) -> str:
        """Name it as a system does: a.s1."""
        return f"{self.host}.{self.settings.name}"

    @property
    def key(self) -> str:
        """Return where the configuration has it."""
        return f"servers.{self.host}.tree.switches.{self.settings.name}"

    def link_of(self, servers: Sequence[Server]) -> Pcie:
        """Return the link of its upper port; what is not its own is as at the adapters below, which are alike in it."""
        lanes = {"generation": self.settings.generation, "lanes": self.settings.lanes}
        return servers[self.members[0]].config.pcie.model_copy(update=lanes)


def switches_of(config: Config) -> tuple[PcieSwitch, ...]:
    """Return the PCIe switches of all servers, in order."""
    parts = servers_of(config)
    found: list[PcieSwitch] = []
    for entry in config.servers:
        if entry.tree is not None:
            own = {part.name.rpartition(".")[2]: at for at, part in enumerate(parts) if part.host == entry.name}
            found += _of_tree(entry.name, entry.tree, own, len(found))
    return tuple(found)


def cards_of(config: Config) -> tuple[Server, ...]:
    """Return the servers of a configuration with the links that their adapters could have, whatever their slots."""
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
