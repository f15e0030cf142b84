"""VMs as things of their own: the record, names in place of functions' names, and a VM that is attached elsewhere.

A named VM is one with the same figures: a second reading of a result puts names in place of functions in its text.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hwmodel import simulate
from hwmodel.analytic import limits
from hwmodel.config import Config, config_from_mapping, servers_of, vms_in_use, vms_of
from hwmodel.config.check_vms import absent
from hwmodel.config.vm_entries import fill_names
from hwmodel.rules.function_names import is_pf
from tests.config_cases import complaints, load

RUN = {"warmup": "50us", "duration": "200us"}
FOUR: dict[str, Any] = {"nic": {"vfs": 4}, "run": RUN}


def vms(**names: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "at": at} for name, at in names.items()]


def made(mapping: Mapping[str, Any], **names: str) -> Config:
    return config_from_mapping({**mapping, "vms": vms(**names)} if names else mapping)


def told(config: Config) -> dict[str, Any]:
    """Return all that a result says beside its configuration and how the simulation ran."""
    result = simulate(config, counters=True)
    said = json.loads(result.to_json(include_host_run=False))
    said["summary"] = re.sub(r"configuration \w+|\nRun: .*", "", result.summary(verbose=True))
    return {key: value for key, value in said.items() if key not in ("config", "config_hash")}


def renamed(said: Any, names: Mapping[str, str]) -> Any:
    """Put names in place of functions in all texts and keys, but where a key of a function is named."""
    if isinstance(said, dict):
        return {renamed(key, names): renamed(value, names) for key, value in said.items()}
    if isinstance(said, list):
        return [renamed(value, names) for value in said]
    if not isinstance(said, str):
        return said
    by_place = {at: name.replace("_", "-") for name, at in names.items()}
    functions = "|".join(sorted(map(re.escape, by_place), key=len, reverse=True))
    place = rf"(?<![\w.])({functions})(?!\w)|(?<=\bvms\.)({functions})(?=\.\w+_)"
    return re.sub(place, lambda found: by_place[found[0]], said)


def lines_of(text: str) -> list[str]:
    """Return a summary's lines with single blanks: columns are as wide as names."""
    return [re.sub(r"[ -]+", " ", line) for line in text.splitlines()]


def check_is_renamed(mapping: Mapping[str, Any], names: Mapping[str, str]) -> None:
    plain, named = renamed(told(made(mapping)), names), told(made(mapping, **names))
    for vm in [vm for one in (named, *named.get("stages", ())) for vm in one["vms"]]:
        assert vm.pop("at", None) == names.get(vm["name"].replace("-", "_"))
    texts = [lines_of(one.pop("summary")) for one in (plain, named)]
    assert plain == named
    assert texts[0] == texts[1]


# ---- The record ----


def test_the_record_of_each_vm_by_hand():
    config = config_from_mapping({
        "nic": {"vfs": 3},
        "servers": [
            {"name": "a", "adapters": [{"name": "x"}, {"name": "y", "set": {"port.count": 2, "nic.vfs": 2}}]},
            {"name": "b", "set": {"switch.ports.vf1": {"enabled": False, "macs": ["02:00:00:00:00:77"]}}},
        ],
        "workload": {"pattern": "ring"},
        "vms": [{"name": "web", "at": "b.vf1"}, {"name": "db-1", "at": "a.y.vf1"}],
    })  # fmt: skip
    found = vms_of(servers_of(config))
    assert list(found) == [
        "a.x.pf", "a.x.vf0", "a.x.vf1", "a.x.vf2", "a.y.pf", "a.y.vf0", "db-1", "a.y.pf1", "b.pf", "b.vf0", "web",
        "b.vf2",
    ]  # fmt: skip
    assert all(vm.name == name for name, vm in found.items())
    assert {name: vm.place for name, vm in found.items() if vm.place != name} == {"web": "b.vf1", "db-1": "a.y.vf1"}
    assert [vm.at for vm in found.values()] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert [vm.function for vm in found.values()] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]
    assert [name for name, vm in found.items() if vm.is_host] == ["a.x.pf", "a.y.pf", "a.y.pf1", "b.pf"]
    assert list(vms_in_use(servers_of(config))) == [
        "a.x.vf0", "a.x.vf1", "a.x.vf2", "a.y.vf0", "db-1", "b.vf0", "b.vf2",
    ]  # fmt: skip
    assert found["db-1"].wire == "a.y.p1" and found["web"].wire == "b"
    assert found["web"].port.macs == (0x020000000077,) and found["web"].server.name == "b"
    assert found["web"].key("vlans") == "servers.b.set.switch.ports.vf1.vlans"
    assert found["db-1"].key("vlans") == "servers.a.adapters.y.set.switch.ports.vf1.vlans"


