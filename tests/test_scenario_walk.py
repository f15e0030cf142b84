"""The configurations that a scenario goes through cost what its events touch, and are those of a whole examination."""

from __future__ import annotations

import cProfile
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hwmodel.config import (
    Config,
    Server,
    build,
    build_changed,
    check_device_limits,
    config_from_mapping,
    live_configuration,
    load_config,
    operable,
    scenario_steps,
    servers_of,
)
from hwmodel.config.build import examine
from hwmodel.config.in_operation import differing, fixed_keys
from hwmodel.config.kinds import Block
from hwmodel.config.switch import Port, Switch
from hwmodel.config.workload import Workload
from hwmodel.errors import InputError
from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.simulation import simulate
from tests.config_cases import SHIPPED

RUN = {"duration": "20ms", "warmup": "1ms"}
TREE = {"switches": [{"name": "s1"}], "slots": {"x": {"behind": "s1", "lanes": 2}, "y": {"behind": "s1"}}}
PAIR = [{"name": "a"}, {"name": "b", "set": {"nic.vfs": 3, "switch.ports.vf0.rate_limit": "200Mbps"}}]
# Systems with the stations whose keys their events set, and keys of the whole that these may set too.
SYSTEMS: Mapping[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "alone": ({"nic": {"vfs": 4}, "switch": {"ports": [{"name": "all", "weight": 3}]}}, "", ()),
    "two ports": ({"nic": {"vfs": 4}, "port": {"count": 2}, "workload": {"pattern": "pairs"}}, "", ()),
    "of the 82599": ({"nic": {"preset": "82599", "vfs": 4}}, "", ()),
    "classes": ({"nic": {"vfs": 2, "arbitration": {"classes": [{"percent": 60}, {"percent": 40}]}}}, "", ()),
    "limits": ({"nic": {"vfs": 2}, "switch": {"ports": [{"name": "all", "receive_limit": "3Gbps"}]}}, "", ()),
    "own drivers": ({"nic": {"vfs": 2}, "driver": {"refill": True, "vms": {"vf1": {"refill": False}}}}, "", ()),
    "servers": ({
        "nic": {"vfs": 2}, "servers": PAIR, "workload": {"pattern": "ring", "load": "200Mbps"},
    }, "ab", ("bridge",)),
    "adapters": ({
        "nic": {"vfs": 2}, "servers": [PAIR[0], {"name": "b", "adapters": [
            {"name": "x", "set": {"switch.ports.vf0.rate_limit": "300Mbps"}}, {"name": "y"}], "tree": TREE}],
    }, "ab", ("bridge",)),
    "joined": ({
        "nic": {"vfs": 2}, "servers": PAIR, "workload": {"pattern": "ring"}, "bridges": [
            {"name": "left", "ports": {"a": {}, "trunk": {"to": "right.trunk"}}},
            {"name": "right", "ports": {"b": {}, "trunk": {}}}],
    }, "ab", ("bridges.left",)),
    "multi-root": ({
        "nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}], "multi_root": {},
    }, "ab", ("multi_root.hosts.a.weight",)),
    "tagged": ({
        "nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}], "switch": {"mode": "vn_tag"},
        "bridge": {"kind": "controlling", "extenders": {"e": {}}, "ports": {name: {"behind": "e"} for name in "ab"}},
    }, "ab", ("bridge",)),
}  # fmt: skip
# Values of stations' keys: good ones, then such as are wrong, or wrong with others.
OF_STATIONS = {
    "rate_limit": ["100Mbps", "250Mbps", None, "1Gbps", "7", True],
    "min_rate": ["50Mbps", "900Mbps", None, "9Gbps"],
    "weight": [1, 2, 7, True, 1.0, "two"],
    "receive_limit": ["1Gbps", None, "2Gbps", 3],
    "receive_burst": ["64KiB", "128KiB", "64B", 5],
    "loopback": [True, False, 1],
    "trusted": [True, False, "yes"],
    "promiscuous": [True, False],
    "spoof_check": [True, False],
    "vlan_spoof_check": [True, False, 0],
    "port_vlan": [1, 5, 4000, 0],
    "vlans": [[1], [1, 5], []],
    "macs": [["02:00:00:00:99:01"], ["02:00:00:00:00:02"]],
    "enabled": [True, False],
    "accept": [["broadcast"], ["broadcast", "multicast"]],
    "max_frame": ["2KiB"],
    "default_priority": [0, 3],
}
OF_ADAPTERS = {
    "port.rate": ["1Gbps", "10Gbps", "3Gbps"],
    "pcie.lanes": [2, 4],
    "pcie.max_read_request": ["512B", "128B", "100B"],
    "nic.drop_enable": [True, False],
    "driver.refill": [True, False],
    "driver.vms.vf1.refill": [True, False],
    "nic.vfs": [3],
    "switch.uplink.native_vlan": [1, 7, None],
    "switch.mirrors": [[{"from": "vf0", "to": "vf1"}], [], [{"from": "vf9", "to": "vf1"}]],
    "switch.acl": [[{"action": "deny", "port": "vf0"}], []],
    "switch.addresses": [[{"mac": "02:00:00:00:77:01", "vlan": 1, "ports": ["vf0"]}]],
    "switch.ports.all.rate_limit": ["400Mbps"],
    "switch.ports.vf77.rate_limit": ["400Mbps"],
    "switch.ports.1.rate_limit": ["400Mbps"],
}
OF_SYSTEMS = {
    "workload.load": ["100Mbps", 0.3, "saturate", "x"],
    "workload.arrivals": ["poisson", "constant"],
    "workload.frame_bytes": [1000],
    "bridge.latency": ["1us", "2us"],
    "bridge.ports.a.rate": ["1Gbps", "10Gbps"],
    "bridge.ports.a.hairpin": [True, False],
    "bridges.left.latency": ["1us"],
    "multi_root.hosts.a.weight": [2, 3],
    "servers.b.tree.slots.x.lanes": [2, 4],
    "servers.b.name": ["b", "c"],
}


