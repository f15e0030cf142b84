"""What the events of a scenario are said to have done: each sentence from rates that are written here."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

from hwmodel.results.series import Series, VmSeries, WireSeries
from hwmodel.simulation.figures.event_effects import Span, did_text


def vm(tx, rx, drops=None):
    n = len(tx)
    return VmSeries(
        tx_gbps=tuple(tx), rx_gbps=tuple(rx), rx_mpps=(0.0,) * n, latency_ns=(None,) * n,
        drops=tuple(drops or (0,) * n), tx_ring=(0,) * n, rx_ring=(0,) * n,
    )  # fmt: skip


def series(**vms):
    return Series(interval_ns=100.0, vms=vms)


STEADY = vm([2.0] * 20, [3.0] * 20)


def told(one, since=0.0, at=1000.0, until=2000.0):
    return did_text(one, Span(since, at, until))


def test_a_rate_that_changes_is_told_with_what_it_was():
    slower = vm([4.0] * 10 + [1.0] * 10, [3.0] * 20)
    said = told(series(vf0=slower, vf1=STEADY))
    assert said == "vf0 sends 1.00 Gb/s (4.00 before); all other rates unchanged"


def test_the_greatest_change_comes_first_and_many_are_counted():
    falls = {f"vf{n}": vm([8.0] * 10 + [7.0 - n] * 10, [0.0] * 20) for n in range(6)}
    assert told(series(**falls)) == (  # 6 x 8 before, 7 + 6 + 5 + 4 + 3 + 2 behind
        "VMs together send 27.0 Gb/s (48.0 before); vf5 sends 2.00 Gb/s (8.00 before); vf4 sends 3.00 Gb/s (8.00 "
        "before); 4 more rates changed"
    )


def test_who_falls_silent_receives_nothing():
    falls = vm([0.0] * 20, [5.0] * 10 + [0.0] * 10)
    assert told(series(vf0=falls)).startswith("vf0 receives nothing (5.00 before)")
    rises = vm([0.0] * 20, [0.0] * 10 + [5.0] * 10)
    assert told(series(vf0=rises)).startswith("vf0 receives 5.00 Gb/s (nothing before)")


def test_what_stops_altogether_is_told_however_much_it_varied():
    """Intervals with nothing: none on one side, all on the other; where some are on both, that says nothing."""
    uneven = [1.0, 9.0, 1.0, 1.0, 12.0] * 2
    stops, begins = vm(uneven + [0.0] * 10, [0.0] * 20), vm([0.0] * 10 + uneven, [0.0] * 20)
    rest = "; no other rate changed beyond what rates vary by"
    assert told(series(vf0=stops)) == f"vf0 sends nothing (5.22 before){rest}"
    assert told(series(vf0=begins)) == f"vf0 sends 5.22 Gb/s (nothing before){rest}"
    bursty = vm([0.0, 0.0, 9.0, 0.0, 0.0] * 2 + [0.0] * 10, [0.0] * 20)
    assert told(series(vf0=bursty)) == "no VM's rate changed beyond what rates vary by"


def test_a_mirror_switched_on_or_off_is_told_by_the_copies_that_it_sends():
    """Mirrored copies are in no other rate, so nothing else would say what such an event did."""
    idle = vm([0.0] * 20, [0.0] * 20)
    begins, ends = (
        dataclasses.replace(idle, mirrored_mpps=(before,) * 10 + (after,) * 10)
        for before, after in ((0.0, 0.25), (0.25, 0.0))
    )
    assert told(series(vf0=STEADY, vf3=begins)) == (
        "vf3 gets mirrored copies, 0.250 Mpps (none before); all other rates unchanged"
    )
    assert told(series(vf0=STEADY, vf3=ends)) == (
        "vf3 gets mirrored copies, none (0.250 before); all other rates unchanged"
    )


def test_nothing_is_told_where_nothing_changes():
    assert told(series(vf0=STEADY)) == "no VM's rate changed"
    assert told(series(vf0=vm([0.0] * 20, [0.0] * 20))) == "no VM sends or receives anything"


def test_a_change_within_the_noise_is_none():
    noisy = vm([1.0, 3.0] * 5 + [1.1, 3.1] * 5, [0.0] * 20)
    assert told(series(vf0=noisy)) == "no VM's rate changed beyond what rates vary by"


def test_a_rate_that_may_have_fallen_is_not_said_to_be_as_it_was():
    """Two share a link: the sum is 10 Gb/s throughout, the share of the one falls from 7.9 to 6.9, by chance or not."""
    share = np.random.default_rng(4).choice([-2.0, 2.0], 40) + np.repeat([7.9, 6.9], 20)
    both = series(vf0=vm(share, [0.0] * 40), vf1=vm(10 - share, [0.0] * 40))
    assert told(both, at=2000.0, until=4000.0) == "no VM's rate changed beyond what rates vary by"


def test_what_stands_out_of_the_noise_of_all_together_alone_is_told_so():
    """Two that take from each other: each varies by 50 %, both together fall from 4 to 3 Gb/s."""
    share = np.random.default_rng(3).choice([-1.0, 1.0], 40)
    sums = np.repeat([4.0, 3.0], 20)
    both = series(vf0=vm(sums / 2 + share, [0.0] * 40), vf1=vm(sums / 2 - share, [0.0] * 40))
    assert told(both, at=2000.0, until=4000.0) == "VMs together send 3.00 Gb/s (4.00 before)"


def test_latency_is_told_where_no_rate_changed():
    late = dataclasses.replace(STEADY, rx_mpps=(1.0,) * 20, latency_ns=(*(1000.0,) * 10, None, *(3000.0,) * 9))
    also = dataclasses.replace(STEADY, rx_mpps=(3.0,) * 20, latency_ns=(1000.0,) * 20)
    # (3000 + 3 x 1000) / 4 = 1500 behind it; the interval without a figure of vf0 lies in the tenth that is left out.
    assert told(series(vf0=late, vf1=also)) == "no VM's rate changed; mean latency 1.50 us (1.00 us before)"


def with_latency(latency_ns):
    """Return a series of one VM with these mean latencies."""
    n = len(latency_ns)
    return series(vf0=dataclasses.replace(vm([2.0] * n, [3.0] * n), rx_mpps=(1.0,) * n, latency_ns=tuple(latency_ns)))


def test_a_latency_that_falls_all_along_has_not_changed_at_an_event():
    """Half of it before, half behind: the means are 1750 and 1250 ns, each interval 25 ns from the next."""
    assert told(with_latency(np.linspace(2000, 1000, 40)), at=2000.0, until=4000.0) == "no VM's rate changed"


def test_a_latency_that_begins_to_grow_is_told():
    """A queue that is too much for grows without end; before it the mean was known to 1 %. 1000 + 500 * 9.5 behind."""
    steady = [1000 + 10 * (-1) ** at for at in range(20)]
    grows = [1000.0 + 500 * at for at in range(20)]
    said = told(with_latency([*steady, *grows]), at=2000.0, until=4000.0)
    assert said == "no VM's rate changed; mean latency 6.25 us (1.00 us before)"


@pytest.mark.parametrize(("memory", "most"), [(0.0, 1), (0.8, 3), (0.95, 15)])
def test_latencies_of_intervals_that_are_alike_are_not_told_as_a_change(memory, most):
    """Of 300 series that nothing changes, each interval's latency near the last one's, hardly any is said to change.

    As independent intervals they would be in 63 of 300 with a memory of 5 intervals, and in half of all with one of 20,
    which is as long as a stretch.
    """
    draw = np.random.default_rng(5)
    n_told = 0
    for _ in range(300):
        wander, values = draw.normal(), []
        for _ in range(60):
            wander = memory * wander + (1 - memory**2) ** 0.5 * draw.normal()
            values.append(10_000.0 * (1 + 0.15 * wander))
        n_told += "mean latency" in told(with_latency(values), at=3000.0, until=6000.0)
    assert n_told <= most


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_a_latency_that_doubles_is_told_however_alike_intervals_are(memory):
    draw = np.random.default_rng(6)
    n_told = 0
    for _ in range(100):
        wander, values = draw.normal(), []
        for at in range(60):
            wander = memory * wander + (1 - memory**2) ** 0.5 * draw.normal()
            values.append((10_000.0 if at < 30 else 20_000.0) * (1 + 0.05 * wander))
        n_told += "mean latency" in told(with_latency(values), at=3000.0, until=6000.0)
    assert n_told >= 98


def test_others_than_the_functions_of_an_event():
    span, gone = Span(0.0, 1000.0, 2000.0), vm([4.0] * 10 + [0.0] * 10, [0.0] * 20, drops=[0] * 10 + [9] + [0] * 9)
    silent = vm([0.0] * 20, [0.0] * 20)
    assert did_text(series(vf0=STEADY, vf1=gone), span, {"vf1"}) == "others unchanged"
    assert did_text(series(vf1=gone), span, {"vf1"}) == ""
    assert did_text(series(vf0=silent, vf1=gone), span, {"vf1"}) == ""


def test_drops_of_no_vm_are_told_too():
    """As those at a bridge, whether or not the VMs that the event is not about do anything."""
    gone, silent = vm([4.0] * 10 + [0.0] * 10, [0.0] * 20), vm([0.0] * 20, [0.0] * 20)
    span, at_bridge = Span(0.0, 1000.0, 2000.0), {"other_drops": (0,) * 10 + (3,) * 10}
    told_of = partial(dataclasses.replace, **at_bridge)
    assert did_text(told_of(series(vf0=STEADY, vf1=gone)), span, {"vf1"}) == (
        "others unchanged; 30 frames dropped up to 2.00 us"
    )
    assert did_text(told_of(series(vf1=gone)), span, {"vf1"}) == "30 frames dropped up to 2.00 us"
    assert told(told_of(series(vf0=silent))) == ("no VM sends or receives anything; 30 frames dropped up to 2.00 us")
    lossy = vm([2.0] * 20, [3.0] * 20, drops=[0] * 10 + [2] * 10)
    assert told(told_of(series(vf0=lossy))) == "no VM's rate changed; 50 frames dropped up to 2.00 us"


def test_what_an_ethernet_port_carries_is_told_where_no_vm_shows_it():
    """A VM's frames may be dropped on their way to the wire, or come from there for none."""
    slower = WireSeries(tx_gbps=(2.0,) * 10 + (0.5,) * 10, rx_gbps=(1.0,) * 20)
    of_one = dataclasses.replace(series(vf0=STEADY), wires={"wire": slower})
    assert told(of_one) == "no VM's rate changed; the wire takes 0.500 Gb/s (2.00 before)"
    silenced = WireSeries(tx_gbps=(1.0,) * 20, rx_gbps=(4.0,) * 10 + (0.0,) * 10)
    of_two = dataclasses.replace(of_one, wires={"p0.wire": slower, "p1.wire": silenced})
    assert told(of_two) == (
        "no VM's rate changed; p1.wire brings nothing (4.00 before); p0.wire takes 0.500 Gb/s (2.00 before)"
    )
    fewer = vm([4.0] * 10 + [1.0] * 10, [3.0] * 20)  # what a VM's own rate explains
    assert told(dataclasses.replace(of_two, vms={"vf0": fewer})) == (
        "vf0 sends 1.00 Gb/s (4.00 before); all other rates unchanged"
    )
    bursty = vm([3.0, 1.0] * 10, [0.0] * 20)  # which may hide a change
    assert told(dataclasses.replace(of_one, vms={"vf0": bursty})) == (
        "VMs' rates vary too much to tell whether one changed; the wire takes 0.500 Gb/s (2.00 before)"
    )
    about_one = dataclasses.replace(of_two, vms={"vf0": STEADY, "vf1": fewer})
    assert did_text(about_one, Span(0.0, 1000.0, 2000.0), {"vf1"}) == "others unchanged"


