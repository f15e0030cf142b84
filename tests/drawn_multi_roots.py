"""Hosts at one adapter drawn at random, each with a link and a share of its own, and frames among all their VMs."""

from __future__ import annotations

import random
from typing import Any

from hwmodel.config import Config, servers_of
from tests.beside_simpy import Commands
from tests.drawn_trees import LANES, Event, draw_credits, draw_link, draw_root, drawn_life, in_turn
from tests.system_beside_simpy import US_FS, Frame, Stations, config_with, drawn

HOSTS = "abcd"


def draw_config(seed: int, **more: Any) -> tuple[Config, list[Frame]]:
    """Draw hosts, their links and shares, and frames."""
    rng = random.Random(seed)
    hosts = HOSTS[: rng.choice((2, 2, 3, 4))]
    payload = rng.choice((128, 256))
    pcie: dict[str, Any] = {
        **draw_link(rng, payload),
        "pcie.lanes": rng.choice((1, 2, 4)), "pcie.generation": rng.choice((1, 2)),
        "pcie.propagation": f"{rng.choice((0, 0, rng.randrange(9000)))}ps",
        "pcie.address_bits": rng.choice((32, 64)), "pcie.ecrc": rng.random() < 0.3,
    }  # fmt: skip
    pcie |= draw_root(rng)
    ports = {
        name: {"weight": rng.choice((1, 1, 2, 5)), "lanes": rng.choice((None, *LANES)),
               "generation": rng.choice((None, 1, 3)), "propagation": f"{rng.choice((0, rng.randrange(9000)))}ps"}
        for name in hosts if rng.random() < 0.8
    }  # fmt: skip
    block = {
        "ports": len(hosts), "hosts": ports, "latency": f"{rng.randrange(1000, 300000)}ps",
        "inside_latency": f"{rng.randrange(1000, 90000)}ps", "credits": draw_credits(rng, payload),
        "forwarding": rng.choice(("cut_through", "store_and_forward")),
    }  # fmt: skip
    servers = [{"name": name, "set": {"pcie.tags": rng.choice((2, 8, 32))}} for name in hosts]
    host = {"host.iotlb": {"entries": 16, "miss": "410ns"}} if rng.random() < 0.3 else {}
    config = config_with({"nic.vfs": 4, "servers": servers, "multi_root": block}, pcie, host, more)
    names = [f"{name}.vf{k}" for name in hosts for k in range(4)]
    stations = Stations(config)
    frames = drawn(stations, 160, rng.choice((90, 200, 500)), names, names, seed=seed)
    # The last one comes when all others are over, however slow the links are.
    return config, [*frames, stations.frame(frames[-1].at_fs + 5000 * US_FS, names[0], names[1], 64)]


def draw_commanded(seed: int) -> tuple[Config, list[Frame], Commands]:
    """Draw hosts, and in mid-run functions and whole hosts that go and come, weights, and floods of doorbells."""
    rng = random.Random(f"commands of hosts {seed}")
    config, frames = draw_config(seed)
    hosts = [server.name for server in servers_of(config)]
    events: list[Event] = []
    for _ in range(rng.choice((2, 4, 6))):
        at_fs, host = rng.randrange(frames[-2].at_fs), rng.choice(hosts)
        own = [f"{host}.{function}" for function in ("pf", "vf0", "vf1", "vf2", "vf3")]
        kind = rng.choice(("function", "host", "weight", "flood"))
        if kind == "weight":
            events.append((at_fs, {f"multi_root.hosts.{host}.weight": rng.choice((1, 2, 9))}, set(), ()))
        else:
            events += drawn_life(rng, at_fs, own, kind)
    return config, frames, in_turn(events)
