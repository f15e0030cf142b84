"""What a run found of the links that adapters share: PCIe switches, PCI and PCI-X buses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPortUse:
    """Say what a lower port of a PCIe switch sent up in the window; the port is named after what is below it.

    `share`: of the bytes of all TLPs on the upper link, upwards.
    """

    name: str
    weight: int
    tlps: int
    bytes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLinkUse:
    """Say how busy a direction of the link above a PCIe switch was in the window, and with what."""

    utilization: float
    tlps: int
    tlp_bytes: int
    dllp_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PcieSwitchResult:
    """Say what a PCIe switch did in the window: its upper link's use, and each lower port's share.

    `name`: with its server, like a.s1. `behind`: "root", or the switch above it. `generation`, `lanes`: of the upper
    link.
    """

    name: str
    behind: str
    generation: int
    lanes: int
    up: SwitchLinkUse
    down: SwitchLinkUse
    ports: tuple[SwitchPortUse, ...]


BRIDGE = "bridge"  # name of the host's bridge among the masters
# Where the clocks of a bus go, in this order; what is left is idle.
CLOCKS = ("data", "address", "turnaround", "waits", "read_requests", "retries")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusResult:
    """Say how busy a bus was in the window, and with what.

    `name`: bus, or with its server a.bus. `utilization`, `clocks`: shares of the window, the latter by the names of
    CLOCKS. `retries`: attempts at PCI reads that brought no data, without the first attempt of each read. `masters`:
    each one's share of the busy time: adapters by name ("adapter" for one without), and the host's bridge.
    """

    name: str
    kind: str
    width_bits: int
    clock_mhz: int
    utilization: float
    clocks: Mapping[str, float]
    retries: int
    masters: Mapping[str, float]
