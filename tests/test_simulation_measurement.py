"""A window is the difference of two snapshots, each exact to the femtosecond at which it is taken."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.far_tables import give
from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.ledger_state import FIRST_FLOW_HISTOGRAM, FLOW
from hwmodel.results.histogram import UNIT_FS, bucket_index
from hwmodel.rules.driver_jobs import AGENTS_FROM, READ, RELEASE, TAKE_CORE, WORK, WRITE, JobStep
from hwmodel.simulation.figures.counts import LATENCY_PLACES, SERVER_COUNTS, gauges_in, latencies_in, parts_of
from hwmodel.simulation.figures.measurement import CORE_WORK, Snapshot, begin_window, take_snapshot
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.workload_state import decide_workload, fill_workload
from hwmodel.simulation.run.commands import Change, Job
from hwmodel.simulation.run.machine import Machine, run_alone
from hwmodel.workload import build_workload
from tests.simulation_cases import config_of

NS = 10**6
US = 10**9


def machine(**blocks):
    config = config_of(**blocks)
    state = build_state(config, seed=1)
    workload = build_workload(config)
    stations = fill_workload(state[0], config, workload, 1)
    return state, decide_workload(state, config, workload, stations)


@pytest.fixture
def idle():
    return build_state(config_of(), seed=1)[0]


def test_an_occupancy_counts_up_to_now(idle):
    """3 B until 100 ns, 5 B from there on, looked at at 250 ns."""
    gauge = idle.counts.tx_buffer
    gauge.area, gauge.level, gauge.since_fs, idle.clock.now_fs = 3.0 * 100 * NS, 5, 100 * NS, 250 * NS
    assert gauges_in(take_snapshot(idle, FlowBook()).counts)["tx_buffer"].area == 3 * 100 * NS + 5 * 150 * NS


def test_a_stall_that_lasts_counts_up_to_now(idle):
    idle.clock.now_fs = 250 * NS
    idle.ledger.counts.stalls.tags.total_fs, idle.ledger.counts.stalls.tags.since_fs = 40 * NS, 200 * NS
    idle.ledger.counts.stalls.posted_credits.total_fs = 7 * NS
    stalls = take_snapshot(idle, FlowBook()).counts.ledger.stalls
    found = [stalls[name].total_fs for name in ("tags", "posted_credits", "descriptors")]
    assert found == [90 * NS, 7 * NS, 0]


def test_a_tlp_under_way_counts_as_far_as_it_is(idle):
    """100 ns of a TLP are on the link, 60 ns of it after the snapshot."""
    idle.clock.now_fs = 1000 * NS
    up, down = idle.pcie[0].up, idle.pcie[0].down
    up.counts.busy_fs, up.busy_until_fs, up.is_busy = 400 * NS, 1060 * NS, 1
    down.counts.busy_fs, down.busy_until_fs = 300 * NS, 900 * NS
    snapshot = take_snapshot(idle, FlowBook())
    assert (snapshot.counts.up.busy_fs, snapshot.counts.down.busy_fs) == (340 * NS, 300 * NS)
    assert snapshot.ahead_fs.tolist() == [60 * NS, 0]


def test_tags_that_are_held_count_up_to_now(idle):
    idle.clock.now_fs = 500 * NS
    idle.pcie[0].tags.counts.held_fs = 1000 * NS
    taken = idle.pcie[0].tags.free[idle.pcie[0].tags.n_free - 1]
    idle.pcie[0].tags.n_free -= 1
    idle.pcie[0].tags.slot[taken].taken_fs = 380 * NS
    assert take_snapshot(idle, FlowBook()).counts.tags.held_fs == 1120 * NS


@pytest.mark.parametrize("name", LATENCY_PLACES)
def test_a_latency_is_that_of_the_moment_of_its_snapshot(idle, name):
    record = ({"delivery": idle.ledger.flow[0].latency} | latencies_in(parts_of(idle)))[name]
    record.n, record.lowest_fs, record.highest_fs, record.sum_fs = 2, 3, 4, 7.0
    found = take_snapshot(idle, FlowBook()).latency(name)
    record.n, record.lowest_fs, record.highest_fs, record.sum_fs = 3, 1, 9, 16.0
    assert found.item() == (2, 3, 4, 7.0, 0.0)


def test_a_snapshot_does_not_change_with_the_machine():
    state, book = machine()
    run_alone(state, 10 * US, 10**6)
    nic = state[0]
    before = take_snapshot(nic, book)
    kept = (before.counts.copy(), before.flows.copy(), before.core_busy_fs.copy())
    run_alone(state, 20 * US, 10**6)
    assert take_snapshot(nic, book).counts.tobytes() != before.counts.tobytes()
    assert before.counts.tobytes() == kept[0].tobytes()
    for now, then in zip((before.flows, before.core_busy_fs), kept[1:], strict=True):
        assert (now == then).all()


def test_a_window_forgets_latencies_and_depths_but_no_counts():
    state, book = machine()
    run_alone(state, 10 * US, 10**6)
    nic = state[0]
    delivered = int(nic.ledger.counts.delivered)
    assert delivered > 10
    begin_window(nic)
    snapshot = take_snapshot(nic, book)
    assert snapshot.histogram.sum() == 0
    assert (snapshot.flows["latency"]["n"] == 0).all()
    assert snapshot.count("delivered") == delivered
    assert snapshot.counts.adapter.tx_buffer.highest == nic.counts.tx_buffer.level
    assert snapshot.counts.tags.fewest_free == nic.pcie[0].tags.n_free
    assert snapshot.tx_ring_highest == 63  # a saturated ring is full at once
    run_alone(state, 20 * US, 10**6)
    later = take_snapshot(nic, book)
    n = later.count("delivered") - delivered
    assert later.flows["latency"]["n"].sum() == n
    assert later.histogram[FIRST_FLOW_HISTOGRAM:].sum() == n
    assert int(later.latency("from_doorbell")["n"]) == n


def test_a_window_forgets_what_flows_with_one_histogram_have_filled_of_it(idle):
    """Two flows share a row, at its two ends; a third has its own, and a fourth has delivered nothing."""
    flows, histogram = idle.ledger.flow, give(idle.ledger.histogram, FIRST_FLOW_HISTOGRAM + 4)
    for at, (row, n, times_fs) in enumerate(
        ((1, 2, (100 * NS,) * 2), (1, 1, (9000 * NS,)), (2, 1, (50 * NS,)), (3, 0, ()))
    ):
        flow = flows[at]
        flow.histogram, flow.latency.n = FIRST_FLOW_HISTOGRAM + row, n
        flow.latency.lowest_fs, flow.latency.highest_fs = (min(times_fs), max(times_fs)) if n else (0, 0)
        for time_fs in times_fs:
            histogram[flow.histogram, bucket_index(time_fs // UNIT_FS)] += 1
    assert histogram.sum() == 4
    idle.ledger.directory.n = 4
    begin_window(idle)
    assert (histogram.sum(), idle["ledger"]["flow"]["latency"]["n"].sum()) == (0, 0)


def test_time_on_the_link_is_bytes_times_their_time():
    """Over a window between two deliveries: what each direction was busy with is what it carried, to 1 fs a TLP."""
    state, book = machine(pcie={"dllp_model": "tlp4"})
    nic = state[0]
    for until_fs in (30 * US, 60 * US):
        run_alone(state, until_fs, 10**7)
        snapshot = take_snapshot(nic, book)
        for link, snap in ((nic.pcie[0].up, snapshot.counts.up), (nic.pcie[0].down, snapshot.counts.down)):
            n_bytes = int(snap.n_bytes.sum()) + 16 * int(snap.dllps)
            ahead_fs = max(0, int(link.busy_until_fs) - until_fs)
            exact_fs = n_bytes * 500_000 * 1538 / 1534
            assert snap.busy_fs + ahead_fs == pytest.approx(exact_fs, abs=int(snap.n_tlps.sum() + snap.dllps))


# ---- Two snapshots ----


def moment(now_fs, delivered=0, stalled_fs=0, area=0.0):
    """Return a snapshot of which these are known."""
    counts = np.zeros(1, SERVER_COUNTS)[0]
    counts.ledger.delivered, counts.ledger.stalls.tags.total_fs = delivered, stalled_fs
    counts.adapter.rx_buffer.area = area
    return Snapshot(now_fs=now_fs, counts=counts, flows=np.zeros(0, FLOW))


def test_a_span_is_a_difference():
    span = Span(moment(2 * US, 100, 300, 5.0 * US), moment(12 * US, 350, 1300, 45.0 * US))
    assert span.fs == 10 * US
    assert (span.count("delivered"), span.stalled("tags"), span.mean("rx_buffer")) == (250, 1000, 4.0)
    assert span.gbps(12_500) == pytest.approx(10.0)  # 12 500 B in 10 us
    assert span.mpps(250) == pytest.approx(25.0)
    assert span.share(5 * US) == 0.5


def test_a_window_of_no_length_divides_by_nothing():
    span = Span(moment(5), moment(5))
    assert span.gbps(0) == span.mpps(0) == span.share(0) == 0.0


def test_nothing_was_before_the_first_instant():
    """What came at time 0 is of the window that begins there."""
    span = Span(moment(0, 100, 300, 2.0 * US), moment(2 * US, 350, 1300, 4.0 * US))
    assert (span.count("delivered"), span.stalled("tags"), span.mean("rx_buffer")) == (350, 1300, 2.0)


def test_flows_that_come_up_in_a_window_begin_at_zero():
    first, last = (moment(at_fs) for at_fs in (5, 9))
    flows = np.zeros(2, FLOW)
    flows["offered"] = 30, 4
    span = Span(first.replaced(flows=flows[:1].copy()), last.replaced(flows=flows))
    assert span.grown("flows", "offered").tolist() == [0, 4]


def test_tlps_of_a_span_are_those_between():
    state, book = machine(pcie={"dllp_model": "tlp1"})
    nic = state[0]
    moments = []
    for until_fs in (10 * US, 25 * US):
        run_alone(state, until_fs, 10**7)
        moments.append(take_snapshot(nic, book))
    span = Span(*moments)
    for name in ("up", "down"):
        n_tlps, n_bytes, pairs = span.tlps(name)
        first, last = (moment.counts[name] for moment in moments)
        assert (n_tlps == last.n_tlps - first.n_tlps).all()
        assert int(n_bytes.sum()) > 0
        assert pairs == last.dllps - first.dllps > 0


@pytest.mark.parametrize("preset", ["dpdk", "kernel"])
def test_what_cores_do_grows_by_no_more_than_the_time_that_passes(preset):
    """A driver and an agent work for 20 us each, while their core takes and posts frames: told apart at any moment."""
    config = config_of(
        nic={"vfs": 2}, driver={"preset": preset}, host={"cores": 2},
        workload={"pattern": "pairs", "frame_bytes": 300, "load": "3Gbps",
                  "external": {"rate": "1Gbps", "to": ["pf", "vf0"]}},
    )  # fmt: skip
    times_fs = [(20 + 17 * at) * US for at in range(20)]
    steps = (JobStep(TAKE_CORE), JobStep(WORK, 1, 5 * US), JobStep(READ, 2), JobStep(WRITE, 3), JobStep(RELEASE))
    of_agent = (JobStep(TAKE_CORE), JobStep(WORK, 1, 13 * US), JobStep(RELEASE))
    both = ((0, steps), (AGENTS_FROM, of_agent))
    changes = [
        Change(at_fs, config, jobs=tuple(Job(name, first + turn, at_fs, 0, None, each) for first, each in both))
        for turn, at_fs in enumerate(times_fs) for name in ("pf", "vf0")
    ]  # fmt: skip
    machine = Machine(config, build_workload(config), 1, None, changes)
    before = None
    for at_us in range(10, 700):
        machine.advance(at_us * US + 137 * NS, NEVER)
        found = take_snapshot(machine.state[0], machine.book)
        if before is not None:
            grown = found.core_busy_fs - before.core_busy_fs
            work = found.core_work_fs - before.core_work_fs
            assert (grown >= 0).all() and (grown.sum(axis=1) <= US).all(), (at_us, grown)
            assert (work >= -1).all() and (work.sum(axis=1) <= grown.sum(axis=1) + 2).all(), (at_us, work, grown)
        before = found
    assert before.core_work_fs[:, CORE_WORK.index("beside")].max() > 100 * US
