"""Captures through `hwmodel switch`: what each port's file holds, read back by scapy and by tshark."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    MULTICAST,
    OUTSIDE,
    c_tag,
    e_tag,
    frame,
    s_tag,
    switch,
    vn_tag,
)
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.switch_frames import capture as capture_module
from hwmodel.switch_frames import open_capture, port_files, switch_capture
from hwmodel.switch_frames.capture import PortCaptures
from hwmodel.switch_frames.decide import FrameSwitch
from hwmodel.wire.pcap import PcapBlock, PcapWriter, read_blocks
from tests.oracles.forwarding_oracle import ForwardingOracle
from tests.run_cases import read_capture
from tests.switch_cases import ADAPTER, ALL_TAG_FIELDS, switched, tag_fields, timed, tshark_numbers, tshark_rows

VECTORS = Path(__file__).parent / "vectors"
NO_TYPE_OF_TSHARKS = 0x88B5  # local experimental: what follows is nothing that tshark would take apart

# A configuration for each mode, as a user writes it, that uses what the mode has.
PORTS = [
    {"name": "pf", "accept": ["broadcast"]},
    {"name": "vf0", "vlans": [1, 5], "untagged": [1], "self_loopback": True, "vif": 77, "ecid": 0xABCDE},
    {"name": "vf1", "port_vlan": 5, "default_priority": 3, "vif": 4095, "ecid": 0xFFFFF},
    {"name": "vf2", "vlans": [1, 5], "untagged": [], "promiscuous": True, "default": True},
    {"name": "vf3", "enabled": False},
]
CHANNELS = {"pf": 10, "vf0": 10, "vf1": 20}
MODES = {
    "veb": {"uplink": {"native_vlan": 5, "vlans": "all"}},
    "vepa": {"uplink": {"native_vlan": None, "vlans": [1, 5]}},
    "vn_tag": {"vif_lists": {"1": ["vf0", "vf1", "vf2"], "16383": ["pf"]}},
    "e_tag": {"ecid_lists": [{"group": 3, "ecid": 0x12345, "ports": ["vf0", "vf1"]}]},
    "multichannel": {
        "s_channels": {"10": "veb", "20": "vepa"},
        "ports": [{**port, "s_channel": CHANNELS.get(port["name"])} for port in PORTS],
    },
}
MIRRORS = [{"to": "vf2", "from": "vf0"}, {"to": "pf", "from": "uplink", "direction": "egress"}]


def switch_block(mode):
    return {"mode": mode, "ports": PORTS, "mirrors": MIRRORS, **MODES[mode]}


def random_frames(rng, mode, port, n_frames):
    """Give frames with tags that the mode and the port may know, and a type behind them that tshark does not."""
    sent = []
    for _ in range(n_frames):
        tags = []
        if port == "uplink" and mode == "vn_tag":
            pointed = rng.random() < 0.4
            tags.append(vn_tag(rng.choice((0, 77)), rng.choice((1, 16383) if pointed else (77, 4095)), 1, pointed, 1))
        if port == "uplink" and mode == "e_tag":
            group, ecid = rng.choice(((0, 0xABCDE), (0, 0xFFFFF), (3, 0x12345)))
            tags.append(e_tag(ecid, group, rng.choice((0, 0xABCDE)), rng.randrange(8), rng.randrange(2)))
        if port == "uplink" and mode == "multichannel":
            tags.append(s_tag(rng.choice((1, 10, 20)), rng.randrange(8), rng.randrange(2)))
        if rng.random() < 0.5:
            tags.append(c_tag(rng.choice((0, 1, 5)), rng.randrange(8), rng.randrange(2)))
        to = rng.choice(("pf", "vf0", "vf1", "vf2", BROADCAST, MULTICAST, OUTSIDE))
        length = rng.choice((60, 64, 300, 1514))
        sent.append(
            frame(to, OUTSIDE if port == "uplink" else port, *tags, ethertype=NO_TYPE_OF_TSHARKS, length=length)
        )
    return timed(sent)


def one_file(folder, captures):
    """Put the records of captures with one header behind each other: tshark takes long to start."""
    headers, records = zip(*((data[:24], data[24:]) for data in map(Path.read_bytes, captures)), strict=True)
    assert len(set(headers)) == 1
    path = folder / "all.pcap"
    path.write_bytes(headers[0] + b"".join(records))
    return path


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("port", ["uplink", "vf0", "vf1"])
def test_each_ports_capture_is_what_the_second_implementation_sends_it(mode, port, tmp_path):
    """Bytes and nanoseconds by scapy; lengths, times, addresses and every field of every tag by tshark."""
    sent = random_frames(random.Random(f"{mode} {port}"), mode, port, 150)
    entries, captures = switched(tmp_path, switch_block(mode), sent, port)
    config = config_from_mapping(ADAPTER | {"switch": switch_block(mode)})
    oracle = ForwardingOracle(config.switch)
    expected = {name: [] for name in ("uplink", "pf", "vf0", "vf1", "vf2", "vf3")}
    for entry, (at_ns, raw) in zip(entries, sent, strict=True):
        outcome = oracle.forward(port, raw)
        for name, copy in (outcome.deliver | outcome.mirrored).items():
            expected[name].append((at_ns, copy))
        assert entry["drop"] == outcome.drop
        assert {each["port"]: each["hex"] for each in entry["deliver"]} == {
            name: copy.hex() for name, copy in outcome.deliver.items()
        }
        assert {each["port"]: each["hex"] for each in entry.get("mirrored", [])} == {
            name: copy.hex() for name, copy in outcome.mirrored.items()
        }
        if outcome.drop is None:
            assert (entry["vlan"], entry["priority"]) == (outcome.vlan, outcome.priority)
    assert captures == expected
    assert sum(map(len, expected.values())) > 50
    fields = ["frame.time_epoch", "frame.len", "eth.dst", "eth.src", *ALL_TAG_FIELDS]
    rows = tshark_rows(one_file(tmp_path, [tmp_path / "out" / f"{name}.pcap" for name in expected]), fields)
    for row, (at_ns, copy) in zip(rows, [each for copies in expected.values() for each in copies], strict=True):
        assert row["frame.time_epoch"] == f"{at_ns // 10**9}.{at_ns % 10**9:09}"
        assert row["frame.len"] == str(len(copy))
        assert row["eth.dst"].replace(":", "") + row["eth.src"].replace(":", "") == copy[:12].hex()
        assert tshark_numbers(row) == tag_fields(copy)


def test_tshark_and_the_reference_file_agree_on_what_passes_untouched(tmp_path):
    """Frames of the reference file, mirrored from the wire as they came."""
    rows = list(csv.DictReader((VECTORS / "tag_walking_ones.csv").read_text(encoding="utf-8").splitlines()))
    sent = []
    for row in rows:
        n_bytes, ethertype = {"vntag": (4, "8926"), "ctag": (2, "8100")}[row["tag"]]
        tag = bytes.fromhex(ethertype) + (1 << (8 * n_bytes - 1 - int(row["bit_from_msb"]))).to_bytes(n_bytes, "big")
        sent.append(frame("vf0", OUTSIDE, tag, ethertype=NO_TYPE_OF_TSHARKS))
    block = {"mode": "vn_tag", "mirrors": [{"to": "vf1", "from": "uplink"}]}
    switched(tmp_path, block, timed(sent), "uplink")
    seen = tshark_rows(tmp_path / "out" / "vf1.pcap", [*ALL_TAG_FIELDS, "vntag.r"])
    assert len(seen) == len(rows) == 48
    for row, fields in zip(rows, seen, strict=True):
        numbers = {name: int(text, 0) for name, text in fields.items() if text}
        assert {name: value for name, value in numbers.items() if value} == {row["tshark_field"]: int(row["value"])}


def test_every_port_has_a_file_even_without_frames(tmp_path):
    entries, captures = switched(tmp_path, {}, [], "vf0")
    assert entries == []
    assert captures == {name: [] for name in ("pf", "uplink", "vf0", "vf1", "vf2", "vf3")}


def test_a_cut_frame_keeps_its_lengths(tmp_path):
    """The copy lacks as many bytes as the frame did, whatever the tags."""
    path, folder = tmp_path / "in.pcap", tmp_path / "out"
    with PcapWriter(path) as writer:
        writer.write(7, frame(OUTSIDE, "vf0", length=40), 1514)
    frame_switch = FrameSwitch(switch(mode="e_tag"), "vf0")
    pieces: list[str] = []
    switch_capture(frame_switch, str(path), open_capture(str(path)), out_folder=str(folder), write_json=pieces.append)
    raw = frame(OUTSIDE, "vf0", e_tag(2), length=48)
    raw = raw[:22] + frame(OUTSIDE, "vf0", length=40)[14:]
    (block,) = read_blocks(folder / "uplink.pcap")
    assert (block.at_ns.tolist(), block.frame(0), block.original_bytes.tolist()) == ([7], raw, [1522])
    assert '"original_bytes": 1522' in "".join(pieces)


def test_microseconds_and_other_byte_orders_come_out_as_nanoseconds(tmp_path):
    raw = frame("vf1", "vf0")
    header = bytes.fromhex("a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001")
    path = tmp_path / "big_endian.pcap"
    path.write_bytes(header + b"".join(value.to_bytes(4, "big") for value in (3, 999_999, 60, 60)) + raw)
    frame_switch = FrameSwitch(switch(), "vf0")
    switch_capture(frame_switch, str(path), open_capture(str(path)), out_folder=str(tmp_path / "out"))
    assert read_capture(tmp_path / "out" / "vf1.pcap") == [(3_999_999_000, raw)]


# ---- What is written when something goes wrong: nothing. ----


@pytest.fixture
def parts(tmp_path):
    frame_switch = FrameSwitch(switch(), "vf0")
    block = PcapBlock.of_frames([0], [frame("vf1", "vf0")])
    return frame_switch, block, tmp_path / "out"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, InputError("frame 7 is odd"), RuntimeError])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_failure_leaves_the_folder_as_it_was(failure, is_there, parts):
    frame_switch, block, folder = parts
    if is_there:
        folder.mkdir()
        (folder / "vf1.pcap").write_bytes(b"old")

    def blocks():
        yield block
        raise failure

    with pytest.raises(failure if isinstance(failure, type) else InputError):
        switch_capture(frame_switch, "in.pcap", blocks(), out_folder=str(folder))
    assert folder.exists() == is_there
    if is_there:
        assert [path.name for path in folder.iterdir()] == ["vf1.pcap"]
        assert (folder / "vf1.pcap").read_bytes() == b"old"


def test_a_full_disk_shows_before_the_first_file_appears(parts, monkeypatch):
    frame_switch, block, folder = parts

    def fill_up(writer):
        if writer.n_frames:
            raise RunError("no space left")

    monkeypatch.setattr(capture_module.PcapWriter, "flush", fill_up)
    with pytest.raises(RunError, match="no space left"):
        switch_capture(frame_switch, "in.pcap", [block], out_folder=str(folder))
    assert not folder.exists()


def test_a_file_that_cannot_be_made_leaves_nothing(parts):
    frame_switch, _, folder = parts
    folder.mkdir()
    (folder / "vf2.pcap").mkdir()
    with pytest.raises(InputError, match="it is a folder"), PortCaptures(frame_switch, str(folder)):
        pass
    assert [path.name for path in folder.iterdir()] == ["vf2.pcap"]


def test_a_folder_that_cannot_be_made_is_one_line(parts, tmp_path):
    frame_switch, _, _ = parts
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "no" / "out", tmp_path / "file"):
        with pytest.raises(InputError) as refusal, PortCaptures(frame_switch, str(path)):
            pass
        assert len(refusal.value.lines) == 1 and str(path) in refusal.value.lines[0]


def test_a_time_that_no_capture_holds_is_refused(parts, tmp_path):
    """The last second of the format with more than a second of microseconds, as in a damaged file."""
    frame_switch, _, folder = parts
    header = bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000")
    path = tmp_path / "in.pcap"
    numbers = (2**32 - 1, 2**32 - 1, 60, 60)
    path.write_bytes(header + b"".join(value.to_bytes(4, "little") for value in numbers) + frame("vf1", "vf0"))
    with pytest.raises(InputError) as refusal:
        switch_capture(frame_switch, str(path), open_capture(str(path)), out_folder=str(folder))
    assert refusal.value.lines == [
        f"{path}: damaged: frame 0 (No. 1 in Wireshark) has a time of {2**32 - 1} us past its second, which has 1000000"
    ]
    assert not folder.exists()


def test_the_files_are_named_after_the_ports(parts):
    frame_switch, _, _ = parts
    assert port_files(frame_switch, "d") == {
        0: "d/uplink.pcap", 1: "d/pf.pcap", 2: "d/vf0.pcap", 3: "d/vf1.pcap", 4: "d/vf2.pcap"
    }  # fmt: skip
