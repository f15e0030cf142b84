"""What reads wait for, and pages that miss: by hand, by a cache that is simulated, and beside runs."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.rx_rings import descriptor_ceilings
from hwmodel.analytic.transactions import transactions_of
from hwmodel.analytic.waiting import Sweep, held_frames, page_walks, with_waits
from tests.analytic_cases import demo
from tests.run_cases import measured

NS = 10**6
ONE_TAG = {"pcie.tags": 1, "pcie.arbitration": "writes_first"}
IOTLB = {"entries": 256, "miss": "300ns", "walkers": 6, "walk_lines": 0}
SHORT = {"nic.strict": False,
    "workload.frame_bytes": 64, "nic.tx_ring": 128, "nic.rx_ring": 128, "pcie.lanes": 8, "pcie.generation": 3,
    "pcie.tags": 64, "nic.rx_prefetch": 32, "driver.frame_time": "1ns",
}  # fmt: skip


@pytest.mark.parametrize("changes", [
    ONE_TAG,
    {**ONE_TAG, "pcie.arbitration": "reads_first"},
    {"pcie.tags": 2, "nic.dma.read": {"latency": "185ns"}, "pcie.max_read_request": "128B"},
    {"nic.rx_prefetch": 0, "pcie.arbitration": "writes_first"},
    {"pcie.tags": 1, "host.iotlb": {**IOTLB, "entries": 150, "miss": "777ns"}, "host.buffer_bytes": "4KiB"},
    {"workload.pattern": "broadcast", "workload.frame_bytes": 64, "nic.vfs": 8, "nic.rx_fetch_batch": 1, "pcie.tags": 4,
     "switch.scheduler": "deficit", "host.iotlb": {"entries": 8, "miss": "682ns", "walkers": 1}},
], ids=lambda changes: ",".join(map(str, list(changes)[-2:])))  # fmt: skip
def test_no_run_is_above_what_a_few_tags_carry(changes):
    """Reads wait behind writes, for engines and for walks; what of that is counted is no more than they do."""
    config = demo({**changes, "run.warmup": "auto", "run.duration": "100ms", "run.frames": 2000})
    assert 0.3 < measured(config).totals.gbps / limits(config).gbps < 1.003


def test_page_walks_by_hand():
    """Two buffers to a page: each side misses every other time, once a frame, and the walkers do 20 M a second."""
    found = limits(demo({**SHORT, "host.iotlb": IOTLB}))
    (walkers,) = (one for one in found.ceilings if one.resource == "host.walkers")
    assert walkers.per_frame == pytest.approx(300e-9)
    assert found.limited_by == "host.walkers"
    assert found.mpps == pytest.approx(20)
    holds_all = demo({**SHORT, "host.iotlb": {**IOTLB, "entries": 2048}})
    assert page_walks(holds_all, demand_of(holds_all).sought).all_s == 0
    large = demo({**SHORT, "host.iotlb": {**IOTLB, "page": "2MiB", "entries": 32}})
    assert page_walks(large, demand_of(large).sought).all_s == 0


def test_unmapping_and_lines_of_the_table():
    def walks_ns(more):
        config = demo({**SHORT, "host.buffer_bytes": "4KiB", "host.iotlb": {**IOTLB, **more}})
        return float(page_walks(config, demand_of(config).sought).all_s) * 1e9

    large = {"entries": 8192}
    assert walks_ns(large) == 0
    assert walks_ns({**large, "invalidation": "strict"}) == pytest.approx(600)  # a page for each buffer, two a frame
    flushed = walks_ns({**large, "invalidation": "deferred", "flush_after": 64})
    assert 600 < flushed < 900  # both buffers, and now and then the pages of the rings
    lines = {"entries": 64, "walk_lines": 32, "near_miss": "100ns"}
    assert walks_ns({"entries": 64}) == pytest.approx(600)
    assert walks_ns(lines) == pytest.approx(2 * (300 / 8 + 100 * 7 / 8))


@pytest.mark.parametrize(("entries", "n_rings"), [(20, 8), (40, 8), (60, 4), (200, 4), (300, 4)])
def test_misses_are_those_of_a_cache_that_is_swept(entries, n_rings):
    """Rings in turn, half of them twice as long: a page of two buffers at each step."""
    pages = [32 if ring % 2 else 64 for ring in range(n_rings)]
    sweeps = [Sweep("tx_buffer", 1 / n_rings, 0.5, n, 1.0) for n in pages]
    held: OrderedDict[tuple[int, int], None] = OrderedDict()
    misses, rounds = 0, 512
    for step in range(2 * rounds):
        for ring, n in enumerate(pages):
            page = ring, (step + ring) // 2 % n
            if page not in held:
                misses += step >= rounds
                if len(held) == entries:
                    held.popitem(last=False)
                held[page] = None
            held.move_to_end(page)
    by_sweeps = sum(one.missing(held_frames(sweeps, entries)) for one in sweeps)
    assert by_sweeps == pytest.approx(misses / (rounds * n_rings), rel=0.01)


def test_what_holds_for_one_mix_is_left_out_of_others():
    config = demo({**ONE_TAG, "host.iotlb": IOTLB})
    asked = limits(config)
    plain = {one.resource: one.of_any_mix for one in asked.ceilings}
    assert plain["host.walkers"].per_frame == plain["nic.tx_buffer"].per_frame == 0
    assert (
        plain["pcie.tags"].frames_per_s
        > next(one for one in asked.ceilings if one.resource == "pcie.tags").frames_per_s
    )
    assert list(with_waits(config, demand_of(demo({"workload.pattern": "to_wire"})), ())) != []


@pytest.mark.parametrize("changes", [
    {**SHORT, "host.iotlb": IOTLB},
    {**SHORT, "host.iotlb": {**IOTLB, "entries": 4096, "invalidation": "strict"}, "host.buffer_bytes": "4KiB"},
    {"nic.rx_prefetch": 4, "host.read_latency": "5us", "workload.frame_bytes": 256,
     "workload.pattern": "flows", "workload.flows": [["vf0", "vf1"]]},
    {"pcie.credits.pd": 29, "pcie.credits.return": "2us", "workload.frame_bytes": 1024},
    {"nic.tx_buffer": "3KiB", "host.read_latency": "2us"},
], ids=lambda changes: ",".join(map(str, list(changes)[-2:])))  # fmt: skip
def test_runs_stay_below_and_come_within_5_percent(changes):
    config = demo({**changes, "run.warmup": "auto", "run.duration": "100ms", "run.frames": 2000})
    assert 0.95 < measured(config).totals.gbps / limits(config).gbps < 1.003


@pytest.mark.parametrize(
    ("prefetch", "batch", "most", "writes"), [(4, 8, 8, 4), (8, 8, 8, 0), (9, 8, 16, 7), (3, 1, 3, 0)]
)
def test_fetches_of_rx_descriptors_by_hand(prefetch, batch, most, writes):
    """One ring: so many descriptors in a round trip of t(24) + R + t(20 + 16 b) and some writes of 60 B."""
    keys = {"nic.rx_prefetch": prefetch, "nic.rx_fetch_batch": batch, "workload.frame_bytes": 64}
    config = demo({**keys, "workload.pattern": "flows", "workload.flows": [["vf0", "vf1"]]})
    demand = demand_of(config)
    (found,) = descriptor_ceilings(config, demand, transactions_of(config, demand.sought))
    byte_ns = 0.5 * 1538 / 1534
    fetch_ns = 450 + (24 + 20 + 16 * batch) * byte_ns
    assert found.capacity == most
    assert float(found.per_frame) * 1e9 == pytest.approx(fetch_ns + writes * 84 * byte_ns, abs=0.01)


THREE, WITH_A_SLOW_ONE = (
    [["vf0", "vf1"], ["vf2", "vf1"], ["vf3", "vf4"]],
    [["vf0", "vf1"], ["vf2", "vf3", "1Gbps"]],
)


@pytest.mark.parametrize(
    ("flows", "drops", "rings", "of_them"),
    [(THREE, False, 2, 1.5), (THREE, True, 2, 2), (WITH_A_SLOW_ONE, True, 1, 1)],
)
def test_each_receiver_has_only_its_own_descriptors(flows, drops, rings, of_them):
    """63 descriptors of 256 B each 50 us and ring: vf1 has no part of vf4's or vf3's; without drops vf4 waits too.

    Then, in equal turns, it has half of what vf1 has: that is as offered, and what a run comes to.
    """
    keys = {"driver.moderation": "50us", "nic.rx_ring": 64, "nic.tx_ring": 64, "nic.drop_enable": drops, "nic.vfs": 5}
    run = {"run.warmup": "1ms", "run.duration": "4ms"}
    config = demo({**keys, **run, "workload": {"pattern": "flows", "flows": flows, "frame_bytes": 256}})
    ring_gbps = 63 * 256 * 8 / 50_000
    beside_gbps = 1 if flows is WITH_A_SLOW_ONE else 0
    found = limits(config)
    assert found.gbps == pytest.approx(rings * ring_gbps + beside_gbps, rel=1e-6)
    assert found.limited_by == "rx.descriptors"
    assert any("of each ring of vf1" in one.what for one in found.ceilings)
    assert found.as_offered is None or found.as_offered.gbps == pytest.approx(1.5 * ring_gbps)
    assert 56 / 63 - 0.03 < measured(config).totals.gbps / found.gbps * rings / of_them < 1


def test_a_ring_takes_no_more_than_its_descriptors_between_two_timed_interrupts():
    """Eight rings, 63 descriptors each 200 us, in write-backs of 8: no more than 56 of them come in a run."""
    config = demo({"driver.moderation": "200us", "nic.rx_ring": 64, "run.warmup": "auto", "run.duration": "20ms"})
    found = limits(config.with_overrides({"nic.strict": False, "pcie.lanes": 16}))
    assert (found.limited_by, found.mpps) == ("rx.descriptors", pytest.approx(8 * 63 / 200))
    assert not found.is_exact
    assert (
        56 / 63 - 0.03
        < measured(config.with_overrides({"nic.strict": False, "pcie.lanes": 16})).totals.mpps / found.mpps
        < 1
    )
    polled = config.with_overrides(
        {"nic.strict": False, "pcie.lanes": 16, "driver.mask_interrupts": True}
    )  # until nothing is left
    assert limits(polled).limited_by == "up"


def test_room_in_the_tx_buffer_by_hand():
    """Two frames of 1514 B fit: each has its room for 1282.164 ns, with the wire's 1538 B at 10 Gb/s 1230.4 ns more."""
    (one,) = (one for one in limits(demo({"nic.tx_buffer": "4KiB"})).ceilings if one.resource == "nic.tx_buffer")
    assert (one.capacity, float(one.per_frame)) == (Fraction(2), pytest.approx(1282.164272e-9))
    out = {"nic.tx_buffer": "4KiB", "workload.pattern": "to_wire", "port.rate": "10Gbps"}
    (one,) = (one for one in limits(demo(out)).ceilings if one.resource == "nic.tx_buffer")
    assert float(one.per_frame) == pytest.approx((1282.164272 + 1230.4) * 1e-9)
