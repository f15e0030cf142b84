"""Rules of bridges that look behind the type: the engine, the SimPy model and the same rules at an adapter agree."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cocotb_tests.bench_switch import mac
from hwmodel.config.switch import AclEntry
from tests import packet_cases
from tests.packet_cases import random_entry, random_packet, random_station
from tests.system_beside_simpy import NS_FS, Both, Frame, config_with, run_both

NAMES = ("pf", "vf0", "vf1", "vf2")
MOST_BYTES = 72  # of a packet, which is then a part of its frame's header as it is


@pytest.fixture(autouse=True)
def few_stations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw frames and rules of these stations."""
    monkeypatch.setattr(packet_cases, "NAMES", NAMES)
    monkeypatch.setattr(packet_cases, "IPS", {**packet_cases.IPS, "vf1": ("fd00::2",), "vf2": ("10.0.0.77", "fd00::9")})


def drawn_frames(rng: random.Random, n: int, every_ns: int = 2000) -> list[Frame]:
    """Draw frames whose bytes are all known, to a station of another adapter or to all."""
    frames: list[Frame] = []
    while len(frames) < n:
        ethertype, payload = random_packet(rng)
        name, tag = rng.choice(NAMES), rng.choice((b"", b"", bytes.fromhex("81000002"), bytes.fromhex("8100a001")))
        payload += b"\x01"  # an end that is no padding
        if not 46 <= len(payload) <= MOST_BYTES:
            continue
        to = rng.choice(("broadcast", "outside"))
        ends = (b"\xff" * 6 if to == "broadcast" else bytes.fromhex("02ff00000001")) + mac(name).to_bytes(6, "big")
        header = ends + tag + ethertype.to_bytes(2, "big") + payload
        at_fs = len(frames) * every_ns * NS_FS + rng.randrange(100 * NS_FS)
        frames.append(Frame(at_fs, name, to, header, len(header) + 4))
    return frames


def stations(rng: random.Random, *, guarded: bool) -> list[dict[str, Any]]:
    """Draw the stations' addresses, their guards and whom these spare."""
    found = []
    for name in NAMES:
        drawn = random_station(rng, name)
        ips = [str(prefix) for prefix in drawn.ips or ()] or ["10.0.0.2"]
        one = {"name": name, "vlans": [1, 2], "untagged": [1], "ips": ips, "trusted": drawn.trusted}
        found.append(one | {"ethertype_filter": False} | ({"guards": list(drawn.guards)} if guarded else {}))
    return found


def rules(rng: random.Random) -> list[dict[str, Any]]:
    entries = [random_entry(rng) for _ in range(rng.choice((1, 3, 6)))]
    return [as_written(entry) for entry in entries]


def as_written(entry: AclEntry) -> dict[str, Any]:
    """Return the keys of an entry that are set, as a configuration has them."""
    said = entry.model_dump(by_alias=True, mode="json")
    return {key: value for key, value in said.items() if value is not None}


def run(rules_at: Mapping[str, Any], frames: Sequence[Frame], of: Sequence[Mapping[str, Any]]) -> Both:
    """Run frames that all have a tag on the wire, so that a second one stays behind it."""
    config = config_with({
        "nic.vfs": 3, "nic.strict": False, "workload.pattern": "ring", "switch.mode": "vepa", "switch.ports": list(of),
        "bridge.announce": True, "bridge.ports.adapter.hairpin": True, "switch.uplink.native_vlan": None, **rules_at,
    })  # fmt: skip
    return run_both(config, frames)


def outcome(both: Both) -> tuple[dict[tuple[str, str, str], int], dict[str, int]]:
    """Return which headers came to whom how often, and the drops by reason."""
    drops: Counter[str] = Counter()
    for (_, reason), n in both.engine.drops.items():
        drops[reason] += n
    return both.engine.headers, dict(drops)


@pytest.mark.parametrize("seed", range(8))
def test_a_rule_decides_at_a_bridge_as_at_an_adapter_and_as_the_second_implementation_says(seed: int) -> None:
    rng = random.Random(seed)
    frames, of, entries = drawn_frames(rng, 300), stations(rng, guarded=False), rules(rng)
    at_bridge = run({"bridge.policy": entries}, frames, of)
    assert at_bridge.differences() == {}
    at_adapter = run({"switch.acl": entries}, frames, of)
    assert at_adapter.differences() == {}
    assert outcome(at_bridge) == outcome(at_adapter)
