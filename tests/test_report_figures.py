"""The figures: what they show can be read back from the SVG, in any of the shapes that data come in."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from hwmodel.report import figures
from hwmodel.report.figures import GRID, INK, PANEL, drawing_style, missing_extra
from tests.sample_result import sample_latency


def words_of(svg: str) -> list[str]:
    """Return the texts of an SVG element, which must be well-formed XML once its one prefix is declared."""
    root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    return [text for element in root.iter("text") if (text := "".join(element.itertext()).strip())]


def numbers_in(words: list[str]) -> set[float]:
    return {float(word.replace(",", "")) for word in words if re.fullmatch(r"-?[\d,]*\.?\d+", word)}


def test_bars_carry_names_and_values():
    words = words_of(figures.bars("k", ["vf0 → vf1", "vf1 → vf0"], [1.674, 0.25], "throughput, Gb/s", "Flows"))
    assert {"vf0 → vf1", "vf1 → vf0", "1.67", "0.250", "throughput, Gb/s"} <= set(words)


def test_counts_are_written_whole():
    assert {"3", "2,016"} <= set(words_of(figures.bars("k", ["A", "B"], [3, 2016], "frames", "Drops")))


@pytest.mark.parametrize("n_vms", [1, 8, 9, 24, 25, 129])
def test_throughput_by_vm_for_any_number_of_vms(n_vms):
    names = [f"vf{index}" for index in range(n_vms)]
    words = words_of(figures.throughput_by_vm("k", names, [1.0] * n_vms, [0.5] * n_vms))
    assert {"sent", "received", "throughput, Gb/s"} <= set(words)
    shown = [word for word in words if word.startswith("vf")]
    assert shown[0] == "vf0"
    assert min(n_vms, 20) <= len(shown) + 8
    assert len(shown) <= 24
    assert ("0.500" in words) == (n_vms <= 8)


def test_a_matrix_has_senders_and_targets_and_one_image():
    flows = [(f"vf{index}", f"vf{(index + 1) % 30}", 0.1 * index) for index in range(30)] + [("vf0", "uplink", 4.0)]
    svg = figures.flow_matrix("k", flows)
    words = words_of(svg)
    assert {"from", "to", "Gb/s", "vf0", "uplink"} <= set(words)
    assert "data:image/png;base64," in svg


def test_latency_marks_are_written_and_the_curve_ends_at_all_frames():
    latency, points = sample_latency()
    svg = figures.latency_distribution("k", points, {"p50": latency.p50, "p99.9": latency.p999}, latency.min)
    assert any(word.startswith("p50") and word.endswith("ms") for word in words_of(svg))
    assert "latency, µs" in words_of(svg)


def test_the_curve_goes_through_its_marks_and_ends_at_the_longest():
    """Two buckets of 0.8 % hold all frames: between their ends the curve knows the percentiles and no more."""
    ends = [(4_071_000.0, 12), (4_140_000.0, 88)]
    svg = figures.latency_distribution("k", ends, {"p50": 4_125_000.0, "p99": 4_125_500.0}, 4_066_000.0, 4_127_000.0)
    assert max(numbers_in(words_of(svg)) - {0.0}) < 4_140
    beyond = figures.latency_distribution("k", ends, {"p50": 4_125_000.0, "p99": 4_125_500.0}, 4_066_000.0)
    assert svg != beyond


def test_a_wide_spread_of_latencies_gets_a_logarithmic_axis():
    points = [(10.0**power, 10) for power in range(1, 9)]
    words = words_of(figures.latency_distribution("k", points, {"p50": 1e4}, 5.0))
    assert "latency, µs (logarithmic)" in words
    assert {0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0, 100000.0} <= numbers_in(words)


@pytest.mark.parametrize(
    ("least_ns", "most_ns"), [(2.7e3, 3.3e6), (1.9e4, 5.8e6), (1e5, 6e7), (0.9e3, 5.5e5), (20.0, 9e5), (0.5, 9e7)]
)
def test_the_ticks_of_times_do_not_touch(least_ns, most_ns):
    svg = figures.latency_distribution("k", [(least_ns, 90), (most_ns, 1)], {"p50": least_ns}, least_ns, most_ns)
    labels = re.findall(r'text-anchor: middle[^>]* x="([\d.]+)"[^>]*>([\d.,]+)</text>', svg)
    spans = sorted((float(x), sum(2.86 if one in ",." else 5.73 for one in text) / 2) for x, text in labels)
    assert len(spans) >= 3
    for (left, half), (right, other) in pairwise(spans):  # digits of DejaVu Sans, 9 points
        assert right - left > half + other + 1.5


@pytest.mark.parametrize("points", [[(0.001024, 5)], [(1000.0, 1)], [(0.001024, 5), (5e9, 1)]])
def test_a_distribution_of_one_value_can_be_drawn(points):
    words_of(figures.latency_distribution("k", points, {"p50": points[0][0]}, None))
    words_of(figures.latency_distribution("k", points, {}, 0.0))


def test_link_bytes_carry_the_sums_and_the_purposes():
    up = {"payload": 1516.0, "tlp_overhead": 144.0, "read_request": 72.0, "dllp": 26.0, "skp": 4.7}
    down = {"payload": 1516.0, "tlp_overhead": 120.0}
    words = words_of(figures.link_bytes("k", up, down, dict.fromkeys(figures.PURPOSE_COLOURS, "purpose")))
    assert {1516.0, 144.0, 120.0, 1758.0, 1636.0} <= numbers_in(words)
    assert words.count("purpose") == len(figures.PURPOSE_COLOURS) == 8


def test_each_purpose_has_a_colour_of_its_own():
    assert len(set(figures.PURPOSE_COLOURS.values())) == len(figures.PURPOSE_COLOURS)


def test_shares_are_percentages_and_full_ones_stand_out():
    svg = figures.share_bars("k", ["pcie.up", "pcie.down"], [0.993, 0.61], "busy share of the window, %", "Busy")
    assert {"99.3", "61.0", "busy share of the window, %"} <= set(words_of(svg))
    assert "#d55e00" in svg
    assert "#d55e00" not in figures.share_bars("k", ["pcie.up"], [0.9], "%", "Busy")


def test_a_waterfall_carries_each_part_and_its_time():
    words = words_of(figures.waterfall("k", ["the wait", "the read", "the write"], [3e6, 2e5, 900.0], "time", "Parts"))
    assert {"the wait", "the read", "the write", "3.00 ms", "200 µs", "900 ns", "time, ms"} <= set(words)


def test_gains_and_losses_are_drawn_with_their_sign():
    words = words_of(figures.gain_bars("k", ["lanes", "ring"], [0.995, -0.02]))
    assert {"+99.5", "-2.0", "lanes", "ring"} <= set(words)


def test_nothing_to_draw_is_drawn_as_nothing():
    words_of(figures.waterfall("k", [], [], "time", "Parts"))
    words_of(figures.gain_bars("k", [], []))
    words_of(figures.bars("k", [], [], "frames", "Drops"))
    words_of(figures.share_bars("k", [], [], "%", "Busy"))
    words_of(figures.bars("k", ["vf0"], [0.0], "Gb/s", "Flows"))


def test_figures_take_the_colours_of_the_page_and_ids_of_their_own():
    one, other = (figures.bars(key, ["a"], [1.0], "Gb/s", "Flows") for key in ("k1", "k2"))
    for svg, key in ((one, "k1"), (other, "k2")):
        assert not any(marker in svg.lower() for marker in (INK, GRID, PANEL))
        assert "currentColor" in svg
        assert all(name.startswith(f"{key}-") for name in re.findall(r'\bid="([^"]*)"', svg))
    assert one == figures.bars("k1", ["a"], [1.0], "Gb/s", "Flows")


def test_long_names_are_cut_and_titles_escaped():
    svg = figures.bars("k", ["n" * 50], [1.0], "Gb/s", "<&>")
    assert "n" * 14 + "…" + "n" * 13 in words_of(svg)
    assert "<title>&lt;&amp;&gt;</title>" in svg


def test_the_style_is_left_behind():
    import matplotlib as mpl

    before = mpl.rcParams["font.size"]
    with drawing_style("k"):
        assert mpl.rcParams["svg.hashsalt"] == "k"
    assert mpl.rcParams["font.size"] == before
    assert "hwmodel[report]" in missing_extra("x")
