from fractions import Fraction

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from hwmodel.analytic.demand import demand_of, demand_of_load, read_capture
from hwmodel.analytic.routes import Route, Router, Stream, streams_of
from hwmodel.analytic.traffic import average, shares
from hwmodel.errors import InputError
from hwmodel.wire.pcap import PcapWriter
from tests.analytic_cases import demo

VFS = tuple(f"vf{k}" for k in range(8))


def sought(changes):
    return demand_of(demo(changes)).sought


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"workload.pattern": "uniform", "workload.wire_share": 0.2}, {"workload.load": "3Gbps"},
        {"workload.load": 0.3, "workload.external": {"rate": "1Gbps"}}, {"switch.mode": "vepa", "bridge": {}},
        {"nic.queues_per_vf": 2, "workload.on_full": "drop", "workload.load": "5Gbps"},
        {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "1Mpps"], ["vf2", "uplink"]]},
        {"switch.mirrors": [{"from": "vf0", "to": "vf7"}], "workload.pattern": "broadcast"},
    ],
    ids=str,
)  # fmt: skip
def test_the_link_the_driver_and_the_host_say_nothing_of_the_demand(changes):
    config = demo(changes)
    bare = config.model_copy(update=dict.fromkeys(("pcie", "driver", "host")))  # None: what is read there fails
    assert demand_of_load.__wrapped__(bare, None) == demand_of(config, None)


# ---- Where a frame goes. ----


@pytest.mark.parametrize(
    ("changes", "source", "target", "route"),
    [
        ({}, "vf0", "vf1", Route(("vf1",), False)),
        ({}, "vf0", "uplink", Route((), True)),
        ({}, "uplink", "vf3", Route(("vf3",), False, True)),
        ({}, "vf0", "broadcast", Route(("pf", *VFS[1:]), True)),
        ({}, "uplink", "broadcast", Route(("pf", *VFS), False, True)),
        (
            {"switch.uplink.vlans": [2], "switch.uplink.native_vlan": 2},
            "vf0", "broadcast", Route(("pf", *VFS[1:]), False, tag_bytes=4),
        ),
        ({"switch.ports.vf3.accept": ["broadcast"]}, "vf0", "multicast", Route(("pf", "vf1", "vf2", *VFS[4:]), True)),
        (
            {"switch.ports.vf3.enabled": False, "workload.pattern": "ring"},
            "vf0", "broadcast", Route(("pf", "vf1", "vf2", *VFS[4:]), True),
        ),
        ({"switch.ports.vf0.self_loopback": True}, "vf0", "broadcast", Route(("pf", *VFS), True)),
        ({"switch.ports.vf0.loopback": False}, "vf0", "vf1", Route((), True)),
        ({"switch.ports.vf0.loopback": False}, "vf0", "broadcast", Route((), True)),
        ({"nic.strict": False, "switch.ports.vf5.promiscuous": True}, "vf0", "uplink", Route((), True)),
        (
            {"nic.strict": False, "switch.ports.vf5.promiscuous": True, "switch.promiscuous": "all"},
            "vf0", "uplink", Route(("vf5",), True),
        ),
        (
            {"switch.ports.vf1.port_vlan": 7, "switch.ports.vf1.vlans": [7], "switch.lookup": "mac"},
            "vf0", "vf1", Route((), False, lost="NO_DESTINATION"),
        ),
        ({"switch.ports.vf1.port_vlan": 7, "switch.ports.vf1.vlans": [7]}, "vf0", "vf1", Route((), True)),
        (
            {"switch.ports.vf1.port_vlan": 7, "switch.ports.vf1.vlans": [1, 7]},
            "vf1", "uplink", Route((), True, tag_bytes=4),
        ),
        ({"switch.mode": "vepa"}, "vf0", "vf1", Route((), True)),
        ({"switch.mode": "vn_tag"}, "vf0", "vf1", Route((), True, tag_bytes=6)),
        ({"switch.mode": "e_tag"}, "vf0", "broadcast", Route((), True, tag_bytes=8)),
    ],
)  # fmt: skip
def test_routes(changes, source, target, route):
    assert Router(demo(changes)).route(source, target) == route


