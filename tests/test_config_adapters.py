"""Several adapters in one server: what each is and is called, what they share, and what is wrong with them."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, defaults_beside, servers_of, vms_in_use
from hwmodel.config.names import is_part_name
from hwmodel.config.servers import AdapterEntry
from hwmodel.rules.capacities import MAX_SERVERS
from tests.config_cases import complaints, load

TWO = "nic: {vfs: 2}\nservers:\n- {name: a, adapters: [{name: x}, {name: y}]}\n- {name: b}\n"
UNLIKE = (
    "nic: {vfs: 2}\npcie: {tags: 8}\nservers:\n- name: a\n  set: {host.read_latency: 300ns, pcie.tags: 16}\n"
    "  adapters: [{name: x}, {name: y, set: {pcie.lanes: 4, nic: {vfs: 3}}}]\n- {name: b}\n"
    "workload: {pattern: uniform, load: 0.3}\n"
)


def parts(config):
    return {server.name: server.config for server in servers_of(config)}


def test_each_adapter_is_what_the_server_is_changed_by_its_own_set():
    found = parts(load(UNLIKE))
    assert list(found) == ["a.x", "a.y", "b"]
    assert [(one.pcie.lanes, one.pcie.tags, one.nic.vfs) for one in found.values()] == [
        (8, 16, 2),
        (4, 16, 3),
        (8, 8, 2),
    ]
    assert [one.host.read_latency_fs // 10**6 for one in found.values()] == [300, 300, 450]


def test_adapters_of_a_server_share_its_cores_one_for_each_vm():
    assert [one.host.cores for one in parts(load(UNLIKE)).values()] == [5, 5, 2]
    assert [one.host.cores for one in parts(load(UNLIKE, ["servers.a.set.host.cores=7"])).values()] == [7, 7, 2]


def test_names_and_places():
    first, second, third = servers_of(load(TWO))
    assert (first.wires, first.host, first.station("vf1"), third.host) == (("a.x",), "a", "a.x.vf1", "b")
    assert second.key("pcie.lanes") == "servers.a.adapters.y.set.pcie.lanes"
    assert second.key("host.cores") == "servers.a.set.host.cores" and third.key("nic.vfs") == "servers.b.set.nic.vfs"
    assert list(vms_in_use([first, third])) == ["a.x.vf0", "a.x.vf1", "b.vf0", "b.vf1"]
    config = load(TWO)
    assert list(config.bridge.ports) == ["a.x", "a.y", "b", "outside"]
    assert config.workload.incast_to == "a.x.vf0"
    macs = [mac for one in parts(config).values() for port in one.switch.ports for mac in port.macs]
    assert len(set(macs)) == len(macs) == 9
    assert [is_part_name(text) for text in ("a", "a.x", "a.x.y", "a.", "vf0", "a.vf0", "outside.x")] == [
        True, True, False, False, False, False, False
    ]  # fmt: skip


def test_one_server_alone_has_a_bridge():
    assert list(load("servers: [{name: a, adapters: [{name: x}, {name: y}]}]").bridge.ports) == [
        "a.x",
        "a.y",
        "outside",
    ]
    (only,) = servers_of(load("servers: [{name: a, adapters: [{name: x}]}]"))
    assert only.name == "a.x"
    assert list(load("servers: [{name: a, adapters: [{name: x}]}]").bridge.ports) == ["a.x", "outside"]


def test_longer_names_hold_wherever_one_stands():
    config = load(
        TWO + "bridge: {policy: [{port: a.y.vf0, action: deny}], ports: {a.x: {vlans: [1, 2]}}}\n"
        "workload: {pattern: flows, flows: [[a.x.vf0, a.y.vf1, 1Gbps], [b.vf0, a.x.vf1, 1Gbps]]}",
        ["bridge.ports.a.y.native_vlan=7", "servers.a.adapters.y.set.pcie.lanes=2"],
    )
    assert (config.bridge.ports["a.x"].vlans, config.bridge.ports["a.y"].native_vlan) == ((1, 2), 7)
    assert parts(config)["a.y"].pcie.lanes == 2
    weights = load(
        TWO, ["workload.pattern=uniform", "workload.load=0.8", "workload.weights.a.x.vf0=3"]
    ).workload.weights
    assert weights == {"a.x.vf0": 3}


@pytest.mark.parametrize("text", [TWO, UNLIKE])
def test_the_resolved_form_is_the_same_system(text):
    config = load(text)
    again = config_from_mapping(config.resolved())
    assert again == config and again.config_hash() == config.config_hash()
    assert servers_of(again) == servers_of(config)
    entry = config.resolved()["servers"][0]
    assert all(key.startswith("host.") for key in entry["set"])
    assert not any(key.startswith("host") for adapter in entry["adapters"] for key in adapter["set"])
    assert "adapters" not in config.resolved()["servers"][1]


def test_what_is_compared_with_has_the_same_adapters():
    assert defaults_beside(load(TWO, ["servers.a.adapters.y.set.pcie.lanes=1"]).resolved()) == load(TWO).resolved()


REFUSED = [
    ("servers: [{name: a, adapters: [{name: x}, {name: x}]}]",
     ["c.yaml:1:50: servers.a.adapters.x.name: server a has an adapter x already"]),
    ("servers: [{name: a, adapters: [{name: x.y}]}]",
     ["c.yaml:1:39: servers.a.adapters.x.y.name: 'x.y' is not the name of an adapter; letters, digits, - and _, a "
      "letter first, 32 at most"]),
    ("servers: [{name: a, adapters: [{name: x, set: {host.cores: 4}}]}]",
     ["c.yaml:1:48: servers.a.adapters.x.set.host.cores: host is that of the server, for all its adapters; an adapter "
      "has its own pcie, nic, driver, switch, port"]),
    ("servers: [{name: a, set: {run.seed: 4}, adapters: [{name: x}, {name: y}]}]",
     ["c.yaml:1:27: servers.a.set.run.seed: run is that of the whole system; a server has its own pcie, host, nic, "
      "driver, switch, port"]),
    ("servers: [{name: a, adapters: [{name: x, set: {pcie.lanes: 3}}]}]",
     ["c.yaml:1:60: servers.a.adapters.x.set.pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"]),
    ("nic: {vfs: 2}\nservers: [{name: a, set: {host.cores: 3}, adapters: [{name: x}, {name: y}]}]",
     ["c.yaml:2:39: servers.a.set.host.cores: 3 cores for the 4 VMs of all adapters of a; where a server has several "
      "adapters, each VM needs a core of its own"]),
    (TWO + "workload: {incast_to: a.vf0}",
     ["c.yaml:5:23: workload.incast_to: a has adapters, and each has a vf0 of its own (did you mean a.x.vf0?)"]),
    (TWO + "workload: {incast_to: a.y.vf2}",
     ["c.yaml:5:23: workload.incast_to: there is no a.y.vf2; nic.vfs of a.y is 2, a.y.vf0 to a.y.vf1"]),
    (TWO + "bridge: {ports: {a: {}}}",
     ["c.yaml:5:21: bridge.ports.a: no server is at this port, its wire has one end (did you mean a.y?)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), REFUSED)
def test_what_is_wrong_with_adapters_is_said_at_its_place(text, lines):
    assert complaints(text) == lines


def test_adapters_count_as_servers_do():
    adapters = [{"name": f"x{number}"} for number in range(MAX_SERVERS)]
    many = "servers: " + str([{"name": "a", "adapters": adapters}, {"name": "b"}])
    assert complaints(many) == [f"c.yaml:1:10: servers: {MAX_SERVERS + 1} servers are more than the {MAX_SERVERS} that "
                                "there is room for"]  # fmt: skip
    assert AdapterEntry.model_validate({"name": "x"}).changes == {}