def test_drops_are_counted_from_the_first_whole_interval_and_said_to_be():
    lossy = vm([2.0] * 20, [3.0] * 20, drops=[0] * 10 + [5] + [2] * 9)
    assert told(series(vf0=lossy), at=1050.0) == "no VM's rate changed; 18 frames dropped from 1.10 us to 2.00 us"


def test_drops_that_go_on_are_no_more_than_before():
    lossy = vm([2.0] * 20, [3.0] * 20, drops=[7, 8] * 10)
    assert told(series(vf0=lossy)) == "no VM's rate changed; 75 frames dropped up to 2.00 us, no more than before it"
    worse = vm([2.0] * 20, [3.0] * 20, drops=[1, 2] * 5 + [7, 8] * 5)
    assert told(series(vf0=worse)) == "no VM's rate changed; 75 frames dropped up to 2.00 us"


def test_more_drops_than_before_that_chance_may_have_made_are_not_said_to_be_no_more():
    """Twice as many, in one interval of five: beyond doubt they are not more, and no fewer either."""
    uneven = vm([2.0] * 20, [3.0] * 20, drops=[0, 0, 10, 0, 0] * 2 + [0, 0, 20, 0, 0] * 2)
    assert told(series(vf0=uneven)) == (
        "no VM's rate changed; 40 frames dropped up to 2.00 us, not more beyond what drops vary by"
    )


