"""Port profiles: what stations get of them, what wins over what, what is refused, and changes of them in a run."""

from __future__ import annotations

import random

import pytest

from hwmodel import load_config, simulate
from hwmodel.config import operable
from hwmodel.config.build import SYSTEM_CHECKS
from hwmodel.config.check_profiles import check_profiles
from hwmodel.config.profiles import InheritError, lines_of
from hwmodel.config.spread_profiles import take_back
from hwmodel.config.switch import OF_PROFILES
from tests.config_cases import complaints, load

PROFILES = """
nic: {preset: null, vfs: 4}
profiles:
  server: {guards: [arp], rate_limit: 3Gbps}
  web: {inherit: server, port_vlan: 10, rate_limit: 1Gbps}
  gold: {inherit: web, rate_limit: 2Gbps, default_priority: 5}
"""
# Who a station is, and what may not be given to it later than at the start.
OF_THE_STATION = {"macs", "groups", "ips", "enabled", "credits", "profile"}


def ports_of(text, overrides=None):
    return {port.name: port for port in load(text, overrides).switch.ports}


def test_a_profile_may_have_all_that_may_change_of_a_station():
    assert {row.key for row in operable.OF_STATIONS} - OF_THE_STATION == {*OF_PROFILES}


def test_lines_are_inherited_over_levels_and_overridden():
    ports = ports_of(PROFILES + "switch: {ports: [{name: vf0, profile: gold}, {name: vf1, profile: web}]}")
    gold, web, none = ports["vf0"], ports["vf1"], ports["vf2"]
    assert (gold.rate_limit_bps, gold.default_priority, gold.guards) == (2 * 10**9, 5, ("arp",))
    assert (web.rate_limit_bps, web.default_priority, web.guards) == (10**9, 0, ("arp",))
    assert (gold.port_vlan, gold.vlans, gold.untagged) == (10, (10,), (10,))
    assert (none.rate_limit_bps, none.guards, none.vlans) == (None, (), (1,))


def test_a_line_of_the_station_wins_and_one_of_all_stations_too():
    entries = "[{name: all, weight: 3}, {name: vf0, profile: gold, rate_limit: null}, {name: vf1, profile: heavy}]"
    ports = ports_of(PROFILES + f"  heavy: {{weight: 9, rate_limit: 5Gbps}}\nswitch: {{ports: {entries}}}")
    assert (ports["vf0"].rate_limit_bps, ports["vf0"].default_priority) == (None, 5)
    assert (ports["vf1"].weight, ports["vf1"].rate_limit_bps) == (3, 5 * 10**9)
    assert ports["vf0"].own_lines == ("rate_limit", "weight")


def test_all_stations_may_have_one():
    ports = ports_of(PROFILES + "switch: {ports: [{name: all, profile: web}, {name: vf3, profile: gold}]}")
    assert [ports[name].rate_limit_bps for name in ("vf0", "vf2", "vf3")] == [10**9, 10**9, 2 * 10**9]


def test_one_that_is_disabled_is_not_applied():
    text = PROFILES.replace("web: {", "web: {enabled: false, ")
    ports = ports_of(text + "switch: {ports: [{name: vf0, profile: web}, {name: vf1, profile: gold}]}")
    assert (ports["vf0"].rate_limit_bps, ports["vf0"].vlans) == (None, (1,))
    assert (ports["vf1"].rate_limit_bps, ports["vf1"].vlans) == (2 * 10**9, (10,))


def test_a_dynamic_port_without_a_profile_is_in_no_vlan():
    entries = "[{name: vf0, binding: dynamic}, {name: vf1, binding: dynamic, vlans: [7]}]"
    ports = ports_of(PROFILES + f"switch: {{ports: {entries}}}")
    assert (ports["vf0"].vlans, ports["vf1"].vlans, ports["vf2"].vlans) == ((), (7,), (1,))


