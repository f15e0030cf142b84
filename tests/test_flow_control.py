"""Flow control at work: times on the wire, headroom to the byte, classes that stop no other, worked out by hand."""

from __future__ import annotations

import subprocess
from itertools import pairwise

import pytest

from hwmodel import simulate
from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from tests.run_cases import OUTSIDE, frame, merged, write_capture

BYTE_NS = 0.8  # of 10 Gb/s
CONTROL_NS = 84 * BYTE_NS
EXACT = {
    "pcie": {"generation": 3, "lanes": 8, "dllp_model": "none"},
    "nic": {"preset": None, "vfs": 2},
    "driver": {"preset": None},
    "workload": {"pattern": "to_wire", "frame_bytes": 1518},
    "run": {"clocks": "exact", "warmup": "0us", "duration": "60us"},
}
TWO = {"classes": [{"percent": 50}, {"percent": 50}]}
FRAME_NS = (1518 + 20) * BYTE_NS


def wire_of(tmp_path, *layers):
    """Run, and return the result with what passed the adapter's wire: time in ns and bytes."""
    path = tmp_path / "wire.pcapng"
    result = simulate(config_from_mapping(merged(EXACT, *layers)), pcap_hops={"uplink": str(path)})
    rows = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "eth.type", "-e", "frame.len"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    found = []
    for row in rows:
        at, kind, length = row.split("\t")
        found.append((round(float(at) * 1e9), int(kind, 16) == 0x8808, int(length)))
    return result, found


def test_pause_time_on_the_wire_is_quanta_times_512_bit_times(tmp_path):
    """Two VMs send without end; at 20 us + 1 us a PAUSE of 300 quanta takes effect, 300 * 51.2 ns = 15.36 us."""
    control = {"mode": "pause", "response_delay": "1us", "received": [{"at": "20us", "quanta": 300}]}
    result, passed = wire_of(tmp_path, {"nic": {"flow_control": control}})
    ends = [at for at, is_control, _ in passed if not is_control]
    gaps = [(later - sooner, sooner, later) for sooner, later in pairwise(ends) if later > 20_000]
    _, last, first = max(gaps)
    # What had begun by 21 us went on to its end; the next begins when the stop is over.
    assert 21_000 <= last < 21_000 + FRAME_NS
    assert abs(first - (21_000 + 300 * 51.2 + FRAME_NS)) <= 1
    assert result.flow_control.ports[0].stopped_ns == 300 * 51.2


def test_quanta_0_let_the_port_go_on(tmp_path):
    received = [{"at": "20us", "quanta": 65535}, {"at": "30us", "quanta": 0}]
    control = {"mode": "pause", "response_delay": "1us", "received": received}
    result, passed = wire_of(tmp_path, {"nic": {"flow_control": control}})
    first = min(at for at, is_control, _ in passed if not is_control and at > 25_000)
    assert abs(first - (31_000 + FRAME_NS)) <= 1
    assert result.flow_control.ports[0].stopped_ns == 10_000


def test_a_port_that_does_not_obey_goes_on(tmp_path):
    control = {"mode": "pause", "obey": False, "received": [{"at": "1us", "quanta": 65535}]}
    result, _ = wire_of(tmp_path, {"nic": {"flow_control": control}})
    assert result.flow_control.ports[0].stopped_ns == 0
    assert result.wire.tx_gbps > 9


