"""One document read once gives the configurations that its file gives with the same values written in."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from hwmodel.config import load_config, read_base
from hwmodel.config.document import Place, parse_document
from hwmodel.config.load import base_inside
from hwmodel.config.overrides import Change
from hwmodel.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
KEY, VALUE = Place(0, 3, 3, "s.yaml"), Place(0, 3, 9, "s.yaml")
CASES = {
    "sriov_10g_gen2x4": {"pcie.lanes": 8, "nic.vfs": 4, "switch.ports.vf1.rate_limit": "1Gbps"},
    "two_servers": {"servers.a.set": {"pcie.lanes": 8}, "workload.load": "2Gbps"},
    "extenders": {"run.seed": 7},
}


@pytest.mark.parametrize("name", CASES)
def test_configurations_are_what_load_config_gives(name):
    path = ROOT / "configs" / f"{name}.yaml"
    base = pickle.loads(pickle.dumps(read_base(path)))
    changes = [Change(key, value, KEY, VALUE) for key, value in CASES[name].items()]
    before = json.dumps(base.data)
    for _ in range(2):
        assert base.with_changes(changes) == load_config(path, CASES[name])
        assert base.with_changes([]) == load_config(path)
    assert json.dumps(base.data) == before


def test_problems_stand_where_key_and_value_were_written():
    base = read_base(ROOT / "configs" / "sriov_10g_gen2x4.yaml")
    with pytest.raises(InputError) as caught:
        base.with_changes([Change("pcie.lans", 3, KEY, VALUE, "grid."), Change("pcie.lanes", 3, KEY, VALUE, "grid.")])
    assert [line.partition(" is not")[0] for line in caught.value.lines] == [
        "s.yaml:3:3: grid.pcie.lans: unknown key (did you mean lanes?)",
        "s.yaml:3:9: grid.pcie.lanes: 3",
    ]


def test_values_that_only_do_not_go_together_are_told_apart():
    base = read_base(ROOT / "configs" / "sriov_10g_gen2x4.yaml")
    wrong = base.examine([Change("nic.vfs", 1000, KEY, VALUE)])
    assert (len(wrong.problems), wrong.contradictions) == (1, [])
    too_many = base.examine([Change("nic.vfs", 64, KEY, VALUE)])
    assert (too_many.problems, len(too_many.contradictions)) == ([], 1)


def test_a_part_of_a_document_keeps_its_places():
    document = parse_document("base:\n  pcie: {lanes: 3}\n", "s.yaml")
    with pytest.raises(InputError, match=r"^s.yaml:2:17: pcie.lanes: 3 is not one of"):
        base_inside(document, "base", ".").with_changes([])
