"""Machines with classes of traffic, drawn by a seed, and loads of recorded frames for them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.beside_simpy import EVERYONE, GROUP, GUESTS, IMIX, NS_FS, WIRE, Commands, Recorded

NAMES = ("pf", "vf0", "vf1", "vf2", "vf3")


def draw_classes(seed: int, n: int = 700) -> tuple[dict[str, Any], Recorded]:
    """Draw classes, groups, pools, limits on senders and on receivers, and frames that come faster than they go."""
    chance = random.Random(f"classes {seed}")
    n_classes, n_queues = chance.randint(1, 4), chance.choice((1, 1, 2, 3))
    arbitration: dict[str, Any] = {
        "classes": _classes(chance, n_classes),
        "descriptor_plane": chance.choice(("weighted_strict", "round_robin")),
        "pools": chance.choice(("weighted", "round_robin")),
        "packet_plane": chance.choice(("strict", "round_robin")),
    }
    stations = [_station(chance, name, n_classes, n_queues) for name in NAMES]
    changes: dict[str, Any] = {
        "nic.arbitration": arbitration,
        "nic.queues_per_vf": n_queues,
        "nic.tx_buffer": chance.choice(("8KiB", "12KiB", "32KiB")),
        "nic.rx_buffer": chance.choice(("8KiB", "32KiB")),
        "nic.queue_time": chance.choice(("0ns", "78.0011ns")),
        "pcie.lanes": chance.choice((1, 2, 4)),
        "port.rate": chance.choice(("2Gbps", "10Gbps")),
        "port.count": chance.choice((1, 1, 2)),
        "switch.ports": stations,
        "switch.timing": chance.choice(("none", "none", "core")),
        "nic.max_pps": chance.choice((None, None, 2_000_000)),
    }
    if not _have_room(arbitration["classes"], stations, changes["port.rate"]):
        for station in stations:
            station.pop("min_rate", None)
    if chance.random() < 0.3 and changes["port.count"] == 1:
        changes["switch.mirrors"] = [{"to": "vf3", "from": "vf0"}]
    senders = chance.choice((GUESTS, EVERYONE, (WIRE, *GUESTS)))
    receivers = chance.choice((GUESTS, (WIRE,), (WIRE, *GUESTS), (GROUP, WIRE, *GUESTS)))
    mean_ns = chance.choice((300, 700, 1500))
    at_ns, frames = 0.0, []
    while len(frames) < n:
        source = chance.choice(senders)
        targets = [port for port in receivers if port != source]
        if targets:
            frames.append((int(at_ns), source, chance.choice(targets), chance.choice(IMIX)))
            at_ns += chance.expovariate(1 / mean_ns)
    return {**changes, "run.warmup": "20us", "run.duration": f"{frames[-1][0] - 20_000}ns"}, frames


def draw_class_changes(seed: int, changes: Mapping[str, Any], frames: Recorded, n: int = 8) -> Commands:
    """Draw commands to credits, orders, weights and limits on receivers of such a machine."""
    chance = random.Random(f"class changes {seed}")
    n_classes = len(changes["nic.arbitration"]["classes"])
    moments = sorted(chance.randrange(frames[-1][0] * NS_FS) for _ in range(n))
    drawn = [(at_fs, _class_change(chance, n_classes)) for at_fs in moments]
    return [(at_fs, one) for at_fs, one in drawn if _may_have(one, changes)]


def _may_have(one: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Tell whether a change leaves room for what is guaranteed."""
    classes = [each for key, each in one.items() if key.startswith("nic.arbitration.classes.")]
    return not classes or _have_room(classes, changes["switch.ports"], changes["port.rate"])


def _have_room(classes: Sequence[Mapping[str, Any]], stations: Sequence[Mapping[str, Any]], port_rate: str) -> bool:
    """Tell whether each class's share of the port has room for all guarantees."""
    guaranteed_mbps = sum(float(each.get("min_rate", "0Mbps").removesuffix("Mbps")) for each in stations)
    return guaranteed_mbps <= min(each["percent"] for each in classes) * float(port_rate.removesuffix("Gbps")) * 10


def _class_change(chance: random.Random, n_classes: int) -> dict[str, Any]:
    name = chance.choice(NAMES)
    limits = ({"receive_limit": None}, {"receive_limit": "200.003Mbps", "receive_burst": "3KiB"},
              {"receive_limit": "1Gbps", "receive_burst": "6KiB"})  # fmt: skip
    kinds: Sequence[dict[str, Any]] = (
        {f"nic.arbitration.classes.{at}": each for at, each in enumerate(_classes(chance, n_classes))},
        {
            "nic.arbitration.descriptor_plane": chance.choice(("weighted_strict", "round_robin")),
            "nic.arbitration.packet_plane": chance.choice(("strict", "round_robin")),
            "nic.arbitration.pools": chance.choice(("weighted", "round_robin")),
        },
        {f"switch.ports.{name}.weight": chance.randint(1, 9)},
        {f"switch.ports.{name}.credits": chance.choice((None, {"refill": chance.randint(1, 60), "max": 400}))},
        {f"switch.ports.{name}.{key}": value for key, value in chance.choice(limits).items()},
    )
    return chance.choice(kinds)


def _classes(chance: random.Random, n: int) -> list[dict[str, Any]]:
    cuts = sorted(chance.sample(range(1, 100), n - 1))
    percents = [end - begin for begin, end in zip([0, *cuts], [*cuts, 100], strict=True)]
    found = []
    for percent in percents:
        one: dict[str, Any] = {"percent": percent, "strict": chance.choice(("none", "none", "none", "group", "link"))}
        if chance.random() < 0.5:
            one["group"] = chance.randint(0, 2)
        if chance.random() < 0.3:
            one |= {"refill": chance.randint(1, 511), "max": chance.randint(30, 4095)}
        found.append(one)
    return found


def _station(chance: random.Random, name: str, n_classes: int, n_queues: int) -> dict[str, Any]:
    one: dict[str, Any] = {"name": name, "default_priority": chance.randint(0, 7), "weight": chance.randint(1, 5)}
    if chance.random() < 0.6:
        one["classes"] = [chance.randrange(n_classes) for _ in range(chance.randint(1, n_queues))]
    if chance.random() < 0.2:
        one["credits"] = {"refill": chance.randint(1, 60), "max": chance.randint(20, 400)}
    if chance.random() < 0.25:
        one["rate_limit"] = chance.choice(("333Mbps", "900.007Mbps", "1.7Gbps"))
    if chance.random() < 0.25:
        one |= {"receive_limit": chance.choice(("111Mbps", "700.003Mbps")), "receive_burst": "4KiB"}
    if chance.random() < 0.2 and "rate_limit" not in one:
        one["min_rate"] = chance.choice(("50Mbps", "300.007Mbps"))
    return one
