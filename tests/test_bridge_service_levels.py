"""Whole runs with service levels at a port of the bridge: shares, rates, drops, and what they leave as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel import limits, simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.bridge import queue_bytes, s_channels_of
from hwmodel.results import Result, load_result
from hwmodel.results.bottleneck import FULL
from hwmodel.results.bridge import LogicalPortResult
from tests.system_beside_simpy import OUTSIDE, Stations, SystemRun, config_with, drawn, with_window, workload_of

CHANNELS: Mapping[str, Any] = {
    "mode": "multichannel",
    "s_channels": {10: "veb", 20: "vepa", 30: "single"},
    "ports": [{"name": "vf0", "s_channel": 10}, {"name": "vf1", "s_channel": 20}, {"name": "vf2", "s_channel": 30}],
}
FRAME = 1000
ON_WIRE = FRAME + 4  # the S-TAG
LINE_GBPS = 10 * ON_WIRE / (ON_WIRE + 20)


def result_with(
    levels: Mapping[int, Any], flows: list[list[Any]], bridge: Mapping[str, Any] | None = None, duration: str = "4ms"
) -> Result:
    """Run frames from outside at 40 Gb/s to S-channels 10, 20 and 30 (vf0, vf1, vf2)."""
    ports = {"outside": {"rate": "40Gbps"}, "adapter": {"s_channels": levels}}
    return simulate(
        config_from_mapping(
            {
                "nic": {"strict": False, "vfs": 3}, "pcie": {"generation": 3, "lanes": 8}, "switch": CHANNELS,
                "driver": {"preset": "dpdk"},
                "bridge": {"announce": True, "buffer": "256KiB", "ports": ports, **(bridge or {})},
                "workload": {"pattern": "flows", "frame_bytes": FRAME, "arrivals": "periodic", "flows": flows},
                "run": {"warmup": "500us", "duration": duration},
            }
        )
    )  # fmt: skip


def level_of(result: Result, s_channel: int) -> LogicalPortResult:
    (bridge,) = result.bridges
    return next(each for each in bridge.ports[0].logical_ports if each.name == f"adapter.{s_channel}")


ALL_TOO_MUCH = [["uplink", name, "9Gbps"] for name in ("vf0", "vf1", "vf2")]


@pytest.fixture(scope="module")
def by_weight() -> Result:
    return result_with({10: {"weight": 3}, 20: {"weight": 2}}, ALL_TOO_MUCH)


def test_shares_of_a_full_port_are_the_weights(by_weight: Result):
    """3 : 2 : 1, each within the bound of deficit round robin: a quantum of weight 1 and two frames, by weight."""
    bound_gbps = (1514 + 2 * (ON_WIRE - 4)) * 8 / 4e6  # over 4 ms
    for s_channel, weight in ((10, 3), (20, 2), (30, 1)):
        found = level_of(by_weight, s_channel).out_gbps
        assert found is not None
        assert abs(found - LINE_GBPS * weight / 6) <= weight * bound_gbps
    assert by_weight.bridges[0].ports[0].out_utilization == pytest.approx(1, abs=1e-6)


def test_all_is_counted(by_weight: Result):
    """What came is at the VMs, in the bridge or dropped; the port's figures are the sums of its S-channels'."""
    (bridge,) = by_weight.bridges
    port = bridge.ports[0]
    levels = port.logical_ports
    assert [each.name for each in levels] == ["adapter.1", "adapter.10", "adapter.20", "adapter.30"]
    assert sum(each.out_frames for each in levels) == port.out_frames
    assert sum(each.dropped_frames for each in levels) == port.drops["QUEUE_FULL"] == bridge.drops["QUEUE_FULL"]
    assert sum(each.queue_mean_bytes or 0 for each in levels) == pytest.approx(port.queue_mean_bytes)
    assert sum(each.in_frames for each in levels) == port.in_frames == 0
    totals = by_weight.totals
    assert totals.offered_frames == totals.delivered_frames + totals.dropped_frames + totals.in_flight_frames
    room_bytes = 256 * 1024 // 4
    assert [each.queue_max_bytes for each in levels] == [0, *3 * [room_bytes // (ON_WIRE - 4) * (ON_WIRE - 4)]]
    assert by_weight.bottleneck.resource == "bridge.adapter"


def test_only_ports_with_levels_tell_of_logical_ports(by_weight: Result):
    assert by_weight.bridges[0].ports[1].logical_ports == ()
    assert "logical_ports" not in by_weight.to_mapping()["bridges"][0]["ports"][1]


def test_a_result_is_read_back(by_weight: Result, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(by_weight.to_json())
    assert load_result(path).bridges[0].ports[0].logical_ports[1].name == "adapter.10"


def test_what_an_idle_channel_leaves_goes_to_the_others():
    result = result_with({10: {"weight": 8}, 20: {"weight": 2}, 30: {"weight": 1}}, ALL_TOO_MUCH[1:])
    shares = [level_of(result, s_channel).out_gbps for s_channel in (10, 20, 30)]
    assert shares == pytest.approx([0, LINE_GBPS * 2 / 3, LINE_GBPS / 3], rel=0.002)


def test_a_channel_below_its_share_gets_what_it_asks_for():
    """1 of 10 Gb/s is less than a third: nothing of it drops, and the two others have the rest in halves."""
    result = result_with({10: {}}, [["uplink", "vf0", "1Gbps"], *ALL_TOO_MUCH[1:]])
    small = level_of(result, 10)
    assert small.dropped_frames == 0
    own_gbps = 1 * ON_WIRE / FRAME
    assert small.out_gbps == pytest.approx(own_gbps, rel=0.002)
    for s_channel in (20, 30):
        assert level_of(result, s_channel).out_gbps == pytest.approx((LINE_GBPS - own_gbps) / 2, rel=0.002)


@pytest.mark.parametrize(("rate", "burst"), [("2Gbps", "16KiB"), ("700Mbps", "2KiB"), ("3.3Gbps", "64KiB")])
def test_a_rate_is_kept_to_a_fifth_of_a_percent(rate: str, burst: str):
    result = result_with({10: {"rate": rate, "burst": burst, "weight": 5}}, ALL_TOO_MUCH[:2])
    gbps = {"2Gbps": 2.0, "700Mbps": 0.7, "3.3Gbps": 3.3}[rate]
    assert level_of(result, 10).out_gbps == pytest.approx(gbps, rel=0.002)
    assert level_of(result, 20).out_gbps == pytest.approx(min(LINE_GBPS - gbps, 9 * ON_WIRE / FRAME), rel=0.002)


def test_a_rate_alone_limits_and_is_named():
    result = result_with({10: {"rate": "2Gbps"}}, ALL_TOO_MUCH[:1])
    assert level_of(result, 10).out_gbps == pytest.approx(2, rel=0.002)
    assert result.bottleneck.resource == "bridge.adapter.10"
    assert result.bottleneck.keys == ("bridge.ports.adapter.s_channels.10.rate",)
    assert result.bottleneck.utilization >= FULL
    assert "2Gbps" in result.bottleneck.why
    assert result.bridges[0].ports[0].out_utilization < 0.25


def test_a_full_buffer_for_each_gives_the_shares_of_arrivals():
    """Where one queue may take all the room, who finds room is who comes: 18 to 9, whatever the weights."""
    levels = {number: {"weight": weight, "buffer": "256KiB"} for number, weight in ((10, 1), (20, 9))}
    result = result_with(levels, [["uplink", "vf0", "18Gbps"], ["uplink", "vf1", "9Gbps"]], duration="8ms")
    assert level_of(result, 10).out_gbps > 0.6 * LINE_GBPS


def delivered(changes: Mapping[str, Any], to: tuple[str, ...]) -> bytes:
    config = config_with(
        {"switch.mode": "multichannel", "switch.s_channels": CHANNELS["s_channels"], "bridge.announce": True,
         "switch.ports": CHANNELS["ports"], "bridge.ports.outside.rate": "39.7Gbps", "bridge.buffer": "64KiB"},
        changes,
    )  # fmt: skip
    stations = Stations(config)
    frames = drawn(stations, 400, 240, (OUTSIDE, OUTSIDE, "vf2", "vf3"), to)
    run = SystemRun(
        with_window(config, 0, 2 * 10**12), workload_of(frames, stations.frame(10**15, OUTSIDE, "unknown", 64))
    )
    for _ in run.pieces():
        pass
    return b"".join(piece.tobytes() for pieces in run.logs.values() for piece in pieces)


def test_one_channel_alone_is_one_queue():
    """With all of the buffer, whatever its weight: in order, at the same times as without levels."""
    level = {"bridge.ports.adapter.s_channels": {10: {"weight": 7, "buffer": "64KiB"}}}
    plain = delivered({}, ("vf0",))
    assert len(plain) > 10_000
    assert delivered(level, ("vf0",)) == plain
    assert delivered(level, ("vf0", "vf1")) != delivered({}, ("vf0", "vf1"))


def test_parts_of_the_buffer():
    config = config_from_mapping(
        {
            "switch": CHANNELS,
            "bridge": {"buffer": "100KiB", "ports": {"adapter": {"s_channels": {20: {"buffer": "9KiB"}}}}},
        }
    )
    channels = s_channels_of(config.switch)
    assert channels == {1: "veb", 10: "veb", 20: "vepa", 30: "single"}
    port = config.bridge.ports["adapter"]
    assert [queue_bytes(config.bridge, port, number, len(channels)) for number in channels] == [
        25_600, 25_600, 9216, 25_600,
    ]  # fmt: skip


def test_the_closed_form_says_what_it_leaves_out():
    config = {
        "nic": {"vfs": 4}, "switch": CHANNELS,
        "bridge": {"ports": {"adapter": {"s_channels": {10: {"weight": 2}, 20: {"rate": "1Gbps"}}}}},
    }  # fmt: skip
    notes = [note for note in limits(config_from_mapping(config)).notes if "S-channels" in note]
    assert notes == [
        "Not counted: the rates of S-channels at the bridge, which hold back more.",
        "Not counted: the weights of S-channels at the bridge, which say who gets what of a full port.",
    ]
