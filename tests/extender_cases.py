"""Servers behind port extenders, two levels deep, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hwmodel.config import Config
from tests.system_beside_simpy import (
    DRAINED_FS,
    LATER_FS,
    OUTSIDE,
    UNKNOWN,
    Frame,
    Stations,
    SystemRun,
    config_with,
    with_window,
    workload_of,
)

# a and b behind fex1, this and c behind fex0; d at the bridge itself; e and f behind fex2.
PARENTS = {"fex0": "bridge", "fex1": "fex0", "fex2": "bridge"}
BEHIND = {"a": "fex1", "b": "fex1", "c": "fex0", "d": "bridge", "e": "fex2", "f": "fex2"}
MODES = {"a": "e_tag", "b": "e_tag", "c": "e_tag", "d": "vn_tag", "e": "vn_tag", "f": "vn_tag"}
STATIONS = ("pf", "vf0", "vf1")


def system_with(servers: Mapping[str, Mapping[str, Any]] | None = None, **bridge: Any) -> Config:
    """Return the six servers; `servers` says what differs in their `set`, `bridge` what differs in that block."""
    own = servers or {}
    entries = [{"name": name, "set": {"switch.mode": mode, **own.get(name, {})}} for name, mode in MODES.items()]
    extenders = {name: {"behind": parent, "rate": "10Gbps"} for name, parent in PARENTS.items()}
    block = {
        "kind": "controlling",
        "extenders": extenders,
        "ports": {name: {"behind": parent} for name, parent in BEHIND.items()},
    }
    return config_with({"servers": entries, "nic.vfs": 2, "bridge": merged(block, bridge)})


def merged(block: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(block)
    for name, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = merged(found[name], value) if both else value
    return found


def run_of(config: Config, frames: Iterable[Frame]) -> SystemRun:
    """Run frames to the end, and check that all are accounted for and none is left."""
    frames = list(frames)
    straggler = Stations(config).frame(LATER_FS, OUTSIDE, UNKNOWN, 64)
    run = SystemRun(with_window(config, 0, frames[-1].at_fs + DRAINED_FS), workload_of(frames, straggler))
    for _ in run.pieces():
        pass
    totals = run.result().totals
    assert totals.in_flight_frames == 0
    assert totals.offered_frames + totals.replicated_frames == totals.delivered_frames + totals.dropped_frames
    return run


def deliveries_of(run: SystemRun) -> list[tuple[str, str, bytes]]:
    """Return (sender, receiver, header as it came) of all deliveries."""
    found, books = [], run.machine.books()
    for at, place in enumerate(run.places):
        for entry in run.entries(place, "log"):
            header = books[at].headers[int(entry["copy_kind"])]
            found.append((run.sender(int(entry["template"])), run.receiver(at, int(entry["copy_kind"])), header))
    return sorted(found)


def way_to_bridge(server: str) -> list[str]:
    """Return the boxes from a server up to the bridge."""
    found = [BEHIND[server]]
    while found[-1] != "bridge":
        found.append(PARENTS[found[-1]])
    return found
