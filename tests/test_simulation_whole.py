"""Several ledgers looked at as one: sums, extremes and occupancies against sums of what was planted in each."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import COUNTERS, WIRE_WAIT_HISTOGRAM
from hwmodel.results.histogram import UNIT_FS, bucket_index
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload
from tests.run_cases import merged
from tests.simulation_cases import DEFAULTS

QUEUE_FULL, ACL = DropReason.QUEUE_FULL.value, DropReason.ACL_DENY.value


def machine(*names):
    """Return servers, the first of which sends to stations outside."""
    workload = {"pattern": "flows", "flows": [[f"{names[0]}.vf0", "uplink"], [f"{names[0]}.vf0", f"{names[-1]}.vf1"]]}
    servers = [{"name": name} for name in names]
    config = config_from_mapping(merged(DEFAULTS, {"servers": servers, "bridge": {}, "workload": workload}))
    return Machine(config, build_workload(config), seed=1)


@pytest.fixture
def two():
    return machine("a", "b")


def look(machine):
    """Return a snapshot of a machine as a whole."""
    return machine.whole().snapshot()


def to_outside(machine):
    """Return the number of the flow from the first server to the stations outside; both count it."""
    return machine.book.flows.index(("a.vf0", "uplink"))


def counts_of(machine, at, flow):
    """Return what a ledger counts of a flow, which it knows by its place among its own."""
    return machine.ledgers()[at].flow[machine.book.numbers.of_ledgers[at].tolist().index(flow)]


def latency(record, n, lowest_fs, highest_fs, sum_fs):
    record["n"], record["lowest_fs"], record["highest_fs"], record["sum_fs"] = n, lowest_fs, highest_fs, sum_fs


def of(record):
    return tuple(float(record[name]) for name in ("n", "lowest_fs", "highest_fs", "sum_fs"))


def test_counts_are_of_all_servers_and_of_the_stations_outside(two):
    """Each a power of another base, so that no two sums of them are one."""
    names = [name for name in COUNTERS if name not in ("dropped", "replicated")]
    for at, ledger in enumerate(two.ledgers()):
        for place, name in enumerate(names):
            ledger.counts[name] = (1 + place) * 1000**at
    whole = look(two)
    assert {name: int(whole.counts.ledger[name]) for name in names} == {
        name: (1 + place) * 1_001_001 for place, name in enumerate(names)
    }


def test_what_the_bridge_drops_and_copies_is_in_the_totals(two):
    """offered + replicated = delivered + dropped + in flight."""
    bridge = two.system.bridges[0]
    box = bridge.box[0].counts
    box.dropped, box.replicated, box.drops[QUEUE_FULL] = 40, 900, 40
    for ledger, dropped in zip(two.ledgers(), (1, 2, 0), strict=True):
        ledger.counts.dropped = ledger.counts.drops[ACL] = dropped
    two.ledgers()[1].counts.drops[QUEUE_FULL] = 5
    counters = look(two).counts.ledger
    assert (counters.dropped, counters.replicated) == (43, 900)
    assert {int(at): int(counters.drops[at]) for at in np.flatnonzero(counters.drops)} == {ACL: 3, QUEUE_FULL: 45}


def test_what_several_bridges_drop_is_added_up():
    """Two bridges and the servers behind them; each sum tells whose parts are in it."""
    config = load_config("two_racks")
    racks = Machine(config, build_workload(config), seed=1)
    record = racks.system.bridges[0]
    assert int(record.params.n_boxes) == 2
    for at in range(2):
        counts = record.box[at].counts
        counts.dropped, counts.replicated, counts.drops[ACL], counts.drops[QUEUE_FULL] = 4 * 10**at, 10**at, 10**at, 3
    racks.ledgers()[0].counts.dropped = racks.ledgers()[0].counts.drops[ACL] = 700
    found = look(racks).counts.ledger
    assert (found.dropped, found.replicated, found.drops[ACL], found.drops[QUEUE_FULL]) == (744, 11, 711, 6)


def test_looking_again_adds_nothing_twice(two):
    seen = two.whole()
    two.system.bridges[0].box[0].counts.dropped = 7
    two.ledgers()[0].counts.offered = 3
    for _ in range(3):
        whole = seen.snapshot()
    assert (whole.counts.ledger.dropped, whole.counts.ledger.offered) == (7, 3)


def test_extremes_are_those_of_ledgers_that_have_any_and_sums_are_added(two):
    ledgers, flow = two.ledgers(), to_outside(two)
    assert of(look(two).flows[flow].latency) == (0, 0, 0, 0)
    latency(ledgers[0].counts.to_guest, 0, 1, 10**15, 0.0)  # of an earlier window
    latency(ledgers[1].counts.to_guest, 3, 50, 90, 200.0)
    latency(ledgers[2].counts.to_guest, 2, 70, 300, 370.0)
    latency(counts_of(two, 0, flow).latency, 1, 20, 20, 20.0)
    latency(counts_of(two, 2, flow).latency, 2, 10, 60, 70.0)
    counts_of(two, 0, flow).offered, counts_of(two, 2, flow).delivered, counts_of(two, 2, flow).n_bytes = 4, 2, 1518
    latency(counts_of(two, 0, 1 - flow).latency, 0, 1, 10**15, 0.0)  # of an earlier window too
    latency(counts_of(two, 1, 1 - flow).latency, 1, 33, 33, 33.0)
    whole = look(two)
    assert of(whole.counts.ledger.to_guest) == (5, 50, 300, 570)
    assert of(whole.flows[flow].latency) == (3, 10, 60, 90)
    found = whole.flows[flow]
    assert (found.offered, found.delivered, found.n_bytes) == (4, 2, 1518)
    assert of(whole.flows[1 - flow].latency) == (1, 33, 33, 33)
    assert of(whole.counts.ledger.sender_wait) == (0, 0, 0, 0)


def test_latencies_by_bucket_and_their_parts_are_added_up(two):
    for at, ledger in enumerate(two.ledgers()):
        counts = ledger.latency_counts[5]
        counts.n_delivery, counts.delivery_fs = 10**at, 0.5 * 10**at
        for place, part in enumerate(PART_FIELDS):
            ledger.counts.part_sums[part].sum_fs = (place + 1.0) * 10**at
    seen = two.whole()
    for _ in range(2):
        whole = seen.snapshot()
    counts = whole.latency_counts[5]
    assert (counts.n_delivery, counts.delivery_fs) == (111, 55.5)
    assert [float(whole.counts.ledger.part_sums[part].sum_fs) for part in PART_FIELDS] == [
        111.0 * (place + 1) for place in range(len(PART_FIELDS))
    ]


def test_a_flow_has_the_histograms_of_both_its_ends(two):
    ledgers, flow = two.ledgers(), to_outside(two)
    for at, n in ((0, 7), (2, 700)):
        own = counts_of(two, at, flow)
        own.latency.n, ledgers[at].histogram[own.histogram, 9] = n, n
    seen = two.whole()
    for _ in range(2):
        whole = seen.snapshot()
    rows = [whole.flows[number].histogram for number in (flow, 1 - flow)]
    assert [whole.histogram[row].sum() for row in rows] == [707, 0]
    assert whole.histogram[rows[0], 9] == 707


def test_sampled_parts_stand_for_all_journeys_of_their_ledger(two):
    """Of 6 journeys 2 were sampled in one ledger, of 5 one in another: 3 * 10 ns and 5 * 7 ns."""
    ledgers = two.ledgers()
    for ledger, n_journeys, n_sampled, sum_ns in ((ledgers[0], 6, 2, 10.0), (ledgers[2], 5, 1, 7.0)):
        ledger.latency_counts[40].n_to_guest = n_journeys
        ledger.sampled_parts[40].n, ledger.sampled_parts[40].sums.wire = n_sampled, sum_ns
    seen = two.whole()
    for _ in range(2):
        whole = seen.snapshot()
    assert float(whole.sampled_parts[40].sums.wire) == 65.0


def test_occupancies_are_of_all_up_to_now(two):
    """Until 200 fs: a holds 3 B from 0 and 5 B from 100; b 10 B from 50 on."""
    held = (300.0, 5, 100, 9), (0.0, 10, 50, 10)
    for server, (area, level, since_fs, highest) in zip(two.servers, held, strict=True):
        gauge = server.nic.counts.tx_buffer
        gauge.area, gauge.level, gauge.since_fs, gauge.highest = area, level, since_fs, highest
        server.nic.clock.now_fs, server.nic.clock.n_events = 200, 11
    whole = look(two)
    gauge = whole.counts.adapter.tx_buffer
    assert (gauge.area, gauge.level, gauge.highest) == (300 + 500 + 1500, 15, 19)
    assert (whole.now_fs, whole.n_events, gauge.since_fs) == (200, 22, 200)


def test_there_is_room_for_what_all_hold_together(two):
    limits = [server.nic.params for server in two.servers]
    found = two.whole().capacities
    assert found["tx_ring"] == sum(int(one.tx_ring * one.n_queues) for one in limits)
    assert found["rx_buffer"] == sum(int(one.rx_buffer_bytes) for one in limits) > 0


def test_one_server_is_looked_at_itself():
    one = machine("a")
    nic = one.servers[0].nic
    nic.counts.tx_buffer.level, nic.clock.now_fs, nic.ledger.counts.tx_ring.level = 44, 99, 6
    nic.ledger.counts.offered, one.system.bridges[0].ledger.counts.delivered = 5, 2
    nic.ledger.histogram[WIRE_WAIT_HISTOGRAM, 3] = 8
    whole = look(one)
    assert (whole.counts.adapter.tx_buffer.level, whole.now_fs, whole.counts.ledger.tx_ring.level) == (44, 99, 6)
    assert (whole.counts.ledger.offered, whole.counts.ledger.delivered) == (5, 2)
    assert whole.histogram[WIRE_WAIT_HISTOGRAM, 3] == 8


def test_a_moments_histograms_are_read_where_a_ledger_has_any(two):
    """What was lowest or highest in an earlier window says nothing of this one."""
    ledgers, counts = two.ledgers(), two.whole().counts
    for latency_name, *extremes in (("to_guest", (5_000, 9_000), (7_000, 30_000)), ("sender_wait", (1, 10**15), None)):
        for ledger, ends in zip(ledgers, extremes, strict=False):
            if ends is not None:
                latency(ledger.counts[latency_name], int(latency_name == "to_guest"), *ends, 0.0)
    latency(ledgers[2].counts.to_guest, 0, 1, 10**15, 0.0)
    found = counts.columns(counts.words())
    assert found == {
        "delivery": slice(0, 0),
        "from_doorbell": slice(0, 0),
        "to_guest": slice(bucket_index(5_000 // UNIT_FS), bucket_index(30_000 // UNIT_FS) + 1),
        "sender_wait": slice(0, 0),
        "mac.wait": slice(0, 0),  # of each server's own ports
    }


def test_moments_are_added_up_side_by_side_as_one_by_one(two):
    """Occupancies up to the time of each; the bridge's own ledger holds none."""
    counts, rng = two.whole().counts, np.random.default_rng(4)
    times, moments = [], []
    for now_fs in (100, 230, 517):
        for server in two.servers:
            for gauge in (server.nic.counts.tx_buffer, server.nic.ledger.counts.rx_ring):
                gauge.area, gauge.level, gauge.since_fs = rng.random(), rng.integers(9), now_fs - rng.integers(50)
            server.nic.ledger.counts.part_sums.wire.sum_fs, server.nic.clock.now_fs = rng.random(), now_fs
        times.append(counts.now_fs)
        moments.append(counts.words())
    found = counts.records(np.array(times), moments)
    for at, (now_fs, words) in enumerate(zip(times, moments, strict=True)):
        assert counts.records(np.array([now_fs]), [words])[0].tobytes() == found[at].tobytes()
    for gauge, of_each in (
        (found[-1]["adapter"]["tx_buffer"], [server.nic.counts.tx_buffer for server in two.servers]),
        (found[-1]["ledger"]["rx_ring"], [server.nic.ledger.counts.rx_ring for server in two.servers]),
    ):
        assert gauge["area"] == sum(float(one.area) + int(one.level) * (517 - int(one.since_fs)) for one in of_each)
        assert gauge["level"] == sum(int(one.level) for one in of_each)
