"""Stored results: each thing wrong with a file is told with its line, column and key, all at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.errors import InputError
from hwmodel.results import Result, load_result
from hwmodel.results.json_form import locate
from tests.sample_result import sample_result


def lines_of(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        Result.from_json(text, name="r.json")
    return caught.value.lines


def changed(**changes: object) -> str:
    return json.dumps({**json.loads(sample_result().to_json()), **changes}, indent=2)


def test_a_stored_result_is_loaded(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(sample_result().to_json(), encoding="utf-8")
    assert load_result(path).to_json() == sample_result().to_json()


@pytest.mark.parametrize("version", [2, 0, "1", None, True])
def test_another_schema_version_is_refused_and_nothing_else_is_said(version):
    text = changed(schema_version=version, totals=5)
    assert lines_of(text) == [f"r.json:2:21: schema_version: {version!r} is not known (this hwmodel reads 1)"]


@pytest.mark.parametrize("text", ["{}", "[1]", "3", "null", '{"ways": []}'])
def test_other_json_is_not_taken_for_a_result(text):
    (line,) = lines_of(text)
    assert line.startswith("r.json:1:1: schema_version: is missing")


def test_what_another_command_wrote_is_one_line():
    (line,) = lines_of('{"schema_version": 1, "name": "s", "sweep_hash": "0", "points": []}')
    assert line.startswith("r.json:1:1: is not the result of a run, as `hwmodel run --json` writes it; pages of what")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "r.json:1:1: is not JSON"),
        ('{\n "a": }', "r.json:2:7: is not JSON"),
        ('{"schema_version": NaN}', "r.json:1:1: is not JSON: NaN is no number"),
        ("[" * 100_000, "r.json:1:1: is not JSON: nested too deep"),
    ],
)
def test_bad_json_is_told_with_its_place(text, start):
    (line,) = lines_of(text)
    assert line.startswith(start)


def test_all_problems_are_told_at_once_each_at_its_place():
    document = json.loads(sample_result().to_json())
    document["seed"] = "one"
    document["vms"][2]["latency_ns"]["p99"] = True
    del document["totals"]["gbps"]
    document["drops"] = {"RUNT": 1.5}
    text = json.dumps(document, indent=2)
    lines = lines_of(text)
    assert [line.split(": ", 2)[1:] for line in lines] == [
        ["seed", "expected a whole number, found 'one'"],
        ["totals.gbps", "is missing"],
        ["vms[2].latency_ns.p99", "expected a finite number, found true"],
        ["drops.RUNT", "expected a whole number, found 1.5"],
    ]
    rows = text.split("\n")
    places = [line.split(": ")[0].split(":")[1:] for line in lines]
    pointed = [rows[int(row) - 1][int(column) - 1 :] for row, column in places]
    assert pointed == ['"one",', "{", "true,", "1.5"]
    assert rows[int(places[1][0]) - 1].strip() == '"totals": {'


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"vms": {}}, "vms", "expected a list, found {}"),
        ({"pcie": []}, "pcie", "expected an object, found []"),
        ({"latency_histogram": [[1.0, 2, 3]]}, "latency_histogram[0]", "expected a list of 2 values"),
        ({"fairness_jain": 10**400}, "fairness_jain", "expected a finite number"),
        ({"config_hash": 1}, "config_hash", "expected a text, found 1"),
        ({"drops": []}, "drops", "expected an object"),
        ({"totals": None}, "totals", "expected an object, found null"),
    ],
)
def test_wrong_types_are_told(changes, key, message):
    (line,) = lines_of(changed(**changes))
    assert line.split(": ", 1)[1].startswith(f"{key}: {message}")


def test_a_key_that_stands_twice_is_told():
    (line,) = lines_of(sample_result().to_json().replace('"gbps": ', '"mpps": 7,\n    "gbps": ', 1))
    assert line.endswith("is not JSON: 'mpps' stands more than once in its object")


def test_what_is_nested_deeper_than_any_result_is_told():
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]
    config = json.loads(sample_result().to_json())["config"]
    (line,) = lines_of(changed(config=config | {"x": deep}))
    assert line == "r.json:1:1: is no result: nested deeper than 40 levels"


def test_what_no_run_can_have_found_is_told():
    window = json.loads(sample_result().to_json())["window"]
    (line,) = lines_of(changed(window=window | {"end_ns": window["start_ns"] - 1}))
    assert line.endswith("window.end_ns: expected no less than window.start_ns")
    (line,) = lines_of(changed(latency_histogram=[[1.0, 5], [2.0, 0]]))
    assert line.endswith("latency_histogram[1][1]: expected at least 1 sample in a bucket")
    (line,) = lines_of(changed(drops={"RUNT": -1}))
    assert line.endswith("drops.RUNT: expected a count from 0 to 2^63 - 1, found -1")


def test_a_flood_of_problems_is_cut():
    lines = lines_of(changed(vms=[{}] * 50))
    assert len(lines) == 21
    assert lines[-1].endswith("and 180 more problems")


def test_an_unreadable_file_is_bad_input(tmp_path):
    with pytest.raises(InputError) as caught:
        load_result(tmp_path / "none.json")
    assert caught.value.lines == [f"{tmp_path}/none.json: cannot be read: No such file or directory"]
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        load_result(binary)


def test_a_byte_order_mark_is_no_part_of_a_result(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(sample_result().to_json(), encoding="utf-8-sig")
    assert load_result(path) == Result.from_json(sample_result().to_json())


def test_of_a_repeated_key_the_last_one_counts():
    assert locate('{"a": 1,\n "b": 2, "a": [3, 4]}', ("a", 1)) == (2, 19)
    assert locate('{"a": 1}', ("b", "c")) == (1, 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values, indent=st.sampled_from([None, 0, 2]), data=st.data())
def test_every_value_is_found_where_it_stands(value, indent, data):
    text = json.dumps(value, indent=indent)
    path = []
    while isinstance(value, list | dict) and value and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(range(len(value)) if isinstance(value, list) else sorted(value)))
        path.append(step)
        value = value[step]
    line, column = locate(text, tuple(path))
    rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
    assert json.JSONDecoder().raw_decode(rest)[0] == value
