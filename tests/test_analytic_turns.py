"""Who takes turns at an adapter, and when each is served in full: figures worked out by hand."""

from fractions import Fraction

import pytest

from hwmodel.analytic.linear_programs import WITHOUT_END
from hwmodel.analytic.senders import bits_of, intervals_of, rate_of, senders_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Offered, nothing_of
from hwmodel.config import load_config

NOTHING = nothing_of(((1000, Fraction(1)),))
WEIGHTS = [{"name": "vf0", "weight": 3}, {"name": "vf1", "rate_limit": "4Gbps"}]


def senders(sources, most, **changes):
    of_both = {"servers": [{"name": "a"}, {"name": "b", "set": changes.pop("of_b", {})}], "host.cores": 2}
    system = System.of(load_config("sriov_10g_gen2x4", {**of_both, **changes}))
    streams = [Offered(f"{source} to somebody", source, NOTHING, None) for source in sources]
    return list(senders_of(system, streams, most))


def test_streams_of_one_function_share_its_turns():
    first, second, third = senders(["a.vf0", "b.vf2", "a.vf0", "uplink", "a.vf1"], [1.0, 2.0, 0.5, 9.0, WITHOUT_END])
    assert [one.part for one in (first, second, third)] == [0, 1, 0]
    assert [one.streams for one in (first, second, third)] == [(0, 2), (1,), (4,)]
    a_ring = 1e3 / 78  # an 82599 takes a frame of a Tx ring in 78 ns
    assert [one.most for one in (first, second, third)] == [1.5, 2.0, pytest.approx(a_ring)]
    # VF K is function K + 1, and runs on that core modulo two.
    assert [one.core for one in (first, second, third)] == [1, 1, 0]
    assert [one.limited_by for one in (first, second, third)] == ["", "", "nic.queue"]


@pytest.mark.parametrize(("scheduler", "weight", "level"), [
    ("round_robin", 1, 1.5), ("strict", 1, 1.5), ("weighted", 3, 0.5), ("deficit", 3, 0.5),
])  # fmt: skip
def test_weights_count_where_the_scheduler_looks_at_them(scheduler, weight, level):
    (one,) = senders(["a.vf0"], [1.5], **{"switch.scheduler": scheduler, "switch.ports": WEIGHTS})
    assert (one.weight, one.level) == (weight, level)


@pytest.mark.parametrize(("asked", "most", "is_limited"), [
    (1.0, 0.5, True), (0.25, 0.25, False), (0.5, 0.5, False), (WITHOUT_END, 0.5, True),
])  # fmt: skip
def test_a_rate_limit_holds_a_function_back(asked, most, is_limited):
    # 4 Gb/s are half a million frames of 8000 bits.
    (one,) = senders(["a.vf1"], [asked], **{"switch.ports": WEIGHTS})
    assert (one.most, one.is_limited) == (most, is_limited)


def test_a_limit_is_of_all_that_a_function_sends():
    (one,) = senders(["a.vf1", "a.vf1"], [0.3, 0.3], **{"switch.ports": WEIGHTS})
    assert (one.most, one.is_limited) == (0.5, True)


def test_each_server_has_its_own_settings():
    ports = {"switch.scheduler": "weighted", "switch.ports": [{"name": "vf0", "weight": 5}]}
    found = senders(["a.vf0", "b.vf0"], [1.0, 1.0], of_b=ports)
    assert [one.weight for one in found] == [1, 5]


@pytest.mark.parametrize(("levels", "expected"), [
    ([], [(0, WITHOUT_END)]),
    ([2.0], [(0, 2), (2, WITHOUT_END)]),
    ([3.0, 1.0, 3.0], [(0, 1), (1, 3), (3, WITHOUT_END)]),
    ([0.0, WITHOUT_END, 1.0], [(0, 1), (1, WITHOUT_END)]),
    ([WITHOUT_END], [(0, WITHOUT_END)]),
])  # fmt: skip
def test_intervals_lie_between_the_levels(levels, expected):
    assert intervals_of(iter(levels)) == expected


def test_units():
    assert rate_of(None) == WITHOUT_END
    assert rate_of(Fraction(2_500_000)) == 2.5
    assert bits_of(((64, Fraction(1, 4)), (1000, Fraction(3, 4)))) == 8 * 766
