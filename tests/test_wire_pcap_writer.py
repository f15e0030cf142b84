"""Writing of captures: scapy reads them back, and a file is there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapReader

from hwmodel.atomic_file import AtomicFile
from hwmodel.errors import InputError
from hwmodel.wire.pcap import PcapWriter, file_header
from tests.test_wire_pcap import read_frames

timed_frames = st.lists(st.tuples(st.integers(0, 2**32 * 10**9 - 1), st.binary(max_size=200)), max_size=20)


def scapy_frames(path):
    with RawPcapReader(str(path)) as reader:
        assert (reader.linktype, reader.nano) == (1, True)
        return [(meta.sec * 10**9 + meta.usec, data, meta.wirelen) for data, meta in reader]


def test_file_header_bytes():
    assert file_header().hex() == "4d3cb2a10200040000000000000000000000040001000000"


@settings(max_examples=50, deadline=None)
@given(timed_frames, st.booleans())
def test_scapy_and_the_reader_give_the_frames_back(tmp_path_factory, timed, as_block):
    path = tmp_path_factory.mktemp("out") / "out.pcap"
    with PcapWriter(path) as writer:
        if as_block:
            writer.write_block([at_ns for at_ns, _ in timed], [frame for _, frame in timed])
        else:
            for at_ns, frame in timed:
                writer.write(at_ns, frame)
    assert writer.n_frames == len(timed)
    expected = [(at_ns, frame, len(frame)) for at_ns, frame in timed]
    assert list(read_frames(path)) == expected
    assert scapy_frames(path) == expected


def test_original_lengths_are_kept(tmp_path):
    path = tmp_path / "out.pcap"
    with PcapWriter(path) as writer:
        writer.write(5, b"abc", 1514)
        writer.write_block(np.array([6, 7]), [b"x", b""], np.array([1, 9]))
    assert scapy_frames(path) == [(5, b"abc", 1514), (6, b"x", 1), (7, b"", 9)]


@pytest.mark.parametrize(
    ("at_ns", "frames", "original"),
    [
        ([-1], [b"a"], None),
        ([2**32 * 10**9], [b"a"], None),
        ([0, 1], [b"a"], None),
        ([0], [b"ab"], [1]),
        ([0], [b"a"], [262145]),
        ([0], [bytes(262145)], None),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path, at_ns, frames, original):
    path = tmp_path / "out.pcap"
    with pytest.raises(ValueError, match=r"outside|do not fit|longer"), PcapWriter(path) as writer:
        writer.write_block(at_ns, frames, original)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupted_file_leaves_the_old_one(tmp_path, interruption):
    path = tmp_path / "out.pcap"
    path.write_bytes(b"old")
    with pytest.raises(interruption), PcapWriter(path) as writer:
        writer.write(0, b"frame" * 10_000)
        assert len(os.listdir(tmp_path)) == 2
        raise interruption
    assert os.listdir(tmp_path) == ["out.pcap"]
    assert path.read_bytes() == b"old"


def test_the_name_changes_only_at_the_end(tmp_path):
    path = tmp_path / "out.pcap"
    with PcapWriter(path) as writer:
        writer.write(0, b"frame")
        assert not path.exists()
    assert path.exists()
    assert os.listdir(tmp_path) == ["out.pcap"]


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "none" / "out.pcap", tmp_path, tmp_path / "file" / "out.pcap"):
        with pytest.raises(InputError, match=f"^{path}: cannot be written: "), AtomicFile(path):
            pass


# The limit holds for a process, its standard output included: it is set in one of its own.
WRITE_BEYOND_THE_LIMIT = """
import resource, sys
import numpy as np
from hwmodel.errors import RunError
from hwmodel.wire.pcap import PcapWriter

path, n_bytes = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with PcapWriter(path) as writer:
        writer.write_block(np.zeros(1), [bytes(n_bytes)])
except RunError as error:
    print(error)
"""


@pytest.mark.parametrize("n_bytes", [5000, 50_000])
def test_a_file_that_cannot_be_finished_is_a_failed_run(tmp_path, n_bytes):
    # The shorter one fails in the last flush, the longer one within a write.
    path = tmp_path / "out.pcap"
    command = [sys.executable, "-c", WRITE_BEYOND_THE_LIMIT, str(path), str(n_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"{path}: writing failed: File too large")
    assert os.listdir(tmp_path) == []


def test_a_pipe_is_written_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with AtomicFile(pipe) as file:
            file.write(b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_link_is_followed_and_permissions_are_the_usual(tmp_path):
    target = tmp_path / "real.pcap"
    (tmp_path / "link.pcap").symlink_to(target)
    umask = os.umask(0o027)
    try:
        with AtomicFile(tmp_path / "link.pcap") as file:
            file.write(b"one")
            file.write(b"two")
    finally:
        os.umask(umask)
    assert target.read_bytes() == b"onetwo"
    assert (tmp_path / "link.pcap").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
