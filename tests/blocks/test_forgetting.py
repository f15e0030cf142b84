"""What leaves the link's queues when rings go: the others stay in order, and a TLP on the link stays whole."""

from __future__ import annotations

import random

import pytest

from hwmodel.machine.adapter.forgetting import forget_doorbell, forget_write, forget_writes, take_out
from hwmodel.machine.pcie.link import on_wire, start_up
from hwmodel.machine.pcie.transactions import post_payload_write, ring_doorbell
from hwmodel.machine.tlp_kinds import RX_DOORBELL, TX_DOORBELL
from tests.blocks.idle_machine import machine

RINGS = 8


def entries(queue):
    """Return the ring and the address of each transaction that waits, first to last."""
    return [
        (int(queue.ring[at & int(queue.mask)].queue), int(queue.ring[at & int(queue.mask)].address))
        for at in range(int(queue.head), int(queue.tail))
    ]


def filled(nic, rings):
    """Enter a payload of 64 B for each of some rings, each at an address of its own."""
    for number, ring in enumerate(rings):
        post_payload_write(nic, 0, ring, 64, 4096 * number, 64)
    return nic.pcie[0].up


@pytest.mark.parametrize("seed", range(20))
def test_the_others_stay_in_their_order(seed):
    chance = random.Random(seed)
    nic = machine()
    rings = [chance.randrange(RINGS) for _ in range(chance.randrange(40))]
    link = filled(nic, rings)
    before = entries(link.first)
    first = chance.randrange(RINGS)
    end = chance.randrange(first, RINGS + 1)
    take_out(link, link.first, 0, first, end)
    assert entries(link.first) == [(ring, at) for ring, at in before if not first <= ring < end]
    assert link.first.tail == len(rings)


@pytest.mark.parametrize("gone", [1, 2])
def test_a_tlp_on_the_link_is_found_where_its_queue_has_moved(gone):
    nic = machine()
    nic.pcie[0].params.max_payload_bytes = 128
    post_payload_write(nic, 0, 1, 512, 0, 512)  # its first TLP is on the link, three wait
    for _ in range(3):
        post_payload_write(nic, 0, 2, 64, 8192, 64)
    link = nic.pcie[0].up
    start_up(nic, nic.pcie[0], 0)
    take_out(link, link.first, 0, gone, gone + 1)
    sending = on_wire(link)
    assert (int(sending.queue), int(sending.left_bytes), int(sending.data_bytes)) == (1, 384, 128)
    assert [ring for ring, _ in entries(link.first)] == ([2, 2, 2] if gone == 1 else [1])
    # What comes behind needs more places than there are now: the one on the link moves along.
    for _ in range(40):
        post_payload_write(nic, 0, 3, 64, 0, 64)
    assert int(on_wire(link).data_bytes) == 128


def test_payload_gives_its_room_back_at_once():
    nic = machine()
    filled(nic, [1, 2, 1])
    nic.counts.rx_buffer.level, nic.rx_writing = 192, 3
    ring_doorbell(nic, 0, TX_DOORBELL, 1, 5, 4)
    ring_doorbell(nic, 0, RX_DOORBELL, 2, 6, 4)
    forget_writes(nic, 0, nic.pcie[0], 1, 2)
    assert (int(nic.counts.rx_buffer.level), int(nic.rx_writing)) == (64, 1)
    assert [ring for ring, _ in entries(nic.pcie[0].down.first)] == [2]


def test_nobody_notices_what_is_on_the_link():
    nic = machine()
    link = filled(nic, [1])
    nic.counts.rx_buffer.level = 64
    start_up(nic, nic.pcie[0], 0)
    forget_write(nic, 0, on_wire(link), 1, 2)
    assert (int(on_wire(link).is_last), int(nic.counts.rx_buffer.level)) == (0, 0)
    ring_doorbell(nic, 0, RX_DOORBELL, 1, 6, 4)
    doorbell = nic.pcie[0].down.first.ring[0]
    forget_doorbell(doorbell, 1, 2)
    assert (int(doorbell.kind), int(doorbell.n)) == (TX_DOORBELL, 0)
    ring_doorbell(nic, 0, RX_DOORBELL, 2, 6, 4)
    other = nic.pcie[0].down.first.ring[1]
    forget_doorbell(other, 1, 2)
    assert (int(other.kind), int(other.n)) == (RX_DOORBELL, 6)
