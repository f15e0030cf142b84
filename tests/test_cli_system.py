"""Commands on a bridge and on several servers: they work, or say in one line what they do not know."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from hwmodel.explore import explain
from hwmodel.relaxations import relaxations_of
from hwmodel.results import SystemResult, load_result
from hwmodel.simulation import simulate
from tests.sample_system import LINE_GBPS, reflected_result, sample_bridge, sample_port

RUN = {"run": {"warmup": "1ms", "duration": "10ms"}}
TWO = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "bridge": {"kind": "learning", "announce": True},
    "nic": {"vfs": 2},
    "driver": {"moderation": "20us"},
    "workload": {"pattern": "uniform", "load": 0.5, "frame_bytes": 512},
    **RUN,
}
REFLECTED = {
    "bridge": {"kind": "learning"},
    "switch": {"mode": "vepa"},
    "nic": {"vfs": 2},
    "driver": {"preset": None, "rx_interrupt_batch": 4},  # an ample core
    "workload": {"pattern": "pairs", "load": "saturate"},
    **RUN,
}


@pytest.fixture
def file_of(tmp_path):
    def write(document):
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("document", [TWO, REFLECTED], ids=["two servers", "reflected"])
def test_a_run_prints_stores_and_draws(document, file_of, tmp_path, capsys, monkeypatch):
    stored, page = tmp_path / "r.json", tmp_path / "r.html"
    assert main(["run", file_of(document), "--json", str(stored), "--report", str(page)]) == 0
    printed = capsys.readouterr().out
    result = load_result(stored)
    assert isinstance(result, SystemResult) is ("servers" in document)
    over = sum(port.out_gbps for port in result.bridges[0].ports)
    assert over > 0 and f"({over:.2f} Gb/s over the bridge)" in printed.splitlines()[0]
    assert "None" not in printed
    assert "<h2>Bridge</h2>" in page.read_text(encoding="utf-8")
    monkeypatch.setattr("hwmodel.report.html.MOST_FULL_SECTIONS", 0)  # its figures are on the first page
    assert main(["report", str(stored), str(stored), "--out", str(page)]) == 0


def test_several_seeds_of_several_servers(file_of, capsys):
    assert main(["run", file_of(TWO), "--seeds", "2", "--verbose"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^totals\.gbps( +[\d.]+ Gb/s){5}$", printed, re.MULTILINE)
    assert "pcie.up.utilization" not in printed


@pytest.mark.parametrize("document", [TWO, REFLECTED], ids=["two servers", "reflected"])
def test_a_trace_has_the_bridge_among_its_groups(document, file_of, tmp_path, capsys):
    where = tmp_path / "t.json"
    assert main(["run", file_of(document), "--trace", str(where), "--trace-length", "5us"]) == 0
    capsys.readouterr()
    events = json.loads(where.read_text())["traceEvents"]
    groups = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert "Bridge" in groups and ({"a: Wire", "b: Wire"} if "servers" in document else {"Wire"}) <= groups


def test_a_wire_made_faster_has_one_rate_at_both_ends():
    (wire,) = [each for each in relaxations_of(config_from_mapping(REFLECTED)) if "wire.tx" in each.resources]
    assert {key for key, *_ in wire.changes} == {"port.rate", "bridge.ports.adapter.rate"}
    assert wire.config.port.rate_bps == wire.config.bridge.ports["adapter"].rate_bps == 20 * 10**9


def test_explain_counts_a_frame_over_the_bridge_once():
    assert reflected_result().throughput_gbps() == pytest.approx(LINE_GBPS)
    bridge = sample_bridge(sample_port("adapter", 5.0, 4.0), sample_port("outside", 0.0, 1.0))
    assert reflected_result(bridges=(bridge,)).throughput_gbps() == pytest.approx(LINE_GBPS + 1)


@pytest.mark.slow
def test_a_faster_wire_is_what_helps_vms_that_reach_each_other_over_it():
    best = explain(config_from_mapping(REFLECTED | {"run": {"warmup": "1ms", "duration": "3ms"}})).relaxed[0]
    assert "wire.tx" in best.resource or "bridge.adapter" in best.resource
    assert best.gain == pytest.approx(1, abs=0.05)


def test_senders_of_each_server_count_for_fairness_with_what_waits_for_their_rings():
    result = simulate(config_from_mapping(TWO))
    assert len(result.vms) == 4 and result.fairness_jain == pytest.approx(1, abs=0.01)
    # Both servers offer 20 Gb/s, and a's link takes a tenth of b's: most of what a has waits before its rings.
    slow = {"name": "a", "set": {"pcie.lanes": 1, "pcie.generation": 1}}
    flows = [["a.vf0", "b.vf0", "8Gbps"], ["b.vf1", "a.vf1", "800Mbps"]]
    uneven = {**TWO, "servers": [slow, {"name": "b"}], "workload": {"pattern": "flows", "flows": flows}}
    uneven["run"] = {"warmup": "1ms", "duration": "100ms"}
    found = simulate(config_from_mapping(uneven))
    got = {flow.from_: flow.gbps for flow in found.flows}
    shares = got["a.vf0"] / 8, 1.0
    assert shares[0] < 0.5 < got["b.vf1"]
    jain = sum(shares) ** 2 / 2 / sum(share**2 for share in shares)
    assert found.fairness_jain == pytest.approx(jain, abs=0.02)


@pytest.mark.parametrize("document", [TWO, REFLECTED], ids=["two servers", "reflected"])
def test_parts_of_each_percentile_add_up_over_the_bridge(document):
    result = simulate(config_from_mapping(document))
    assert {"mean", "p50"} <= set(result.latency_parts_ns)
    for name, parts in result.latency_parts_ns.items():
        assert sum(parts.values()) == pytest.approx(getattr(result.latency_to_guest_ns, name), rel=1e-6), name
    assert result.latency_parts_ns["p50"]["bridge"] > 0


def test_a_load_that_all_servers_have_room_for_is_the_limit_of_all(file_of, capsys):
    light = {**TWO, "workload": {**TWO["workload"], "load": 0.1}}
    assert main(["run", file_of(light), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["bottleneck"]
    assert found["resource"] == "offered_load"
    assert re.match(r"Server [ab] is the busiest\. Nothing is full", found["why"])
