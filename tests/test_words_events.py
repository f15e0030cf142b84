"""What the events of a scenario are said to have done: each sentence from rates that are written here."""

from __future__ import annotations

import pytest

from hwmodel.results.series import Series, VmSeries
from hwmodel.words.events import did_text, event_text


def vm(tx, rx, drops=None):
    n = len(tx)
    return VmSeries(
        tx_gbps=tuple(tx), rx_gbps=tuple(rx), rx_mpps=(0.0,) * n, latency_ns=(None,) * n,
        drops=tuple(drops or (0,) * n), tx_ring=(0,) * n, rx_ring=(0,) * n,
    )  # fmt: skip


def series(**vms):
    return Series(interval_ns=100.0, vms=vms)


STEADY = vm([2.0] * 20, [3.0] * 20)


def test_a_rate_that_changes_is_told_with_what_it_was():
    slower = vm([4.0] * 10 + [1.0] * 10, [3.0] * 20)
    said = did_text(series(vf0=slower, vf1=STEADY), 0.0, 1000.0, 2000.0)
    assert said == "vf0 sends 1.00 Gb/s (4.00 before); all other rates unchanged"


def test_the_greatest_change_comes_first_and_many_are_counted():
    falls = {f"vf{n}": vm([8.0] * 10 + [7.0 - n] * 10, [0.0] * 20) for n in range(6)}
    said = did_text(series(**falls), 0.0, 1000.0, 2000.0)
    assert said.startswith("vf5 sends 2.00 Gb/s (8.00 before); vf4 sends 3.00 Gb/s (8.00 before)")
    assert said.endswith("; 2 more rates changed")


def test_who_falls_silent_receives_nothing():
    said = did_text(series(vf0=vm([0.0] * 20, [5.0] * 10 + [0.0] * 10)), 0.0, 1000.0, 2000.0)
    assert said.startswith("vf0 receives nothing (5.00 before)")


def test_nothing_is_told_where_nothing_changes():
    assert did_text(series(vf0=STEADY), 0.0, 1000.0, 2000.0) == "no VM's rate changed"


def test_a_change_within_the_noise_is_none():
    noisy = vm([1.0, 3.0] * 5 + [1.1, 3.1] * 5, [0.0] * 20)
    assert did_text(series(vf0=noisy), 0.0, 1000.0, 2000.0) == "no VM's rate changed"


def test_the_first_tenth_behind_an_event_does_not_count_but_its_drops_do_from_then_on():
    settles = vm([2.0] * 10 + [9.0] + [2.0] * 9, [3.0] * 20, drops=[0] * 10 + [5] + [2] * 9)
    said = did_text(series(vf0=settles), 0.0, 1000.0, 2000.0)
    assert said == "no VM's rate changed; 23 frames dropped up to 2.00 us"


@pytest.mark.parametrize(("since", "at", "until"), [(800.0, 1000.0, 2000.0), (0.0, 1000.0, 1250.0)])
def test_too_few_intervals_say_nothing(since, at, until):
    said = did_text(series(vf0=STEADY), since, at, until)
    assert said == "too short before or after it to say by intervals of 100 ns"


def test_what_an_event_sets_is_written_as_in_a_file():
    changes = {"pcie.lanes": 4, "switch.ports.vf0.vlans": [1, 5], "switch.ports.vf0.enabled": False, "a": None}
    assert event_text(changes) == (
        "pcie.lanes = 4, switch.ports.vf0.vlans = [1, 5], switch.ports.vf0.enabled = false, a = null"
    )
    assert event_text({"switch.acl": [{"action": "deny"}]}) == "switch.acl = [{action: deny}]"
    assert event_text({}) == "nothing"