def test_what_is_called_pf_something_is_no_pf():
    """A VM's name may begin as a PF's does."""
    assert is_pf("a.x.pf1") and is_pf("pf") and not is_pf("pfsense") and not is_pf("pf4")
    found = told(made(FOUR, pfsense="vf1"))
    assert [vm["name"] for vm in found["vms"]] == ["vf0", "pfsense", "vf2", "vf3"]


def test_without_names_nothing_is_said_of_them():
    config = made(FOUR)
    assert "vms" not in config.resolved()
    assert config.config_hash() == config_from_mapping({**FOUR, "vms": []}).config_hash()


def test_names_stand_in_resolved_configurations_which_load_again():
    config = made(
        {**FOUR, "workload": {"weights": {"vf1": 2, "vf2": 3}, "load": 0.5, "pattern": "incast"}}, web="vf0", db="vf2"
    )
    resolved = config.resolved()
    assert resolved["vms"] == [{"name": "web", "at": "vf0"}, {"name": "db", "at": "vf2"}]
    assert resolved["workload"]["weights"] == {"vf1": 2.0, "db": 3.0} and resolved["workload"]["incast_to"] == "web"
    assert config_from_mapping(resolved) == config


def test_names_are_filled_in_where_vms_are_named_and_nowhere_else():
    data: dict[str, Any] = {
        "vms": vms(web="vf1"),
        "workload": {"flows": [["vf1", "vf0", "1Gbps"]], "weights": {"vf1": 2}, "external": {"to": ["vf1"]}},
        "scenario": [
            {"at": "1ms", "reset": "vf1"},
            {"when": {"of": "vf1"}, "set": {"switch.mirrors": [{"to": "vf1"}]}},
        ],
        "switch": {"mirrors": [{"to": "vf1"}]},
    }
    fill_names(data)
    assert data["workload"] == {
        "flows": [["web", "vf0", "1Gbps"]], "weights": {"web": 2}, "external": {"to": ["web"]}, "incast_to": "vf0",
    }  # fmt: skip
    assert data["scenario"] == [
        {"at": "1ms", "reset": "web"}, {"when": {"of": "web"}, "set": {"switch.mirrors": [{"to": "vf1"}]}},
    ]  # fmt: skip
    assert data["switch"] == {"mirrors": [{"to": "vf1"}]}


# ---- Figures are the same, names differ ----

