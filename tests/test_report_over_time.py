"""The page's part on a run over time: the picture's lines and numbers, the events, the note."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise

import pytest

from hwmodel.report.html import render_page
from hwmodel.report.over_time import (
    LIVES,
    MOST_BARS,
    PICTURES,
    event_table,
    life_table,
    lives_figure,
    lives_note,
    over_time_figure,
    over_time_figures,
    series_note,
)
from hwmodel.results.series import EventResult, LifeResult, Series, VmSeries
from tests.sample_result import sample_result
from tests.test_report_figures import words_of

MS = 1e6


def vm(rates):
    n = len(rates)
    return VmSeries(
        tx_gbps=tuple(2 * rate for rate in rates), rx_gbps=tuple(rates), rx_mpps=(0.0,) * n, latency_ns=(None,) * n,
        drops=(0,) * n, tx_ring=(0,) * n, rx_ring=(0,) * n,
    )  # fmt: skip


def series(n_vms=3, n=20, events=2):
    told = tuple(EventResult(at_ns=(1 + at) * 5e5, event=f"change {at}", did="nothing") for at in range(events))
    vms = {f"vf{number}": vm([1.0 + number * at for at in range(n)]) for number in range(n_vms)}
    return Series(interval_ns=1e5, vms=vms, events=told)


def test_each_vm_has_its_line_and_each_event_its_number():
    words = words_of(over_time_figure(series(), "k"))
    assert {"vf0", "vf1", "vf2", "1", "2", "time, ms", "Gb/s received"} <= set(words)
    assert "Gb/s sent" in words_of(over_time_figure(series(), "k", PICTURES["over_sent"]))


def test_of_many_vms_those_are_drawn_that_vary_most():
    many = series(n_vms=10)
    words = words_of(over_time_figure(many, "k"))
    assert [word for word in words if word.startswith("vf")] == [f"vf{number}" for number in range(2, 10)]
    assert "Of 10 VMs those whose rates vary most are drawn." in series_note(many)
    assert "drawn" not in series_note(series())


def test_of_a_long_run_a_line_has_means_of_several_intervals():
    short, long = (over_time_figure(series(n=n, events=0), "k") for n in (400, 4000))
    assert len(long) < 1.2 * len(short)
    words = words_of(over_time_figure(Series(interval_ns=1e5, vms={"vf0": vm([0.0, 10.0] * 2000)}), "k"))
    assert "10" not in words  # the means are all 5


def test_beyond_a_dozen_events_have_lines_but_no_numbers():
    many = series(n=200, events=30)
    words = words_of(over_time_figure(many, "k"))
    assert "12" in words or any(word.endswith("–12") for word in words)
    assert not any("13" in word for word in words if "." not in word)
    assert "The first 12 have their numbers there." in series_note(many)


def test_events_near_each_other_share_a_number():
    at = (1e5, 1e5, 1.01e5, 9e5, 15e5)
    events = tuple(EventResult(at_ns=at_ns, event="x", did="y") for at_ns in at)
    words = words_of(over_time_figure(dataclasses.replace(series(), events=events), "k"))
    assert {"1–3", "4", "5"} <= set(words)


@pytest.mark.parametrize("apart_ns", [1e3, 0.02e5, 0.5e5, 0.8e5, 1.3e5, 5e5])
def test_labels_of_events_do_not_touch(apart_ns):
    """Digits and dashes of DejaVu Sans take 5.1 of 8 points at most."""
    events = tuple(EventResult(at_ns=2e5 + at * apart_ns, event="x", did="y") for at in range(12))
    svg = over_time_figure(dataclasses.replace(series(n=80), events=events), "k")
    found = re.findall(r'font-size: 8px[^>]* x="([\d.]+)"[^>]*>([\d\u2013]+)</text>', svg)
    spans = [(float(x), 5.1 / 2 * len(text)) for x, text in found]
    assert spans and found[0][1].startswith("1") and found[-1][1].endswith("12")
    assert all(right - left > half + other for (left, half), (right, other) in pairwise(spans))


def test_of_a_thousand_events_lines_are_short_and_the_table_has_the_first():
    many = series(n=2000, events=1000)
    many = dataclasses.replace(many, events=tuple(dataclasses.replace(one, at_ns=one.at_ns / 5) for one in many.events))
    note = series_note(many)
    assert "Events have short lines at the upper edge." in note and "the first 64 of 1,000" in note
    assert len(event_table(many).rows) == 64
    assert len(over_time_figure(many, "k")) < 600_000


def test_what_never_changes_has_no_picture_but_what_is_received():
    flat = dataclasses.replace(series(), vms={"vf0": vm([0.0] * 20)})
    drawn = over_time_figures(flat, "k")
    assert {name for name, text in drawn.items() if text} == {"over_received"}


def test_where_nobody_receives_the_first_picture_is_of_what_is_sent():
    sends = dataclasses.replace(vm([0.0] * 20), tx_gbps=(1.0,) * 10 + (5.0,) * 10)
    events = dataclasses.replace(series(), vms={"vf0": sends})
    drawn = over_time_figures(events, "k")
    assert {name for name, text in drawn.items() if text} == {"over_sent"}
    page = render_page([dataclasses.replace(sample_result(), series=events)], ["a run"])
    assert page.index("What each VM sends over time") < page.index("Over time, too: latency, drops and rings")
    assert "What each VM receives over time" not in page


def test_each_picture_has_its_unit_and_words_for_those_who_do_not_see_it():
    n = 20
    one = dataclasses.replace(
        vm([1.0] * n), tx_gbps=(0.0,) * 10 + (1.0,) * 10, latency_ns=(None,) * 5 + (2500.0,) * 15,
        drops=(0,) * 10 + (3,) * 10, tx_ring=tuple(range(n)), rx_ring=tuple(range(n)),
    )  # fmt: skip
    one = dataclasses.replace(one, latency_ns=(*one.latency_ns[:-1], 9500.0))
    drawn = over_time_figures(dataclasses.replace(series(), vms={"a.vf0": one}), "k")
    axes = {
        "over_received": "Gb/s received", "over_sent": "Gb/s sent", "over_latency": "mean latency, µs",
        "over_drops": "frames dropped in each 100 µs", "over_tx_ring": "descriptors", "over_rx_ring": "descriptors",
    }  # fmt: skip
    assert drawn.pop(LIVES) == ""
    assert set(drawn) == set(axes) == set(PICTURES)
    for name, axis in axes.items():
        assert {axis, "a.vf0"} <= set(words_of(drawn[name]))
        assert f"<title>{PICTURES[name].caption}: {axis}, with a dashed line at each event</title>" in drawn[name]


def test_one_interval_makes_no_picture():
    assert over_time_figure(series(n=1), "k") == ""


def test_the_events_are_listed_by_their_numbers():
    table = event_table(series())
    assert [row[0] for row in table.rows] == ["1", "2"]
    assert [row[2:] for row in table.rows] == [["change 0", "nothing"], ["change 1", "nothing"]]
    assert table.rows[0][1] == "500 µs"


def life(vm, event, at_ms, parts=(100.0, 13.5, 2.0), goes=True, up=True, lost=0):
    at_ns, up_ns = at_ms * MS, (at_ms + sum(parts or ())) * MS
    known = dict(zip(("reset_ns", "messages_ns", "rings_ns"), (part * MS for part in parts or ()), strict=False))
    parts_ns = {"reset_ns": None, "messages_ns": None, "rings_ns": None} | known
    is_up = up and parts is not None
    return LifeResult(
        vm=vm, event=event, at_ns=at_ns, goes=goes, **parts_ns, up_ns=up_ns if is_up else None,
        first_frame_ns=up_ns + 2300.0 if is_up else None, frames_lost=lost,
    )  # fmt: skip


def with_lives(*lives):
    return Series(interval_ns=5 * MS, vms={"vf0": vm([1.0] * 60)}, lives=lives, events=series(events=3).events)


def test_a_function_is_stage_by_stage_what_it_is():
    """Reset at 20 ms, taken away in the midst of it, given back at 160 ms, for a run of 300 ms."""
    told = with_lives(
        life("vf1", 0, 20.0, up=False), life("vf1", 1, 60.0, None, goes=False), life("vf1", 2, 160.0, goes=False)
    )
    found = [(one.start_ns / MS, one.end_ns / MS, one.name, one.event) for one in told.stages("vf1", 300 * MS)]
    assert found == [
        (0, 20, "up", None), (20, 60, "reset", 0), (60, 160, "off", 1), (160, 260, "reset", 2),
        (260, 273.5, "messages", 2), (273.5, 275.5, "rings", 2), (275.5, 300, "up", 2),
    ]  # fmt: skip
    assert list(told.stages("vf9", 300 * MS)) == []
    begins_off = with_lives(life("vf1", 0, 0.0, None), life("vf1", 1, 10.0, goes=False))
    assert [one.name for one in begins_off.stages("vf1", 50 * MS)] == ["off", "reset"]


def test_functions_have_bars_and_the_events_their_numbers():
    told = with_lives(life("vf1", 0, 20.0), life("a.vf2", 1, 30.0, None))
    words = set(words_of(lives_figure(told, "k")))
    assert {"vf1", "a.vf2", "off", "reset", "messages", "rings", "up", "first frame", "time, ms"} <= words
    assert lives_figure(with_lives(), "k") == "" and life_table(with_lives()) is None and lives_note(with_lives()) == ""


def test_the_parts_of_a_life_are_listed_in_ms_with_what_was_lost():
    plugged = life("vf3", 2, 50.0, goes=False, up=False)
    table = life_table(with_lives(life("vf1", 0, 20.0, lost=412), life("vf2", 1, 30.0, None), plugged))
    assert [row[1:] for row in table.rows] == [
        ["vf1", "20.0 ms", "100", "13.5", "2.00", "2.30 µs", "116", "412"],
        ["vf2", "30.0 ms", "-", "-", "-", "-", "off", "0"],
        ["vf3", "50.0 ms", "100", "13.5", "2.00", "-", "not up", "-"],
    ]
    assert [row[0] for row in table.rows] == ["1", "2", "3"]


def test_of_63_functions_those_are_drawn_that_matter():
    many = [life(f"vf{n}", 1, 40.0, (100.0, 13.5 + n / 100, 2.0), goes=False) for n in range(63)]
    gone = [life(f"vf{n}", 0, 20.0, None, lost=int(n == 26)) for n in range(63)]
    told = with_lives(*gone, *many, life("vf5", 2, 250.0, None))
    words = words_of(lives_figure(told, "k"))
    shown = [word for word in words if word.startswith("vf")]
    assert len(shown) == MOST_BARS == 12 and {"vf5", "vf26"} <= set(shown)  # an event of its own; the frame lost
    assert lives_note(told).startswith("Of 63 functions 12 are drawn") and "24 of 127 rows" in lives_note(told)
    rows = life_table(told).rows
    assert len(rows) == 24 and rows[-1][:2] == ["3", "vf5"]
