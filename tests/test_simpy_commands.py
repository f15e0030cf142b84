"""Commands in the SimPy model of one adapter: what holds from their instant on, and what goes on as it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from itertools import groupby, pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bridge_cases import GEN2_X4, NS_FS, US_FS, frame, nic, server
from tests.oracles.simpy_nic import PARTS, Arrival, Journey, Load, NicParameters, Outcome, Stop, simulate
from tests.oracles.simpy_nic.commands import MAY_CHANGE
from tests.oracles.simpy_nic.tables import station_name
from tests.oracles.simpy_nic.wires import wire_fs

WIRE, PF, VF0, VF1, VF2, VF3 = range(6)
NAMES = {WIRE: "outside", **{port: station_name(port, 100) for port in range(PF, VF3 + 1)}}
START_FS = 1000 * US_FS
KEEP = Stop(keep_deliveries=True, keep_journeys=True)
GBPS = 8 * 10**6
"""A rate of 1 Gb/s, in femtoseconds a byte."""


def entry(action: str, **changes: Any) -> SimpleNamespace:
    keys = ("source", "destination", "vlan", "ethertype", "priority", "rate_bps", "burst_bytes")
    return SimpleNamespace(**({"action": action, "port": "all"} | dict.fromkeys(keys) | changes))


def police(rate_bps: int, burst_bytes: int, **changes: Any) -> SimpleNamespace:
    return entry("police", rate_bps=rate_bps, burst_bytes=burst_bytes, **changes)


def tables(stations: Mapping[str, Any] | None = None, **switch: Any) -> Any:
    """Return tables of a VEB in which everybody is in VLAN 1, but for what is said."""
    return server(mode="veb", stations=stations, **switch).switch


def bytes_of(source: int, to: tuple[int, ...], n_bytes: int) -> bytes:
    return frame(NAMES[to[0]], NAMES[source], n_bytes)


def play(
    parameters: NicParameters,
    arrivals: Sequence[tuple[int, int, int, int]],
    *changes: tuple[int, NicParameters],
    stop: Stop = KEEP,
) -> Outcome:
    load = Load(arrivals=[Arrival(*each) for each in arrivals], bytes_of=bytes_of)
    return simulate(parameters, load, stop, changes)


def every(gap_fs: int, n: int, source: int, to: int, n_bytes: int = 1518) -> list[tuple[int, int, int, int]]:
    return [(START_FS + i * gap_fs, source, to, n_bytes) for i in range(n)]


def end_of(part: str, journey: Journey) -> int:
    """Return when a part of a copy's way ended."""
    return journey.posted_fs + sum(journey.parts_fs[: PARTS.index(part) + 1])


def many_frames() -> list[tuple[int, int, int, int]]:
    """Return frames of all senders, to all receivers, some to the wire, close to each other; none before 1 ns."""
    sizes = (64, 600, 1518)
    return sorted(
        (NS_FS + i * 700 * NS_FS + source, source, (source + 1 + i % 5) % 6, sizes[(i + source) % 3])
        for i in range(25)
        for source in range(6)
    )


BASE = nic(switch=tables(acl=(police(2 * 10**9, 6000, port="vf0"),)), scheduler="weighted", rx_prefetch=0, rx_ring=64)
KINDS: Mapping[str, dict[str, Any]] = {
    "station out of its VLAN": {"switch": tables({"vf1": {"vlans": (2,)}}, acl=BASE.switch.acl)},
    "station disabled": {"switch": tables({"vf2": {"enabled": False}}, acl=BASE.switch.acl)},
    "mirror": {
        "switch": tables(
            mirrors=(SimpleNamespace(to="pf", source="vf0", direction="ingress", vlan=None),), acl=BASE.switch.acl
        )
    },
    "denied": {"switch": tables(acl=(entry("deny", port="vf1"), *BASE.switch.acl))},
    "policed": {"switch": tables(acl=(police(10**9, 3000, port="vf0"),))},
    "policed besides": {"switch": tables(acl=(*BASE.switch.acl, police(10**9, 3000, port="vf1")))},
    "limited": {"rate_limits": {VF0: (GBPS, 2)}},
    "limited, with a window": {"rate_limits": {VF0: (GBPS, 2)}, "rate_limit_window_bytes": 100},
    "weights": {"weights": {VF0: 4, PF: 2}},
    "wire": {"port_rate_bps": 10**9},
    "link": {"link_fs_per_byte": (4 * GEN2_X4[0], GEN2_X4[1])},
    "max read request": {"max_read_request_bytes": 256},
}