def test_what_an_event_drops_at_once_is_told_of_no_other():
    """Its drops stand in the interval that begins with it."""
    lossy = vm([2.0] * 20, [3.0] * 20, drops=[0] * 12 + [2] * 3 + [900] + [0] * 4)
    assert told(series(vf0=lossy), at=1000.0, until=1500.0) == "no VM's rate changed; 6 frames dropped up to 1.50 us"
    assert told(series(vf0=lossy), at=1500.0).startswith("no VM's rate changed; 900 frames dropped up to 2.00 us")


def test_chance_is_not_told_as_a_change():
    """Of 400 machines of 8 rates each that nothing changes, drawn as Poisson counts, hardly any is said to change."""
    draw = np.random.default_rng(7)
    n_told = 0
    for _ in range(400):
        vms = {f"vf{n}": vm(draw.poisson(40, 34) / 40, draw.poisson(40, 34) / 40) for n in range(4)}
        n_told += "before)" in told(series(**vms), at=1000.0, until=3400.0)
    assert n_told <= 8


def test_the_first_tenth_behind_an_event_does_not_count_but_its_drops_do_from_then_on():
    settles = vm([2.0] * 10 + [9.0] + [2.0] * 9, [3.0] * 20, drops=[0] * 10 + [5] + [2] * 9)
    assert told(series(vf0=settles)) == "no VM's rate changed; 23 frames dropped up to 2.00 us"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ([7.3] * 8 + [2.6] + [0.0] * 21, "nothing from 3.90 us on"),  # a ring drains into a dead wire
        ([2.5] * 26 + [0.1] + [0.0] * 3, "nothing from 5.70 us on"),  # as late as can be told
        ([1.0, 4.0, 2.0, 2.0, 3.0, 3.0] * 4 + [0.0] * 6, "nothing from 5.40 us on"),
        ([2.5] * 12 + [1.0, 1.1] * 9, "1.05 Gb/s from 4.20 us on"),
        ([7.3] * 7 + [4.0] * 6 + [1.0] * 17, "1.00 Gb/s from 4.30 us on"),
        ([7.3] * 3 + [1.0] * 27, "1.00 Gb/s"),  # the tenth that never counts
    ],
)
def test_what_a_rate_comes_to_is_told_and_from_when_on(after, said):
    """It was 2.5 Gb/s for 30 intervals of 100 ns."""
    one = vm([2.4, 2.6] * 15 + after, [0.0] * 60)
    assert told(series(vf0=one), at=3000.0, until=6000.0).startswith(f"vf0 sends {said} (2.50 before); ")


