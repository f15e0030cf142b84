"""What a window says of a bridge, against sums by hand, and which of its ports sets the throughput."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.time.clock import WIRE
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.bridge_measure import begin_bridge_window, bridge_results, port_results
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload
from tests.run_cases import judged_result_of, merged
from tests.simulation_cases import DEFAULTS

NS = 10**6
BEGIN, END = 1000 * NS, 3000 * NS
A, B, OUTSIDE = range(3)


class Window:
    """A machine of two servers, a and b, whose bridge is looked at before and after what happens within the block."""

    def __init__(self, kind="learning"):
        switch = {"mode": "vn_tag"} if kind == "controlling" else {}
        more = {
            "servers": [{"name": "a"}, {"name": "b"}],
            "bridge": {"kind": kind, "propagation": "80ns"},
            "switch": switch,
        }
        config = config_from_mapping(merged(DEFAULTS, more))
        self.kind = kind
        self.machine = Machine(config, build_workload(config), seed=1)
        self.bridge = self.machine.system.bridges[0]
        self.nics = [server.nic for server in self.machine.servers]

    def __enter__(self):
        self.machine.now_fs = BEGIN
        begin_bridge_window(self.bridge)
        self.start = self.machine.snapshot()
        return self

    def __exit__(self, *_):
        self.machine.now_fs = END
        end = self.machine.snapshot()
        span = Span(self.start.servers[0], end.servers[0])
        ends = self.start.bridge, end.bridge
        ports = self.machine.system.ports
        found = port_results(self.bridge, ports, ends, span)
        (self.result,) = bridge_results(self.bridge, ports, found, END)
        self.ports = {port.name: port for port in self.result.ports}


def test_counts_are_of_the_run_and_rates_of_the_window():
    """2500 B in 2 us are 10 Gb/s."""
    window = Window()
    port = window.bridge.port[B].counts
    port.rx_frames, port.rx_bytes, port.tx_frames, port.tx_bytes = 10, 9_999, 20, 8_888
    with window:
        port.rx_frames, port.rx_bytes, port.tx_frames, port.tx_bytes = 12, 9_999 + 2_500, 25, 8_888 + 500
    found = window.ports["b"]
    assert (found.in_frames, found.out_frames) == (12, 25)
    assert (found.in_gbps, found.out_gbps) == (pytest.approx(10), pytest.approx(2))
    assert list(window.ports) == ["a", "b", "outside"] and window.ports["a"].in_frames == 0


def test_a_frame_under_way_is_in_the_busy_share_as_far_as_it_is():
    """Whole times are counted when a frame begins: of the last 1000 ns 400 ns lie behind the window's end."""
    window = Window()
    with window:
        port = window.bridge.port[OUTSIDE]
        port.counts.tx_busy_fs, port.sending = 1800 * NS, 0
        window.bridge.slot[0].crossing.come_fs = END + 400 * NS + int(port.params.propagation_fs)
        outside = window.nics[A].outside
        outside.busy_fs, outside.busy_until_fs = 1300 * NS, END + 300 * NS
        mac = window.nics[B].port[0].mac
        mac.counts.tx_busy_fs, mac.is_sending, window.nics[B].clock.next_at[WIRE] = 900 * NS, 1, END + 400 * NS
    assert window.ports["outside"].out_utilization == pytest.approx(0.7)
    assert window.ports["outside"].in_utilization == pytest.approx(0.5)
    assert window.ports["b"].in_utilization == pytest.approx(0.25)
    assert window.ports["a"].in_utilization == window.ports["a"].out_utilization == 0


def test_a_queue_has_the_mean_and_the_largest_of_the_window():
    """3000 B until the window begins; in it 1500 B for 500 ns, then 400 B to its end: 675 B in the mean."""
    window = Window()
    gauge = window.bridge.port[A].counts.waiting
    gauge.area, gauge.level, gauge.since_fs, gauge.highest = 3000.0 * BEGIN, 1500, BEGIN, 3000
    with window:
        gauge.area += 1500.0 * 500 * NS
        gauge.level, gauge.since_fs = 400, BEGIN + 500 * NS
        gauge.highest = max(int(gauge.highest), 1600)
    assert window.ports["a"].queue_mean_bytes == pytest.approx(675)
    assert window.ports["a"].queue_max_bytes == 1600


