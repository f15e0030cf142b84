"""What the page of a sweep says: knees, intervals, cuts and the trade-off, against facts worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.explore.sweep.plan import plan_sweep
from hwmodel.report.sweep.answer import answer_sentence, more_sentences, state_sentences, swept_sentence
from hwmodel.report.sweep.curves import curve_groups
from hwmodel.report.sweep.limit_map import limit_maps
from hwmodel.report.sweep.page import all_rows, key_table, point_table, whole_file
from hwmodel.report.sweep.reading import (
    FALLING,
    FALLS,
    FLAT,
    GBPS,
    LIMIT,
    MPPS,
    P50,
    P99,
    PEAK,
    RISES,
    RISING,
    UNEVEN,
    estimate_of,
    evenly,
    knee_of,
    points_of,
    read_sweep_result,
)
from hwmodel.report.sweep.tradeoff import front_of, trade_off
from hwmodel.results.explored import PENDING
from hwmodel.words.assumptions import ASSUMPTIONS
from tests.sample_sweep import FRAME, LANES, figures_of, sample_sweep, sweep_of
from tests.sweep_cases import SWEEP


@pytest.mark.parametrize(
    ("xs", "ys", "shape", "first", "last"),
    [
        ([1, 2, 4, 8], [3, 6, 12, 12.3], RISES, 2, 3),
        ([1, 2, 4, 8], [3, 6, 12, 24], RISING, 3, 3),
        (range(100), range(100), RISING, 95, 99),  # a straight line reaches 95 % at 95, which is no knee
        ([1, 2, 4, 8], [12.3, 12, 6, 3], FALLS, 0, 1),
        ([1, 2, 3], [3, 2, 1], FALLING, 0, 0),
        ([1, 2, 3], [1, 3, 2], PEAK, 1, 1),
        ([1, 2, 3], [96, 100, 99], FLAT, 0, 2),
        ([1, 2, 3], [100, 60, 100], UNEVEN, 0, 2),
        ([1, 2], [0.0, 0.0], FLAT, 0, 1),
    ],
)
def test_a_knee_is_where_a_curve_bends(xs, ys, shape, first, last):
    assert knee_of([float(x) for x in xs], [float(y) for y in ys]) == (shape, first, last)


def test_the_answer_names_the_best_point_the_knee_and_both_sides():
    """The adapter takes 10 Mpps: at 64 B the link limits below 4.1 lanes (10 Mpps * 164 B * 8 / 3.2 Gb/s a lane)."""
    reading = read_sweep_result(sample_sweep({LANES: (1, 2, 4, 8, 16), FRAME: (64,)}))
    # 4 lanes: 16 Gb/s / (164 B * 8) = 12.2 Mpps, beyond the adapter's 10: 10 Mpps * 64 B * 8 = 5.12 Gb/s.
    assert answer_sentence(reading) == (
        "Most throughput: 5.12 ± 0.10 Gb/s to VMs, 10.00 Mpps, with pcie.lanes=16; nic.pipeline limits it; "
        "the knee of pcie.lanes is at 4: larger values add at most 0.0 %; "
        "below it pcie.up limits, above it nic.pipeline."
    )
    assert swept_sentence(reading) == "5 points: pcie.lanes 1 to 16 (5 values)."
    assert more_sentences(reading) == ["Of 5 points, what limits: nic.pipeline in 3 and pcie.up in 2."]


def test_sentences_of_further_axes_begin_as_sentences_do():
    """At 8 lanes (32 Gb/s) the adapter's 10 Mpps are the limit up to 300 B: 32e9 / (8 * 400 B) = 10 Mpps."""
    sweep = sample_sweep({LANES: (4, 8), FRAME: (64, 128, 256, 512, 1024, 2048, 4096)})
    # 4096 B give 32 * 4096 / 4196 = 31.24 Gb/s, 2048 B 30.51 (98 %), 1024 B 29.15 (93 %): the knee is at 2048.
    assert more_sentences(read_sweep_result(sweep))[0] == (
        "The knee of workload.frame_bytes (with pcie.lanes=8) is at 2048: larger values add at most 2.4 %; "
        "below it mostly nic.pipeline limits, above it pcie.up."
    )


