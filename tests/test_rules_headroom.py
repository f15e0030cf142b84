"""The headroom formula of Linux' ixgbe, and control frames byte by byte."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from hwmodel.rules.headroom import PAUSE_OPCODE, PFC_OPCODE, control_frame, headroom_bytes, low_mark_bytes


@pytest.mark.parametrize(
    ("device", "longest", "without_vfs", "with_vfs"),
    [("82599", 1518, 15, 17), ("82599", 9728, 43, 52), ("X540", 1518, 22, 24), ("X540", 9728, 50, 59)],
)
def test_headroom_is_the_drivers(device, longest, without_vfs, with_vfs):
    # By hand, 82599 and 1518 B: 36 * (12144 + 672 + 11112 + 37888 + 6144) / 25 + 1 + 24288 = 122151 bits, 15 KB begun.
    assert headroom_bytes(device, longest, longest, has_vfs=False) == without_vfs * 1024
    assert headroom_bytes(device, longest, longest, has_vfs=True) == with_vfs * 1024


def test_low_mark_is_the_drivers():
    # 2 * (2 * 8 * 1518 + 14400 + 1) = 77378 bits, 10 KB begun; 9728 B: 2 * (155648 + 14401) = 340098 bits, 42 KB.
    assert (low_mark_bytes(1518), low_mark_bytes(9728)) == (10 * 1024, 42 * 1024)


@pytest.mark.parametrize(("headroom", "end"), [("12KiB", "."), ("11KiB", ": it may lose frames.")])
def test_limits_say_the_headroom_beside_what_it_needs(headroom, end):
    # 1514 B cross the mark, 1514 B have just begun as the sender stops. Meanwhile, bits: 8 * 1538 of a frame on its
    # way out, 672 of the control frame, 55144 of the way: 68120, of which 1514 of 1538 B are frames: 8382 B.
    control = {"mode": "pause", "headroom": headroom}
    notes = limits(config_from_mapping({}, {"nic.flow_control": control, "nic.preset": "82599"})).notes
    assert notes[-2:] == (
        "Flow control, headroom by the formula of Linux' ixgbe (82599, frames of 1518 B, one more for what VMs send to "
        "each other): 17 KiB; low mark 10 KiB.",
        f"The Rx buffer has {headroom} of headroom, and up to 11,410 B may come from the wire behind the mark until "
        f"the sender has stopped{end}",
    )


def test_control_frames_byte_by_byte():
    pause = control_frame(0x020000000001, PAUSE_OPCODE, {0: 0x1234})
    assert pause.hex() == "0180c2000001" + "020000000001" + "8808" + "0001" + "1234" + "00" * 42
    pfc = control_frame(0x020000000001, PFC_OPCODE, {3: 0xFFFF, 5: 0})
    times = "0000" * 3 + "ffff" + "0000" * 4
    assert pfc.hex() == "0180c2000001" + "020000000001" + "8808" + "0101" + "0028" + times + "00" * 26
    assert len(pause) == len(pfc) == 60
