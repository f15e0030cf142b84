"""What is told of classes of traffic: shares worked out by hand, results, sentences, registers."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel import limits
from hwmodel.analytic.weighted_shares import class_notes, class_shares
from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.results.class_text import class_lines, class_words
from hwmodel.simulation.figures.class_shares import rate_registers
from hwmodel.simulation.fill.arbitration import fill_arbiter
from hwmodel.words.limits import class_share
from tests.blocks.idle_machine import machine
from tests.run_cases import result_of

STATIONS = [
    {"name": "vf0", "classes": [0]}, {"name": "vf1", "classes": [1], "weight": 3}, {"name": "vf2", "classes": [1]},
    {"name": "vf3", "classes": [2], "rate_limit": "3333Mbps"},
]  # fmt: skip
ALL = ("vf0", "vf1", "vf2", "vf3")


def config_of(*classes, **arbitration):
    return config_from_mapping(
        {
            "nic": {"vfs": 4, "arbitration": {"classes": list(classes), **arbitration}},
            "switch": {"ports": STATIONS},
            "workload": {"pattern": "to_wire"},
        }
    )


def shares(config, senders=ALL):
    return {one.number: one.share for one in class_shares(config, senders)}


def test_classes_share_by_their_refills():
    config = config_of({"percent": 50}, {"percent": 30}, {"percent": 20})
    assert shares(config) == {0: Fraction(1, 2), 1: Fraction(3, 10), 2: Fraction(1, 5)}
    assert shares(config, ("vf0", "vf3")) == {0: Fraction(5, 7), 2: Fraction(2, 7)}
    assert dict(class_shares(config, ALL)[1].pools) == {"vf1": Fraction(3, 4), "vf2": Fraction(1, 4)}
    in_turn = config_of({"percent": 50}, {"percent": 30}, {"percent": 20}, pools="round_robin")
    assert dict(class_shares(in_turn, ALL)[1].pools) == {"vf1": Fraction(1, 2), "vf2": Fraction(1, 2)}


def test_groups_and_who_is_strict():
    in_group = config_of({"percent": 50, "group": 1}, {"percent": 30, "group": 1}, {"percent": 20})
    assert shares(in_group, ("vf0", "vf3")) == {0: Fraction(4, 5), 2: Fraction(1, 5)}
    first = config_of({"percent": 50, "group": 1, "strict": "group"}, {"percent": 30, "group": 1}, {"percent": 20})
    assert shares(first) == {0: Fraction(4, 5), 1: Fraction(0), 2: Fraction(1, 5)}
    before_all = config_of({"percent": 60}, {"percent": 40}, {"strict": "link"})
    assert shares(before_all) == {0: Fraction(3, 5), 1: Fraction(2, 5), 2: None}
    assert class_shares(config_from_mapping({}), ALL) == ()


def test_limits_say_the_shares_and_the_registers():
    config = config_of({"percent": 50}, {"percent": 30}, {"percent": 20})
    told = [
        "Class 0, 50 credits a round: 50.0 % where all always have a frame.",
        "Class 1, 30 credits a round: 30.0 % where all always have a frame; of that vf1 75.0 %, vf2 25.0 %.",
        "Class 2, 20 credits a round: 20.0 % where all always have a frame.",
        "vf3: rate_limit 3.333Gbps is RTTBCNRC 0x8000c004, which holds it to 3.33306209 Gb/s.",
    ]
    assert list(class_notes(config, ALL)) == told
    assert set(told) <= set(limits(config).notes)
    assert "goes before all others" in class_share(3, 12, None, [])


def test_a_result_has_classes_and_pools():
    config = {
        "nic": {
            "strict": False,
            "vfs": 4,
            "arbitration": {"classes": [{"percent": 50}, {"percent": 30}, {"percent": 20}]},
        },
        "switch": {"ports": STATIONS},
        "pcie": {"generation": 3, "lanes": 8},
        "workload": {"pattern": "to_wire", "frame_bytes": 1518},
        "run": {"warmup": "1ms", "duration": "3ms"},
    }
    result = result_of(config)
    use = result.arbitration
    assert use is not None
    assert [(one.refill, one.max) for one in use.classes] == [(50, 2047), (30, 1228), (20, 819)]
    in_window_s = (result.window.end_ns - result.window.start_ns) / 1e9
    wire_gbps = sum(one.bytes for one in use.classes) * 8 / in_window_s / 1e9
    assert wire_gbps == pytest.approx(result.wire.tx_gbps, rel=0.002)
    assert sum(one.share for one in use.classes) == pytest.approx(1)
    for vm in result.vms:
        own = sum(pool.bytes for pool in use.pools if pool.name == vm.name)
        # The one counts at the pick, the other as the frame is in the Tx buffer.
        assert own * 8 / in_window_s / 1e9 == pytest.approx(vm.tx_gbps or 0.0, rel=0.01)
    assert [(one.name, one.rttbcnrc) for one in use.rate_limits] == [("vf3", "0x8000c004")]
    assert Result.from_json(result.to_json()).to_json() == result.to_json()
    assert "class 0 50" in class_words(use)
    assert "RTTBCNRC 0x8000c004" in "\n".join(line.text for line in class_lines(use))
    assert "Classes, of the bytes sent" in result.summary() and len(result.summary().splitlines()) <= 15


def test_the_machine_has_the_rate_that_the_register_means():
    stations = [{"name": "vf0", "rate_limit": "333Mbps"}]
    plain = machine(switch={"ports": stations}).function[1].params
    assert (plain.shaper_num, plain.shaper_den) == (8_000_000_000, 333)
    with_classes = machine(switch={"ports": stations}, nic={"arbitration": {"classes": [{"percent": 100}]}})
    held = Fraction(int(with_classes.function[1].params.shaper_num), int(with_classes.function[1].params.shaper_den))
    factor = 10**10 * 2**14 // (333 * 10**6)
    assert held == Fraction(8 * 10**15 * factor, 10**10 * 2**14)
    (found,) = rate_registers(config_from_mapping({"switch": {"ports": stations}}))
    assert found.rttbcnrc == hex(2**31 | factor)


def test_the_arbiter_is_filled_with_credits_of_64_octets_and_each_rings_class() -> None:
    """Refills and limits of a class are counted in credits of 64 B (82599 data sheet, RTTPT2C); groups add them up."""
    config = config_of(
        {"refill": 20, "max": 200}, {"refill": 10, "max": 100, "group": 1}, {"refill": 5, "max": 90, "group": 1}
    )
    nic = machine()
    fill_arbiter(nic, config)
    params = nic.arbiter.params
    filled = [(int(one.refill_bytes), int(one.most_bytes)) for one in params.of_class[:3]]
    assert filled == [(20 * 64, 200 * 64), (10 * 64, 100 * 64), (5 * 64, 90 * 64)]
    assert [int(one.refill_bytes) for one in params.group[:2]] == [20 * 64, 15 * 64]
    assert [int(each) for each in params.class_of_ring[1:5]] == [0, 1, 1, 2]