@cache
def undisturbed(kind: str | None = None) -> Outcome:
    """Run many frames without commands, by what a kind of command leads to."""
    return play(replace(BASE, **KINDS[kind]) if kind else BASE, many_frames())


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_fs", [0, 1], ids=["at the start", "before the first frame"])
def test_a_change_ahead_of_all_frames_is_how_the_adapter_is_built(kind: str, at_fs: int) -> None:
    changed, arrivals = replace(BASE, **KINDS[kind]), many_frames()
    outcome = play(BASE, arrivals, (at_fs, changed))
    assert outcome == undisturbed(kind)
    assert outcome != undisturbed()


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_to_the_same_changes_nothing(kind: str) -> None:
    parameters, arrivals = replace(BASE, **KINDS[kind]), many_frames()
    times_fs = [arrivals[40][0], arrivals[80][0], 13 * US_FS + 1, 13 * US_FS + 1]
    same = [(at_fs, replace(parameters)) for at_fs in times_fs]
    assert play(parameters, arrivals, *same) == undisturbed(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_commands_of_one_instant_come_in_their_order(kind: str) -> None:
    changed, arrivals, at_fs = replace(BASE, **KINDS[kind]), many_frames(), 9 * US_FS
    alone = play(BASE, arrivals, (at_fs, changed))
    first = replace(BASE, **KINDS["wire" if kind == "link" else "link"], rate_limits={VF2: (GBPS, 1)})
    assert play(BASE, arrivals, (at_fs, first), (at_fs, changed)) == alone
    assert play(BASE, arrivals, (at_fs, first)) != alone != undisturbed()


def test_commands_behind_the_last_frame_do_not_prolong_a_run() -> None:
    slow = replace(BASE, port_rate_bps=10**9)
    assert play(BASE, many_frames(), (10**6 * US_FS, slow), (2 * 10**6 * US_FS, BASE)) == undisturbed()


def other(value: Any) -> Any:
    return not value if isinstance(value, bool) else 3 if value is None else value + 1 if isinstance(value, int) else ()


@pytest.mark.parametrize("name", [each.name for each in fields(NicParameters) if each.name not in MAY_CHANGE])
def test_nothing_else_may_change(name: str) -> None:
    changed = replace(BASE, **{name: other(getattr(BASE, name))})
    if changed == BASE:
        changed = replace(BASE, **{name: "another"})
    with pytest.raises(ValueError, match=f"^{name} cannot change"):
        play(BASE, many_frames(), (US_FS, BASE), (2 * US_FS, changed))


@pytest.mark.parametrize(
    ("switch", "said"),
    [
        (tables({"vf0": {"max_frame_bytes": 9018}}), "switch.ports.vf0.max_frame_bytes"),
        (tables({"vf2": {"vif": 77}}), "switch.ports.vf2.vif"),
        (tables(vif_lists={1: ("vf0",)}), "switch.vif_lists"),
        (server(mode="vepa").switch, "switch.mode"),
        (None, "tables"),
    ],
)
def test_tables_keep_their_shape(switch: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        play(BASE, many_frames(), (US_FS, replace(BASE, switch=switch)))


@pytest.mark.parametrize("times_fs", [(-1,), (5, 4)])
def test_commands_come_in_the_order_of_their_times(times_fs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="in the order of their times"):
        play(BASE, many_frames(), *((at_fs, BASE) for at_fs in times_fs))


@pytest.mark.parametrize("pipeline", [{}, {"max_pps": 10**6}, {"bus_cycle_fs": 6_400_000}], ids=str)
def test_a_frame_is_decided_by_the_tables_of_the_moment_at_which_it_is_switched(pipeline: dict[str, Any]) -> None:
    parameters = nic(switch=tables(), **pipeline)
    without = replace(parameters, switch=tables({"vf1": {"vlans": (2,)}}))
    arrivals = [(START_FS, VF0, VF1, 1518)]
    whole = play(parameters, arrivals)
    switched_fs = end_of("switch", whole.journeys[0])
    # What is unknown leaves by the wire.
    assert [each.destination for each in play(parameters, arrivals, (switched_fs, without)).deliveries] == [WIRE]
    assert play(parameters, arrivals, (switched_fs + 1, without)) == whole
    assert play(parameters, arrivals, (switched_fs - 1, without), (switched_fs, parameters)) == whole


def limited(fs_per_byte: int | None, **changes: Any) -> NicParameters:
    limits = {} if fs_per_byte is None else {VF0: (fs_per_byte, 1)}
    return nic(rate_limits=limits, **{"tx_ring": 64, "rx_ring": 64, "rx_buffer_bytes": 8192, **changes})


def saturate(parameters: NicParameters, end_fs: int, *changes: tuple[int, NicParameters], **load: Any) -> Outcome:
    whole = {VF0: [(VF1, 1518)], **load.pop("saturating", {})}
    stop = Stop(0, end_fs, keep_deliveries=True, keep_journeys=True)
    return simulate(parameters, Load(saturating=whole, **load), stop, changes)


def picked_fs(outcome: Outcome, source: int = VF0) -> list[int]:
    """Return when the frames of a function were picked, of those that arrived."""
    return [end_of("tx_room", each) for each in outcome.journeys if each.source == source]


def test_a_halved_rate_limit_doubles_what_each_frame_is_charged() -> None:
    frame_fs, at_fs = 1518 * GBPS, 500 * US_FS
    fast, slow = limited(GBPS), limited(2 * GBPS)
    outcome = saturate(fast, 1000 * US_FS, (at_fs, slow))
    picks = picked_fs(outcome)
    assert picks[:30] == picked_fs(saturate(fast, at_fs))[:30]
    # The window of 4 KiB goes out at once; from then on each frame waits for the one before it.
    gaps = [(second, second - first) for first, second in pairwise(picks[6:])]
    first_slow = next(i for i, (_, gap) in enumerate(gaps) if gap != frame_fs)
    assert first_slow > 20
    assert {gap for _, gap in gaps[first_slow:]} == {2 * frame_fs}
    # What was charged stays: the first frame behind the command goes as if there was none, the next one later.
    assert gaps[first_slow - 1][0] >= at_fs > gaps[first_slow - 2][0]


def test_a_window_counts_from_the_next_frame_on() -> None:
    at_fs, window = 500 * US_FS, 100_000
    wide = limited(GBPS, rate_limit_window_bytes=window)
    # Idle before: both windows are full as the burst comes.
    burst = [(START_FS + i, VF0, VF1, 1518) for i in range(50)]
    narrow = play(limited(GBPS), burst)
    assert play(limited(GBPS), burst, (at_fs, wide)) == play(wide, burst) != narrow
    # In the midst of the burst nothing is given: what was charged stays.
    midst_fs = picked_fs(narrow)[10] - US_FS
    midst = picked_fs(play(limited(GBPS), burst, (midst_fs, wide)))
    assert midst[:11] == picked_fs(narrow)[:11]
    # At e a frame is charged to max(e - w, e) + T, whatever the window.
    assert midst == picked_fs(narrow)


def test_a_new_limit_begins_with_a_full_window() -> None:
    at_fs, end_fs = 100 * US_FS, 250 * US_FS
    limit = limited(GBPS, rate_limit_window_bytes=4096)
    behind = [each for each in picked_fs(saturate(limited(None), end_fs, (at_fs, limit))) if each >= at_fs]
    free = [each for each in picked_fs(saturate(limited(None), end_fs)) if each >= at_fs]
    # Three frames use the window up, as fast as the link takes them; then each waits for the one before it.
    assert behind[:3] == free[:3]
    assert behind[3] == behind[0] + (3 * 1518 - 4096) * GBPS > free[3]
    assert {second - first for first, second in pairwise(behind[3:])} == {1518 * GBPS}


def test_a_limit_that_is_gone_lets_the_function_go_at_once() -> None:
    at_fs = 500 * US_FS
    slow, free = limited(1000 * GBPS, rate_limit_window_bytes=0), limited(None)
    arrivals = [(0, VF0, VF1, 1518), (0, VF0, VF1, 1518)]
    assert picked_fs(play(slow, arrivals, (at_fs, free)))[1] == at_fs
    # A limit that comes back begins anew.
    arrivals.append((at_fs + US_FS, VF0, VF1, 1518))
    gone = picked_fs(play(slow, arrivals, (at_fs, free)))
    assert picked_fs(play(slow, arrivals, (at_fs, free), (at_fs + 1, slow))) == gone
    assert gone[2] < at_fs + 10 * US_FS


def runs(journeys: Sequence[Journey]) -> list[tuple[int, int]]:
    """Return (source, frames) of the turns, by when frames were picked."""
    picked = sorted((end_of("tx_room", each), each.source) for each in journeys)
    return [(source, len(list(each))) for source, each in groupby(picked, key=lambda pick: pick[1])]


def test_a_weight_counts_from_the_next_turn_on() -> None:
    both = {VF0: [(VF2, 1518)], VF3: [(VF1, 1518)]}
    before, after = (limited(None, tx_ring=512, scheduler="weighted", weights={VF0: weight}) for weight in (5, 8))
    whole = saturate(before, 200 * US_FS, saturating=both)
    # In the midst of a turn, behind its second frame.
    at_fs = picked_fs(whole)[5 * 5 + 1] + 1
    outcome = saturate(before, 200 * US_FS, (at_fs, after), saturating=both)
    turns = [n for source, n in runs(outcome.journeys) if source == VF0][:-1]
    assert turns == [5] * 6 + [8] * (len(turns) - 6)
    assert len(turns) > 10


def test_a_quantum_is_given_by_the_weight_of_its_moment() -> None:
    both = {VF0: [(VF2, 1518)], VF3: [(VF1, 1518)]}
    before, after = (limited(None, tx_ring=512, scheduler="deficit", weights={VF0: weight}) for weight in (5, 8))
    outcome = saturate(before, 200 * US_FS, (100 * US_FS, after), saturating=both)
    turns = [n for source, n in runs(outcome.journeys) if source == VF0][1:-1]
    assert set(turns) == {5, 8} and turns == sorted(turns)


def test_a_frame_on_the_wire_ends_as_it_began() -> None:
    fast, slow = nic(tx_ring=64), nic(tx_ring=64, port_rate_bps=10**9)
    arrivals = every(1, 20, VF0, WIRE)
    ends = [each.delivered_at_fs for each in play(fast, arrivals).deliveries]
    midst_fs = ends[9] + wire_fs(1514, 10**10) // 2
    changed = [each.delivered_at_fs for each in play(fast, arrivals, (midst_fs, slow)).deliveries]
    assert changed[:11] == ends[:11]
    assert {second - first for first, second in pairwise(changed[10:])} == {wire_fs(1514, 10**9)}
    # At the instant at which a frame begins the command is there before it.
    at_once = [each.delivered_at_fs for each in play(fast, arrivals, (ends[9], slow)).deliveries]
    assert at_once[:10] == ends[:10] and at_once[10] - at_once[9] == wire_fs(1514, 10**9)


def test_the_line_brings_what_it_has_begun_with() -> None:
    fast, slow = nic(), nic(port_rate_bps=10**9)
    arrivals = every(0, 3, WIRE, VF1)
    first_fs, fast_fs, slow_fs = START_FS + wire_fs(1514, 10**10), wire_fs(1514, 10**10), wire_fs(1514, 10**9)
    outcome = play(fast, arrivals, (first_fs + fast_fs // 2, slow))
    assert [each.posted_fs for each in outcome.journeys] == [
        first_fs, first_fs + fast_fs, first_fs + fast_fs + slow_fs,
    ]  # fmt: skip


def test_a_policer_earns_by_the_old_rate_up_to_the_command() -> None:
    # 1518 B each 10 us: at 151.8 B/us all pass, at half of that each second, at a quarter each fourth.
    rate_bps = 1518 * 8 * 10**5

    def policed(part: int, burst: int = 1518, *before: SimpleNamespace) -> NicParameters:
        return nic(switch=tables(acl=(*before, police(rate_bps // part, burst, port="vf0"))), rx_ring=64)

    arrivals = every(10 * US_FS, 40, VF0, VF1)
    outcome = play(policed(2), arrivals, (START_FS + 195 * US_FS, policed(4)))
    numbers = [each.number for each in outcome.journeys]
    # 18 empties it, 2 us after it was offered. Up to the command come 0.65 frames, up to 20 0.17, up to 21 0.25 more.
    assert numbers == [*range(0, 20, 2), *range(21, 40, 4)]
    # The same entry, wherever it stands among others that do not police.
    moved = policed(4, 1518, entry("permit", port="vf2"))
    assert play(policed(2), arrivals, (START_FS + 195 * US_FS, moved)) == outcome
    # Another one before it takes its place, and its bucket; it itself begins full.
    pushed = policed(4, 1518, police(rate_bps, 1518, port="vf3"))
    assert [each.number for each in play(policed(2), arrivals, (START_FS + 185 * US_FS, pushed)).journeys][9:11] == [
        18, 19,
    ]  # fmt: skip


def test_tokens_above_a_smaller_burst_are_lost() -> None:
    def burst_of(frames: int) -> NicParameters:
        return nic(switch=tables(acl=(police(1000, 1518 * frames),)), rx_ring=64)

    arrivals = every(0, 20, VF0, VF1)
    at_fs = START_FS - US_FS

    def passed(*changes: int) -> int:
        return len(play(burst_of(10), arrivals, *((at_fs, burst_of(frames)) for frames in changes)).journeys)

    assert [passed(), passed(4), passed(15), passed(4, 10)] == [10, 4, 10, 4]


def test_a_tlp_ends_as_it_began() -> None:
    begins, slow = nic(), replace(nic(), link_fs_per_byte=(10 * GEN2_X4[0], GEN2_X4[1]))
    arrivals = every(0, 1, VF0, VF1)
    landed_fs = end_of("payload_write", play(begins, arrivals).journeys[0])
    # Of the payload's last TLP nothing is changed once it has begun.
    last_fs = (1514 % 256 + 24 + 4) * GEN2_X4[0] // GEN2_X4[1]
    assert end_of("payload_write", play(begins, arrivals, (landed_fs - last_fs // 2, slow)).journeys[0]) == landed_fs
    assert end_of("payload_write", play(begins, arrivals, (landed_fs - 2 * last_fs, slow)).journeys[0]) > landed_fs


def test_reads_are_cut_by_the_request_size_of_the_moment_at_which_they_are_asked_for() -> None:
    large, small = nic(), nic(max_read_request_bytes=512)
    arrivals = every(1000 * US_FS, 2, VF0, VF1)

    def requests(parameters: NicParameters, *changes: tuple[int, NicParameters]) -> int:
        return play(parameters, arrivals, *changes).up.window_bytes["read_request"] // 24

    assert [requests(large), requests(small)] == [2, 6]
    picked = picked_fs(play(large, arrivals))[1]
    assert requests(large, (picked, small)) == 4
    assert requests(large, (picked + 1, small)) == 2
