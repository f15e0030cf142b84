"""Virtual switches in several servers on a bridge take the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hwmodel.results import LearnedAddresses
from tests.drawn_machines import some_of
from tests.oracles.simpy_nic.learned import LearningTables
from tests.seeds import seeds
from tests.system_beside_simpy import BROADCAST, OUTSIDE, UNKNOWN, Both, Stations, config_with, drawn, run_both

SEEDS = seeds(8, 8, 160)
TOLD = ("known", "learned", "moved", "aged", "not learned", "flooded")
SWITCH: Mapping[str, Sequence[Any]] = {
    "host.virtual_switch.pass_by": ("copy", "pointer", "parent"),
    "host.virtual_switch.guest_time": ("0ns", "61.0009ns"),
    "host.virtual_switch.memory_rate": (None, "40Gbps"),
    "host.virtual_switch.frame_time": ("13.0001ns", "400ns", "911.0007ns"),
    "host.virtual_switch.batch": (1, 5, 32),
    "host.virtual_switch.batch_time": ("0ns", "150.0009ns"),
    "host.virtual_switch.ring_time": ("0ns", "17.0003ns"),
    "host.virtual_switch.kick": ("0ns", "310.0001ns"),
    "host.virtual_switch.cores": ([3], [3, 4], [1]),
    "host.virtual_switch.thread_cores": ([], [5, 6], [5]),
    "host.virtual_switch.on_uplink_full": ("drop", "wait"),
    "host.virtual_switch.flow_cache": (None, {"exact_entries": 2, "exact_time": "30.0001ns", "miss_time": "1.0003us"}),
    "host.virtual_switch.learning": (None, {}, {"table": 4, "ageing": "60us"}, {"ageing": "15.0007us"}),
    "nic.tx_ring": (40, 64),
    "nic.rx_ring": (48, 64),
    "nic.max_pps": (None, 3_000_017),
    "driver.vms": (
        {},
        {"pf": {"preset": "dpdk", "refill_batch": 8}},
        {"pf": {"refill_batch": 3, "moderation": "9.0007us"}},
    ),
}
ADAPTER: Mapping[str, Sequence[Any]] = {"switch.mode": ("veb", "vepa"), "pcie.lanes": (2, 8)}
BRIDGES: Sequence[Mapping[str, Any]] = (
    {"bridge": {"announce": True}},
    {"bridge": {"latency": "130.0003ns", "propagation": "3.3ns", "forwarding": "cut_through", "table": 4}},
    {"bridge": {"ageing": "40us", "buffer": "6KiB"}},
    {"bridge": None, "bridges": [
        {"name": "left", "ports": {"a": {}, "t": {"to": "right.t", "propagation": "100ns"}}},
        {"name": "right", "announce": True},
    ]},
)  # fmt: skip


def in_mode(chance: random.Random, mode: str) -> dict[str, Any]:
    """Return what a server has in a mode: that of the switch, whoever's it is, and S-channels of both kinds."""
    own: dict[str, Any] = {"switch.mode": mode, "host.virtual_switch.learning": None}
    own["host.virtual_switch.tag_time"] = chance.choice(("0ns", "10ns", "77.0003ns"))
    if mode == "multichannel":
        kinds = chance.choice((("single", "vepa"), ("veb", "veb"), ("veb", "single")))
        own["switch.s_channels"] = {2: kinds[0], 3: kinds[1]}
        own["switch.ports"] = [{"name": "vf0", "s_channel": 2}, {"name": "vf1", "s_channel": 3}]
    return own


def draw(seed: int, mode: str = "") -> Both:
    """Draw servers, most of them with a virtual switch, what joins them, and the frames that their VMs send.

    `mode`: that of all servers' switches; empty: of each its own, without tags.
    """
    chance = random.Random(f"{seed} {mode}" if mode else seed)
    names = "abcd"[: chance.randint(2, 4)]
    servers, with_switch = [], {chance.choice(names), *(name for name in names if chance.random() < 0.6)}
    for name in names:
        own = some_of(chance, SWITCH, 3) if name in with_switch else some_of(chance, ADAPTER, 0)
        if name in with_switch:
            own |= {"nic.mode": "vswitch", "host.cores": 7}
        servers.append({"name": name, "set": own | (in_mode(chance, mode) if mode else {})})
    joined = dict(chance.choice(BRIDGES[:3] if mode else BRIDGES))
    if mode in ("vn_tag", "e_tag"):
        joined["bridge"] = {**joined["bridge"], "kind": "controlling"}
    if "bridges" in joined:
        left, right = joined["bridges"]
        ports = {**{name: {} for name in names[1:]}, "t": {}, "outside": {"rate": "39.7Gbps"}}
        joined["bridges"] = [left, {**right, "ports": ports}]
    config = config_with({"nic.strict": False, "nic.vfs": 2, "servers": servers, "run.clocks": "exact"}, joined)
    stations = [f"{name}.{vm}" for name in names for vm in ("vf0", "vf1")]
    receivers = [*stations, *stations, OUTSIDE, BROADCAST, UNKNOWN]
    frames = drawn(Stations(config), 150, chance.choice((300, 1500, 4000)), [*stations, OUTSIDE], receivers, seed=seed)
    return run_both(config, frames)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_course(seed: int) -> None:
    LearningTables.made.clear()
    both = draw(seed)
    assert both.differences() == {}
    learning = [one for one in both.result.adapters if one.learned is not None]  # type: ignore[attr-defined]
    for one, tables in zip(learning, LearningTables.made, strict=True):
        told = dict(zip(TOLD, (getattr(one.learned, name) for name in LearnedAddresses.__slots__), strict=True))
        now_fs = both.run.end.now_fs
        gone = [key for key, (_, seen_fs) in tables.known.items() if now_fs - seen_fs >= tables.ageing_fs]
        tables.counts["known"], tables.counts["aged"] = len(tables.known) - len(gone), tables.counts["aged"] + len(gone)
        assert told == {name: tables.counts[name] for name in TOLD}
    assert len(both.engine.deliveries) > 75


@pytest.mark.parametrize("mode", ["vepa", "multichannel", "vn_tag", "e_tag"])
@pytest.mark.parametrize("seed", seeds(8, 2, 40))
def test_the_same_course_where_the_bridge_switches(seed: int, mode: str) -> None:
    both = draw(seed, mode)
    assert both.differences() == {}
    assert len(both.engine.deliveries) > 75