def test_a_curve_that_still_rises_has_no_knee():
    reading = read_sweep_result(sample_sweep())
    assert answer_sentence(reading).endswith(
        "pcie.lanes has no knee: its last step, 4 to 8, still adds 100.0 %; pcie.up limits throughout."
    )
    assert more_sentences(reading) == ["pcie.up limits all 4 points."]


def test_the_load_is_no_knob_so_its_knee_comes_later():
    reading = read_sweep_result(sample_sweep({FRAME: (64, 1518), LANES: (1, 2, 4, 8)}))
    # 64 B: the adapter's 10 Mpps; 1518 B: 8 lanes * 4 Gb/s * 1518 / 1618; of these nobody chooses one.
    assert answer_sentence(reading) == (
        "Most throughput of 2 workloads, each with pcie.lanes=8: "
        "5.12 ± 0.10 Gb/s to VMs, 10.00 Mpps at workload.frame_bytes=64 (nic.pipeline limits) to "
        "30.02 ± 0.60 Gb/s to VMs, 2.47 Mpps at workload.frame_bytes=1518 (pcie.up limits); "
        "pcie.lanes (with workload.frame_bytes=1518) has no knee: its last step, 4 to 8, still adds 100.0 %; "
        "pcie.up limits throughout."
    )
    assert more_sentences(reading)[0].startswith("workload.frame_bytes (with pcie.lanes=8) has no knee")
    # Least latency: 3 * (2000 / 8 + 64) ns; 5.12 Gb/s as above.
    assert "Least latency: p99 942 ± 31 ns, at 5.12 Gb/s, with workload.frame_bytes=64 and pcie.lanes=8" in " ".join(
        more_sentences(reading)
    )


def rings_sweep(gbps):
    """Return a sweep over rings and frames with the throughputs `gbps[ring, frame_bytes]`."""
    axes = {"nic.rx_ring": tuple(dict.fromkeys(ring for ring, _ in gbps)), FRAME: (128, 1518)}
    rows = sample_sweep(axes).rows
    assert [tuple(row.axes.values()) for row in rows] == list(gbps)
    return sweep_of(
        [replace(row, figures={GBPS: value, LIMIT: "pcie.up"}) for row, value in zip(rows, gbps.values(), strict=True)],
        axes,
    )


def test_a_workload_of_which_nothing_could_be_measured_is_not_among_those_named():
    """Of the one design windows are too short at 128 B: there is one throughput, not a range of them."""
    sweep = rings_sweep({(64, 128): None, (64, 1518): 20.0, (80, 128): None, (80, 1518): 26.0})
    assert answer_sentence(read_sweep_result(sweep)).startswith(
        "Most throughput (among 2 of 4 points; the others' windows are too short for rates) of 2 workloads, each with "
        "nic.rx_ring=80: 26.00 Gb/s to VMs at workload.frame_bytes=1518 (pcie.up limits); "
    )


def test_a_sentence_on_an_axis_has_its_condition_and_where_the_axis_matters_most():
    sweep = rings_sweep({(64, 128): 3.0, (64, 1518): 25.7, (80, 128): 4.02, (80, 1518): 26.0})
    # 1 - 25.7 / 26 = 1.2 % with long frames, 4.02 / 3 = 1.34 with short ones.
    assert answer_sentence(read_sweep_result(sweep)) == (
        "Most throughput of 2 workloads, each with nic.rx_ring=80: 4.02 Gb/s to VMs at workload.frame_bytes=128 "
        "(pcie.up limits) to 26.00 Gb/s to VMs at workload.frame_bytes=1518 (pcie.up limits); "
        "nic.rx_ring (with workload.frame_bytes=1518) changes the throughput by no more than 1.2 %; "
        "pcie.up limits throughout; where it matters most, with workload.frame_bytes=128, "
        "there is 34.0 % more at 80 than at 64."
    )