def test_drops_are_told_by_reason_of_the_port_and_of_all():
    window = Window()
    with window:
        window.bridge.box[0].counts.dropped = 6
        drops = window.bridge.box[0].counts.drops
        drops[DropReason.QUEUE_FULL.value], drops[DropReason.SAME_PORT.value] = 4, 2
        window.bridge.port[B].counts.drops[DropReason.QUEUE_FULL.value] = 4
        window.bridge.port[A].counts.drops[DropReason.SAME_PORT.value] = 2
    assert (window.result.dropped_frames, window.result.drops) == (6, {"QUEUE_FULL": 4, "SAME_PORT": 2})
    assert {name: port.drops for name, port in window.ports.items()} == {
        "a": {"SAME_PORT": 2}, "b": {"QUEUE_FULL": 4}, "outside": {},
    }  # fmt: skip


def seen(bridge, *ages_fs):
    """Let the bridge know addresses, each last seen so long before the window's end."""
    box = bridge.box[0]
    box.params.ageing_fs, bridge.n_addresses, box.n_known = 700 * NS, len(ages_fs), len(ages_fs)
    counts = box.counts
    counts.learned, counts.moved, counts.aged, counts.not_learned, counts.flooded, counts.replicated = 9, 8, 5, 7, 6, 4
    for number, age_fs in enumerate(ages_fs):
        address = bridge.address[number]
        address.logical_port, address.seen_fs = number % 2, END - age_fs


def test_an_address_that_was_not_refreshed_for_so_long_is_gone_though_nobody_has_asked():
    window = Window()
    with window:
        seen(window.bridge, 0, 699 * NS, 700 * NS, 2000 * NS)
    result = window.result
    assert (result.addresses_known, result.aged) == (2, 5 + 2)
    assert (result.learned, result.moved, result.not_learned) == (9, 8, 7)
    assert (result.flooded_frames, result.replicated_frames, result.kind) == (6, 4, "learning")


def test_a_controlling_bridge_forgets_nobody():
    window = Window("controlling")
    with window:
        seen(window.bridge, 0, 2000 * NS)
    assert (window.result.aged, window.result.kind) == (5, "controlling")


def test_a_full_port_that_drops_sets_the_throughput():
    """Two servers at 10 Gb/s send to a port of 2 Gb/s: frames of 1518 B and 20 B of preamble and gap fill it."""
    flows = [["a.vf0", "uplink"], ["b.vf0", "uplink"]]
    config = {
        "servers": [{"name": "a"}, {"name": "b"}], "driver": {"preset": "dpdk"},
        "bridge": {"ports": {"outside": {"rate": "2Gbps"}}, "buffer": "64KiB"},
        "workload": {"pattern": "flows", "flows": flows, "frame_bytes": 1518},
        "run": {"warmup": "500us", "duration": "1ms"},
    }  # fmt: skip
    result = simulate(config_from_mapping(config))
    outside = result.bridges[0].ports[-1]
    assert outside.out_gbps == pytest.approx(2 * 1518 / 1538, rel=0.01)
    assert outside.out_utilization == pytest.approx(1, abs=1e-3)
    assert outside.drops["QUEUE_FULL"] > 100
    assert 65_536 - 1514 < outside.queue_max_bytes <= 65_536
    assert (result.bottleneck.resource, result.bottleneck.keys) == ("bridge.outside", ("bridge.ports.outside.rate",))
    assert "port outside" in result.bottleneck.why


