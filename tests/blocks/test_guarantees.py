"""Guarantees by themselves: who is owed something goes first, in turn; what was not used lasts for the window."""

from __future__ import annotations

import pytest

from hwmodel.machine.adapter.class_turns import NOBODY
from hwmodel.machine.adapter.scheduler import first_owed, give_owed
from tests.blocks.idle_machine import VF0, machine

PORTS = [{"name": "vf0", "min_rate": "1Gbps"}, {"name": "vf2", "min_rate": "2Gbps"}]
FS_PER_BYTE = {VF0: 8_000_000, VF0 + 2: 4_000_000}  # 8 bits at 1 and 2 Gb/s
WINDOW_FS = 2 * 5 * 1538 * 800_000  # two frames of 1518 B, and 20 B each, of a PF and four VFs at 10 Gb/s


@pytest.fixture
def nic():
    nic = machine(switch={"ports": PORTS}, nic={"vfs": 4})
    nic["function"]["ready_queues"][: int(nic.params.n_functions)] = 1
    return nic


def test_who_is_owed_goes_in_turn(nic):
    assert [first_owed(nic, nic.scheduler, 0) for _ in range(3)] == [VF0, VF0 + 2, VF0]


def test_a_frame_is_counted_at_the_guarantee(nic):
    for number, fs_per_byte in FS_PER_BYTE.items():
        give_owed(nic, 0, number, 1000)
        assert nic.function[number].owed_from_fs == 1000 * fs_per_byte
    assert first_owed(nic, nic.scheduler, 1000 * FS_PER_BYTE[VF0 + 2] - 1) == NOBODY
    assert first_owed(nic, nic.scheduler, 1000 * FS_PER_BYTE[VF0 + 2]) == VF0 + 2
    assert first_owed(nic, nic.scheduler, 1000 * FS_PER_BYTE[VF0]) == VF0


def test_what_was_not_used_lasts_for_the_window_alone(nic):
    assert nic.scheduler.params.guarantee_window_fs == WINDOW_FS
    give_owed(nic, 3 * WINDOW_FS, VF0, 100)
    assert nic.function[VF0].owed_from_fs == 2 * WINDOW_FS + 100 * FS_PER_BYTE[VF0]


def test_who_has_nothing_to_send_or_may_not_is_passed_over(nic):
    nic.function[VF0].ready_queues = 0
    nic.function[VF0 + 2].is_shaped = 1
    assert first_owed(nic, nic.scheduler, 0) == NOBODY
    nic.function[VF0 + 2].is_shaped = 0
    assert first_owed(nic, nic.scheduler, 0) == VF0 + 2


def test_a_guarantee_that_went_while_its_frame_waited_counts_nothing(nic):
    nic.function[VF0].params.guarantee_num = nic.function[VF0].params.guarantee_den = 0
    give_owed(nic, 0, VF0, 1000)
    assert nic.function[VF0].owed_from_fs == 0
