"""A bond of uplinks: by which leg each frame goes, what an outage costs, and when it is found, by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwmodel import Result, limits, simulate
from hwmodel.analytic.bond import leg_shares
from hwmodel.config import config_from_mapping
from hwmodel.config.check_virtual_switch import check_bond
from hwmodel.errors import InputError
from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.network.bond import LEG_EVENT, LEG_IN, LEG_OUT, WIRE_DIED, WIRE_LIVES
from hwmodel.report.html import render_page
from hwmodel.results import check_balance
from hwmodel.results.adapter_use import BondUse, Outage
from hwmodel.results.bond_text import outage_sentence
from hwmodel.rules.ethernet import FAST_PERIOD_FS, PERIODS_TO_TIMEOUT, SLOW_PERIOD_FS
from hwmodel.simulation.figures.bond_outages import outages_of
from hwmodel.simulation.run.commands import Change
from hwmodel.units import FS_PER_US
from hwmodel.workload import build_workload
from tests.journey_runs import JourneyRun, finished_journeys
from tests.switch_cases import tshark_rows

BOND = "host.virtual_switch.bond"
BASE = {
    "nic": {"mode": "vswitch", "vfs": 4, "preset": None},
    "port": {"count": 2, "rate": "10Gbps"},
    "pcie": {"generation": 3, "lanes": 8},
    "host": {"virtual_switch": {"pass_by": "pointer", "uplink_time": "0ns", "bond": {"monitor": "100us"}}},
    "driver": {"preset": "dpdk"},
    "workload": {"pattern": "to_wire", "frame_bytes": 1518, "load": "1Gbps"},
    "run": {"warmup": "100us", "duration": "2ms", "clocks": "exact"},
}
P0_DIES = [{"at": "550us", "set": {"port.down": ["p0"]}}, {"at": "1250us", "set": {"port.down": []}}]
CRITICAL = {1: 6.635, 3: 11.345}  # of chi-square at p 0.01, by degrees of freedom
US = 1e3


def run(changes: Mapping[str, Any], scenario: Any = ()) -> Result:
    result = simulate(config_from_mapping({**BASE, "scenario": list(scenario)}, changes))
    assert check_balance(result) == []
    return result


def bond_of(result: Result) -> BondUse:
    assert result.bond is not None
    return result.bond


def chi_square(counts: list[int], shares: list[float]) -> float:
    expected = [sum(counts) * share for share in shares]
    return sum((n - mean) ** 2 / mean for n, mean in zip(counts, expected, strict=True))


@pytest.mark.parametrize("legs", [2, 4])
def test_connections_are_shared_as_by_chance(legs: int) -> None:
    """Those of all VMs, over legs; and frames that draw a connection each, over the legs of these."""
    changes = {f"{BOND}.mode": "l4_hash", "workload.connections": 37, "port.count": legs, "run.duration": "4ms"}
    config = config_from_mapping(BASE, changes)
    of_vms = [leg_shares(config, f"vf{k}", "uplink") for k in range(4)]
    names = config.port.names
    counts = [round(sum(37 * shares[name] for shares in of_vms)) for name in names]
    assert sum(counts) == 4 * 37 and chi_square(counts, [1 / legs] * legs) < CRITICAL[legs - 1]
    used = bond_of(run(changes))
    frames = [leg.tx_frames for leg in used.legs]
    assert sum(frames) > 1200
    assert chi_square(frames, [n / (4 * 37) for n in counts]) < CRITICAL[legs - 1]
    assert [leg.tx_bytes for leg in used.legs] == [1518 * n for n in frames]


@pytest.mark.parametrize(
    ("vlan", "legs"), [(None, ["p0", "p1", "p0", "p1"]), (7, ["p1", "p0", "p1", "p0"])], ids=["untagged", "tagged"]
)
def test_a_source_address_has_its_leg_each_way(vlan: int | None, legs: list[str]) -> None:
    """Those of VMs are 02:00:00:00:00:02 and up: 0x020000 XOR 2 is even; 7 more turns it. Frames to them come by it."""
    changes = {f"{BOND}.mode": "source_mac", "workload.external": {"rate": "2Gbps"}}
    if vlan is not None:
        changes["switch.ports.all"] = {"port_vlan": vlan, "vlans": [vlan], "untagged": [vlan]}
    config = config_from_mapping(BASE, changes)
    assert [list(leg_shares(config, f"vf{k}", "uplink")) for k in range(4)] == [[leg] for leg in legs]
    assert [list(leg_shares(config, "uplink", f"vf{k}")) for k in range(4)] == [[leg] for leg in legs]
    only_first = {**changes, "workload.pattern": "flows", "workload.flows": [["vf0", "uplink"], ["vf2", "uplink"]],
                  "workload.external": {"rate": "2Gbps", "to": ["vf1", "vf3"]}}  # fmt: skip
    used = {leg.name: leg for leg in bond_of(run(only_first)).legs}
    other = "p1" if legs[0] == "p0" else "p0"
    assert used[legs[0]].tx_share == 1 and used[other].tx_share == 0
    assert used[legs[0]].rx_share == 0 and used[other].rx_share == 1


def test_limits_are_those_of_each_bond_one_after_the_other() -> None:
    found = [
        limits(config_from_mapping(BASE, {f"{BOND}.mode": mode, "workload.load": "saturate"})).gbps
        for mode in ("active_backup", "source_mac", "active_backup")
    ]
    assert found == pytest.approx([9.870, 19.740, 9.870], rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "gbps", "lossless", "limit"),
    [
        ({"workload.load": "saturate"}, 2 * 9.870, 16.45, "p0.wire.tx"),
        ({"workload.load": "3.6Gbps"}, 9.870 + 2 * 3.6, 16.45, "p0.wire.tx"),
        ({"workload.load": "2Gbps"}, 10, 16.45, "offered_load"),
        ({f"{BOND}.mode": "active_backup", "workload.load": "saturate"}, 9.870, 9.870, "p0.wire.tx"),
        ({"port.down": ["p1"], "workload.load": "saturate"}, 9.870, 9.870, "p0.wire.tx"),
        ({"host.virtual_switch.frame_time": "2us", "workload.load": "saturate"}, 6.06, 16.45, "vswitch"),
    ],
)
def test_the_busiest_leg_is_the_limit(changes: dict[str, Any], gbps: float, lossless: float, limit: str) -> None:
    """Of five VMs three go by p0: without a loss it carries 9.87 / 0.6; beyond that the other leg goes on alone."""
    changes = {f"{BOND}.mode": "source_mac", "nic.vfs": 5, "run.duration": "3ms", **changes}
    expected, result = limits(config_from_mapping(BASE, changes)), run(changes)
    assert expected.gbps == pytest.approx(gbps, rel=2e-3) and expected.limited_by == limit
    assert result.wire.tx_gbps == pytest.approx(gbps, rel=0.03)
    assert f"without a loss it carries {lossless:.4g}"[:33] in " ".join(expected.notes)
    if limit.endswith("wire.tx"):
        assert result.bottleneck.resource == limit


def test_an_outage_loses_what_the_closed_form_says_frame_by_frame() -> None:
    """Lost is what is posted until the leg is given up and comes to its MAC while the wire is dead."""
    changes = {f"{BOND}.mode": "l4_hash", "workload.connections": 8, "workload.arrivals": "periodic",
               "workload.load": "300Mbps", "run.warmup": "0us", f"{BOND}.down_delay": "170us"}  # fmt: skip
    config = config_from_mapping(BASE, changes)
    dead = config.with_overrides({"port.down": ["p0"]})
    died_us, lives_us, given_up_us = 550, 1450, 800  # the first look at 550 + 170 or later
    whole, cut = (JourneyRun(config, build_workload(config), events) for events in ((), [
        Change(died_us * 10**9, dead), Change(lives_us * 10**9, config),
    ]))  # fmt: skip
    whole.go_through()
    cut.go_through()
    by_leg = {name: [leg_shares(config, f"vf{k}", "uplink") for k in range(4)] for name in ("p0", "p1")}
    assert all("p0" in shares for shares in by_leg["p0"])
    legs = _legs_of(whole)
    wire_fs = 1538 * 8 * 10**5
    expected = set()
    for name, (_, _, parts, taken_fs) in finished_journeys(whole).items():
        posted_fs, at_mac_fs = taken_fs - parts[PART_FIELDS.index("wire") - 1], taken_fs - wire_fs
        is_meanwhile = posted_fs < given_up_us * 10**9 and died_us * 10**9 <= at_mac_fs < lives_us * 10**9
        if legs[name] == 0 and is_meanwhile:
            expected.add(name)
    found = finished_journeys(whole).keys() - finished_journeys(cut).keys()
    (outage,) = bond_of(cut.result()).outages
    assert found == expected and outage.lost_out == len(expected) > 8
    assert (outage.died_ns, outage.given_up_ns, outage.lives_ns) == (550 * US, 800 * US, 1450 * US)
    rate_per_us = sum(float(shares.get("p0", 0)) for shares in by_leg["p0"]) * 300 / (1518 * 8)
    assert outage.lost_out == pytest.approx(rate_per_us * (given_up_us - died_us), abs=3)


def _legs_of(run: JourneyRun) -> dict[Any, int]:
    """Return by which leg each finished frame of a run has gone, by its name among the journeys: by hand."""
    nic: Any = run.state[0]
    found = {}
    for entry in run.entries:
        header = bytes(nic["headers"]["copy_header"][entry["copy_kind"]]["octets"])
        words = [int.from_bytes(header[at : at + 4], "little") for at in (26, 30, 34)]
        low = (words[0] ^ words[1] ^ words[2]).to_bytes(4, "little")
        name = int(entry["tx_queue"]) + 1, int(entry["number"]), 0, int(entry["offered_fs"])
        found[name] = (low[0] ^ low[1] ^ low[2] ^ low[3]) >> 1 & 1
    return found


@pytest.mark.parametrize(
    ("changes", "scenario", "given_up_us", "used_us", "way"),
    [
        ({}, P0_DIES, 600, 1300, 0),
        ({f"{BOND}.monitor": "0ns"}, P0_DIES, 550, 1250, 0),
        ({f"{BOND}.monitor": "0ns", f"{BOND}.down_delay": "33us", f"{BOND}.up_delay": "44us"}, P0_DIES, 583, 1294, 0),
        ({f"{BOND}.down_delay": "100us", f"{BOND}.up_delay": "150us"}, P0_DIES, 700, 1400, 0),
        ({f"{BOND}.monitor": "1s"}, P0_DIES, None, None, 0),
        ({f"{BOND}.primary": "p1"}, P0_DIES, 600, 1300, 1),
        ({}, [{"at": "550us", "set": {f"{BOND}.silent": ["p0"]}}], None, None, 0),
    ],
)
def test_what_is_active_goes_over_when_it_is_found_dead(
    changes: dict[str, Any], scenario: Any, given_up_us: float | None, used_us: float | None, way: int
) -> None:
    """Frames come each 3.036 us and each 6.072 us; the first lost is the first that would leave or come."""
    periodic = {"workload.arrivals": "periodic", "workload.external": {"rate": "2Gbps", "arrivals": "periodic"}}
    result = run({**periodic, **changes, "workload.load": "1Gbps"}, scenario)
    used = bond_of(result)
    (outage,) = used.outages
    assert (outage.given_up_ns, outage.used_ns) == tuple(
        None if us is None else us * US for us in (given_up_us, used_us)
    )
    end_us = given_up_us or (1250 if outage.lives_ns else 2100)
    lost = (0, 0) if way else (4 * (end_us - 550) / 12.144, (end_us - 550) / 6.072)
    assert (outage.lost_out, outage.lost_in) == pytest.approx(lost, abs=4.5)
    assert result.drops.get("LINK_DOWN", 0) == outage.lost_out + outage.lost_in
    assert used.active == ("p1" if given_up_us else "p0")


def test_a_leg_whose_wire_dies_again_is_out_of_use_still() -> None:
    again = [{"at": "900us", "set": {"port.down": ["p0"]}}, {"at": "1250us", "set": {"port.down": []}}]
    scenario = [P0_DIES[0], {"at": "750us", "set": {"port.down": []}}, *again]
    outages = bond_of(run({f"{BOND}.up_delay": "300us"}, scenario)).outages
    first, second = ((one.died_ns, one.given_up_ns, one.lives_ns, one.used_ns) for one in outages)
    assert first == (550 * US, 600 * US, 750 * US, 1600 * US)
    assert second == (900 * US, 600 * US, 1250 * US, 1600 * US)


def test_lacp_finds_a_silent_leg_three_periods_after_its_last_word() -> None:
    """Its last LACPDU is at 1 s, so it is given up at 4 s; it speaks from 5.2 s on, and is heard at 6 s."""
    slow = {"workload.load": "20Kbps", "workload.frame_bytes": 64, "run.warmup": "0us", "run.duration": "7s",
            "driver.preset": "kernel", f"{BOND}.mode": "source_mac", f"{BOND}.lacp": "fast"}  # fmt: skip
    silence = [{"at": "1300ms", "set": {f"{BOND}.silent": ["p1"]}}, {"at": "5200ms", "set": {f"{BOND}.silent": []}}]
    result = run(slow, silence)
    (outage,) = bond_of(result).outages
    assert (outage.died_ns, outage.given_up_ns, outage.used_ns) == (1.3e9, 4e9, 6e9)
    assert outage.lost_out == pytest.approx(2 * 20e3 / 512 * 2.7, rel=0.25)
    text = result.summary(verbose=True)
    assert "p1 dead from 1.30 s: given up after 2.70 s" in text and "back in use after 800 ms" in text
    gone = [{"at": "1300ms", "set": {"port.down": ["p1"]}}]
    (outage,) = bond_of(run({**slow, "run.duration": "2s"}, gone)).outages
    assert outage.given_up_ns == 1.3e9 and outage.lost_out == 0  # monitor: 100us, and it has just looked
    (outage,) = bond_of(run({**slow, f"{BOND}.lacp": "slow", "run.duration": "95s"}, silence[:1])).outages
    assert outage.given_up_ns == 90e9


def test_times_of_the_standard() -> None:
    """IEEE 802.3ad, 43.4.4."""
    assert [one / 10**15 for one in (FAST_PERIOD_FS, SLOW_PERIOD_FS)] == [1, 30]
    assert [PERIODS_TO_TIMEOUT * one / 10**15 for one in (FAST_PERIOD_FS, SLOW_PERIOD_FS)] == [3, 90]


def test_without_a_leg_frames_are_lost_at_their_sender_and_nothing_comes() -> None:
    changes = {"workload.external": {"rate": "1Gbps"}, f"{BOND}.mode": "l4_hash", "port.down": ["p0", "p1"]}
    result = run(changes)
    used = bond_of(result)
    assert used.in_use == () and used.without_leg > 300 and used.legs[0].lost_in > 100
    assert result.totals.delivered_frames == 0 and set(result.drops) == {"LINK_DOWN"}
    assert "No leg of the bond is in use" in " ".join(limits(config_from_mapping(BASE, changes)).notes)
    assert "no leg in use at the end" in result.summary()
    saturated = run({f"{BOND}.mode": "l4_hash", "port.down": ["p0", "p1"], "workload.load": "saturate"})
    assert saturated.utilization["vswitch"] > 0.99  # which passes on what is lost, and does not set how much is not
    said = saturated.summary().splitlines()[0]
    assert said == "Nothing gets to the wire; all that is sent is dropped (LINK_DOWN)"


@pytest.mark.usefixtures("no_figures")
def test_the_words_of_a_run_and_of_its_page() -> None:
    result = run({}, P0_DIES)
    assert result.series is not None
    first, second = (event.did for event in result.series.events)
    assert first.startswith("p0 given up after 50.0 us, ") and "lost on the way out" in first
    assert second.startswith("p0 back in use after 50.0 us")
    assert "Bond (active_backup): sent p0 " in result.summary()
    assert "in use at the end p0 and p1, p1 active" in render_page([result], ["a run"])


@pytest.mark.parametrize("begins", [{"port.down": ["p0"]}, {f"{BOND}.silent": ["p0"]}])
@pytest.mark.parametrize("by_event", [False, True])
def test_a_leg_that_is_dead_from_the_start_has_an_outage_once_its_wire_lives(
    begins: dict[str, Any], by_event: bool
) -> None:
    """One without a carrier is out of use at time 0; nothing finds one that is silent, and what it is sent is lost."""
    revives = {"at": "1250us", "set": {key: [] for key in begins}}
    mode = {f"{BOND}.mode": "source_mac"}
    result = run(mode, [{"at": "0ns", "set": begins}, revives]) if by_event else run(mode | begins, [revives])
    (outage,) = bond_of(result).outages
    assert result.series is not None and (outage.died_ns, outage.lives_ns) == (0, 1250 * US)
    assert outage.lost_out == bond_of(result).legs[0].lost_out == result.drops.get("LINK_DOWN", 0)
    if "port.down" in begins:
        assert (outage.given_up_ns, outage.used_ns, outage.lost_out) == (0, 1300 * US, 0)
        assert result.series.events[-1].did.startswith("p0 back in use after 50.0 us")
    else:
        assert (outage.given_up_ns, outage.used_ns) == (None, None) and outage.lost_out > 80


def test_an_event_says_that_its_leg_is_not_used_again_by_the_end() -> None:
    result = run({f"{BOND}.up_delay": "1ms"}, P0_DIES)
    assert result.series is not None and result.series.events[1].did.startswith("p0 not back in use by the end")


@pytest.mark.parametrize(
    ("outage", "text"),
    [
        ({"given_up_ns": 2e3, "lives_ns": 3e3, "used_ns": 4e3}, "given up after 1.00 us; 1 frame lost on the way out, "
         "2 frames lost on the way in; alive at 3.00 us, back in use after 1.00 us."),
        ({"given_up_ns": 1e3}, "given up at once; 1 frame lost on the way out, 2 frames lost on the way in."),
        ({"given_up_ns": 2e3, "lives_ns": 3e3}, "lost on the way in; alive at 3.00 us, not back in use by the end."),
        ({"lives_ns": 3e3}, "not given up before it lived again; 1 frame lost on the way out, 2 frames lost on the "
         "way in; alive at 3.00 us."),
        ({"lost_out": 0, "lost_in": 0}, "p0 dead from 1.00 us: not given up by the end; no frame lost."),
        ({"given_up_ns": 2e3, "lives_ns": 3e3, "used_ns": 3e3}, "alive at 3.00 us, back in use at once."),
        ({"died_ns": 0.0, "given_up_ns": 0.0, "lost_out": 0, "lost_in": 0}, "p0 dead from the start: out of use from "
         "the start; no frame lost."),
        ({"given_up_ns": 5e2, "lost_out": 0, "lost_in": 0}, "p0 dead from 1.00 us: out of use already; no frame lost."),
    ],
)  # fmt: skip
def test_an_outage_is_told_as_far_as_it_went(outage: dict[str, Any], text: str) -> None:
    known = {"died_ns": 1e3, "given_up_ns": None, "lives_ns": None, "used_ns": None, "lost_out": 1, "lost_in": 2}
    assert text in outage_sentence(Outage(leg="p0", **{**known, **outage}))


def test_tshark_sees_each_frame_on_one_leg(tmp_path: Path) -> None:
    """Each connection, by its ports, is on the leg of its hash, which tshark's fields give; nothing is on both."""
    changes = {f"{BOND}.mode": "l4_hash", "workload.connections": 16, "workload.external": {"rate": "3Gbps"},
               "run.warmup": "0us", "run.duration": "1ms"}  # fmt: skip
    paths = {f"{leg}.uplink": str(tmp_path / f"{leg}.pcapng") for leg in ("p0", "p1")}
    result = simulate(config_from_mapping(BASE, changes), pcap_hops=paths)
    seen: list[Counter[tuple[str, ...]]] = []
    fields = ["ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "frame.len"]
    for leg, path in enumerate(paths.values()):
        rows = [tuple(row[name] for name in fields) for row in tshark_rows(Path(path), fields)]
        seen.append(Counter(rows))
        assert {row[-1] for row in rows} == {"1514"}
        for source, target, source_port, target_port, _ in set(rows):
            addresses = [int(part) for one in (source, target) for part in one.split(".")]
            ports = [byte for one in (source_port, target_port) for byte in int(one).to_bytes(2, "big")]
            folded = 0
            for byte in (*addresses, *ports):
                folded ^= byte
            assert folded >> 1 & 1 == leg
    assert not seen[0].keys() & seen[1].keys() and len(seen[0] | seen[1]) > 100
    n_frames = result.totals.delivered_to_wire + result.totals.from_wire
    assert sum(seen[0].values()) + sum(seen[1].values()) == n_frames
    assert [sum(each.values()) for each in seen] == [leg.tx_frames + leg.rx_frames for leg in bond_of(result).legs]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"port.count": 1}, "a bond has two legs or more, and port.count is 1"),
        ({"host.virtual_switch.reach": "internal", "workload.pattern": "pairs"}, "a bond is of the uplink"),
        ({BOND: None}, "as legs of a bond: host.virtual_switch.bond"),
        ({f"{BOND}.lacp": "fast"}, "LACP joins legs that are used together"),
        ({f"{BOND}.primary": "p1", f"{BOND}.mode": "l4_hash"}, "active_backup has a primary"),
        ({f"{BOND}.primary": "p2"}, "there is no port p2; port.count is 2, p0 to p1"),
        ({f"{BOND}.silent": ["p3"]}, "there is no port p3; port.count is 2, p0 to p1"),
        ({"switch.ports.vf0.port": "p1"}, "with a bond all stations are at the one virtual switch"),
        ({"workload.pattern": "flows", "workload.load": "saturate", "workload.flows": [["uplink", "vf0"]]},
         "who saturates a line is not modelled with a bond"),
        ({"workload.pattern": "flows", "workload.flows": [["vf0", "p1.uplink"]]}, "there are no stations p1.uplink"),
        ({"nic.vfs": 127}, "at most 126 VMs"),
        ({"workload.external": {"rate": "11Gbps"}}, "11Gbps of these frames is more than a port of 10Gbps carries"),
        ({"bridge": {}}, "a bond is not modelled with the bridge behind it"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_bond_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as found:
        config_from_mapping(BASE, changes)
    assert sum(message in line for line in str(found.value).splitlines()) == 1


def test_without_a_bond_nothing_of_it_is_checked() -> None:
    """A way that `hwmodel compare` tries has other ways of using the ports."""
    check_bond(config_from_mapping(BASE, {"nic.mode": "sriov", f"{BOND}.primary": "p3"}), None)  # type: ignore[arg-type]


def test_outages_are_read_from_the_log_of_a_bond() -> None:
    log = np.zeros(7, LEG_EVENT)
    steps = [(1, WIRE_DIED, 10), (1, LEG_OUT, 13), (1, WIRE_LIVES, 20), (1, WIRE_DIED, 25), (1, WIRE_LIVES, 30),
             (1, LEG_IN, 36), (0, WIRE_DIED, 50)]  # fmt: skip
    for entry, (leg, what, at_us) in zip(log, steps, strict=True):
        entry["leg"], entry["what"], entry["at_fs"] = leg, what, at_us * FS_PER_US
        entry["counts"]["lost_out"] = at_us if leg else 0
    legs = np.zeros((2, 6), np.int64)
    legs[:, 4] = 9, 30
    first, again, last = outages_of(("p0", "p1"), {"legs": legs, "in_use": (1,), "log": log})
    assert (first.leg, first.died_ns, first.given_up_ns, first.lives_ns) == ("p1", 10_000, 13_000, 20_000)
    # It dies again before its leg is used: one end for both, and each has the frames lost while its wire was dead.
    assert (again.died_ns, again.given_up_ns, again.lives_ns) == (25_000, 13_000, 30_000)
    assert (first.used_ns, again.used_ns) == (36_000, 36_000) and (first.lost_out, again.lost_out) == (10, 5)
    assert (last.leg, last.given_up_ns, last.lives_ns, last.used_ns, last.lost_out) == ("p0", None, None, None, 9)