EVENTS: list[dict[str, Any]] = [
    {"at": "60us", "set": {"switch.ports.vf0.rate_limit": "500Mbps"}},
    {"at": "70us", "set": {"workload.weights.vf1": 3}},
    {"at": "90us", "mailbox": {"from": "vf0", "message": "set_vlan", "vlan": 20, "add": True}},
    {"at": "95us", "pf": {"vf": "vf3", "trust": True}},
    {"when": {"vm": "vf1", "delivered": 3}, "reset": "vf3"},
    {"when": {"of": "vf2", "figure": "tx_packets", "above": 4}, "flood": {"from": "vf2", "every": "1us", "for": "5us"}},
    {"at": "150us", "unplug": "vf1"},
    {"at": "200us", "plug": "vf1"},
    {"at": "210us", "bus_master": {"of": "vf2", "on": False}},
]
AGENTS = {
    "guard": {
        "core": "vf3",
        "work": "1us",
        "rules": [
            {"when": {"of": "vf0", "figure": "delivered", "each": 2}, "set": {"switch.ports.vf0.weight": 2}},
            {"when": {"vm": "vf2", "up": False}, "send": {"to": "guard", "message": "gone"}},
        ],
    }
}
BY_HAND: dict[str, dict[str, Any]] = {
    "a pattern": FOUR,
    "flows": {**FOUR, "workload": {
        "pattern": "flows", "load": 0.3,
        "flows": [["vf0", "vf1", "2Gbps"], ["vf1", "uplink"], ["uplink", "vf3", "1Gbps"], ["vf3", "vf3", "1Mpps"]],
    }},
    "weights and frames from outside": {**FOUR, "workload": {
        "load": 0.5, "weights": {"vf0": 3, "vf2": 0}, "pattern": "uniform",
        "external": {"rate": "1Gbps", "to": ["vf0", "vf1"]},
    }},
    "events": {**FOUR, "workload": {"load": 0.5, "weights": {"vf0": 2}}, "scenario": EVENTS},
    "agents": {**FOUR, "agents": AGENTS},
    "a virtual switch": {**FOUR, "nic": {"vfs": 4, "mode": "vswitch"}, "workload": {"pattern": "ring"},
                         "host": {"virtual_switch": {"thread_cores": "own"}}},
    "pools": {**FOUR, "nic": {"vfs": 4, "mode": "vmdq"}},
    "two ports": {**FOUR, "port": {"count": 2}, "workload": {"pattern": "uniform", "wire_share": 0.3}},
    "priorities of frames that come in": {
        **FOUR, "nic": {"vfs": 4, "rx_ring": 128, "drop_enable": False, "flow_control": {"mode": "pfc"},
                        "arbitration": {"classes": [{"percent": 50}, {"percent": 50}]}},
        "switch": {"ports": [{"name": "vf1", "default_priority": 5}]}, "driver": {"frame_time": "3us"},
        "workload": {"pattern": "none", "external": {"rate": "9Gbps", "to": ["vf1", "vf2"]}},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BY_HAND)
def test_a_machine_with_named_vms_has_the_same_figures(case):
    check_is_renamed(BY_HAND[case], {"web": "vf0", "db": "vf1", "x_1": "vf3"})


def drawn_machine(seed: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Draw servers, what they send, events, and names for some of the VMs."""
    draw = random.Random(seed)
    n_vfs, hosts = draw.randint(2, 4), draw.choice([[], ["a", "b"], ["b", "a", "c"]])
    mapping: dict[str, Any] = {"nic": {"vfs": n_vfs}, "run": {**RUN, "seed": seed}}
    mapping["switch"] = {"mode": draw.choice(["veb", "veb", "vepa", "e_tag"])}
    places = [f"vf{at}" for at in range(n_vfs)]
    if hosts:
        mapping["servers"] = [{"name": name} for name in hosts]
        places = [f"{host}.{vf}" for host in hosts for vf in places]
    if hosts or draw.random() < 0.5:
        mapping["bridge"] = {"kind": "controlling"} if mapping["switch"]["mode"] == "e_tag" else {}
    pattern = draw.choice(["flows", "ring", "uniform", "incast", "broadcast"])
    workload: dict[str, Any] = {"pattern": pattern, "load": draw.choice(["saturate", 0.4, "300Mbps"])}
    if pattern == "flows":
        pairs = [draw.sample(places, 2) for _ in range(4)]
        workload["flows"] = [[*pair, draw.choice([None, "500Mbps"])] for pair in pairs]
    elif pattern == "incast":
        workload["incast_to"] = draw.choice(places)
    elif workload["load"] != "saturate":
        workload |= draw.choice([{"zipf": 1.0}, {"weights": {name: draw.randint(0, 3) for name in places[1:]}}])
    if draw.random() < 0.5:
        mapping["scenario"] = [
            {"at": "80us", "reset": draw.choice(places)},
            {
                "when": {"vm": draw.choice(places), "delivered": 2},
                "mailbox": {"from": draw.choice(places), "message": "get_queues"},
            },
        ]
    mapping["workload"] = workload
    named = draw.sample(places, draw.randint(1, len(places)))
    return mapping, {f"{draw.choice('azm')}{at}_vm": place for at, place in enumerate(named)}


@pytest.mark.parametrize("seed", range(10))
def test_drawn_machines_with_named_vms_have_the_same_figures(seed):
    check_is_renamed(*drawn_machine(seed))


def test_names_and_functions_say_the_same():
    """Where a VM has a name, either may be typed, also over the command line."""
    flows = {"pattern": "flows", "flows": [["vf0", "vf1", "2Gbps"], ["vf1", "uplink", "1Gbps"]]}
    events = [
        {"at": "60us", "reset": "vf1"},
        {"when": {"of": "vf0", "figure": "tx_packets", "above": 2}, "reset": "vf2"},
    ]
    by_function = made({**FOUR, "workload": flows, "scenario": events}, web="vf0", db="vf1")
    text = json.dumps({"workload": flows, "scenario": events}).replace('"vf0"', '"web"').replace('"vf1"', '"db"')
    assert made({**FOUR, **json.loads(text)}, web="vf0", db="vf1") == by_function
    base = made(FOUR, web="vf0", db="vf1")
    assert (
        base.with_overrides(["workload.pattern=flows", "workload.flows=[[web,db,1Gbps]]"]).workload.flows[0].target
        == "db"
    )
    weighed = base.with_overrides(["workload.load=0.5", "workload.weights.web=4"])
    assert (
        weighed.workload.weights
        == {"web": 4}
        == base.with_overrides(["workload.load=0.5", "workload.weights.vf0=4"]).workload.weights
    )


def test_the_closed_form_names_vms():
    text = limits(made({**FOUR, "workload": {"pattern": "flows", "flows": [["web", "vf1", "1Gbps"]]}}, web="vf2"))
    assert text.lone_frame is not None and (text.lone_frame.source, text.lone_frame.target) == ("web", "vf1")


# ---- Where it is attached ----


def test_what_a_vm_sends_goes_with_it_to_another_place():
    """Where `at` changes, all that is by the VM comes from there, as if the other function had been named."""
    flows = {"pattern": "flows", "flows": [["web", "vf1", "2Gbps"], ["vf3", "web", "1Mpps"]]}
    at_first, moved = (made({**FOUR, "workload": flows}, web=at) for at in ("vf0", "vf2"))
    assert at_first.with_overrides({"vms.web.at": "vf2"}) == moved
    plain = {**flows, "flows": [["vf2", "vf1", "2Gbps"], ["vf3", "vf2", "1Mpps"]]}
    assert renamed(told(made({**FOUR, "workload": plain})), {"web": "vf2"})["flows"] == told(moved)["flows"]
    (sent,) = [vm for vm in told(moved)["vms"] if vm["name"] == "web"]
    assert sent["tx_gbps"] and sent["rx_gbps"]


def test_a_vm_may_be_attached_to_another_server():
    two = {
        **FOUR,
        "servers": [{"name": "a"}, {"name": "b"}],
        "workload": {"pattern": "flows", "flows": [["web", "a.vf1", "1Gbps"]]},
    }
    near, far = (simulate(made(two, web=at)) for at in ("a.vf0", "b.vf0"))
    assert [flow.from_ for flow in near.flows] == [flow.from_ for flow in far.flows] == ["web"]
    assert near.bridges[0].forwarded_frames == 0 < far.bridges[0].forwarded_frames


# ---- What is wrong ----

TEXT = "nic: {vfs: 2}\nvms: "
WRONG: list[tuple[str, list[str]]] = [
    ("[{name: web, at: vf0}, {name: db, at: vf0}]",
     ["c.yaml:2:44: vms.db.at: db and web are both at vf0; a function has one VM"]),
    ("[{name: web, at: vf0}, {name: web, at: vf1}]",
     ["c.yaml:2:36: vms.web.name: web is the name of another VM too"]),
    ("[{name: web, at: vf7}]", ["c.yaml:2:23: vms.web.at: there is no vf7; nic.vfs is 2, vf0 to vf1"]),
    ("[{name: web, at: a.vf1}]",
     ["c.yaml:2:23: vms.web.at: there is no server a; without servers it is vf1 (did you mean vf1?)"]),
    ("[{name: web, at: pf}]", ["c.yaml:2:23: vms.web.at: pf belongs to the host; a VM is attached to a VF"]),
    *((f"[{{name: {name}, at: vf1}}]",
       [f"c.yaml:2:14: vms.{name}.name: '{name}' is not the name of a VM; letters, digits, - and _, a letter first, 32 "
        "at most, and no name that a function or port could have, nor one with a meaning of its own"])
      for name in ("vf7", "uplink", "a.web", "VM_3", "port1", "P1", "broadcast", "pf2", "1st", "a" * 33)),
    ("[{name: web, at: db}]",
     ["c.yaml:2:23: vms.web.at: 'db' is not the name of a port here; pf, vf0, vf1 and so on, with servers a.vf0"]),
    ("[{name: web}]", ["c.yaml:2:7: vms.web.at: this key is missing"]),
    ("[{name: web, at: vf0}]\nworkload: {pattern: flows, flows: [[weeb, vf1]]}",
     ["c.yaml:3:37: workload.flows.0.0: there is no VM weeb (did you mean web?)"]),
    ("[]\nworkload: {load: 0.5, weights: {shop: 2}}",
     ["c.yaml:3:39: workload.weights.shop: there is no VM shop; `vms` gives VMs names of their own, others have those "
      "of their functions"]),
    ("[{name: web, at: vf0}]\nworkload: {load: 0.5, weights: {vf0: 2, web: 1}}",
     ["c.yaml:3:38: workload.weights.vf0: vf0 is called web, which has a weight here too"]),
    ("[{name: web, at: vf0}]\nscenario: [{at: 1ms, reset: wep}]",
     ["c.yaml:3:29: scenario.0.reset: no function is called 'wep' (did you mean web?)"]),
    ("[{name: web, at: vf0}]\nscenario: [{at: 1ms, mailbox: {from: wep, message: get_queues}}]",
     ["c.yaml:3:32: scenario.0.mailbox.from: there is no wep (did you mean web?)"]),
    ("[{name: web, at: vf0}]\nscenario: [{when: {of: wep, figure: delivered, above: 1}, reset: vf1}]",
     ["c.yaml:3:24: scenario.0.when.of: there is no wep (did you mean web?)"]),
    ("[{name: web, at: vf0}]\nagents: {one: {core: wep, work: 1us, rules: []}}",
     ["c.yaml:3:22: agents.one.core: there is no wep at its server (did you mean web?)"]),
    ("[{name: web, at: vf0}]\nscenario: [{at: 1ms, set: {vms.web.at: vf1}}]",
     ["c.yaml:3:28: scenario.0.set.vms.web.at: fixed while the machine runs (1ms): who is attached where is so from "
      "the start"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), WRONG)
def test_what_is_wrong_is_said_at_its_place(text, lines):
    assert complaints(TEXT + text) == lines


def test_a_vm_has_no_name_of_a_server_or_bridge():
    bridges = "bridges: [{name: rack, ports: {web: {}, t: {to: left.t}}}, {name: left, ports: {b: {}, t: {}}}]"
    text = f"servers: [{{name: web}}, {{name: b}}]\n{bridges}\nvms: "
    assert complaints(text + "[{name: web, at: web.vf0}, {name: rack, at: b.vf0}]") == [
        "c.yaml:3:14: vms.web.name: web is the name of a server too",
        "c.yaml:3:40: vms.rack.name: rack is the name of a bridge too",
    ]
    assert load(text + "[{name: shop, at: web.vf0}]").place_of("shop") == "web.vf0"


def test_what_there_is_in_place_of_an_absent_function():
    (server,) = servers_of(made(FOUR, web="vf0"))
    assert absent("vf9", server) == "there is no vf9; nic.vfs is 4, vf0 to vf3"


def test_names_are_drawn_with_and_without_servers():
    """The drawn machines are not all of one kind, or the test above would say little."""

    def kinds() -> Iterator[tuple[int, str]]:
        for seed in range(10):
            mapping, names = drawn_machine(seed)
            assert names
            yield len(mapping.get("servers", [])), mapping["workload"]["pattern"]

    assert {n for n, _ in kinds()} == {0, 2, 3} and len({pattern for _, pattern in kinds()}) >= 4