def test_the_best_is_named_for_each_workload_where_no_design_is_best_for_all():
    sweep = rings_sweep({(64, 128): 4.0, (64, 1518): 20.0, (80, 128): 3.0, (80, 1518): 26.0})
    assert answer_sentence(read_sweep_result(sweep)).startswith(
        "Most throughput by workload: 4.00 Gb/s to VMs at workload.frame_bytes=128 by nic.rx_ring=64 (pcie.up limits); "
        "26.00 Gb/s to VMs at workload.frame_bytes=1518 by nic.rx_ring=80 (pcie.up limits); "
        "nic.rx_ring=64 gives at least 76.9 % of that in each; "
    )


def test_seeds_are_one_point_with_students_interval():
    [point] = points_of(sample_sweep({LANES: (4,)}, n_seeds=3))
    gbps = figures_of(4)["totals.gbps"]
    found = point.estimate(GBPS)
    assert found is not None and found.value == pytest.approx(1.02 * gbps)
    # Three figures 1, 1.02, 1.04: standard deviation 0.02; t(2) = 4.30265.
    assert found.interval == pytest.approx([(1.02 + sign * 4.302653 * 0.02 / sqrt(3)) * gbps for sign in (-1, 1)])
    [alone] = points_of(sample_sweep({LANES: (4,)}))
    assert alone.estimate(GBPS) == pytest.approx((gbps, 0.99 * gbps, 1.02 * gbps))


def test_seeds_that_change_nothing_keep_their_runs_interval():
    """A third of three sevenths added up is not a seventh of one in binary: no spread over seeds for that."""
    for value in (26.4742857142857, 0.1, 1 / 7):
        ends = {"intervals.totals.gbps.low": 0.4 * value, "intervals.totals.gbps.high": 2.8 * value}
        runs = tuple(replace(row, figures={GBPS: value, **ends}) for row in sample_sweep({LANES: (1,)}, 3).rows)
        found = estimate_of(runs, GBPS)
        assert found is not None and found.interval == pytest.approx((0.4 * value, 2.8 * value), abs=1e-12)


def test_a_means_interval_is_no_narrower_than_its_runs_on_each_side():
    """Two runs of (4, 40) around 14: on average 10 below and 26 above, by the root of two less for their mean."""
    ends = {"intervals.totals.gbps.low": 4.0, "intervals.totals.gbps.high": 40.0}
    pair = zip(sample_sweep({LANES: (1,)}, 2).rows, (13.99, 14.01), strict=True)
    found = estimate_of(tuple(replace(row, figures={GBPS: value, **ends}) for row, value in pair), GBPS)
    assert found is not None and found.interval == pytest.approx((14 - 10 / sqrt(2), 14 + 26 / sqrt(2)))


def test_a_seed_that_failed_leaves_the_others():
    sweep = sample_sweep({LANES: (4,)}, n_seeds=2, failures={1: "no room"})
    [point] = points_of(sweep)
    assert (point.status, point.error, len(point.done)) == ("done", "no room", 1)
    assert state_sentences(read_sweep_result(sweep)) == ["1 of 2 runs failed; their errors are in the table of points."]
    [row] = point_table(read_sweep_result(sweep)).rows
    assert row.cells[-1].text == "pcie.up (1 of 2 runs failed: no room)"


def test_without_a_run_that_is_done_the_first_error_is_the_answer():
    failed = read_sweep_result(sample_sweep(failures=dict.fromkeys(range(4), "no <room>\n")))
    assert answer_sentence(failed) == "No run is done; the first that failed: no <room>\\n."
    assert not list(curve_groups(failed)) and not limit_maps(failed) and trade_off(failed) is None
    rows = [replace(row, status=PENDING, figures={}) for row in sample_sweep().rows]
    pending = read_sweep_result(sweep_of(rows, {LANES: (1, 2, 4, 8)}))
    assert answer_sentence(pending) == "No run is done yet."
    assert state_sentences(pending) == ["4 of 4 runs are not made yet: what follows is of the others."]


def test_points_without_a_rate_are_told():
    rows = [
        replace(row, figures=row.figures | {GBPS: None}) if at < 2 else row
        for at, row in enumerate(sample_sweep().rows)
    ]
    reading = read_sweep_result(sweep_of(rows, {LANES: (1, 2, 4, 8)}))
    too_little = "nothing arrived in the window, or too little for one (run.duration)"
    assert state_sentences(reading) == [f"2 of 4 points gave no throughput: {too_little}."]


