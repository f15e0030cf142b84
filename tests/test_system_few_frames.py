"""Few frames through adapters and bridge, from captures: what is counted of each, and when the run is over."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from tests.run_cases import BATCHES_OF_ONE, BROADCAST, OUTSIDE, frame, merged, read_capture, write_capture

REPLAYED = merged(BATCHES_OF_ONE, {"nic": {"vfs": 2}, "run": {"warmup": "auto", "duration": "10ms"}})


def replayed(folder, frames, system):
    """Send frames 20 us apart; return the result and what was delivered when."""
    capture = write_capture(folder / "in.pcap", [(20_000 * number, raw) for number, raw in enumerate(frames)])
    layers = merged(REPLAYED, {"workload": {"pcap": str(capture)}})
    result = simulate(config_from_mapping({**layers, **system}), pcap_path=str(folder / "out.pcap"))
    return result, read_capture(folder / "out.pcap")


def test_each_frame_to_outside_is_in_the_sums(tmp_path):
    """Whoever stands outside takes it at once: latencies by delivery and to the guest are one, and the parts add up."""
    frames = [frame("vf0", OUTSIDE, n_bytes) for n_bytes in (60, 300, 1000)]
    result, got = replayed(tmp_path, frames, {"bridge": {"propagation": "50us"}})
    assert len(got) == 3 == result.latency_ns.count == result.latency_to_guest_ns.count
    assert result.latency_to_guest_ns.mean == pytest.approx(result.latency_ns.mean)
    parts = result.latency_parts_ns
    assert sum(parts["mean"].values()) == pytest.approx(result.latency_ns.mean)
    assert sum(parts["p50"].values()) == pytest.approx(result.latency_ns.p50)
    assert parts["mean"]["bridge"] > 100_000 and parts["p50"]["bridge"] > 100_000  # two wires of 50 us
    assert result.window.end_ns >= got[-1][0]  # nothing else happens behind the last delivery but on the bridge's side


def test_a_capture_plays_through_several_servers(tmp_path):
    """The owner of the source address sends, whichever server it is on."""
    frames = [
        frame("02:00:00:00:00:02", "02:00:00:01:00:03"),  # a.vf0 to b.vf1
        frame("02:00:00:01:00:03", "02:00:00:00:00:02"),  # and back
        frame("02:00:00:01:00:02", BROADCAST),  # of b.vf0
        frame(OUTSIDE, "02:00:00:01:00:02"),
    ]
    system = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
    result, got = replayed(tmp_path, frames, system)
    assert {(flow.from_, flow.to) for flow in result.flows if flow.delivered} == {
        ("a.vf0", "b.vf1"), ("b.vf1", "a.vf0"), ("uplink", "b.vf0"),
        *(("b.vf0", name) for name in ("b.vf1", "b.pf", "a.pf", "a.vf0", "a.vf1")),
    }  # fmt: skip
    assert len(got) == 2 + 1 + 6 + 1  # outside has the broadcast too, and the first, whose address was not yet known
    assert [at_ns for at_ns, _ in got] == sorted(at_ns for at_ns, _ in got)
    assert result.window.end_ns >= got[-1][0]
