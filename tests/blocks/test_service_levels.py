"""Whose frame a port with service levels sends, and when: beside a second implementation, and by laws of both."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.network.bridge import advance_bridge, comes
from hwmodel.machine.network.bridge_state import BRIDGE, NOBODY
from hwmodel.machine.network.service_levels import first_eligible_fs, next_in_turn
from hwmodel.machine.network.wires import CROSSING
from tests.oracles.service_level_oracle import Level, ServiceLevelsOracle

BYTE_FS = 800_000  # at 10 Gb/s
LONGEST = 1514
WIRE = 24  # bytes of a frame's time beside those without FCS
SIZES = (60, 60, 566, 1514, 1518)  # tags make some longer than a quantum


def bridge_of(levels, buffer_bytes=1 << 30):
    """Make a bridge that sends all it gets by port 1, to the outside, on a logical port of its own for each level."""
    bridge = zeros(1, BRIDGE)[0]
    bridge.clock.next_at[:] = NEVER
    bridge.first_free = NOBODY
    bridge.params.n_ports, bridge.params.n_logical_ports = 2, len(levels) + 1
    bridge.box[0].params.table_entries, bridge.box[0].params.ageing_fs = 1, NEVER
    bridge.params.n_outer_ports, bridge.params.n_boxes, bridge.box[0].params.buffer_bytes = 2, 1, buffer_bytes
    for number in range(2):
        port = bridge.port[number]
        port.params.fs_per_byte_num, port.params.fs_per_byte_den, port.params.joined, port.sending = (
            BYTE_FS,
            1,
            NOBODY,
            NOBODY,
        )
        port.params.is_scheduled = number
        port.resumes_fs = NEVER
        for name in ("come", "queue", "begun", "active"):
            port[name].first = port[name].last = NOBODY
    for number, level in enumerate(levels):
        hop = bridge.hop[number]
        hop.logical_port, hop.source, hop.target, hop.policer = len(levels), NOBODY, NOBODY, NOBODY
        hop.home.logical_port, hop.first_flood, hop.n_flood = NOBODY, number, 1
        bridge["way"][number] = (number, number, 0)
        entry = bridge.logical_port[number]
        params = entry.params
        params.port, entry.queue.first, entry.queue.last = 1, NOBODY, NOBODY
        params.quantum_bytes = LONGEST * level.weight
        params.buffer_bytes = buffer_bytes if level.room_bytes is None else level.room_bytes
        if level.rate_bps is not None:
            params.shaper_num, params.shaper_den = Fraction(8 * 10**15, level.rate_bps).as_integer_ratio()
            params.burst_fs = level.burst_bytes * 8 * 10**15 // level.rate_bps
            entry.eligible_fs = -int(params.burst_fs)
    return bridge


def sent_by(levels, arrivals, **more):
    """Let frames (when, level, bytes) be forwarded at their times; return when each was begun, and the bridge."""
    bridge = bridge_of(levels, **more)
    for index, (at_fs, level, n_bytes) in enumerate(arrivals):
        crossing = np.zeros(1, CROSSING).view(np.recarray)[0]
        crossing.come_fs, crossing.n_bytes, crossing.template, crossing.index = at_fs, n_bytes, level, index
        comes(bridge, 0, crossing)
    advance_bridge(bridge, (), NEVER - 1)
    found, place = [], int(bridge.port[1].begun.first)
    while place != NOBODY:
        crossing = bridge.slot[place].crossing
        found.append((int(crossing.begun_fs), int(crossing.index)))
        place = int(bridge.slot[place].following)
    return found, bridge


def course(levels, arrivals):
    """Return the same from the second implementation, in which nothing finds no room."""
    oracle = ServiceLevelsOracle(dict(enumerate(levels)), LONGEST)
    coming = list(enumerate(arrivals))
    found, free_fs, now_fs = [], 0, 0
    while coming or oracle.resumes_fs() is not None:
        resumes_fs = oracle.resumes_fs()
        next_fs = [coming[0][1][0]] if coming else []
        if resumes_fs is not None:
            next_fs.append(max(resumes_fs, free_fs, now_fs))
        now_fs = min(next_fs)
        copy = oracle.take(now_fs) if free_fs <= now_fs else None  # before what comes in this instant
        if copy is None and coming and coming[0][1][0] == now_fs:
            index, (_, level, n_bytes) = coming.pop(0)
            oracle.put(level, n_bytes, index)
        elif copy is not None:
            found.append((now_fs, copy))
            free_fs = now_fs + (max(arrivals[copy][2], 60) + WIRE) * BYTE_FS
    return found


def drawn(levels, seed, n=200, mean_bytes=1000, sizes=SIZES):
    """Draw arrivals; some at one time, some as a frame of another ends."""
    rng = random.Random(seed)
    at_fs, found = 0, []
    for _ in range(n):
        found.append((at_fs, rng.randrange(len(levels)), rng.choice(sizes)))
        at_fs += rng.choice((0, 84, 590, int(rng.expovariate(1 / mean_bytes)))) * BYTE_FS
    return found


EQUAL = [Level(), Level()]
WEIGHTS = [Level(3), Level(1), Level(2)]
RATES = [Level(1, 2 * 10**9, 3000), Level(4, 10**9, 0), Level()]
ALL_HELD = [Level(2, 1_300_007_000, 20_000), Level(1, 900_001_000, 1), Level(1, 3 * 10**9, 9000)]
MANY = [Level(weight, None if weight % 3 else weight * 10**8, 1000 * weight) for weight in range(1, 12)]


@pytest.mark.parametrize("mean_bytes", [100, 900, 3000])
@pytest.mark.parametrize(
    "levels", [EQUAL, WEIGHTS, RATES, ALL_HELD, MANY], ids=["equal", "weights", "rates", "all", "many"]
)
def test_order_and_times_are_those_of_the_second_implementation(levels, mean_bytes):
    arrivals = drawn(levels, 0, mean_bytes=mean_bytes)
    found, _ = sent_by(levels, arrivals)
    assert found == course(levels, arrivals)
    assert len(found) == len(arrivals)


def overloaded(levels, seed, n=400):
    """Return the frames sent, (level, bytes) in order, up to when the first level has none left of many at once."""
    rng = random.Random(seed)
    arrivals = [(0, at % len(levels), rng.choice(SIZES)) for at in range(n * len(levels))]
    left = [n] * len(levels)
    sent = []
    for _, index in sent_by(levels, arrivals)[0]:
        level, n_bytes = arrivals[index][1:]
        sent.append((level, n_bytes))
        left[level] -= 1
        if not left[level]:
            break
    return sent


@pytest.mark.parametrize("levels", [EQUAL, WEIGHTS, [Level(1), Level(7)]], ids=["equal", "weights", "1 to 7"])
def test_no_two_levels_are_further_apart_than_the_bound(levels):
    """Theorem 2 of the paper: over every interval, by weight, a quantum and two of the longest frames at most."""
    sent = overloaded(levels, seed=5)
    bound = LONGEST + 2 * max(SIZES)
    for first, second in combinations(range(len(levels)), 2):
        ahead = [0.0]  # bytes by weight of the first beyond the second
        for level, n_bytes in sent[1:]:
            share = n_bytes / levels[level].weight
            ahead.append(ahead[-1] + (share if level == first else -share if level == second else 0))
        assert 1000 < max(ahead) - min(ahead) <= bound


def test_shares_under_overload_are_the_weights():
    sent = overloaded(WEIGHTS, seed=6, n=500)
    n_bytes = [sum(each for level, each in sent if level == which) for which in range(3)]
    assert [each / sum(n_bytes) for each in n_bytes] == pytest.approx([3 / 6, 1 / 6, 2 / 6], abs=0.003)


def test_what_is_idle_leaves_its_share_to_the_others():
    levels = [Level(5), Level(2), Level(1)]
    arrivals = [(0, 1 + at % 2, 1000) for at in range(600)]
    found, _ = sent_by(levels, arrivals)
    first = [arrivals[index][1] for _, index in found[:300]]
    assert first.count(1) == pytest.approx(200, abs=4)
    assert found[-1][0] == 599 * 1024 * BYTE_FS  # without a pause


@pytest.mark.parametrize("levels", [WEIGHTS, RATES, ALL_HELD, MANY], ids=["weights", "rates", "all", "many"])
def test_a_level_sends_in_order_one_frame_at_a_time(levels):
    arrivals = drawn(levels, 11)
    found, bridge = sent_by(levels, arrivals)
    for which in range(len(levels)):
        own = [index for _, index in found if arrivals[index][1] == which]
        assert own == sorted(own)
    ends = [(at + (max(arrivals[index][2], 60) + WIRE) * BYTE_FS) for at, index in found]
    assert all(end <= at for end, (at, _) in zip(ends, found[1:], strict=False))
    assert all(at >= arrivals[index][0] for at, index in found)
    assert int(bridge.port[1].counts.waiting.level) == int(bridge.box[0].counts.waiting.level) == 0
    assert all(int(each.counts.waiting.level) == 0 for each in bridge.logical_port[: len(levels)])
    assert int(bridge.port[1].active.first) == NOBODY


def test_a_port_without_rates_never_pauses_while_something_waits():
    arrivals = drawn(WEIGHTS, 3, mean_bytes=300)
    found, _ = sent_by(WEIGHTS, arrivals)
    for (at, index), (next_at, _) in pairwise(found):
        free_fs = at + (max(arrivals[index][2], 60) + WIRE) * BYTE_FS
        waits = any(arrivals[other][0] <= free_fs for began, other in found if began >= next_at)
        assert next_at == free_fs or not waits


@pytest.mark.parametrize("burst_bytes", [0, 4000, 16384])
def test_a_rate_is_kept_over_any_time_and_used_up(burst_bytes):
    """Between any two begins no more than rate and burst allow; with a burst all of the rate, whoever else sends."""
    rate_bps = 1_700_003_000
    levels = [Level(1, rate_bps, burst_bytes), Level(1)]
    arrivals = sorted((at * 300 * BYTE_FS, at % 2, SIZES[at % len(SIZES)]) for at in range(1500))
    own = [(at, arrivals[index][2] + 4) for at, index in sent_by(levels, arrivals)[0] if arrivals[index][1] == 0]
    for first, (begun_fs, _) in enumerate(own[:60]):
        n_bytes = 0
        for n_frames, (at, size) in enumerate(own[first:]):
            # A frame goes while the bucket is not below empty; what came since the first, and the burst, have paid for
            # all before it. Each frame's time is rounded down to a femtosecond.
            assert (n_bytes - burst_bytes) * 8 * 10**15 <= (at - begun_fs + n_frames) * rate_bps
            n_bytes += size
    (start_fs, _), (end_fs, _) = own[100], own[-1]
    bps = sum(size for _, size in own[100:-1]) * 8e15 / (end_fs - start_fs)
    assert bps <= rate_bps * (1 + 1e-4) + burst_bytes * 8e15 / (end_fs - start_fs)
    if burst_bytes:
        assert bps == pytest.approx(rate_bps, rel=0.002)


def test_a_burst_after_a_pause_is_what_the_bucket_holds():
    """10000 B of 1000: the eleventh frame finds the bucket just paid back, for one may be taken in advance."""
    levels = [Level(1, 10**9, 10_000)]
    arrivals = [(NEVER // 1000, 0, 996)] * 14
    found, _ = sent_by(levels, arrivals)
    gaps = [after - before for (before, _), (after, _) in pairwise(found)]
    # 1020 B at 10 Gb/s take 816 ns, in which a tenth of a frame is earned: the bucket lasts for 11 frames and one more.
    assert gaps[:11] == [1020 * BYTE_FS] * 11
    assert gaps[12:] == [8000 * 10**6]


def test_each_level_has_its_own_room():
    """Of 4 kB: 2 x 1514 for the first, the second has no more than the port."""
    levels = [Level(room_bytes=2 * 1514 + 100), Level()]
    arrivals = [(0, 0, 1514)] * 4 + [(0, 1, 1000)] * 3 + [(0, 0, 60)] * 3
    found, bridge = sent_by(levels, arrivals, buffer_bytes=4100)
    assert sorted(index for _, index in found) == [0, 1, 4, 7]
    assert [int(bridge.logical_port[number].counts.dropped) for number in range(2)] == [4, 2]
    assert int(bridge.port[1].counts.drops[DropReason.QUEUE_FULL.value]) == int(bridge.box[0].counts.dropped) == 6
    assert int(bridge.logical_port[0].counts.waiting.highest) == 2 * 1514 + 60


def test_nobody_is_next_where_nobody_waits():
    bridge = bridge_of(EQUAL)
    assert next_in_turn(bridge, 0, bridge.port[1]) == (NOBODY, NOBODY)
    assert first_eligible_fs(bridge, bridge.port[1]) == NEVER
