"""Reading of captures: against files that scapy writes, files cut at every byte, and damaged ones."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import PcapWriter as ScapyWriter

from hwmodel.errors import InputError
from hwmodel.wire.pcap import LONGEST_FRAME_BYTES, PcapBlock, read_blocks

FRAMES = [b"\x02" * 14, bytes(range(60)), b"\xff" * 21]
TIMES_NS = [1_500_000_000_123_456_789, 1_500_000_000_123_456_790, 1_500_000_001_000_000_001]


def file_header(order="<", magic=0xA1B2C3D4, version=(2, 4), link=1):
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, 65535, link)


def record(frame, seconds=0, fraction=0, original=None, order="<"):
    return struct.pack(order + "IIII", seconds, fraction, len(frame), original or len(frame)) + frame


def write_with_scapy(path, frames, times_ns, *, endianness="<", nano=False):
    writer = ScapyWriter(str(path), linktype=1, endianness=endianness, nano=nano, sync=True)
    writer.write_header(None)
    for frame, at_ns in zip(frames, times_ns, strict=True):
        fraction = at_ns % 10**9 if nano else at_ns % 10**9 // 1000
        writer.write_packet(frame, sec=at_ns // 10**9, usec=fraction)
    writer.close()


def read_frames(path):
    """Give time in nanoseconds, captured bytes and original length of each frame."""
    for block in read_blocks(path):
        for index in range(len(block)):
            yield int(block.at_ns[index]), block.frame(index), int(block.original_bytes[index])


def problem_of(path):
    with pytest.raises(InputError) as caught:
        list(read_frames(path))
    (line,) = caught.value.lines
    assert line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("nano", [True, False])
def test_reads_what_scapy_writes(tmp_path, endianness, nano):
    path = tmp_path / "in.pcap"
    write_with_scapy(path, FRAMES, TIMES_NS, endianness=endianness, nano=nano)
    expected_times = TIMES_NS if nano else [at_ns // 1000 * 1000 for at_ns in TIMES_NS]
    assert list(read_frames(path)) == [
        (at_ns, frame, len(frame)) for at_ns, frame in zip(expected_times, FRAMES, strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(frames=st.lists(st.binary(max_size=300), max_size=30), block_bytes=st.integers(1, 400))
def test_blocks_of_any_size_give_the_same_frames(tmp_path_factory, frames, block_bytes):
    path = tmp_path_factory.mktemp("blocks") / "in.pcap"
    path.write_bytes(file_header() + b"".join(record(frame, 1, i) for i, frame in enumerate(frames)))
    whole = path.read_bytes()
    seen = []
    for block in read_blocks(path, block_bytes):
        assert block.first_frame == len(seen)
        for i in range(len(block)):
            start = int(block.file_offset[i])
            assert whole[start : start + int(block.captured_bytes[i])] == block.frame(i)
            assert block.at_ns[i] == 1_000_000_000 + len(seen) * 1000
            seen.append(block.frame(i))
    assert seen == frames


def test_prefixes_end_with_zeros_not_with_the_next_frame(tmp_path):
    path = tmp_path / "in.pcap"
    path.write_bytes(file_header() + b"".join(record(frame) for frame in FRAMES))
    (block,) = read_blocks(path)
    rows = block.prefix(40)
    assert rows.dtype == np.uint8
    assert [row.tobytes() for row in rows] == [frame[:40].ljust(40, b"\0") for frame in FRAMES]
    assert block.prefix(0).shape == (3, 0)


def test_a_file_without_frames_is_empty(tmp_path):
    path = tmp_path / "in.pcap"
    path.write_bytes(file_header())
    assert list(read_blocks(path)) == []


def test_a_snapped_frame_keeps_its_length(tmp_path):
    path = tmp_path / "in.pcap"
    path.write_bytes(file_header() + record(b"\x01" * 30, original=1514))
    assert list(read_frames(path)) == [(0, b"\x01" * 30, 1514)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_file_cut_at_any_byte_says_how_far_it_was_read(tmp_path, order):
    path = tmp_path / "cut.pcap"
    pieces = [file_header(order), *(record(frame, order=order) for frame in FRAMES)]
    whole = b"".join(pieces)
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    for n_bytes in range(len(whole)):
        path.write_bytes(whole[:n_bytes])
        n_frames = sum(end <= n_bytes for end in ends) - 1
        if n_bytes in ends:
            assert [frame for _, frame, _ in read_frames(path)] == FRAMES[:n_frames]
            continue
        where = "inside the file header"
        if n_frames >= 0:
            inside = "header" if n_bytes - ends[n_frames] < 16 else "data"
            where = f"inside the {inside} of frame {n_frames} (No. {n_frames + 1} in Wireshark)"
        n_frames = max(n_frames, 0)
        were_read = "1 frame was read" if n_frames == 1 else f"{n_frames} frames were read"
        assert problem_of(path) == f"truncated: {were_read}, the file ends at offset {n_bytes} {where}"


def test_frames_before_a_fault_are_given(tmp_path):
    path = tmp_path / "cut.pcap"
    path.write_bytes(file_header() + record(FRAMES[0]) + record(FRAMES[1])[:-1])
    blocks = read_blocks(path)
    assert next(blocks).frame(0) == FRAMES[0]
    with pytest.raises(InputError, match="truncated"):
        next(blocks)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x0a\x0d\x0d\x0a" + bytes(60), "editcap -F pcap"),
        (struct.pack("<I", 0xA1B2CD34) + bytes(60), "modified pcap"),
        (struct.pack(">I", 0xA1B2CD34) + bytes(60), "modified pcap"),
        (b"\x1f\x8b\x08" + bytes(60), "compressed"),
        (b"\x28\xb5\x2f\xfd" + bytes(60), "compressed"),
        (b"hello, I am a text", "is no pcap file: it begins with the bytes 68 65 6c 6c"),
        (b"x", "is no pcap file"),
        (file_header(link=113), "link type 113"),
        (file_header(version=(2, 3)), "version 2.3"),
        (file_header(link=1 | 1 << 26 | 2 << 28), "frame check sequence"),
        (
            file_header() + struct.pack("<IIII", 0, 0, LONGEST_FRAME_BYTES + 1, 60),
            "frame 0 (No. 1 in Wireshark) says it has 262145 bytes",
        ),
        (
            file_header() + record(b"a" * 20) + b"\xff" * 16,
            "damaged: frame 1 (No. 2 in Wireshark) says it has 4294967295",
        ),
        (
            file_header() + record(b"a" * 20, original=LONGEST_FRAME_BYTES + 1),
            "frame 0 (No. 1 in Wireshark) says it has 262145 bytes",
        ),
        (
            file_header() + record(b"a" * 20) + record(b"a" * 20, original=19),
            "frame 1 (No. 2 in Wireshark) says it had 19",
        ),
        (
            file_header() + record(b"a" * 20) + record(b"a" * 20, fraction=1_000_000),
            "damaged: frame 1 (No. 2 in Wireshark) has a time of 1000000 us past its second, which has 1000000",
        ),
        (
            file_header(magic=0xA1B23C4D) + record(b"a" * 20, fraction=999_999_999) + record(b"a", fraction=10**9),
            "damaged: frame 1 (No. 2 in Wireshark) has a time of 1000000000 ns past its second, which has 1000000000",
        ),
    ],
)
def test_other_and_damaged_files_are_named(tmp_path, content, words):
    path = tmp_path / "bad.pcap"
    path.write_bytes(content)
    assert words in problem_of(path)


def test_the_longest_frame_is_read(tmp_path):
    path = tmp_path / "long.pcap"
    path.write_bytes(file_header() + record(bytes(LONGEST_FRAME_BYTES)))
    assert [len(frame) for _, frame, _ in read_frames(path)] == [LONGEST_FRAME_BYTES]


def test_files_that_cannot_be_read(tmp_path):
    assert "cannot be read: No such file" in problem_of(tmp_path / "none.pcap")
    assert "cannot be read: Is a directory" in problem_of(tmp_path)
    with pytest.raises(InputError, match="NUL"):
        list(read_frames("a\0b"))


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=120), with_header=st.booleans())
def test_noise_gives_frames_or_an_input_error(tmp_path_factory, noise, with_header):
    path = tmp_path_factory.mktemp("noise") / "noise.pcap"
    path.write_bytes((file_header() if with_header else b"") + noise)
    try:
        frames = list(read_frames(path))
    except InputError:
        return
    assert sum(16 + len(frame) for _, frame, _ in frames) == len(noise)


def test_frames_of_no_file_make_a_block_too():
    frames = [b"abc", b"", b"defgh"]
    block = PcapBlock.of_frames([5, 9, 7], frames, first_frame=4)
    assert (len(block), block.first_frame, block.at_ns.tolist()) == (3, 4, [5, 9, 7])
    assert [block.frame(index) for index in range(3)] == frames
    assert block.prefix(4).tobytes() == b"abc\0\0\0\0\0defg"
    assert block.captured_bytes.tolist() == block.original_bytes.tolist() == [3, 0, 5]
    assert block.file_offset.tolist() == [-1, -1, -1]
    assert len(PcapBlock.of_frames([], [])) == 0
