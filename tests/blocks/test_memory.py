"""When writes pass and are in memory, when reads begin, with each ordering; DMA engines and walkers by closed forms."""

from __future__ import annotations

import pytest

from hwmodel.machine.host.memory import passes_fs, read_begins_fs, write_lands_fs
from hwmodel.machine.host.translation import look_up, unmap
from hwmodel.machine.link_alone import may_read
from hwmodel.machine.pcie.dma_engines import read_ready_fs, write_ready_fs
from hwmodel.machine.tlp_kinds import PAYLOAD_READ, PAYLOAD_WRITE, RX_INTERRUPT, RX_WRITEBACK
from tests.blocks.idle_machine import NS, VF0, VF1, machine

ANY_NUMBER = {"walkers": None, "walk_lines": 0}  # of page walks at once, none shorter than another


def write(nic, kind, queue, now_ns, address=0):
    """Let the host receive the last TLP of a write; return when it passes and when it is in memory, ns."""
    entry = nic.pcie[0].up.first.ring[0]
    entry.kind, entry.queue, entry.is_last = kind, queue, 1
    entry.address, entry.data_bytes = address + 64, 64
    pass_fs = passes_fs(nic, nic.pcie[0], now_ns * NS, entry)
    return pass_fs // NS, write_lands_fs(nic, nic.pcie[0], pass_fs, entry) // NS


def read(nic, queue, now_ns, address=0):
    """Let the host receive a read; return when it begins to read, ns."""
    tag = nic.pcie[0].tags.slot[0]
    tag.kind, tag.queue, tag.address, tag.ends_frame = PAYLOAD_READ, queue, address, 1
    return read_begins_fs(nic, nic.pcie[0], now_ns * NS, tag) // NS


@pytest.mark.parametrize(
    ("ordering", "writeback", "own_read", "other_read"),
    [("strict", (430, 480), 480, 480), ("id_based", (430, 480), 480, 103), ("relaxed", (430, 480), 480, 480)],
)
def test_what_waits_for_a_write(ordering, writeback, own_read, other_read):
    """A payload misses at 100 ns, for 330; 50 ns later it is in memory. Reads hit, on a page that is there."""
    nic = machine(
        pcie={"dllp_model": "none", "ordering": ordering},
        host={"iotlb": {"entries": 8, "miss": "330ns", **ANY_NUMBER}, "write_latency": "50ns"},
    )
    for queue in (VF0, VF1):
        nic.host[0].order[queue].in_memory_fs = 0
        tag = nic.pcie[0].tags.slot[0]
        tag.kind, tag.queue, tag.address = PAYLOAD_READ, queue, 0
        read_begins_fs(nic, nic.pcie[0], -1000 * NS, tag)
    assert write(nic, PAYLOAD_WRITE, VF0, 100) == (430, 480)
    assert write(nic, RX_INTERRUPT, VF0, 102) == (430, 480)
    assert read(nic, VF0, 102) == own_read
    assert read(nic, VF1, 103) == other_read
    assert write(nic, RX_WRITEBACK, VF0, 104) == (434, 484)  # misses itself


def test_relaxed_payload_overtakes_payload_and_nothing_else_does():
    iotlb = {"entries": 8, "miss": "330ns", **ANY_NUMBER}
    nic = machine(pcie={"dllp_model": "none", "ordering": "relaxed"}, host={"iotlb": iotlb})
    assert write(nic, PAYLOAD_WRITE, VF0, 0) == (330, 330)
    assert write(nic, PAYLOAD_WRITE, VF0, 400) == (400, 400)  # its page is there now
    assert write(nic, PAYLOAD_WRITE, VF0, 410, 4096) == (740, 740)
    assert write(nic, PAYLOAD_WRITE, VF0, 420) == (420, 420)
    assert write(nic, RX_INTERRUPT, VF0, 430) == (740, 740)
    assert read(nic, VF0, 0, 0) == 740


def test_memory_on_the_other_socket_is_farther_for_reads():
    nic = machine(host={"write_latency": "50ns", "remote_latency": "70ns"})
    assert nic.host[0].params.read_latency_fs == (450 + 70) * NS
    assert write(nic, PAYLOAD_WRITE, VF0, 0) == (0, 50)
    assert read(nic, VF0, 10) == 50


