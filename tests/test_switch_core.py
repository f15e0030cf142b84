"""The twin of the switch core: cycles worked out by hand from docs/switch_core.md, its parameters, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    AclEntry,
    Mirror,
    PoolFilters,
    c_tag,
    frame,
    switch,
)
from hwmodel.compiled.records import NEVER
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.simulation.fill.core_parameters import CoreParameters
from hwmodel.simulation.fill.switch_core import Offer, PortSchedule, Surroundings, lay_out, predict
from hwmodel.simulation.fill.switch_tables import build_tables

NAMES = ("pf", *(f"vf{k}" for k in range(7)))
VF0, VF1 = 2, 3
DEFAULT = CoreParameters()
SMALL = CoreParameters(max_frame_bytes=60, ingress_bytes=192, queue_bytes=128)  # 3 words in, 2 words out


def predicted(offers, parameters=DEFAULT, config=None, **surroundings):
    tables = [(0, build_tables(config or switch(*NAMES)))]
    return predict(parameters, Surroundings(**{"tables": tables} | surroundings), offers)


def to_vf1(source, length=60, **keys):
    """Offer a frame of VF number `source` for VF 1."""
    return Offer(source + 2, frame("vf1", f"vf{source}", length=length), **keys)


@pytest.mark.parametrize(
    ("bus_w", "grant", "decided", "first_beat"),
    [(512, 11, 22, 27), (256, 11, 22, 27), (128, 11, 23, 28), (64, 11, 25, 30)],
)
def test_one_frame_alone(bus_w, grant, decided, first_beat):
    """The last of 8 beats in cycle 7: t + 4, t + 15 + H, t + 20 + H; H is 0, 0, 1, 3."""
    found = predicted([to_vf1(0)], CoreParameters(bus_w=bus_w))
    (sent,), (copy,) = found.frames, found.copies
    assert (sent.first_beat, sent.last_beat, sent.grant, sent.decided) == (0, 7, grant, decided)
    assert (sent.reason, sent.ports, sent.full) == (0, 1 << VF1, 0)
    assert (copy.port, copy.choice, copy.first_beat, copy.last_beat) == (VF1, decided + 1, first_beat, first_beat + 7)
    assert found.bytes_of(0) == frame("vf1", "vf0")


def test_a_tag_that_comes_off_costs_a_cycle_and_one_that_goes_on_a_beat():
    tagged = frame("vf1", "vf0", c_tag(1), length=64)
    found = predicted([Offer(VF0, tagged)])
    assert [(c.first_beat, c.last_beat) for c in found.copies] == [(28, 35)]  # 60 B
    keeps_tags = switch(*NAMES, stations={"vf1": {"untagged": ()}})
    found = predicted([to_vf1(0)], config=keeps_tags)
    assert [(c.first_beat, c.last_beat) for c in found.copies] == [(27, 34)]  # 64 B
    found = predicted([to_vf1(0, length=64)], config=keeps_tags)
    assert [(c.first_beat, c.last_beat) for c in found.copies] == [(27, 35)]  # 68 B
    assert found.copy_bytes.tolist() == [68]


def test_ports_take_turns_from_the_pointer_on():
    found = predicted([to_vf1(5), to_vf1(4), to_vf1(5), to_vf1(0, not_before=3)])
    # VF 4 and 5 can be granted in 11: 4 comes first; the pointer is then beyond VF 0, whose frame comes in 14.
    assert found.granted.tolist() == [1, 0, 3, 2]
    assert found.frames.grant.tolist() == [12, 11, 19, 14]


def test_frames_take_the_bus_for_their_words():
    offers = [Offer(port, frame("vf6", "vf0", length=65), lead_cycles=0) for port in range(1, 9) for _ in range(50)]
    found = predicted(offers)
    assert set(np.diff(np.sort(found.frames.grant))) == {2}  # 8 ports at a beat a cycle bring a frame in 9 / 8 cycles


def test_room_is_free_in_the_cycle_after_the_read():
    """Copies are offered in 21 to 25; the first one's word is read in 24, so that the fifth finds one word only."""
    offers = [to_vf1(k) for k in (0, 2, 3, 4, 5)]
    never = np.arange(100_000) == 99_999
    found = predicted(offers, SMALL, ready={VF1: never})
    assert found.frames.decided.tolist() == [22, 23, 24, 25, 26]
    assert found.frames.reason.tolist() == [0, 0, DropReason.QUEUE_FULL, DropReason.QUEUE_FULL, 0]
    assert found.frames.full.tolist() == [0, 0, 1 << VF1, 1 << VF1, 0]
    assert found.copies.first_beat.tolist()[0] == 99_999
    assert (found.counters[VF1].copies, found.counters[VF1].sent) == (5, 3)
    assert found.counters[VF1].drops[DropReason.QUEUE_FULL] == 2
    assert found.counters.lost.tolist() == [0] * 5 + [1, 1] + [0] * 2