def test_a_resolved_configuration_goes_on_as_the_one_that_was_written():
    entries = "[{name: vf0, profile: web}, {name: vf1, profile: web, rate_limit: 7Gbps}, {name: vf2, binding: dynamic}]"
    config = load(PROFILES + f"switch: {{ports: {entries}}}")
    again = load_config(config.resolved())
    assert again == config
    changes = {"profiles.web.rate_limit": "4Gbps", "switch.ports.vf2.profile": "gold"}
    assert again.with_overrides(changes) == config.with_overrides(changes)
    ports = {port.name: port.rate_limit_bps for port in again.with_overrides(changes).switch.ports}
    assert ports == {"pf": None, "vf0": 4 * 10**9, "vf1": 7 * 10**9, "vf2": 2 * 10**9, "vf3": None}


def test_what_is_taken_back_of_a_resolved_configuration_are_lines_that_are_not_own():
    changes = {"switch.ports.vf0.weight": 3, "switch.ports.vf0.admit": "tagged"}
    data = {
        "switch": {"ports": [{"name": "vf0", "weight": 2, "admit": "all", "own_lines": ["weight"]}]},
        "servers": [{"name": "a", "set": changes}],
    }
    take_back(data)
    assert data["switch"]["ports"] == [{"name": "vf0", "weight": 2}]
    assert data["servers"][0]["set"] == {"switch.ports.vf0.weight": 3}
    assert check_profiles in SYSTEM_CHECKS


def test_a_server_says_the_profiles_of_its_own_stations():
    text = PROFILES + "servers: [{name: a}, {name: b, set: {switch.ports.vf0.profile: gold}}]\n"
    config = load(text + "workload: {pattern: ring}")
    (b,) = [dict(entry.changes) for entry in config.servers if entry.name == "b"]
    assert (b["switch.ports.vf0.rate_limit"], b["switch.ports.vf0.profile"]) == ("2Gbps", "gold")
    again, change = load_config(config.resolved()), {"profiles.gold.rate_limit": "6Gbps"}
    assert again == config and again.with_overrides(change) == config.with_overrides(change) != config


@pytest.mark.parametrize("seed", range(20))
def test_drawn_profiles_as_a_second_reading_has_them(seed):
    drawn = random.Random(seed)
    names = [f"p{k}" for k in range(8)]
    keys = ["rate_limit", "weight", "admit", "guards"]
    profiles = {}
    for at, name in enumerate(names):
        profiles[name] = {key: drawn.randrange(100) for key in keys if drawn.random() < 0.4}
        if at and drawn.random() < 0.8:
            profiles[name]["inherit"] = drawn.choice(names[:at])

    def value(name, key):
        own = profiles[name]
        return own[key] if key in own else value(own["inherit"], key) if "inherit" in own else None

    for name in names:
        found = {line.key: line.value for line in lines_of(profiles, name)}
        assert found == {key: value(name, key) for key in keys if value(name, key) is not None}


