"""The packet plane by itself: copies wait by class, first in first out in each, and a few places serve them all."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.far_tables import give
from hwmodel.machine.adapter.arbiter_state import ARBITER
from hwmodel.machine.adapter.packet_plane import feed_local, join_class, n_before_fifos, take_next
from hwmodel.machine.frames import COPY
from tests.blocks.idle_machine import machine

N_BYTES = 996  # 1000 with FCS


def copy_of(number, tx_class):
    copy = np.zeros(1, COPY)[0]
    copy.journey, copy.tx_class, copy.n_bytes = number, tx_class, N_BYTES
    return copy


def planes(**keys):
    return machine(nic={"arbitration": {"classes": [{"percent": 50}, {"percent": 50}], **keys}})


def take(nic, packets, fifo):
    take_next(nic, packets, fifo)
    return int(fifo.ring[fifo.tail & fifo.mask].journey)


def test_copies_leave_by_class_and_in_their_order():
    nic = planes(packet_plane="round_robin")
    for number in range(10):
        join_class(nic, nic.arbiter.local, copy_of(number, number // 5))
    assert [take(nic, nic.arbiter.local, nic.loopback) for _ in range(10)] == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
    assert nic.arbiter.local.n_waiting == 0
    assert nic.arbiter.waiting.n_used == 10


def test_places_are_used_again_by_all_planes():
    nic = planes()
    for round_number in range(50):
        packets, fifo = (nic.arbiter.local, nic.loopback), (nic.arbiter.wire[0], nic.port[0].mac.fifo)
        for number in range(3):
            for plane, _ in (packets, fifo):
                join_class(nic, plane, copy_of(10 * round_number + number, number % 2))
        assert n_before_fifos(nic) == 3
        for plane, ring in (packets, fifo):
            assert sorted(take(nic, plane, ring) % 10 for _ in range(3)) == [0, 1, 2]
    assert nic.arbiter.waiting.n_used == 6
    assert nic.clock.overflow == 0


def test_a_full_store_of_copies_says_so():
    nic = planes()
    waiting = nic.arbiter.waiting
    waiting.n_used = len(give(waiting.place, ARBITER["waiting"]["place"].type.most))
    join_class(nic, nic.arbiter.local, copy_of(0, 0))
    assert nic.clock.overflow == 1


def test_the_next_local_copy_is_the_head_of_the_fifo():
    nic = planes()
    assert not feed_local(nic)
    join_class(nic, nic.arbiter.local, copy_of(7, 0))
    assert feed_local(nic)
    assert nic.loopback.tail - nic.loopback.head == 1
    assert nic.loopback.ring[nic.loopback.head & nic.loopback.mask].journey == 7
    assert nic.arbiter.counts.local_bytes.tolist()[:2] == [1000, 0]
