"""PCIe trees drawn at random, with adapters that differ, and frames among all their VMs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hwmodel.config import Config, servers_of
from hwmodel.rules.driver_jobs import DOORBELLS, JobStep
from hwmodel.simulation.run.commands import Job
from tests.beside_simpy import Commands
from tests.drawn_buses import draw_jitter
from tests.drawn_jobs import draw_jobs
from tests.system_beside_simpy import US_FS, Frame, Stations, config_with, drawn

Event = tuple[int, dict[str, Any], set[str], tuple[Job, ...]]
"""When it is; keys that change; functions that are turned off, or on; what drivers do."""

NAMES = "wxyz"
LANES = (1, 2, 4, 8)
# What may change at an adapter behind a switch while TLPs of it are on their way.
CHANGING: dict[str, Sequence[Any]] = {
    "pcie.max_read_request": ("128B", "256B", "1KiB"),
    "port.rate": ("1Gbps", "2.5Gbps", "25Gbps"),
    "switch.ports.vf1.rate_limit": (None, "200Mbps", "700.003Mbps"),
    "switch.ports.vf2.loopback": (True, False),
    "nic.drop_enable": (True, False),
}


def draw_credits(rng: random.Random, most_payload: int) -> dict[str, Any]:
    """Draw a switch's credits, tight in every second draw."""
    data = most_payload // 16
    if rng.random() < 0.5:
        return {}
    return {
        "ph": rng.choice((1, 2, 8)), "pd": data * rng.choice((1, 2, 5)), "nph": rng.choice((1, 3, 8)),
        "cplh": rng.choice((1, 2, 8)), "cpld": data * rng.choice((1, 2, 5)),
        "return": f"{rng.choice((0, rng.randrange(300000)))}ps",
    }  # fmt: skip


def draw_tree(rng: random.Random, adapters: Sequence[str], most_payload: int) -> dict[str, Any]:
    """Draw switches, behind a root port or behind each other, and a slot for each adapter."""
    n = rng.choice((1, 1, 2, 3))
    switches: list[dict[str, Any]] = []
    for at in range(n):
        above = [f"s{k}" for k in range(at)]
        switches.append({
            "name": f"s{at}", "behind": rng.choice(["root", *above, *above]), "lanes": rng.choice(LANES),
            "generation": rng.choice((1, 2, 3)), "latency": f"{rng.randrange(1000, 300000)}ps",
            "propagation": f"{rng.choice((0, 0, rng.randrange(20000)))}ps", "weight": rng.choice((1, 1, 2, 5)),
            "forwarding": rng.choice(("cut_through", "store_and_forward")),
            "credits": draw_credits(rng, most_payload),
        })  # fmt: skip
    slots = {
        name: {"behind": rng.choice(["root", *[one["name"] for one in switches] * 3]),
               "weight": rng.choice((1, 1, 3, 7)), "lanes": rng.choice((None, None, 1, 4))}
        for name in adapters
    }  # fmt: skip
    behind = {one["behind"] for one in (*switches, *slots.values())}
    for name, one in zip(adapters, [one for one in switches if one["name"] not in behind], strict=False):
        slots[name]["behind"] = one["name"]
    behind = {one["behind"] for one in (*switches, *slots.values())}
    while unused := [one for one in switches if one["name"] not in behind]:
        switches = [one for one in switches if one not in unused]
        behind = {one["behind"] for one in (*switches, *slots.values())}
    return {"switches": switches, "slots": slots}


def draw_link(rng: random.Random, payload: int) -> dict[str, Any]:
    """Draw how TLPs of all links are cut, acknowledged and ordered."""
    return {
        "pcie.max_payload": f"{payload}B", "pcie.dllp_model": rng.choice(("none", "tlp4", "tlp1")),
        "pcie.arbitration": rng.choice(("round_robin", "reads_first", "writes_first", "arrival")),
        "pcie.ordering": rng.choice(("strict", "strict", "relaxed", "id_based")),
    }  # fmt: skip


def draw_root(rng: random.Random) -> dict[str, Any]:
    """Draw at times what root port and adapters grant, and how fast the host takes writes."""
    if rng.random() >= 0.5:
        return {}
    return {
        "pcie.credits": {
            "ph": rng.choice((0, 2, 9)), "pd": rng.choice((0, 16, 40)), "nph": rng.choice((0, 1, 5)),
            "cplh": rng.choice((0, 2, 9)), "cpld": rng.choice((0, 16, 40)), "return": f"{rng.randrange(200000)}ps",
        },
        "host.write_drain": rng.choice((None, "20Gbps", "7Gbps")),
    }  # fmt: skip