def test_a_circle_is_told_of_once():
    profiles = {"a": {"inherit": "b"}, "b": {"inherit": "c"}, "c": {"inherit": "b"}}
    with pytest.raises(InheritError, match="inherits from itself: b, c, b"):
        lines_of(profiles, "a")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("profiles: {a: {inherit: b}, b: {inherit: a}}",
         ["c.yaml:1:25: profiles.a.inherit: a inherits from itself: a, b, a"]),
        ("profiles: {web: {inherit: web}}",
         ["c.yaml:1:27: profiles.web.inherit: web inherits from itself: web, web"]),
        ("profiles: {web: {inherit: sevrer}, server: {}}",
         ["c.yaml:1:27: profiles.web.inherit: there is no profile sevrer (did you mean server?)"]),
        ("profiles: {web: {}}\nswitch: {ports: [{name: vf0, profile: wep}]}",
         ["c.yaml:2:39: switch.ports.vf0.profile: there is no profile wep (did you mean web?)"]),
        ("switch: {ports: [{name: vf0, profile: web}]}",
         ["c.yaml:1:39: switch.ports.vf0.profile: there is no profile web; `profiles` has none"]),
        ("profiles: {web: {vlans: [1]}}\nvms: [{name: w, at: vf0, profile: wep}]",
         ["c.yaml:2:35: vms.w.profile: there is no profile wep (did you mean web?)"]),
        ("profiles: {web: {rate_limit: 5}}\nswitch: {ports: [{name: vf0, profile: web}, {name: vf1, profile: web}]}",
         ["c.yaml:1:30: profiles.web.rate_limit: 5 has no unit; write a rate like 10Gbps"]),
        ("profiles: {web: {rate_limit: 5}}\nservers: [{name: a}, {name: b}]\nworkload: {pattern: ring}\n"
         "switch: {ports: [{name: vf0, profile: web}]}",
         ["c.yaml:1:30: profiles.web.rate_limit: 5 has no unit; write a rate like 10Gbps"]),
        ("profiles: {web: {macs: []}}", ["c.yaml:1:18: profiles.web.macs: unknown key"]),
        ("nic: {preset: 82599, strict: true}\nprofiles: {s: {guards: [arp]}, web: {inherit: s}}\n"
         "switch: {ports: [{name: vf0, profile: web}, {name: vf1, profile: web}]}",
         ["c.yaml:2:24: profiles.s.guards: guards (rules for ARP, DHCP, IP); the 82599 has none"]),
        ("bridge: {ports: {adapter: {vlans: [1]}}}\nprofiles: {web: {port_vlan: 10}}\n"
         "switch: {ports: [{name: vf0, profile: web}, {name: vf1, profile: web}]}",
         ["c.yaml:2:29: profiles.web.port_vlan: bridge.ports.adapter.vlans lacks VLAN 10, and nobody configures it"]),
    ],
)  # fmt: skip
def test_what_is_refused_in_one_line(text, lines):
    found = complaints(text)
    assert len(found) == len(lines) and all(one.startswith(line) for one, line in zip(found, lines, strict=True)), found


def test_a_change_reaches_all_ports_that_have_the_profile_as_if_each_were_set():
    text = (
        PROFILES
        + """
switch: {ports: [{name: all, profile: web}, {name: vf1, profile: gold}, {name: vf2, rate_limit: 500Mbps}]}
workload: {pattern: pairs, frame_bytes: 1518}
run: {warmup: 0ns, duration: 2ms}
"""
    )
    by_profile = load(text + "scenario: [{at: 1ms, set: {profiles.web.rate_limit: 4Gbps, profiles.server.guards: []}}]")
    ports = ("pf", "vf0", "vf1", "vf2", "vf3")
    keys = {f"switch.ports.{port}.guards": [] for port in ports}
    keys |= {f"switch.ports.{port}.rate_limit": "4Gbps" for port in ("pf", "vf0", "vf3")}
    by_port = load_config({**load(text).resolved(), "scenario": [{"at": "1ms", "set": keys}]})
    one, other = simulate(by_profile), simulate(by_port)
    assert one.vms == other.vms and one.totals == other.totals
    rates = {vm.name: vm.tx_gbps for vm in one.vms}
    assert rates["vf0"] > 1.5 > rates["vf2"], "the window has both rates"


def test_a_station_may_be_given_another_profile_in_a_run():
    text = (
        PROFILES
        + """
switch: {ports: [{name: vf0, binding: dynamic}, {name: vf1, profile: web}]}
workload: {pattern: flows, flows: [[vf0, vf1, 100Mbps]], arrivals: periodic}
run: {warmup: 0ns, duration: 2ms}
scenario: [{at: 1ms, set: {switch.ports.vf0.profile: web}}, {at: 1500us, set: {switch.ports.vf0.profile: null}}]
"""
    )
    result = simulate(load(text))
    (vf0,) = [vm for vm in result.vms if vm.name == "vf0"]
    (flow,) = result.flows
    gap_ns = 1518 * 8 / 0.1
    assert flow.delivered == pytest.approx(0.5e6 / gap_ns, abs=1)
    assert sum(vf0.drops.values()) == vf0.drops["VLAN_MEMBER"] == flow.offered - flow.delivered
