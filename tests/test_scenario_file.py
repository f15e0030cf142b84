"""What `scenario` says in a file: events with times and keys, refused with file, line, key and reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.config.in_operation import fixed_keys
from hwmodel.config.operable import OF_ADAPTERS, OF_BRIDGES, row_of
from hwmodel.config.scenario_steps import steps_of
from hwmodel.errors import InputError
from hwmodel.rules.capacities import MOST_EVENTS
from hwmodel.units import FS_PER_NS

MS = 10**6 * FS_PER_NS
BASE: dict[str, Any] = {"nic": {"vfs": 4}, "run": {"duration": "5ms", "warmup": "1ms"}}
LIMIT = "switch.ports.vf1.rate_limit"


def config_of(*events: dict[str, Any], **blocks: Any) -> Config:
    return config_from_mapping({**BASE, **blocks, "scenario": list(events)})


def test_each_event_is_a_step_from_what_the_one_before_it_left() -> None:
    """In the order of time, however they are written; the second leaves what the first set."""
    config = config_of(
        {"at": "3ms", "set": {"port.rate": "1Gbps"}}, {"at": "2ms", "set": {LIMIT: "2Gbps"}},
        {"at": "4ms", "set": {"switch": {"ports": {"vf1": {"rate_limit": None}}}}},
    )  # fmt: skip
    first, second, third = config.steps()
    assert [(step.at_fs // MS, step.event) for step in config.steps()] == [(2, 1), (3, 0), (4, 2)]

    def of(one: Config) -> tuple[int | None, int]:
        return one.switch.ports[2].rate_limit_bps, one.port.rate_bps

    assert config.switch.ports[2].name == "vf1"
    assert [of(step.config) for step in (first, second, third)] == [
        (2 * 10**9, 10**10), (2 * 10**9, 10**9), (None, 10**9),
    ]  # fmt: skip
    assert of(config) == (None, 10**10)


def test_an_event_that_takes_all_entries_away_says_so() -> None:
    """An empty mapping is a value: who is in none of the weights has the weight 1."""
    weighted = {"workload.load": "1Gbps", "workload.weights": {"vf0": 3}}
    config = config_of({"at": "2ms", "set": {"workload.weights": {}}}).with_overrides(weighted)
    assert config.scenario[0].changes == {"workload.weights": {}}
    (step,) = config.steps()
    assert step.config.workload.weights == {} != config.workload.weights


def test_a_configuration_without_one_is_as_ever() -> None:
    plain = config_from_mapping(BASE)
    assert "scenario" not in plain.resolved() and plain.steps() == ()
    assert plain.config_hash() == config_from_mapping({**BASE, "scenario": []}).config_hash()


def test_it_is_resolved_as_written_and_read_back() -> None:
    config = config_of({"at": "2ms", "set": {LIMIT: "2Gbps"}})
    resolved = config.resolved()
    assert resolved["scenario"] == [{"at": "2ms", "set": {LIMIT: "2Gbps"}}]
    again = config_from_mapping(json.loads(json.dumps(resolved)))
    assert again.resolved() == resolved and again.config_hash() == config.config_hash()
    assert again.config_hash() != config_from_mapping(BASE).config_hash()
    assert again.steps()[0].config == config.steps()[0].config


def test_an_event_is_changed_like_any_key() -> None:
    config = config_of({"at": "2ms", "set": {LIMIT: "2Gbps"}})
    later = config.with_overrides({"scenario.0.at": "4ms", f"scenario.0.set.{LIMIT}": "1Gbps"})
    (step,) = later.steps()
    assert step.at_fs == 4 * MS and step.config.switch.ports[2].rate_limit_bps == 10**9


def test_steps_have_the_seed_and_length_of_the_run() -> None:
    config = config_of({"at": "2ms", "set": {LIMIT: "2Gbps"}})
    other = config.model_copy(update={"run": config.run.model_copy(update={"seed": 7})})
    assert [step.config.run for step in other.steps()] == [other.run]


def test_a_configuration_of_no_file_has_no_steps() -> None:
    config = config_of({"at": "2ms", "set": {LIMIT: "2Gbps"}})
    made = Config.model_validate(config.model_dump(by_alias=True, mode="json"))
    with pytest.raises(InputError, match=r"not of hwmodel\.load_config"):
        made.steps()


HEAD = "nic: {vfs: 4}\nrun: {duration: 5ms, warmup: 1ms}\nscenario:\n"
WRONG = {  # the lines behind HEAD, from line 4 on: what is said of them
    "- {at: 7ms, set: {port.rate: 1Gbps}}": ["4:8: scenario.0.at: 7ms is after the run's end, 6ms (warm-up and win"],
    "- {at: -1ms, set: {port.rate: 1Gbps}}": ["4:8: scenario.0.at: '-1ms' "],
    "- {set: {port.rate: 1Gbps}}": ["4:3: scenario.0: it does not say when it happens: an event has `at`, a time, or"],
    "- {at: 2ms}": ["4:3: scenario.0: nothing happens; an event has set, mailbox, pf, reset, enable_vfs, "],
    "- {at: 2ms, set: 3}": ["4:18: scenario.0.set: 3 where keys with values are expected"],
    "- {at: 2, set: {port.rate: 1Gbps}}": ["4:8: scenario.0.at: 2 has no unit"],
    "- {at: 2ms, whan: 3ms, set: {}}": ["4:13: scenario.0.whan: unknown key (did you mean when?)"],
    "- {when: 3ms, set: {}}": ["4:10: scenario.0.when: '3ms' where keys with values are expected"],
    "- {at: 2ms, when: {vm: vf1, delivered: 1}, set: {}}": ["4:13: scenario.0.when: this event has a time, `at`"],
    "- {when: {vm: vf1}, set: {}}": ["4:10: scenario.0.when: nothing is waited for; a condition has delivered, "],
    "- {when: {delivered: 1}, set: {}}": ["4:10: scenario.0.when.vm: this key is missing"],
    "- {when: {vm: vf1, delivered: 1, up: true}, set: {}}": ["4:34: scenario.0.when.up: this condition has delivered"],
    "- {when: {vm: vf1, delivered: 0}, set: {}}": ["4:31: scenario.0.when.delivered: 0 is out of range; 1 to"],
    "- {when: {vm: vf1, rx_ring: full}, set: {}}": ["4:29: scenario.0.when.rx_ring: 'full' is not empty"],
    "- {when: {vm: vf7, delivered: 1}, set: {}}": ["4:15: scenario.0.when.vm: there is no vf7 (did you mean vf3?)"],
    "- {when: {vm: a.vf1, up: true}, set: {}}": ["4:15: scenario.0.when.vm: there is no a.vf1 (did you mean vf1?)"],
    "- {when: {vm: vf1, up: true, from: 7ms}, set: {}}": ["4:36: scenario.0.when.from: 7ms is after the run's end, "],
    "- {when: {vm: vf1, up: true}, mailbox: {from: vf1, message: reset, times: 3, every: 1us}}": [
        "4:68: scenario.0.mailbox.times: a message that waits for a condition is sent once"],
    "- {when: {vm: vf1, up: true}, set: {nic.rx_ring: 64}}": [
        "4:37: scenario.0.set.nic.rx_ring: fixed while the machine runs"],
    "- {when: {vm: vf1, up: true}, set: {port.rat: 1Gbps}}": ["4:37: scenario.0.set.port.rat: unknown key"],
    "- {when: {vm: vf1, up: true}, set: {port.rate: 1Gbps}}\n- {when: {vm: vf1, up: true}, set: {port.rate: 2Gbps}}": [
        "5:37: scenario.1.set.port.rate: contradicts scenario.0, which at the same time sets it to 1Gbps"],
    "- {at: 2ms, set: {nic.rx_ring: 64}}": ["4:19: scenario.0.set.nic.rx_ring: fixed while the machine runs (2ms)"],
    "- {at: 2ms, set: {nic: {rx_ring: 64}}}": ["4:25: scenario.0.set.nic.rx_ring: fixed while the machine runs (2ms)"],
    "- {at: 2ms, set: {pcie.tags: 7, port.rate: 1Gbps}}": ["4:19: scenario.0.set.pcie.tags: fixed while the machine "],
    "- {at: 2ms, set: {workload.frame_bytes: 64}}": [
        "4:19: scenario.0.set.workload.frame_bytes: fixed while the machine runs (2ms): who sends what to wh"],
    "- {at: 2ms, set: {workload: {pattern: ring}}}": ["4:30: scenario.0.set.workload.pattern: fixed while the machine"],
    "- {at: 2ms, set: {workload.external: {rate: 1Gbps}}}": [
        "4:39: scenario.0.set.workload.external.rate: fixed while the machine runs (2ms): frames from outside "],
    "- {at: 2ms, set: {workload.load: fast}}": ["4:34: scenario.0.set.workload.load: 'fast' is not saturate, "],
    "- {at: 2ms, set: {workload.weights: {vf0: 2}}}": ["4:37: scenario.0.set.workload.weights: weights divides "],
    "- {at: 2ms, set: {workload.arrivals: on_off, workload.load: 1Gbps}}": [
        "4:38: scenario.0.set.workload.arrivals: arrivals: on_off needs peak_rate, the rate within a burst"],
    "- {at: 2ms, set: {switch.ports.vf9.weight: 2}}": [
        "4:19: scenario.0.set.switch.ports.vf9.weight: fixed while the machine runs (2ms): its stations are those of"],
    "- {at: 2ms, set: {run.seed: 5}}": ["4:19: scenario.0.set.run.seed: fixed while the machine runs (2ms)"],
    "- {at: 2ms, set: {nic.vfs: 5}}": ["4:19: scenario.0.set.nic.vfs: fixed while the machine runs (2ms)"],
    "- {at: 2ms, set: {bridge: {}}}": ["4:19: scenario.0.set.bridge: fixed while the machine runs (2ms)"],
    "- {at: 2ms, set: {scenario: [{at: 3ms, reset: vf1}]}}": [
        "4:19: scenario.0.set.scenario: a scenario has all its events from the start; what else happens is "],
    "- {at: 2ms, set: {scenario.0.at: 3ms}}": ["4:19: scenario.0.set.scenario.0.at: a scenario has all its events "],
    "- {at: 2ms, set: {switch.ports.vf1.max_frame: 9018B}}": [
        "4:19: scenario.0.set.switch.ports.vf1.max_frame: fixed while the machine runs (2ms)"],
    "- {at: 2ms, set: {port.rat: 1Gbps}}": ["4:19: scenario.0.set.port.rat: unknown key (did you mean rate?)"],
    "- {at: 2ms, set: {port.rate: 1}}": ["4:30: scenario.0.set.port.rate: 1 has no unit"],
    "- {at: 2ms, set: {pcie.lanes: 3}}": ["4:31: scenario.0.set.pcie.lanes: 3 is not one of"],
    "- {at: 2ms, set: {switch.ports.vf9.rate_limit: 1Gbps}}": ["4:19: scenario.0.set.switch.ports.vf9"],
    "- {at: 2ms, set: {port.rate: 1Gbps}}\n- {at: 2ms, set: {port.rate: 2Gbps}}": [
        "5:19: scenario.1.set.port.rate: contradicts scenario.0, which at the same time sets it to 1Gbps"],
    "- {at: 2ms, set: {switch.ports: [{name: vf0, weight: 2}]}}\n- {at: 2ms, set: {switch.ports.vf1.weight: 3}}": [
        "5:19: scenario.1.set.switch.ports.vf1.weight: contradicts scenario.0, which at the same time sets switch.po"],
    "- {at: 2ms, set: {switch: {ports: {vf1: {weight: 3}}}}}\n- {at: 2ms, set: {switch.ports: [{name: vf0}]}}": [
        "5:19: scenario.1.set.switch.ports: contradicts scenario.0, which at the same time sets switch.ports.vf1"],
    "- {at: 2ms, set: {nic.rx_ring: 64}}\n- {at: 3ms, set: {pcie.tags: 7}}": [
        "4:19: scenario.0.set.nic.rx_ring: fixed", "5:19: scenario.1.set.pcie.tags: fixed"],
    "- {at: 2ms, set: {driver.vms.vf0.preset: dpdk}}": [
        "4:19: scenario.0.set.driver.vms.vf0.preset: fixed while the machine runs (2ms): a driver sets it up as it "],
    "- {at: 2ms, set: {switch.ports.eth0.1.x: 3}}": ["4:19: scenario.0.set.switch.ports.eth0.name: 'eth0' is not the "],
    "- {at: 8ms, set: {port.rate: 1Gbps}}\n- {at: 9ms, set: {port.rate: 2Gbps}}": [
        "4:8: scenario.0.at: 8ms is after the run's end", "5:8: scenario.1.at: 9ms is after the run's end"],
}  # fmt: skip


@pytest.mark.parametrize("lines", WRONG)
def test_what_is_wrong_is_said_with_its_place(lines: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + lines + "\n")
    with pytest.raises(InputError) as caught:
        load_config(path)
    assert len(caught.value.lines) == len(WRONG[lines])
    for line, expected in zip(caught.value.lines, WRONG[lines], strict=True):
        assert line.startswith(f"{path}:{expected}")


def test_two_events_of_one_instant_may_say_the_same() -> None:
    config = config_of(*({"at": "2ms", "set": {"port.rate": "1Gbps"}} for _ in range(2)))
    assert len(config.steps()) == 2


def test_with_an_automatic_warm_up_the_end_is_what_is_sure_to_come() -> None:
    run = {"duration": "5ms", "warmup": "auto"}
    assert config_of({"at": "5ms", "set": {LIMIT: "2Gbps"}}, run=run).steps()
    with pytest.raises(InputError, match="how long a warm-up takes that is auto is not known before"):
        config_of({"at": "5001us", "set": {LIMIT: "2Gbps"}}, run=run)


def test_an_event_that_waits_is_no_step_until_its_time_is_known() -> None:
    """Others are what they are without it; written, it stays as it was."""
    waits = {"when": {"vm": "vf1", "delivered": 7, "from": "2ms"}, "set": {"port.rate": "1Gbps"}}
    config = config_of(waits, {"at": "2ms", "set": {LIMIT: "2Gbps"}})
    assert [(step.at_fs // MS, step.event) for step in config.steps()] == [(2, 1)]
    assert config.resolved()["scenario"][0] == waits
    assert config_from_mapping(config.resolved()).config_hash() == config.config_hash()
    assert config.scenario[0].at_fs > 1000 * FS_PER_NS * 10**9 > config.scenario[0].happens_at(5).at_fs == 5
    # What stands in its way may have gone until then: it is not checked beside others.
    other = {"when": {"vm": "vf1", "up": False}, "set": {"port.rate": "100Mbps"}}
    assert len(config_of(waits, other).scenario) == 2


def test_too_many_events_are_refused() -> None:
    events = [{"at": f"{at}us", "set": {"port.rate": "1Gbps"}} for at in range(MOST_EVENTS + 1)]
    with pytest.raises(InputError, match=f"scenario: the list is too long, {len(events):,} of at most"):
        config_of(*events)


def test_a_server_and_a_bridge_change_by_their_keys() -> None:
    system: dict[str, Any] = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
    config = config_of(
        {"at": "2ms", "set": {"servers.b.set.port.rate": "1Gbps"}}, {"at": "3ms", "set": {"bridge.latency": "2us"}},
        **system,
    )  # fmt: skip
    first, second = (step.config for step in config.steps())
    assert [server.changes.get("port.rate") for server in first.servers] == [None, "1Gbps"]
    assert first.bridge is not None and second.bridge is not None
    assert (first.bridge.latency_fs, second.bridge.latency_fs) == (500 * FS_PER_NS, 2000 * FS_PER_NS)
    with pytest.raises(
        InputError, match=r"scenario\.0\.set\.servers\.b\.set\.pcie\.tags: fixed while the machine runs"
    ):
        config_of({"at": "2ms", "set": {"servers.b.set.pcie.tags": 7}}, **system)
    adapters = {"servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}]}, {"name": "b"}]}
    key = "servers.a.adapters.y.set.pcie.tags"
    with pytest.raises(InputError, match=rf"scenario\.0\.set\.{re.escape(key)}: fixed while the machine runs"):
        config_of({"at": "2ms", "set": {key: 7}}, **adapters)
    with pytest.raises(InputError, match=r"scenario\.0\.set\.bridge\.kind: fixed while the machine runs"):
        config_of({"at": "2ms", "set": {"bridge.kind": "controlling"}}, **system)


def test_names_with_a_dot_are_keys_of_events_in_both_ways_of_writing() -> None:
    """A bridge's port of one of a server's adapters, and a VM's weight."""
    servers = [{"name": "a"}, {"name": "b", "adapters": [{"name": "x"}, {"name": "y"}]}]
    system: dict[str, Any] = {"servers": servers, "bridge": {}, "workload": {"pattern": "pairs", "load": 0.5}}
    for changes in (
        {"bridge.ports.b.y.vlans": [3], "workload.weights.b.y.vf0": 3},
        {"bridge": {"ports": {"b.y": {"vlans": [3]}}}, "workload": {"weights": {"b.y.vf0": 3}}},
    ):
        (step,) = config_of({"at": "2ms", "set": changes}, **system).steps()
        assert step.config.bridge is not None
        assert step.config.bridge.ports["b.y"].vlans == (3,)
        assert step.config.workload.weights == {"b.y.vf0": 3}