def test_a_reflecting_bridge_sends_frames_back():
    router = Router(demo({"switch.mode": "vepa"}), adjacent_bridge_reflects=True)
    assert router.route("vf0", "vf1") == Route(("vf1",), True, True)
    assert router.route("vf0", "broadcast") == Route(("pf", *VFS[1:]), True, True)
    assert router.route("vf0", "uplink") == Route((), True)


def test_channels_are_bridges_of_their_own():
    channel = {f"switch.ports.{name}.s_channel": 10 for name in ("pf", *VFS[:2])}
    rest = {f"switch.ports.{name}.s_channel": 20 for name in VFS[2:]}
    channels = {"switch.mode": "multichannel", "switch.s_channels": {10: "veb", 20: "vepa"}}
    router = Router(demo({**channels, **channel, **rest}))
    assert router.route("vf0", "vf1") == Route(("vf1",), False)
    assert router.route("vf0", "vf2") == Route((), True, tag_bytes=4)
    assert router.route("vf2", "vf3") == Route((), True, tag_bytes=4)
    assert router.route("vf0", "broadcast") == Route(("pf", "vf1"), True, tag_bytes=4)


# ---- What the workload asks for. ----


def test_pairs():
    traffic = sought({})
    assert (traffic.reads, traffic.copies, traffic.to_wire, traffic.from_wire) == (1, 1, 0, 0)
    assert traffic.sent == traffic.received == {name: Fraction(1, 8) for name in VFS}
    assert traffic.sizes == ((1518, 1),)


def test_disabled_vms_do_not_send():
    changes = {"workload.pattern": "uniform", "switch.ports.vf3.enabled": False}
    traffic = sought(changes)
    assert set(traffic.sent) == set(traffic.received) == set(VFS) - {"vf3"}


@pytest.mark.parametrize(
    ("pattern", "reads", "copies", "to_wire"),
    [("ring", 1, 1, 0), ("uniform", 1, 1, 0), ("incast", 1, 1, 0), ("broadcast", 1, 8, 1), ("to_wire", 1, 0, 1)],
)
def test_patterns(pattern, reads, copies, to_wire):
    traffic = sought({"workload.pattern": pattern})
    assert (traffic.reads, traffic.copies, traffic.to_wire) == (reads, copies, to_wire)


def test_incast_is_received_by_one():
    traffic = sought({"workload.pattern": "incast", "workload.incast_to": "vf2"})
    assert traffic.received == {"vf2": 1}
    assert traffic.sent == {name: Fraction(1, 7) for name in VFS if name != "vf2"}


def test_wire_share_leaves_by_the_wire():
    traffic = sought({"workload.wire_share": 0.3})
    assert (traffic.reads, traffic.copies, traffic.to_wire) == (1, Fraction(7, 10), Fraction(3, 10))


def test_streams_of_flows():
    flows = [["vf0", "vf1", "2Gbps"], ["vf2", "vf3"], ["vf2", "vf4"]]
    found = list(streams_of(demo({"workload.pattern": "flows", "workload.flows": flows}), VFS))
    assert found == [Stream("vf0", ("vf1",), 2 * 10**9), Stream("vf2", ("vf3", "vf4"))]
    assert [stream.name for stream in found] == ["vf0 to vf1", "vf2 to 2 ports"]


def test_a_demand_knows_its_streams():
    flows = [["vf0", "vf1", "2Gbps"], ["vf2", "vf3"], ["uplink", "vf4"]]
    changes = {"workload.pattern": "flows", "workload.flows": flows, "workload.load": "3Gbps"}
    streams = demand_of(demo({**changes, "workload.external": {"rate": "1Gbps"}})).streams
    per_gbps = Fraction(10**9, 8 * 1518)
    assert {one.name: one.frames_per_s / per_gbps for one in streams} == {
        "vf0 to vf1": 2, "vf2 to vf3": 3, "uplink to vf4": 3, "outside traffic": 1,
    }  # fmt: skip
    saturating = demand_of(demo({**changes, "workload.load": "saturate"})).streams
    assert {one.name: one.frames_per_s for one in saturating}["vf2 to vf3"] is None


