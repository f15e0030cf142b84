"""The load without loss is found within 0.5 % where it is known by hand; loads above it, bursts, latencies, too.

The answers are worked out here from docs/pcie.md, apart from hwmodel/analytic/.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.explore.search.load_search import Bursts, search_loads
from hwmodel.explore.search.loads import dial_of
from hwmodel.explore.side_by_side import outcomes_of
from tests.run_cases import merged
from tests.test_sizing_planted import ALL_BY_EIGHT, link_gbps

# Drivers that are given one frame after another ring for each, so the sum counts a doorbell a frame. Little room on the
# chip, so that queues show soon whether they grow.
OPEN = merged(
    ALL_BY_EIGHT,
    {"driver": {"tx_doorbell_batch": 1}, "nic": {"tx_buffer": "8KiB", "rx_buffer": "8KiB", "descriptor_cache": 16}},
)
SKP = 1534 / 1538


def up_mpps(frame_bytes: int, lanes: int) -> float:
    """Return what the way up carries: with a doorbell a frame its Acks and credits are for 7/8 of a TLP more."""
    bytes_up = 4.0 * lanes * SKP * frame_bytes / link_gbps(frame_bytes, lanes) + 4 * 7 / 8
    return 4.0 * lanes * SKP / 8 * 1e3 / bytes_up


# A kernel driver takes 64 B from the wire: 800 ns, 0.1 ns for each of 60 B, a doorbell of 100 ns for 16 frames.
# Its clock is another than the wire's, as those of machines are: what windows have at their ends is not always alike.
FROM_THE_WIRE = {
    "run": {"clocks": "40ppm"},
    "nic": {"preset": "82599", "vfs": 4},
    "workload": {"pattern": "none", "frame_bytes": 64, "external": {"rate": "1Gbps", "to": ["vf2"]}},
}
HALF_IS_DOWN = {
    "nic": {"preset": "82599", "vfs": 4},
    "port": {"count": 2, "down": ["p1"]},
    "workload": {"pattern": "to_wire", "frame_bytes": 1518},
}
TAKEN_MPPS = 1e3 / (800 + 0.1 * 60 + 100 / 16)

CASES: dict[str, tuple[dict[str, Any], float]] = {
    "link up, 1518 B": (OPEN, up_mpps(1518, 4)),
    "link up, one lane, 512 B": (
        merged(OPEN, {"pcie": {"lanes": 1}, "workload": {"frame_bytes": 512}}),
        up_mpps(512, 1),
    ),
    "wire out": (
        merged(OPEN, {"pcie": {"lanes": 8}, "workload": {"pattern": "to_wire", "frame_bytes": 256}}),
        10e3 / 8 / (256 + 20),
    ),
    "pipeline": (merged(OPEN, {"nic": {"max_pps": 500_000}}), 0.5),
    # Two guests on a core, which send and take: 4 x 0.5 us for each pair of frames.
    "core": (merged(OPEN, {"host": {"cores": 1}, "driver": {"frame_time": "500ns"}}), 1.0),
    "core of a guest that polls": (FROM_THE_WIRE, TAKEN_MPPS),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_rate_without_loss_is_that_of_the_sum(name):
    mapping, expected_mpps = CASES[name]
    found = search_loads(config_from_mapping(mapping))
    low, high = found.interval_mpps
    assert found.mpps == low == pytest.approx(expected_mpps, rel=0.005)
    assert high is not None and low < high <= low * 1.0041
    assert low * 0.999 <= expected_mpps <= high * 1.001
    assert all(trial.verdict != "met" for trial in found.trials if trial.offered_mpps >= high)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_load_just_above_what_a_polling_guest_takes_is_found_to_lose(seed):
    """At its ends a short window has whole polls, which are as many frames as are missing."""
    config = config_from_mapping(merged(FROM_THE_WIRE, {"run": {"seed": seed}}))
    found = search_loads(config, "loss_curve", loads=[Fraction(998, 1000), Fraction(1002, 1000), Fraction(1004, 1000)])
    assert [trial.offered_mpps / TAKEN_MPPS for trial in found.curve] == pytest.approx([0.998, 1.002, 1.004], rel=1e-5)
    assert [trial.loss for trial in found.curve] == pytest.approx([0, 0.002, 0.004], abs=3e-4)
    assert found.curve[1].untaken_frames > 0


def test_servers_behind_a_bridge_have_a_rate_too():
    config = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}, "workload": {"frame_bytes": 512}}
    (half,) = search_loads(config_from_mapping(merged(OPEN, config)), "loss_curve", loads=[Fraction(1, 2)]).curve
    assert half.loss == 0
    assert half.gbps == pytest.approx(half.offered_mpps * 512 * 8 / 1e3, rel=2e-3)


def test_twice_the_capacity_loses_half():
    found = search_loads(
        config_from_mapping(CASES["pipeline"][0]), "loss_curve", loads=[Fraction(1, 2), Fraction(3, 2), Fraction(2)]
    )
    half, more, twice = found.curve
    assert half.loss == 0 and half.dropped_frames == 0
    assert half.delivered_mpps == pytest.approx(0.25, rel=1e-3)
    assert more.loss == pytest.approx(1 / 3, abs=0.003)
    assert twice.loss == pytest.approx(1 / 2, abs=0.003) and twice.dropped_frames > 0
    assert twice.delivered_mpps == pytest.approx(0.5, rel=0.003)


def test_a_share_that_may_be_lost_raises_the_rate():
    found = search_loads(config_from_mapping(CASES["pipeline"][0]), "partial_drop", loss=0.1)
    assert found.mpps == pytest.approx(0.5 / 0.9, rel=0.005)


def test_a_share_that_is_lost_at_any_load_is_counted_in():
    """Half of all ends at a port whose link is down, the rest leaves at 10 Gb/s: of 2.5 times that 60 % are lost."""
    found = search_loads(config_from_mapping(HALF_IS_DOWN), "partial_drop", loss=0.6)
    assert found.mpps == pytest.approx(10e3 / 8 / 1538 / 0.4, rel=0.004)
    assert sum(trial.window_frames for trial in found.trials) < 500_000


def test_where_no_load_gets_through_the_reason_is_told():
    found = search_loads(config_from_mapping(HALF_IS_DOWN))
    assert (found.mpps, found.limited_by) == (None, "")
    least = min(found.trials, key=lambda trial: trial.share)
    assert least.drops == {"LINK_DOWN": least.dropped_frames} and least.dropped_frames > 0
    first, second, blank, *_ = found.summary().splitlines()
    assert first.startswith("No load was found without loss; ") and blank == ""
    assert (
        second
        == "Of the least load that was tried, 0.20 % of what the closed form allows, 50.0 % by LINK_DOWN is lost."
    )
    with pytest.raises(RunError, match=r"none to measure latencies at\. Of the least load .* 50\.0 % by LINK_DOWN"):
        search_loads(config_from_mapping(HALF_IS_DOWN), "latency_at_load")


def test_latencies_are_of_shares_of_the_rate_without_loss():
    found = search_loads(config_from_mapping(CASES["pipeline"][0]), "latency_at_load")
    assert [trial.offered_mpps for trial in found.curve] == pytest.approx([s * found.mpps for s in (0.1, 0.5, 0.9)])
    assert all(trial.loss == 0 and trial.latency_ns.p50 > 900 for trial in found.curve)


def test_what_the_wire_brings_ends_at_its_rate():
    mapping = merged(OPEN, {"pcie": {"lanes": 8}, "workload": {"pattern": "none", "external": {"rate": "1Gbps"}}})
    found = search_loads(config_from_mapping(mapping))
    assert found.interval_mpps == (pytest.approx(10e3 / 8 / 1538, rel=1e-6), None)
    assert "at least this" in found.notes[0]


def test_the_longest_burst_fills_the_ring_while_the_pipeline_empties_it():
    # One VM sends at 40 Gb/s with 1538 B each, 3.25 Mpps; the pipeline takes 0.5 Mpps of them. A slot of the ring is
    # free when a write-back has told so, eight at once.
    mapping = merged(OPEN, {"nic": {"max_pps": 500_000}, "workload": {"pattern": "flows", "flows": [["vf0", "vf1"]]}})
    bursts = Bursts(config_from_mapping(mapping), 40_000_000_000, outcomes_of)
    low, high = bursts.longest()
    assert high == low + 1
    stays = 1 - 0.5 / (40e3 / 8 / 1538)
    held = low * stays
    assert 63 - 8 <= held <= 63
    assert bursts.gets_through(low) and not bursts.gets_through(high)
    assert "TX_RING_FULL" in bursts.lost


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"workload": {"pattern": "broadcast"}}, "each makes many"),
        ({"workload": {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"]]}}, "rates of their own"),
    ],
)
def test_a_load_that_cannot_be_turned_is_refused(more, why):
    with pytest.raises(InputError, match=why):
        dial_of(config_from_mapping(merged(OPEN, more)))
