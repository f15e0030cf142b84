"""The twin of the switch core against the model that looks at each cycle: every cycle of every frame and copy."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.kernels.drop_reason import DropReason
from hwmodel.simulation.switch_core import predict
from tests.core_cases import random_case, run_cycles

N_CASES = 150


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


@settings(max_examples=100)
@given(st.integers(0, 2**60))
def test_any_case(seed):
    check_case(random_case(random.Random(seed)), Counter())