def test_what_comes_back_to_its_rate_has_not_changed():
    one = vm([2.4, 2.6] * 15 + [7.3] * 9 + [2.4, 2.6, 2.5] * 7, [0.0] * 60)
    assert told(series(vf0=one), at=3000.0, until=6000.0) == "no VM's rate changed"


def test_before_an_event_what_a_rate_has_come_to_counts_too():
    """A VM that fell silent after the change before, and sends again: it sent nothing before, not the mean of both."""
    one = vm([5.0] * 12 + [0.0] * 8 + [5.0] * 10, [0.0] * 30)
    assert (
        told(series(vf0=one), at=2000.0, until=3000.0)
        == "vf0 sends 5.00 Gb/s (nothing before); all other rates unchanged"
    )


def test_a_rate_that_falls_all_along_has_no_level():
    """Of the intervals behind the first tenth the mean is told: from 5 - 2 * 0.1 down to 5 - 19 * 0.1."""
    one = vm([5.0, 5.1] * 10 + [5.0 - 0.1 * at for at in range(20)], [0.0] * 40)
    assert told(series(vf0=one), at=2000.0, until=4000.0).startswith("vf0 sends 3.95 Gb/s (5.05 before)")


@pytest.mark.parametrize(("before", "after"), [
    ([4.0, 0.0, 0.0] * 10, [4.0, 0.0, 0.0] * 8 + [0.0] * 6),  # a frame every third interval
    (([9.0] * 4 + [0.0] * 6) * 3, [9.0] * 4 + [0.0] * 6 + [9.0] * 4 + [0.0] * 16),  # bursts, each and each pause long
])  # fmt: skip
def test_a_pause_that_is_not_rare_is_no_end(before, after):
    one = vm(before + after, [0.0] * 60)
    assert told(series(vf0=one), at=3000.0, until=6000.0) == "no VM's rate changed beyond what rates vary by"


@pytest.mark.parametrize(
    ("since", "at", "until", "side"),
    [
        (800.0, 1000.0, 2000.0, "before it"),
        (0.0, 1000.0, 1250.0, "behind it"),
        (900.0, 1000.0, 1100.0, "before it and behind it"),
    ],
)
def test_too_few_intervals_say_nothing(since, at, until, side):
    assert told(series(vf0=STEADY), since, at, until) == f"too little time {side} to tell by intervals of 100 ns"
