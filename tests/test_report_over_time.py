"""The page's part on a run over time: the picture's lines and numbers, the events, the note."""

from __future__ import annotations

from hwmodel.report.over_time import event_table, over_time_figure, series_note
from hwmodel.results.series import EventResult, Series, VmSeries
from tests.test_report_figures import words_of


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
    assert "Gb/s sent" in words_of(over_time_figure(series(), "k", "tx_gbps"))


def test_of_many_vms_those_are_drawn_that_vary_most():
    many = series(n_vms=10)
    words = words_of(over_time_figure(many, "k"))
    assert [word for word in words if word.startswith("vf")] == [f"vf{number}" for number in range(2, 10)]
    assert series_note(many).endswith("Of 10 VMs those whose rates vary most are drawn.")
    assert "drawn" not in series_note(series())


def test_of_a_long_run_a_line_has_means_of_several_intervals():
    short, long = (over_time_figure(series(n=n, events=0), "k") for n in (400, 4000))
    assert len(long) < 1.2 * len(short)
    words = words_of(over_time_figure(Series(interval_ns=1e5, vms={"vf0": vm([0.0, 10.0] * 2000)}), "k"))
    assert "10" not in words  # the means are all 5


def test_beyond_a_dozen_events_have_lines_but_no_numbers():
    words = words_of(over_time_figure(series(n=200, events=30), "k"))
    assert "12" in words
    assert "13" not in words


def test_one_interval_makes_no_picture():
    assert over_time_figure(series(n=1), "k") == ""


def test_the_events_are_listed_by_their_numbers():
    table = event_table(series())
    assert [row[0] for row in table.rows] == ["1", "2"]
    assert [row[2:] for row in table.rows] == [["change 0", "nothing"], ["change 1", "nothing"]]
    assert table.rows[0][1] == "500 µs"