def draw_config(seed: int) -> tuple[Config, list[Frame]]:
    """Draw a host with its tree, a second host beside it at times, and frames."""
    rng = random.Random(seed)
    adapters = NAMES[: rng.choice((1, 2, 3, 4))]
    payload = rng.choice((128, 256))
    pcie = {**draw_link(rng, payload), **draw_root(rng)}
    sets = [
        {"pcie.lanes": rng.choice(LANES), "pcie.generation": rng.choice((1, 2, 3)),
         "pcie.propagation": f"{rng.choice((0, 0, rng.randrange(9000)))}ps", "pcie.tags": rng.choice((2, 8, 32))}
        for _ in adapters
    ]  # fmt: skip
    server = {
        "name": "a",
        "adapters": [{"name": name, "set": own} for name, own in zip(adapters, sets, strict=True)],
        "tree": draw_tree(rng, adapters, payload),
    }
    others = [{"name": "b"}] if rng.random() < 0.3 else []
    host = {"host.iotlb": {"entries": 16, "miss": "410ns"}} if rng.random() < 0.3 else {}
    config = config_with({"nic.vfs": 4, "servers": [server, *others]}, pcie, host, draw_jitter(seed))
    names = [f"a.{name}.vf{k}" for name in adapters for k in range(4)] + [f"b.vf{k}" for k in range(4) for _ in others]
    mean_ns = rng.choice((90, 200, 500))
    stations = Stations(config)
    frames = drawn(stations, 160, mean_ns, names, names, seed=seed)
    # The last one comes when all others are over, however slow the links are.
    return config, [*frames, stations.frame(frames[-1].at_fs + 5000 * US_FS, names[0], names[1], 64)]


def draw_commanded(seed: int) -> tuple[Config, list[Frame], Commands]:
    """Draw a tree, and in mid-run functions and whole adapters that go and come, keys that change, floods of doorbells.

    Commands come at any instant, most of them while much is on its way over the switches.
    """
    rng = random.Random(f"commands of trees {seed}")
    config, frames = draw_config(seed)
    adapters = [server.name for server in servers_of(config)]
    events: list[Event] = []
    for _ in range(rng.choice((2, 4, 7))):
        at_fs, adapter = rng.randrange(frames[-2].at_fs), rng.choice(adapters)
        own = [f"{adapter}.{function}" for function in ("pf", "vf0", "vf1", "vf2", "vf3")]
        kind = rng.choice(("function", "function", "adapter", "keys", "keys", "flood"))
        if kind == "keys":
            server, _, name = adapter.partition(".")
            key, values = rng.choice(sorted(CHANGING.items()))
            place = f"servers.{server}.adapters.{name}.set" if name else f"servers.{server}.set"
            events.append((at_fs, {f"{place}.{key}": rng.choice(values)}, set(), ()))
        else:
            events += drawn_life(rng, at_fs, own, kind)
    others = random.Random(f"jobs in trees {seed}")
    for turn in range(1, others.choice((1, 3, 6))):
        at_fs, adapter = others.randrange(frames[-2].at_fs), others.choice(adapters)
        own = [f"{adapter}.{function}" for function in ("pf", "vf0", "vf1", "vf2", "vf3")]
        events.append((at_fs, {}, set(), draw_jobs(others, own, at_fs, turn)))
    return config, frames, in_turn(events)


def drawn_life(rng: random.Random, at_fs: int, own: Sequence[str], kind: str) -> list[Event]:
    """Draw a flood of doorbells of one of some functions; or that one of them, or all, goes and comes."""
    if kind == "flood":
        flood = JobStep(DOORBELLS, fs=rng.randrange(3000, 300000) * 1000, times=rng.choice((20, 100)))
        return [(at_fs, {}, set(), (Job(own[1], at_fs, at_fs, 0, None, (flood,)),))]
    gone = {rng.choice(own)} if kind == "function" else set(own)
    return [(at_fs, {}, gone, ()), (at_fs + rng.randrange(1, 30) * US_FS, {}, gone, ())]


def in_turn(events: Sequence[Event]) -> Commands:
    """Return events in their order, each with all functions that are off behind it."""
    commands: list[Any] = []
    off: frozenset[str] = frozenset()
    for time, changes, turned, jobs in sorted(events, key=lambda event: event[0]):
        off ^= turned
        commands.append((time, changes, off, jobs))
    return commands
