"""What both kinds of capture file have in common: their heads, and that they appear whole or not at all."""

from __future__ import annotations

import pytest

from hwmodel.wire.pcap import FrameFile, PcapngWriter, PcapWriter, file_header, interface_description, section_header

HEADS = [
    (lambda path: FrameFile(path, b"head"), b"head"),
    (PcapWriter, file_header()),
    (lambda path: PcapngWriter(path, "a", "port"), section_header() + interface_description("a", "port")),
]


@pytest.mark.parametrize(("make", "head"), HEADS)
def test_a_file_without_frames_is_its_head(make, head, tmp_path):
    with make(tmp_path / "f") as writer:
        writer.flush()
        assert not (tmp_path / "f").exists()
    assert (tmp_path / "f").read_bytes() == head and writer.n_frames == 0


@pytest.mark.parametrize(("make", "head"), HEADS)
def test_where_an_exception_passes_nothing_is_left(make, head, tmp_path):
    with pytest.raises(ZeroDivisionError), make(tmp_path / "f"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [] and head
