"""`hwmodel compare --over`: each value is the comparison there, crossings are those of the closed form."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel import limits
from hwmodel.cli import main
from hwmodel.cli.arguments import COMPARED_OVER
from hwmodel.config import load_config
from hwmodel.errors import InputError
from hwmodel.explore import compare, compare_over
from hwmodel.explore.over import CLOSE, OVER, ROUNDS, Turn
from hwmodel.report.finding_page import way_figure
from hwmodel.results import Curves, WayFigures
from hwmodel.results.comparison_text import curve_rows, value_words
from tests.test_explore_ways import BY_HAND, SHORT

LENGTHS = (512, 1024)
LONGER = {**SHORT, "run.warmup": "1ms", "run.duration": "3ms"}


@cache
def over_lengths() -> Curves:
    return compare_over(load_config("compare_10g", LONGER), "frame_bytes", LENGTHS)


@cache
def over_lanes() -> Curves:
    changes = {**SHORT, "nic.vfs": 2, "bridge": None, "switch.mode": "veb"}
    return compare_over(load_config("compare_10g", changes), "lanes", [1, 8, 3])


def closed_form_gbps(way: str, frame_bytes: int) -> float:
    changes = {**SHORT, **BY_HAND[way], "workload.frame_bytes": frame_bytes}
    return float(limits(load_config("compare_10g", changes)).gbps)


def test_the_names_on_the_command_line_are_those_that_there_are() -> None:
    assert tuple(OVER) == COMPARED_OVER


def test_each_value_is_the_comparison_there() -> None:
    first = over_lengths().points[0]
    alone = compare(load_config("compare_10g", {**LONGER, "workload.frame_bytes": LENGTHS[0]}))
    # What gets past policy is not asked at each value.
    assert [replace(one, forbidden=()) for one in alone.ways] == [*first.ways]
    assert first.left_out == alone.left_out
    assert [point.value for point in over_lengths().points if point.is_asked] == [*LENGTHS]


@pytest.mark.parametrize("below", ["vepa", "e_tag"])
def test_a_crossing_is_that_of_the_closed_form(below: str) -> None:
    """Below it the hypervisor's cores limit VMDq, above it the wire what goes out to the bridge."""
    low, high = LENGTHS
    while high - low > 1:
        middle = (low + high) // 2
        leads = closed_form_gbps("vmdq", middle) > closed_form_gbps(below, middle)
        low, high = (low, middle) if leads else (middle, high)
    (crossing,) = [each for each in over_lengths().crossings if (each.below, each.above) == (below, "vmdq")]
    assert crossing.at == pytest.approx(high, rel=0.03)
    assert crossing.between[0] < crossing.at < crossing.between[1]
    # The hypervisor's four, and the guests', which spend on each frame what its driver does: 872 of some 1151 ns.
    assert crossing.cores["vmdq"] == pytest.approx(4 * (1 + 872 / 1151), rel=0.06) and 1 < crossing.cores[below] < 3.5


def test_ways_that_stay_alike_do_not_cross() -> None:
    pairs = {(each.below, each.above) for each in over_lengths().crossings if "vswitch" not in each.below + each.above}
    assert pairs == {(below, "vmdq") for below in ("vepa", "s_channel", "vn_tag", "e_tag")}


def test_a_value_that_cannot_be_is_left_out_with_the_reason() -> None:
    found = over_lanes()
    assert [(point.value, bool(point.failure)) for point in found.points] == [(1, False), (3, True), (8, False)]
    assert "Left out: x3: pcie.lanes: 3" in found.summary()
    assert "Left out: vepa: needs a bridge" in found.summary()
    assert [row[0] for row in curve_rows(found)[1]] == ["x1", "x8"]


def test_the_first_sentence_says_which_gives_most_and_the_second_where() -> None:
    first, *others = over_lengths().summary().splitlines()[:4]
    assert first == "vepa, s_channel, vn_tag and e_tag give most at 512 B; vswitch_pointer gives most at 1,024 B."
    for way, line in zip(("vswitch_pointer", "vswitch_copy", "vmdq"), others, strict=True):
        told = re.fullmatch(rf"{way} gives more than ((\w+ above \d+ B(, | and )?)+)\. At (\d+) B it keeps .*", line)
        assert told is not None
        at = [int(each) for each in re.findall(r"above (\d+) B", told[1])]
        assert at == sorted(at) and at[0] == int(told[4]) and LENGTHS[0] < at[0] <= at[-1] < LENGTHS[1]
    assert str(over_lengths()) == first


@pytest.mark.parametrize(
    ("over", "value", "words"),
    [("frame_bytes", 1518, "1,518 B"), ("vms", 1, "1 VM"), ("vms", 16, "16 VMs"), ("east_west_share", 0.255, "25.5 %"),
     ("lanes", 16, "x16"), ("cores", 1, "1 core"), ("cores", 4, "4 cores")],
)  # fmt: skip
def test_values_are_written_with_their_unit(over: str, value: float, words: str) -> None:
    assert value_words(over, value) == words


