"""Commands in the SimPy model of servers on a bridge: tables, rates and times of bridges and adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.bridge_cases import EVERYONE, NS_FS, US_FS, check_balance, frame, mac, nic, server
from tests.oracles.simpy_nic.wires import wire_fs
from tests.oracles.simpy_system import (
    OUTSIDE,
    SYSTEM_PARTS,
    BridgeParameters,
    BridgePort,
    ExtenderParameters,
    Setup,
    SystemArrival,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)
from tests.test_simpy_commands import GBPS, entry, police

START_FS = 1000 * US_FS
LATENCY_FS = 3 * US_FS
Change = Callable[[Setup], Setup]


def setup(mode: str = "veb", bridge: Mapping[str, Any] | None = None, **stations: Any) -> Setup:
    """Return servers a and b on a bridge; `stations`: what differs at all adapters."""
    kind = "controlling" if mode in ("vn_tag", "e_tag") else "learning"
    settings = {"kind": kind, "latency_fs": LATENCY_FS, "announce": kind == "learning", **(bridge or {})}
    own = {"parameters": nic(rx_prefetch=0, rx_ring=64), **({"stations": stations} if stations else {})}
    return Setup([server(name, mode=mode, **own) for name in "ab"], [BridgeParameters(**settings)])


def with_bridge(**changes: Any) -> Change:
    return lambda before: before._replace(bridges=[replace(before.bridges[0], **changes)])


def with_ports(**changes: Any) -> Change:
    """Return a change of all ports to servers, and of their adapters' wires where it is of the rate."""

    def change(before: Setup) -> Setup:
        ports = {**before.bridges[0].ports}
        for each in before.servers:
            ports[each.place] = replace(ports.get(each.place, BridgePort()), **changes)
        rate = {"port_rate_bps": changes["rate_bps"]} if "rate_bps" in changes else {}
        servers = [replace(each, nic=replace(each.nic, **rate)) for each in before.servers]
        return Setup(servers, [replace(before.bridges[0], ports=ports)])

    return change


def with_stations(mode: str, **stations: Any) -> Change:
    return lambda before: before._replace(servers=setup(mode, **stations).servers)


def with_nic(**changes: Any) -> Change:
    return lambda before: before._replace(
        servers=[replace(each, nic=replace(each.nic, **changes)) for each in before.servers]
    )


def play(
    begins: Setup, arrivals: Sequence[tuple[int, str, bytes]], *changes: tuple[int, Change | Setup]
) -> SystemOutcome:
    """Run frames to the end; each change is of what the run begins with."""
    given = [(at_fs, to if isinstance(to, Setup) else to(begins)) for at_fs, to in changes]
    outcome = simulate_system(
        *begins[:2], SystemLoad(arrivals=[SystemArrival(*each) for each in arrivals]), None, given
    )
    check_balance(outcome)
    return outcome