def test_a_port_to_servers_is_named_before_the_one_outside_that_floods_fill_too():
    """a and b flood c, which has never sent: all of it goes outside as well, by a slower port."""
    result = simulate(config_from_mapping({
        "servers": [{"name": name} for name in "abc"], "pcie": {"generation": 3, "lanes": 8}, "nic": {"strict": False,
                                                                                                      "vfs": 1},
        "driver": {"preset": "dpdk"}, "bridge": {"buffer": "64KiB", "ports": {"outside": {"rate": "5Gbps"}}},
        "workload": {"pattern": "flows", "flows": [["a.vf0", "c.vf0"], ["b.vf0", "c.vf0"]]},
        "run": {"warmup": "1ms", "duration": "5ms"},
    }))  # fmt: skip
    dropped = {port.name: port.drops.get("QUEUE_FULL", 0) for port in result.bridges[0].ports}
    assert dropped["outside"] > dropped["c"] > 0
    assert result.bottleneck.resource == "bridge.c"


def limit_of(flows, bridge, **more):
    return simulate(config_from_mapping({
        "servers": [{"name": "a"}, {"name": "b"}], "driver": {"preset": "dpdk"},
        "bridge": {"announce": True, **bridge}, "run": {"warmup": "500us", "duration": "5ms"},
        "workload": {"pattern": "flows", "flows": flows, "frame_bytes": 1518, **more},
    }))  # fmt: skip


def test_a_queue_too_short_for_what_comes_at_once_sets_the_throughput():
    # At random 4 Gb/s of each of two wires come for a port of 10 Gb/s that keeps one frame beside the one it sends.
    flows = [["a.vf0", "uplink", "4Gbps"], ["b.vf0", "uplink", "4Gbps"]]
    result = limit_of(flows, {"buffer": "3036B"})
    port = result.bridges[0].ports[-1]
    assert port.out_utilization < 0.9 and port.drops["QUEUE_FULL"] > 0.02 * result.totals.offered_frames
    # A faster port meets fewer frames at once, and helps as more room does.
    assert {result.bottleneck.resource, *result.bottleneck.also} == {"bridge.buffer", "bridge.outside"}
    assert "bridge.buffer: 3036B -> 6072B gives +" in result.bottleneck.why
    assert f"busy {100 * port.out_utilization:.1f} %" in result.bottleneck.why
    assert "Nothing is full" not in result.bottleneck.why
    assert limit_of(flows, {"buffer": "1MiB"}).bottleneck.resource == "offered_load"


def lost_at_ports(bridge, servers=tuple({"name": name} for name in "abcd")):
    """Run c and d to a, and d to b too, from time 0 on; give the bottleneck's sentence and ports by name."""
    flows = [["c.vf0", "a.vf0", "4Gbps"], ["d.vf0", "a.vf0", "2Gbps"], ["d.vf1", "b.vf0", "2Gbps"]]
    result = simulate(config_from_mapping({
        "servers": list(servers), "driver": {"preset": "dpdk"},
        "bridge": {"announce": True, **bridge}, "run": {"warmup": "0ns", "duration": "2ms"},
        "workload": {"pattern": "flows", "flows": flows},
    }))  # fmt: skip
    return result.bottleneck.why, {port.name: port for port in result.bridges[0].ports}


def test_of_a_port_without_room_the_frames_for_it_are_told_and_of_a_shared_buffer_what_drops_at_others():
    of_others = "; {} frames for other ports, which share its buffer (sharing: all)"
    for sharing, others in (("port", ""), ("all", of_others)):
        why, ports = lost_at_ports({"buffer": "1518B", "sharing": sharing})
        a, b = (ports[name].drops.get("QUEUE_FULL", 0) for name in "ab")
        assert f"port a has no room for all that comes at once, and drops {a} of {a + ports['a'].out_frames} " in why
        assert f"frames for it, though it is busy only {100 * ports['a'].out_utilization:.1f} %" in why
        assert (others.format(b) in why) and ("share" in why) == bool(others)


def test_a_full_port_tells_what_drops_at_others_that_share_its_buffer():
    """a's port of 1 Gb/s fills the buffer with its frames, and b's, which is mostly idle, finds no room."""
    slow = [{"name": "a", "set": {"port.rate": "1Gbps"}}, *({"name": name} for name in "bcd")]
    why, ports = lost_at_ports({"buffer": "64KiB", "sharing": "all"}, servers=slow)
    assert ports["b"].out_utilization < 0.5 and ports["b"].drops["QUEUE_FULL"] > 20
    assert f"; {ports['b'].drops['QUEUE_FULL']} frames for other ports, which share its buffer" in why


