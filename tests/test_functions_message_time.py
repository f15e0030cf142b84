"""How long messages take, beside sums written by hand for one machine."""

from __future__ import annotations

from hwmodel.config import config_from_mapping
from hwmodel.config.message_time import BRING_UP, Message, RegisterTimes, bring_up, exchange

NS, US, MS = 10**6, 10**9, 10**12
# A register write keeps a core for 100 ns and is there 10 ns later, a read takes 460 ns, an interrupt 1 us behind that.
TIMES = RegisterTimes(write_fs=100 * NS, flight_fs=10 * NS, read_fs=460 * NS, interrupt_fs=1010 * NS)


def test_accesses_of_a_link_by_hand() -> None:
    # Gen2 x4: 16 Gb/s, 4 of 1538 for SKP: 0.5013 ns a byte. A write is 28 B, a request 24 B, a completion 24 B.
    changes = {
        "pcie": {"generation": 2, "lanes": 4, "propagation": "20ns"}, "nic": {"preset": None, "vfs": 2},
        "host": {"read_latency": "400ns"},
        "driver": {"preset": None, "doorbell_time": "90ns", "interrupt_time": "700ns", "exit_time": "300ns"},
    }  # fmt: skip
    times = RegisterTimes.of(config_from_mapping(changes), "vf0")
    byte_fs = 8 / 16 * 1538 / 1534 * NS
    assert times.write_fs == 90 * NS
    assert abs(times.flight_fs - (28 * byte_fs + 20 * NS)) < 2
    assert abs(times.read_fs - (48 * byte_fs + 440 * NS)) < 3
    assert abs(times.interrupt_fs - (28 * byte_fs + 1020 * NS)) < 2


def test_a_drivers_own_times_count() -> None:
    config = config_from_mapping(
        {"nic": {"vfs": 2}, "driver": {"preset": None, "vms": {"vf1": {"preset": None, "doorbell_time": "70ns"}}}}
    )
    assert [RegisterTimes.of(config, name).write_fs for name in ("vf0", "vf1")] == [0, 70 * NS]


def test_one_message_by_hand() -> None:
    found = exchange(TIMES, TIMES, Message("set_lpe", 2, 16, 2), 0, 0)
    sent = 460 + 3 * 100  # the mailbox is free; two words and the word that tells of them
    taken = sent + 10 + 10
    served = taken + 1000 + 17 * 460 + 18 * 100  # its entry, the cause and 16 words; acknowledged, 16 words, told of
    looked = sent + 460 + 500_000 + 460  # the first look was in vain
    times = (found.begins_fs, found.taken_fs, found.serving_fs, found.over_fs)
    assert times == (0, taken * NS, (served - taken) * NS, (looked + 460 + 2 * 460 + 100) * NS)


def test_the_reply_to_a_reset_is_looked_for_10_ms_later() -> None:
    plain, settled = (exchange(TIMES, TIMES, Message("reset", 1, 4, 4, wait), 0, 0).over_fs for wait in (0, 10 * MS))
    assert settled - plain == 10 * MS


def test_a_busy_pf_answers_later_and_the_vf_finds_it_at_its_next_look() -> None:
    message = Message("set_lpe", 2, 16, 2)
    at_once, later, much_later = (exchange(TIMES, TIMES, message, 0, free) for free in (0, 100 * US, 600 * US))
    assert later.taken_fs == 100 * US
    assert later.over_fs == at_once.over_fs
    assert much_later.over_fs - at_once.over_fs == 500 * US + 460 * NS


def test_what_is_there_when_a_look_begins_is_found_by_it() -> None:
    # Served so fast that the acknowledgement is there for the first look.
    fast = RegisterTimes(write_fs=0, flight_fs=0, read_fs=0, interrupt_fs=0)
    found = exchange(fast, fast, Message("set_lpe", 2, 16, 2), 7, 0)
    assert (found.taken_fs, found.serving_fs, found.over_fs) == (7, 0, 7)


def test_a_driver_that_comes_up_sends_its_messages_one_after_the_other() -> None:
    (at_fs,), found = bring_up([TIMES], TIMES)
    assert len(found) == len(BRING_UP) == 7
    by_hand, pf_free = 0, 0
    for message in BRING_UP:
        one = exchange(TIMES, TIMES, message, by_hand, pf_free)
        by_hand, pf_free = one.over_fs, one.taken_fs + one.serving_fs
    assert at_fs == by_hand
    assert 13.5 * MS < at_fs < 13.6 * MS  # 7 looks behind 500 us, 10 ms for the reset


def test_many_vfs_wait_for_the_pf() -> None:
    alone, many = (bring_up([TIMES] * n, TIMES) for n in (1, 63))
    assert many[1][0] == alone[1][0]  # the very first is served as if alone
    assert many[0][-1] > alone[0][0]
    ends = [one.taken_fs + one.serving_fs for one in many[1]]
    assert all(one.taken_fs >= end for one, end in zip(many[1][1:], ends, strict=False))
    assert len(many[1]) == 63 * 7
