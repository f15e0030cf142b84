"""Several servers: what each is, what they are called, and how the resolved form says in what they differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config import Config, config_from_mapping, defaults_beside, port_rate_bps, servers_of, vms_in_use, vms_of
from hwmodel.config.servers import ServerEntry
from hwmodel.config.system import outside_rate_bps, split_servers
from hwmodel.rules.capacities import MAX_SERVERS
from hwmodel.wire.ethernet import format_mac
from hwmodel.workload import build_workload
from tests.config_cases import CONFIGS, complaints, load

TWO = "nic: {vfs: 2}\nservers: [{name: a}, {name: b}]\n"


def named(config: Config) -> dict[str, Config]:
    return {server.name: server.config for server in servers_of(config)}


def macs(config: Config) -> list[str]:
    return [format_mac(mac) for port in config.switch.ports for mac in port.macs]


def test_without_servers_there_is_one_without_a_name():
    config = load("nic: {vfs: 2}\nbridge: {}")
    (server,) = servers_of(config)
    assert (server.name, server.wires, server.station("vf1")) == ("", ("adapter",), "vf1")
    assert server.config == load("nic: {vfs: 2}")
    assert list(vms_in_use([server])) == ["vf0", "vf1"]
    assert "servers" not in config.resolved()


def test_each_server_is_what_the_file_says_changed_by_its_set():
    servers = named(load(
        "nic: {vfs: 2}\npcie: {lanes: 4, tags: 16}\n"
        "servers: [{name: a}, {name: b, set: {pcie.lanes: 8, nic: {vfs: 4}, switch.mode: vepa}}]"
    ))  # fmt: skip
    assert list(servers) == ["a", "b"]
    assert [(one.pcie.lanes, one.pcie.tags) for one in servers.values()] == [(4, 16), (8, 16)]
    assert [one.host.cores for one in servers.values()] == [2, 4]
    assert [one.switch.mode for one in servers.values()] == ["veb", "vepa"]
    assert [len(one.switch.ports) for one in servers.values()] == [3, 5]
    assert all(one.servers == () and one.bridge is None for one in servers.values())


def test_a_server_has_its_devices_values_and_limits():
    text = "nic: {vfs: 6}\nservers: [{name: a}, {name: b, set: {nic.preset: XL710, driver.preset: dpdk}}]"
    servers = named(load(text))
    alone = config_from_mapping({"nic": {"vfs": 6, "preset": "XL710"}, "driver": {"preset": "dpdk"}})
    for block in ("pcie", "host", "nic", "driver", "port"):
        assert getattr(servers["b"], block) == getattr(alone, block), block
    assert servers["a"].port.rate_bps == 10**10
    config = load(text)
    assert [port.rate_bps for port in config.bridge.ports.values()] == [10**10, 4 * 10**10, 10**10]
    assert port_rate_bps(servers_of(config)) == 5 * 10**10
    assert outside_rate_bps(config) == 10**10


def test_each_servers_stations_have_addresses_of_their_own():
    servers = named(load("nic: {vfs: 2}\nservers: [{name: a}, {name: b}, {name: c}]"))
    assert [macs(one) for one in servers.values()] == [
        [f"02:00:00:{s:02x}:00:0{n}" for n in (1, 2, 3)] for s in range(3)
    ]
    assert macs(servers["a"]) == macs(config_from_mapping({"nic": {"vfs": 2}}))


def test_the_entry_all_of_a_set_holds_for_that_server():
    text = "nic: {vfs: 2}\nswitch: {ports: [{name: all, weight: 2}, {name: vf0, weight: 3}]}\nservers: [{name: a}, "
    servers = named(load(text + "{name: b, set: {switch.ports.all.weight: 5, switch.ports.vf1.weight: 7}}]"))
    assert [[port.weight for port in one.switch.ports] for one in servers.values()] == [[2, 3, 2], [5, 3, 7]]


def test_stations_are_in_the_order_of_servers_then_ports():
    servers = "servers: [{name: z}, {name: a, set: {switch.ports.vf0.enabled: false}}]\n"
    config = load(f"nic: {{vfs: 2}}\n{servers}workload: {{pattern: ring}}")
    assert list(vms_in_use(servers_of(config))) == ["z.vf0", "z.vf1", "a.vf1"]


def test_the_law_of_zipf_goes_by_servers_then_ports():
    config = load("nic: {vfs: 2}\nservers: [{name: z}, {name: a}]\nworkload: {load: 0.5, zipf: 1}")
    vms = list(vms_of(servers_of(config)))
    assert vms == ["z.pf", "z.vf0", "z.vf1", "a.pf", "a.vf0", "a.vf1"]
    shares = config.workload.shares_of(["a.vf0", "z.vf1", "a.vf1", "z.vf0"], vms)
    assert list(shares) == ["z.vf0", "z.vf1", "a.vf0", "a.vf1"]
    rates = {source.port: source.frames_per_s for source in build_workload(config).sources}
    assert [rates["z.vf0"] / rates[name] for name in vms if name in rates] == pytest.approx([1, 2, 3, 4])
    assert [float(share / shares["z.vf0"]) for share in shares.values()] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


def test_the_workload_and_the_run_are_those_of_all():
    config = load(TWO + "workload: {pattern: incast}\nrun: {seed: 5}")
    assert config.workload.incast_to == "a.vf0"
    assert [(one.workload, one.run) for one in named(config).values()] == [(config.workload, config.run)] * 2
    weighted = load(TWO + "workload: {load: 0.5, weights: {a.vf0: 4, b.vf1: 0}, external: {rate: 1Gbps, to: [b.vf1]}}")
    assert weighted.workload.weights == {"a.vf0": 4, "b.vf1": 0}
    assert weighted.workload.external.to == ("b.vf1",)


def test_a_capture_goes_with_several_servers():
    capture = CONFIGS / "example.pcap"
    assert load(f"servers: [{{name: a}}, {{name: b}}]\nworkload: {{pcap: {capture}}}").workload.pcap == capture


OVERRIDDEN = [
    (["servers=[{name: a}, {name: b}]"], {"a": 8, "b": 8}),
    (["servers=[{name: a}, {name: b, set: {pcie.lanes: 1}}]", "pcie.lanes=2"], {"a": 2, "b": 1}),
    (["servers=[{name: a}, {name: b}]", "servers.b.set.pcie.lanes=2"], {"a": 8, "b": 2}),
    (["servers=[{name: a}]", "servers={a: {set: {pcie: {lanes: 4}}}}"], {"a": 4}),
]


@pytest.mark.parametrize(("overrides", "lanes"), OVERRIDDEN)
def test_servers_from_the_command_line(overrides, lanes):
    assert {name: one.pcie.lanes for name, one in named(load("{}", overrides)).items()} == lanes


@pytest.mark.parametrize("form", ["pcie.lanes: 4", "pcie: {lanes: 4}", "pcie: {tags: 16}, pcie.lanes: 4"])
def test_the_command_line_wins_over_a_set_in_any_form(form):
    text = f"servers: [{{name: a, set: {{{form}}}}}]"
    assert named(load(text, ["servers.a.set.pcie.lanes=2"]))["a"].pcie.lanes == 2
    assert named(load(text, {"servers": {"a": {"set": {"pcie.lanes": 2}}}}))["a"].pcie.lanes == 2


def test_null_in_a_set_goes_back_to_the_defaults():
    servers = named(load("host: {cores: 3, iotlb: {entries: 64, miss: 1ns}}\nservers: [{name: a, set: {host: null}}]"))
    assert (servers["a"].host.cores, servers["a"].host.iotlb) == (8, None)


def test_an_empty_block_in_a_set_is_the_block_with_its_defaults():
    servers = named(load("servers: [{name: a}, {name: b, set: {nic.rsc: {}, driver: {vms: {vf1: {}}}}}]"))
    assert servers["a"].nic.rsc is None and servers["b"].nic.rsc == load("nic: {rsc: {}}").nic.rsc


def test_the_resolved_set_has_what_differs_and_nothing_else():
    text = "nic: {vfs: 1}\npcie: {lanes: 4}\nworkload: {pattern: to_wire}\nservers:\n"
    config = load(text + "- {name: a, set: {pcie.lanes: 4}}\n- {name: b, set: {host.iotlb: {entries: 64, miss: 50ns}}}")
    assert config.resolved()["servers"] == [
        {"name": "a", "set": {}},
        {"name": "b", "set": {
            "host.iotlb": {
                "entries": 64, "miss": "50ns", "walkers": 6, "walk_lines": 24, "near_miss": None, "page": "4KiB",
                "split": False, "invalidation": "none", "flush_after": 256,
            },
            "switch.ports.pf.macs": ["02:00:00:01:00:01"], "switch.ports.vf0.macs": ["02:00:00:01:00:02"],
        }},
    ]  # fmt: skip


def test_how_a_set_is_typed_does_not_change_the_hash():
    typed = [f"nic: {{vfs: 2, strict: false}}\nservers: [{{name: a}}, {{name: b, set: {{{form}}}}}]" for form in (
        "port.rate: 40Gbps, nic.vfs: 2", "port: {rate: 40000Mbps}, nic: {vfs: 2}", "port: {}, port.rate: 40Gbps"
    )]  # fmt: skip
    assert len({load(text).config_hash() for text in typed}) == 1
    assert load(typed[0]).config_hash() != load(typed[0], ["servers.b.set.port.rate=10Gbps"]).config_hash()


CHANGES = st.fixed_dictionaries({}, optional={
    "pcie.lanes": st.sampled_from([1, 4, 8]),
    "nic.vfs": st.sampled_from([2, 4, 6]),
    "nic": st.fixed_dictionaries({}, optional={"preset": st.sampled_from(["82576", None]), "tx_ring": st.just(256)}),
    "driver.preset": st.sampled_from(["kernel", "dpdk", None]),
    "host": st.sampled_from([{"iotlb": None}, {"iotlb": {"entries": 2, "miss": "1ns"}}, {"cores": 1}, None]),
    "switch.s_channels": st.sampled_from([{1: "veb"}, {1: "vepa", 20: "veb"}]),
    "switch.uplink.vlans": st.sampled_from(["all", [1, 2]]),
    "switch": st.sampled_from([{"vif_lists": {3: ["vf0"]}}, {"ports": {"vf1": {"weight": 9}}}]),
    "switch.ports.all.max_frame": st.just("4KiB"),
    "port.rate": st.sampled_from(["1Gbps", "40Gbps"]),
})  # fmt: skip


@given(st.lists(CHANGES, min_size=1, max_size=3), st.booleans())
def test_the_resolved_form_is_the_same_system(changes, has_table):
    mapping = {
        "nic": {"vfs": 4},
        "switch": {"vif_lists": {1: ["vf0"], 2: ["vf1"]} if has_table else {}, "ports": [{"name": "vf1", "weight": 3}]},
        "servers": [{"name": f"s{at}", "set": change} for at, change in enumerate(changes)],
        "host": {"iotlb": {"entries": 8, "miss": "20ns"}},
    }
    config = config_from_mapping(mapping)
    again = config_from_mapping(config.resolved())
    assert again == config
    assert again.resolved() == config.resolved()
    assert servers_of(again) == servers_of(config)
    assert (
        load(str(config.resolved()).replace("None", "null").replace("True", "true").replace("False", "false")) == again
    )


@pytest.mark.parametrize(
    ("of_all", "of_a", "written"),
    [
        ("{classes: [{percent: 60}, {percent: 40}]}", "null", None),
        ("null", "{classes: [{percent: 60}, {percent: 40}]}", 2),
    ],
)
def test_a_server_may_have_what_is_written_only_where_it_is_set(of_all, of_a, written):
    config = load(
        f"nic: {{vfs: 2, arbitration: {of_all}}}\nservers: [{{name: a, set: {{nic.arbitration: {of_a}}}}}, {{name: b}}]"
    )
    changed = config.servers[0].changes["nic.arbitration"]
    assert (changed and len(changed["classes"])) == written
    again = config_from_mapping(config.resolved())
    assert [one.config.nic.arbitration is None for one in servers_of(again)] == [written is None, written == 2]


def test_what_is_compared_with_has_the_same_servers():
    config = load(TWO + "bridge: {latency: 1us}", ["servers.b.set.pcie.lanes=1"])
    defaults = defaults_beside(config.resolved())
    resolved = load(TWO).resolved()
    assert defaults == resolved
    assert defaults_beside(load("bridge: {ageing: 1s}").resolved()) == load("bridge: {}").resolved()


REFUSED = [
    ("servers: [{name: a}, {name: a}]", ["c.yaml:1:29: servers.a.name: there is a server a already"]),
    ("servers: [{name: vf3}, {name: all}, {name: a.b}]", [
        "c.yaml:1:18: servers.vf3.name: vf3 has a meaning of its own and is no name of a server",
        "c.yaml:1:31: servers.all.name: all has a meaning of its own and is no name of a server",
        "c.yaml:1:44: servers.a.b.name: 'a.b' is not the name of a server; letters, digits, - and _, a letter first, "
        "32 "
        "at most",
    ]),
    ("servers: {a: {}}", ["c.yaml:1:10: servers: a mapping is not a list; write it like [{name: a}, {name: b}]"]),
    ("servers: [{set: {}}]", ["c.yaml:1:11: servers.0.name: this key is missing"]),
    ("servers: [{name: a, set: [1]}]",
     ["c.yaml:1:26: servers.a.set: a list where keys with values are expected, like {pcie.lanes: 8}"]),
    ("servers: [{name: a, sets: {}}]", ["c.yaml:1:21: servers.a.sets: unknown key (did you mean set?)"]),
    # in a set: the key's own place, its own words
    ("servers:\n- name: a\n  set:\n    pcie: {lanes: 3}\n    host.iotlb:\n      entries: 0\n      miss: 1ns\n", [
        "c.yaml:4:19: servers.a.set.pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32",
        "c.yaml:6:16: servers.a.set.host.iotlb.entries: 0 is out of range; 1 to 65536",
    ]),
    ("servers: [{name: a, set: {pcie.lane: 4}}]",
     ["c.yaml:1:27: servers.a.set.pcie.lane: unknown key (did you mean lanes?)"]),
    ("servers: [{name: a, set: {nics.vfs: 4, workload.load: 1, bridge: {}}}]", [
        "c.yaml:1:27: servers.a.set.nics.vfs: unknown key (did you mean nic?); a server has its own pcie, host, nic, "
        "driver, switch, port",
        "c.yaml:1:40: servers.a.set.workload.load: workload is that of the whole system; a server has its own pcie, "
        "host, nic, driver, switch, port",
        "c.yaml:1:58: servers.a.set.bridge: bridge is that of the whole system; a server has its own pcie, host, nic, "
        "driver, switch, port",
    ]),
    ("servers: [{name: a, set: {pcie..lanes: 4}}]",
     ["c.yaml:1:27: servers.a.set.pcie..lanes: an empty word between the dots; write it like pcie.lanes=8"]),
    ("servers: [{name: a, set: {pcie.lanes: 4,\n                         pcie: {lanes: 8}}}]",
     ["c.yaml:2:33: servers.a.set.pcie.lanes: repeated key; it stands in line 1 already"]),
    ("servers: [{name: a, set: {switch: {ports: [{name: vf0, weight: 0}, {name: vf9}]}}}]", [
        "c.yaml:1:64: servers.a.set.switch.ports.vf0.weight: 0 is out of range; 1 to 65535",
        "c.yaml:1:75: servers.a.set.switch.ports.vf9.name: there is no vf9; nic.vfs is 8, vf0 to vf7",
    ]),
    ("servers: [{name: a, set: {switch.ports.vf9.weight: 1}}]",
     ["c.yaml:1:27: servers.a.set.switch.ports.vf9.name: there is no vf9; nic.vfs is 8, vf0 to vf7"]),
    ("servers: [{name: a, set: {switch.ports.all: {max_frame: 63B}}}]",
     ["c.yaml:1:57: servers.a.set.switch.ports.all.max_frame: 63B is out of range; 64B to 65620B"]),
    ("servers: [{name: a, set: {switch.mirrors.3.to: vf1}}]",
     ["c.yaml:1:27: servers.a.set.switch.mirrors: a mapping is not a list; write it like [{to: vf3, from: vf0}]"]),
    ("switch: {mirrors: [{to: vf1, vlan: 1}]}\nservers: [{name: a, set: {switch.mirrors.3.to: vf1}}]",
     ["c.yaml:2:27: servers.a.set.switch.mirrors.3: the list has no entry '3'; it has 1 entries, counted from 0"]),
    # between keys: what the set says comes first; what only some servers make wrong has their names
    ("nic: {vfs: 8}\nservers: [{name: a}, {name: b, set: {nic.preset: 82576}}]",
     ["c.yaml:2:50: servers.b.set.nic.preset: 8 VFs at a port; the 82576 has at most 7 (Intel 82576 data sheet: 8 "
      "pools, one of them the PF's); nic.strict: false or nic.preset: null permits it"]),
    ("nic: {vfs: 64}\nservers: [{name: a}, {name: b, set: {nic.vfs: 2}}, {name: c}]",
     ["c.yaml:1:12: nic.vfs: 64 VFs at a port; the 82599 has at most 63 (Intel 82599 data sheet: 64 pools, one of "
      "them the PF's); nic.strict: false or nic.preset: null permits it (server a)",
      "c.yaml:1:12: nic.vfs: 64 VFs at a port; the 82599 has at most 63 (Intel 82599 data sheet: 64 pools, one of "
      "them the PF's); nic.strict: false or nic.preset: null permits it (server c)"]),
    ("nic: {vfs: 64}\nservers: [{name: a}, {name: b}]",
     ["c.yaml:1:12: nic.vfs: 64 VFs at a port; the 82599 has at most 63 (Intel 82599 data sheet: 64 pools, one of "
      "them the PF's); nic.strict: false or nic.preset: null permits it"]),
    ("pcie: {lanes: 3}\nservers: [{name: a}, {name: b}]",
     ["c.yaml:1:15: pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"]),
    ("pcie: {lanes: 3}\nservers: [{name: a}, {name: b, set: {pcie.lanes: 8}}]",
     ["c.yaml:1:15: pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"]),
    ("servers: [{name: a, set: {pcie: {lanes: *four}}}]",
     ["c.yaml:1:41: servers.0.set.pcie.lanes: aliases such as *four are not allowed; write the value out"]),
    ("switch: {ports: [{name: vf1, macs: ['02:00:00:00:00:aa']}]}\nservers: [{name: a}, {name: b}]",
     ["c.yaml:1:36: switch.ports.vf1.macs: a.vf1 and b.vf1 both have 02:00:00:00:00:aa in VLAN 1 (--set "
      "servers.b.set.switch.ports.vf1.macs=[...])"]),
    (f"servers: [{', '.join(f'{{name: s{k}}}' for k in range(MAX_SERVERS + 1))}]",
     ["c.yaml:1:10: servers: 257 servers are more than the 256 that there is room for"]),
    # names of stations
    (TWO + "workload: {pattern: flows, flows: [[a.vf0, c.vf1], [B.vf0, a.vf1], [vf0, a.vf1], [a.vf0, b.vf2]]}", [
        "c.yaml:3:44: workload.flows.0.1: there is no server c; there are a, b",
        "c.yaml:3:53: workload.flows.1.0: there is no server B (did you mean b?)",
        "c.yaml:3:69: workload.flows.2.0: there are servers, and each has a vf0 of its own (did you mean a.vf0?)",
        "c.yaml:3:90: workload.flows.3.1: there is no b.vf2; nic.vfs of b is 2, b.vf0 to b.vf1",
    ]),
    (TWO + "workload: {pattern: incast, incast_to: vf0, load: 1, weights: {c.vf0: 1},\n"
     "external: {rate: 1Mbps, to: [pf]}}", [
        "c.yaml:3:40: workload.incast_to: there are servers, and each has a vf0 of its own (did you mean a.vf0?)",
        "c.yaml:3:71: workload.weights.c.vf0: there is no server c; there are a, b",
        "c.yaml:4:30: workload.external.to.0: there are servers, and each has a pf of its own (did you mean a.pf?)",
    ]),
    ("workload: {pattern: flows, flows: [[a.vf0, vf1]]}",
     ["c.yaml:1:37: workload.flows.0.0: there is no server a; without servers it is vf0 (did you mean vf0?)"]),
    (TWO + "workload: {pattern: flows, flows: [[a.vm1, outside]]}",
     ["c.yaml:3:36: workload.flows.0: 'a.vm1' is not the name of a port here; pf, vf0, vf1 and so on, with servers "
      "a.vf0, uplink (did you mean a.vf1?)"]),
    (TWO + "workload: {pattern: flows, flows: [[a.vf1, outside]]}",
     ["c.yaml:3:36: workload.flows.0: 'outside' is not the name of a port here; pf, vf0, vf1 and so on, with servers "
      "a.vf0, uplink (did you mean uplink?)"]),
    ("servers: [{name: a, set: {nic.vfs: 3}}, {name: b, set: {nic.vfs: 2}}]",
     ["c.yaml:1:10: servers: pattern: pairs needs an even number of VFs in use; there are 5"]),
    (TWO + "workload: {frame_bytes: 9000}",
     ["c.yaml:3:25: workload.frame_bytes: frames of 9000 B would all drop as OVERSIZE: max_frame is 1518B at a.vf0 and "
      "3 more (--set switch.ports.all.max_frame=9000B)"]),
    ("switch: {ports: [{name: all, max_frame: 9018B}], queue_bytes: 32KiB}\nworkload: {frame_bytes: 9000}\n"
     "servers: [{name: a}, {name: b, set: {switch.ports.vf1.max_frame: 1518B}}]",
     ["c.yaml:3:66: servers.b.set.switch.ports.vf1.max_frame: frames of 9000 B would all drop as OVERSIZE: max_frame "
      "is "
      "1518B at b.vf1 (--set servers.b.set.switch.ports.vf1.max_frame=9000B)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), REFUSED, ids=[text[:80] for text, _ in REFUSED])
def test_what_is_wrong_with_servers_is_said_at_its_place(text, lines):
    assert complaints(text) == lines


def test_an_override_of_a_server_that_is_not_there():
    assert complaints("{}", ["servers.b.set.pcie.lanes=4"])[0].startswith(
        "--set servers.b.set.pcie.lanes=4: servers.b: "
    )
    assert complaints(TWO, ["servers.b.set.pcie.lanes=3"]) == [
        "--set servers.b.set.pcie.lanes=3: servers.b.set.pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"
    ]


def test_entries_hold_what_they_are_given():
    assert ServerEntry.model_validate({"name": "a", "set": None}).changes == {}
    from hwmodel.config.document import Document

    assert split_servers(Document("c.yaml", {"servers": 3})) == []