@pytest.mark.parametrize("walkers", [1, 2, 5])
def test_walkers_take_misses_in_order(walkers):
    """Misses of one instant: number i is there after floor(i / walkers) + 1 walks."""
    nic = machine(host={"iotlb": {"entries": 4, "miss": "100ns", "walkers": walkers, "walk_lines": 0}})
    there = [look_up(nic.host[0].translation, 0, 0, 100 * page) for page in range(12)]
    assert there == [(i // walkers + 1) * 100 * NS for i in range(12)]
    # All twelve lie with the walkers: each is found, though the cache has four entries.
    assert [look_up(nic.host[0].translation, 0, 0, 100 * page) for page in range(12)] == there
    assert (nic.host[0].translation.counts.hits, nic.host[0].translation.counts.misses) == (12, 12)
    # After the last walk the last four are held.
    look_up(nic.host[0].translation, there[-1], 0, 100 * 11)
    assert nic.host[0].translation.pages.part[0].n_held == 4
    assert look_up(nic.host[0].translation, there[-1], 0, 0) == there[-1] + 100 * NS


def test_a_walk_is_short_where_its_line_is_held():
    nic = machine(
        host={"iotlb": {"entries": 1, "miss": "300ns", "near_miss": "80ns", "walkers": None, "walk_lines": 1}}
    )
    cache = nic.host[0].translation
    found = [look_up(cache, 0, 0, page) // NS for page in (0, 7, 8, 15, 0)]
    assert found == [300, 80, 300, 80, 300]


def test_each_function_has_entries_of_its_own():
    """Of nine entries three functions have three each: another function's pages evict none of them."""
    nic = machine(host={"iotlb": {"entries": 9, "miss": "100ns", "split": True, **ANY_NUMBER}})
    cache = nic.host[0].translation
    for page in (1, 2, 3):
        look_up(cache, 0, 0, page)
    for page in range(50, 60):
        look_up(cache, 0, 1, page)
    for page in (1, 2, 3):
        look_up(cache, 0, 0, page)
    assert (cache.counts.hits, cache.counts.misses) == (3, 13)


@pytest.mark.parametrize(("walkers", "invalidation", "misses"), [
    (None, "none", 1), (None, "strict", 6), (4, "strict", 6), (None, "deferred", 3), (4, "deferred", 3),
])  # fmt: skip
def test_what_drivers_unmap_is_looked_up_anew(walkers, invalidation, misses):
    """Six writes of one buffer, a microsecond apart; deferred, the cache is emptied behind every second."""
    settings = {"entries": 8, "miss": "100ns", "invalidation": invalidation, "flush_after": 2, "walkers": walkers}
    nic = machine(host={"iotlb": settings})
    for i in range(6):
        write(nic, PAYLOAD_WRITE, VF0, 1000 * i)
    assert nic.host[0].translation.counts.misses == misses


@pytest.mark.parametrize("walkers", [None, 4])
def test_what_is_unmapped_while_it_is_walked_is_found_until_then_and_takes_no_entry(walkers):
    """Of one entry: a buffer written at 0 and 20 ns and read at 10, then the page read, which alone is held."""
    settings = {"entries": 1, "miss": "100ns", "invalidation": "strict", "walkers": walkers, "walk_lines": 0}
    cache = machine(host={"iotlb": settings}).host[0].translation
    there = []
    for now_ns, page, is_over in ((0, 3, 1), (10, 4, 0), (20, 3, 1), (99, 3, 0), (110, 4, 0), (120, 3, 0)):
        there.append(look_up(cache, now_ns * NS, 0, page) // NS)
        if is_over:
            unmap(cache, now_ns * NS, page, page)
    assert there == [100, 110, 100, 100, 110, 220]


ENGINE = {
    "operation": "20ns", "small": "64B", "small_operation": "15ns", "start": "8ns", "piece": "128B",
    "piece_time": "10ns", "rate": "80Gbps", "latency": "100ns", "outstanding": 4, "large": "256B",
}  # fmt: skip


@pytest.mark.parametrize(("n_bytes", "busy_ns"), [(64, 15), (65, 24.5), (128, 30.8), (1024, 190.4)])
def test_operations_follow_one_another_by_their_time(n_bytes, busy_ns):
    """8 ns, 10 ns for each 128 B begun, 0.1 ns a byte; a write leaves when that is over, a request before."""
    nic = machine(nic={"dma": {"read": ENGINE, "write": ENGINE}})
    reads = [read_ready_fs(nic.engines, 0, n_bytes) for _ in range(3)]
    assert reads == [round((100 + i * busy_ns) * NS) for i in range(3)]
    writes = [write_ready_fs(nic.engines, 0, n_bytes) for _ in range(3)]
    assert writes == [round((100 + (i + 1) * busy_ns) * NS) for i in range(3)]


def test_reads_and_writes_share_a_path():
    """Of each operation 512 B at 0.1 ns a byte and 2 ns: a read and a write of 1 KiB begin 53.2 ns apart."""
    nic = machine(nic={"dma": {"shared_rate": "80Gbps", "shared_time": "2ns", "shared_bytes": "512B"}})
    begins = [
        read_ready_fs(nic.engines, 0, 1024),
        write_ready_fs(nic.engines, 0, 1024),
        read_ready_fs(nic.engines, 0, 64),
    ]
    assert begins == [0, 53_200_000, 106_400_000]


def may_begin(nic, n_bytes, left_bytes=None):
    """Say whether a transfer may begin to be read, or to go on with so many bytes left."""
    nic.reads.whole_bytes = n_bytes
    nic.reads.left_bytes = n_bytes if left_bytes is None else left_bytes
    return may_read(nic)


def test_large_reads_take_two_places():
    nic = machine(nic={"dma": {"read": ENGINE}})
    nic.engines.read.n_used = 3
    assert may_begin(nic, 256) and not may_begin(nic, 257)
    nic.engines.read.n_used = 4
    assert not may_begin(nic, 16)
    assert may_begin(nic, 16, left_bytes=8)  # its first request has the places
