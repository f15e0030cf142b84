"""The loop over servers and bridges: who may run how far, what is handed on, when it stops.

Two servers, a and b, and stations outside; 10 Gb/s everywhere. By hand: a frame of 64 B is 84 byte times on a wire, so
one that stations outside send at 0 has come to the bridge at 67.2 ns and the wire's length, is forwarded 500 ns later,
and is at an adapter after the same time on the second wire.
"""

from __future__ import annotations

import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.processor import show
from hwmodel.compiled.records import NEVER
from hwmodel.config import config_from_mapping
from hwmodel.machine import system as system_kernel
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import COUNTERS, DONE, EVENTS_SPENT, IDLE, OVERFLOW
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.wires import send_from_outside
from hwmodel.machine.system import (
    FLAG,
    OVER,
    SYSTEM,
    earliest,
    hand_in,
    hand_up,
    horizon_of_bridge,
    nothing_before,
    release,
    run_share,
    take,
    wait_while,
)
from hwmodel.simulation.fill.system_state import build_system
from hwmodel.simulation.run import server_threads
from hwmodel.simulation.run.server_threads import Pace, ServerThreads, threads_of
from hwmodel.workload import build_workload
from tests.blocks.idle_machine import DEFAULTS, NS
from tests.run_cases import BROADCAST, OUTSIDE, frame, write_capture

SHORT = 84 * 800_000  # a frame of 64 B on the wire, in fs
LATENCY, PROPAGATION = 500 * NS, 1000 * NS
AT_BRIDGE = SHORT + PROPAGATION + LATENCY  # forwarded
AT_SERVER = AT_BRIDGE + SHORT + PROPAGATION
VF0_OF_A, VF0_OF_B = "02:00:00:00:00:02", "02:00:00:01:00:02"


def two_servers(folder, *frames, seed=1):
    """Return the system of two servers, on which stations send recorded frames at their times in nanoseconds."""
    path = write_capture(folder / "in.pcap", frames)
    config = config_from_mapping(
        {
            **DEFAULTS,
            "nic": {**DEFAULTS["nic"], "vfs": 1},
            "workload": {"pcap": str(path)},
            "servers": [{"name": "a"}, {"name": "b"}],
            "bridge": {"latency": "500ns", "propagation": "1us"},
        }
    )
    workload = build_workload(config)
    system = build_system(config, workload, seed)
    system.threads = threads_of(system, 1)
    system.decide(workload, seed)
    return system


@pytest.fixture
def system(tmp_path):
    """Return a system to which stations outside send one frame, at time 0, whose receiver nobody knows."""
    return two_servers(tmp_path, (0, frame(OUTSIDE, "02:00:00:00:07:07")))


def received(system):
    return [int(server.port[0].mac.counts.rx_bytes) for server in system.servers]


def counted(system, name):
    return sum(int(server.ledger.counts[name]) for server in system.servers)


def test_a_frame_from_outside_is_at_each_server_when_its_wires_and_the_bridge_say_and_not_before(system):
    assert system.threads.advance(AT_BRIDGE - 1, NEVER) == DONE
    box = system.bridges[0].box[0]
    assert (box.counts.forwarded, box.counts.flooded) == (0, 0)
    assert system.threads.advance(AT_BRIDGE, NEVER) == DONE
    assert (box.counts.forwarded, box.counts.flooded, box.counts.replicated) == (1, 1, 1)
    assert system.threads.advance(AT_SERVER - 1, NEVER) == DONE
    assert (received(system), counted(system, "from_wire")) == ([0, 0], 0)
    assert system.threads.advance(AT_SERVER, NEVER) in (DONE, IDLE)
    assert (received(system), counted(system, "from_wire")) == ([64, 64], 2)


def test_all_have_come_to_the_end_that_was_asked_for(system):
    assert system.threads.advance(700 * NS, NEVER) == DONE
    assert [int(server.clock.now_fs) for server in system.servers] == [700 * NS] * 2
    assert system.safe_fs >= 700 * NS