@pytest.mark.real_clocks  # in step with exact ones, so that a wire twice as fast helps as much
def test_with_flow_control_the_room_is_of_the_ports_by_which_frames_come():
    """Class 0 is not stopped, and has 1600 B of what comes by each port: one frame, while it leaves by another."""
    halves = [{"percent": 50}, {"percent": 50}]
    why, _ = lost_at_ports(
        {"buffer": "3200B", "flow_control": {"mode": "pfc", "classes": halves, "lossless": [7], "headroom": "0B"}},
    )
    assert "port a gets less than comes at once, as the ports by which it comes have no room and drop " in why


def test_a_load_that_meets_a_full_queue_at_a_bridge_now_and_then_limits_and_says_so():
    """Two wires bring a quarter of what the port sends, and now and then more at once than there is room for."""
    result = limit_of([["a.vf0", "uplink", "1200Mbps"], ["b.vf0", "uplink", "1200Mbps"]], {"buffer": "3036B"})
    lost, offered = result.drops["QUEUE_FULL"], result.totals.offered_frames
    assert 0.002 < lost / offered < 0.02 and result.bottleneck.resource == "offered_load"
    assert " frames met a full queue in a burst." in result.bottleneck.why


@pytest.mark.parametrize("servers", [True, False])
def test_what_the_policy_polices_sets_the_throughput(servers):
    names = ("a.vf0", "b.vf0") if servers else ("vf0", "vf1")
    police = {"port": names[0], "action": "police", "rate": "1Gbps", "burst": "16KiB"}
    config = {
        "servers": [{"name": "a"}, {"name": "b"}] if servers else [],
        "switch": {"mode": "vepa"},
        "bridge": {"announce": True, "policy": [police]},
        "workload": {"pattern": "flows", "flows": [[*names, "2Gbps"]]},
        "run": {"duration": "5ms"},
    }
    bottleneck = simulate(config_from_mapping(config)).bottleneck
    assert (bottleneck.resource, bottleneck.keys) == ("rate_limit", ("bridge.policy.NUMBER.rate",))
    assert "The bridge's policy dropped" in bottleneck.why


@pytest.mark.parametrize("macs", [["02:00:00:00:00:77"], ["02:00:00:00:00:77"] * 2])
def test_an_address_that_a_station_names_twice_is_announced_once(macs):
    servers = [{"name": "a", "set": {"switch.ports": [{"name": "vf0", "macs": macs}]}}, {"name": "b"}]
    config = config_from_mapping(merged(DEFAULTS, {"servers": servers, "bridge": {"announce": True}}))
    box = Machine(config, build_workload(config), seed=1).system.bridges[0].box[0]
    n_stations = sum(len(server.config.switch.ports) for server in servers_of(config))
    assert int(box.n_known) == int(box.counts.learned) == n_stations


def test_a_port_to_a_dead_wire_is_no_limit_however_full():
    """Whatever rate it has, what it sends is lost."""
    flows = [["a.vf0", "b.vf0", "8Gbps"], ["c.vf0", "b.vf0", "8Gbps"], ["c.vf0", "a.vf1", "1Gbps"]]
    result = judged_result_of(
        {
            "bridge": {"announce": True},
            "servers": [{"name": "a"}, {"name": "b", "set": {"port.down": ["p0"]}}, {"name": "c"}],
            "nic": {"vfs": 2},
            "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": flows},
            "run": {"warmup": "1ms", "duration": "1ms"},
        }
    )
    full = next(port for port in result.bridges[0].ports if port.name == "b")
    assert full.out_utilization > 0.99 and full.drops["QUEUE_FULL"] > 100
    assert "bridge.b" not in (result.bottleneck.resource, *result.bottleneck.also)