def test_what_an_event_sets_of_a_system_is_wrong_once() -> None:
    """Each server's part has the load too, and its problems have the same key."""
    servers = [{"name": "a"}, {"name": "b"}]
    with pytest.raises(InputError) as caught:
        config_of({"at": "2ms", "set": {"workload.weights.a.x.vf0": "1Gbps"}}, servers=servers)
    (line,) = caught.value.lines
    assert "scenario.0.set.workload.weights.a.x.vf0: '1Gbps' is not a number" in line


def keys_within(value: Any, prefix: str) -> Iterator[str]:
    """Yield the dotted keys of plain data and of all in it, entries of lists by their names or places."""
    if isinstance(value, list):
        named = (one.get("name", at) if isinstance(one, dict) else at for at, one in enumerate(value))
        value = dict(zip(named, value, strict=True))
    for name, inside in value.items() if isinstance(value, dict) else ():
        yield f"{prefix}{name}"
        yield from keys_within(inside, f"{prefix}{name}.")


def test_what_may_change_is_of_blocks_that_exist() -> None:
    """A pattern that matches no key of the resolved configuration would be a key that nobody can name."""
    config = config_from_mapping({"nic.strict": False, "profiles": {"web": {}},
                                  **BASE, "bridge": {
        "policy": [{"action": "deny"}], "controls": {"adapter": {"guards": ["arp"]}},
        "ports": {"adapter": {"pvlan": "isolated", "port_security": {"most": 3}}},
        "mirrors": [{"from": "adapter", "to": "outside"}]}, "switch": {
        "acl": [{"action": "deny"}], "mirrors": [{"from": "vf0", "to": "vf1"}], "uplink": {"pvlan": "isolated"},
        "ports": [
            {"name": "vf0", "guards": ["ip"], "ips": ["10.0.0.1"], "receive_limit": "1Gbps", "drop_enable": [True],
             "pvlan": "isolated",
             "profile": "web"}],
        "addresses": [{"mac": "02:00:00:00:77:01", "vlan": 1, "ports": ["vf0"]}]}})  # fmt: skip
    other = config_from_mapping({"nic": {"vfs": 2}})
    assert fixed_keys(config, config) == []
    assert "nic.vfs" in fixed_keys(config, config.with_overrides({"nic.vfs": 6}))
    of_ports = config_from_mapping({"nic": {"vfs": 4}, "port": {"count": 2, "down": ["p1"]}})
    of_drivers = config_from_mapping({"driver": {"refill": False, "vms": {"vf0": {"refill": False}}}})
    of_classes = config_from_mapping(
        {"nic": {"arbitration": {"classes": [{"percent": 100}]}}, "switch.ports.vf0.credits": {"refill": 9, "max": 99}}
    )
    of_legs = config_from_mapping({"nic": {"mode": "vswitch"}, "port": {"count": 2}, "host": {"virtual_switch": {
        "bond": {"lacp": "fast", "mode": "l4_hash", "silent": ["p1"], "idle": ["p1"]}}}})  # fmt: skip
    of_pools = config_from_mapping({"switch": {"pool_filters": {}}})
    of_learning = config_from_mapping(
        {"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"learning": {}}}, "driver": {"preset": "dpdk"},
         "switch.ports.vf0.port_security": {"most": 3}}
    )  # fmt: skip
    every = (config, of_ports, of_drivers, of_classes, of_legs, of_pools, of_learning)
    resolved = {key for each in every for key in keys_within(each.resolved(), "")}
    for row in OF_ADAPTERS:
        assert any(row_of(key, (row,)) for key in resolved), row.key
    of_bridges = [key.removeprefix("bridge.") for key in resolved if key.startswith("bridge.")]
    for row in OF_BRIDGES:
        assert any(row_of(key, (row,)) for key in of_bridges), row.key
    assert steps_of.__doc__ and other.steps() == ()


