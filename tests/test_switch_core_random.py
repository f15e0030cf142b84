"""The twin of the switch core against the model that looks at each cycle: every cycle of every frame and copy."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.simulation.fill.switch_core import lay_out, predict, predict_over_changes
from tests.core_cases import random_case, run_cycles

N_CASES = 100


def bits(ports):
    return sum(1 << port for port in ports)


def check_case(case, seen):
    core, frames = run_cycles(case)
    found = predict(case.parameters, case.surroundings(), case.offers)
    for sent, record in zip(frames, found.frames, strict=True):
        reason = DropReason(int(record.reason)).name if record.reason else None
        assert (sent.first_beat, sent.last_beat, sent.grant, sent.decided, sent.reason, sent.n_words) == (
            *(int(record[name]) for name in ("first_beat", "last_beat", "grant", "decided")), reason, record.n_words
        ), sent  # fmt: skip
        assert (bits(sent.ports), bits(sent.full)) == (record.ports, record.full), sent
        seen["reason", reason] += 1
        seen["full", bool(sent.full), len(sent.ports - sent.full) > 0] += 1
    assert core.granted == found.granted.tolist()
    check_copies(frames, found, seen)
    check_counters(case, frames, found)


def check_copies(frames, found, seen):
    expected = [(i, port) for i in found.granted.tolist() for port in sorted(frames[i].copies)]
    assert [(int(c.frame), int(c.port)) for c in found.copies] == expected
    for i, copy in enumerate(found.copies):
        sent = frames[copy.frame].copies[copy.port]
        assert (sent["first_beat"], sent["last_beat"], sent["queue"]) == (
            copy.first_beat, copy.last_beat, copy.queue
        ), (frames[copy.frame], copy)  # fmt: skip
        assert found.bytes_of(i) == sent["data"]
        assert len(sent["data"]) == found.copy_bytes[i]
        seen["added", int(copy.added_bytes)] += 1


def check_counters(case, frames, found):
    for port in range(case.parameters.ports):
        own, counters = [frame for frame in frames if frame.port == port], found.counters[port]
        drops = Counter(frame.reason for frame in own if frame.reason not in (None, "QUEUE_FULL"))
        drops["QUEUE_FULL"] = sum(port in frame.full for frame in frames)
        assert {DropReason(i).name: n for i, n in enumerate(counters.drops) if n} == {
            k: n for k, n in drops.items() if n
        }
        assert (counters.received, counters.lost) == (len(own), sum(frame.reason == "QUEUE_FULL" for frame in own))
        assert counters.copies == sum(port in frame.ports for frame in frames)
        assert counters.sent == sum(port in frame.copies for frame in frames)


def test_all_cycles_are_those_of_the_cycle_model():
    rng = random.Random(20)
    seen = Counter()
    for _ in range(N_CASES):
        check_case(random_case(rng), seen)
    assert {added for kind, added, *_ in seen if kind == "added"} == {-8, -6, -4, 0, 4, 6, 8}
    for reason in (None, "OVERSIZE", "BAD_FRAME", "RUNT", "QUEUE_FULL", "VLAN_MEMBER"):
        assert seen["reason", reason] > 20, reason
    assert seen["full", True, True] > 20  # a group frame that found room at some of its ports


def test_changes_of_tables_one_by_one_give_what_all_at_once_give():
    """Also where what was given before is overwritten, and where two changes are in one cycle."""
    rng = random.Random(21)
    n_tables = Counter()
    for _ in range(20):
        case = random_case(rng)
        switches = [*case.switches, *((cycle, rng.choice(case.switches)[1]) for cycle in (700, 1500, 1500, 1600, 9000))]
        case.switches = sorted(switches, key=lambda each: each[0])
        whole = case.surroundings()
        shared, asked = whole.tables[0][1].copy(), []

        def tables_after(n_changes, whole=whole, shared=shared, asked=asked):
            asked.append(n_changes)
            shared[:] = whole.tables[n_changes][1]
            return shared

        frames, raw = lay_out(case.offers)
        changes = [cycle for cycle, _ in whole.tables[1:]]
        found = predict_over_changes(case.parameters, replace(whole, tables=()), frames, raw, changes, tables_after)
        expected = predict(case.parameters, whole, case.offers)
        for name in ("frames", "granted", "copies", "counters"):
            assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name
        assert asked == sorted(set(asked))
        n_tables[len(asked)] += 1
    assert max(n_tables) > 2


@pytest.mark.nightly  # what is drawn above, and other cases each night
@given(st.integers(0, 2**60))
def test_any_case(seed):
    check_case(random_case(random.Random(seed)), Counter())
