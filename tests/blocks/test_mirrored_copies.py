"""Mirrored copies between the buffers: behind the others, with room of their own, counted apart."""

from __future__ import annotations

from hwmodel.machine.adapter.switching import move_local_copies
from tests.blocks.idle_machine import PORT_VF1, VF0
from tests.blocks.test_switching import FULL, LIMITED, NO_DESTINATION, OVERSIZE, adapter, from_line, kinds, switched

PORT_PF = 1
WATCHED, DENIED = 4, 5


def watched_adapter(**blocks):
    """Return a machine with two more templates, WATCHED and DENIED.

    WATCHED goes from VF0 to VF1 with a mirrored copy for the PF, and has two mirrored copies if its policer refuses it;
    DENIED is dropped, with one for the PF and one for VF1.
    """
    nic = adapter(**blocks)
    for number, port in enumerate((PORT_VF1, PORT_PF, PORT_PF, PORT_VF1, PORT_PF, PORT_VF1), 5):
        kind = nic.traffic.copy_kind[number]
        kind.port, kind.function, kind.flow, kind.is_mirrored = port, port - 1, -1, 1
    nic.traffic.copy_kind[5].flow, nic.traffic.copy_kind[5].is_mirrored = 5, 0
    for number, first, n_copies, n_mirrored, n_refused in ((WATCHED, 5, 1, 1, 2), (DENIED, 9, 0, 2, 0)):
        template = nic.traffic.template[number]
        template.function, template.first_copy, template.n_copies = VF0, first, n_copies
        template.n_mirrored, template.n_mirrored_refused = n_mirrored, n_refused
        template.longest_bytes, template.policer, template.flow = 1514, -1, 5
    nic.traffic.template[DENIED].reason = NO_DESTINATION
    return nic


def test_mirrored_copies_come_behind_the_others_and_are_counted_apart():
    nic = watched_adapter()
    switched(nic, WATCHED, 100)
    assert kinds(nic.loopback) == [5, 6]
    assert (nic.ledger.counts.copies_made, nic.ledger.counts.mirrored_made) == (1, 1)
    assert nic.ledger.flow[5].offered == 0  # it is counted where the frame is offered
    move_local_copies(nic, 0)
    assert (nic.counts.rx_buffer.level, nic.counts.tx_buffer.level) == (200, 0)


def test_a_frame_stays_in_the_tx_buffer_until_its_mirrored_copy_has_moved():
    nic = watched_adapter(nic={"rx_buffer": "150B"})
    nic.rx_dma_busy = 1
    switched(nic, WATCHED, 100)
    move_local_copies(nic, 0)
    assert (nic.counts.rx_buffer.level, nic.counts.tx_buffer.level) == (100, 100)
    nic.counts.rx_buffer.level = 0  # as when its payload has left
    move_local_copies(nic, 1)
    assert nic.counts.tx_buffer.level == 0


def test_a_dropped_frame_stays_until_its_last_mirrored_copy_has_moved():
    nic = watched_adapter(nic={"rx_buffer": "150B"})
    nic.rx_dma_busy = 1
    switched(nic, DENIED, 100)
    assert (nic.ledger.counts.dropped, nic.ledger.counts.copies_made, nic.ledger.counts.mirrored_made) == (
        1,
        0,
        2,
    )
    move_local_copies(nic, 0)
    assert nic.counts.tx_buffer.level == 100
    nic.counts.rx_buffer.level = 0
    move_local_copies(nic, 1)
    assert nic.counts.tx_buffer.level == 0


def test_a_refused_frame_has_the_mirrored_copies_of_a_dropped_one():
    nic = watched_adapter(switch={"acl": [{"action": "police", "rate": "1Gbps", "burst": "100B"}]})
    bucket = nic.traffic.policer[0]
    bucket.params.rate_bps, bucket.params.burst, bucket.tokens = 10**9, 100, 100
    nic.traffic.template[WATCHED].policer = 0
    switched(nic, WATCHED, 96)
    switched(nic, WATCHED, 96)
    assert kinds(nic.loopback) == [5, 6, 7, 8]
    assert (nic.ledger.counts.drops[LIMITED], nic.ledger.counts.mirrored_made) == (1, 3)


def test_a_frame_that_is_too_long_is_not_mirrored():
    nic = watched_adapter()
    switched(nic, WATCHED, 1515)
    switched(nic, DENIED, 1515)
    assert (kinds(nic.loopback), nic.ledger.counts.mirrored_made, nic.counts.tx_buffer.level) == ([], 0, 0)
    assert nic.ledger.counts.drops[OVERSIZE] == 2


def test_a_mirrored_copy_from_the_wire_is_lost_where_the_rx_buffer_is_full():
    nic = watched_adapter(nic={"rx_buffer": "150B"})
    nic.rx_dma_busy = 1
    from_line(nic, 100, template=WATCHED)
    counters = nic.ledger.counts
    assert (counters.copies_made, counters.copies_dropped, counters.dropped, counters.drops[FULL]) == (1, 0, 0, 0)
    assert (counters.mirrored_made, counters.mirrored_dropped, counters.mirrored_drops[FULL]) == (1, 1, 1)
