"""The translation cache beside a plain list, and the order in which writes pass into memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.host.memory import passes_fs, read_begins_fs, waits_for_memory, write_lands_fs
from hwmodel.machine.host.translation import BUCKET_MASK, look_up
from hwmodel.machine.time.clock import IN_MEMORY
from hwmodel.machine.tlp_kinds import (
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    RX_DESCRIPTOR_READ,
    RX_INTERRUPT,
    RX_WRITEBACK,
    TX_DESCRIPTOR_READ,
    TX_INTERRUPT,
    TX_WRITEBACK,
)
from tests.blocks.idle_machine import NS, PF, VF0, VF1, machine

MISS = 330 * NS
SAME_BUCKET = BUCKET_MASK + 1


def adapter(entries=4, miss="330ns", **blocks):
    blocks["host"] = {
        "iotlb": {"entries": entries, "miss": miss, "walkers": None, "walk_lines": 0},
        **blocks.get("host", {}),
    }
    return machine(**blocks)


PAGES = st.one_of(st.integers(0, 8), st.integers(0, 3).map(lambda i: i * SAME_BUCKET))


@settings(max_examples=60)
@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 200), PAGES), max_size=80))
def test_the_page_looked_up_longest_ago_goes(entries, steps):
    """Against a list in order of use; some pages fall into one bucket."""
    nic = adapter(entries)
    cache, held, now_fs, n_hits = nic.host[0].translation, [], 0, 0
    ready_fs = {}
    for after_ns, page in steps:
        now_fs += after_ns * NS
        if page in held:
            n_hits += 1
            held.remove(page)
        else:
            ready_fs[page] = now_fs + MISS
            del held[: max(0, len(held) + 1 - entries)]
        held.append(page)
        assert look_up(cache, now_fs, 0, page) == max(now_fs, ready_fs[page])
    assert (cache.counts.hits, cache.counts.misses) == (n_hits, len(steps) - n_hits)
    pages = cache.pages
    assert pages.part[0].n_held == min(entries, len(ready_fs))
    order, number = [], int(pages.part[0].oldest)
    while number:
        order.append(int(pages.slot[number].page))
        number = int(pages.slot[number].newer)
    assert order == held


def received(nic, kind, queue, now_ns, address=0, data_bytes=16, n=1):
    """Let the host receive the last TLP of a write; return when it passes and whether it is held until then."""
    entry = nic.pcie[0].up.first.ring[0]
    entry.kind, entry.queue, entry.n, entry.is_last = kind, queue, n, 1
    entry.address, entry.data_bytes = address + data_bytes, data_bytes
    memory_fs = write_lands_fs(nic, nic.pcie[0], passes_fs(nic, nic.pcie[0], now_ns * NS, entry), entry)
    return memory_fs // NS, waits_for_memory(nic, 0, now_ns * NS, entry, memory_fs)


def test_writes_pass_in_the_order_of_receipt():
    """A payload misses at 100 ns and passes at 430; its write-back hits the second time, and waits behind it."""
    nic = adapter()
    assert received(nic, RX_WRITEBACK, VF1, 0) == (330, True)
    nic.clock.lane[IN_MEMORY].head += 1
    assert received(nic, PAYLOAD_WRITE, VF1, 350) == (680, False)  # nobody looks for it
    assert received(nic, RX_WRITEBACK, VF1, 370) == (680, True)
    assert received(nic, RX_WRITEBACK, VF1, 700) == (700, True)  # one is still held
    nic.clock.lane[IN_MEMORY].head += 2
    assert received(nic, RX_WRITEBACK, VF1, 700) == (700, False)


@pytest.mark.parametrize(("kind", "queue"), [(RX_INTERRUPT, VF1), (TX_INTERRUPT, VF0)])
def test_an_interrupt_is_not_looked_up_and_waits_for_writes(kind, queue):
    nic = adapter()
    received(nic, PAYLOAD_WRITE, VF0, 100)
    assert received(nic, kind, queue, 120) == (430, True)
    assert nic.host[0].translation.counts.hits + nic.host[0].translation.counts.misses == 1


@pytest.mark.parametrize("kind", [RX_WRITEBACK, TX_WRITEBACK])
@pytest.mark.parametrize("batch", [0, 1])
def test_a_write_back_counts_when_it_is_in_memory_whoever_tells_of_it(kind, batch):
    nic = adapter(driver={"rx_interrupt_batch": batch, "tx_interrupt_batch": batch})
    assert received(nic, kind, VF0, 100) == (430, True)


def page_of(nic, kind, queue, address):
    """Return the page that a TLP is looked up by."""
    if kind >= RX_DESCRIPTOR_READ:
        tag = nic.pcie[0].tags.slot[3]
        tag.kind, tag.queue, tag.address = kind, queue, address
        read_begins_fs(nic, nic.pcie[0], 0, tag)
    else:
        received(nic, kind, queue, 0, address)
    pages = nic.host[0].translation.pages
    return int(pages.slot[pages.part[0].newest].page)


def test_rings_and_buffers_have_pages_of_their_own():
    """Rings of 300 descriptors: two pages; 300 buffers of 2 KiB: 150. In whole lines 8 and 152. Three functions."""
    nic = adapter(64, nic={"tx_ring": 300, "rx_ring": 300})
    kinds = (
        (TX_DESCRIPTOR_READ, 0, 8), (RX_DESCRIPTOR_READ, 24, 8),
        (PAYLOAD_READ, 48, 152), (PAYLOAD_WRITE, 48 + 456, 152),
    )  # fmt: skip
    for kind, first, a_ring in kinds:
        for queue in (PF, VF0, VF1):
            for address in (0, 4095, 4096, 4100):
                assert page_of(nic, kind, queue, address) == first + queue * a_ring + address // 4096
    assert page_of(nic, TX_WRITEBACK, VF1, 4096) == 2 * 8 + 1
    assert page_of(nic, RX_WRITEBACK, VF0, 0) == 24 + 8
    # A TLP belongs to the page of its first byte, though the entry stands at its end by then.
    assert page_of(nic, PAYLOAD_WRITE, PF, 4096 - 16) == 48 + 456
