"""What passes a wire, as tshark decodes it: both directions, their tags, the times."""

from __future__ import annotations

import subprocess

import pytest

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from hwmodel.machine.counts.ledger_state import LOG_CAP
from hwmodel.simulation import simulate
from tests.run_cases import BATCHES_OF_ONE, BROADCAST, OUTSIDE, frame, merged, read_capture, write_capture
from tests.switch_cases import wire_rows

IN, OUT = "0x00000001", "0x00000002"  # to the port, from it, as epb_flags have it
BASE = merged(BATCHES_OF_ONE, {"nic": {"vfs": 3}, "workload": {}, "run": {"warmup": "auto", "duration": "1ms"}})
STATIONS = [
    {"name": f"vf{number}", "vif": 100 + number, "ecid": 100 + number, "port_vlan": 10, "vlans": [10]}
    for number in range(3)
]
MARK = 40  # where a frame's number stands, behind all tags: bytes from the end


def numbered(number, source, target, **tag):
    raw = frame(source, target, 80, **tag)
    return raw[:-MARK] + bytes([number]) * MARK


def hops_of(folder, machine, frames, gap_ns=20_000):
    """Replay frames; return, by wire, (number of the frame, direction, fields of the tags, time) as tshark has them."""
    capture = write_capture(folder / "in.pcap", [(number * gap_ns, raw) for number, raw in enumerate(frames)])
    config = config_from_mapping(merged(BASE, machine, {"workload": {"pcap": str(capture)}}))
    names = ["uplink"] if config.bridge is None else list(config.bridge.ports)
    paths = {name: str(folder / f"{name}.pcapng") for name in names}
    simulate(config, pcap_path=str(folder / "got.pcap"), pcap_hops=paths)
    found = {name: wire_rows(path, name) for name, path in paths.items()}
    for rows in found.values():
        times = [at_ns for *_, at_ns in rows]
        assert times == sorted(times)
    return found


def tags_of(rows):
    return [(number, direction, fields) for number, direction, fields, _ in rows]


def c_tag(vid, priority=0, dei=0):
    return {"vlan.priority": [priority], "vlan.dei": [dei], "vlan.id": [vid]}


def s_tag(vid, priority=0, dei=0):
    return {"ieee8021ad.priority": [priority], "ieee8021ad.dei": [dei], "ieee8021ad.id": [vid]}


def vn_tag(direction, source, destination=0, pointer=0):
    """L is set where the source is behind the same port."""
    return {
        "vntag.dir": [direction], "vntag.ptr": [pointer], "vntag.dst": [destination],
        "vntag.looped": [int(direction == 1 and source > 0)], "vntag.version": [0], "vntag.src": [source],
    }  # fmt: skip


def e_tag(ecid, ingress=0, group=0, priority=0, dei=0):
    return {
        "etag.pcp": [priority], "etag.dei": [dei], "etag.iecid_base": [ingress], "etag.group": [group],
        "etag.ecid_base": [ecid], "etag.iecid_ext": [0], "etag.ecid_ext": [0],
    }  # fmt: skip


# All stations are in VLAN 10, which only the stations' own sides have untagged.
FRAMES = [
    numbered(0, "vf0", "vf1"),
    numbered(1, "vf0", BROADCAST),
    numbered(2, OUTSIDE, "vf1", c_tag=10 | 3 << 13),
    numbered(3, "vf0", OUTSIDE, c_tag=10 | 5 << 13),
    numbered(4, "vf2", "vf0", c_tag=10 | 6 << 13 | 1 << 12),
]
OUTSIDE_ROWS = [(1, OUT, c_tag(10)), (2, IN, c_tag(10, 3)), (3, OUT, c_tag(10, 5))]
VF0, VF1, VF2 = 100, 101, 102  # VIF and E-CID


def test_vn_tags(tmp_path):
    """Up: D = 0 and the sender; down: D = 1, the receiver or a list, and the sender where it is on the same port."""
    machine = {"switch": {"mode": "vn_tag", "ports": STATIONS}, "bridge": {"kind": "controlling"}}
    found = hops_of(tmp_path, machine, FRAMES)
    group = found["adapter"][3][2]["vntag.dst"][0]
    assert tags_of(found["adapter"]) == [
        (0, IN, vn_tag(0, VF0)),
        (0, OUT, vn_tag(1, VF0, VF1)),
        (1, IN, vn_tag(0, VF0)),
        (1, OUT, vn_tag(1, VF0, group, pointer=1)),
        (2, OUT, vn_tag(1, 0, VF1)),
        (3, IN, c_tag(10, 5) | vn_tag(0, VF0)),
        (4, IN, c_tag(10, 6, 1) | vn_tag(0, VF2)),
        (4, OUT, vn_tag(1, VF2, VF0)),
    ]
    assert tags_of(found["outside"]) == OUTSIDE_ROWS
    got = [raw[-1] for _, raw in read_capture(tmp_path / "got.pcap")]
    assert got == [0, 1, 1, 1, 2, 3, 4]  # the broadcast: outside, vf1, vf2


