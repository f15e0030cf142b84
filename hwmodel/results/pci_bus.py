"""What a run found of a shared PCI or PCI-X bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