def test_a_full_ingress_fifo_waits_for_the_bus():
    """10 words of a beat. Word 0 is read in 12, so the third beat of the second frame comes in 13 instead of 10."""
    parameters = CoreParameters(bus_w=64, max_frame_bytes=60, ingress_bytes=80, queue_bytes=72)
    found = predicted([to_vf1(0), to_vf1(0)], parameters)
    assert [(f.first_beat, f.last_beat, f.grant) for f in found.frames] == [(0, 7, 11), (8, 18, 22)]


def test_a_frame_beyond_the_longest_is_swallowed():
    found = predicted([to_vf1(0, length=200), to_vf1(0)], SMALL)
    swallowed, other = found.frames
    assert (swallowed.last_beat, swallowed.grant, swallowed.n_words) == (24, 28, 1)
    assert (swallowed.reason, other.reason, other.first_beat) == (DropReason.OVERSIZE, 0, 25)
    found = predicted([replace(to_vf1(0, length=200), ends_empty=True), Offer(0, b"", ends_empty=True)], SMALL)
    assert found.frames.reason.tolist() == [DropReason.BAD_FRAME] * 2
    assert [(f.last_beat, f.n_words) for f in found.frames] == [(25, 1), (0, 1)]


@pytest.mark.parametrize(("n_words", "next_beat"), [(10, 11), (11, 10)])
@pytest.mark.parametrize(("length", "ends_empty", "kept"), [(72, True, 9), (80, False, 8)], ids=["empty", "too many"])
def test_the_word_of_a_last_beat_that_needs_none_is_occupied_for_a_cycle(n_words, next_beat, length, ends_empty, kept):
    """Words of a beat, 9 for the longest frame. The last of 10 beats takes a tenth word in 9, which is free in 11."""
    parameters = CoreParameters(bus_w=64, max_frame_bytes=60, ingress_bytes=8 * n_words, queue_bytes=72)
    found = predicted([to_vf1(0, length=length, ends_empty=ends_empty), to_vf1(0)], parameters)
    assert [f.first_beat for f in found.frames] == [0, next_beat]
    assert (found.frames.last_beat[0], found.frames.n_words[0]) == (9, kept)


@pytest.mark.parametrize(("from_cycle", "reason"), [(16, DropReason.PORT_DISABLED), (17, 0)])
def test_the_tables_are_those_of_the_cycle_in_which_the_frame_looks(from_cycle, reason):
    """Granted in 11, a frame looks in 16."""
    off = switch(*NAMES, stations={"vf0": {"enabled": False}})
    tables = [(0, build_tables(switch(*NAMES))), (from_cycle, build_tables(off))]
    assert predicted([to_vf1(0)], tables=tables).frames.reason.tolist() == [reason]


@pytest.mark.parametrize(
    ("kind", "order"), [("round_robin", [0, 2, 1, 3]), ("strict", [0, 2, 3, 1]), ("deficit", [0, 1, 2, 3])]
)
def test_who_leaves_first(kind, order):
    """While a long frame leaves, one of the lower and two of the higher of two queues come to wait, in this order."""
    config = switch(*NAMES, stations={name: {"spoof_check": False} for name in NAMES})
    long = Offer(VF0, frame("vf6", "vf0", length=960))
    offers = [long, *(Offer(3 + k, frame("vf6", "vf0", c_tag(1, p)), not_before=130) for k, p in enumerate((0, 7, 7)))]
    schedules = [(0, {8: PortSchedule(kind)})]
    found = predicted(offers, CoreParameters(priorities=2), config, schedules=schedules)
    assert found.granted.tolist() == [0, 1, 2, 3]
    assert [int(found.copies.frame[i]) for i in np.argsort(found.copies.choice)] == order
    # Chosen in 135, word 0 read in 136, beat 0 moved in 137: word 13, the last but one, is read as beat 103 is moved.
    assert np.sort(found.copies.choice)[:2].tolist() == [135, 241]


def test_a_pause_holds_the_frame_that_would_be_chosen():
    """It would be chosen in 23, and is in 40, the first cycle without the pause; its first beat comes four later."""
    parameters = CoreParameters(pause=1)
    schedules = [(0, {VF1: PortSchedule(paused=1)}), (40, {VF1: PortSchedule()})]
    (copy,) = predicted([to_vf1(0)], parameters, schedules=schedules).copies
    assert (copy.choice, copy.first_beat, copy.last_beat) == (40, 44, 51)
    # One that was chosen before goes on, in the midst of its beats too.
    schedules = [(0, {}), (24, {VF1: PortSchedule(paused=0xFF)})]
    (copy,) = predicted([to_vf1(0)], parameters, schedules=schedules).copies
    assert (copy.choice, copy.last_beat) == (23, 34)


def test_what_is_paused_for_good_stays():
    """With two queues, priorities 0 to 3 share the lower one."""
    config = switch(*NAMES, stations={name: {"spoof_check": False} for name in NAMES})
    offers = [Offer(VF0 + k, frame("vf6", "vf0", c_tag(1, priority))) for k, priority in enumerate((1, 4, 3, 7))]
    schedules = [(0, {8: PortSchedule("deficit", paused=1 << 2)})]
    found = predicted(offers, CoreParameters(priorities=2, pause=1), config, schedules=schedules)
    assert (found.copies.last_beat < NEVER).tolist() == [False, True, False, True]
    assert (found.copies.choice < NEVER).tolist() == [False, True, False, True]
    assert (found.counters[8].copies, found.counters[8].sent) == (4, 2)


