"""Each resource of several servers and of the bridge made larger: the keys of each, and what that gains."""

from __future__ import annotations

import sys

import pytest

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.errors import InputError, RunError
from hwmodel.explore import explain, side_by_side
from hwmodel.relaxations import relaxations_of
from hwmodel.relaxations.resources import OF_A_SERVER, bridge_resources, loads
from hwmodel.resources import CORE
from hwmodel.results import Bottleneck
from hwmodel.results.search_text import relaxed_sentence, relaxed_text
from tests.run_cases import POLLED, merged

RUN = {"run": {"warmup": "200us", "duration": "1ms"}}
TWO = {
    "servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 2, "host.cores": 1, "nic.preset": "82576"}}],
    "bridge": {"kind": "learning", "announce": True},
    "nic": {"vfs": 2},
    "workload": {"pattern": "uniform", "load": 0.5, "frame_bytes": 512},
    **RUN,
}
CHANNELS = {
    "switch": {"mode": "multichannel", "s_channels": {10: "vepa", 20: "vepa"}},
    "bridge": {
        "ports": {"a": {"s_channels": {10: {"rate": "1Gbps"}, 20: {"weight": 2}}}},
        "policy": [{"action": "deny", "port": "a.vf1"}, {"action": "police", "rate": "2Gbps", "burst": "9KiB"}],
    },
}


def named(found, resource):
    return [each for each in found if resource in each.resources]


@pytest.fixture(scope="module")
def of_two():
    return relaxations_of(config_from_mapping(TWO))


def test_each_server_has_each_resource_under_its_name(of_two):
    of_a = {each.resources for each in of_two if each.resources[0].startswith("a.")}
    of_b = {each.resources for each in of_two if each.resources[0].startswith("b.")}
    assert {tuple(name[2:] for name in one if name[0] == "a") for one in of_a} <= {
        CORE,
        *(names for names, _ in OF_A_SERVER),
    }
    assert {one[0][2:] for one in of_b} - {one[0][2:] for one in of_a} == {"host.cores"}  # a has one for each VM
    assert len(of_a) > 10


def test_a_change_is_that_servers_alone_and_device_limits_hold_for_none(of_two):
    (cores,) = named(of_two, "b.host.cores")
    assert cores.text == "servers.b.set.host.cores: 1 -> 2"
    a, b = servers_of(cores.config)
    assert (a.config.host.cores, b.config.host.cores) == (2, 2)
    assert (a.config.nic.preset, b.config.nic.preset) == (None, None)
    lanes = {server.name: server.config.pcie.lanes for server in servers_of(named(of_two, "b.pcie.up")[0].config)}
    assert lanes == {"a": 8, "b": 4}


def test_a_wire_has_one_rate_at_both_ends_and_the_load_stays_in_frames(of_two):
    (wire,) = named(of_two, "bridge.b")
    assert [key for key, *_ in wire.changes] == ["servers.b.set.port.rate", "bridge.ports.b.rate", "workload.load"]
    assert wire.config.workload.load.share == pytest.approx(0.5 * 11 / 12, rel=1e-12)  # an 82576 has 1 Gb/s
    assert wire.config.bridge.ports["b"].rate_bps == 2 * 10**9 == servers_of(wire.config)[1].config.port.rate_bps


def test_the_bridge_has_its_ports_rates_buffers_and_latency():
    config = config_from_mapping(merged(TWO, CHANNELS))
    found = {names[0]: changes for names, changes in bridge_resources(config) if changes}
    assert found == {
        "bridge.outside": [("bridge.ports.outside.rate", "10Gbps", "20Gbps")],
        "bridge.a.10": [("bridge.ports.a.s_channels.10.rate", "1Gbps", "2Gbps")],
        "bridge.buffer": [("bridge.buffer", "1MiB", "2MiB")],
        "bridge.latency": [("bridge.latency", "500ns", "250ns")],
        "rate_limit": [("bridge.policy.1.rate", "2Gbps", "4Gbps")],
    }
    assert not list(bridge_resources(config_from_mapping({})))


