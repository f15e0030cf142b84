"""Rules of bridges that look behind the type: the engine, the SimPy model and the same rules at an adapter agree."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cocotb_tests.bench_switch import mac
from hwmodel import simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.switch import AclEntry
from tests import packet_cases
from tests.packet_cases import random_entry, random_packet, random_station
from tests.planted_bridges import Fault, plant
from tests.system_beside_simpy import NS_FS, Both, Frame, config_with, run_both

NAMES = ("pf", "vf0", "vf1", "vf2")
DROPPED: Counter[str] = Counter()
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


def stations(rng: random.Random) -> list[dict[str, Any]]:
    """Draw the stations' addresses, and who is trusted."""
    found = []
    for name in NAMES:
        drawn = random_station(rng, name)
        ips = [str(prefix) for prefix in drawn.ips or ()] or ["10.0.0.2"]
        one = {"name": name, "vlans": [1, 2], "untagged": [1], "ips": ips, "trusted": drawn.trusted}
        found.append(one | {"ethertype_filter": False})
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
    frames, of, entries = drawn_frames(rng, 300), stations(rng), rules(rng)
    words = [word for word in packet_cases.GUARD_WORDS if rng.random() < 0.4]
    guards = {"bridge.controls": {"adapter": {"guards": words}}}
    at_bridge = run({"bridge.policy": entries, **guards}, frames, of)
    assert at_bridge.differences() == {}
    at_adapter = run({"switch.acl": entries}, frames, [{**one, "guards": words} for one in of])
    assert at_adapter.differences() == {}
    assert outcome(at_bridge) == outcome(at_adapter)
    DROPPED.update(outcome(at_bridge)[1])


def test_each_reason_was_drawn() -> None:
    if not DROPPED:
        pytest.skip("the drawn comparison ran in another process")
    wanted = {"ACL_DENY", *(f"{word.upper()}_GUARD" for word in packet_cases.GUARD_WORDS)}
    assert {reason for reason, n in DROPPED.items() if n >= 20} >= wanted, DROPPED


# Logical ports whose guards differ from those of their port; vf1 is alone in S-channel 10, in VLAN 1 on the wire, in
# its own interface.
ALL_BUT_VF1: Mapping[str, dict[str, Any]] = {
    "channels": {
        "switch.mode": "multichannel",
        "switch.s_channels": {10: "vepa", 20: "vepa"},
        "bridge.controls": {"adapter": {"guards": ["arp", "dhcp", "nd", "ip"]}, "adapter.10": {"guards": ["dhcp"]}},
    },
    "interfaces": {
        "switch.mode": "vn_tag",
        "bridge.kind": "controlling",
        "bridge.announce": False,
        "bridge.controls": {"adapter": {"guards": ["arp", "dhcp", "nd", "ip"]}, "vf1": {"guards": ["dhcp"]}},
    },
    "translated": {
        "bridge.ports.adapter.translate": {2: 7},
        "bridge.controls": {"adapter": {"guards": ["ip"]}, "adapter.vlan2": {"guards": ["arp"]}},
    },
}


@pytest.mark.parametrize("name", ALL_BUT_VF1)
def test_a_logical_ports_guards_count_in_place_of_its_ports(name: str) -> None:
    rng = random.Random(17)
    frames, of = drawn_frames(rng, 300), stations(rng)
    if name == "channels":
        of = [{**one, "s_channel": 10 if one["name"] == "vf1" else 20} for one in of]
    both = run(ALL_BUT_VF1[name], frames, of)
    assert both.differences() == {}
    drops = outcome(both)[1]
    assert drops["IP_GUARD"] > 10, drops
    whole = {"bridge.controls": {"adapter": ALL_BUT_VF1[name]["bridge.controls"]["adapter"]}}
    assert outcome(run({**ALL_BUT_VF1[name], **whole}, frames, of)) != outcome(both)


def one_prefix_longer(bridge: Any) -> None:
    n_bits = bridge["rules"]["packet_rule"]["source"]["n_bits"]
    n_bits[(n_bits >= 0) & (n_bits < 128)] += 1


def nobody_owns(bridge: Any) -> None:
    bridge["rules"]["station"]["n_ips"] = 0


def no_lists_after_the_first(bridge: Any) -> None:
    bridge["rules"]["acl"]["following"] = bridge["rules"]["n_acl_entries"]


def nobody_is_spared(bridge: Any) -> None:
    bridge["rules"]["station"]["guards"] = 0b11111


@pytest.mark.parametrize("fault", [one_prefix_longer, nobody_owns, no_lists_after_the_first, nobody_is_spared])
def test_a_planted_fault_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, fault)
    rng, found = random.Random(4), []
    for _ in range(4):
        frames, of, entries = drawn_frames(rng, 200), stations(rng), rules(rng)
        guards = {"bridge.controls": {"adapter": {"guards": list(packet_cases.GUARD_WORDS)}}}
        found.append(run({"bridge.policy": entries, **guards}, frames, of).differences())
    assert any(found)


def test_made_up_frames_of_stations_without_ips_pass_the_guards() -> None:
    config = config_from_mapping({
        "nic": {"vfs": 2}, "workload": {"pattern": "ring"}, "switch": {"mode": "vepa"}, "run": {"duration": "200us"},
        "bridge": {"controls": {"adapter": {"guards": ["arp", "dhcp", "nd", "ip"]}}},
    })  # fmt: skip
    assert not simulate(config).drops
