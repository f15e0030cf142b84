"""The JSON schemas of sweep and sizing files: current, and agreeing with what is accepted."""

from __future__ import annotations

import json

import jsonschema
import pytest
import referencing

from hwmodel.cli import main
from hwmodel.config.document import read_document
from hwmodel.errors import InputError
from hwmodel.explore.sizing import read_sizing
from hwmodel.explore.study_schema import study_schema, study_schema_text
from hwmodel.explore.sweep.plan import plan_sweep
from tests.config_cases import CONFIGS

STUDIES = sorted((CONFIGS / "studies").glob("*.yaml"))
READ = {"sweep": plan_sweep, "sizing": read_sizing}
BASE = {"base": {"run": {"frames": 10}}}
ASKED = {**BASE, "target": {"gbps": 1}}
AXIS = {"pcie.lanes": [1]}


def validator_of(folder, what):
    """Return the validator of a schema in a folder; what it refers to is read from the same folder, as editors do."""

    def beside(uri):
        return referencing.Resource.from_contents(json.loads((folder / uri).read_text(encoding="utf-8")))

    written = json.loads((folder / f"{what}_schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(written, registry=referencing.Registry(retrieve=beside))


@pytest.fixture(scope="module")
def validators():
    return {what: validator_of(CONFIGS, what) for what in READ}


def test_the_schemas_are_schemas(validators):
    for one in validators.values():
        one.check_schema(one.schema)


@pytest.mark.parametrize("what", READ)
def test_the_shipped_schemas_are_current(what):
    shipped = (CONFIGS / f"{what}_schema.json").read_text(encoding="utf-8")
    assert shipped == study_schema_text(what), f"write it anew: hwmodel schema {what} --json configs/{what}_schema.json"


def references_in(schema):
    for key, within in schema.items():
        if key == "$ref":
            yield within
        for one in within if isinstance(within, list) else [within]:
            if isinstance(one, dict):
                yield from references_in(one)


@pytest.mark.parametrize("what", READ)
def test_the_configuration_stands_in_its_own_schema_alone(what):
    schema = study_schema(what)
    assert "$id" not in schema, "the folder decides what is meant by schema.json"
    files = {reference.partition("#")[0] for reference in references_in(schema)}
    assert files == {"", "schema.json"}
    assert set(schema["$defs"]) == {"Axes", "Axis", "Range", "Set", "Values"}


@pytest.mark.parametrize("what", READ)
def test_what_the_command_writes_into_a_folder_validates_there(what, tmp_path):
    assert main(["schema", "--json", str(tmp_path / "schema.json")]) == 0
    assert main(["schema", what, "--json", str(tmp_path / f"{what}_schema.json")]) == 0
    written = {**ASKED, "knobs": {"pcie.lanes": [4]}} if what == "sizing" else {**BASE, "grid": {"pcie.lanes": [4]}}
    validator = validator_of(tmp_path, what)
    assert list(validator.iter_errors(written)) == []
    (wrong,) = validator.iter_errors({**written, "set": {"pcie.tags": "many"}})
    assert list(wrong.absolute_path) == ["set"]
    (tmp_path / "schema.json").unlink()
    with pytest.raises(referencing.exceptions.Unresolvable):
        list(validator_of(tmp_path, what).iter_errors(written))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_shipped_studies_are_valid_and_name_their_schema(path, validators):
    data = read_document(path).data
    what = "sizing" if "target" in data else "sweep"
    assert path.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema=../{what}_schema.json\n")
    assert list(validators[what].iter_errors(data)) == []


REFUSED_BY_BOTH = [
    ("sweep", BASE),
    ("sweep", {"grid": AXIS}),
    ("sweep", {**BASE, "gird": AXIS, "seeds": 2}),
    ("sweep", {**BASE, "seeds": 0}),
    ("sweep", {**BASE, "grid": {}}),
    ("sweep", {**BASE, "grid": {"pcie.lans": [1]}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": [3]}}),
    ("sweep", {**BASE, "grid": {"pcie": {"lanes": [1]}}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": []}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": 4}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": {"values": [3], "cost": 1}}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": {"values": [1], "cost": -1}}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": {"values": [1], "monotone": True}}}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": {"from": 1, "step": 1}}}),
    ("sweep", {**BASE, "grid": {"pcie.max_payload": [256]}}),
    ("sweep", {**BASE, "list": []}),
    ("sweep", {**BASE, "list": [{"pcie.lanes": 3}]}),
    ("sweep", {**BASE, "list": [{"pcie.lanes": 4, "cost": "much"}]}),
    ("sweep", {**BASE, "grid": AXIS, "where": 7}),
    ("sweep", {**BASE, "grid": AXIS, "set": {"pcie.tagz": 8}}),
    ("sweep", {**BASE, "grid": AXIS, "set": {"nic": {"vfs": 0}}}),
    ("sweep", {"base": {"pcie": {"lanes": 3}}, "seeds": 2}),
    ("sizing", {**ASKED}),
    ("sizing", {**BASE, "knobs": AXIS}),
    ("sizing", {**ASKED, "knobs": AXIS, "seeds": 3}),
    ("sizing", {**ASKED, "knobs": AXIS, "repeats": 11}),
    ("sizing", {**ASKED, "knobs": {"pcie.lanes": {"values": [1], "monotone": "up"}}}),
    ("sizing", {**BASE, "knobs": AXIS, "target": {"latency": "3us"}}),
    ("sizing", {**BASE, "knobs": AXIS, "target": {}}),
]


@pytest.mark.parametrize(("what", "written"), REFUSED_BY_BOTH, ids=str)
def test_what_the_schema_refuses_is_refused(what, written, validators):
    assert list(validators[what].iter_errors(written))
    with pytest.raises(InputError):
        READ[what](written)


PORTS = {"base": {"nic": {"vfs": 2}, "switch": {"ports": [{"name": "vf0"}]}}}
FLOWS = {"base": {"workload": {"pattern": "flows"}}}
EIGHTS = {"from": 64, "to": 128, "step": 8}
TAKEN_BY_BOTH = [
    ("sweep", {**BASE, "seeds": 3}),
    ("sweep", {"base": "sriov_ideal", "grid": {"pcie.lanes": [1, 2]}, "where": "pcie.lanes < 2", "set": None}),
    ("sweep", {**BASE, "grid": {"pcie.lanes": {"values": [1, 2], "cost": 4}, "nic.max_pps": [None, 1000000]}}),
    ("sweep", {**BASE, "grid": {"nic.rx_ring": {"from": 64, "to": 256, "times": 2, "costs": [1, 2, 3]}}}),
    ("sweep", {**BASE, "zip": {"nic.rx_buffer": {"from": "64KiB", "to": "128KiB", "step": "32KiB", "cost": 1}}}),
    ("sweep", {**BASE, "list": [{"pcie.lanes": 4, "nic.vfs": 8, "cost": 3}], "set": {"nic": {"rx_ring": 64}}}),
    ("sweep", {**PORTS, "grid": {"switch.ports.vf0.weight": [1, 2]}, "set": {"switch.ports.vf0.enabled": True}}),
    ("sweep", {**FLOWS, "grid": {"workload.flows": [[["vf0", "vf1"]], [["vf1", "vf0"]]]}}),
    ("sizing", {**ASKED, "knobs": AXIS}),
    ("sizing", {**ASKED, "knobs": {"pcie.lanes": {"values": [1, 2], "cost": 4, "monotone": "auto"}}, "repeats": 1}),
    ("sizing", {**BASE, "target": {"p99": "10us", "loss": "0.1%"}, "knobs": {"nic.rx_ring": EIGHTS}}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "written"), TAKEN_BY_BOTH, ids=str)
def test_what_is_taken_is_valid(what, written, validators):
    assert list(validators[what].iter_errors(written)) == []
    READ[what](written)


@pytest.mark.parametrize("what", READ)
def test_every_key_says_what_it_is(what):
    schema = study_schema(what)
    described = [*schema["properties"].values(), *schema["$defs"]["Axes"]["properties"].values()]
    assert all(len(one["description"]) > 12 for one in described) and len(described) > 150
    assert json.loads(study_schema_text(what)) == schema