def test_e_tags(tmp_path):
    """Up: the sender; down: the receiver, or GRP 1 and a list, and the sender where it is on the same port."""
    machine = {"switch": {"mode": "e_tag", "ports": STATIONS}, "bridge": {"kind": "controlling"}}
    found = hops_of(tmp_path, machine, FRAMES)
    group = found["adapter"][3][2]["etag.ecid_base"][0]
    assert tags_of(found["adapter"]) == [
        (0, IN, e_tag(VF0)),
        (0, OUT, e_tag(VF1, VF0)),
        (1, IN, e_tag(VF0)),
        (1, OUT, e_tag(group, VF0, group=1)),
        (2, OUT, e_tag(VF1, priority=3)),
        (3, IN, c_tag(10, 5) | e_tag(VF0, priority=5)),
        (4, IN, c_tag(10, 6, 1) | e_tag(VF2, priority=6, dei=1)),
        (4, OUT, e_tag(VF0, VF2, priority=6, dei=1)),
    ]
    assert tags_of(found["outside"]) == OUTSIDE_ROWS


def test_s_tags(tmp_path):
    """vf0 and vf1 share a VEPA channel, vf2 has its own, the PF the default one: an unknown address goes to all."""
    channels = [{**station, "s_channel": vid} for station, vid in zip(STATIONS, (7, 7, 9), strict=True)]
    switch = {"mode": "multichannel", "s_channels": {7: "vepa", 9: "veb"}, "ports": channels}
    found = hops_of(tmp_path, {"switch": switch, "bridge": {}}, FRAMES)
    flooded = [(OUT, c_tag(10)), (OUT, c_tag(10) | s_tag(7)), (OUT, c_tag(10) | s_tag(9))]
    assert tags_of(found["adapter"]) == [
        (0, IN, c_tag(10) | s_tag(7)),
        *((0, *row) for row in flooded),
        (1, IN, c_tag(10) | s_tag(7)),
        *((1, *row) for row in flooded),
        (2, OUT, c_tag(10, 3)),
        (2, OUT, c_tag(10, 3) | s_tag(7, 3)),
        (2, OUT, c_tag(10, 3) | s_tag(9, 3)),
        (3, IN, c_tag(10, 5) | s_tag(7, 5)),
        (4, IN, c_tag(10, 6, 1) | s_tag(9, 6, 1)),
        (4, OUT, c_tag(10, 6, 1) | s_tag(7, 6, 1)),  # vf0 has sent: it is known
    ]
    assert tags_of(found["outside"]) == [(0, OUT, c_tag(10)), *OUTSIDE_ROWS]


def test_times_by_hand(tmp_path):
    """A frame that comes to an idle bridge has passed the other port after the bridge's latency and its time there."""
    machine = {"bridge": {"latency": "500ns", "propagation": "1us", "ports": {"outside": {"rate": "1Gbps"}}}}
    sizes = {0: 60, 1: 200, 2: 1000}
    frames = [frame("vf0", OUTSIDE, n_bytes, payload=bytes(1) * 14) for n_bytes in sizes.values()]
    frames = [raw[:-40] + bytes([number]) * 40 for number, raw in enumerate(frames)]
    frames += [raw[6:12] + raw[:6] + raw[12:-40] + bytes([3 + number]) * 40 for number, raw in enumerate(frames)]
    found = hops_of(tmp_path, machine, frames)
    at = {(name, number): at_ns for name, rows in found.items() for number, _, _, at_ns in rows}
    on_wire_bytes = {number: n_bytes + 4 + 20 for number, n_bytes in sizes.items()}
    for number, n_bytes in on_wire_bytes.items():
        assert at["outside", number] - at["adapter", number] == pytest.approx(500 + 8 * n_bytes, abs=1)
        back = number + 3
        assert at["outside", back] == 20_000 * back + 8 * n_bytes + 1000
        assert at["adapter", back] - at["outside", back] == pytest.approx(500 + 0.8 * n_bytes, abs=1)
    got = {raw[-1]: at_ns for at_ns, raw in read_capture(tmp_path / "got.pcap")}
    assert all(got[number] == at["outside", number] + 1000 for number in sizes)  # who stands there has it so much later


def test_without_a_bridge_the_adapters_own_wire(tmp_path):
    """What it sends is delivered as it has left; what comes was on the wire for its time there."""
    found = hops_of(tmp_path, {"switch": {"ports": STATIONS}}, FRAMES)
    assert tags_of(found["uplink"]) == [
        (1, OUT, c_tag(10)),
        (2, IN, c_tag(10, 3)),
        (3, OUT, c_tag(10, 5)),
    ]
    got = {
        (raw[-1], raw[:6] == bytes.fromhex(OUTSIDE.replace(":", ""))): at
        for at, raw in read_capture(tmp_path / "got.pcap")
    }
    times = {number: at_ns for number, _, _, at_ns in found["uplink"]}
    assert times[3] == got[3, True]
    assert times[2] == 40_000 + (80 + 24) * 8 // 10