def events_of(draw: random.Random, name: str) -> list[dict[str, Any]]:
    """Draw some events that set keys, most of them good ones, and some that ask drivers."""
    mapping, hosts, beside = SYSTEMS[name]
    prefixes = [f"servers.{host}.set." for host in hosts] or [""]
    if name == "adapters":
        prefixes[1:] = ["servers.b.adapters.x.set.", "servers.b.adapters.y.set.", "servers.b.set."]
    tolerance = draw.choice((1, 2, 2, 9))  # up to which value of a key: the first ones are good
    events = []
    for at in range(draw.randint(2, 9)):
        changes: dict[str, Any] = {}
        for _ in range(draw.choice((0, 1, 1, 1, 1, 2, 3))):
            kind = draw.random()
            if kind < 0.7:
                key = draw.choice(list(OF_STATIONS)[: 8 if draw.random() < 0.6 else None])
                values, path = OF_STATIONS[key], f"switch.ports.vf{draw.randint(0, 1)}.{key}"
            elif kind < 0.85 or not beside:
                path, values = draw.choice(list(OF_ADAPTERS.items())[: 6 if tolerance < 9 else None])
            else:
                path, values = draw.choice(
                    [each for each in OF_SYSTEMS.items() if each[0].startswith(("workload", "servers.b", *beside))]
                )
            of_system = path.startswith(("workload", "bridge", "multi_root", "servers")) or draw.random() < 0.05
            changes[("" if of_system else draw.choice(prefixes)) + path] = draw.choice(values[:tolerance])
        time = "0ns" if at == 0 and draw.random() < 0.2 else f"{2 + draw.randint(0, 8)}ms"
        events.append({"at": time, "set": changes})
    if draw.random() < 0.3 and not mapping["nic"].get("arbitration") and "pcie" not in mapping:
        vf = {"": "vf0", "ab": "a.vf0"}[hosts]
        events.append({"at": "3ms", "mailbox": {"from": vf, "message": "set_promisc", "mode": "multi"}})
        events.append({"at": "4ms", "pf": {"vf": vf, "trust": True}})
        events.append({"at": "5ms", "pf": {"vf": vf, "max_tx_rate": "150Mbps"}})
    return events


