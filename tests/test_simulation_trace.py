"""The time line shows the link's TLPs as they went, and looking does not change the run."""

from __future__ import annotations

import itertools
import json

import pytest

from hwmodel.analytic.link import link_rate_of
from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from hwmodel.simulation.trace import NAMES

KEYS = {
    "nic": {"vfs": 2},
    "workload": {"frame_bytes": 1518, "load": "saturate"},
    "run": {"duration": "200us"},
}


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    config = config_from_mapping(KEYS)
    result = simulate(config, trace_path=str(path))
    return config, result, json.loads(path.read_text())["traceEvents"]


def of_row(events, row):
    return [event for event in events if event["ph"] == "X" and event["tid"] == row]


def test_the_run_is_the_same_with_and_without_a_trace(traced):
    config, result, _ = traced
    assert result.to_json(include_host_run=False) == simulate(config).to_json(include_host_run=False)


def test_both_directions_have_a_row_and_each_kind_its_name(traced):
    _, _, events = traced
    up = {event["name"] for event in of_row(events, 0)} - {"Ack, UpdateFC"}
    down = {event["name"] for event in of_row(events, 1)} - {"Ack, UpdateFC"}
    assert {"payload write", "payload read", "Tx write-back"} <= up
    assert {"payload completion", "Tx doorbell"} <= down
    assert up | down <= set(NAMES.values()) and not up & down


@pytest.mark.parametrize("row", [0, 1])
def test_one_tlp_at_a_time(traced, row):
    _, _, events = traced
    spans = sorted((event["ts"], event["dur"]) for event in of_row(events, row))
    assert len(spans) > 50
    assert all(a + length <= b + 1e-6 for (a, length), (b, _) in itertools.pairwise(spans))


def test_a_tlp_takes_its_bytes_at_the_links_rate(traced):
    config, _, events = traced
    rate = link_rate_of(config.pcie)
    for event in of_row(events, 0) + of_row(events, 1):
        if event["name"] == "Ack, UpdateFC":  # one pair or several that became due together
            pairs = event["dur"] * 1e9 / rate.transfer_fs(16)
            assert pairs == pytest.approx(round(pairs), rel=1e-6) and round(pairs) >= 1
        else:
            assert event["dur"] * 1e9 == pytest.approx(rate.transfer_fs(event["args"]["bytes"]), abs=2)


def test_the_time_line_accounts_for_the_busy_share(traced):
    _, result, events = traced
    for row, direction in enumerate((result.pcie.up, result.pcie.down)):
        shown = of_row(events, row)
        # The window goes on to the next delivery behind the nominal 200 us, which are what is shown.
        shown_us = max(event["ts"] + event["dur"] for event in shown) - result.window.start_ns / 1e3
        assert sum(event["dur"] for event in shown) / shown_us == pytest.approx(direction.utilization, rel=0.02)


def test_each_tlp_names_a_function_of_the_configuration(traced):
    config, _, events = traced
    names = {port.name for port in config.switch.ports}
    assert {event["args"]["function"] for event in events if "function" in event["args"]} <= names
