"""Say which PCI and PCI-X buses a system has, and which of its adapters stand on each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .pci_bus import PciBus
from .system import Server


@dataclass(frozen=True)
class SharedBus:
    """The bus of a host; `members`: its adapters on it, by their numbers among all, in order."""

    host: str
    settings: PciBus
    members: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name it as a system does: a.bus."""
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