def dumped_differences(old: Any, new: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys in which two dumps differ: the slow way, of everything."""
    if old == new:
        return
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        old, new = ({one.get("name", at) if isinstance(one, dict) else at: one for at, one in enumerate(each)}
                    for each in (old, new))  # fmt: skip
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from dumped_differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix


def servers_anew(config: Config) -> tuple[Server, ...]:
    """Return what the entries of `servers` say, each validated anew."""
    return servers_of(config.model_copy(update={"servers": tuple(list(config.servers))}))


def outcome(mapping: dict[str, Any]) -> Any:
    """Return the steps of a scenario with what a run asks of each, or the lines of what is wrong with it."""
    try:
        config = config_from_mapping(mapping)
        drivers = PfDrivers(config)
        steps = [(step.at_fs, step.event, step.config) for step in config.steps(drivers)]
    except InputError as error:
        return error.lines
    asked = [answer for event in range(len(config.scenario)) for answer in drivers.answers(event)]
    return config, steps, asked


def of_whole_examinations(patch: pytest.MonkeyPatch) -> None:
    """Let each event be followed by a whole examination, of which nothing is kept."""

    def examined(document: Any, directory: str, _before: Any, _keys: Any, *, is_running: bool) -> Any:
        return examine(document.copied(), directory, is_running=is_running)

    for module in (scenario_steps, live_configuration):
        patch.setattr(module, "examine_changed", examined)


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_step_is_what_a_whole_examination_makes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts, draw, n_sound, n_wrong = SYSTEMS[name][1], random.Random(name), 0, 0
    n_kept = n_untouched = 0
    for _ in range(40):
        mapping = {"run": RUN, **SYSTEMS[name][0], "scenario": events_of(draw, name)}
        now = outcome(mapping)
        with monkeypatch.context() as patch:
            of_whole_examinations(patch)
            then = outcome(mapping)
        assert now == then, mapping["scenario"]
        if isinstance(now, list):
            n_wrong += 1
            continue
        n_sound += 1
        befores = [now[0].model_copy(update={"scenario": ()}), *(config for _, _, config in now[1])]
        for before, (_, at, config), (_, _, whole) in zip(befores, now[1], then[1], strict=False):
            assert config.model_dump_json() == whole.model_dump_json()
            assert servers_of(config) == servers_anew(config)
            dumps = (each.model_dump(mode="json", by_alias=True) for each in (before, config))
            assert differing(before, config) == list(dumped_differences(*dumps))
            assert fixed_keys(before, config) == []
            keys = mapping["scenario"][at].get("set", {"": None})
            if hosts and all(key.startswith(("bridge", "multi_root")) or ".set." in key for key in keys):
                touched = {key.split(".")[1] for key in keys if key.startswith("servers.")}
                pairs = zip(servers_of(before), servers_of(config), strict=True)
                n_kept += sum(old.config is new.config for old, new in pairs if old.host not in touched)
                n_untouched += sum(server.host not in touched for server in servers_of(config))
    assert n_kept == n_untouched and (n_kept > 5 or not hosts)
    assert n_sound > 4 and n_wrong > 4, (n_sound, n_wrong)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_servers_are_what_their_entries_say(path: Path) -> None:
    """Those that a configuration was made of, whatever of the whole has another value since."""
    config = load_config(path)
    for one in (config, config.model_copy(update={"run": config.run.model_copy(update={"seed": 7}), "scenario": ()})):
        assert servers_of(one) == servers_anew(one)


@pytest.mark.parametrize(
    ("common", "own"),
    [
        ({"driver": {"vms": {"vf0": {"refill": False}}}}, {"driver.vms.vf0": None}),
        ({"switch": {"ports": [{"name": "vf0", "receive_limit": "1Gbps"}]}}, {"switch.ports.vf0.receive_limit": None}),
        ({}, {"switch.ports.vf0.receive_burst": "1MiB"}),
        ({"workload": {"pattern": "ring", "segment_bytes": "16KiB"}}, {"nic.rsc": {}}),
        ({"nic": {"vfs": 2, "preset": None}, "pcie": {"bus": {"kind": "pci_x", "clock_mhz": 133}}}, {"nic.vfs": 4}),
    ],
)
def test_servers_are_what_an_entry_can_say(common: dict[str, Any], own: dict[str, Any]) -> None:
    """A server may have what no key says of it, which is then nothing: a bucket without a limit, lanes of a bus."""
    config = config_from_mapping({"nic": {"vfs": 2}, **common, "servers": [{"name": "a"}, {"name": "b", "set": own}]})
    assert servers_of(config) == servers_anew(config)
    again = config_from_mapping(config.resolved())
    assert again == config and servers_of(again) == servers_of(config)


def test_a_station_that_a_server_has_not_is_told_in_one_line() -> None:
    events = [{"at": "2ms", "set": {"servers.b.set.switch.ports.vf7.rate_limit": "1Gbps"}}]
    with pytest.raises(InputError) as caught:
        config_from_mapping({"run": RUN, **SYSTEMS["servers"][0], "scenario": events})
    (line,) = caught.value.lines
    assert "vf7" in line and "scenario.0" in line


def names_of(check: Any) -> set[str]:
    """Return the name of a check; of one of limits on some keys those of the limits."""
    if not isinstance(check, partial):
        return {check.__name__}
    return {one.keys for one in check_device_limits.LIMITS if {*one.keys.split(", ")} & {*check.keywords["among"]}}


def test_no_other_check_reads_the_keys_that_few_are_said_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all shipped configurations and the systems above; a key that a new check reads has to be in its row."""
    readers: dict[str, set[str]] = {}
    under_way = [""]
    blocks = {Port: "", Switch: "switch.", Workload: "workload."}
    get, dump = Block.__getattribute__, Config.model_dump

    def noted(block: Block, name: str) -> Any:
        if under_way[-1] and type(block) in blocks:
            readers.setdefault(blocks[type(block)] + name, set()).add(under_way[-1])
        return get(block, name)

    def watched(call: Any, name: str) -> Any:
        def watch(*given: Any, **named: Any) -> Any:
            under_way.append(name)
            try:
                return call(*given, **named)
            finally:
                under_way.pop()

        return watch

    monkeypatch.setattr(Block, "__getattribute__", noted)
    monkeypatch.setattr(Config, "model_dump", watched(dump, ""))  # which reads all, and leaves out what is not shown
    # Of what devices limit, each row is a check by itself; a copy of a switch for one of its ports reads none of it.
    rows = [replace(limit, find=watched(lambda config, limit=limit: iter([*limit.find(config)]), limit.keys))
            for limit in check_device_limits.LIMITS]  # fmt: skip
    monkeypatch.setattr(check_device_limits, "LIMITS", rows)
    check_device_limits._limits_of.cache_clear()
    monkeypatch.setattr(Switch, "at_port", watched(Switch.at_port, ""))
    for among in ("OF_PARTS", "SYSTEM_CHECKS"):
        checks = {check: watched(check, check.__name__) for check in getattr(build, among)}
        monkeypatch.setattr(build, among, tuple(checks.values()))
    monkeypatch.setattr(build, "_OF_SOUND", ())
    for path in SHIPPED:
        load_config(path)
    for mapping, _, _ in SYSTEMS.values():
        config_from_mapping({"run": RUN, **mapping})
    check_device_limits._limits_of.cache_clear()
    assert {"check_servers", "check_macs"} <= readers["macs"]
    attributes = {
        f"{block}{field.alias or name}": f"{block}{name}"
        for of, block in blocks.items()
        for name, field in of.model_fields.items()
    }
    said = {
        row.key.removeprefix("switch.ports.*."): {name for check in row.checks for name in names_of(check)}
        for row in (*operable.OF_ADAPTERS, *operable.OF_WORKLOADS)
        if row.checks is not None
    }
    assert not {key: more for key in said if (more := readers.get(attributes[key], set()) - said[key])}


SET_MOST = (
    lambda k: {f"switch.ports.vf{k % 4}.rate_limit": f"{100 + k % 97}Mbps"},
    lambda k: {f"switch.ports.vf{k % 4}.port_vlan": 1 + k % 3},
    lambda k: {f"switch.ports.vf{k % 4}.vlans": [1, 2 + k % 30]},
    lambda k: {f"switch.ports.vf{k % 4}.macs": [f"02:00:00:00:{1 + k % 4:02x}:{k % 200:02x}"]},
    lambda k: {"switch.acl": [{"vlan": 2 + k % 50, "action": "deny"}]},
    lambda k: {"workload.load": f"{300 + k % 50}Mbps"},
)


def test_keys_whose_readers_are_known_need_no_whole_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = {"nic": {"vfs": 4}, "workload": {"load": "500Mbps"}, "run": RUN}
    events = [{"at": "2ms", "set": set_by(at)} for at, set_by in enumerate(SET_MOST)]
    for name in ("examine", "made_of"):
        monkeypatch.setattr(build_changed, name, lambda *_, **__: pytest.fail("all is examined"))
    config_from_mapping({**mapping, "scenario": events})
    with pytest.raises(pytest.fail.Exception, match="all is examined"):
        config_from_mapping({**mapping, "scenario": [{"at": "2ms", "set": {"port.rate": "1Gbps"}}]})


MOST_CALLS = {"load": 2500, "run": 2000}  # of Python's functions, for an event; whole examinations take thrice as many


def calls_of(n_events: int) -> dict[str, int]:
    """Return how many calls of Python's functions it takes to load, and to run, so many events of many kinds."""
    events = [
        {"at": f"{30 + 200 * k / n_events:.3f}us", "set": SET_MOST[k % len(SET_MOST)](k)} for k in range(n_events)
    ]
    mapping = {"nic": {"vfs": 4}, "workload": {"load": "500Mbps"}, "run": {"duration": "200us", "warmup": "30us"}}
    found, profile = {}, cProfile.Profile()
    config = profile.runcall(config_from_mapping, {**mapping, "scenario": events})
    found["load"] = sum(one.callcount for one in profile.getstats())
    profile = cProfile.Profile()
    profile.runcall(simulate, config)
    found["run"] = sum(one.callcount for one in profile.getstats())
    return found


def test_an_event_costs_as_many_calls_as_what_it_touches() -> None:
    calls_of(6)  # what is made once, and the kernels
    few, many = calls_of(60), calls_of(180)
    assert {name: n for name, most in MOST_CALLS.items() if (n := (many[name] - few[name]) / 120) > most} == {}