def test_a_paused_class_stops_no_other(tmp_path):
    """Class 0, that of vf0, is stopped from 10 us to the end; its frames fill its part of the Tx buffer and no more."""
    control = {"mode": "pfc", "received": [{"at": "1us", "quanta": 65535, "priorities": [0]}]}
    changes = {
        "nic": {"arbitration": TWO, "flow_control": control, "tx_buffer": "32KiB"},
        "switch": {"ports": [{"name": "vf1", "default_priority": 5}]},
    }
    result, passed = wire_of(tmp_path, changes)
    ends = [at for at, is_control, _ in passed if not is_control and at > 10_000]
    # All that leaves is vf1's, back to back.
    assert {round(later - sooner) for sooner, later in pairwise(ends)} <= {1230, 1231}
    # Of vf0 is read what leaves by 1 us + 5.5144 us, at most all of the wire, and what its 16 KiB hold.
    read_bytes = {one.name: one.tx_gbps * 60_000 / 8 for one in result.vms}
    assert read_bytes["vf0"] <= 6514.4 / BYTE_NS + 16 * 1024
    assert [one.stopped_ns > 0 for one in result.flow_control.ports] == [True, False]


# Bytes with FCS of what comes behind the frame that crosses the mark, so that the last one begins just before the
# sender stops. The formula's delays at 1518 B: 36 * (12144 + 672 + 55144) / 25 = 97862 bit times, 9786.2 ns, in which
# 7 frames and one of 1446 B begin to end (7 * 1230.4 + 1172.8 = 9785.6 ns); at 9728 B: 192441 bit times, 19244.1 ns,
# in which 2 and one of 4539 B do (2 * 7798.4 + 3647.2 = 19244.0 ns).
WORST = [(1518, 97_862, [1518] * 7 + [1446, 1518], 15), (9728, 192_441, [9728] * 2 + [4539, 9728], 43)]


@pytest.mark.parametrize(("longest", "delay_bits", "behind", "kilobytes"), WORST)
@pytest.mark.parametrize(("lacks", "n_lost"), [(0, 0), (1, 1)])
def test_headroom_of_the_formula_is_enough_and_a_kilobyte_less_is_not(
    tmp_path, longest, delay_bits, behind, kilobytes, lacks, n_lost
):
    """The sender hears of the mark as late as the formula allows for; the guest takes nothing, so that all waits."""
    n_before = 3  # that fit below the mark, beside those for which there are descriptors
    mark = n_before * (longest - 4)
    headroom = (kilobytes - lacks) * 1024
    lengths = [longest] * (7 + n_before + 1) + behind + [longest] * 10
    capture = write_capture(tmp_path / "in.pcap", [(0, frame(OUTSIDE, "vf0", n_bytes - 4)) for n_bytes in lengths])
    delay_ps = delay_bits * 100 - round(CONTROL_NS * 1000)
    control = {
        "mode": "pause", "headroom": f"{headroom}B", "low_water": "0B", "response_delay": f"{delay_ps}ps",
    }  # fmt: skip
    config = config_from_mapping(
        merged(
            EXACT,
            {
                "nic": {
                    "rx_ring": 8, "rx_fetch_batch": 1, "rx_prefetch": 1, "drop_enable": False,
                    "rx_buffer": f"{mark + headroom}B", "flow_control": control,
                },
                "host": {"buffer_bytes": "16KiB"},
                "driver": {"refill": False, "refill_batch": 1, "rx_interrupt_batch": 0},
                "switch": {"ports": [{"name": "all", "max_frame": f"{longest}B"}]},
                "workload": {"pattern": None, "frame_bytes": None, "pcap": str(capture)},
                "run": {"duration": "400us"},
            },
        )
    )  # fmt: skip
    result = simulate(config)
    assert result.drops.get("RX_BUFFER_FULL", 0) == n_lost
    said = f"nic.flow_control.headroom: the Rx buffer has {kilobytes - lacks}KiB of headroom"
    assert [text.startswith(said) for text in result.warnings if "headroom" in text] == [True] * n_lost
    level = result.flow_control.classes[0]
    fits = mark + (longest - 4) + sum(n_bytes - 4 for n_bytes in behind) - n_lost * (longest - 4)
    assert level.level_max_bytes == fits
    assert result.flow_control.ports[0].partner_stopped_ns > 0


