"""Runs that keep each finished journey: when each part of a frame's way began and ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hwmodel.config import Config
from hwmodel.machine.counts.journey_state import PART_FIELDS, SAMPLED_ALL, SAMPLED_EVERY, STAMPS
from hwmodel.machine.counts.journeys import FROM_WIRE, UNMEASURED
from hwmodel.results import BRIDGE_PARTS
from hwmodel.rules.driver_jobs import ENDS, JOBS_FROM
from hwmodel.simulation import Run
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.play import Play
from hwmodel.simulation.run.run import silent
from hwmodel.workload import Workload

if TYPE_CHECKING:
    from tests.run_cases import Held

Journeys = Mapping[tuple[int, int, int, int], tuple[int, int, tuple[int, ...], int]]
"""By (source, number among its frames, destination, offered): offered, posted, the parts after the post, taken, in fs.

A function that was off begins to count its frames anew: the time at which a frame was offered tells them apart.
"""

Told = tuple[int, int, int]
"""When something is told of a job, its number, and which of its ends it is."""

# Those of a frame that stays in one adapter, in all and from its post on.
STAMPED_PARTS = tuple(part for part in PART_FIELDS if part not in BRIDGE_PARTS)
PARTS = STAMPED_PARTS[1:]


class JourneyRun(Run):
    """A run whose finished journeys are kept, as they leave the kernel's log."""

    def __init__(
        self, config: Config, workload: Workload, changes: Sequence[Change] = (), *, reacts: bool = False
    ) -> None:
        super().__init__(config, workload, silent, changes=changes, counts_rings=True, reacts=reacts)
        self.state[0].ledger.journey_log.enabled = 1
        self._pieces: list[np.ndarray] = []
        self.told: list[Told] = []
        note_told(self.machine, self.told)
        self._first_counted = 0

    @classmethod
    def of_play(cls, play: Play) -> JourneyRun:
        """Return the run in which a scenario is carried out."""
        run = cls(play.scene.first, play.workload, play.planned, reacts=play.reacts)
        run.begin(play)
        return run

    def call(self, until_fs: int, n_events: int) -> int:
        if self.state[0].ledger.counts.to_guest.n == 0:
            self._first_counted = len(self._pieces)
        status = super().call(until_fs, n_events)
        log = self.state[0]["ledger"]["journey_log"]
        self._pieces.append(log["entry"][: int(log["n"])].copy())
        self.state[0].ledger.journey_log.n = 0
        return status

    def go_through(self) -> None:
        """Run to the end."""
        for _ in self.pieces():
            pass

    @property
    def entries(self) -> np.ndarray:
        """Return the log's entries of the run so far."""
        return np.concatenate(self._pieces)

    @property
    def counted(self) -> np.ndarray:
        """Return those that the kernel's own sums are over: since they were last put to zero."""
        return np.concatenate(self._pieces[self._first_counted :])


def note_told(machine: Machine, told: list[Told]) -> None:
    """Have what is told of jobs noted, in a run in which nothing follows from it."""

    def on_stop() -> bool:
        while (one := machine.take_true()) is not None:
            told.append((one.at_fs, *divmod(one.number - JOBS_FROM, ENDS)))
        return False

    machine.on_stop = on_stop


def stamp_columns(entries: np.ndarray) -> np.ndarray:
    """Return the stamps of journeys, a row for each, in the order of the way."""
    return np.stack([entries[name] for name in STAMPS], axis=1)


