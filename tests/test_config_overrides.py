"""`--set KEY=VALUE`: any key, entries of lists by name or position, and errors that point at the override."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.config.document import Document
from hwmodel.config.overrides import apply_overrides, plain_data
from hwmodel.errors import InputError
from tests.config_cases import complaints, load

pytestmark = pytest.mark.strict_devices

TEXT = """\
pcie: {lanes: 4}
workload: {pattern: flows, flows: [[vf0, vf1], [vf2, vf3, 1Gbps]]}
switch:
  ports:
    - {name: vf3, vlans: [1, 5]}
"""


def test_any_key_can_be_changed():
    config = load(TEXT, ["pcie.lanes=8", "pcie.max_payload=128B", "run.frames=null", "switch.uplink.vlans=[1, 7]"])
    assert (config.pcie.lanes, config.pcie.max_payload_bytes) == (8, 128)
    assert config.switch.uplink.vlans == (1, 7)


def test_the_last_one_wins():
    assert load(TEXT, ["pcie.lanes=8", "pcie.lanes=2"]).pcie.lanes == 2
    assert load(TEXT, ["pcie={lanes: 2}", "pcie.tags=7"]).pcie.tags == 7


@pytest.mark.parametrize(
    "override",
    [["pcie={lanes: 2, credits: {ph: 7}}"], {"pcie": {"lanes": 2, "credits": {"ph": 7}}}],
    ids=["text", "mapping"],
)
def test_the_keys_of_a_block_join_those_of_the_file(override):
    config = load("pcie: {lanes: 8, tags: 5, credits: {nph: 9}}", override)
    assert (config.pcie.lanes, config.pcie.tags, config.pcie.credits.ph, config.pcie.credits.nph) == (2, 5, 7, 9)


def test_null_is_the_way_back_to_the_defaults():
    assert load("pcie: {lanes: 8, tags: 5}", ["pcie=null", "pcie={lanes: 2}"]).pcie.tags == 32


def test_lists_and_tables_are_replaced_whole():
    text = "switch: {mode: multichannel, s_channels: {10: veb}, ports: [{name: vf0, weight: 2}]}"
    config = load(text, ["switch={s_channels: {20: vepa}, ports: [{name: vf1, weight: 3}]}"])
    assert (config.switch.s_channels, [port.weight for port in config.switch.ports[1:3]]) == ({20: "vepa"}, [1, 3])


@pytest.mark.parametrize(
    "override",
    [["switch.ports.vf3={weight: 3}", "switch.ports.vf0={weight: 4}"],
     ["switch.ports={vf3: {weight: 3}, vf0: {weight: 4}}"],
     {"switch": {"ports": {"vf3": {"weight": 3}, "vf0": {"weight": 4}}}}],
    ids=["entries", "list", "mapping"],
)  # fmt: skip
def test_the_keys_of_an_entry_join_those_of_the_file(override):
    ports = {port.name: port for port in load(TEXT, override).switch.ports}
    assert (ports["vf3"].vlans, ports["vf3"].weight, ports["vf0"].weight) == ((1, 5), 3, 4)


def test_a_block_that_is_absent_or_null_is_made():
    override = ["host.iotlb={entries: 8, miss: 100ns}", "workload={external: {rate: 1Gbps}}"]
    config = load("host: {iotlb: null}", override)
    assert (config.host.iotlb.entries, config.workload.external.rate_bps) == (8, 10**9)


def test_numpy_values_are_as_good_as_those_of_python():
    numpy_values = {
        "pcie": {"lanes": np.int64(8), "ecrc": np.True_, "max_payload": np.str_("128B")},
        "workload.wire_share": np.float32(0.5),
        "switch.ports.vf0.vlans": np.arange(1, 4),
    }
    plain = {
        "pcie": {"lanes": 8, "ecrc": True, "max_payload": "128B"},
        "workload.wire_share": 0.5,
        "switch.ports.vf0.vlans": [1, 2, 3],
    }
    assert load(TEXT, numpy_values) == load(TEXT, plain)
    assert config_from_mapping({"pcie": {"tags": np.uint8(7)}}).pcie.tags == 7


def test_entries_go_by_name_and_are_made_where_absent():
    config = load(TEXT, ["switch.ports.vf3.vlans=[1]", "switch.ports.vf0.vlans=[1, 2]", "switch.ports.pf.trusted=true"])
    ports = {port.name: port for port in config.switch.ports}
    assert (ports["vf3"].vlans, ports["vf0"].vlans, ports["pf"].trusted) == ((1,), (1, 2), True)


def test_entries_are_made_where_there_is_no_list():
    assert load("{}", ["switch.ports.vf1.weight=3"]).switch.ports[2].weight == 3
    assert load("switch:\n", ["switch.ports.vf1.weight=3"]).switch.ports[2].weight == 3


def test_entries_go_by_position():
    config = load(TEXT, ["workload.flows.1=[vf2, uplink, 3Gbps]", "switch.ports.0.weight=2"])
    assert [tuple(flow[:3]) for flow in config.workload.flows] == [
        ("vf0", "vf1", None),
        ("vf2", "uplink", 3_000_000_000),
    ]
    assert config.switch.ports[4].weight == 2


def test_a_mapping_is_as_good_as_texts():
    changes = {
        "pcie.lanes": 8,
        "host.jitter": {"kind": "uniform", "range": "10ns"},
        "workload.flows": (("vf0", "vf1"),),
    }
    config = load(TEXT, changes)
    assert (config.pcie.lanes, config.host.jitter.range_fs, len(config.workload.flows)) == (8, 10_000_000, 1)


def test_values_are_read_as_strictly_as_files():
    assert load("{}", ['nic.preset="X540"']).nic.preset == "X540"
    assert load("{}", ["nic.preset=82576"]).nic.preset == "82576"
    assert load("{}", ["pcie.lanes = 8"]).pcie.lanes == 8


WRONG = [
    (["pcie.lanes=3"], ["--set pcie.lanes=3: pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"]),
    (["pcie.lane=8"], ["--set pcie.lane=8: pcie.lane: unknown key (did you mean lanes?)"]),
    (["lanes=8"], ["--set lanes=8: lanes: unknown key (did you mean pcie.lanes?)"]),
    (["pcie.lanes"], ["--set pcie.lanes: expected KEY=VALUE, like pcie.lanes=8"]),
    (["=8"], ["--set =8: expected KEY=VALUE, like pcie.lanes=8"]),
    (["pcie.lanes="], ["--set pcie.lanes=: expected KEY=VALUE, like pcie.lanes=8"]),
    (
        ["pcie..lanes=8"],
        ["--set pcie..lanes=8: pcie..lanes: an empty word between the dots; write it like pcie.lanes=8"],
    ),
    (["pcie.lanes.x=8"], ["--set pcie.lanes.x=8: pcie.lanes.x: pcie.lanes is a single value and has no key 'x'"]),
    (["pcie.lanes.x.y=8"], ["--set pcie.lanes.x.y=8: pcie.lanes.x: pcie.lanes is a single value and has no key 'x'"]),
    (["pcie=[1, 2]"], ["--set pcie=[1, 2]: pcie: a list where keys with values are expected"]),
    (["pcie.tags=*a"], ["--set pcie.tags=*a: pcie.tags: aliases such as *a are not allowed; write the value out"]),
    (
        ["pcie={tags: 1, tags: 2}"],
        ["--set pcie={tags: 1, tags: 2}: pcie: repeated key; it stands in line 1 already"],
    ),
    (
        ["workload.flows.2=[x]"],
        ["--set workload.flows.2=[x]: workload.flows.2: the list has no entry '2'; it has 2 entries, counted from 0"],
    ),
    (
        ["workload.flows.2.0=vf0"],
        ["--set workload.flows.2.0=vf0: workload.flows.2: the list has no entry '2'; it has 2 entries, counted from 0"],
    ),
    (
        ["switch.ports.vf9.vlans=[1]"],
        ["--set switch.ports.vf9.vlans=[1]: switch.ports.vf9.name: there is no vf9; nic.vfs is 8, vf0 to vf7"],
    ),
    (
        ["switch.ports.vf0.vlans=[1, 5000]"],
        ["--set switch.ports.vf0.vlans=[1, 5000]: switch.ports.vf0.vlans.1: 5000 is out of range; 1 to 4094"],
    ),
    (
        ["pcie.tags=0", "nic.vfs=64", "host.cores=0"],
        [
            "--set pcie.tags=0: pcie.tags: 0 is out of range; 1 to 768",
            "--set nic.vfs=64: nic.vfs: 64 VFs at a port; the 82599 has at most 63 (Intel 82599 data sheet: 64 pools, "
            "one of them the PF's); nic.strict: false or nic.preset: null permits it",
            "--set host.cores=0: host.cores: 0 is out of range; 1 to 1024",
        ],
    ),
]


@pytest.mark.parametrize(("overrides", "lines"), WRONG, ids=[" ".join(overrides) for overrides, _ in WRONG])
def test_wrong_overrides(overrides, lines):
    assert complaints(TEXT, overrides) == lines


def test_broken_yaml_in_an_override():
    (line,) = complaints(TEXT, ["switch.uplink.vlans=[1, 2"])
    assert line.startswith("--set switch.uplink.vlans=[1, 2: switch.uplink.vlans: not valid YAML: ")
    (line,) = complaints(TEXT, ["pcie={lanes: 4"])  # a colon in the change is not the one behind its place
    assert line.startswith("--set pcie={lanes: 4: pcie: not valid YAML: ")


def test_a_port_of_a_bridge_beside_servers_that_are_no_list():
    lines = complaints("servers: 3", ["bridge.ports.a.native_vlan=7"])
    assert lines == ["c.yaml:1:10: servers: 3 is not a list; write it like [{name: a}, {name: b}]"]


def test_a_whole_new_list_has_no_places_of_the_old_one():
    text = "workload: {pattern: flows, flows: [[vf0, vf1]]}"
    assert complaints(text, ["workload.flows=[[vf0, vf1], [vf0, vf9]]"]) == [
        "--set workload.flows=[[vf0, vf1], [vf0, vf9]]: workload.flows.1.1: there is no vf9; nic.vfs is 8, vf0 to vf7"
    ]


def test_errors_of_a_mapping_show_the_value_shortened():
    (line,) = complaints("{}", {"pcie.tags": "x" * 100})
    assert line.startswith(f"--set pcie.tags={'x' * 37}...: pcie.tags: ")


def test_errors_of_the_file_come_first():
    lines = complaints("pcie: {tags: 0}\nrun: {seed: x}", ["nic.vfs=0"])
    assert [line.split(": ")[0] for line in lines] == ["c.yaml:1:14", "c.yaml:2:13", "--set nic.vfs=0"]


def test_files_are_relative_to_where_they_were_named(tmp_path, monkeypatch):
    (tmp_path / "file" / "x").mkdir(parents=True)
    (tmp_path / "here" / "x").mkdir(parents=True)
    (tmp_path / "file" / "x" / "in.pcap").touch()
    (tmp_path / "here" / "x" / "in.pcap").touch()
    (tmp_path / "file" / "c.yaml").write_text("workload: {pcap: x/in.pcap}")
    monkeypatch.chdir(tmp_path / "here")
    assert load_config("../file/c.yaml").workload.pcap == tmp_path / "file" / "x" / "in.pcap"
    changed = load_config("../file/c.yaml", ["workload.pcap=x/in.pcap"])
    assert changed.workload.pcap == tmp_path / "here" / "x" / "in.pcap"
    with pytest.raises(InputError) as refusal:
        load_config("../file/c.yaml", ["workload.pcap=x"])
    assert refusal.value.lines == [f"--set workload.pcap=x: workload.pcap: is a directory: {tmp_path / 'here' / 'x'}"]


def test_nothing_is_changed_without_overrides():
    document = Document("c.yaml", {"a": [1]})
    for nothing in (None, [], {}):
        apply_overrides(document, nothing)
    assert (document.data, document.problems) == ({"a": [1]}, [])


def test_plain_data_is_what_a_file_could_hold():
    assert plain_data({1: (2, {"x": [3]}), None: "y"}) == {"1": [2, {"x": [3]}], "None": "y"}


TWO_PORTS = {
    "nic": {"vfs": 2}, "port": {"count": 2}, "bridge": {},
    "servers": [{"name": "a", "adapters": [{"name": "x"}]}, {"name": "b"}],
}  # fmt: skip


@pytest.mark.parametrize("name", ["a.x.p1", "b.p0"])
def test_a_bridges_port_to_one_of_several_ethernet_ports_is_one_name_in_a_key(name):
    key, nested = f"bridge.ports.{name}.native_vlan", {"bridge": {"ports": {name: {"native_vlan": 7}}}}
    wanted = config_from_mapping(TWO_PORTS | nested)
    base = config_from_mapping(TWO_PORTS)
    for found in (
        base.with_overrides({key: 7}),
        base.with_overrides([f"{key}=7"]),
        config_from_mapping({**TWO_PORTS, key: 7}),
    ):
        assert found == wanted
    for change in ({key: 7}, nested):
        (step,) = config_from_mapping(TWO_PORTS | {"scenario": [{"at": "1us", "set": change}]}).steps()
        assert step.config.bridge.ports[name].native_vlan == 7
    with pytest.raises(InputError, match=rf"bridge\.ports\.{name}\.native: unknown key \(did you mean native_vlan"):
        base.with_overrides({f"bridge.ports.{name}.native": 7})
