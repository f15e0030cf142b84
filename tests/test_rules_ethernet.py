"""Lengths on the wire, against frame rates that RFCs publish."""

from __future__ import annotations

import pytest

from hwmodel.rules.ethernet import FCS_BYTES, MIN_FRAME_BYTES, MIN_UNPADDED_BYTES, WIRE_OVERHEAD_BYTES

# RFC 5180, appendix A.1 (and RFC 6815 for 10 Gb/s): the most frames of a length in a second.
MOST_FRAMES = [
    (10**8, 64, 148_809), (10**8, 512, 23_496), (10**8, 1518, 8_127), (10**9, 64, 1_488_095), (10**9, 1280, 96_153),
    (10**10, 64, 14_880_952), (10**10, 128, 8_445_945), (10**10, 256, 4_528_985), (10**10, 1518, 812_743),
]  # fmt: skip


@pytest.mark.parametrize(("bps", "frame_bytes", "frames_per_s"), MOST_FRAMES)
def test_the_most_frames_in_a_second(bps, frame_bytes, frames_per_s):
    assert bps // (8 * (frame_bytes + WIRE_OVERHEAD_BYTES)) == frames_per_s


def test_the_least_frame():
    """IEEE Std 802.3, table 4-2: minFrameSize is 512 bits, the FCS 32 of them."""
    assert (MIN_FRAME_BYTES * 8, FCS_BYTES * 8) == (512, 32)
    assert MIN_UNPADDED_BYTES == MIN_FRAME_BYTES - FCS_BYTES