def test_a_stream_is_parted_by_its_tx_rings_where_a_full_one_drops():
    # The VMs are ports 2 to 9, the uplink is port 0: of sixteen rings one each.
    changes = {"workload.wire_share": 0.9, "workload.load": "1Gbps", "nic.preset": None, "nic.queues_per_vf": 16}
    whole = demand_of(demo(changes)).streams
    parted = demand_of(demo({**changes, "workload.on_full": "drop"})).streams
    assert (len(whole), len(parted)) == (8, 16)
    assert {(one.traffic.copies, one.traffic.to_wire) for one in parted} == {(1, 0), (0, 1)}
    assert sum(one.frames_per_s for one in parted) == sum(one.frames_per_s for one in whole)
    assert sum(one.frames_per_s * one.traffic.copies for one in parted) * 10 == sum(one.frames_per_s for one in whole)
    assert len(demand_of(demo({**changes, "workload.on_full": "drop", "nic.queues_per_vf": 1})).streams) == 8


def test_the_average_of_two_mixes_is_the_mix_of_both():
    one, other = ({"workload.pattern": "flows", "workload.flows": [flow]} for flow in
                  (["vf0", "vf1", "1Gbps"], ["vf2", "uplink", "3Gbps"]))  # fmt: skip
    both = {"workload.pattern": "flows", "workload.flows": [*one["workload.flows"], *other["workload.flows"]]}
    assert average([(sought(one), Fraction(1)), (sought(other), Fraction(3))]) == sought(both)


def test_flows_with_rates_are_mixed_by_them():
    flows = [["vf0", "vf1", "2Gbps"], ["vf2", "uplink", "1Gbps"], ["uplink", "vf3", "1Gbps"]]
    demand = demand_of(demo({"workload.pattern": "flows", "workload.flows": flows}))
    traffic = demand.sought
    assert (traffic.reads, traffic.copies) == (Fraction(3, 4), Fraction(3, 4))
    assert (traffic.to_wire, traffic.from_wire) == (Fraction(1, 4), Fraction(1, 4))
    assert demand.offered_frames_per_s == Fraction(4 * 10**9, 8 * 1518)
    assert demand.beside == ()


def test_flows_with_a_rate_stand_beside_saturating_ones():
    flows = [["vf0", "vf1", "2Gbps"], ["vf2", "vf3"], ["vf2", "vf4"]]
    demand = demand_of(demo({"workload.pattern": "flows", "workload.flows": flows}))
    assert demand.sought.received == {"vf3": Fraction(1, 2), "vf4": Fraction(1, 2)}
    assert demand.offered_frames_per_s is None
    (beside,) = demand.beside
    assert beside.frames_per_s == Fraction(2 * 10**9, 8 * 1518)
    assert beside.received == {"vf1": 1}


def test_outside_frames_stand_beside():
    external = {"rate": "1Gbps", "frame_bytes": 64, "to": ["vf0", "vf1"]}
    (beside,) = demand_of(demo({"workload.external": external})).beside
    assert (beside.reads, beside.copies, beside.from_wire) == (0, 1, 1)
    assert beside.frames_per_s == Fraction(10**9, 512)
    assert beside.received == {"vf0": Fraction(1, 2), "vf1": Fraction(1, 2)}
    (of_workload_size,) = demand_of(demo({"workload.external": {"rate": "1Gbps"}})).beside
    assert of_workload_size.sizes == ((1518, 1),)


@pytest.mark.parametrize(
    ("load", "frames_per_s"),
    [
        ("saturate", None),
        (0.8, Fraction(8 * 10**9, 8 * 1538)),  # of 10 Gb/s in all, frame + 20 B
        ("2Gbps", Fraction(16 * 10**9, 8 * 1518)),  # eight VMs
    ],
)
def test_loads(load, frames_per_s):
    assert demand_of(demo({"workload.load": load})).offered_frames_per_s == frames_per_s