@pytest.mark.parametrize(("p50_ns", "n_figures"), [(500.0, 1), (None, 0)])
def test_points_with_a_median_at_most_have_no_best_and_no_empty_figures(p50_ns, n_figures):
    none = dict.fromkeys((GBPS, MPPS, P99)) | {P50: p50_ns}
    rows = [replace(row, figures=row.figures | none) for row in sample_sweep().rows]
    reading = read_sweep_result(sweep_of(rows, {LANES: (1, 2, 4, 8)}))
    nothing = "nothing arrived in the window, or too little"
    assert answer_sentence(reading) == f"No point gave a throughput or a p99 latency: {nothing}."
    assert sum(len(group.drawings) for group in curve_groups(reading)) == n_figures
    assert all(group.drawings for group in curve_groups(reading))
    assert point_table(reading).marked == -1


def test_the_axis_that_changes_most_is_first_and_others_are_held_at_the_best_point():
    """Rings change nothing here; lanes change the throughput by 15/16, frames by less."""
    axes = {"nic.rx_ring": (64, 128), FRAME: (256, 512, 1518), LANES: (1, 4, 16)}
    reading = read_sweep_result(sample_sweep(axes))
    assert [axis.key for axis in reading.axes] == [LANES, FRAME, "nic.rx_ring"]
    first = next(curve_groups(reading))
    assert (first.title, first.note) == ("Along pcie.lanes", "Held at the best point's values: nic.rx_ring=64.")


def test_axes_in_step_are_one():
    rows = [replace(row, axes={**row.axes, "nic.tx_ring": 64 * row.axes[LANES]}) for row in sample_sweep().rows]
    reading = read_sweep_result(sweep_of(rows, {LANES: (1, 2, 4, 8), "nic.tx_ring": (64, 128, 256, 512)}))
    assert swept_sentence(reading) == "4 points: pcie.lanes 1, 2, 4 and 8, with nic.tx_ring in step."
    assert [group.title for group in curve_groups(reading)] == ["Along pcie.lanes"]


def test_the_data_of_a_figure_is_the_table():
    sweep = sample_sweep({LANES: (8, 1, 2), FRAME: (64, 1518)}, n_seeds=2)
    groups = list(curve_groups(read_sweep_result(sweep)))
    assert [group.title for group in groups] == ["Along pcie.lanes", "Along workload.frame_bytes"]
    p99 = groups[0].drawings[3]
    header, *rows = p99.rows
    assert header == (FRAME, LANES, P99, f"{P99}.low", f"{P99}.high", "closed_form.unloaded_latency_ns")
    assert [row[:2] for row in rows] == [(frame, lanes) for frame in (64, 1518) for lanes in (1, 2, 8)]
    for frame, lanes, mean, low, high, alone in rows:
        one, other = (figures_of(lanes, frame, more)[P99] for more in (1, 1.02))
        assert mean == pytest.approx((one + other) / 2) and high - mean == pytest.approx(mean - low)
        assert high - low == pytest.approx(12.706205 * (other - one))  # t(1), s = d / sqrt 2, half = t s / sqrt 2
        assert alone == figures_of(lanes, frame)["closed_form.unloaded_latency_ns"]


def test_the_map_has_every_cell_and_a_letter_for_each_limit():
    frames, lanes = (64, 128, 256), (1, 8)
    sweep = sample_sweep({LANES: lanes, FRAME: frames}, failures={0: "x"})
    [drawn] = limit_maps(read_sweep_result(sweep))
    header, *cells = drawn.rows
    assert header == (FRAME, LANES, "bottleneck.resource", "status")
    assert {row[:2]: row[2] for row in cells[1:]} == {
        (frame, lane): figures_of(lane, frame)["bottleneck.resource"]
        for lane in lanes for frame in frames if (lane, frame) != (1, 64)
    }  # fmt: skip
    assert cells[0] == (64, 1, "", "failed")
    words = re.findall(r">([^<>]+)</text>", drawn.svg)
    assert words.count("A") == 3 and words.count("B") == 2 and words.count("×") == 1
    assert {"A  nic.pipeline", "B  pcie.up", "×  failed"} <= set(words)


