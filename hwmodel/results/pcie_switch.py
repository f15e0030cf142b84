"""What a run found of a PCIe switch between adapters and their host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPortUse:
    """Say what a lower port of a PCIe switch brought up in the window: of an adapter, or of a switch, by its name.

    `share`: its part of the bytes of all TLPs on the link up.
    """

    name: str
    weight: int
    tlps: int
    bytes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLinkUse:
    """Say how busy a direction of the link above a PCIe switch was in the window, and with how much of what."""

    utilization: float
    tlps: int
    tlp_bytes: int
    dllp_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PcieSwitchResult:
    """Say what a PCIe switch did in the window: the link of its upper port, and who had what of it.

    `name`: with its server, a.s1. `behind`: root, or the switch above it. `generation`, `lanes`: of the upper link.
    """

    name: str
    behind: str
    generation: int
    lanes: int
    up: SwitchLinkUse
    down: SwitchLinkUse
    ports: tuple[SwitchPortUse, ...]