def test_sizes_by_weight():
    traffic = sought({"workload.frame_bytes": None, "workload.sizes": [[1518, 1], [64, 7], [570, 4]]})
    assert traffic.sizes == ((64, Fraction(7, 12)), (570, Fraction(1, 3)), (1518, Fraction(1, 12)))
    assert traffic.mean_frame_bytes == Fraction(7 * 64 + 4 * 570 + 1518, 12)
    assert traffic.mean_wire_bytes == traffic.mean_frame_bytes + 20
    assert shares([(64, 1), (64, 1), (128, 2)]) == ((64, Fraction(1, 2)), (128, Fraction(1, 2)))
    with pytest.raises(ValueError, match="nothing"):
        shares([(64, 0)])


# ---- Captures. ----

MAC = {f"vf{k}": f"02:00:00:00:00:{k + 2:02x}" for k in range(8)}
OUTSIDE = "0a:00:00:00:00:01"


@pytest.fixture
def capture_path(tmp_path):
    ways = [
        (MAC["vf0"], MAC["vf1"], 60), (MAC["vf0"], MAC["vf1"], 1514), (MAC["vf2"], "ff:ff:ff:ff:ff:ff", 60),
        (MAC["vf3"], OUTSIDE, 60), (OUTSIDE, MAC["vf4"], 60), (OUTSIDE, "0a:00:00:00:00:02", 60),
    ]  # fmt: skip
    frames = []
    for number, (source, destination, n_bytes) in enumerate(ways):
        frame = Ether(src=source, dst=destination, type=0x88B5) / bytes(n_bytes - 14)
        frame.time = 100 + number * 0.001
        frames.append(frame)
    path = tmp_path / "frames.pcap"
    wrpcap(str(path), frames)
    return path


VF0_TO_VF1 = "02000000000302000000000288b5"


def test_a_capture_is_counted(capture_path):
    owners = {int(mac.replace(":", ""), 16): name for name, mac in MAC.items()}
    capture = read_capture(capture_path, owners, 1518)
    assert capture.sizes == {64: 5, 1518: 1}
    assert capture.flows == {
        ("vf0", "vf1"): 2, ("vf2", "broadcast"): 1, ("vf3", "uplink"): 1, ("uplink", "vf4"): 1,
    }  # fmt: skip
    assert capture.frames_per_s == 1200  # 6 frames in 5 ms


def test_a_capture_as_workload(capture_path):
    replay = {"workload.pattern": None, "workload.frame_bytes": None, "workload.pcap": str(capture_path)}
    demand = demand_of(demo(replay))
    assert (demand.sought.reads, demand.sought.from_wire) == (Fraction(4, 5), Fraction(1, 5))
    assert demand.sought.copies == Fraction(2 + 8 + 1, 5)
    assert demand.offered_frames_per_s == 1200
    assert demand_of(demo({**replay, "workload.pcap_time": "asap"})).offered_frames_per_s is None


def test_a_capture_without_frames_for_anybody_is_bad_input(tmp_path):
    path = tmp_path / "foreign.pcap"
    wrpcap(str(path), [Ether(src=OUTSIDE, dst="0a:00:00:00:00:02", type=0x88B5) / bytes(50)])
    replay = {"workload.pattern": None, "workload.frame_bytes": None, "workload.pcap": str(path)}
    with pytest.raises(InputError, match="has no frame of a VM, or for one"):
        demand_of(demo(replay))


@pytest.mark.parametrize(("frames", "said"), [
    ([], "holds no frames"),
    ([(VF0_TO_VF1, 10)], "has no frame of a VM, or for one, that is whole"),
    ([(VF0_TO_VF1, 9000)], "no longer than switch.ports.NAME.max_frame"),
])  # fmt: skip
def test_a_capture_of_which_nothing_counts_is_bad_input(tmp_path, frames, said):
    path = tmp_path / "none.pcap"
    with PcapWriter(path) as writer:
        for header, n_bytes in frames:
            writer.write(0, bytes.fromhex(header).ljust(60, b"\0")[:n_bytes], n_bytes)
    with pytest.raises(InputError, match=said):
        demand_of(demo({"workload.pattern": None, "workload.frame_bytes": None, "workload.pcap": str(path)}))
