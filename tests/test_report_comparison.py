"""Several results side by side: names that stay apart, keys that differ, a configuration written whole."""

from __future__ import annotations

import dataclasses

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hwmodel.report.comparison import COLUMNS_IN_ONE, compare
from hwmodel.report.configuration import config_text, differing_keys, file_labels, flat_keys, short_labels
from hwmodel.report.html import unbroken
from tests.sample_result import sample_config, sample_result

NAMES = st.lists(st.text(st.sampled_from("ab/_.…é\n"), max_size=40), min_size=1, max_size=6, unique=True)


@given(NAMES, st.integers(min_value=5, max_value=30))
def test_different_names_have_different_labels_and_long_ones_are_short(names, most):
    labels = short_labels(names, most)
    assert len(set(labels)) == len(names)
    assert all(label.isprintable() for label in labels)


def test_the_distinguishing_part_is_kept():
    names = [f"sweep_of_the_link_in_autumn/point_lanes_{lanes}_measured_once_more" for lanes in (1, 2, 4, 16)]
    assert short_labels(names, 24) == ["…1…", "…2…", "…4…", "…16…"]
    assert short_labels(["vf0", "vf1"], 24) == ["vf0", "vf1"]
    assert short_labels(["n" * 50], 9) == ["nnnn…nnnn"]


def test_files_are_named_without_the_folder_and_ending_that_all_have():
    assert file_labels(["out/lanes 4.json", "out/lanes 8.json"]) == ["lanes 4", "lanes 8"]
    assert file_labels(["a/x.json", "b/x.json"]) == ["a/x", "b/x"]
    assert file_labels(["a.json", "a.txt"]) == ["a.json", "a.txt"]
    assert file_labels(["out/one.json"]) == ["one.json"]
    assert file_labels([".json", "x.json"]) == [".json", "x.json"]


def with_config(**pcie):
    config = sample_config()
    return sample_result(config={**config, "pcie": {**config["pcie"], **pcie}})


def test_keys_that_differ_are_found_whatever_their_kind():
    one = {"pcie": {"lanes": 4, "tags": 32}, "switch": {"ports": [{"name": "vf0", "vlans": [1]}]}, "x": 1}
    other = {"pcie": {"lanes": 8, "tags": 32}, "switch": {"ports": [{"name": "vf0", "vlans": [1, 2]}]}, "x": True}
    assert [tuple(one) for one in differing_keys([one, other])] == [
        ("pcie.lanes", ("4", "8")),
        ("switch.ports.vf0.vlans", ("[1]", "[1, 2]")),
        ("x", ("1", "true")),
    ]
    assert [tuple(one) for one in differing_keys([{"a": 0.1 + 0.2}, {"b": "2Gbps"}])] == [
        ("a", ("0.3", "-")), ("b", ("-", "2Gbps"))
    ]  # fmt: skip
    assert flat_keys({"a": [], "b": {}}) == {"a": [], "b": {}}


def test_twenty_runs_are_compared_in_tables_that_are_not_too_wide():
    runs = [
        dataclasses.replace(with_config(lanes=2**at, **{f"key{key}": at for key in range(8)}), warnings=("w",) * at)
        for at in range(20)
    ]
    labels = [f"run {at}" for at in range(20)]
    shown = compare(runs, labels, [f"r{at}" for at in range(20)])
    assert [len(table.header) for table in shown["differences"]] == [1 + COLUMNS_IN_ONE, 1 + 4]
    assert all(len(table.rows) == 20 for table in shown["differences"])
    assert shown["outcome"].rows[2] == [
        "run 2", "13.39 ± 0.02", "1.103", "3,702 ± 4", "3,977", "0", "pcie.up, 100.0 %; 2 warnings"
    ]  # fmt: skip
    assert all(label in figure for figure, _ in shown["figures"] for label in labels)


def test_of_few_runs_the_keys_stand_one_below_the_other():
    shown = compare([with_config(lanes=4), with_config(lanes=8, tags=64)], ["a", "b"], ["r0", "r1"])
    (table,) = shown["differences"]
    assert (table.header, table.rows) == (("key", "a", "b"), [["pcie.lanes", "4", "8"], ["pcie.tags", "32", "64"]])
    assert compare([with_config()] * 2, ["a", "b"], ["r0", "r1"])["differences"] == []


def test_long_values_are_texts_which_are_broken_into_lines():
    policy = [{"port": "vf0", "destination": "02:00:00:00:00:04", "action": "deny"}]
    runs = [with_config(lanes=2**at, policy=policy if at % 2 else []) for at in range(20)]
    labels, keys = [f"run {at}" for at in range(20)], [f"r{at}" for at in range(20)]
    (many,) = compare(runs, labels, keys)["differences"]
    assert (many.header, many.texts) == (("run", "pcie.lanes", "pcie.policy"), (0, 2))
    (few,) = compare(runs[:2], labels[:2], keys[:2])["differences"]
    assert (few.header, few.texts) == (("key", "run 0", "run 1"), (0, 1, 2))


def test_a_key_of_several_stations_has_one_row():
    def with_cores(*cores):
        ports = [{"name": f"vf{at}", "cores": core, "limit": 7 if core else None} for at, core in enumerate(cores)]
        return sample_result(config={"switch": {"ports": ports}})

    few = compare([with_cores(None, None), with_cores([1], [2])], ["a", "b"], ["r0", "r1"])["differences"][0]
    assert few.rows == [
        ["switch.ports.vf0 to vf1.cores", "null", "[1], [2]"], ["switch.ports.vf0 to vf1.limit", "null", "7"]
    ]  # fmt: skip
    runs = [with_cores(*[None] * 40), with_cores(*([at] for at in range(1, 41)))]
    assert compare(runs, ["a", "b"], ["r0", "r1"])["differences"][0].rows[0] == [
        "switch.ports.vf0 to vf39.cores", "null", "[1], ..., [40]"
    ]  # fmt: skip


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ODD_TEXTS = ["no", "1e3", "0x1F", "82599", "256B", "12:30", "1.5KiB", "~", "- a", "1E5", "1_0"]
TEXTS = st.text(max_size=8) | st.sampled_from(ODD_TEXTS)
VALUES = st.recursive(
    SCALARS | TEXTS, lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXTS, one, max_size=3), max_leaves=12
)


@example({"a": 1e-05, "b": {"c": 1e16, "d": "x" * 100, "e": ["y" * 100, {"f": 1}]}})
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_a_configuration_is_written_as_yaml_that_gives_it_again(config):
    text = config_text(config)
    assert (yaml.safe_load(text) or {}) == config
    assert all(line.isprintable() for line in text.splitlines())


def test_numbers_keep_their_units_on_their_line():
    assert unbroken("a gives 30.4 Gb/s, 38.0 % more in 2 ways") == "a gives 30.4\xa0Gb/s, 38.0\xa0% more in 2 ways"