LEVELS: dict[str, Any] = {
    "servers": [{"name": "a"}], "bridge": {"ports": {"a": {"s_channels": {10: {"rate": "1Gbps"}}}}},
    "switch": {"mode": "multichannel", "s_channels": {10: "veb"}, "ports": [{"name": "vf0", "s_channel": 10}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "blocks", "why"),
    [
        ("bridge.ports.a.s_channels.10.rate", "2Gbps", LEVELS, "it is how the bridge is built"),
        ("management.latency", "1us", {"management": {}}, "it is how the network is built"),
        ("agents.x.work", "1us", {"agents": {"x": {"rules": [{"when": {"every": "1ms"}, "set": {LIMIT: "2Gbps"}}]}}},
         "who decides by which rules is so from the start"),
    ],
)  # fmt: skip
def test_a_key_that_nothing_in_the_machine_follows_is_refused(
    key: str, value: str, blocks: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=re.escape(f"{key}: fixed while the machine runs (2ms): {why}")):
        config_of({"at": "2ms", "set": {key: value}}, **blocks)


def test_a_precision_is_asked_of_no_run_that_changes() -> None:
    run = {"duration": "5ms", "precision": "1%"}
    with pytest.raises(InputError, match=r"run\.precision: a run with a scenario has no steady figures"):
        config_of({"at": "2ms", "set": {LIMIT: "2Gbps"}}, run=run)


def test_a_station_may_go_whatever_the_pattern() -> None:
    """Who sends to whom is of the run's first instant: a pair may lose one of two, but none may begin so."""
    off = {"set": {"switch.ports.vf1.enabled": False}}
    (step,) = config_of({"at": "2ms", **off}).steps()
    assert not step.config.switch.ports[2].enabled
    with pytest.raises(InputError, match="pattern: pairs needs an even number of VFs in use"):
        config_of({"at": "0ms", **off})


FLOWS = {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf2", "vf3"]]}


@pytest.mark.parametrize("flows", [
    [["vf0", "vf1", "1Gbps"], ["vf2", "vf1"]], [["vf0", "vf1"], ["vf2", "vf3"]], [["vf0", "vf1", "1Gbps"]],
    [["vf0", "vf1", "1Gbps"], ["vf2", "vf3", "1Gbps"]],
])  # fmt: skip
def test_flows_that_are_others_are_refused(flows: list[list[str]]) -> None:
    with pytest.raises(InputError, match=r"workload\.flows: fixed .*: flows keep their ends, and whe"):
        config_of({"at": "2ms", "set": {"workload.flows": flows}}, workload=FLOWS)


def test_a_load_may_change_in_all_its_keys() -> None:
    external = {"rate": "1Kbps"}
    changes = {
        "workload.load": 0.4, "workload.weights": {"vf2": 3}, "workload.arrivals": "on_off",
        "workload.peak_rate": "40Gbps", "workload.mean_burst": 7, "workload.burst_length": "fixed",
        "workload.external.rate": "1Gbps",
        "workload.external.arrivals": "periodic",
        "workload.flows": [["vf0", "vf1", "2Mpps"], ["vf2", "vf3"]],
    }  # fmt: skip
    config = config_of({"at": "2ms", "set": changes}, workload={**FLOWS, "external": external})
    (step,) = config.steps()
    assert step.config.workload.flows[0].frames_per_s == 2_000_000 and step.config.workload.load.share == 0.4


def test_what_an_event_makes_of_other_keys_names_it() -> None:
    """The port to the stations outside is as fast as the first adapter's, and carries the flow until then."""
    flows = {"pattern": "flows", "flows": [["uplink", "b.vf1", "2Gbps"]]}
    system: dict[str, Any] = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}, "workload": flows}
    with pytest.raises(InputError, match=r"workload\.flows\.0: 2Gbps .* a port of 1Gbps .* \(from scenario\.0 on\)"):
        config_of({"at": "2ms", "set": {"servers.a.set.port.rate": "1Gbps"}}, **system)


def test_a_rate_that_no_gap_makes_is_refused_at_its_event() -> None:
    with pytest.raises(InputError, match=r"scenario\.0\.set\.workload\.load: vf0 would send less than one frame in"):
        config_of({"at": "2ms", "set": {"workload.load": 1e-9}}, workload={"load": "1Gbps"})


def test_events_that_an_override_names_are_found_again(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "machine.yaml").write_text("nic: {vfs: 2}")
    (tmp_path / "events.yaml").write_text("[{at: 2ms, set: {port.rate: 1Gbps}}]")
    monkeypatch.chdir(tmp_path)
    config = load_config("sub/machine.yaml", {"scenario": "events.yaml"})
    assert config.with_overrides({"nic.vfs": 4}).scenario == config.scenario != ()


def test_no_configuration_is_taken_for_a_list_of_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """rate_change is a configuration that comes with hwmodel: to name it as a scenario is never what is meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text("nic: {vfs: 2}")
    with pytest.raises(InputError) as caught:
        load_config("c.yaml", {"scenario": "rate_change"})
    assert list(caught.value.lines) == ["--set scenario=rate_change: scenario: rate_change: no such file"]
