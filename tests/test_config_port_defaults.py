"""The entry `all` of `switch.ports`: other defaults for every station, under what single entries say."""

from __future__ import annotations

import pytest

from hwmodel.config.document import Document
from hwmodel.config.resolve import ALL, spread_port_defaults
from tests.config_cases import complaints, load


def ports_of(text: str, overrides: object = None) -> dict:
    return {port.name: port for port in load(text, overrides).switch.ports}


@pytest.mark.parametrize("order", ["{0}, {1}", "{1}, {0}"], ids=["first", "last"])
def test_single_entries_go_over_all(order):
    entries = order.format("{name: all, max_frame: 9018B, port_vlan: 7}", "{name: vf1, max_frame: 1518B}")
    ports = ports_of(f"nic: {{vfs: 2}}\nswitch: {{ports: [{entries}]}}")
    assert {name: port.max_frame_bytes for name, port in ports.items()} == {"pf": 9018, "vf0": 9018, "vf1": 1518}
    assert {(port.port_vlan, port.vlans, port.untagged) for port in ports.values()} == {(7, (7,), (7,))}
    assert len({port.macs for port in ports.values()}) == 3


def test_it_is_for_the_stations_that_the_device_has():
    ports = ports_of("nic: {preset: 82576}\nswitch: {ports: [{name: all, weight: 2}]}")
    assert list(ports) == ["pf", *(f"vf{k}" for k in range(6))]
    assert {port.weight for port in ports.values()} == {2}


def test_a_file_says_the_same_without_it():
    text = "nic: {vfs: 2}\nswitch: {ports: [{name: all, spoof_check: false, vlans: [1, 2]}, {name: pf, weight: 2}]}"
    entry = "spoof_check: false, vlans: [1, 2]"
    written_out = f"{{name: pf, weight: 2, {entry}}}, {{name: vf0, {entry}}}, {{name: vf1, {entry}}}"
    config = load(text)
    assert config == load(f"nic: {{vfs: 2}}\nswitch: {{ports: [{written_out}]}}")
    assert ALL not in [port["name"] for port in config.resolved()["switch"]["ports"]]


def test_it_can_be_set():
    ports = ports_of("switch: {ports: [{name: vf0, weight: 2}]}", ["switch.ports.all.spoof_check=false"])
    assert {port.spoof_check for port in ports.values()} == {False}
    assert (ports["vf0"].weight, len(ports)) == (2, 9)
    changed = ports_of("{}", {"switch": {"ports": {"all": {"weight": 3}, "vf1": {"weight": 4}}}})
    assert (changed["vf0"].weight, changed["vf1"].weight) == (3, 4)


@pytest.mark.parametrize(
    ("entries", "lines"),
    [
        ("{name: vf0}, {name: all, max_frame: 9}",
         ["c.yaml:1:54: switch.ports.all.max_frame: 9 has no unit; write a byte count like 256B"]),
        ("{name: all, vlans: [1, 5000]}, {name: vf0, weight: 0}",
         ["c.yaml:1:41: switch.ports.all.vlans.1: 5000 is out of range; 1 to 4094",
          "c.yaml:1:69: switch.ports.vf0.weight: 0 is out of range; 1 to 65535"]),
        ("{name: all, weight: 2}, {name: [vf0]}",
         ["c.yaml:1:49: switch.ports.0.name: a list is not the name of a port here; pf, vf0, vf1 and so on"]),
        ("{name: all, wieght: 2}", ["c.yaml:1:30: switch.ports.all.wieght: unknown key (did you mean weight?)"]),
        ("{name: all, weight: 2}, {name: all, weight: 3}",
         ["c.yaml:1:49: switch.ports.all.name: all has an entry already"]),
        ("{name: all, vif: 2}",
         ["c.yaml:1:35: switch.ports.all.vif: no two stations have the same; it belongs into the entries of single "
          "ports"]),
        ("{name: all, max_frame: 256B}",
         ["c.yaml:1:41: switch.ports.all.max_frame: frames of 1518 B would all drop as OVERSIZE: max_frame is 256B at "
          "vf0 and 7 more (--set switch.ports.all.max_frame=1518B)"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_once_and_at_its_place(entries, lines):
    assert complaints(f"switch: {{ports: [{entries}]}}") == lines


def test_other_documents_stay():
    for data in ({}, {"switch": None}, {"switch": {"ports": 3}}, {"switch": {"ports": [{"name": "vf0"}, 5]}}):
        document = Document("c.yaml", data)
        spread_port_defaults(document, ["pf"])
        assert (document.data, document.problems) == (data, [])
