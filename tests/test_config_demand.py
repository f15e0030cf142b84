"""How much is offered and by whom: the forms of a load, weights between senders, and where they do not apply.

The closed form and the workload work a load's frames per second out apart; here both are held against each other and
against plain arithmetic of their own.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.analytic import ceiling_frames_per_s, limits
from hwmodel.analytic.demand import demand_of
from hwmodel.config.workload import LoadKind, sender_shares
from hwmodel.errors import InputError
from hwmodel.workload import build_workload
from tests.analytic_cases import demo
from tests.config_cases import complaints

VMS = ("pf", "vf0", "vf1", "vf2")
LINE_64_B = 10e9 / (8 * 84)  # frames of 64 B a second on a port of 10 Gb/s


def workload_rates(changes: dict) -> dict[str, float]:
    config = demo(changes)
    workload = build_workload(config, ceiling_frames_per_s(config))
    return {source.port: source.frames_per_s for source in workload.sources}


@pytest.mark.parametrize("written", ["saturate", 0.8, 0.0, "2Gbps", "1.5Mpps", "90% of ceiling", "0.5% of ceiling"])
def test_a_load_is_written_as_it_was_read(written):
    kind = LoadKind()
    assert kind.write(kind.parse(written)) == written


@pytest.mark.parametrize(
    ("load", "frames_a_second"),
    [(0.5, LINE_64_B / 2), ("512Mbps", 8e6), ("2Mpps", 16e6), ("50% of ceiling", None)],
)
@pytest.mark.parametrize(
    "weights",
    [{}, {"workload.weights": {"vf0": 4, "vf7": 0.5}}, {"workload.zipf": 1.2}, {"workload.weights": {"vf3": 0}}],
    ids=["even", "weights", "zipf", "one-silent"],
)
def test_the_load_is_the_same_in_all_however_it_is_divided(load, frames_a_second, weights):
    changes = {"workload.frame_bytes": 64, "workload.load": load, **weights}
    if frames_a_second is None:
        saturating = {key: value for key, value in changes.items() if key == "workload.frame_bytes"}
        frames_a_second = float(limits(demo(saturating)).frames_per_s) / 2
        if weights:  # the ceiling is that of the divided load, whose busiest core sets it here
            frames_a_second = float(ceiling_frames_per_s(demo(changes))) / 2
    rates = workload_rates(changes)
    assert sum(rates.values()) == pytest.approx(frames_a_second, rel=1e-6)
    demand = demand_of(demo(changes))
    assert {name: float(part) for name, part in demand.sought.sent.items()} == pytest.approx(
        {name: rate / sum(rates.values()) for name, rate in rates.items()}, rel=1e-5
    )
    found = limits(
        demo(changes | {"nic.strict": False, "pcie.lanes": 32, "pcie.generation": 3, "driver.frame_time": "0.01ns"})
    )
    if load != "50% of ceiling":
        assert found.limited_by == "offered_load"
        assert float(found.frames_per_s) == pytest.approx(frames_a_second, rel=1e-6)


def test_a_share_of_the_ceiling_is_limited_by_the_offered_load():
    for percentage in (50, 99, 100, 130):
        found = limits(demo({"workload.load": f"{percentage}% of ceiling"}))
        expected = limits(demo()).frames_per_s * min(Fraction(percentage, 100), 1)
        assert found.frames_per_s == expected
        assert found.limited_by == ("offered_load" if percentage < 100 else "up")


def test_zipf_is_the_harmonic_series():
    shares = sender_shares(["vf2", "uplink", "vf0", "vf1"], {}, 1.0, VMS)  # port order: uplink, vf0, vf1, vf2
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    expected = {"uplink": 1 / harmonic, "vf0": 1 / 2 / harmonic, "vf1": 1 / 3 / harmonic, "vf2": 1 / 4 / harmonic}
    assert {name: float(share) for name, share in shares.items()} == pytest.approx(expected, rel=1e-12)
    assert sum(shares.values()) == 1
    assert sender_shares(["vf0", "vf1"], {}, 0.0, VMS) == {"vf0": Fraction(1, 2), "vf1": Fraction(1, 2)}


def test_weights_are_one_where_not_given_and_none_sends_nothing():
    assert sender_shares(["vf0", "vf1", "vf2"], {"vf0": 2, "vf2": 0}, None, VMS) == {
        "vf0": Fraction(2, 3),
        "vf1": Fraction(1, 3),
    }
    assert sender_shares(["vf0"], {"vf0": 0}, None, VMS) == {}


def test_flows_have_rates_in_frames_too():
    flows = [["vf0", "vf1", "2Mpps"], ["uplink", "vf2", "100Kpps"], ["vf3", "vf4"], ["vf5", "vf4"]]
    changes = {
        "workload.pattern": "flows", "workload.flows": flows, "workload.load": "3Mpps", "workload.weights": {"vf3": 3},
        "workload.frame_bytes": None, "workload.sizes": [[64, 1], [128, 3]],
    }  # fmt: skip
    assert workload_rates(changes) == pytest.approx({"vf0": 2e6, "uplink": 1e5, "vf3": 4.5e6, "vf5": 1.5e6}, rel=1e-6)
    demand = demand_of(demo(changes))
    assert [float(one.frames_per_s) for one in demand.beside] == [2e6, 1e5]
    assert demand.offered_frames_per_s == 6_000_000


def test_with_a_load_of_nothing_only_the_wire_sends():
    outside = {"workload.external": {"rate": "1Gbps"}}
    wire_frames = 1e9 / (8 * 1518)
    for silent in ({"workload.load": 0}, {"workload.pattern": "none"}, {"workload.pattern": None}):
        assert workload_rates(outside | silent) == pytest.approx({"uplink": wire_frames}, rel=1e-6)
        found = limits(demo(outside | silent))
        assert (float(found.frames_per_s), found.mpps) == pytest.approx((wire_frames, wire_frames / 1e6))
    assert workload_rates({"workload.load": 0}) == {}
    assert limits(demo({"workload.load": 0})).frames_per_s == 0


def test_what_is_left_is_what_a_share_of_the_ceiling_is_of():
    flows = {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "900Gbps"], ["vf2", "vf3"]]}
    for compute in (limits, ceiling_frames_per_s):
        with pytest.raises(InputError, match=r"workload\.load: no ceiling to take a share of"):
            compute(demo(flows | {"workload.load": "50% of ceiling"}))
    dead = {"workload.pattern": "to_wire", "port.down": ["p0"], "workload.load": "50% of ceiling"}
    for compute in (limits, ceiling_frames_per_s):
        with pytest.raises(InputError, match=r"workload: all that is sent drops at once"):
            compute(demo(dead))
    beside = flows | {"workload.flows": [["vf0", "vf1", "6Gbps"], ["vf2", "vf3"]], "pcie.lanes": 8}
    alone = flows | {"workload.flows": [["vf2", "vf3"]], "pcie.lanes": 8}
    left = limits(demo(beside)).frames_per_s
    assert left < limits(demo(alone)).frames_per_s
    assert ceiling_frames_per_s(demo(beside | {"workload.load": "50% of ceiling"})) == left


WRONG = [
    ("{pattern: none}",
     "c.yaml:1:21: workload.pattern: pattern: none sends nothing; it needs external, like external: {rate: 5Gbps}"),
    ("{pattern: null, external: {rate: 1Gbps}, load: 0.5}",
     "c.yaml:1:58: workload.load: with pattern: none no VM sends; load goes with a pattern"),
    ("{pattern: none, external: {rate: 1Gbps}, zipf: 1}",
     "c.yaml:1:58: workload.zipf: with pattern: none no VM sends; zipf goes with a pattern"),
    ("{weights: {vf0: 4}}",
     "c.yaml:1:21: workload.weights: weights divides what load offers, but load is saturate, where each VM sends all "
     "it can (--set workload.load=0.8)"),
    ("{load: 0.5, zipf: 1, weights: {vf0: 4}}",
     "c.yaml:1:29: workload.zipf: weights and zipf are both given; one of them is enough"),
    ("{load: 0.5, pattern: flows, flows: [[vf0, vf1, 1Gbps]], zipf: 1}",
     "c.yaml:1:73: workload.zipf: zipf divides what load offers, but all flows have their own rates"),
    ("{load: 0.5, pattern: incast, weights: {vf1: 0, vf2: 0, vf3: 0, vf4: 0, vf5: 0, vf6: 0, vf7: 0}}",
     "c.yaml:1:49: workload.weights: nobody has a weight above 0 (load: 0 lets nobody send)"),
    ("{load: 0.5, weights: {vf9: 4}}", "c.yaml:1:38: workload.weights.vf9: there is no vf9; nic.vfs is 8, vf0 to vf7"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), WRONG, ids=[text for text, _ in WRONG])
def test_what_does_not_go_together_is_refused(text, line):
    assert complaints(f"workload: {text}") == [line]
