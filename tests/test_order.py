"""Frames of one source, destination and priority arrive in the order in which they were sent, byte for byte."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from tests.drawn_machines import some
from tests.run_cases import (
    BATCHES_OF_ONE,
    BROADCAST,
    OUTSIDE,
    frame,
    judged_result_of,
    logged,
    mac,
    merged,
    read_capture,
    write_capture,
)

SETTINGS = settings(max_examples=settings.default.max_examples * 2 // 5, suppress_health_check=[HealthCheck.too_slow])
LABEL = struct.Struct(">BBBI")  # sender, target, priority, number in this stream
ENDS = ["vf0", "vf1", "vf2", "vf3", OUTSIDE]
# vf2 gets its frames with a tag, the wire carries VLAN 1 tagged.
SWITCH = {"ports": [{"name": "vf2", "untagged": []}], "uplink": {"native_vlan": None}}

PCIE = some(
    tags=[2, 3, 32],
    lanes=[1, 4],
    max_payload=["128B"],
    max_read_request=["128B"],
    arbitration=["reads_first", "arrival"],
    propagation=["70ns"],
    credits=[{"ph": 2, "cplh": 2}],
)
HOST = some(
    jitter=[
        {"kind": "uniform", "range": "3us"},
        {"kind": "histogram", "bins": [["0ns", 1], ["900ns", 1], ["2us", 1]]},
    ],
    read_latency=["0ns"],
    completion_bytes=["rcb"],
    cores=[1],
)
NIC = some(
    fetch_batch=[1, 3, 8],
    rx_prefetch=[0, 1],
    rx_fetch_batch=[1, 3],
    tx_writeback_batch=[1],
    rx_writeback_batch=[1, 5],
    tx_ring=[64, 72],
    store_rate=["7Gbps"],
    max_pps=[2_000_000],
    rx_buffer=["4KiB"],
)
DRIVER = some(
    tx_doorbell_batch=[1, 3], rx_interrupt_batch=[0, 1], moderation=["0us", "5us"], frame_time=["0ns", "300ns"]
).map(lambda driver: {"rx_interrupt_batch": 0, **driver})
MACHINE = st.fixed_dictionaries({"pcie": PCIE, "host": HOST, "nic": NIC, "driver": DRIVER})
BURSTS = st.lists(
    st.tuples(
        st.sampled_from(ENDS),
        st.sampled_from(ENDS),
        st.sampled_from([None, 0, 5]),
        st.sampled_from([60, 61, 700, 1514]),
        st.integers(1, 25),
        st.sampled_from([0, 50, 3000]),
    ).filter(lambda burst: burst[0] != burst[1]),
    min_size=1,
    max_size=12,
)


def numbered(bursts):
    """Return timed frames that say which of its stream each is; some with a priority tag (VID 0)."""
    at_ns, made = 0, []
    sent: Counter[tuple[str, str, int]] = Counter()
    for source, target, priority, n_bytes, n_frames, gap_ns in bursts:
        for _ in range(n_frames):
            stream = (source, target, priority or 0)
            label = LABEL.pack(ENDS.index(source), ENDS.index(target), priority or 0, sent[stream])
            tag = None if priority is None else priority << 13
            # The wire is tagged both ways here.
            tag = (priority or 0) << 13 | 1 if source == OUTSIDE else tag
            made.append((at_ns, frame(source, target, n_bytes, c_tag=tag, payload=label)))
            sent[stream] += 1
            at_ns += gap_ns
    return made, sent


def as_delivered(raw: bytes) -> bytes:
    """Return a numbered frame as it should arrive: without its tag, with a new one where VLAN 1 leaves tagged."""
    tag = int.from_bytes(raw[14:16], "big") if raw[12:14] == b"\x81\x00" else None
    bare = raw if tag is None else raw[:12] + raw[16:]
    target = bare[:6].hex(":")
    if target in (OUTSIDE, mac("vf2")):
        return bare[:12] + b"\x81\x00" + ((tag or 0) & 0xE000 | 1).to_bytes(2, "big") + bare[12:]
    return bare


def label_of(raw: bytes) -> tuple[int, int, int, int]:
    return LABEL.unpack_from(raw, 18 if raw[12:14] == b"\x81\x00" else 14)


@SETTINGS
@given(MACHINE, BURSTS, st.sampled_from(["file", "asap"]), st.integers(1, 9))
def test_no_frame_overtakes_another_of_its_stream(machine, bursts, pcap_time, seed):
    sent_frames, sent = numbered(bursts)
    with tempfile.TemporaryDirectory() as folder:
        capture = write_capture(Path(folder, "in.pcap"), sent_frames)
        config = config_from_mapping(
            merged(
                {"nic": {"vfs": 4}, "switch": SWITCH},
                machine,
                {
                    "workload": {"pcap": str(capture), "pcap_time": pcap_time},
                    "run": {"duration": "1s", "frames": 10_000, "seed": seed},
                },
            )
        )
        result = simulate(config, pcap_path=str(Path(folder, "out.pcap")))
        delivered = read_capture(Path(folder, "out.pcap"))
    assert [at for at, _ in delivered] == sorted(at for at, _ in delivered)
    assert len(delivered) == result.totals.copies_delivered == result.totals.delivered_frames
    numbers = defaultdict(list)
    for _, raw in delivered:
        *stream, number = label_of(raw)
        numbers[tuple(stream)].append(number)
    for stream, found in numbers.items():
        assert found == sorted(set(found)), f"stream {stream} arrived as {found}"
    if not set(result.drops) & {"RX_BUFFER_FULL", "NO_DESCRIPTOR"}:
        assert result.drops == {}
        wanted = {(ENDS.index(s), ENDS.index(t), p): list(range(n)) for (s, t, p), n in sent.items()}
        assert numbers == wanted
    expected = Counter(as_delivered(raw) for _, raw in sent_frames)
    assert not Counter(raw for _, raw in delivered) - expected


@pytest.mark.parametrize("jitter", [{}, {"jitter": {"kind": "uniform", "range": "5us"}}], ids=["fixed", "jitter"])
def test_group_frames_stay_in_order_at_each_receiver(tmp_path, jitter):
    n_frames = 150
    capture = write_capture(
        tmp_path / "in.pcap",
        [
            (200 * i, frame("vf1" if i % 2 else OUTSIDE, BROADCAST, 60 + 90 * (i % 11), payload=LABEL.pack(0, 0, 0, i)))
            for i in range(n_frames)
        ],
    )
    run, result, rows = logged(
        {"nic": {"vfs": 4}, "host": jitter, "workload": {"pcap": str(capture)}, "run": {"duration": "1s"}},
        BATCHES_OF_ONE,
    )
    assert result.totals.in_flight_frames == 0
    assert result.drops == {}
    assert np.all(np.diff(rows.at_fs) >= 0)
    sender = np.array(
        [run.book.flows[int(run.state[0].traffic.copy_kind[int(kind)].flow)][0] for kind in rows.copy_kind]
    )
    receivers = {"uplink": 0, "pf": 1, "vf0": 2, "vf1": 3, "vf2": 4, "vf3": 5}
    for source, numbers in (("vf1", range(1, n_frames, 2)), ("uplink", range(0, n_frames, 2))):
        for name, port in receivers.items():
            got = rows.record[(rows.egress_port == port) & (sender == source)].tolist()
            assert got == ([] if name == source else list(numbers)), f"{source} to {name}"


@pytest.mark.parametrize("pcap_time", ["file", "asap"])
def test_with_several_queues_each_udp_flow_keeps_its_order(tmp_path, pcap_time):
    """Receive-side scaling keeps the order of a flow; frames of different flows may overtake each other."""
    frames, n_flows = [], 16
    for i in range(480):
        flow = i * 7 % n_flows
        ends = Ether(src=mac("vf0"), dst=mac("vf1")) / IP(src="10.0.0.1", dst="10.0.0.2")
        raw = bytes(ends / UDP(sport=4000 + flow, dport=9) / struct.pack(">HH", flow, i))
        frames.append((20 * i, raw.ljust(60 + 1400 * (i % 2), b"\0")))
    capture = write_capture(tmp_path / "in.pcap", frames)
    _, result, rows = logged(
        {
            "nic": {"vfs": 2, "queues_per_vf": 4, "rx_writeback_batch": 3},
            "host": {"jitter": {"kind": "uniform", "range": "2us"}},
            "driver": {"preset": "dpdk"},
            "workload": {"pcap": str(capture), "pcap_time": pcap_time},
            "run": {"duration": "1s"},
        }
    )
    assert result.totals.delivered_frames == len(frames)
    in_flow = defaultdict(list)
    for record in rows.record.tolist():
        in_flow[record * 7 % n_flows].append(record)
    assert all(found == sorted(found) for found in in_flow.values())
    assert rows.record.tolist() != sorted(rows.record.tolist()), "one queue alone would keep all in order"


def test_a_capture_changes_no_figure(tmp_path):
    machine = merged({"nic": {"vfs": 4}, "workload": {"load": 0.9}, "run": {"warmup": "20us", "duration": "300us"}})
    simulate(config_from_mapping(machine), pcap_path=str(tmp_path / "out.pcap"))
    with_capture = simulate(config_from_mapping(machine), pcap_path=str(tmp_path / "out.pcap"))
    assert with_capture.to_json(include_host_run=False) == judged_result_of(machine).to_json(include_host_run=False)
    assert len(read_capture(tmp_path / "out.pcap")) == with_capture.totals.copies_delivered


TSHARK_FIELDS = ["frame.len", "eth.src", "eth.dst", "vlan.id", "vlan.priority", "_ws.expert.message", "_ws.malformed"]


def test_tshark_reads_what_was_delivered(tmp_path):
    bursts = [("vf0", "vf2", 5, 700, 40, 100), ("vf3", OUTSIDE, None, 60, 30, 0), (OUTSIDE, "vf1", 3, 1514, 20, 2000)]
    sent_frames, _ = numbered(bursts)
    capture = write_capture(tmp_path / "in.pcap", sent_frames)
    config = config_from_mapping(
        merged(
            BATCHES_OF_ONE,
            {"nic": {"vfs": 4}, "switch": SWITCH, "workload": {"pcap": str(capture)}, "run": {"duration": "1s"}},
        )
    )
    result = simulate(config, pcap_path=str(tmp_path / "out.pcap"))
    command = ["tshark", "-n", "-r", str(tmp_path / "out.pcap"), "-T", "fields"]
    command += [word for field in TSHARK_FIELDS for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert complaints == []
    seen = Counter(line for line in done.stdout.splitlines())
    expected = Counter(
        {
            f"700\t{mac('vf0')}\t{mac('vf2')}\t1\t5\t\t": 40,
            f"64\t{mac('vf3')}\t{OUTSIDE}\t1\t0\t\t": 30,
            f"1510\t{OUTSIDE}\t{mac('vf1')}\t\t\t\t": 20,
        }
    )
    assert seen == expected
    assert sum(seen.values()) == result.totals.copies_delivered == 90
