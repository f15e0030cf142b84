"""What a run has no room for is refused with the configuration: file, line, key, and what there is room for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from hwmodel.config import check_room, config_from_mapping
from hwmodel.config.check_room import OF_ADAPTER, OF_BRIDGES, OF_PORT
from hwmodel.errors import InputError
from hwmodel.units import fs_per_byte, parse_rate_bps
from tests.config_cases import complaints

STATIONS = {"nic": {"vfs": 2, "strict": False}, "workload": {"pattern": "ring"}}


def macs(n: int, first: int = 0x0200_0100_0000) -> list[str]:
    """Return n station addresses."""
    return [":".join(f"{first + at:012x}"[i : i + 2] for i in range(0, 12, 2)) for at in range(n)]


def ips(n: int) -> list[str]:
    """Return n addresses of IPv4."""
    return [f"10.1.{at >> 8}.{at & 255}" for at in range(n)]


def police(n: int) -> list[dict[str, Any]]:
    """Return n policers, each for all ports of an adapter."""
    return [{"action": "police", "vlan": 1 + at, "rate": "1Gbps", "burst": "10000B"} for at in range(n)]


# A table of a run, a configuration that fills it and one that asks for one more, as functions of the number asked for.
FILLED: dict[str, Any] = {
    "switch.acl": (1024, lambda n: {"switch": {"acl": [{"action": "deny", "port": "vf0"}] * n}}),
    "switch.mirrors": (256, lambda n: {"switch": {"mirrors": [{"to": "vf1", "from": "vf0"}] * n}}),
    "switch.ports.vf0.ips": (
        1024, lambda n: {"switch": {"ports": [{"name": "vf0", "ips": ips(n), "guards": ["ip"]}]}}
    ),
    "switch.s_channels": (
        133, lambda n: {"switch": {"mode": "multichannel", "s_channels": dict.fromkeys(range(2, n + 1), "veb")}}
    ),
    # pf, vf0 and vf1 have an address each, and vf0 the others.
    "switch.ports.vf0.macs": (6144, lambda n: {"switch": {"ports": [{"name": "vf0", "macs": macs(n - 2)}]}}),
    "nic.flow_control.received": (
        4096, lambda n: {"nic": {"flow_control": {
            "mode": "pause", "received": [{"at": f"{at + 1}us", "quanta": 1} for at in range(n)]}}}
    ),
    "host.jitter.bins": (
        256, lambda n: {"host": {"jitter": {"kind": "histogram", "bins": [[f"{at}ns", 1] for at in range(n)]}}}
    ),
    "scenario": (10_000, lambda n: {"scenario": [{"at": "1us", "set": {"port.rate": "1Gbps"}}] * n}),
}  # fmt: skip


def merged(*blocks: dict[str, Any]) -> dict[str, Any]:
    """Return mappings of blocks as one."""
    found: dict[str, Any] = {}
    for each in blocks:
        for name, block in each.items():
            found[name] = {**found.get(name, {}), **block} if isinstance(block, dict) else block
    return found


@pytest.mark.parametrize("key", FILLED)
def test_one_more_than_a_table_holds_is_refused_with_its_key(key):
    most, filled = FILLED[key]
    config_from_mapping(merged(STATIONS, filled(most)))
    with pytest.raises(InputError) as caught:
        config_from_mapping(merged(STATIONS, filled(most + 1)))
    (line,) = caught.value.lines
    assert f": {key}: " in line and f"{most + 1:,}" in line and f"{most:,}" in line


@pytest.mark.parametrize("n_ports", [1, 2])
def test_policers_of_all_ports_have_to_fit_together(n_ports):
    """An entry for all ports is a token bucket at each; of one port 600 are fewer than the 1,024 that there are."""
    system = merged(STATIONS, {"nic": {"vfs": 4}, "port": {"count": n_ports}, "switch": {"acl": police(600)}})
    if n_ports == 1:
        config_from_mapping(system)
        return
    with pytest.raises(InputError, match=r"switch\.acl: 1,200 policers; a run has room for 1,024 \(.*at each"):
        config_from_mapping(system)


def test_each_port_has_a_table_of_its_own():
    rules = [{"action": "deny", "port": f"vf{at % 2}"} for at in range(2048)]
    ports = [{"name": "vf0", "port": "p0"}, {"name": "vf1", "port": "p1"}]
    system = merged(STATIONS, {"port": {"count": 2}, "switch": {"ports": ports, "acl": rules}})
    system["workload"] = {"pattern": "to_wire"}
    config_from_mapping(system)
    system["switch"]["acl"].append(rules[0])
    with pytest.raises(InputError, match=r"switch\.acl: 1,025 rules at p0; a run has room for 1,024"):
        config_from_mapping(system)


def test_a_file_is_told_the_line():
    text = "nic: {vfs: 2}\nhost:\n  iotlb:\n    entries: 64\n    miss: 100us\n"
    (line,) = complaints(text)
    # A posted write with 4 B of data, 28 B at the 32 Gb/s of a Gen2 x8 link less SKP: 7.018 ns; 4,095 of them.
    assert line.startswith("c.yaml:5:11: host.iotlb.miss: 100us holds back up to ") and line.endswith("28739ns")
    assert "--set" in complaints("{}", ["host.iotlb={entries: 64, miss: 100us}"])[0]


def test_a_bus_has_numbers_for_32_devices():
    def on_bus(n: int) -> dict[str, Any]:
        return {"nic": {"vfs": 1, "strict": False}, "pcie": {"bus": {}}, "workload": {"pattern": "to_wire"},
                "servers": [{"name": "a", "adapters": [{"name": f"x{at}"} for at in range(n)]}]}  # fmt: skip

    config_from_mapping(on_bus(32))
    with pytest.raises(InputError, match=r"servers: 33 adapters on the bus of a; a bus has numbers for 32 devices"):
        config_from_mapping(on_bus(33))


# Four servers with a PF and two VFs each, at the bridge in mode e_tag; a and b behind an extender, this behind another.
EXTENDED = {
    "nic": {"vfs": 2, "strict": False},
    "switch": {"mode": "e_tag", "ports": [{"name": "all", "vlans": [1, 2, 3]}]},
    "workload": {"pattern": "ring"},
    "servers": [{"name": name} for name in "abcd"],
    "bridge": {
        "kind": "controlling", "extenders": {"f0": {}, "f1": {"behind": "f0"}},
        "ports": {"a": {"behind": "f1"}, "b": {"behind": "f1"}},
        "policy": [{"action": "police", "rate": "1Gbps", "burst": "10000B"}, {"action": "deny", "vlan": 9}],
    },
}  # fmt: skip
LEARNING = {
    "nic": {"vfs": 2, "strict": False},
    "switch": {"ports": [{"name": "all", "vlans": [1, 2, 3]}]},
    "workload": {"pattern": "ring"},
    "servers": [{"name": name} for name in "abcd"],
    "bridge": {"announce": True, "flow_control": {"mode": "pfc", "classes": [{"percent": 40}, {"percent": 60}]}},
}
OWNERS = LEARNING | {
    "switch": {"ports": [{"name": "all", "guards": ["ip"]}]},
    "servers": [
        {"name": name, "set": {"switch.ports": [
            {"name": station, "ips": [f"10.0.{at}.1", "fd00::1"]} for station in ("pf", "vf0", "vf1")
        ]}} for at, name in enumerate("abcd")
    ],
    "bridge": {"policy": [{"source_ip": "own", "action": "permit"}]},
}  # fmt: skip
# Counted by hand: two boxes beside the bridge; four wires to servers, one outside, two ends of each extender's uplink.
# Interfaces: three a server, one outside, one of each port of an extender (a, b, f1 at f0, and the lower ends), and one
# for groups at each of the bridge's own ports with interfaces (c, d, f0).
COUNTED = {
    "bridges and extenders": (EXTENDED, 3, "bridge.extenders"),
    "ports of bridges and extenders": (EXTENDED, 4 + 1 + 2 * 2, "servers"),
    "policers of bridges": (EXTENDED, 1, "bridge.policy"),
    "entries of bridges' policies": (EXTENDED, 2, "bridge.policy"),
    "interfaces, S-channels, translated VLANs and queues of classes at bridges": (EXTENDED, 12 + 1 + 5 + 3, "nic.vfs"),
    "addresses of stations that bridges' rules ask for": (OWNERS, 4 * 3 * 3, "bridge.policy"),  # with that of the link
    "addresses in VLANs at bridges": (LEARNING, 4 * 3 * 3, "switch.ports.all.vlans"),
    "announced addresses at bridges": (LEARNING, 4 * 3, "bridge.announce"),
}


@pytest.mark.parametrize("what", COUNTED)
def test_what_bridges_hold_is_counted_as_by_hand(what, monkeypatch):
    system, n, key = COUNTED[what]
    (row,) = (row for row in OF_BRIDGES if row.what == what)
    monkeypatch.setattr(check_room, "OF_BRIDGES", [replace(row, most=n)])
    config_from_mapping(system)
    monkeypatch.setattr(check_room, "OF_BRIDGES", [replace(row, most=n - 1)])
    with pytest.raises(InputError) as caught:
        config_from_mapping(system)
    (line,) = caught.value.lines
    assert line.startswith(f"configuration: {key}: {n:,} {what}; a run has room for {n - 1:,} (")
    assert OF_ADAPTER and OF_PORT


@pytest.mark.parametrize("key", [
    "port.rate", "nic.store_rate", "host.write_drain", "nic.dma.read.rate", "nic.dma.shared_rate",
    "switch.ports.vf0.rate_limit", "switch.ports.vf1.min_rate", "bridge.ports.outside.rate",
])  # fmt: skip
def test_a_rate_of_too_many_digits_is_refused_at_each_key(key):
    servers = {"servers": [{"name": "a"}, {"name": "b"}]} if key.startswith("bridge") else {}
    config_from_mapping({**STATIONS, **servers}, {key: "1.001001Gbps"})
    with pytest.raises(InputError) as caught:
        config_from_mapping({**STATIONS, **servers}, {key: "1234567891bps"})
    (line,) = caught.value.lines
    assert f"{key}: 1234567891bps is finer than the model's time; write whole Kbps" in line


@pytest.mark.parametrize("rate", ["1Kbps", "1.001Kbps", "1.234567Gbps", "999.999999Gbps"])
def test_times_of_any_length_stay_inside_63_bits(rate):
    """65535 quanta of 64 B on a port, and a segment of 64 KiB at a VM's rate, which may be lower than a port's."""
    rate_bps = parse_rate_bps(rate)
    num, den = fs_per_byte(rate_bps)
    longest = 65535 * 64 if rate_bps >= 10**6 else 65_620
    assert num * longest < 1 << 63
    assert abs(Fraction(num, den) * rate_bps / (8 * 10**15) - 1) <= Fraction(1, 10**15)


def test_floods_are_counted_together():
    def floods(*lengths: str) -> dict[str, Any]:
        events = [{"at": "1ms", "flood": {"from": "vf0", "every": "25ns", "for": length}} for length in lengths]
        return {**STATIONS, "run": {"duration": "1s"}, "scenario": events}

    most = ["1.25ms"] * 10  # of 50,000 doorbells
    config_from_mapping(floods(*most, "607200ns"))
    with pytest.raises(InputError, match=r"scenario: 524,289 messages and doorbells of floods; .* 524,288 \("):
        config_from_mapping(floods(*most, "607225ns"))
