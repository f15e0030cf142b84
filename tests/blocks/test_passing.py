"""The virtual switch's blocks: which core has a ring, what is known when, what a piece takes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hwmodel.machine.guest.cores import TIMER_NUMBERS, add_work
from hwmodel.machine.guest.guest_state import SWITCH_TASK
from hwmodel.machine.guest.piece_costs import wait_for_memory
from hwmodel.machine.pcie.transactions import KIND_SHIFT, QUEUE_SHIFT, ring_doorbell
from hwmodel.machine.time.clock import KICK, SWITCHING_TIMER
from hwmodel.machine.time.events import take_first, take_timer
from hwmodel.machine.tlp_kinds import RX_DOORBELL, TX_DOORBELL
from hwmodel.machine.virtual_switch.passing import core_of_ring, kicked
from hwmodel.machine.virtual_switch.virtual_switch_state import VIRTUAL_SWITCH_PARAMS
from tests.blocks.idle_machine import NS, VF0, VF1, machine


def idle_switch(**keys):
    own = {"frame_time": "100ns", "byte_time": "1ns", "batch_time": "7ns", "batch": 4, "kick": "30ns", "cores": [2, 3]}
    return machine(nic={"mode": "vswitch", "vfs": 2}, host={"cores": 4, "virtual_switch": {**own, **keys}},
                   run={"duration": "1ms", "clocks": "exact"})  # fmt: skip


def test_cores_have_rings_in_turn():
    nic = idle_switch()
    assert [int(core_of_ring(nic, ring)) for ring in range(5)] == [2, 3, 2, 3, 2]
    assert set(VIRTUAL_SWITCH_PARAMS.names) >= {"batch_time_fs", "frame_time_fs", "byte_time_fs", "kick_fs"}


def test_a_bell_is_known_later_without_a_link():
    nic = idle_switch()
    ring_doorbell(nic, 1000, TX_DOORBELL, VF0, 3, 4)
    assert nic.clock.next_at[KICK] == 1000 + 30 * NS and nic.pcie[0].down.first.tail == 0
    word = int(take_first(nic.clock, KICK))
    assert (word >> KIND_SHIFT, (word >> QUEUE_SHIFT) & 0xFFFF, word & 0xFFFFFFFF) == (TX_DOORBELL, VF0, 3)


def test_buffers_that_are_told_can_be_used_at_once():
    nic = idle_switch()
    ring = nic.rx_queue[VF1]
    assert (ring.cached, ring.known) == (15, 0)
    ring.cached = 2
    kicked(nic, 0, RX_DOORBELL << KIND_SHIFT | VF1 << QUEUE_SHIFT | 5)
    assert (ring.cached, ring.known, nic.moves_due) == (7, 0, 1)


@pytest.mark.parametrize(("n", "in_piece"), [(1, 1), (4, 4), (9, 4)])
def test_a_piece_has_a_batch_at_most_and_takes_the_time_of_its_frames(n, in_piece):
    """Of headers that nobody has: no copy is made, and each frame counts as one."""
    nic = idle_switch()
    nic.traffic.template[0].stamp = 1 << 30  # decided, and not to be looked at again
    for at in range(n):
        nic.guests.post[nic.tx_queue[VF0].first + at].n_bytes = 60
    add_work(nic, 0, core_of_ring(nic, VF0), SWITCH_TASK, VF0, n)
    core = nic.guests.core[core_of_ring(nic, VF0)]
    assert core.n == in_piece and core.is_running
    assert core.ends_fs == (7 + 100 * in_piece) * NS
    assert core.counts.busy_fs[SWITCH_TASK] == core.counts.passing_fs == core.ends_fs and core.counts.copying_fs == 0
    kind, timer = take_timer(nic.clock)
    assert (kind, timer % TIMER_NUMBERS) == (SWITCHING_TIMER, VF0)


def test_copies_take_turns_at_the_host_s_memory_and_the_core_waits_for_its_own():
    """At 1 ns a byte: of two cores' copies of 100 B begun together, the second's ends 200 ns later."""
    switch = SimpleNamespace(
        params=SimpleNamespace(memory_byte_fs=NS), memory_free_fs=0, counts=SimpleNamespace(memory_busy_fs=0)
    )
    cores = [SimpleNamespace(started_fs=1000 * NS, copying_fs=10 * NS, passing_fs=30 * NS) for _ in range(2)]
    for core in cores:
        wait_for_memory(switch, core, 100)
    assert [core.copying_fs // NS for core in cores] == [70, 170]
    assert (switch.memory_free_fs, switch.counts.memory_busy_fs) == (1200 * NS, 200 * NS)
    by_pointer = SimpleNamespace(started_fs=1000 * NS, copying_fs=0, passing_fs=30 * NS)
    wait_for_memory(switch, by_pointer, 0)  # what copies nothing waits for no copies of others
    assert (by_pointer.copying_fs, switch.memory_free_fs) == (0, 1200 * NS)
