"""Who waits for a wire that is dead: one that sends all it can keeps its first frame for it, and all behind that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwmodel.analytic.paths import Paths


def waiting_for_wires(paths: Paths, closed_flows: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Give the names of the ports of dead wires, each with the functions that wait for it and send nothing more.

    `closed_flows`: source and target of all that is sent as fast as it can be. Of a sender of several, one for the wire
    comes first at some time, and all others wait behind it. What comes by the clock is dropped instead, and guests of a
    virtual switch know nothing of wires.
    """
    found: dict[str, list[str]] = {}
    system = paths.system
    knows_wires = not any(server.config.has_virtual_switch for server in system.servers)
    for source, target in closed_flows if paths.dead_wires and knows_wires else ():
        wire = system.wire_at(source)
        if wire not in paths.dead_wires or not paths.path(source, target).finds_no_wire:
            continue
        part, port = system.adapter_ports[wire]
        here = found.setdefault(system.station(part, port or "p0"), [])
        if source not in here:
            here.append(source)
    return found
