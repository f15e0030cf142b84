"""Little's law and that of utilization hold whatever is simulated, and faults planted in a run break them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwmodel.config import config_from_mapping
from hwmodel.errors import RunError
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.simulation.figures.laws import broken_laws
from hwmodel.simulation.figures.measurement import take_population
from hwmodel.workload import build_workload
from tests.drawn_machines import MACHINE, WORKLOAD
from tests.journey_runs import JourneyRun
from tests.run_cases import begun, finished, merged
from tests.simulation_cases import config_of

RUN = {"run": {"warmup": "50us", "duration": "200us"}}
# A load for which frames are dropped, too: the ring of a slow receiver is full.
CONFIG = config_of(
    nic={"drop_enable": True, "rx_buffer": "4KiB"},
    driver={"frame_time": "100ns"},
    workload={"pattern": "incast", "load": "4Gbps", "external": {"rate": "2Gbps", "frame_bytes": 64}},
    **RUN,
)


class FaultyRun(JourneyRun):
    """A run into whose state a fault is planted, once, in the middle of the window."""

    def __init__(self, config, plant=None):
        super().__init__(config, build_workload(config))
        self.plant = plant
        self.n_calls = 0

    def call(self, until_fs, n_events):
        status = super().call(until_fs, n_events)
        if self.start is not None:
            self.n_calls += 1
            if self.n_calls == 20 and self.plant is not None:
                self.plant(self.state[0])
        return status


@pytest.fixture(scope="module")
def sound():
    run = FaultyRun(CONFIG)
    run.go_through()
    assert run.n_calls > 20
    assert run.result().totals.dropped_frames > 100
    return run


def test_the_laws_hold_without_a_fault(sound):
    assert broken_laws(CONFIG, sound.start, sound.end) == []


def lose_a_journey(nic):
    """Free the place of a frame that is under way: nobody will end its journey."""
    pool = nic.ledger.journeys
    free = set(pool.free[: pool.n_free].tolist())
    number = next(place for place in range(1, int(pool.n_used) + 1) if place not in free)
    pool.free[pool.n_free] = number
    pool.n_free += 1


def count_a_frame_twice(nic):
    """Add the parts of a frame of 5 us to the sums once more."""
    nic.ledger.counts.part_sums.payload_read.sum_fs += 5e9


def forget_an_entry(nic):
    nic.ledger.journeys.entered_fs -= float(nic.clock.now_fs)


def leave_twice(nic):
    nic.ledger.journeys.left_fs += float(nic.clock.now_fs)


def forget_a_lost_frame(nic):
    nic.ledger.journeys.lost_fs -= 2e9


def stamp_late(nic):
    """Say of a frame in a ring that it was offered 1 us earlier than it was counted."""
    nic.ledger.journeys.early_fs += 1e9


def overlook_a_busy_link(nic):
    nic.pcie[0].up.counts.busy_fs -= 1_000_000


def be_busy_for_nothing(nic):
    nic.pcie[0].down.counts.busy_fs += 1_000_000


def count_a_tlp_twice(nic):
    nic.pcie[0].up.counts.n_bytes[0] += 24


@pytest.mark.parametrize(
    ("plant", "law"),
    [
        (lose_a_journey, "Little's law"),
        (count_a_frame_twice, "Little's law"),
        (forget_an_entry, "Little's law"),
        (leave_twice, "Little's law"),
        (forget_a_lost_frame, "Little's law"),
        (stamp_late, "Little's law"),
        (overlook_a_busy_link, "utilization law: pcie.up"),
        (be_busy_for_nothing, "utilization law: pcie.down"),
        (count_a_tlp_twice, "utilization law: pcie.up"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_a_fault_breaks_its_law(plant, law):
    run = FaultyRun(CONFIG, plant)
    run.go_through()
    with pytest.raises(RunError, match=law):
        run.result()


@pytest.mark.parametrize("off", [-1, 1])
def test_one_frame_more_or_less_is_found(sound, off):
    wrong = sound.end.replaced(population=sound.end.population | {"n": sound.end.population["n"] + off})
    (law,) = broken_laws(CONFIG, sound.start, wrong)
    assert law.startswith("Little's law: ")


@pytest.mark.parametrize("part", PART_FIELDS)
def test_each_part_counts(sound, part):
    counts = sound.end.counts.copy()
    counts.ledger.part_sums[part].sum_fs += 1e9
    assert broken_laws(CONFIG, sound.start, sound.end.replaced(counts=counts)) != []


def test_what_floats_lose_in_a_long_run_is_no_fault(sound):
    """Six million frames, one every 15 us for 0.7 us: moments come to 3e23 fs, of which a float keeps 3e7."""
    n_frames, gap_fs, chance = 6_000_000, 15 * 10**9, np.random.default_rng(1)
    came_fs = np.arange(n_frames) * gap_fs + chance.integers(0, gap_fs, n_frames)
    there_fs = chance.integers(4 * 10**8, 10**9, n_frames)
    entered_fs, left_fs = (float(np.cumsum(each, dtype=np.float64)[-1]) for each in (came_fs, came_fs + there_fs))
    of_frames_fs = float(there_fs.sum())
    assert abs(left_fs - entered_fs - of_frames_fs) > 1e-6 * of_frames_fs, "the sums have lost nothing"

    def little(share):
        start = dict.fromkeys(sound.end.population, 0.0)
        end = start | {"entered_fs": entered_fs, "left_fs": left_fs}
        counts = sound.end.counts.copy()
        counts.ledger.offered = counts.ledger.copies_made = n_frames
        for at, part in enumerate(PART_FIELDS):
            counts.ledger.part_sums[part].sum_fs = 0.0 if at else share * of_frames_fs
        return broken_laws(
            CONFIG,
            sound.start.replaced(now_fs=0, population=start),
            sound.end.replaced(now_fs=n_frames * gap_fs, population=end, counts=counts),
        )

    assert little(1) == []
    assert little(0.99) != []


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=60)
@given(MACHINE, WORKLOAD, st.integers(1, 10**9), st.sampled_from(["0us", "60us"]))
def test_the_laws_hold_whatever_is_simulated(machine, workload, seed, warmup):
    # `result` raises where they do not.
    run, _ = finished(machine, {"workload": workload}, {"run": {"warmup": warmup, "duration": "150us", "seed": seed}})
    assert broken_laws(run.config, run.start, run.end) == []


def slow_population(nic, now_fs):
    """Return when each frame under way was offered: ring by ring, then journey by journey."""
    found = []
    for queue in nic.tx_queue[: int(nic.params.n_queues)]:
        for position in range(int(queue.picked), int(queue.reserved)):
            found.append(now_fs - int(nic.guests.post[int(queue.first) + (position & int(queue.mask))].offered_fs))
    pool = nic.ledger.journeys
    free = set(pool.free[: int(pool.n_free)].tolist())
    used = range(1, int(pool.n_used) + 1)
    return found + [now_fs - int(pool.slot[place].offered_fs) for place in used if place not in free]


@pytest.mark.parametrize("tx_ring", [64, 104])
@pytest.mark.parametrize("pattern", ["pairs", "broadcast", "to_wire"])
def test_the_population_is_that_of_rings_and_journeys(tx_ring, pattern):
    run = begun({"nic": {"tx_ring": tx_ring, "vfs": 4}, "workload": {"pattern": pattern, "frame_bytes": 570}}, RUN)
    before = take_population(run.state[0], 0)
    assert not any(before.values())
    run.go_through()
    nic = run.state[0]
    now_fs = int(nic.clock.now_fs)
    ages_fs = slow_population(nic, now_fs)
    found = take_population(nic, now_fs)
    assert found["n"] == len(ages_fs) > 0
    assert found["ages_fs"] == pytest.approx(sum(ages_fs))
    assert min(ages_fs) >= 0
    # Ages that together are more than 63 bits of femtoseconds hold.
    late_fs = 8 * 10**18
    assert take_population(nic, late_fs)["ages_fs"] == pytest.approx(sum(slow_population(nic, late_fs)))


def test_nothing_is_left_where_all_has_been_taken():
    # A load that ends: with batches of 1, the last frame of each burst has long been taken when the run ends.
    config = config_from_mapping(
        merged(
            {"nic": {"preset": None, "rx_writeback_batch": 1, "tx_writeback_batch": 1, "fetch_batch": 1}},
            {"driver": {"preset": None, "tx_doorbell_batch": 1, "rx_interrupt_batch": 0}},
            {"workload": {"pattern": "pairs", "load": "1Mbps", "frame_bytes": 64}},
            {"run": {"warmup": "0ns", "duration": "700us"}},
        )
    )
    run = FaultyRun(config)
    run.go_through()
    population = run.end.population
    assert (population["n"], population["ages_fs"]) == (0, 0)
    assert population["left_fs"] > population["entered_fs"] > 0