def test_when_nothing_happens_any_more_all_are_where_the_last_event_was(system):
    """The adapters know the frame's receiver as little as the bridge, and drop it at once."""
    assert system.threads.advance(10**15, NEVER) == IDLE
    ends = {int(server.clock.now_fs) for server in system.servers}
    assert len(ends) == 1 and AT_SERVER <= ends.pop() < AT_SERVER + 100 * NS
    assert counted(system, "dropped") == 2


def test_it_stops_when_its_events_are_spent_and_can_go_on(system):
    assert system.threads.advance(10**15, 1) == EVENTS_SPENT
    assert received(system) == [0, 0]
    statuses = [EVENTS_SPENT]
    while statuses[-1] == EVENTS_SPENT:
        statuses.append(system.threads.advance(10**15, 1))
    assert statuses[-1] == IDLE and received(system) == [64, 64]


def test_the_window_bounds_how_far_one_runs_before_the_others_are_looked_at(system):
    system.system[0].window_fs = 10 * NS
    while system.threads.advance(10**15, 1) == EVENTS_SPENT:
        record = system.system[0]
        components = [*record.server[:2], record.bridge[0]]
        assert min(int(each.next_fs) for each in components) >= system.safe_fs
        assert max(int(each.safe_fs) for each in components) - system.safe_fs <= 10 * NS


@pytest.mark.parametrize("whose", ["servers", "bridges"])
def test_a_log_that_had_no_room_makes_the_run_void(system, whose):
    getattr(system, whose)[0].ledger.overflow = 1
    assert system.threads.advance(AT_SERVER, NEVER) == OVERFLOW


