"""What a run found of a PCIe switch between adapters and their host."""

from __future__ import annotations

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
