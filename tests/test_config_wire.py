"""What comes from the wire is at most what the port brings, each frame with 20 B of preamble and gap."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from tests.config_cases import complaints, load
from tests.run_cases import POLLED, merged

REFUSED = [
    # 64 of 84 B are frame bits: 7.619 Gb/s of 10.
    ("workload: {pattern: flows, frame_bytes: 64, flows: [[uplink, vf0, 8Gbps]]}",
     "c.yaml:1:53: workload.flows.0: 8Gbps of these frames is more than a port of 10Gbps carries: about 7619Mbps of "
     "them, beside preamble and gap (20 B each)"),
    ("workload: {pattern: flows, frame_bytes: 64, load: 8Gbps, flows: [[uplink, vf0], [vf0, vf1]]}",
     "c.yaml:1:51: workload.load: 8Gbps of these frames is more than a port of 10Gbps carries: about 7619Mbps of "
     "them, beside preamble and gap (20 B each)"),
    ("workload: {pattern: flows, load: 2.5, flows: [[uplink, vf0], [vf0, vf1]]}",
     "c.yaml:1:34: workload.load: the frames from the wire, all together, take 125 % of a port of 10Gbps, counting "
     "each with 20 B"),
    # 5 Gb/s of 1518 of 1538 B, three times.
    ("workload: {pattern: flows, flows: [[uplink, vf0, 5Gbps], [uplink, vf1, 5Gbps], [vf0, vf1, 50Gbps]],\n"
     "           external: {rate: 5Gbps}}",
     "c.yaml:1:36: workload.flows.0: the frames from the wire, all together, take 152 % of a port of 10Gbps, counting "
     "each with 20 B"),
    ("workload: {load: 1Gbps, arrivals: on_off, peak_rate: 12Gbps, pattern: flows, flows: [[uplink, vf0]]}",
     "c.yaml:1:54: workload.peak_rate: 12Gbps of these frames is more than a port of 10Gbps carries: about 9869Mbps "
     "of them, beside preamble and gap (20 B each)"),
    ("port: {rate: 1Gbps}\nworkload: {external: {rate: 500Mbps, arrivals: on_off, peak_rate: 2Gbps}}",
     "c.yaml:2:67: workload.external.peak_rate: 2Gbps of these frames is more than a port of 1Gbps carries: about "
     "986Mbps of them, beside preamble and gap (20 B each)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), REFUSED, ids=[text for text, _ in REFUSED])
def test_more_than_the_line_carries_is_one_line(text, line):
    assert complaints(text) == [line]


POSSIBLE = [
    "workload: {pattern: flows, frame_bytes: 64, flows: [[uplink, vf0, 7619Mbps], [uplink, vf0]]}",
    "workload: {pattern: flows, load: 2, flows: [[uplink, vf0], [vf0, vf1]]}",
    "workload: {pattern: flows, flows: [[uplink, vf0, 5Gbps], [uplink, vf1]], external: {rate: 4.8Gbps}}",
    "workload: {pattern: flows, load: saturate, flows: [[uplink, vf0], [uplink, vf1], [vf0, vf1, 50Gbps]]}",
    "workload: {load: 12Gbps, arrivals: on_off, peak_rate: 30Gbps, external: {rate: 5Gbps}}",
    "workload: {load: 1Gbps, arrivals: on_off, peak_rate: 30Gbps, pattern: flows, flows: [[vf0, vf1]]}",
]


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_the_line_carries_is_let_through(text):
    load(text)


def test_a_line_that_is_nearly_full_runs():
    """A stream that saturates the line takes what two timed ones leave of it."""
    flows = [["uplink", "vf0", "3Gbps"], ["uplink", "vf1", None]]
    workload = {"pattern": "flows", "frame_bytes": 256, "flows": flows, "external": {"rate": "5Gbps", "to": ["vf2"]}}
    run = {"warmup": "100us", "duration": "1ms"}
    result = simulate(config_from_mapping(merged(POLLED, {"pcie": {"lanes": 8}, "workload": workload, "run": run})))
    assert result.wire.utilization == pytest.approx(1, abs=0.01)
    assert result.wire.rx_gbps == pytest.approx(10 * 256 / 276, rel=0.01)
