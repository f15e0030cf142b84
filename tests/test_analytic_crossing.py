"""The time of one frame over an idle bridge, by the figures of docs/bridge.md and docs/pcie.md worked out by hand."""

import pytest

from hwmodel.analytic.lone_frame import Way, crossing_of, wire_fs
from hwmodel.analytic.system import System
from hwmodel.config import load_config

NS_FS = 10**6
A, B, OUTSIDE = 0, 1, 2


def crossing(changes, to_bytes=1514, from_bytes=1514, ends=(A, B)):
    """Cross with a frame of so many bytes without FCS on the first wire, and on the last."""
    servers = [{"name": "a"}, {"name": "b", "set": {"port.rate": changes.pop("b.rate", "10Gbps")}}]
    system = System.of(load_config("sriov_10g_gen2x4", {"servers": servers} | changes))
    part, to_part = ends
    way = Way(1, 1514, wire_bytes=to_bytes, back_bytes=from_bytes, part=part, to_part=to_part,
              wire=part, to_wire=to_part)  # fmt: skip
    return crossing_of(system, way)


def test_a_frame_is_stored_and_sent_on():
    found = crossing({"bridge.latency": "500ns"})
    # 1518 B with FCS, 8 B of preamble and 12 B of gap: 1538 B of 0.8 ns.
    (bridge,) = found.stages
    assert (found.to_bytes, bridge.known_bytes, found.from_bytes) == (1538, 1538, 1538)
    assert (found.sent_fs, bridge.known_fs, bridge.latency_fs, found.back_fs) == (
        1_230_400_000, 1_230_400_000, 500_000_000, 1_230_400_000,
    )  # fmt: skip
    assert found.whole_fs == int(2960.8 * NS_FS)


def test_each_wire_has_its_propagation():
    plain = crossing({"bridge.latency": "0ns"})
    far = crossing({"bridge.latency": "0ns", "bridge.propagation": "3ns"})
    assert far.propagation_fs == far.stages[0].propagation_fs == 3 * NS_FS
    assert far.whole_fs - plain.whole_fs == 6 * NS_FS


@pytest.mark.parametrize(("n_bytes", "on_wire"), [(60, 84), (30, 84), (61, 85), (1518, 1542)])
def test_short_frames_are_padded_and_tags_count(n_bytes, on_wire):
    found = crossing({}, n_bytes, n_bytes + 100)
    assert found.to_bytes == found.stages[0].known_bytes == on_wire
    assert found.sent_fs == on_wire * 8 * 10**5
    assert found.from_bytes == max(n_bytes + 104, 64) + 20


def test_the_last_wire_has_the_rate_of_the_receivers_port():
    found = crossing({"b.rate": "25Gbps"}, 1518, 1514)
    assert found.sent_fs == int(1233.6 * NS_FS)
    assert found.back_fs == int(492.16 * NS_FS)  # 1538 * 8 / 25
    outward = crossing({"bridge.ports.outside.rate": "1Gbps"}, ends=(A, OUTSIDE))
    assert outward.back_fs == 12_304 * NS_FS
    inward = crossing({"bridge.ports.outside.rate": "1Gbps"}, ends=(OUTSIDE, A))
    assert (inward.stages[0].known_fs, inward.back_fs) == (12_304 * NS_FS, int(1230.4 * NS_FS))


@pytest.mark.parametrize(("changes", "ends", "known_bytes"), [
    ({}, (A, B), 72),
    ({"b.rate": "1Gbps"}, (A, B), 72),  # to a slower port
    ({"b.rate": "1Gbps"}, (B, A), 1538),  # from one
    ({"b.rate": "25Gbps"}, (A, B), 1538),
    ({"b.rate": "25Gbps"}, (A, OUTSIDE), 1538),  # slower than some port, if not than the one it goes to
    ({"bridge.ports.outside.rate": "40Gbps"}, (A, B), 1538),
    ({"bridge.ports.outside.rate": "40Gbps"}, (OUTSIDE, B), 72),
])  # fmt: skip
def test_only_the_fastest_ports_cut_through(changes, ends, known_bytes):
    found = crossing({"bridge.forwarding": "cut_through", **changes}, ends=ends)
    assert found.stages[0].known_bytes == known_bytes
    assert found.to_bytes == 1538
    assert crossing(dict(changes), ends=ends).stages[0].known_bytes == 1538


def test_cut_through_waits_for_64_bytes_and_the_preamble():
    found = crossing({"bridge.forwarding": "cut_through", "bridge.latency": "500ns"})
    assert found.stages[0].known_fs == int(57.6 * NS_FS) and found.sent_fs == int(1230.4 * NS_FS)
    assert found.whole_fs == int((57.6 + 500 + 1230.4) * NS_FS)


def test_times_are_rounded_down_to_a_femtosecond():
    assert wire_fs(1, 3 * 10**9) == 2_666_666
    assert wire_fs(84, 7 * 10**9) == 96_000_000
    assert wire_fs(85, 7 * 10**9) == 97_142_857