def test_pool_filters_choose():
    """The rules are those of docs/steering.md, whose own tests are elsewhere: here the core has them."""
    config = switch(*NAMES, pool_filters=PoolFilters(True, "vf6"))
    offers = [Offer(0, frame("vf1", OUTSIDE)), Offer(0, frame("vf1", OUTSIDE, c_tag(1)))]
    found = predicted(offers, CoreParameters(pool_filters=1), config)
    assert found.frames.ports.tolist() == [1 << 8, 1 << VF1]  # no pool takes untagged frames


def test_a_group_frame_leaves_by_all_its_ports_at_once():
    found = predicted([Offer(VF0, frame(BROADCAST, "vf0"))])
    assert found.copies.port.tolist() == [0, 1, 3, 4, 5, 6, 7, 8]
    assert set(found.copies.first_beat) == {27}
    assert len({found.bytes_of(i) for i in range(8)}) == 1


def test_no_frame_is_no_problem():
    found = predicted([])
    assert (len(found.frames), len(found.copies), found.counters.sent.sum()) == (0, 0, 0)


# ---- Parameters ----


def test_what_follows_from_the_parameters():
    found = CoreParameters(5, 128, 4, 16384, 16384, 8996)
    assert (found.store_bytes, found.ingress_words, found.queue_words, found.more_header_words) == (9008, 1024, 1024, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ports": 1}, {"ports": 18}, {"bus_w": 96}, {"priorities": 3}, {"max_frame_bytes": 59},
        {"max_frame_bytes": 9725}, {"ingress_bytes": 1599}, {"queue_bytes": 1535}, {"ingress_bytes": 1 << 21},
        {"pool_filters": 2}, {"pause": -1},
    ],
)  # fmt: skip
def test_parameters_that_do_not_elaborate(wrong):
    CoreParameters(ingress_bytes=1600, queue_bytes=1536)  # 24 words of 64 B hold 1526 B; the FIFO needs one more
    with pytest.raises(InputError, match=f"switch core: {next(iter(wrong)).upper()}"):
        CoreParameters(**wrong)


# ---- Bad input ----


def test_bad_offers():
    with pytest.raises(InputError, match="outside 0 to 8"):
        predicted([Offer(9, bytes(60))])
    for offer in (Offer(1, b""), Offer(1, bytes(60), ends_empty=True)):
        with pytest.raises(InputError, match="empty beat"):
            lay_out([offer])


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"tables": []}, "no tables"),
        ({"tables": [(5, build_tables(switch())), (4, build_tables(switch()))]}, "order"),
        ({"tables": [(0, build_tables(switch(mode="multichannel")))]}, "S-channels"),
        ({"tables": [(0, build_tables(switch(acl=(AclEntry("deny"),))))]}, "access list"),
        ({"tables": [(0, build_tables(switch(mirrors=(Mirror("vf0", vlan=1),))))]}, "mirrors"),
        ({"tables": [(0, build_tables(switch(pool_filters=PoolFilters())))]}, "pool filters, and POOL_FILTERS is 0"),
        ({"tables": [(0, build_tables(switch(pool_filters=PoolFilters(multicast_hash=(1,)))))]}, "POOL_FILTERS"),
        ({"schedules": [(0, {1: PortSchedule(paused=1)})]}, "port 1 cannot pause 0x1: PAUSE is 0"),
        ({"schedules": []}, "0 schedules"),
        ({"schedules": [(0, {1: PortSchedule("weighted")})]}, "port 1 has no schedule"),
        ({"schedules": [(0, {1: PortSchedule("deficit", (0,) * 8)})]}, "port 1 has no schedule"),
        ({"schedules": [(0, {1: PortSchedule("deficit", ())})]}, "port 1 has no schedule"),
        ({"ready": {1: np.zeros(5, bool)}}, "pattern"),
        ({"allowed": {1: np.zeros(5, bool)}}, "pattern"),
    ],
)
def test_impossible_surroundings(wrong, match):
    with pytest.raises(InputError, match=match):
        predicted([], **wrong)


def test_a_core_with_pools_has_no_tables_of_hashes():
    hashed = build_tables(switch(*NAMES, pool_filters=PoolFilters(unicast_hash=(0x02DD_0000_0099,))))
    with pytest.raises(InputError, match="no tables of hashes"):
        predicted([], CoreParameters(pool_filters=1), tables=[(0, hashed)])


def test_priorities_that_there_are_not_cannot_be_paused():
    with pytest.raises(InputError, match="cannot pause 0x100"):
        predicted([], CoreParameters(pause=1), schedules=[(0, {1: PortSchedule(paused=0x100)})])


def test_tables_are_not_changed():
    tables = build_tables(switch(*NAMES))
    before = tables.tobytes()
    predicted([to_vf1(0)], SMALL, tables=[(0, tables)])
    assert tables.tobytes() == before