def system_of(**run):
    """Return three servers that send each other frames, and to outside, at different rates."""
    flows = [["a.vf0", "b.vf0", "3Gbps"], ["b.vf0", "c.vf1", "1Gbps"], ["c.vf0", "uplink", "2Gbps"],
             ["c.vf1", "a.vf0", "700Mbps"], ["uplink", "b.vf1", "500Mbps"]]  # fmt: skip
    servers = [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 2}}, {"name": "c"}]
    workload = {"pattern": "flows", "flows": flows, "arrivals": "poisson", "sizes": [[64, 3], [700, 1]]}
    run = {"warmup": "0ns", "duration": "300us", **run}
    layers = merged(BATCHES_OF_ONE, {"nic": {"vfs": 2}, "workload": workload, "run": run})
    return config_from_mapping({**layers, "servers": servers, "bridge": {"latency": "2us"}})


def captures_of(folder, config):
    folder.mkdir()
    paths = {name: str(folder / f"{name}.pcapng") for name in config.bridge.ports}
    result = simulate(config, pcap_path=str(folder / "got.pcap"), pcap_hops=paths)
    return result, {path.name: path.read_bytes() for path in folder.iterdir()}


def figures(result):
    found = result.to_mapping(include_host_run=False)
    return {name: value for name, value in found.items() if name != "warnings"}


def test_captures_of_several_servers_do_not_depend_on_how_the_run_is_cut(tmp_path, monkeypatch):
    """Servers that have come to different times where a piece ends: nothing is lost, doubled or out of order."""
    config = system_of()
    result, whole = captures_of(tmp_path / "whole", config)
    monkeypatch.setattr("hwmodel.simulation.run.run.EVENTS_PER_CALL", 500)
    again, pieces = captures_of(tmp_path / "pieces", config)
    assert sorted(whole) == ["a.pcapng", "b.pcapng", "c.pcapng", "got.pcap", "outside.pcapng"]
    assert pieces == whole
    times = [at_ns for at_ns, _ in read_capture(tmp_path / "whole" / "got.pcap")]
    assert times == sorted(times)
    assert len(times) == result.totals.delivered_frames > 500
    assert figures(again) == figures(result) == figures(simulate(config))


def test_a_full_log_changes_nothing(tmp_path, monkeypatch):
    """More passes the wires in one call of the kernel than the log holds; each frame out is in the capture."""
    monkeypatch.setattr("hwmodel.simulation.run.run.EVENTS_PER_CALL", 10**9)
    monkeypatch.setattr("hwmodel.simulation.run.run.MARKS", 1)
    flows = [["a.vf0", "b.vf0", None], ["b.vf0", "a.vf0", None]]
    config = config_from_mapping(
        {
            "servers": [{"name": "a"}, {"name": "b"}],
            "nic": {"strict": False, "queue_time": "0ns"},  # one ring gives as much as the link takes
            "driver": {"preset": "dpdk"},
            "pcie": {"generation": 3, "lanes": 8},
            "port": {"rate": "40Gbps"},
            "workload": {"pattern": "flows", "flows": flows, "frame_bytes": 64},
            "run": {"warmup": "0ns", "duration": "5ms"},
        }
    )
    result, _ = captures_of(tmp_path / "captures", config)
    assert figures(result) == figures(simulate(config))
    ports = {port.name: port for port in result.bridges[0].ports}
    total = 0
    for name in ("a", "b"):
        done = subprocess.run(
            ["capinfos", "-M", "-c", str(tmp_path / "captures" / f"{name}.pcapng")],
            capture_output=True,
            text=True,
            check=True,
        )
        n_frames = int(done.stdout.split()[-1])
        passed = ports[name].out_frames + ports[name].in_frames
        assert passed <= n_frames <= passed + 64  # some have come and are not yet forwarded
        total += n_frames
    assert total > 2 * LOG_CAP


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ([], "there is no wire 'b'; it is uplink"),
        (["--set", "bridge.kind=learning"], "there is no wire 'b'; one of adapter, outside"),
    ],
)
def test_wires_that_are_not_there(tmp_path, capsys, extra, line):
    path = tmp_path / "out.pcapng"
    assert main(["run", "sriov_10g_gen2x4", *extra, "--pcap-hop", f"b={path}"]) == 2
    assert capsys.readouterr().err == f"--pcap-hop: {line}\n"
    assert not path.exists()


def test_files_that_cannot_be(tmp_path, capsys):
    path = tmp_path / "out.pcapng"
    twice = ["--pcap-hop", f"uplink={path}", "--pcap-hop", f"uplink={tmp_path / 'more.pcapng'}"]
    assert main(["run", "sriov_10g_gen2x4", *twice]) == 2
    assert "--pcap-hop: a wire is named twice" in capsys.readouterr().err
    assert main(["run", "sriov_10g_gen2x4", "--pcap-hop", f"uplink={tmp_path}"]) == 2
    assert "--pcap-hop uplink: is a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "sriov_10g_gen2x4", "--pcap-hop", "uplink"])
    assert "'uplink' is not NAME=FILE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