@given(
    zero=st.floats(70, 1500),
    lower=st.floats(1.03, 2),
    higher=st.floats(1.03, 2),
    steepness=st.floats(0.2, 4),
    rise=st.floats(1e-3, 1e2),
)
def test_a_crossing_of_smooth_curves_is_found(
    zero: float, lower: float, higher: float, steepness: float, rise: float
) -> None:
    """Between values of which each is up to twice the one before it, as those that are there where none are said."""

    def difference(value: float) -> float:
        return rise * ((value / zero) ** steepness - 1)

    turn = Turn(("one", "other"), zero / lower, zero * higher, difference(zero / lower), difference(zero * higher))
    for _ in range(ROUNDS):
        if turn.is_close(1):
            break
        value = turn.next_value(1)
        assert turn.low < value < turn.high
        turn.learn(value, difference(value))
    assert turn.estimate == pytest.approx(zero, rel=0.03, abs=1), CLOSE


def figures(gbps: float | None, half: float = 0.0) -> WayFigures:
    of_any: Any = over_lengths().points[0].ways[0]
    interval = None if gbps is None else (gbps - half, gbps + half)
    names = (name for name in WayFigures.__slots__ if name not in ("gbps", "gbps_interval"))
    return WayFigures(gbps=gbps, gbps_interval=interval, **{name: getattr(of_any, name) for name in names})


def test_alike_are_ways_within_one_percent_or_chance() -> None:
    assert figures(10.0).lead_over(figures(9.901)) == 0 and figures(10.0).lead_over(figures(9.899)) > 0.1
    assert figures(9.0).lead_over(figures(10.0)) == -1
    assert figures(10.0, 0.3).lead_over(figures(9.6, 0.4)) == 0  # 0.4 is below the root of 0.09 + 0.16
    assert figures(10.0, 0.3).lead_over(figures(9.4, 0.4)) == pytest.approx(0.6)
    assert figures(None).lead_over(figures(9.4)) == 0


def test_ways_that_only_chance_makes_alike_are_said_to_be() -> None:
    chancy = "As much: within what chance makes likely (their 95 % intervals)."
    found = over_lengths()
    for half, is_said in ((0.9, True), (0.0, False)):
        ways = (figures(2.5, half), replace(figures(1.7, half), way="other"), replace(figures(0.1), way="third"))
        summary = replace(found, points=(replace(found.points[0], ways=ways),)).summary()
        assert (chancy in summary) == is_said


def test_where_windows_are_too_short_no_way_is_said_to_give_as_much() -> None:
    """23.9 and 17.6 +/- 10.7 Gb/s may be the same, and may not; at the first value one gives more for certain."""
    known = (figures(24.1, 3.7), replace(figures(3.2, 1.4), way="other"))
    unknown = (figures(23.9, 1.7), replace(figures(17.6, 10.7), way="other"))
    alike = (figures(23.9, 0.1), replace(figures(23.8, 0.1), way="other"))
    points = tuple(
        replace(over_lengths().points[0], value=value, ways=ways)
        for value, ways in ((64, known), (128, unknown), (256, unknown), (512, alike))
    )
    found = replace(over_lengths(), points=points, crossings=())
    first, second, *_ = found.summary().splitlines()
    name = known[0].way
    assert first == (
        f"{name} gives most at 64 B; which way gives most is not known from 128 B to 256 B; all ways give the same at "
        "512 B."
    )
    assert second == "A longer run.duration tells."
    assert [row[-1] for row in curve_rows(found)[1]] == [name, "-", "-", f"{name}, other"]


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, page = tmp_path / "over.json", tmp_path / "over.html"
    changes = [f"--set={key}={value}" for key, value in {**SHORT, "nic.vfs": 2, "bridge": "null"}.items()]
    # By this process: others have clocks of their own where they are no copies of it.
    arguments = ["compare", "compare_10g", *changes, "--set=switch.mode=veb", "--over", "lanes=1,8,3", "--jobs", "1"]
    assert main([*arguments, "--json", str(path), "--report", str(page)]) == 0
    assert capsys.readouterr().out == over_lanes().summary()
    document = json.loads(path.read_text())
    assert (document["over"], document["key"]) == ("lanes", "pcie.lanes")
    assert [point["value"] for point in document["points"]] == [1, 3, 8]
    assert {"way", "gbps", "gbps_interval", "cpu_cores"} <= document["points"][0]["ways"][0].keys()
    assert page.read_text().count("<svg") >= 1 and "lanes=1,3,8" in page.read_text()


def test_each_way_has_a_line_that_no_other_has() -> None:
    drawn = way_figure(over_lengths())
    assert all(way in drawn for way in BY_HAND)
    strokes = re.findall(r'<path [^>]*style="fill: none; stroke: ([^;"]+); stroke-width: 1.4', drawn)
    assert len(strokes) == 2 * len(BY_HAND), "each once among the lines and once in the legend"
    assert len(set(strokes)) == len(BY_HAND)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("packets", "'packets' is none of frame_bytes, vms, east_west_share, lanes, cores"),
        ("lanes=4,x", "'x' is not a number, like those of lanes=64,512,1518"),
        ("cores=1000000", "'1000000' has more than six digits"),
    ],
)
def test_bad_input_is_one_line(text: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", "compare_10g", "--over", text])
    assert ended.value.code == 2 and line in capsys.readouterr().err


def test_no_way_at_any_value_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no way is left at lanes 3: pcie\.lanes: 3"):
        compare_over("compare_10g", "lanes", [3])
    with pytest.raises(InputError, match=r"no way is left at east_west_share 1\.5: it is a share of all frames"):
        compare_over("compare_10g", "east_west_share", [1.5])
    with pytest.raises(InputError, match="none of frame_bytes"):
        compare_over("compare_10g", "colour")
