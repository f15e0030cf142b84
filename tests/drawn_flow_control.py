"""Adapters with flow control, drawn by a seed, and loads of recorded frames for them."""

from __future__ import annotations

import random
from typing import Any

from tests.beside_simpy import EVERYONE, GROUP, GUESTS, IMIX, WIRE, WIRE_TOO
from tests.flow_control_beside_simpy import C_TAG, S_TAG, Tagged

NAMES = ("pf", "vf0", "vf1", "vf2", "vf3")
LONGEST = 1514  # a frame without FCS


def draw_flow_control(seed: int, n: int = 600) -> tuple[dict[str, Any], list[Tagged]]:
    """Draw an adapter that stops who sends to it, and is stopped, and frames that come faster than they go."""
    chance = random.Random(f"flow control {seed}")
    mode = chance.choice(("pause", "pfc"))
    n_classes = chance.randint(1, 8) if mode == "pfc" else chance.randint(0, 3)
    n_queues, n_ports = chance.choice((1, 1, 2)), chance.choice((1, 1, 2))
    frames = _frames(chance, n)
    end_ns = frames[-1].at_ns
    changes: dict[str, Any] = {
        "nic.queues_per_vf": n_queues,
        "nic.tx_buffer": f"{max(1, n_classes) * chance.choice((2, 4))}KiB" if n_classes else "8KiB",
        "nic.rx_buffer": f"{max(1, n_classes) * chance.choice((4, 6, 12))}KiB",
        "nic.rx_ring": chance.choice((16, 64, 256)),
        "nic.rx_prefetch": chance.choice((0, 8, 8)),
        "nic.drop_enable": chance.random() < 0.5,
        "nic.max_pps": chance.choice((None, None, 1_500_000)),
        "pcie.lanes": chance.choice((1, 2, 4)),
        "port.rate": chance.choice(("2Gbps", "10Gbps", "9.87Gbps")),
        "port.count": n_ports,
        "switch.ports": [_station(chance, name, n_classes, n_queues) for name in NAMES],
        "switch.timing": chance.choice(("none", "none", "core")),
        "driver.frame_time": chance.choice(("19.987ns", "400.0013ns", "2000.0007ns")),
        "run.warmup": "20us", "run.duration": f"{end_ns - 20_000}ns",
    }  # fmt: skip
    if chance.random() < 0.3:
        changes["driver.vms.vf1.refill"] = False
    if chance.random() < 0.3 and n_ports == 1:
        changes["switch.mirrors"] = [{"to": "vf3", "from": "vf0"}]
    if n_classes:
        changes["nic.arbitration"] = _arbitration(chance, n_classes)
    buffer_bytes = int(changes["nic.rx_buffer"].removesuffix("KiB")) * 1024
    changes["nic.flow_control"] = _flow_control(chance, mode, n_classes, buffer_bytes, n_ports, end_ns)
    return changes, frames


def _arbitration(chance: random.Random, n: int) -> dict[str, Any]:
    cuts = sorted(chance.sample(range(1, 100), n - 1))
    percents = [end - begin for begin, end in zip([0, *cuts], [*cuts, 100], strict=True)]
    found: dict[str, Any] = {
        "classes": [
            {"percent": percent, "strict": chance.choice(("none", "none", "none", "group", "link"))}
            for percent in percents
        ],
        "packet_plane": chance.choice(("strict", "round_robin")),
        "descriptor_plane": chance.choice(("weighted_strict", "round_robin")),
    }
    if chance.random() < 0.5:
        priorities = [chance.randrange(n) for _ in range(8)]
        found["priorities"] = priorities
    return found


def _station(chance: random.Random, name: str, n_classes: int, n_queues: int) -> dict[str, Any]:
    one: dict[str, Any] = {"name": name}
    if n_classes:
        one["default_priority"] = chance.randint(0, 7)
        if chance.random() < 0.6:
            one["classes"] = [chance.randrange(n_classes) for _ in range(chance.randint(1, n_queues))]
    if chance.random() < 0.3:
        one["drop_enable"] = chance.random() < 0.5
    return one