def test_a_class_whose_ring_is_empty_keeps_no_other_waiting(tmp_path):
    """vf0's driver never refills: with pfc frames of class 1 for vf1 pass, with pause they wait behind vf0's."""
    timed = []
    for number in range(60):
        timed.append((number * 3000, frame(OUTSIDE, "vf0", 1000)))
        timed.append((number * 3000 + 1500, frame(OUTSIDE, "vf1", 1000, c_tag=5 << 13)))
    capture = write_capture(tmp_path / "in.pcap", timed)
    shared = {
        "nic": {"rx_ring": 16, "rx_fetch_batch": 1, "rx_prefetch": 1, "drop_enable": False, "rx_buffer": "128KiB"},
        "driver": {"vms": {"vf0": {"refill": False}}, "refill_batch": 1, "rx_interrupt_batch": 0},
        "workload": {"pattern": None, "frame_bytes": None, "pcap": str(capture)},
        "run": {"duration": "400us"},
    }
    by_class = simulate(
        config_from_mapping(merged(EXACT, shared, {"nic": {"arbitration": TWO, "flow_control": {"mode": "pfc"}}}))
    )
    for_all = simulate(config_from_mapping(merged(EXACT, shared, {"nic": {"flow_control": {"mode": "pause"}}})))
    got = {
        name: {flow.to: flow.delivered for flow in result.flows}
        for name, result in (("pfc", by_class), ("pause", for_all))
    }
    assert got["pfc"] == {"vf0": 15, "vf1": 60}
    assert got["pause"]["vf0"] == 15
    assert got["pause"]["vf1"] < 20
    assert list(by_class.flow_control.classes[0].kept_ns) == ["vf0"]
    assert by_class.flow_control.classes[1].kept_ns == {}
    assert list(for_all.flow_control.classes[0].kept_ns) == ["vf0"]
    assert by_class.drops == for_all.drops == {}