STEPS = {
    "at once": (NEVER // 4, [10**15]),
    "a femtosecond at a time": (1, [10**15]),
    "a nanosecond at a time": (NS, [10**15]),
    "in pieces": (NEVER // 4, [1, AT_BRIDGE, 2 * AT_SERVER, 10**15]),
}


def run_through(folder, window_fs, pieces, n_threads=1, ends=IDLE):
    frames = [
        (0, frame(VF0_OF_A, VF0_OF_B)), (0, frame(OUTSIDE, BROADCAST)), (100, frame(VF0_OF_B, OUTSIDE, 500)),
        (300, frame(VF0_OF_B, VF0_OF_A)), (301, frame(OUTSIDE, VF0_OF_B, 1000)),
        *((1200 + 230 * number, frame(VF0_OF_A, OUTSIDE, 300)) for number in range(20)),
        *((1000 + 470 * number, frame(OUTSIDE, VF0_OF_A)) for number in range(10)),
    ]  # fmt: skip
    system = two_servers(folder, *sorted(frames))
    system.system[0].window_fs = window_fs
    system.threads = ServerThreads(n_threads, system.system, system.servers, system.bridges)
    for until_fs in pieces:
        status = system.threads.advance(until_fs, NEVER)
    assert ends in (status, None)
    ledgers = [*(server.ledger for server in system.servers), system.bridges[0].ledger]
    return (
        [int(server.clock.n_events) for server in system.servers],
        [int(server.clock.now_fs) for server in system.servers],
        [
            (int(one.tx_bytes), int(one.rx_bytes), float(one.waiting.area))
            for one in system.bridges[0]["port"]["counts"][:3]
        ],
        [{name: int(ledger.counts[name]) for name in COUNTERS} for ledger in ledgers],
        [(int(one.latency.n), float(one.latency.sum_fs)) for ledger in ledgers for one in ledger.flow[:20]],
        [(parts_of(ledger), float(ledger.counts.to_guest.sum_fs)) for ledger in ledgers],
    )


def parts_of(ledger):
    """Return the parts of all latencies added up; what lies before the post is in none."""
    return sum(float(ledger.counts.part_sums[part].sum_fs) for part in PART_FIELDS if part != "sender_wait")


def test_how_far_each_runs_in_one_go_changes_no_result(tmp_path):
    found = {name: run_through(tmp_path, *how) for name, how in STEPS.items()}
    first = found["at once"]
    # Nobody has heard of b.vf0 when it is sent to from a, and once more from outside: those frames go everywhere.
    to_a, to_b, to_outside = (64, 64, 1004, *10 * (64,)), (64, 64, 1004), (64, 504, *20 * (304,))
    from_a, from_b, from_outside = (64, *20 * (304,)), (504, 64), (64, 1004, *10 * (64,))
    out, back = (to_a, to_b, to_outside), (from_a, from_b, from_outside)
    assert [port[:2] for port in first[2]] == [(sum(sent), sum(came)) for sent, came in zip(out, back, strict=True)]
    assert [each["delivered"] for each in first[3]] == [2 + 10, 3, 2 + 20]
    assert len(set(first[1])) == 1  # where the last event of all was
    assert all(parts == pytest.approx(to_guest_fs) and parts > 0 for parts, to_guest_fs in first[5])
    assert {name for name, each in found.items() if each != first} == set()


@pytest.fixture
def on_two_threads(monkeypatch):
    """Let all that has an event run on two threads."""
    monkeypatch.setattr(server_threads, "FEW_EVENTS", 0)
    monkeypatch.setattr(Pace, "next_piece", lambda pace: (pace.most, NEVER))


def test_two_threads_find_the_same(tmp_path, on_two_threads):
    assert run_through(tmp_path, *STEPS["in pieces"], n_threads=2) == run_through(tmp_path, *STEPS["at once"])


def test_a_thread_that_misses_a_turn_would_be_found_out(tmp_path, on_two_threads, monkeypatch):
    """A planted fault: the bridge goes on while the second server has yet to take what it was sent."""

    def misses_turns(system, share, servers, bridges):
        turn = wait_while(system.turn, 0)
        while turn != OVER:
            if turn % 2 == 0:
                run_share(system, share, servers, bridges)
            show(share.done, turn)
            turn = wait_while(system.turn, turn)

    expected = run_through(tmp_path, *STEPS["at once"])
    monkeypatch.setattr(system_kernel, "follow", misses_turns)
    assert run_through(tmp_path, *STEPS["at once"], n_threads=2, ends=None) != expected


def test_the_next_event_of_all_is_the_first_of_anybody():
    system = zeros(1, SYSTEM)[0]
    system.n_servers, system.n_bridges = 2, 1
    system.trees.next_fs = system.buses.next_fs = NEVER  # as `build_system` has them where there are none
    system.server[0].next_fs, system.server[1].next_fs, system.bridge[0].next_fs = 70, 50, 60
    system.server[2].next_fs = system.bridge[1].next_fs = 1  # of nobody
    assert earliest(system) == 50
    system.bridge[0].next_fs = 40
    assert earliest(system) == 40
    system.server[0].next_fs = system.server[1].next_fs = system.bridge[0].next_fs = NEVER
    assert earliest(system) == NEVER


def test_no_bridge_sends_before_the_next_event_of_all_and_one_that_is_further_stays_there():
    system = zeros(1, SYSTEM)[0]
    system.n_servers, system.n_bridges = 2, 2
    system.bridge[0].safe_fs, system.bridge[1].safe_fs = 59, 90
    nothing_before(system, 61)
    assert (system.bridge[0].safe_fs, system.bridge[1].safe_fs) == (60, 90)


def test_who_waits_sees_what_another_thread_shows_next():
    flag = zeros(1, FLAG)[0]
    looks = []

    def show_at_the_third_look(_seconds=0):
        looks.append(int(flag.value))
        flag.value = 0 if len(looks) < 3 else OVER

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(system_kernel, "LOOKS", 2)
        patch.setattr(system_kernel, "pause", show_at_the_third_look)
        patch.setattr(system_kernel, "give_way", show_at_the_third_look)
        assert wait_while(flag, 0) == OVER
    assert looks == [0, 0, 0]
    assert wait_while(flag, 0) == OVER  # at once


def test_a_server_runs_until_something_may_come_that_the_bridge_has_not_yet_sent(system):
    """The bridge sends nothing before 0; its shortest frame is at the other end 67.2 ns and the wire's length later."""
    assert system.threads.advance(10**15, 1) == EVENTS_SPENT
    assert [int(component.safe_fs) for component in system.system[0].server[:2]] == [SHORT + PROPAGATION - 1] * 2


def test_a_bridge_runs_as_far_as_all_that_it_forwards_until_then_is_known(system):
    """A frame that a server begins at t is forwarded no sooner than its shortest time, the wire's and 500 ns later."""
    record, bridge = system.system[0], system.bridges[0]
    record.server[0].safe_fs, record.server[1].safe_fs = 5_000 * NS, 3_000 * NS
    assert horizon_of_bridge(record, bridge, NEVER) == 3_000 * NS + AT_BRIDGE
    assert horizon_of_bridge(record, bridge, 3_001 * NS) == 3_001 * NS
    record.stops_exactly = 1
    assert horizon_of_bridge(record, bridge, NEVER) == 3_000 * NS


def outside_sends(nic, *times_ns):
    source = nic.traffic.source[0]
    source.pending_template, source.pending_bytes = 0, 64
    for at_ns in times_ns:
        send_from_outside(nic, nic.outside, at_ns * NS, source)


def places(bridge, entries):
    found, place = [], int(entries.first)
    while place != NOBODY:
        found.append(int(bridge.slot[place].crossing.begun_fs))
        place = int(bridge.slot[place].following)
    return found


def test_a_bridge_is_given_what_stations_outside_have_begun_up_to_a_time(system):
    nic, bridge = system.servers[0], system.bridges[0]
    outside_sends(nic, 0, 200, 400)
    hand_in(nic, bridge, 2, 200 * NS)
    assert places(bridge, bridge.port[2].come) == [0, 200 * NS]
    hand_in(nic, bridge, 2, 400 * NS - 1)
    assert places(bridge, bridge.port[2].come) == [0, 200 * NS]
    hand_in(nic, bridge, 2, 400 * NS)
    assert places(bridge, bridge.port[2].come) == [0, 200 * NS, 400 * NS]


def test_a_bridge_is_given_all_that_a_server_has_begun_to_send(system):
    nic, bridge = system.servers[1], system.bridges[0]
    for number, begun_fs in enumerate((7 * NS, 900 * NS)):
        crossing = nic.wire[0].sent.ring[number]
        crossing.begun_fs, crossing.come_fs, crossing.n_bytes = begun_fs, begun_fs + SHORT + PROPAGATION, 60
        nic.wire[0].sent.tail += 1
    hand_up(nic, bridge, 1)
    assert places(bridge, bridge.port[1].come) == [7 * NS, 900 * NS]
    assert places(bridge, bridge.port[0].come) == []
    assert int(bridge.port[1].n_given) == 2
    take(nic, bridge, 1)
    assert nic.wire[0].sent.head == nic.wire[0].sent.tail
    hand_up(nic, bridge, 1)
    assert places(bridge, bridge.port[1].come) == [7 * NS, 900 * NS]  # and not once more


def test_a_server_takes_what_a_bridge_has_begun_to_send_and_forgets_what_the_bridge_was_given(system):
    outside_sends(system.servers[0], 0, 0)
    bridge, nic = system.bridges[0], system.servers[1]
    for place, begun_fs in enumerate((300 * NS, 300 * NS + SHORT)):
        slot = bridge.slot[place]
        slot.crossing.begun_fs, slot.crossing.come_fs = begun_fs, begun_fs + SHORT + PROPAGATION
        slot.holds, slot.following = 1, place + 1 if place == 0 else NOBODY
    bridge.n_used, bridge.port[1].begun.first, bridge.port[1].begun.last = 2, 0, 1
    nic.wire[0].sent.tail, bridge.port[1].n_given = 3, 2
    before = bridge.slot[:2].tobytes()
    take(nic, bridge, 1)
    assert bridge.slot[:2].tobytes() == before  # other threads take from it too
    assert (int(nic.wire[0].sent.head), int(nic.wire[0].sent.tail)) == (2, 3)
    come = nic.wire[0].come
    assert [int(come.ring[at].come_fs) for at in range(come.head, come.tail)] == [
        300 * NS + SHORT + PROPAGATION, 300 * NS + 2 * SHORT + PROPAGATION,
    ]  # fmt: skip
    release(bridge, 1)
    assert places(bridge, bridge.port[1].begun) == []
    free, place = [], int(bridge.first_free)
    while place != NOBODY:
        free.append(place)
        place = int(bridge.slot[place].following)
    assert sorted(free) == [0, 1]  # nobody else needs the frames any more