def finished_journeys(run: JourneyRun) -> Journeys:
    """Return the finished journeys of a run, by what was sent and to whom.

    Where functions have several rings, a frame's number is that in its ring, times the rings, and the ring's number.
    """
    nic: Any = run.state[0]
    entries, n_rings = run.entries, run.config.nic.queues_per_vf
    is_from_wire = entries["tx_queue"] == FROM_WIRE
    sources = np.where(is_from_wire, 0, entries["tx_queue"] // n_rings + 1)
    numbers = np.where(is_from_wire, entries["number"], entries["number"] * n_rings + entries["tx_queue"] % n_rings)
    destinations = nic["traffic"]["copy_kind"]["port"][entries["copy_kind"]]
    stamps = stamp_columns(entries)
    found = {}
    rows = zip(sources, numbers, destinations, stamps.tolist(), strict=True)
    for source, number, destination, (offered_fs, *way_fs) in rows:
        parts_fs = tuple(end_fs - begin_fs for begin_fs, end_fs in pairwise(way_fs))
        name = int(source), int(number), int(destination), offered_fs
        found[name] = offered_fs, way_fs[0], parts_fs, way_fs[-1]
    assert len(found) == len(entries), "a copy has two journeys"
    return found


def mean_parts(journeys: Journeys) -> list[float]:
    """Return the mean of each part."""
    return [float(mean) for mean in np.array([parts_fs for _, _, parts_fs, _ in journeys.values()]).mean(axis=0)]


def check_journeys(run: JourneyRun, held: Held) -> None:
    """Check what holds of every run: stamps in order, a journey for each copy taken or sent, none lost, sums exact."""
    nic, entries = run.state[0], run.entries
    assert (np.diff(stamp_columns(entries), axis=1) >= 0).all(), "a stamp goes back in time"
    names = set(zip(entries["tx_queue"], entries["number"], entries["copy_kind"], entries[STAMPS[0]], strict=True))
    assert len(names) == len(entries), "a copy has two journeys"
    assert not nic["traffic"]["copy_kind"]["is_mirrored"][entries["copy_kind"]].any()
    assert set(held.mirrored_journeys.tolist()) <= {UNMEASURED}
    not_taken = held.to_take["journey"][held.to_take["journey"] != UNMEASURED].tolist()
    assert len(entries) == nic.ledger.counts.copies_delivered - len(not_taken)
    pool = nic.ledger.journeys
    free = set(pool.free[: pool.n_free].tolist())
    assert len(free) == pool.n_free, "a place was freed twice"
    held_journeys = (held.picked["journey"], held.in_pipeline["journey"], held.journeys)
    under_way = [*np.concatenate(held_journeys).tolist(), *not_taken]
    assert sorted(under_way) == sorted(set(range(1, int(pool.n_used) + 1)) - free), "a journey is lost"
    check_sums(nic, run.counted)


def check_sums(nic: Any, entries: np.ndarray) -> None:
    """Check what the kernel has added up, in all and of those sampled in each bucket, against the journeys themselves.

    To the femtosecond below 2^53 fs, which is 9 s; above, each addition to a 64-bit float may lose half of its last
    digit.
    """
    stamps = stamp_columns(entries)
    wholes = stamps[:, -1] - stamps[:, STAMPS.index("posted_fs")]
    expected = defaultdict(lambda: np.zeros(len(STAMPED_PARTS), np.int64))
    n_frames: Counter[int] = Counter()
    n_in_bucket: Counter[int] = Counter()
    for whole_fs, parts_fs in zip(wholes.tolist(), np.diff(stamps, axis=1), strict=True):
        number = bucket_of(whole_fs)
        n_in_bucket[number] += 1
        if n_in_bucket[number] <= SAMPLED_ALL or n_in_bucket[number] % SAMPLED_EVERY == 0:
            expected[number] += parts_fs
            n_frames[number] += 1
    rows = nic["ledger"]["sampled_parts"]
    found = np.stack([rows["sums"][name] for name in STAMPED_PARTS], axis=1)
    assert np.flatnonzero(rows["n"]).tolist() == sorted(expected)
    for number, sums in expected.items():
        assert rows["n"][number] == n_frames[number]
        assert (np.abs(found[number] - sums) <= lost_by_adding(sums, n_frames[number])).all()
    totals, n_all = np.diff(stamps, axis=1).sum(axis=0), len(entries)
    in_all = np.array([nic.ledger.counts.part_sums[name].sum_fs for name in STAMPED_PARTS])
    assert (np.abs(in_all - totals) <= lost_by_adding(totals, n_all)).all()
    for latency, times in (
        (nic.ledger.counts.to_guest, wholes),
        (nic.ledger.counts.sender_wait, np.diff(stamps[:, :2])),
    ):
        assert latency.n == len(entries)
        assert abs(latency.sum_fs - times.sum()) <= lost_by_adding(times.sum(), len(entries))


def lost_by_adding(sums: np.ndarray, n: int) -> np.ndarray:
    """Return by how much sums of whole numbers, all of one sign, may be off after `n` additions to a 64-bit float."""
    return np.where(sums < 1 << 53, 0, n * np.spacing(sums.astype(np.float64)) / 2)


def bucket_of(value_fs: int) -> int:
    """Return the histogram's bucket of a time, as docs/results.md has it."""
    value = value_fs // 1024
    if value < 128:
        return value
    shift = value.bit_length() - 8
    return (shift + 1) * 128 + (value >> shift) - 128


def check_time_in_the_machine(run: JourneyRun) -> None:
    """Check that what entered the machine has left it, and the sum of the times between: all that was ever in it."""
    pool, entries = run.state[0].ledger.journeys, run.entries
    assert pool.n_free == pool.n_used
    in_it_fs = float((entries["taken_fs"] - entries["offered_fs"]).sum()) + pool.lost_fs
    assert pool.left_fs - pool.entered_fs + pool.early_fs - pool.taken_early_fs == pytest.approx(in_it_fs, rel=1e-9)
