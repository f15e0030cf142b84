"""Axes of sweeps and knobs of sizings: one way to write values, ranges, costs, and one to say what is wrong."""

from __future__ import annotations

import pytest

from hwmodel.errors import InputError
from hwmodel.explore.study.axes import costs_per_unit, read_axis, refuse_repeats, total_cost
from hwmodel.explore.study.document import read_study
from hwmodel.explore.sweep.plan import plan_sweep


def axis_of(written, key="nic.rx_buffer"):
    """Read one axis; return its values and costs, or the messages of what is wrong."""
    study = read_study({"grid": {key: written}}, "sweep")
    axis = read_axis(study, "grid", key)
    if study.problems:
        return [problem.message for problem in study.problems]
    return axis.values, axis.costs


@pytest.mark.parametrize(
    ("written", "values", "costs"),
    [
        ([1, 2], (1, 2), None),
        ({"values": [1, 2]}, (1, 2), None),
        ({"values": [4, 1], "cost": 2.5}, (4, 1), (10, 2.5)),
        ({"values": ["64KiB", "128KiB"], "cost": 0.1}, ("64KiB", "128KiB"), (6.4, 12.8)),
        ({"values": [True, "x", None], "costs": [0, 1.5, 2]}, (True, "x", None), (0, 1.5, 2)),
        ({"from": 1, "to": 4, "times": 2, "cost": 3}, (1, 2, 4), (3, 6, 12)),
        # A unit is that of the range as it is written, whatever unit reads best for a value of it.
        ({"from": "512B", "to": "2048B", "times": 2, "cost": 0.5}, ("512B", "1KiB", "2KiB"), (256, 512, 1024)),
        ({"from": 0.1, "to": 0.3, "step": 0.1, "cost": 10}, (0.1, 0.2, 0.3), (1, 2, 3)),
        ({"from": 1, "to": 2, "steps": 2, "costs": [7, 0]}, (1, 2), (7, 0)),
    ],
)
def test_what_is_read(written, values, costs):
    assert axis_of(written) == (values, costs)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (4, ["4 is no list of values; write it like [4]"]),
        ({"values": 4}, ["4 is no list of values; write it like [4]"]),
        ([], ["no value is in it"]),
        ({}, ["neither a list of values nor a range; write"]),
        ({"lanes": [1, 2]}, ["neither a list of values nor a range (inner keys are written with dots"]),
        ({"cost": 3}, ["values is missing"]),
        ({"from": 1, "to": 4, "stp": 1}, ["unknown key (did you mean step?)", "one of step, steps and times"]),
        ({"values": [1], "from": 1}, ["beside values"]),
        ({"values": [1, 2], "cost": 1, "costs": [1, 2]}, ["beside cost"]),
        ({"values": [1, 2], "costs": [1, 2, 3]}, ["3 costs for 2 values; one for each"]),
        ({"values": [1, 2], "costs": [1]}, ["1 cost for 2 values; one for each"]),
        ({"values": [1, 2], "costs": 3}, ["3 is not a list"]),
        ({"values": [1, 2], "costs": [True, -1]}, ["true is no cost", "-1 is no cost"]),
        ({"values": ["kernel"], "cost": 1}, ["'kernel' is no number that a cost could multiply"]),
        ({"values": [-1], "cost": 1}, ["-1 is no number that a cost could multiply"]),
        ({"values": ["1KiB", "1MiB"], "cost": 1}, ["a cost is for one unit, and the values have KiB and MiB"]),
        (
            {"from": "64B", "to": "1KiB", "times": 2, "cost": 1},
            ["a cost is for one unit, and the values have B and KiB"],
        ),
    ],
)
def test_what_is_wrong_is_said(written, said):
    found = axis_of(written)
    assert len(found) == len(said), found
    assert all(message.startswith(start) for message, start in zip(found, said, strict=True)), found


def test_two_spellings_are_one_value_and_sets_of_values_may_share_some():
    study = read_study({"zip": {"a.b": ["1KiB", "1024B", "1KiB"], "c.d": [1, 1, 2]}}, "sweep")
    axes = [read_axis(study, "zip", key) for key in ("a.b", "c.d")]
    refuse_repeats(study, axes)
    assert [problem.message for problem in study.problems] == ["a.b '1024B', c.d 1 is there already, as number 1 of 3"]


def test_a_block_that_stands_twice_is_named_whole():
    study = read_study({"grid": {"pcie": [{"lanes": 4}, {"lanes": 4}]}}, "sweep")
    refuse_repeats(study, [read_axis(study, "grid", "pcie")])
    assert [problem.message for problem in study.problems] == ['pcie {"lanes": 4} is there already, as number 1 of 2']


def test_costs_are_for_a_unit_as_written():
    assert costs_per_unit(["64KiB", "128KiB"], 0.5) == (32, 64)
    assert costs_per_unit([3, 2.5], 0.1) == (0.3, 0.25)  # three tenths, without the digits of binary fractions
    assert total_cost([0.1, 0.2]) == 0.3


def test_a_long_range_of_wrong_values_is_a_few_lines():
    study = read_study({"base": {}}, "sweep")
    for number in range(100):
        study.complain(("base",), f"{number} is wrong")
    with pytest.raises(InputError) as caught:
        study.raise_problems()
    assert [line.rpartition(": ")[2] for line in caught.value.lines] == [
        "0 is wrong", "1 is wrong", "2 is wrong", "and 97 more like these"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "set_", "overrides", "said"),
    [
        ({"pcie.lanes": [1, 2]}, {}, ["pcie={lanes: 8}"], "grid.pcie.lanes: --set gives it"),
        ({"pcie.lanes": [1, 2]}, {}, {"pcie": {"lanes": 8}}, "grid.pcie.lanes: --set gives it"),
        ({"pcie": [{"lanes": 1}, {"lanes": 2}]}, {"pcie.lanes": 8}, None, "grid.pcie: `set` gives pcie.lanes"),
        ({"pcie": [{"lanes": 1}, {"lanes": 2}]}, {}, ["pcie.lanes=8"], "grid.pcie: --set gives pcie.lanes"),
        # Of these each has an effect, on some points at least.
        ({"pcie.lanes": [1, 2]}, {"pcie.tags": 8}, ["pcie={generation: 3}"], ""),
        ({"pcie": [{"lanes": 1}, {"tags": 8}]}, {"pcie.lanes": 8}, ["pcie={generation: 3}"], ""),
    ],
)  # fmt: skip
def test_a_key_with_one_value_for_all_is_refused_however_it_is_written(axis, set_, overrides, said):
    sweep = {"base": {}, "set": set_, "grid": axis}
    if not said:
        plan_sweep(sweep, overrides)
        return
    with pytest.raises(InputError) as refusal:
        plan_sweep(sweep, overrides)
    said = f"sweep: {said} one value, and here it varies; leave it out of one of them"
    assert refusal.value.lines == [said]