def test_of_a_third_axis_there_is_a_map_for_each_value():
    maps = limit_maps(read_sweep_result(sample_sweep({LANES: (1, 8), FRAME: (64, 128), "nic.vfs": (1, 2, 4, 8, 16)})))
    assert [drawn.caption for drawn in maps] == [f"What limits the throughput, nic.vfs={n}" for n in (1, 2, 8, 16)]
    assert len(maps[0].rows) == 1 + 4


def test_the_front_weighs_throughput_against_the_link():
    found = trade_off(read_sweep_result(sample_sweep({LANES: (4, 1, 2, 32, 16), FRAME: (64, 128)})))
    assert found is not None
    # At 128 B the adapter's 10 Mpps are 10.24 Gb/s: 16 lanes reach it, 32 cost more for the same.
    assert [row[0] for row in found.table.rows] == [
        f"pcie.lanes={n} and workload.frame_bytes=128" for n in (1, 2, 4, 16)
    ]
    assert [row[1] for row in found.table.rows] == ["5.00", "10.0", "20.0", "80.0"]  # GT/s: 5 a lane, Gen2
    assert "With workload.frame_bytes=128." in found.drawing.note
    # The same link everywhere: throughput against latency, and more frames a second of one length cost nothing here.
    same = trade_off(read_sweep_result(sample_sweep({"nic.rx_ring": (64, 128)})))
    assert same is not None and same.table.header[1] == "p99 latency, µs" and len(same.table.rows) == 1