def many_frames() -> list[tuple[int, str, bytes]]:
    names = [*(f"{server}.{station}" for server in "ab" for station in EVERYONE), OUTSIDE, "broadcast"]
    return [
        (NS_FS + i * 350 * NS_FS, names[i % 11], frame(names[(i + 1 + i // 5 % 11) % 12], names[i % 11], size))
        for i, size in enumerate((64, 600, 1518) * 34)
        if names[i % 11] != names[(i + 1 + i // 5 % 11) % 12]
    ]


@cache
def undisturbed(mode: str) -> SystemOutcome:
    return play(MODES[mode], many_frames())


MODES: Mapping[str, Setup] = {
    "veb": setup(bridge={"policy": (police(5 * 10**8, 3000, port="a.vf0"),), "ageing_fs": 9 * US_FS}),
    "multichannel": setup("multichannel"),
    "e_tag": setup("e_tag", {"extenders": {"fex": ExtenderParameters()}, "ports": {"a": BridgePort(behind="fex")}}),
    "vn_tag": setup("vn_tag"),
}  # fmt: skip
FEWER: Mapping[str, Change] = {
    mode: with_stations(mode, vf0={"vlans": (2,), "port_vlan": 2, "untagged": (2,)}, vf2={"enabled": False})
    for mode in MODES
}
KINDS: Mapping[str, tuple[str, Change]] = {
    "VLANs of ports": ("veb", with_ports(vlans=frozenset({2}))),
    "native VLANs": ("veb", with_ports(native_vlan=7)),
    "hairpin": ("veb", with_ports(hairpin=True)),
    "rates of ports": ("veb", with_ports(rate_bps=10**9)),
    "rate outside": ("veb", with_bridge(ports={OUTSIDE: BridgePort(10**9)})),
    "latency": ("veb", with_bridge(latency_fs=US_FS)),
    "ageing": ("veb", with_bridge(ageing_fs=20 * US_FS)),
    "no ageing": ("veb", with_bridge(ageing_fs=None)),
    "policed": ("veb", with_bridge(policy=(police(10**8, 1600, port="a.vf0"),))),
    "denied": ("veb", with_bridge(policy=(entry("deny", port="b.pf"), *MODES["veb"].bridges[0].policy))),
    "limited": ("veb", with_nic(rate_limits={2: (100 * GBPS, 1)}, rate_limit_window_bytes=0)),
    **{f"stations, {mode}": (mode, FEWER[mode]) for mode in MODES},
}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_fs", [0, 1], ids=["at the start", "before the first frame"])
def test_a_change_ahead_of_all_frames_is_how_the_system_is_built(kind: str, at_fs: int) -> None:
    (mode, change), arrivals = KINDS[kind], many_frames()
    begins = MODES[mode]
    outcome = play(begins, arrivals, (at_fs, change))
    assert outcome != undisturbed(mode)
    silent = replace(begins.bridges[0], announce=False)
    if at_fs == 0 or not begins.bridges[0].announce:
        assert outcome == play(change(begins), arrivals)
    else:  # stations have announced themselves at 0, by the tables of then
        begins = begins._replace(bridges=[silent])
        assert play(begins, arrivals, (at_fs, change)) == play(change(begins), arrivals)


@pytest.mark.parametrize("mode", MODES)
def test_a_change_to_the_same_changes_nothing(mode: str) -> None:
    begins, arrivals = MODES[mode], many_frames()
    times_fs = [arrivals[40][0], arrivals[80][0], 30 * US_FS + 1, 30 * US_FS + 1]
    again = setup(mode)._replace(bridges=[replace(begins.bridges[0])])
    assert play(begins, arrivals, *((at_fs, again) for at_fs in times_fs)) == undisturbed(mode)
    # Whatever is changed and changed back between two commands of one instant.
    assert play(begins, arrivals, (times_fs[0], FEWER[mode]), (times_fs[0], again)) == undisturbed(mode)
    assert play(begins, arrivals, (times_fs[0], FEWER[mode])) != undisturbed(mode)


def alone(begins: Setup, *changes: tuple[int, Change], sender: str = "a.vf0", to: str = "b.vf1") -> SystemOutcome:
    """Let one frame go to a station that the bridge knows."""
    return play(begins, [(START_FS, sender, frame(to, sender, 1518))], *changes)


def end_of(part: str, outcome: SystemOutcome) -> int:
    """Return when a part of the last journey ended."""
    journey = outcome.journeys[-1]
    return journey.posted_fs + sum(journey.parts_fs[: SYSTEM_PARTS.index(part) + 1])


def forwarded_fs(begins: Setup) -> int:
    """Return when the frame that is alone has waited for the bridge's latency."""
    return end_of("wire", alone(begins)) + LATENCY_FS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_ports(vlans=frozenset({2})), "VLAN_MEMBER"),
        (with_bridge(ports={"b": BridgePort(vlans=frozenset({2}))}), "NO_DESTINATION"),
        (with_bridge(policy=(entry("deny", port="a.vf0"),)), "ACL_DENY"),
        (with_bridge(policy=(police(1000, 64, port="all"),)), "RATE_LIMITED"),
    ],
)
def test_a_bridge_forwards_by_the_tables_of_the_moment(change: Change, reason: str) -> None:
    begins = setup()
    at_fs = forwarded_fs(begins)
    assert {each for _, each in alone(begins, (at_fs, change)).drops} == {reason}
    assert alone(begins, (at_fs + 1, change)).deliveries == alone(begins).deliveries


def test_a_frame_that_waits_for_the_latency_keeps_its_time() -> None:
    begins = setup()
    undisturbed, forwarded = alone(begins), forwarded_fs(begins)
    arrived_fs = forwarded - LATENCY_FS
    for latency_fs in (0, 10 * US_FS):
        change = with_bridge(latency_fs=latency_fs)
        assert alone(begins, (arrived_fs + 1, change)).deliveries == undisturbed.deliveries
        # On its way to the bridge it does not wait yet.
        other_fs = alone(begins, (arrived_fs, change)).deliveries[0].at_fs
        assert other_fs == undisturbed.deliveries[0].at_fs - LATENCY_FS + latency_fs


def test_no_frame_passes_another_that_waits() -> None:
    begins = setup()
    arrivals = [(START_FS + i, "a.vf0", frame("b.vf1", "a.vf0", 64)) for i in range(6)]
    arrived_fs = [end_of("wire", play(begins, arrivals[: i + 1])) for i in range(6)]
    outcome = play(begins, arrivals, (arrived_fs[2] + 1, with_bridge(latency_fs=0)))
    left_fs = [each.posted_fs + sum(each.parts_fs[: SYSTEM_PARTS.index("bridge") + 1]) for each in outcome.journeys]
    assert [each.number for each in outcome.journeys] == list(range(6))
    # The third keeps its time; those behind it would be there sooner, and follow back to back.
    third_fs = arrived_fs[2] + LATENCY_FS + wire_fs(60, 10**10)
    assert left_fs[2:] == [third_fs + i * wire_fs(60, 10**10) for i in range(4)]


def test_a_frame_on_a_wire_ends_as_it_began() -> None:
    begins, slow = setup(), with_ports(rate_bps=10**9)
    undisturbed, fast_fs, slow_fs = alone(begins), wire_fs(1514, 10**10), wire_fs(1514, 10**9)
    arrived_fs = end_of("wire", undisturbed)
    # In the midst of the first wire, the second has the new rate; in the midst of the second neither.
    for at_fs, more_fs in (
        (arrived_fs - fast_fs, 2 * (slow_fs - fast_fs)),
        (arrived_fs - fast_fs + 1, slow_fs - fast_fs),
        (arrived_fs + LATENCY_FS, slow_fs - fast_fs),
        (arrived_fs + LATENCY_FS + 1, 0),
    ):
        assert alone(begins, (at_fs, slow)).deliveries[0].at_fs == undisturbed.deliveries[0].at_fs + more_fs


def test_what_is_learned_stays() -> None:
    begins = setup(bridge={"announce": False})
    known = [(START_FS, "b.vf1", frame("a.pf", "b.vf1"))]
    later = [(START_FS + 100 * US_FS, "a.vf0", frame("b.vf1", "a.vf0"))]
    without = with_ports(vlans=frozenset({2}))
    changes = [(START_FS + 30 * US_FS, without), (START_FS + 60 * US_FS, begins)]
    for given in (changes, []):
        outcome = play(begins, known + later, *given)
        assert (outcome.bridge.learned, outcome.bridge.flooded) == (2, 1)
        assert [each.receiver for each in outcome.deliveries][-1] == "b.vf1"


@pytest.mark.parametrize(("ageing_us", "new_us", "at_us", "aged"), [
    (50, 20, 30, 1), (50, 20, 10, 1), (50, 200, 49, 0), (50, 200, 50, 0), (50, 200, 51, 1), (50, 60, 30, 1),
])  # fmt: skip
def test_an_entry_ages_by_the_time_of_the_moment(ageing_us: int, new_us: int, at_us: int, aged: int) -> None:
    begins = setup(bridge={"announce": False, "ageing_fs": ageing_us * US_FS})
    learned_fs = forwarded_fs(begins)
    change = learned_fs + at_us * US_FS, with_bridge(announce=False, ageing_fs=new_us * US_FS)
    outcome = play(begins, [(START_FS, "a.vf0", frame("b.vf1", "a.vf0", 1518)),
                            (START_FS + 100 * US_FS, OUTSIDE, frame("a.vf0", OUTSIDE, 64))], change)  # fmt: skip
    # The run ends at about 106 us: the entry of the frame from outside is there still.
    assert outcome.bridge.aged == aged


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
@pytest.mark.parametrize("behind", ["bridge", "fex"])
def test_a_station_that_is_disabled_gets_nothing_more(mode: str, behind: str) -> None:
    extenders = {} if behind == "bridge" else {"fex": ExtenderParameters()}
    begins = setup(mode, {"extenders": extenders, "ports": {"b": BridgePort(behind=behind)}})
    off = with_stations(mode, vf1={"enabled": False})
    undisturbed, at_fs = alone(begins), forwarded_fs(begins)
    unknown = "VNTAG_UNKNOWN_VIF" if mode == "vn_tag" else "ETAG_UNKNOWN_ECID"
    # What the bridge has sent on comes down to the adapter, which knows no such station.
    assert alone(begins, (at_fs + 1, off)).drops == {("b", unknown): 1}
    assert alone(begins, (end_of("rx_switch", undisturbed) + 1, off)).deliveries == undisturbed.deliveries
    # The bridge knows the address of nobody who is not enabled: such frames go outside.
    assert [each.receiver for each in alone(begins, (at_fs, off)).deliveries] == [OUTSIDE]


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
def test_a_group_has_the_members_of_the_moment(mode: str) -> None:
    begins, group = setup(mode), frame("broadcast", "a.vf0")
    arrivals = [(START_FS + i * 100 * US_FS, "a.vf0", group) for i in range(3)]
    off = with_stations(mode, vf1={"enabled": False})
    outcome = play(begins, arrivals, (START_FS + 50 * US_FS, off), (START_FS + 150 * US_FS, begins))
    got = [sorted(each.receiver for each in outcome.journeys if each.number == i) for i in range(3)]
    everyone = sorted({OUTSIDE, *(f"{name}.{each}" for name in "ab" for each in EVERYONE)} - {"a.vf0"})
    assert got[0] == got[2] == everyone
    assert got[1] == [each for each in everyone if not each.endswith("vf1")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_bridge(table=7), "bridge.table"),
        (with_bridge(buffer_bytes=7), "bridge.buffer_bytes"),
        (with_bridge(forwarding="cut_through"), "bridge.forwarding"),
        (with_ports(translate={5: 6}), "bridge.a.translate"),
        (with_bridge(ports={OUTSIDE: BridgePort(behind="fex")}), "bridge.outside.behind"),
        (with_bridge(extenders={"fex": ExtenderParameters()}), "extenders"),
        (with_nic(tx_ring=7), "tx_ring"),
        (with_stations("veb", vf0={"ecid": 77}), "a.switch.ports.vf0.ecid"),
        (lambda before: before._replace(servers=before.servers[::-1]), "servers"),
        (lambda before: before._replace(bridges=[*before.bridges, BridgeParameters("other")]), "bridges"),
    ],
)
def test_nothing_else_may_change(change: Change, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        alone(setup(), (US_FS, change))


def test_a_bridge_that_is_told_of_stations_is_told_anew() -> None:
    begins, address = setup("vn_tag"), mac("b.vf1") | 1 << 16
    more = with_stations("vn_tag", vf1={"macs": (address,)})(begins)
    more = more._replace(servers=[begins.servers[0], more.servers[1]])
    arrivals = [(START_FS + i * 100 * US_FS, "a.pf", frame(address, "a.pf")) for i in range(2)]
    outcome = play(begins, arrivals, (START_FS + 50 * US_FS, more))
    assert [each.receiver for each in outcome.deliveries] == [OUTSIDE, "b.vf1"]