def _flow_control(
    chance: random.Random, mode: str, n_classes: int, buffer_bytes: int, n_ports: int, end_ns: int
) -> dict[str, Any]:
    n = n_classes if mode == "pfc" else 1
    part = buffer_bytes // n
    quanta = chance.choice((2, 8, 40, 200, 65535))
    headroom, low = _marks(chance, part, n, LONGEST)
    found: dict[str, Any] = {
        "mode": mode,
        "quanta": quanta,
        "send": chance.random() < 0.85,
        "obey": chance.random() < 0.9,
        "response_delay": chance.choice(("0ns", "37.0013ns", "700.011ns", "5.5077us")),
        "headroom": [f"{each}B" for each in headroom],
        "low_water": [f"{each}B" for each in low],
    }
    if chance.random() < 0.4:
        found["refresh"] = chance.randint(1, min(quanta - 1, 60))
    if mode == "pfc" and chance.random() < 0.5:
        found["priorities"] = sorted(chance.sample(range(8), chance.choice((1, 2, 4))))
    if end_ns and chance.random() < 0.7:
        found["received"] = _received(chance, mode, n_ports, end_ns)
    return found


def _marks(chance: random.Random, part: int, n: int, longest: int) -> tuple[list[int], list[int]]:
    """Draw headroom and low marks of n classes; some marks are whole frames, so that levels meet them."""
    high = [
        chance.choice((chance.randint(longest, part), longest * chance.randint(1, part // longest))) for _ in range(n)
    ]
    low = [chance.choice((0, chance.randint(0, each - 1), (each - 1) // LONGEST * LONGEST)) for each in high]
    return [part - each for each in high], low


def _received(chance: random.Random, mode: str, n_ports: int, end_ns: int) -> list[dict[str, Any]]:
    found = []
    for at_ns in sorted(chance.sample(range(1, end_ns), chance.randint(1, 40))):
        one: dict[str, Any] = {"at": f"{at_ns}ns", "quanta": chance.choice((0, 0, 5, 50, 400))}
        if mode == "pfc" and chance.random() < 0.8:
            one["priorities"] = sorted(chance.sample(range(8), chance.randint(1, 4)))
        if n_ports > 1:
            one["port"] = f"p{chance.randrange(n_ports)}"
        found.append(one)
    return found


def _frames(chance: random.Random, n: int) -> list[Tagged]:
    senders = chance.choice((WIRE_TOO, EVERYONE, (WIRE, WIRE, WIRE, *GUESTS), (WIRE,)))
    receivers = chance.choice((GUESTS, (WIRE, *GUESTS), (GROUP, WIRE, *GUESTS), (2, 3, 3, 3, WIRE)))
    mean_ns = chance.choice((150, 400, 900))
    at_ns, frames = 0.0, []
    while len(frames) < n:
        source = chance.choice(senders)
        targets = [port for port in receivers if port != source]
        if targets:
            tags = [(C_TAG, chance.randint(0, 7))] if chance.random() < 0.8 else []
            if not tags and chance.random() < 0.1:
                tags = [(S_TAG, chance.randint(0, 7))]
            frames.append(Tagged(int(at_ns), source, chance.choice(targets), chance.choice(IMIX), tags))
            at_ns += chance.expovariate(1 / mean_ns)
    return frames


# ---- Servers on a bridge ----


def draw_bridge(seed: int, n: int = 300) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw servers on a bridge that stop each other, or not; return what they are like and how frames are drawn."""
    chance = random.Random(f"flow control at a bridge {seed}")
    n_servers = chance.choice((1, 2, 2, 3))
    mode = chance.choice(("pause", "pfc", "pfc"))
    changes: dict[str, Any] = {
        "bridge.buffer": f"{chance.choice((8, 16, 40))}KiB",
        "bridge.latency": chance.choice(("0ns", "300.001ns")),
        "bridge.propagation": chance.choice(("0ns", "51.003ns")),
        "bridge.forwarding": chance.choice(("store_and_forward", "cut_through")),
        "bridge.ports.outside.rate": chance.choice(("2Gbps", "10Gbps", "39.7Gbps")),
        "driver.frame_time": chance.choice(("19.987ns", "400.0013ns", "1500.0007ns")),
        "nic.rx_ring": chance.choice((16, 64)),
    }
    if chance.random() < 0.85:
        changes["bridge.flow_control"] = _at_bridge(chance, mode, int(changes["bridge.buffer"][:-3]) * 1024)
    have_it = chance.random() < 0.85
    changes |= _server(chance, mode, have_it=have_it)
    names = [*NAMES[1:]]
    if n_servers > 1:
        changes["servers"] = [
            {"name": name, "set": _server(chance, mode if chance.random() < 0.85 else "pause", have_it=have_it)}
            for name in "abc"[:n_servers]
        ]
        names = [f"{server}.{vf}" for server in "abc"[:n_servers] for vf in NAMES[1:]]
    receivers = [*names, "outside"], [names[0], names[-1], names[-1], "outside"], [*names, "broadcast"]
    of_load = {
        "n": n, "mean_ns": chance.choice((150, 350, 800)), "seed": seed,
        "senders": [*names, *["outside"] * chance.choice((0, 1, len(names)))],
        "receivers": chance.choice(receivers),
        "tags": ["", *(f"8100{priority << 5:02x}00" for priority in range(8))],
    }  # fmt: skip
    return changes, of_load


def _server(chance: random.Random, mode: str, *, have_it: bool) -> dict[str, Any]:
    """Draw what an adapter on a bridge is like; they all have flow control, or none has."""
    n_classes = chance.randint(1, 4)
    own: dict[str, Any] = {
        "pcie.lanes": chance.choice((1, 2, 4)),
        "port.rate": chance.choice(("2Gbps", "10Gbps", "9.87Gbps")),
        "nic.tx_buffer": f"{max(1, n_classes) * 4}KiB",
        "nic.rx_buffer": f"{max(1, n_classes) * chance.choice((4, 8))}KiB",
        "nic.drop_enable": chance.random() < 0.5,
        "nic.max_pps": chance.choice((None, None, 1_500_000)),
        # What differs between servers is written out at each of them.
        "switch.ports": [
            {"drop_enable": True, "classes": [chance.randrange(n_classes)], **_station(chance, name, n_classes, 1)}
            for name in NAMES
        ],
        "nic.arbitration": {"priorities": None, **_arbitration(chance, n_classes)},
    }
    if have_it:
        buffer_bytes = int(own["nic.rx_buffer"][:-3]) * 1024
        control = _flow_control(chance, mode, n_classes, buffer_bytes, 1, 0)
        own["nic.flow_control"] = {"refresh": None, "priorities": None, **control}
    return own


def _at_bridge(chance: random.Random, mode: str, buffer_bytes: int) -> dict[str, Any]:
    n = chance.randint(1, min(8, buffer_bytes // 2048)) if mode == "pfc" else 1
    part, quanta = buffer_bytes // n, chance.choice((2, 8, 40, 200, 65535))
    headroom, low = _marks(chance, part, n, LONGEST + 4)
    found: dict[str, Any] = {
        "mode": mode, "quanta": quanta, "send": chance.random() < 0.9, "obey": chance.random() < 0.9,
        "response_delay": chance.choice(("0ns", "37.0013ns", "700.011ns", "5.5077us")),
        "headroom": [f"{each}B" for each in headroom], "low_water": [f"{each}B" for each in low],
    }  # fmt: skip
    if chance.random() < 0.4:
        found["refresh"] = chance.randint(1, min(quanta - 1, 60))
    if mode == "pfc":
        cuts = sorted(chance.randint(0, 100) for _ in range(n - 1))
        found["classes"] = [{"percent": end - at} for at, end in zip([0, *cuts], [*cuts, 100], strict=True)]
        if chance.random() < 0.5:
            found["priorities"] = [chance.randrange(n) for _ in range(8)]
        if chance.random() < 0.5:
            found["lossless"] = sorted(chance.sample(range(8), chance.randint(1, 8)))
    return found