def test_a_rate_limit_is_that_of_the_server_or_of_the_bridge():
    limited = {"servers": [{"name": "a", "set": {"switch.ports.vf0.rate_limit": "1Gbps"}}, {"name": "b"}]}
    found = relaxations_of(config_from_mapping(merged(TWO, CHANNELS, limited)))
    own = Bottleneck(
        resource="a.rate_limit", utilization=1, why="", keys=("servers.a.set.switch.ports.NAME.rate_limit",)
    )
    policy = Bottleneck(resource="rate_limit", utilization=1, why="", keys=("bridge.policy.NUMBER.rate",))
    assert [each.text for each in found if each.is_of(own)] == [
        "servers.a.set.switch.ports.vf0.rate_limit: 1Gbps -> 2Gbps"
    ]
    assert [each.text for each in found if each.is_of(policy)] == ["bridge.policy.1.rate: 2Gbps -> 4Gbps"]


def test_of_the_load_the_largest_comes_first():
    config = config_from_mapping(merged(TWO, {"workload": {"external": {"rate": "4Gbps"}}}))
    rates = [dict((key, new) for key, _, new in one).get("workload.external.rate") for one in loads(config)]
    assert rates == ["8Gbps", "6Gbps", "5Gbps", "4.2Gbps", None]


@pytest.fixture(scope="module")
def narrow():
    """One server sends through a link of one lane; what it sends to has room for all."""
    slow = {"name": "a", "set": {"pcie.lanes": 1, "pcie.generation": 1}}
    flows = {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "8Gbps"]], "frame_bytes": 256}
    document = merged(POLLED, TWO, {"servers": [slow, {"name": "b"}], "run": {"duration": "1ms"}})
    return config_from_mapping({**document, "workload": flows})


@pytest.mark.slow
def test_twice_the_lanes_of_the_one_full_link_give_twice_the_throughput(narrow):
    found = explain(narrow)
    first = found.relaxed[0]
    assert (first.resource, first.change) == ("a.pcie.down", "servers.a.set.pcie.lanes: 1 -> 2")
    assert first.is_bottleneck and found.bottleneck.resource == "a.pcie.down"
    assert 1 <= first.gain <= 1.03  # faster, the same batches save some bytes of each frame
    assert all(abs(each.gain) < 0.1 for each in found.relaxed[1:] if "a.pcie.down" not in each.resource)
    assert {each.resource.partition(".")[0] for each in found.relaxed} == {"a", "b", "bridge", "offered_load"}


@pytest.mark.parametrize("error", [RunError("a queue inside the model overflowed"), InputError("workload: too much")])
def test_a_relaxed_run_that_fails_is_a_line_and_the_others_go_on(error, narrow, monkeypatch):
    result = side_by_side.simulate(narrow)
    for name in ("simulate", "simulate_on_one_core"):
        monkeypatch.setattr(side_by_side, name, lambda _config: result)
    whole = explain(narrow)

    def failing(config):
        if config.bridge.buffer_bytes > narrow.bridge.buffer_bytes:
            raise error
        return result

    monkeypatch.setattr(side_by_side, "simulate_on_one_core", failing)
    found = explain(narrow)
    assert len(found.relaxed) == len(whole.relaxed)
    last = found.relaxed[-1]
    assert (last.resource, last.gbps, last.failure) == ("bridge.buffer", None, str(error))
    assert not any(each.failure for each in found.relaxed[:-1])
    (line,) = [line for line in relaxed_text(found).splitlines() if line.startswith("bridge.buffer")]
    assert line.endswith(f"failed: {error}")
    assert "too short" not in relaxed_text(found) + relaxed_sentence(found)


def test_what_the_configuration_itself_cannot_run_is_an_error(narrow, monkeypatch):
    def failing(_config):
        raise RunError("overflowed")

    monkeypatch.setattr(sys.modules[explain.__module__], "simulate", failing)
    with pytest.raises(RunError):
        explain(narrow)
