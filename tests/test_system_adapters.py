"""Two adapters of one server run as two servers with the same blocks do: in all figures the same, but for the names."""

from __future__ import annotations

import json
import re

import pytest

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from hwmodel.relaxations import relaxations_of
from hwmodel.report import render_page
from hwmodel.results.summary import summary
from hwmodel.simulation import simulate

SLOW = {"pcie.lanes": 2, "nic.vfs": 3}
SYSTEM = {
    "nic": {"vfs": 2},
    "bridge": {"announce": True, "buffer": "16KiB"},
    "workload": {"pattern": "uniform", "load": 0.6, "frame_bytes": 512, "arrivals": "poisson"},
    "run": {"warmup": "500us", "duration": "3ms"},
}
CORES = {"host.cores": 5}  # so many as the server of both has, one for each VM
APART = {**SYSTEM, "servers": [{"name": "zq1", "set": CORES}, {"name": "zq2", "set": SLOW | CORES}, {"name": "b"}]}
TOGETHER = {**SYSTEM, "servers": [
    {"name": "a", "adapters": [{"name": "x"}, {"name": "y", "set": SLOW}]}, {"name": "b"}
]}  # fmt: skip


@pytest.fixture(scope="module")
def together():
    return simulate(config_from_mapping(TOGETHER))


def test_all_figures_are_those_of_two_servers(together):
    apart = simulate(config_from_mapping(APART)).to_json(include_host_run=False)
    apart = apart.replace("servers.zq2", "servers.a.adapters.y").replace("servers.zq1", "servers.a.adapters.x")
    apart = apart.replace("Server zq", "Adapter zq").replace("zq1", "a.x").replace("zq2", "a.y")
    expected, found = json.loads(apart), json.loads(together.to_json(include_host_run=False))
    for of_system in ("config", "config_hash"):
        del expected[of_system], found[of_system]
    assert found == expected
    assert together.totals.delivered_frames > 1000


def test_results_are_in_the_order_of_servers_and_their_adapters(together):
    assert [adapter.name for adapter in together.adapters] == ["a.x", "a.y", "b"]
    assert [vm.name for vm in together.vms[:3]] == ["a.x.vf0", "a.x.vf1", "a.y.vf0"]
    assert [port.name for port in together.bridges[0].ports] == ["a.x", "a.y", "b", "outside"]


def test_what_is_printed_and_drawn_has_the_adapters(together):
    assert "a.y.vf2" in summary(together, verbose=True)
    page = render_page([together], [""])
    assert re.search(r"2 servers \(a and b\), 3 adapters in all,[^<]* each an", page) and "a.y" in page


def test_captures_go_by_the_longer_names(tmp_path, capsys):
    path, hop = tmp_path / "c.json", tmp_path / "y.pcapng"
    path.write_text(json.dumps(TOGETHER | {"run": {"warmup": "0ns", "duration": "50us"}}))
    assert main(["run", str(path), "--pcap-hop", f"a.y={hop}", "--trace", str(tmp_path / "t.json")]) == 0
    assert hop.stat().st_size > 1000
    groups = {event["args"]["name"] for event in json.loads((tmp_path / "t.json").read_text())["traceEvents"]
              if event["name"] == "process_name"}  # fmt: skip
    assert {"a.x: Wire", "a.y: Wire", "b: Wire", "Bridge"} <= groups
    assert main(["run", str(path), "--pcap-hop", f"a={hop}"]) == 2
    assert "there is no wire 'a'; one of a.x, a.y, b, outside" in capsys.readouterr().err


def test_what_adapters_share_is_made_larger_once_for_all():
    found = relaxations_of(config_from_mapping(TOGETHER))
    (reads,) = [each for each in found if "a.x.host.read_latency" in each.resources]
    assert reads.resources == ("a.x.host.read_latency", "a.y.host.read_latency")
    assert reads.text == "servers.a.set.host.read_latency: 450ns -> 225ns"
    (wire,) = [each for each in found if "bridge.a.y" in each.resources]
    assert [key for key, *_ in wire.changes] == [
        "servers.a.adapters.y.set.port.rate", "bridge.ports.a.y.rate", "workload.load"
    ]  # fmt: skip
    assert wire.config.bridge.ports["a.y"].rate_bps == 20 * 10**9


def test_one_of_several_adapters_says_what_has_no_receiver_there():
    """b no longer has the address that half of the frames are for; of copies made by flooding nothing is said."""
    workload = {
        "pattern": "flows",
        "frame_bytes": 512,
        "flows": [["a.vf0", "b.vf0", "1Gbps"], ["a.vf1", "b.vf1", "1Gbps"]],
    }
    base = {"nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "workload": workload,
            "run": {"warmup": "100us", "duration": "1ms"}}  # fmt: skip
    moved = {"at": "1us", "set": {"servers.b.set.switch.ports.vf0.macs": ["02:ee:00:00:00:01"]}}
    result = simulate(config_from_mapping({**base, "bridge": {"announce": True}, "scenario": [moved]}))
    whole, ours = result.bottleneck.why, {one.name: one.bottleneck.why for one in result.adapters}
    assert "the load itself, less what rules drop (UNKNOWN_UNICAST " in whole
    assert "the load itself, less what rules drop (UNKNOWN_UNICAST " in ours["b"]
    assert "rules" not in ours["a"] and "rules" not in ours["c"]
    flooded = simulate(config_from_mapping({**base, "bridge": {"announce": False}}))
    assert flooded.drops["UNKNOWN_UNICAST"] > 100
    assert not any("rules" in one.bottleneck.why for one in (flooded, *flooded.adapters))
