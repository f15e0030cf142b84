"""Who sends to whom, for each pattern, written out for a few stations."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.config.streams import PatternError, demands

FIVE = ["vf0", "vf1", "vf2", "vf3", "vf4"]


def targets(pattern, stations, **options):
    """Give each sender's targets with their probabilities."""
    found = {}
    for stream in demands(pattern, stations, **options):
        whole = sum(weight for _, weight in stream.targets)
        assert stream.port not in found
        found[stream.port] = {name: weight / whole for name, weight in stream.targets}
    return found


def test_pairs():
    assert targets("pairs", FIVE[:4]) == {"vf0": {"vf1": 1}, "vf1": {"vf0": 1}, "vf2": {"vf3": 1}, "vf3": {"vf2": 1}}


def test_the_odd_one_of_pairs_is_idle():
    assert set(targets("pairs", FIVE)) == {"vf0", "vf1", "vf2", "vf3"}
    assert targets("pairs", ["vf0", "vf2", "vf7"]) == {"vf0": {"vf2": 1}, "vf2": {"vf0": 1}}


def test_ring():
    assert targets("ring", FIVE[:3]) == {"vf0": {"vf1": 1}, "vf1": {"vf2": 1}, "vf2": {"vf0": 1}}


def test_uniform():
    third = Fraction(1, 3)
    found = targets("uniform", FIVE[:4])
    assert found["vf1"] == {"vf0": third, "vf2": third, "vf3": third}
    assert list(found) == FIVE[:4]


def test_incast():
    assert targets("incast", FIVE[:3], incast_to="vf1") == {"vf0": {"vf1": 1}, "vf2": {"vf1": 1}}
    assert targets("incast", FIVE[:2], incast_to="pf") == {"vf0": {"pf": 1}, "vf1": {"pf": 1}}


@pytest.mark.parametrize(
    ("pattern", "target"), [("broadcast", "broadcast"), ("multicast", "multicast"), ("to_wire", "uplink")]
)
def test_all_to_one_target(pattern, target):
    assert targets(pattern, FIVE[:1]) == {"vf0": {target: 1}}
    assert len(targets(pattern, FIVE)) == 5


@pytest.mark.parametrize("pattern", ["pairs", "ring", "uniform", "incast"])
def test_patterns_that_need_two(pattern):
    with pytest.raises(PatternError, match=f"pattern {pattern} has nobody to send"):
        demands(pattern, ["vf0"])
    with pytest.raises(PatternError):
        demands(pattern, [])


def test_a_share_leaves_by_the_wire():
    found = targets("uniform", FIVE[:3], wire_share=Fraction(1, 4))
    assert found["vf0"] == {"vf1": Fraction(3, 8), "vf2": Fraction(3, 8), "uplink": Fraction(1, 4)}
    assert targets("pairs", FIVE[:2], wire_share=1) == {"vf0": {"uplink": 1}, "vf1": {"uplink": 1}}
    assert targets("to_wire", FIVE[:1], wire_share=0.5)["vf0"] == {"uplink": Fraction(1, 2)}


FLOWS = [
    ("vf0", "vf1", 2_000), ("vf0", "vf2", None), ("vf1", "vf0", 1_000), ("vf0", "vf3", None), ("uplink", "vf1", 5_000),
    ("vf2", "vf0", 0), ("uplink", "vf0", None),
]  # fmt: skip


def test_flows_with_a_rate_are_streams_of_their_own():
    streams = demands("flows", FIVE, flows=FLOWS)
    one = Fraction(1)
    assert [(stream.port, stream.targets, stream.rate_bps) for stream in streams] == [
        ("vf0", (("vf1", one),), 2_000),
        ("vf1", (("vf0", one),), 1_000),
        ("uplink", (("vf1", one),), 5_000),
        ("vf0", (("vf2", one), ("vf3", one)), None),
        ("uplink", (("vf0", one),), None),
    ]


def test_frames_from_the_wire_do_not_go_back_there():
    streams = demands("flows", FIVE, flows=FLOWS, wire_share=Fraction(1, 2))
    assert [name for stream in streams if stream.port == "uplink" for name, _ in stream.targets] == ["vf1", "vf0"]
    assert dict(streams[0].targets) == {"vf1": Fraction(1, 2), "uplink": Fraction(1, 2)}


def test_no_flows_are_no_streams():
    assert demands("flows", FIVE) == []
