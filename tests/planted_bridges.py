"""Faults planted in the record of bridges: before anything is decided on, and in the decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwmodel.simulation.fill.system_state import SystemState

Fault = Callable[[Any], object]
"""What does something wrong to a bridge's record."""


def plant(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Let all machines have a fault."""
    decide = SystemState.decide

    def decided(system: SystemState, *arguments: Any) -> None:
        fault(system.bridges[0])
        decide(system, *arguments)
        fault(system.bridges[0])

    monkeypatch.setattr(SystemState, "decide", decided)


def floods(bridge: Any) -> list[tuple[Any, Any]]:
    """Return the hops that flood by several ways, with their ways."""
    ways = bridge["way"]
    return [
        (hop, ways[int(hop.first_flood) : int(hop.first_flood) + int(hop.n_flood)])
        for hop in bridge["hop"][: int(bridge.n_hops)]
        if hop.n_flood > 1
    ]


def leave_out_a_way(bridge: Any) -> None:
    """Let each flood miss its last way."""
    for hop, _ in floods(bridge):
        hop.n_flood -= 1


def reverse_floods(bridge: Any) -> None:
    """Let the copies of each flood leave the other way round."""
    seen = set()
    for hop, ways in floods(bridge):
        if int(hop.first_flood) not in seen:
            seen.add(int(hop.first_flood))
            ways[:] = ways[::-1].copy()


def forget_announced(bridge: Any) -> None:
    """Let no bridge have heard of anybody."""
    bridge["address"]["logical_port"][: int(bridge.n_addresses)] = -1
    bridge["box"]["n_known"] = 0
