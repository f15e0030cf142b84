"""A document that is read once: each set of overrides as if the file were loaded anew, and nothing left of the last."""

from __future__ import annotations

import pytest

import hwmodel
from hwmodel.config import load_config, read_base
from hwmodel.config.build import examine
from hwmodel.config.document import read_document
from hwmodel.config.overrides import apply_overrides
from hwmodel.errors import InputError
from tests.config_cases import SHIPPED

MAPPING = {"pcie": {"lanes": 4}, "nic": {"vfs": 2}, "workload": {"load": 0.5, "weights": {"vf0": 2}}}
DRAWN = (
    {"pcie.lanes": 8, "run.seed": 7},
    {"switch.ports.all.weight": 3, "workload.load": 0.5},
    ["switch.ports.vf0.vlans=[1, 5]", "pcie={tags: 5}"],
    {"no.such.key": 1, "pcie.lanes": 5},
    {"bridge.latency": "2us"},
    ["pcie.lanes"],
    None,
)


def outcome(make):
    try:
        return make().resolved()
    except InputError as refusal:
        return refusal.lines


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_overrides_leave_the_document_as_it_was(path):
    base = read_base(path)
    found = [outcome(lambda given=given: base.with_overrides(given)) for given in DRAWN]
    assert found == [outcome(lambda given=given: load_config(path, given)) for given in DRAWN]
    assert found[-1] != found[0]  # so that what they leave could be seen


def test_what_is_made_of_a_copy_is_not_seen_in_the_document():
    for path in SHIPPED:
        document = read_document(path)
        for overrides in ({"switch.ports.all.weight": 3, "nic.vfs": 4}, {"servers": None, "pcie.credits.ph": 7}):
            changed = document.copied()
            apply_overrides(changed, overrides)
            outcome(lambda: examine(changed, str(path.parent)).sound_config())  # noqa: B023
        assert document == read_document(path)


def test_a_file_is_read_once(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("pcie: {lanes: 4}")
    base = read_base(path)
    path.write_text("pcie: {lanes: 8}")
    assert (base.with_overrides().pcie.lanes, load_config(path).pcie.lanes) == (4, 8)


def test_a_configuration_comes_from_a_mapping_too():
    config = load_config(MAPPING, {"pcie.lanes": 8})
    assert (config.pcie.lanes, config.nic.vfs, config.workload.weights["vf0"]) == (8, 2, 2)
    assert load_config(MAPPING).pcie.lanes == MAPPING["pcie"]["lanes"] == 4
    assert hwmodel.limits(MAPPING) == hwmodel.limits(load_config(MAPPING))


def test_a_mapping_s_problems_have_no_line():
    with pytest.raises(InputError) as refusal:
        load_config({"pcie": {"lanes": 5}}, {"run.seed": -1})
    places = [line.split(": ")[:2] for line in refusal.value.lines]
    assert places == [["configuration", "pcie.lanes"], ["--set run.seed=-1", "run.seed"]]


def test_names_in_a_mapping_start_where_the_caller_says(tmp_path):
    (tmp_path / "frames.pcap").touch()
    base = read_base({"workload": {"pcap": "frames.pcap"}}, tmp_path)
    assert base.with_overrides().workload.pcap == tmp_path / "frames.pcap"


def test_lines_of_later_steps_get_their_places(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("run: {seed: 3}\nworkload:\n  load: 0.5\n")
    base = read_base(path)
    lines = base.place_lines({"run.seed": 4}, ["workload.load: too much", "run.seed: odd", "nothing to place"])
    assert lines == [f"{path}:3:9: workload.load: too much", "--set run.seed=4: run.seed: odd", "nothing to place"]
    assert base.place_lines(None, ["run.seed: odd"]) == [f"{path}:1:13: run.seed: odd"]
