"""Validate port extenders, and say how they stand between the bridge and its adapters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from .amounts import Rate
from .block import Block, key
from .box_keys import BUFFER, FORWARDING, LATENCY, SHARING, Buffer, Forwarding, Latency, Sharing
from .names import ServerName

BRIDGE = "bridge"  # what stands at the top, where extenders and ports are named
ExtenderName = Annotated[str, ServerName("an extender")]
Behind = Annotated[str, ServerName("an extender", BRIDGE)]


class Extender(Block):
    """A port extender, by its name: its uplink is one wire to the bridge or to another extender."""

    rate_bps: Annotated[int, Rate("1Mbps", "1000Gbps")] = key(
        ...,
        "Rate of the uplink, each way.",
        alias="rate",
        derived="port.rate of the first adapter",
    )
    behind: Behind = key(BRIDGE, "What the uplink leads to: bridge, or another extender.")
    latency_fs: Latency = LATENCY
    forwarding: Forwarding = FORWARDING
    buffer_bytes: Buffer = BUFFER
    sharing: Sharing = SHARING


def way_up(behind: str, parents: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the extenders from `behind` up to the bridge, the lowest first; None where they never come to it.

    `parents`: what each extender is behind, by its name.
    """
    found: list[str] = []
    while behind != BRIDGE:
        if behind in found or behind not in parents:
            return None
        found.append(behind)
        behind = parents[behind]
    return tuple(found)


def interfaces_before(data: Mapping[str, Any], n_functions: Mapping[str, int]) -> dict[str, int]:
    """Count for each port, by name, the stations of those listed before it below the same port of a bridge.

    `data`: the plain data of the configuration, right or not. `n_functions`: the stations at each port. Virtual
    interfaces are counted on from there, so that no two have one number in the same tag's range; 0 for ports of a
    bridge itself.
    """
    joined = data.get("bridges")
    bridges = [data.get(BRIDGE), *(joined if isinstance(joined, list) else [])]
    before = [_before_at(bridge, n_functions) for bridge in bridges]
    return {name: max(one[name] for one in before) for name in n_functions}


def _before_at(bridge: Any, n_functions: Mapping[str, int]) -> dict[str, int]:
    parents, behind = _plain_parents(bridge, "extenders"), _plain_parents(bridge, "ports")
    n_before: dict[str, int] = {}
    found = {}
    for name, n in n_functions.items():
        above = way_up(behind.get(name, BRIDGE), parents)
        if above:
            found[name] = n_before.get(above[-1], 0)
            n_before[above[-1]] = found[name] + n
        else:
            found[name] = 0
    return found


def _plain_parents(bridge: Any, what: str) -> dict[str, str]:
    entries = bridge.get(what) if isinstance(bridge, dict) else None
    if not isinstance(entries, dict):
        return {}
    behind = {name: entry.get("behind", BRIDGE) if isinstance(entry, dict) else BRIDGE
              for name, entry in entries.items()}  # fmt: skip
    return {name: one if isinstance(one, str) else BRIDGE for name, one in behind.items()}