def test_the_front_weighs_throughput_against_the_costs_of_the_file():
    """At 128 B 2 lanes carry 4.5 Gb/s (4 Gb/s a lane, 228 B a frame), 8 and 16 as much as 10 Mpps: the cheaper wins."""
    sweep = sample_sweep({LANES: (2, 8, 16), FRAME: (64, 128)})
    costs = {2: 7.5, 8: 30.0, 16: 20.0}
    sweep = replace(sweep, rows=tuple(replace(row, cost=costs[row.axes[LANES]]) for row in sweep.rows))
    reading = read_sweep_result(sweep)
    found = trade_off(reading)
    assert found is not None and found.table.header[1] == "cost"
    assert [row[:2] for row in found.table.rows] == [
        ["pcie.lanes=2 and workload.frame_bytes=128", "7.5"], ["pcie.lanes=16 and workload.frame_bytes=128", "20"],
    ]  # fmt: skip
    assert found.drawing.note.endswith("added up over the axes. With workload.frame_bytes=128.")
    table = point_table(reading)
    assert table.header[:4] == ("point", "pcie.lanes", "workload.frame_bytes", "cost")
    assert [row.cells[3].text for row in table.rows] == ["7.5", "7.5", "30", "30", "20", "20"]
    assert [row[3] for row in all_rows(reading)] == ["cost", "7.5", "7.5", "30", "30", "20", "20"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_nothing_beats_a_point_of_the_front_and_something_beats_all_others(pairs):
    front = front_of(pairs)

    def beats(one, other):
        return one[0] <= other[0] and one[1] >= other[1] and one != other

    for at, pair in enumerate(pairs):
        is_best = not any(beats(other, pair) for other in pairs)
        assert (at in front) == (is_best and pairs.index(pair) == at)


@given(st.integers(1, 40), st.integers(2, 8), st.integers(0, 39))
def test_an_even_choice_keeps_both_ends_and_what_is_wanted(n, most, wanted):
    chosen = evenly(list(range(n)), most, wanted)
    assert len(chosen) == min(n, most) and chosen == sorted(set(chosen))
    if most > 2:
        assert chosen[0] == 0 and chosen[-1] == n - 1
        assert wanted in chosen or wanted >= n


def test_points_on_no_common_line_stand_side_by_side():
    points = [
        {LANES: 1, FRAME: 64, "nic.vfs": 1},
        {LANES: 2, FRAME: 128, "nic.vfs": 1},
        {LANES: 4, FRAME: 64, "nic.vfs": 2},
    ]
    made = [sample_sweep({LANES: (point[LANES],), FRAME: (point[FRAME],)}).rows[0] for point in points]
    rows = [replace(row, number=at, axes=point) for at, (row, point) in enumerate(zip(made, points, strict=True))]
    reading = read_sweep_result(sweep_of(rows, {LANES: (1, 2, 4), FRAME: (64, 128), "nic.vfs": (1, 2)}))
    [group] = curve_groups(reading)
    assert group.title == "The points"
    header, *data = group.drawings[0].rows
    at = [header.index(key) for key in points[0]]
    # By throughput: 5.12 Gb/s (10 Mpps), 8 Gb/s / (228 B * 8) * 1024 bit = 4.49, 4 Gb/s / (164 B * 8) * 512 bit = 1.56.
    assert [tuple(row[one] for one in at) for row in data] == [(4, 64, 2), (2, 128, 1), (1, 64, 1)]


def test_all_points_are_in_the_file_with_their_errors():
    sweep = sample_sweep({LANES: (1, 2)}, n_seeds=2, failures={2: "a", 3: "b"})
    header, first, second = all_rows(read_sweep_result(sweep))
    at = dict(zip(header, first, strict=True))
    assert (at["point"], at[LANES], at["runs"], at["done"], at["status"], at["error"]) == (0, 1, 2, 2, "done", "")
    assert float(at[GBPS]) == pytest.approx(1.01 * figures_of(1)[GBPS])
    failed = dict(zip(header, second, strict=True))
    assert (failed[LANES], failed[GBPS], failed["status"], failed["error"]) == (2, None, "failed", "a")


def test_quantities_are_sorted_by_what_they_are():
    axes = {"port.rate": ("10Gbps", "900Mbps"), "nic.rx_ring": (64, 128)}
    table = point_table(read_sweep_result(sample_sweep(axes)))
    assert [row.cells[1] for row in table.rows[::2]] == [("10Gbps", "10000000000"), ("900Mbps", "900000000")]
    assert table.texts == (8,)  # "limited by" alone


def test_a_legend_names_its_axis_without_the_unit_that_its_values_have():
    axes = {"scenario.0.at": ("4500us", "6ms"), "run.clocks": ("20ppm", "50ppm", "100ppm")}
    reading = read_sweep_result(sample_sweep(axes))
    assert {axis.label for axis in reading.axes} == {"scenario.0.at, ms", "run.clocks, ppm"}
    svgs = "".join(group.drawings[0].svg for group in curve_groups(reading))
    drawn = re.findall(r">([^<>]+)</text>", svgs)
    assert {"scenario.0.at", "scenario.0.at, ms", "run.clocks", "run.clocks, ppm", "20ppm"} <= set(drawn)


def test_the_whole_file_is_the_same_sweep(tmp_path):
    plan = plan_sweep({**SWEEP, "set": {"nic.rx_ring": 128}, "where": "pcie.lanes < 4"}, {"nic.tx_ring": 256})
    sweep = replace(sample_sweep(), source=plan.sweep.study.data, base=plan.base.data)
    path = tmp_path / "again.yaml"
    path.write_text(whole_file(sweep), encoding="utf-8")
    again = plan_sweep(path)
    assert again.sweep_hash == plan.sweep_hash and len(again.points) == len(plan.points)


def test_every_key_says_where_its_value_is_from():
    sources = {row[0]: row[2] for row in key_table(sample_sweep(), None).rows}
    assert sources[LANES] == "varies in this sweep"
    assert sources["pcie.generation"] == "written in the sweep or its base"
    assert sources["pcie.max_payload"] == "preset of adapter or driver, or default"


def test_the_assumptions_are_those_of_the_user_guide():
    with open("docs/guide/assumptions.md", encoding="utf-8") as file:
        lines = [line for line in file if line.startswith("| ")]
    cells = [line.strip("| \n").split(" | ") for line in lines if not line.startswith("| assumption |")]

    def words(text: str) -> str:
        text = re.sub(r"<!--.*?-->| \(\[below\]\(.*?\)\)|`", "", text)
        return re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text)

    def sources(text: str) -> str:
        links = re.findall(r"\[(.*?)\]\(\.\./(.*?)\)", text)
        return "; ".join(f"{name} (docs/{path})" for name, path in links)

    assert [tuple(one) for one in ASSUMPTIONS] == [(words(one), words(bound), sources(at)) for one, bound, at in cells]
