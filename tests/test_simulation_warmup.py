"""When the window may begin: three slices in a row with the same levels and the same rate."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hwmodel.kernels import layout
from hwmodel.simulation.warmup import MOST_SLICES, SLICE_FRAMES, SLICE_FS, STEADY_SLICES, Warmup
from tests.simulation_cases import config_of

US = 10**9


def adapter():
    """Stand for the machine: buffers of 1000 B."""
    return SimpleNamespace(
        now_fs=0,
        tx_buffer=SimpleNamespace(level=0),
        rx_buffer=SimpleNamespace(level=0),
        wire_queue=SimpleNamespace(level=0),
        limits=SimpleNamespace(tx_buffer_bytes=1000, rx_buffer_bytes=1000),
        counters=SimpleNamespace(delivered=0),
    )


def warmup_of(nic, warmup="auto"):
    return Warmup(config_of(run={"warmup": warmup}), nic)


def slices_until_settled(nic, warmup, steps):
    """Go on by (fs, frames, Rx buffer level) until it has settled; return after how many slices."""
    for count, (step_fs, frames, level) in enumerate(steps, 1):
        nic.now_fs += step_fs
        nic.counters.delivered += frames
        nic.rx_buffer.level = level
        warmup.look()
        if warmup.is_over():
            return count
    return None


def test_a_steady_run_is_recognised_after_three_equal_slices():
    """The first slice has none to be compared with."""
    nic = adapter()
    steps = [(100 * US, SLICE_FRAMES, 500)] * 9
    assert slices_until_settled(nic, warmup_of(nic), steps) == 1 + STEADY_SLICES


def test_filling_buffers_are_waited_for():
    """60 B more in each of ten slices; full from the eleventh on."""
    nic = adapter()
    filling = [(100 * US, SLICE_FRAMES, 60 * i) for i in range(10)]
    assert (
        slices_until_settled(nic, warmup_of(nic), filling + [(100 * US, SLICE_FRAMES, 600)] * 9) == 11 + STEADY_SLICES
    )


def test_a_level_may_move_by_a_hundredth_of_its_buffer():
    nic = adapter()
    wavering = [(100 * US, SLICE_FRAMES, 500 + 9 * (i % 2)) for i in range(9)]
    assert slices_until_settled(nic, warmup_of(nic), wavering) == 1 + STEADY_SLICES
    nic = adapter()
    wavering = [(100 * US, SLICE_FRAMES, 500 + 11 * (i % 2)) for i in range(9)]
    assert slices_until_settled(nic, warmup_of(nic), wavering) is None


def test_a_changing_rate_is_waited_for():
    """Each slice of 2000 frames takes a third longer than the one before, until the last ones."""
    nic = adapter()
    slowing = [(round(100 * US * 1.33**i), SLICE_FRAMES, 500) for i in range(6)]
    steady = [slowing[-1]] * 9
    assert slices_until_settled(nic, warmup_of(nic), slowing + steady) == 6 + STEADY_SLICES


def test_one_slice_out_of_line_starts_the_count_again():
    nic = adapter()
    steps = [(100 * US, SLICE_FRAMES, 500)] * 3 + [(100 * US, SLICE_FRAMES, 900)] + [(100 * US, SLICE_FRAMES, 900)] * 9
    assert slices_until_settled(nic, warmup_of(nic), steps) == 4 + STEADY_SLICES


def test_a_slow_load_is_judged_by_its_levels():
    """Slices of 1 ms with a few frames, whose number says nothing."""
    nic = adapter()
    steps = [(SLICE_FS, frames, 0) for frames in (5, 9, 2, 14, 7, 3)]
    assert slices_until_settled(nic, warmup_of(nic), steps) == 1 + STEADY_SLICES


def test_it_ends_in_any_case():
    nic = adapter()
    wild = [(100 * US, SLICE_FRAMES, 1000 * (i % 2)) for i in range(MOST_SLICES + 5)]
    assert slices_until_settled(nic, warmup_of(nic), wild) == MOST_SLICES


def test_a_slice_ends_by_frames_or_by_time():
    nic = adapter()
    nic.now_fs, nic.counters.delivered = 7 * US, 100
    assert warmup_of(nic).next_target() == (7 * US + SLICE_FS, 100 + SLICE_FRAMES)


@pytest.mark.parametrize("warmup", ["0ns", "3us"])
def test_a_given_warmup_is_one_slice_of_that_time(warmup):
    nic = adapter()
    given = warmup_of(nic, warmup)
    assert not given.is_over()
    assert given.next_target() == ({"0ns": 0, "3us": 3 * US}[warmup], layout.NEVER)
    given.look()
    assert given.is_over()