def test_tshark_decodes_what_is_sent(tmp_path):
    control = {"mode": "pfc", "quanta": 77, "headroom": "17KiB", "received": [{"at": "1us", "quanta": 5}]}
    changes = {
        "pcie": {"generation": 1, "lanes": 1},
        "nic": {"arbitration": TWO, "flow_control": control, "rx_buffer": "64KiB"},
        "workload": {"pattern": "flows", "flows": [["uplink", "vf0"]]},
    }
    wire_of(tmp_path, changes)
    text = subprocess.run(
        ["tshark", "-r", str(tmp_path / "wire.pcapng"), "-Y", "macc", "-T", "fields", "-e", "macc.opcode",
         "-e", "macc.cbfc.enbv", "-e", "macc.cbfc.pause_time.c0", "-e", "macc.cbfc.pause_time.c4", "-e", "eth.dst"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    told = [row.split("\t") for row in text]
    to = "01:80:c2:00:00:01"
    assert told[0] == ["0x0101", "0x00ff", "5", "5", to]
    assert ["0x0101", "0x000f", "77", "0", to] in told


STOPPED = {"at": "1us", "quanta": 65535}


@pytest.mark.parametrize(
    ("mode", "stop", "said"),
    [
        ("pause", {}, "stopped from outside by flow control 98.2 % of it."),
        ("pfc", {"priorities": [0]}, "Flow control stops its class 0 from outside 98.2 % of the window."),
    ],
)
def test_a_stop_from_outside_is_what_limits(mode, stop, said):
    """All of the port, or vf0's class, stops at 1.1 us, a tenth of it the response, up to the end of 60 us."""
    control = {"mode": mode, "response_delay": "100ns", "received": [STOPPED | stop]}
    classes = {"arbitration": TWO, "tx_buffer": "16KiB"} if mode == "pfc" else {}
    ports = [{"name": "vf1", "default_priority": 5}]
    flows = {"pattern": "flows", "flows": [["vf0", "uplink"], ["vf1", "uplink", "1Gbps"]]}
    result = simulate(
        config_from_mapping(
            merged(EXACT, {"nic": {"flow_control": control, **classes}, "switch": {"ports": ports}, "workload": flows})
        )
    )
    assert result.bottleneck.resource == "wire.tx"
    assert result.bottleneck.why.endswith(said)
    assert result.bottleneck.keys == ("nic.flow_control.received",)
    assert not any("phase" in warning for warning in result.warnings)


def test_a_stop_that_keeps_nothing_waiting_limits_nothing():
    """Class 1 is stopped for good, and no VM has it."""
    control = {"mode": "pfc", "received": [STOPPED | {"priorities": [5]}]}
    changes = {"nic": {"arbitration": TWO, "flow_control": control}, "workload": {"load": "1Gbps"}}
    result = simulate(config_from_mapping(merged(EXACT, changes)))
    assert result.flow_control.ports[1].stopped_ns > 50_000
    assert result.bottleneck.resource == "offered_load"


def test_frames_that_wait_outside_say_that_the_load_is_not_what_limits():
    """vf1 takes nothing, which holds all others: they wait at the link partner, and none of them is lost."""
    changes = {
        "nic": {"drop_enable": False, "rx_ring": 64, "rx_buffer": "32KiB", "flow_control": {"mode": "pause"}},
        "driver": {"vms": {"vf1": {"refill": False}}, "refill_batch": 8},
        "workload": {"pattern": "flows", "flows": [["uplink", "vf0", "4Gbps"], ["uplink", "vf1", "4Gbps"]]},
        "run": {"warmup": "200us", "duration": "300us"},
    }
    result = simulate(config_from_mapping(merged(EXACT, changes)))
    assert not result.drops
    assert result.bottleneck.resource == "rx.descriptors"
    assert "vf1" in result.bottleneck.why


def test_control_frames_are_not_what_goes_to_the_wire():
    """They take its time and are counted as what they are; what goes to the wire are frames of stations."""
    changes = {
        "pcie": {"generation": 1, "lanes": 1},
        "nic": {"rx_buffer": "32KiB", "flow_control": {"mode": "pause", "quanta": 100, "refresh": 50}},
        "workload": {"pattern": "flows", "flows": [["uplink", "vf0", "8Gbps"]]},
        "run": {"duration": "500us"},
    }
    result = simulate(config_from_mapping(merged(EXACT, changes)))
    n = result.flow_control.control_frames_sent
    assert n > 10
    assert result.wire.tx_gbps == 0
    assert result.utilization["wire.tx"] == pytest.approx(n * CONTROL_NS / 500_000, rel=0.02)


def ethtool_of(*layers):
    return simulate(config_from_mapping(merged(EXACT, *layers)), counters=True).counters["pf"].ethtool


def flow_counters(ethtool):
    return {name: n for name, n in ethtool.items() if n and ("flow_control" in name or "_pb_" in name)}


@pytest.mark.parametrize(("obey", "counted"), [(True, {"xoff": 2, "xon": 1}), (False, {})])
def test_pause_frames_that_come_are_counted_as_ethtool_does(obey, counted):
    received = [{"at": "20us", "quanta": 300}, {"at": "21us", "quanta": 9}, {"at": "30us", "quanta": 0}]
    found = ethtool_of({"nic": {"flow_control": {"mode": "pause", "received": received, "obey": obey}}},
                       {"run": {"duration": "200us"}})  # fmt: skip
    assert flow_counters(found) == {f"rx_flow_control_{name}": n for name, n in counted.items()}
    assert {"tx_flow_control_xon", "tx_flow_control_xoff"} < set(found)
    assert not any("flow_control" in name for name in ethtool_of())


def test_pfc_frames_count_for_each_priority_that_they_name():
    received = [{"at": "20us", "quanta": 300, "priorities": [3, 5]}, {"at": "30us", "quanta": 0, "priorities": [5]}]
    nic = {"arbitration": TWO, "flow_control": {"mode": "pfc", "received": received}}
    found = ethtool_of({"nic": nic}, {"run": {"duration": "200us"}})
    assert flow_counters(found) == {"rx_pb_3_pxoff": 1, "rx_pb_5_pxoff": 1, "rx_pb_5_pxon": 1}


FROM_OUTSIDE = {
    "pcie": {"generation": 1, "lanes": 1}, "nic": {"rx_buffer": "128KiB"}, "run": {"duration": "2ms"},
    "workload": {"pattern": "flows", "flows": [["uplink", "vf0"], ["uplink", "vf1"]]},
}  # fmt: skip


def test_what_the_adapter_sends_is_counted_too():
    result = simulate(
        config_from_mapping(merged(EXACT, FROM_OUTSIDE, {"nic": {"flow_control": {"mode": "pause"}}})), counters=True
    )
    found = result.counters["pf"].ethtool
    assert found["tx_flow_control_xoff"] == result.flow_control.ports[0].stops_sent > 3
    assert sum(flow_counters(found).values()) == result.flow_control.control_frames_sent
    assert result.counters["vf0"].ethtool.keys().isdisjoint(flow_counters(found))


@pytest.mark.parametrize(
    ("priorities", "of_class"), [((0, 7), (True, True)), ((7, 7), (False, True)), ((0, 1), (True, False))]
)
def test_untagged_frames_from_the_wire_have_their_stations_priority(priorities, of_class):
    ports = [{"name": f"vf{at}", "default_priority": one} for at, one in enumerate(priorities)]
    blocks = {"nic": {"arbitration": TWO, "flow_control": {"mode": "pfc"}}, "switch": {"ports": ports}}
    result = simulate(config_from_mapping(merged(EXACT, FROM_OUTSIDE, blocks)))
    assert tuple(one.level_max_bytes > 0 for one in result.flow_control.classes) == of_class
    assert tuple(one.stops_sent > 0 for one in result.flow_control.ports) == of_class
    assert not result.drops


LONG = {
    "nic": {"preset": "82599", "vfs": 2, "flow_control": {"mode": "pause", "headroom": "43KiB", "quanta": 200}},
    "pcie": {"generation": 2, "lanes": 1}, "driver": {"preset": "dpdk"},
    "host": {"buffer_bytes": "16KiB"},
    "switch": {"ports": [{"name": f"vf{at}", "max_frame": "9728B"} for at in range(2)]},
    "workload": {"pattern": "flows", "frame_bytes": 9728, "flows": [["uplink", "vf0"], ["vf1", "uplink"]]},
    "run": {"warmup": "0us", "duration": "20ms"},
}  # fmt: skip


@pytest.mark.real_clocks
@pytest.mark.parametrize(
    ("quanta", "refresh", "may_lapse"), [(200, None, True), (252, 100, True), (253, 100, False), (200, 47, False)]
)
def test_a_stop_that_may_lapse_before_it_is_renewed_is_told(quanta, refresh, may_lapse):
    """A frame of 9748 B on the wire, 152.3 quanta, may keep the wire as the refresh is due."""
    config = config_from_mapping(LONG, {"nic.flow_control.quanta": quanta, "nic.flow_control.refresh": refresh})
    (said,) = [note for note in limits(config).notes if "renewed" in note] or [""]
    assert bool(said) == may_lapse
    lost, warned = 0, 0
    for seed in range(1, 5):
        changes = {"nic.flow_control.quanta": quanta, "nic.flow_control.refresh": refresh, "run.seed": seed}
        result = simulate(config_from_mapping(LONG, changes))
        lost += result.drops.get("RX_BUFFER_FULL", 0)
        warned += any(f"{refresh or quanta // 2} quanta later" in note for note in result.warnings)
    if may_lapse:
        assert str((refresh or quanta // 2) + 153) in said
    else:
        assert not lost
    assert (lost > 0) == (warned > 0)
