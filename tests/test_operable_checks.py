"""Each key that may change in operation names all checks that it can break: they find what all checks together find."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from hwmodel.config import build_changed, operable
from hwmodel.config.build import Examined, examine
from hwmodel.config.document import Document, Place
from hwmodel.config.load import document_of
from hwmodel.config.overrides import Change, apply_change

ROWS = {row.key: row for row in (*operable.OF_ADAPTERS, *operable.OF_WORKLOADS) if row.checks is not None}
PAIR = [{"name": "a"}, {"name": "b", "set": {"nic.vfs": 3}}]
RULE = {"action": "police", "rate": "1Gbps", "burst": "16KiB"}
# What a system is besides the settings that are drawn.
SYSTEMS: Mapping[str, dict[str, Any]] = {
    "alone": {},
    "of the 82599": {"nic": {"preset": 82599}},
    "of the 82576": {"nic": {"preset": 82576}},
    "of the XL710": {"nic": {"preset": "XL710"}},
    "of the X550": {"nic": {"preset": "X550"}},
    "two ports": {"port": {"count": 2}, "workload": {"pattern": "ring"}, "nic": {"vfs": 4}},
    "classes": {"nic": {"arbitration": {"classes": [{"percent": 60}, {"percent": 40}]}}},
    "short rings": {"nic": {"rx_ring": 64, "rx_buffer": "1520B"}},
    "cut in two": {
        "nic": {"preset": None, "descriptor_cache": 1, "rx_fetch_batch": 1, "rx_prefetch": 0, "fetch_batch": 1},
        "host": {"buffer_bytes": "2KiB", "buffer_offset": "532B"},
    },
    "bursts": {"workload": {"arrivals": "on_off", "peak_rate": "2Gbps", "load": "1Gbps", "mean_burst": 1.5}},
    "receive limits": {"switch": {"ports": [{"name": "all", "receive_limit": "1Gbps"}]}},
    "one address twice": {
        "switch": {
            "ports": [
                {"name": "vf0", "macs": ["02:00:00:00:98:01"]},
                {"name": "vf1", "macs": ["02:00:00:00:98:01"], "port_vlan": 5},
            ]
        }
    },
    "many addresses": {
        "nic": {"preset": "XL710"},
        "switch": {"ports": [{"name": "all", "trusted": True, "vlans": list(range(1, 24))}]},
    },
    "flows": {"workload": {"pattern": "flows", "flows": [["vf0", "vf1", None], ["vf1", "vf0", "1Gbps"]]}},
    "virtual switch": {"nic": {"mode": "vswitch"}},
    "pools": {"nic": {"mode": "vmdq"}, "switch": {"pool_filters": {"default_pool": "vf0"}}},
    "external": {"workload": {"external": {"to": ["vf1"], "rate": "1Gbps"}}},
    "servers": {"servers": PAIR, "workload": {"pattern": "ring"}},
    "servers, announced": {
        "servers": PAIR,
        "workload": {"pattern": "ring"},
        "bridge": {"kind": "learning", "announce": True},
    },
}
# Values for the keys: good ones, and such as are wrong with others.
OF_STATIONS: Mapping[str, list[Any]] = {
    "macs": [["02:00:00:00:99:01"], ["02:00:00:00:00:02"], [], [f"02:00:00:00:77:{n:02x}" for n in range(24)],
             [f"02:00:00:01:{n // 256:02x}:{n % 256:02x}" for n in range(1100)]],
    "groups": [[], ["01:00:5e:00:00:01"], [f"01:00:5e:01:{n // 256:02x}:{n % 256:02x}" for n in range(2100)]],
    "port_vlan": [1, 5, 5, 77],
    "vlans": [[1], [1, 5], [5], list(range(1, 24)), list(range(1, 80))],
    "untagged": [[1], [], [5]],
    "admit": ["all", "tagged", "untagged"],
    "accept": [["broadcast"], ["broadcast", "multicast_hash"], ["untagged"]],
    "promiscuous": [True, False],
    "enabled": [True, False],
    "default": [True, False],
    "trusted": [True, False, False],
    "spoof_check": [True, False],
    "vlan_spoof_check": [True, False],
    "loopback": [True, False],
    "self_loopback": [True, False],
    "pvlan": ["promiscuous", "isolated", {"community": 1}],
    "port_security": [{"most": 1}, {"most": 2, "on_excess": "shut_down"}, None],
    "ethertype_filter": [True, False],
    "default_priority": [0, 3, 7],
    "rate_limit": ["100Mbps", "5Mbps", "20Mbps", "1Gbps", None],
    "min_rate": ["50Mbps", "6Gbps", "900Mbps", None],
    "weight": [1, 2, 200],
    "receive_limit": ["1Gbps", None],
    "receive_burst": ["1KiB", "64KiB"],
    "credits": [{"refill": 10, "max": 100}, None],
    "drop_enable": [[True], [True, False, True, True, False], None],
}  # fmt: skip
VALUES: Mapping[str, list[Any]] = {
    **{f"switch.ports.*.{key}": values for key, values in OF_STATIONS.items()},
    "switch.addresses": [[], [{"mac": "02:00:00:00:77:01", "vlan": 1, "ports": ["vf0"]}],
                         [{"mac": "02:00:00:00:77:01", "vlan": 1, "ports": ["vf9"]}],
                         [{"mac": f"02:00:00:03:{n // 256:02x}:{n % 256:02x}", "vlan": 1, "ports": ["vf0"]}
                          for n in range(2100)]],
    "switch.mirrors": [[], [{"from": "vf0", "to": "vf1"}], [{"from": "vf0", "to": "vf9"}], [{"to": "vf1"}],
                       [{"vlan": vlan, "to": "vf1"} for vlan in range(1, 6)]],
    "switch.acl": [[], [{"action": "deny", "port": "vf0"}], [{"action": "deny", "port": "vf9"}],
                   [{**RULE, "burst": "64B"}], [RULE], [{**RULE, "priority": 3}],
                   [{"action": "deny", "ip_source": "own"}]],
    "workload.load": ["100Mbps", 0.3, "saturate", "9999Gbps", "1bps"],
    "workload.arrivals": ["poisson", "constant", "on_off"],
    "workload.stopped": [["vf0"], []],
    "workload.peak_rate": ["2Gbps", "1Mbps", None],
    "workload.mean_burst": [16, 100000, 1],
    "workload.burst_length": ["geometric", "fixed"],
}  # fmt: skip
# Keys that decide beside those whether something is wrong.
BESIDE: Mapping[str, list[Any]] = {
    "nic.strict": [True],
    "switch.ports.vf0.q_in_q": [True],
    "switch.ports.vf1.guards": [["arp"], ["ip"]],
    "switch.acl": [[{"action": "deny", "ip_source": "own"}], [{"action": "deny"}]],
    "switch.mode": ["vepa"],
    "nic.queues_per_vf": [2, 4],
    "workload.frame_bytes": [64, 1518],
}

# What is wrong with these only beyond the capacities of a run, or with others that no value here meets.
HARDLY_EVER_WRONG = {
    "switch.ports.*.groups",
    "switch.ports.*.pvlan",
    "switch.ports.*.default_priority",
    "workload.mean_burst",
    "workload.burst_length",
}


def set_keys(document: Document, changes: Mapping[str, Any]) -> Document:
    """Return a copy of a document with other values of some keys."""
    now, place = document.copied(), Place(0, 0, 0, "drawn")
    for key, value in changes.items():
        apply_change(now, Change(key, value, place, place))
    return now


def drawn_key(draw: random.Random, key: str, system: str) -> str:
    """Return a key of a row for a station, in one of several servers if these have it of their own."""
    found = key.replace("*", f"vf{draw.randint(0, 1)}")
    return f"servers.{draw.choice('ab')}.set.{found}" if "servers" in system and found.startswith("switch") else found


def sound_base(draw: random.Random, key: str, system: str) -> tuple[Document, Examined]:
    """Draw a document with which nothing is wrong; `key`: the row whose change comes next."""
    mapping = {**SYSTEMS[system], "nic": {"vfs": 2, **SYSTEMS[system].get("nic", {})}}
    for _ in range(200):
        near = [each for each in VALUES if each.rpartition(".")[0] == key.rpartition(".")[0]]
        pool = {**{each: VALUES[each] for each in draw.sample(near, 3)}, **BESIDE}
        changes = {drawn_key(draw, each, system): draw.choice(pool[each]) for each in draw.sample(list(pool), 3)}
        document = set_keys(document_of(mapping, "drawn"), changes)
        if document.problems:
            continue
        found = examine(document.copied(), ".")
        if found.system is not None:
            return document, found
    raise AssertionError(f"{system}: nothing sound was drawn for {key}")


@pytest.mark.strict_devices
def test_the_checks_of_each_key_find_what_all_checks_find() -> None:
    draw, n_wrong, n_sound = random.Random(5), Counter[str](), Counter[str]()
    assert VALUES.keys() == ROWS.keys(), "each key whose checks are narrowed has values to draw"
    for key in ROWS:
        for system, value in product(SYSTEMS, VALUES[key]):
            document, before = sound_base(draw, key, system)
            assert before.system is not None
            own, is_running = drawn_key(draw, key, system), draw.random() < 0.5
            now = set_keys(document, {own: value})
            if now.problems:
                continue
            found = build_changed._changed(now.copied(), ".", before.system, [own], is_running=is_running)
            whole = examine(now.copied(), ".", is_running=is_running)
            wrong = [*whole.problems, *whole.contradictions]
            assert (found is None) == bool(wrong), (system, document.data, own, value, wrong)
            if found is not None:
                assert found.config is not None and whole.config is not None
                assert found.config.model_dump_json() == whole.config.model_dump_json()
            (n_sound if found else n_wrong)[key] += 1
    assert not {key: n_sound[key] for key in ROWS if n_sound[key] < 5}
    never_wrong = {key for key, row in ROWS.items() if row.checks and not n_wrong[key]}
    assert never_wrong <= HARDLY_EVER_WRONG, n_wrong
