"""The parser for many frames agrees with the one for a single frame."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.wire.frame_scan import scan_headers
from hwmodel.wire.tags import RuntFrameError, parse_header

TAG_LIKE = [0x8100, 0x88A8, 0x8926, 0x893F, 0x0800, 0x8181]
parts = st.sampled_from([number.to_bytes(2, "big") for number in TAG_LIKE]) | st.binary(min_size=1, max_size=4)
frames = st.builds(
    lambda addresses, rest, n_bytes: (addresses + b"".join(rest))[:n_bytes],
    st.binary(min_size=12, max_size=12), st.lists(parts, max_size=12), st.integers(0, 40),
)  # fmt: skip


def scan(frame_list):
    prefix = np.zeros((len(frame_list), 26), np.uint8)
    for row, frame in zip(prefix, frame_list, strict=True):
        row[: len(frame)] = np.frombuffer(frame[:26], np.uint8)
    return scan_headers(prefix, np.array([len(frame) for frame in frame_list], np.int64))


def check_against_single(frame_list):
    found = scan(frame_list)
    for i, frame in enumerate(frame_list):
        try:
            parsed = parse_header(frame)
        except RuntFrameError:
            assert not found.complete[i]
        else:
            assert found.complete[i]
            assert (found.n_bytes[i], found.ethertype[i]) == (parsed.n_bytes, parsed.ethertype)


@given(st.lists(frames, min_size=1, max_size=20))
def test_many_frames_are_parsed_like_one(frame_list):
    check_against_single(frame_list)


def test_vectors_whole_and_cut_everywhere():
    with (Path(__file__).parent / "vectors" / "tagged_frames.csv").open() as file:
        whole = [bytes.fromhex(row["frame_hex"]) for row in csv.DictReader(file)]
    check_against_single([frame[:n] for frame in whole for n in range(min(len(frame), 30) + 1)])


def test_a_prefix_too_short_for_a_header_is_refused():
    with pytest.raises(ValueError, match="25 bytes"):
        scan_headers(np.zeros((1, 25), np.uint8), np.array([25]))
