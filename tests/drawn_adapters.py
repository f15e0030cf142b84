"""Adapters drawn by a seed with all that queues and ports can have at once, and loads for them.

Ports, links of today, classes of traffic in two planes, limits and guarantees, rings that differ, vectors, thresholds,
a cache for all rings, sends that are cut and receives that are coalesced: each of these is drawn by itself elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from tests.beside_simpy import BASE, commanded_configs
from tests.drawn_classes import draw_classes
from tests.drawn_commands import Commanded
from tests.drawn_machines import ENGINE, ENGINE_KEYS, PATH, some_of
from tests.drawn_rings import draw_rings
from tests.drawn_sends import draw_sends

LINK_KEYS: Mapping[str, Sequence[Any]] = {
    "pcie.generation": (2, 3, 4, 5),
    "pcie.lanes": (1, 2, 4, 8),
    "pcie.tags": (2, 8, 32, 256, 768),
    "pcie.max_payload": ("128B", "256B", "512B"),
    "pcie.max_read_request": ("256B", "512B", "4KiB"),
    "pcie.switch_hops": (0, 0, 1),
    "pcie.dllp_model": ("none", "tlp4", "tlp1"),
    "host.read_latency": ("200.0007ns", "450ns", "1000.0023ns"),
}
TRIES = 60


def draw_adapter(seed: int) -> Commanded:
    """Draw an adapter that the configuration allows, its load, and commands for it."""
    chance = random.Random(f"adapters {seed}")
    for _ in range(TRIES):
        drawn = _draw(chance)
        if _is_allowed(drawn):
            return drawn
    raise AssertionError(f"none of {TRIES} adapters is allowed")


def _draw(chance: random.Random) -> Commanded:
    """Draw one of the loads, then what the adapter has beside that which the load needs."""
    number = chance.randrange(10**6)
    rings = draw_rings(number)
    changes, load, commands = dict(rings.changes), rings.load, rings.commands
    if chance.random() < 0.4:
        changes, load, commands = draw_sends(number), None, []
        changes |= some_of(chance, _rings_of(rings.changes), 0)
    if chance.random() < 0.6:
        classes, recorded = draw_classes(number)
        if load is not None:
            load = recorded
            changes |= {key: classes[key] for key in ("run.warmup", "run.duration", "nic.queues_per_vf")}
        changes |= _shared(chance, classes, changes)
    changes |= some_of(chance, LINK_KEYS, 2)
    # Loops that are closed have many ties, which several ports may put in another order (test_ports_against_simpy).
    of_load = (1, 1, 2) if load is None else (1,) if isinstance(load, Mapping) else (1, 1, 2, 4)
    changes["port.count"] = chance.choice(of_load)
    if load is None and changes["port.count"] > 1:
        changes["workload.pattern"], changes["workload.external"] = "to_wire", None
    if changes["port.count"] > 1:
        changes["port.down"] = chance.choice(([], [], ["p1"]))
        changes["switch.mirrors"] = []
    if chance.random() < 0.3:
        changes["nic.dma"] = {"read": some_of(chance, ENGINE, 0), "write": some_of(chance, ENGINE, 0)}
        changes["nic.dma"] |= some_of(chance, PATH, 0)
    changes |= some_of(chance, {key: ENGINE_KEYS[key] for key in ("nic.max_pps", "switch.timing", "host.iotlb")}, 0)
    return Commanded(changes, load, commands)


def _rings_of(changes: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Return what a machine says of vectors, caches, thresholds and its drivers, each as a key with one value."""
    about = ("nic.shared", "nic.vectors", "nic.txdctl", "nic.drop", "driver.", "nic.tx_write", "nic.rx_write")
    return {key: [value] for key, value in changes.items() if key.startswith(about)}


def _shared(chance: random.Random, classes: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what classes share; a station has what both kinds of machines say of it."""
    kept = ("nic.arbitration", "nic.tx_buffer", "nic.rx_buffer", "nic.queue_time", "port.rate")
    found = {key: classes[key] for key in kept if key in classes} | {"switch.scheduler": "round_robin"}
    stations = {each["name"]: dict(each) for each in changes.get("switch.ports", ())}
    for each in classes["switch.ports"]:
        if chance.random() < 0.8:
            stations[each["name"]] = {**stations.get(each["name"], {}), **each}
    if "all" in stations:  # of which frames are long, as sends may have them
        found |= {"nic.tx_buffer": "64KiB", "nic.rx_buffer": "32KiB"}
        for station in stations.values():
            if "receive_limit" in station:
                station["receive_burst"] = "16KiB"
            station.pop("classes", None)
    return {**found, "switch.ports": list(stations.values())}


def _is_allowed(drawn: Commanded) -> bool:
    try:
        config_from_mapping(BASE, drawn.changes)
        commanded_configs(drawn.changes, drawn.commands)
    except InputError:
        return False
    return True
