"""Captures as traffic: written by scapy, and the header reached in each frame by scapy's own parser."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.utils import PcapWriter as ScapyWriter
from scapy.utils import RawPcapReader

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.workload import build_workload
from hwmodel.workload.replay import read_replay
from hwmodel.workload.traffic import Records

EXAMPLE = Path(__file__).parents[1] / "configs" / "example.pcap"
OUTSIDE = "02:aa:00:00:00:01"


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def config_of(path, switch=None, vfs=4, **workload):
    return config_from_mapping(
        {"nic": {"vfs": vfs}, "switch": switch or {}, "workload": {"pcap": str(path), **workload}}
    )


def write(path, timed_frames, wire_lengths=None):
    writer = ScapyWriter(str(path), linktype=1, nano=True, sync=True)
    writer.write_header(None)
    for i, (at_ns, frame) in enumerate(timed_frames):
        wirelen = wire_lengths[i] if wire_lengths else None
        writer.write_packet(bytes(frame), sec=at_ns // 10**9, usec=at_ns % 10**9, wirelen=wirelen)
    writer.close()
    return path


def replay(path, **options):
    return build_workload(config_of(path, **options))


def port_of(workload, i):
    return workload.sources[workload.records.source[i]].port


def template_of(workload, i):
    return workload.templates[workload.records.template[i]]


def test_each_frame_enters_by_the_port_of_its_source(tmp_path):
    sources = [mac(2), mac(5), mac(1), OUTSIDE, mac(2), mac(99)]
    frames = [(10 * i, Ether(src=source, dst=mac(3)) / IP() / UDP()) for i, source in enumerate(sources)]
    workload = replay(write(tmp_path / "in.pcap", frames))
    assert [port_of(workload, i) for i in range(6)] == ["vf0", "vf3", "pf", "uplink", "vf0", "uplink"]
    assert [(source.port, source.kind, source.n_records) for source in workload.sources] == [
        ("uplink", "recorded", 2), ("pf", "recorded", 1), ("vf0", "recorded", 2), ("vf3", "recorded", 1),
    ]  # fmt: skip
    assert workload.pcap == str(tmp_path / "in.pcap")
    for i, source in enumerate(sources):
        assert template_of(workload, i).source == port_of(workload, i)
        assert Ether(template_of(workload, i).header).src == source


def test_records_hold_times_lengths_and_numbers(tmp_path):
    times = [5_000_000_007, 5_000_000_007, 5_000_001_000]
    frames = [
        (at_ns, Ether(src=mac(2), dst=mac(3)) / (b"x" * n)) for at_ns, n in zip(times, [46, 1500, 0], strict=True)
    ]
    records = replay(write(tmp_path / "in.pcap", frames)).records
    assert records.at_fs.tolist() == [0, 0, 993 * 10**6]
    assert records.frame_bytes.tolist() == [64, 1518, 18]
    assert records.index.tolist() == [0, 1, 2]
    dtypes = [
        getattr(records, name).dtype for name in ("at_fs", "source", "template", "frame_bytes", "index", "rss_hash")
    ]
    assert dtypes == [np.int64, np.int32, np.int32, np.int32, np.int32, np.uint32]


def test_times_out_of_order_are_put_in_order(tmp_path):
    rng = random.Random(11)
    times = [rng.randrange(5) for _ in range(500)]
    senders = [rng.randrange(4) for _ in times]
    lengths = [rng.randrange(50) for _ in times]
    packets = [IP(src=f"10.0.0.{n}") / UDP() / bytes(n) for n in lengths]
    frames = [(at, Ether(src=mac(2 + k)) / packet) for at, k, packet in zip(times, senders, packets, strict=True)]
    workload = replay(write(tmp_path / "in.pcap", frames))
    order = sorted(range(500), key=lambda i: (times[i], i))
    records = workload.records
    assert records.index.tolist() == order
    assert records.at_fs.tolist() == [times[i] * 10**6 for i in order]
    assert records.frame_bytes.tolist() == [14 + 28 + lengths[i] + 4 for i in order]
    expected_ports = [f"vf{senders[i]}" for i in order]
    assert [port_of(workload, i) for i in range(500)] == expected_ports
    assert [template_of(workload, i).source for i in range(500)] == expected_ports
    # The hash of a frame goes with its address, which goes with its length.
    assert len(set(zip(records.rss_hash.tolist(), records.frame_bytes.tolist(), strict=True))) == len(set(lengths))


def test_as_soon_as_possible_keeps_the_order_of_the_file(tmp_path):
    frames = [(at_ns, Ether(src=mac(2 + i % 2), dst=mac(3))) for i, at_ns in enumerate([30, 10, 20, 10**13])]
    workload = replay(write(tmp_path / "in.pcap", frames), pcap_time="asap")
    assert workload.records.at_fs.tolist() == [0] * 4
    assert workload.records.index.tolist() == [0, 1, 2, 3]
    assert {source.kind for source in workload.sources} == {"closed"}


def test_records_of_each_source_in_order(tmp_path):
    frames = [(i, Ether(src=mac(2 + i % 3), dst=mac(3))) for i in range(10)]
    workload = replay(write(tmp_path / "in.pcap", frames))
    order, starts = workload.records.by_source(len(workload.sources))
    groups = [order[starts[s] : starts[s + 1]].tolist() for s in range(3)]
    assert groups == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]
    assert [source.n_records for source in workload.sources] == [4, 3, 3]
    assert Records().by_source(2)[1].tolist() == [0, 0, 0]


def test_templates_are_the_distinct_headers(tmp_path):
    tags = [[], [Dot1Q(vlan=5)], [Dot1Q(vlan=5, prio=3)], [Dot1AD(vlan=5)], [Dot1AD(vlan=6), Dot1Q(vlan=5)]]
    rng = random.Random(3)
    frames = []
    for i in range(400):
        frame = Ether(src=mac(rng.choice((2, 3))), dst=rng.choice((mac(4), mac(5))))
        for tag in rng.choice(tags):
            frame = frame / tag
        frames.append((i, bytes(frame / IP() / UDP() / bytes([rng.randrange(256)] * 20))))
    workload = replay(write(tmp_path / "in.pcap", frames))
    assert len(workload.templates) == len({template.header for template in workload.templates}) == 2 * 2 * 5
    for i, (_, frame) in enumerate(frames):
        header = template_of(workload, i).header
        assert frame.startswith(header)
        # What follows the header is the IP packet.
        assert frame[len(header)] == 0x45
        assert header.endswith(b"\x08\x00")


def test_targets_name_the_flow(tmp_path):
    cases = [
        (mac(2), mac(3), "vf1"), (mac(2), "ff:ff:ff:ff:ff:ff", "broadcast"), (mac(2), "33:33:00:00:00:01", "multicast"),
        (mac(2), OUTSIDE, "uplink"), (OUTSIDE, mac(2), "vf0"), (OUTSIDE, "02:bb:00:00:00:01", "unknown"),
        (mac(2), "02:cc:00:00:00:01", "vf3"), (mac(2), "02:cc:00:00:00:02", "uplink"),
    ]  # fmt: skip
    addresses = [
        {"vlan": 1, "mac": "02:cc:00:00:00:01", "ports": ["vf3"]},
        {"vlan": 1, "mac": "02:cc:00:00:00:02", "ports": ["vf2", "vf3"]},
    ]
    frames = [(i, Ether(src=source, dst=target) / ARP()) for i, (source, target, _) in enumerate(cases)]
    workload = replay(write(tmp_path / "in.pcap", frames), switch={"addresses": addresses})
    assert [template_of(workload, i).target for i in range(len(cases))] == [target for _, _, target in cases]


def test_one_address_in_two_vlans_goes_by_the_tag(tmp_path):
    shared = "02:dd:00:00:00:01"
    ports = [
        {"name": "vf0", "macs": [shared], "port_vlan": 10, "vlans": [10]},
        {"name": "vf1", "macs": [shared], "port_vlan": 20, "vlans": [20]},
    ]
    frames = [(i, Ether(src=shared, dst=mac(5)) / Dot1Q(vlan=vlan) / IP()) for i, vlan in enumerate((10, 20, 30))]
    frames.append((3, Ether(src=shared, dst=mac(5)) / IP()))
    workload = replay(write(tmp_path / "in.pcap", frames), switch={"ports": ports})
    assert [port_of(workload, i) for i in range(4)] == ["vf0", "vf1", "vf0", "vf0"]


def test_runts_have_what_header_there_is(tmp_path):
    whole = bytes(Ether(src=mac(2), dst=mac(3)) / Dot1Q(vlan=0) / b"")
    frames = [(n, whole[:n]) for n in range(len(whole) + 1)]
    workload = replay(write(tmp_path / "in.pcap", frames))
    for n in range(len(whole) + 1):
        template = template_of(workload, n)
        assert template.header == whole[:n]
        assert template.source == ("vf0" if n >= 12 else "uplink")
        assert (template.target == "unknown") == (n < len(whole))
    assert workload.records.frame_bytes.tolist() == [n + 4 for n in range(len(whole) + 1)]


def test_hashes_are_the_published_ones(tmp_path):
    # The first vector of the RSS verification suite; other frames hash to nothing.
    packet = IP(src="66.9.149.187", dst="161.142.100.80") / UDP(sport=2794, dport=1766)
    frames = [
        (0, Ether(src=mac(2)) / packet),
        (1, Ether(src=mac(2)) / ARP()),
        (2, Ether(src=mac(2)) / Dot1Q() / packet),
    ]
    records = replay(write(tmp_path / "in.pcap", frames)).records
    assert records.rss_hash.tolist() == [0x51CCC178, 0, 0x51CCC178]


def test_snapped_frames_keep_their_lengths(tmp_path):
    whole = bytes(Ether(src=mac(2), dst=mac(3)) / Dot1Q(vlan=1) / IP() / UDP() / (b"x" * 1000))
    path = write(tmp_path / "in.pcap", [(0, whole[:18]), (1, whole)], [len(whole), len(whole)])
    workload = replay(path)
    assert workload.records.frame_bytes.tolist() == [len(whole) + 4] * 2
    assert workload.records.template.tolist() == [0, 0]
    assert workload.records.rss_hash[0] == 0 != workload.records.rss_hash[1]


@pytest.mark.parametrize("n_bytes", [17, 13, 0])
def test_a_snapped_header_is_an_input_error(tmp_path, n_bytes):
    whole = bytes(Ether(src=mac(2), dst=mac(3)) / Dot1Q(vlan=1) / IP())
    path = write(tmp_path / "in.pcap", [(0, whole), (1, whole[:n_bytes])], [len(whole), 60])
    with pytest.raises(InputError, match=rf"^{path}: frame 1 \(No\. 2 in Wireshark\) holds {n_bytes} of 60 bytes"):
        replay(path)


def test_a_capture_of_hours_is_refused_only_with_its_times(tmp_path):
    frames = [(at_ns, Ether(src=mac(2))) for at_ns in (0, 4612 * 10**9)]
    path = write(tmp_path / "in.pcap", frames)
    with pytest.raises(InputError, match=f"^{path}: its timestamps span 4612 s; at most 4611 s"):
        replay(path)
    assert len(replay(path, pcap_time="asap").records) == 2


def test_a_capture_without_frames_is_refused(tmp_path):
    path = write(tmp_path / "in.pcap", [])
    with pytest.raises(InputError, match=f"^{path}: holds no frames"):
        replay(path)


def test_outside_traffic_beside_a_capture(tmp_path):
    path = write(tmp_path / "in.pcap", [(0, Ether(src=mac(2), dst=mac(3)) / ARP())])
    external = {"rate": "1Gbps", "frame_bytes": 64}
    workload = replay(path, external=external)
    assert [source.kind for source in workload.sources] == ["recorded", "poisson"]
    outside = workload.sources[1].target_table.value.tolist()
    # The capture's templates are numbered before or after the made-up ones, but never with them.
    assert workload.records.template[0] not in outside
    assert template_of(workload, 0).source == "vf0"
    assert {workload.templates[number].source for number in outside} == {"uplink"}
    assert workload.sources[workload.records.source[0]].port == "vf0"


def test_blocks_do_not_show(tmp_path, monkeypatch):
    # Small blocks number templates and frames as one large one does.
    path = tmp_path / "in.pcap"
    rng = random.Random(5)
    write(
        path, [(rng.randrange(1000), Ether(src=mac(rng.randrange(6)), dst=mac(rng.randrange(6)))) for _ in range(300)]
    )
    switch = config_of(path).switch
    whole = read_replay(str(path), [(str, switch)], asap=False)
    monkeypatch.setattr("hwmodel.wire.pcap.read_blocks.__defaults__", (100,))
    pieces = read_replay(str(path), [(str, switch)], asap=False)
    assert whole.templates == pieces.templates
    assert whole.sources == pieces.sources
    for name in ("at_fs", "source", "template", "frame_bytes", "index", "rss_hash"):
        assert getattr(whole.records, name).tolist() == getattr(pieces.records, name).tolist()


def test_the_example_capture_comes_out_of_its_script(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_example_pcap.py", str(tmp_path / "made.pcap")])
    runpy.run_path(str(EXAMPLE.parent / "make_example_pcap.py"), run_name="__main__")
    assert (tmp_path / "made.pcap").read_bytes() == EXAMPLE.read_bytes()


def test_the_example_capture():
    with RawPcapReader(str(EXAMPLE)) as reader:
        frames = [data for data, _ in reader]
    workload = replay(EXAMPLE)
    assert EXAMPLE.stat().st_size < 50_000
    assert len(workload.records) == len(frames) == 100
    assert [source.port for source in workload.sources] == ["uplink", "vf0", "vf1", "vf2", "vf3"]
    assert workload.records.frame_bytes.tolist() == [len(frames[i]) + 4 for i in workload.records.index]
    assert {template.target for template in workload.templates} == {"broadcast", "uplink", "vf0", "vf1", "vf2", "vf3"}
    for data in frames:
        packet = Ether(data)
        if IP in packet:
            rebuilt = packet[IP].copy()
            del rebuilt.chksum
            assert IP(bytes(rebuilt)).chksum == packet[IP].chksum
