"""`hwmodel compare`: each way is the run that one writes by hand, and its figures are those of hand calculation."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hwmodel.cli import main
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.explore import compare
from hwmodel.explore.policy import forbidden_pairs
from hwmodel.explore.ways import figures_of, ways_of
from hwmodel.results import Comparison
from hwmodel.results.comparison_text import WAY_COLUMNS, comparison_text, sentences, way_remarks, way_rows
from hwmodel.simulation import simulate

HEADLINE = {"run.duration": "4ms", "switch.acl": [], "workload.frame_bytes": 1500, "bridge": None, "switch.mode": "veb"}
SHORT = {"run.duration": "2ms", "nic.vfs": 4, "nic.tx_ring": 64}
IN_MEMORY = ("vswitch_pointer", "vswitch_copy")
VMS = ("vf0", "vf1", "vf2", "vf3")
BRIDGED = ("vepa", "s_channel", "vn_tag", "e_tag")
BY_HAND: dict[str, dict[str, Any]] = {
    "sriov_veb": {"switch.mode": "veb", "bridge.kind": "learning"},
    "vepa": {"switch.mode": "vepa", "bridge.kind": "learning"},
    "s_channel": {"switch.mode": "multichannel", "bridge.kind": "learning",
                  "switch.ports": [{"name": f"vf{at}", "s_channel": at + 2} for at in range(4)],
                  "switch.s_channels": dict.fromkeys(range(2, 6), "single")},
    "vn_tag": {"switch.mode": "vn_tag"},
    "e_tag": {},
    "vmdq": {"nic.mode": "vmdq", "switch.mode": "veb", "bridge.kind": "learning"},
    **{
        f"vswitch_{passed_by}": {
            "nic.mode": "vswitch", "switch.mode": "veb", "bridge": None, "switch.uplink.vlans": [], "host.cores": 5,
            "host.virtual_switch": {"pass_by": passed_by, "cores": [4]},
            "switch.ports": [{"name": name, "cores": [at % 4]} for at, name in enumerate(("pf", *VMS))],
        }
        for passed_by in ("pointer", "copy")
    },
}  # fmt: skip


@cache
def compared() -> Comparison:
    return compare(load_config("compare_10g", SHORT))


@pytest.mark.parametrize(("said", "host_cores", "cores"), [
    # A core more, as without a word of the virtual switch, and one for the thread of each VM.
    ({"preset": "ovs_kernel"}, 7, (4,)),
    ({"preset": "ovs_kernel", "cores": [3]}, 4, (3,)),
    ({"pass_by": "parent"}, 5, (4,)),
])  # fmt: skip
def test_a_virtual_switch_takes_a_core_of_the_vms_if_that_is_said(
    said: dict[str, Any], host_cores: int, cores: tuple[int, ...]
) -> None:
    config = load_config("compare_10g", {"nic.vfs": 2, "host.cores": 4, "host.virtual_switch": said})
    hosts = {way.name: one.host for way, one in ways_of(config)[0].items()}
    for host in (hosts[way] for way in IN_MEMORY):
        assert host.virtual_switch is not None
        assert (host.cores, host.virtual_switch.cores) == (host_cores, cores)


def test_a_flow_that_nothing_answers_is_flooded_in_no_way() -> None:
    flow = {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "1Gbps"]], "bridge.announce": False}
    found = compare(load_config("compare_10g", SHORT | flow))
    assert {"vepa", "vn_tag"} <= {one.way for one in found.ways}
    assert all(result.totals.replicated_frames == 0 for result in found.results.values())


def test_each_way_is_the_run_that_is_written_by_hand() -> None:
    assert [each.way for each in compared().ways] == list(BY_HAND) == list(compared().results)
    for each in compared().ways:
        result = simulate(load_config("compare_10g", {**SHORT, **BY_HAND[each.way]}))
        assert each.totals == result.totals and each.latency_ns == result.latency_ns, each.way
        assert each.bottleneck.resource == result.bottleneck.resource


def test_bytes_on_link_and_wire_by_hand() -> None:
    of_tags = {"vepa": 0, "s_channel": 4, "vn_tag": 6, "e_tag": 8}
    for each in compared().ways:
        wire_bytes = 2 * (1518 + 20 + of_tags[each.way]) if each.way in of_tags else 0
        assert each.wire_bytes_per_frame == pytest.approx(wire_bytes, rel=1e-6), each.way
        # Payload down and up, each in TLPs of 256 B; descriptors, write-backs, doorbells and DLLPs are some 300 B.
        link_bytes = 0 if each.way in IN_MEMORY else 2 * 1516 + 6 * 24 + 6 * 20 + 270
        assert each.pcie_bytes_per_frame == pytest.approx(link_bytes, rel=0.02), each.way
        assert each.policy_at == ("bridge" if each.way in BRIDGED else "host" if each.way in IN_MEMORY else "nic")


def test_what_crosses_the_wire_is_bound_by_it() -> None:
    gbps = {each.way: each.gbps for each in compared().ways}
    for way, most in zip(BRIDGED, (9.870, 9.844, 9.832, 9.819), strict=True):
        assert gbps[way] == pytest.approx(most, rel=0.01)
    assert gbps["sriov_veb"] == pytest.approx(13.4, rel=0.02) and gbps["vmdq"] == pytest.approx(13.4, rel=0.02)


def test_the_headline_of_one_run() -> None:
    """Through the adapter on Gen2 x4 13.2 to 13.45 Gb/s, by pointers 30 at 1500 B on one core, and 1.28 at 64 B."""
    found = {each.way: each for each in compare(load_config("compare_10g", HEADLINE)).ways}
    assert found["vswitch_pointer"].gbps == pytest.approx(30, rel=0.05)
    assert found["vswitch_pointer"].bottleneck.resource == "vswitch"
    assert found["vswitch_copy"].gbps == pytest.approx(1500 * 8 / (400 + 149.6), rel=0.03)
    assert 13.2 < found["sriov_veb"].gbps < 13.45
    short = compare(load_config("compare_10g", {**HEADLINE, "workload.frame_bytes": 64}))
    assert {each.way: each.gbps for each in short.ways}["vswitch_pointer"] == pytest.approx(1.28, rel=0.05)


def test_the_answer_names_the_best_and_what_it_is_better_than() -> None:
    first, second, *rest = str(compared().summary()).splitlines()
    assert any("; wire: out and in, of a frame offered, by the closed form (with a virtual" in line for line in rest)
    best = r"vswitch_pointer gives most: 24\.\d Gb/s, \d+\.\d % more than vswitch_copy \(1[89]\.\d Gb/s\)\."
    assert re.fullmatch(best, first)
    assert re.match(r"Most for a core: .*, 5\.\d\d Gb/s a core, with .* cores taken\.", second) and "vmdq" not in second
    header, rows = way_rows(compared())
    assert header == (*WAY_COLUMNS[:-1], "past switch policy", "past bridge policy", WAY_COLUMNS[-1])
    assert [row[0] for row in rows] == list(BY_HAND)
    assert [row[10] for row in rows] == ["0", "3,076", "3,084", "3,088", "3,092", "0", "0", "0"]


def test_chance_is_that_of_the_wire_where_all_goes_there() -> None:
    changes = {"nic.vfs": 2, "workload.pattern": "to_wire", "workload.load": "2Gbps", "run.duration": "4ms"}
    config = config_from_mapping({}, changes)
    result = simulate(config)
    low, high = result.intervals["wire.tx_gbps"]
    found = figures_of(next(iter(ways_of(config)[0])), config, result)
    assert found.gbps == result.wire.tx_gbps and result.totals.gbps == 0 and high - low > 0.1
    assert found.gbps_interval[1] - found.gbps_interval[0] == pytest.approx(high - low)


def test_policy_acts_where_frames_meet_it() -> None:
    """The access list is the switch's, which sends all up in the modes with tags; a VEB's frames meet no bridge."""
    first, *_ = compared().ways[0].forbidden
    assert (first.forbidden_at, first.from_, first.to) == ("switch", "vf1", "vf3")
    for each in compared().ways:
        of_switch, of_bridge = each.forbidden
        assert (of_bridge.forbidden_at, of_bridge.from_, of_bridge.to) == ("bridge", "vf0", "vf2")
        for one, is_met in ((of_switch, each.way not in ("vn_tag", "e_tag")), (of_bridge, each.way in BRIDGED)):
            assert one.offered > 100 and one.in_flight < 16, each.way
            assert one.delivered == (0 if is_met else one.ended), (each.way, one.forbidden_at)
            assert one.drops == ({"ACL_DENY": one.ended} if is_met else {})
    remarks = [*way_remarks(compared())][1:]
    assert remarks[1] == (
        "The bridge's policy forbids frames from vf0 to vf2: all came through with sriov_veb, vmdq, vswitch_pointer "
        "and vswitch_copy, none came through with vepa, s_channel, vn_tag and e_tag."
    )


def test_segments_passed_whole_are_said_to_count_as_frames() -> None:
    found = compared()
    workload = {**found.config["workload"], "segment_bytes": "64KiB"}
    whole = dataclasses.replace(found, config={**found.config, "workload": workload})
    said = "(What a virtual switch passes whole counts as one frame, whatever other ways cut it into.)"
    assert [*way_remarks(whole)][1] == said and said not in [*way_remarks(found)]


def test_whose_latency_is_compared_is_said_where_frames_go_several_ways() -> None:
    found = compared()
    ways = tuple(
        dataclasses.replace(each, latency_of=name)
        for each, name in zip(found.ways[:2], ("vm_to_vm", "over_bridge"), strict=True)
    )
    assert [*way_remarks(dataclasses.replace(found, ways=ways))][1] == "(p50, p99: of frames between VMs)"
    assert not any("p50" in text for text in way_remarks(found))


VLANS = {"switch.ports": [{"name": "vf2", "port_vlan": 7, "vlans": [7]}], "switch.acl": []}


@pytest.mark.parametrize(
    ("changes", "pairs"),
    [
        ({}, [("switch", "vf1", "vf3"), ("bridge", "vf0", "vf2")]),
        ({"switch.acl": [], "bridge.policy": []}, []),
        (VLANS, [("switch", "vf0", "vf2"), ("bridge", "vf0", "vf2")]),
        ({**VLANS, "switch.mode": "vepa", "bridge.kind": "learning",
          "bridge.ports": {"adapter": {"translate": {7: 1}}}}, [("bridge", "vf0", "vf2")]),
        ({"nic.strict": False, "switch.acl": [{"port": "vf1", "action": "permit"}, {"action": "deny"}]},
         [("switch", "vf0", "vf1"), ("bridge", "vf0", "vf2")]),
        ({"nic.strict": False,
          "switch.acl": [{"port": "pf", "action": "deny"}], "bridge.policy": [{"vlan": 9, "action": "deny"}]}, []),
        ({"nic.vfs": 2}, []),
        ({"nic.strict": False,
          "switch.acl": [{"protocol": "tcp", "source_ip": "10.0.0.5", "destination_port": 5001, "action": "deny"}]},
         [("switch", "vf2", "vf3"), ("bridge", "vf0", "vf2")]),
        ({"nic.strict": False,
          "switch.acl": [{"source_ip": "10.0.0.3", "action": "permit"}, {"ethertype": "0x0800", "action": "deny"}]},
         [("switch", "vf1", "vf0"), ("bridge", "vf0", "vf2")]),
        ({"nic.strict": False,
          "switch.acl": [{"protocol": "udp", "action": "deny"}, {"arp_operation": "reply", "action": "deny"}],
          "bridge.policy": [{"ethertype": "0x0800", "action": "deny"}]}, [("bridge", "vf0", "vf1")]),
        ({"nic.strict": False, "switch.acl": [{"ethertype": "0x0800", "action": "deny"}], "bridge.policy": []}, []),
    ],
    ids=["both", "none", "VLANs", "translated", "first entry", "no VM", "no such VM", "port", "address", "neither",
         "type alone"],
)  # fmt: skip
def test_the_first_pair_that_each_place_forbids(changes: dict[str, Any], pairs: list[tuple[str, str, str]]) -> None:
    config = load_config("compare_10g", changes)
    configs, _ = ways_of(config)
    assert [*forbidden_pairs(config, next(one for way, one in configs.items() if way.name == "vepa"))] == pairs


def test_vlans_keep_apart_what_a_switch_forwards_and_not_what_tags_carry() -> None:
    found = compare(load_config("compare_10g", {**SHORT, **VLANS, "run.duration": "500us"}))
    delivered = {each.way: each.forbidden[0].delivered for each in found.ways}
    assert set(delivered.values()) == {0}


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"switch": {"mode": "veb"}}, dict.fromkeys(BRIDGED, "bridge is not set")),
        (
            {"bridge": {"kind": "controlling"}, "switch": {"mode": "e_tag"}, "workload": {"wire_share": 0.5}},
            {},
        ),
        (
            {"port": {"count": 2}, "nic": {"vfs": 4}, "bridge": {"kind": "controlling"}, "switch": {"mode": "e_tag"}},
            dict.fromkeys(IN_MEMORY, "port.count"),
        ),
        ({"bridge": {}}, dict.fromkeys(("vn_tag", "e_tag"), "bridge.kind is learning")),
        (
            {
                "nic": {"strict": False},
                "bridge": {"kind": "controlling"},
                "switch": {"mode": "vn_tag"},
                "pcie": {"ordering": "id_based"},
            },
            {"vmdq": "vmdq"},
        ),
        (
            {
                "nic": {"strict": False},
                "bridge": {},
                "port": {"rate": "25Gbps"},
                "switch": {"mode": "vepa", "acl": [{"action": "deny", "port": "vf1"}]},
            },
            dict.fromkeys(("vn_tag", "e_tag"), "controlling"),
        ),
    ],
    ids=["no bridge", "wire", "ports", "learning", "one function", "list"],
)
def test_what_a_configuration_cannot_have_is_left_out_with_the_reason(
    changes: dict[str, Any], left_out: dict[str, str]
) -> None:
    configs, reasons = ways_of(config_from_mapping({"nic": {"vfs": 2}}, changes))
    assert set(reasons) == set(left_out)
    assert all(part in reasons[way] for way, part in left_out.items())
    assert {way.name for way in configs} == set(BY_HAND) - set(left_out)


def test_what_is_left_out_is_told_and_the_others_run() -> None:
    config = load_config(
        "compare_10g", {**SHORT, "run.duration": "200us", "switch.mode": "vepa", "bridge.kind": "learning"}
    )
    found = compare(config)
    assert {each.way: each.reason for each in found.left_out} == ways_of(config)[1]
    assert {each.way for each in found.ways} == set(BY_HAND) - {"vn_tag", "e_tag"}


def test_the_command_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `compare` finds of the same configuration, in as many processes as are asked for."""

    def found(config: Config, *, jobs: int, progress: Any) -> Comparison:
        assert (config, jobs) == (load_config("compare_10g", SHORT), 3)
        return compared()

    monkeypatch.setattr("hwmodel.explore.compare", found)
    monkeypatch.setattr("hwmodel.report.html.MOST_FULL_SECTIONS", 1)  # of the others the tables are looked at
    path, page = tmp_path / "ways.json", tmp_path / "ways.html"
    changes = [f"--set={key}={value}" for key, value in SHORT.items()]
    arguments = ["compare", "compare_10g", *changes, "--jobs", "3"]
    assert main([*arguments, "--json", str(path), "--report", str(page)]) == 0
    assert capsys.readouterr().out == compared().summary()
    document = json.loads(path.read_text())
    assert [each["way"] for each in document["ways"]] == list(BY_HAND)
    assert {"totals", "latency_ns", "cpu_cores", "pcie_bytes_per_frame", "wire_bytes_per_frame",
            "memory_bytes_per_frame", "policy_at", "forbidden", "bottleneck"} <= document["ways"][0].keys()  # fmt: skip
    assert document["ways"][0]["forbidden"][1]["from"] == "vf0"
    assert document["left_out"] == [] and "results" not in document
    assert all(f">{way}<" in page.read_text() for way in BY_HAND)
    assert "The bridge&#39;s policy forbids frames from vf0 to vf2" in page.read_text()


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ways.json"
    assert main(["compare", "compare_10g", "--set", "nic.vfs=eight", "--json", str(path)]) == 2
    assert capsys.readouterr().err == "--set nic.vfs=eight: nic.vfs: 'eight' is not a whole number\n"
    assert not path.exists()


def test_warnings_that_differ_in_their_numbers_are_one_line() -> None:
    texts = ("Off by 5.4 % in 6 runs.", "Off by 1,020 % in 6 runs.", "Off by 7 %.")
    ways = [dataclasses.replace(each, warnings=(text,)) for each, text in zip(compared().ways, texts, strict=False)]
    lines = comparison_text(dataclasses.replace(compared(), ways=tuple(ways))).splitlines()
    assert lines[-2:] == ["Warning, sriov_veb and vepa: Off by 5.4 and 1,020 % in 6 runs.",
                          "Warning, s_channel: Off by 7 %."]  # fmt: skip


def test_cores_that_are_as_many_are_said_once() -> None:
    ways = [dataclasses.replace(each, taken_cores=8.0, gbps_per_core=1.0) for each in compared().ways[:2]]
    *_, last = sentences(dataclasses.replace(compared(), ways=tuple(ways)))
    assert last == "Most for a core: sriov_veb and vepa, 1.00 Gb/s a core, with 8.00 cores taken each."


def test_which_gives_most_for_a_core_may_be_chance_too() -> None:
    """12.0 +/- 0.3 by 2 cores is 6.00 +/- 0.15 for one, 9.9 +/- 0.3 by 1.62 is 6.11 +/- 0.19: each in the other's."""

    def last_of(*seen: tuple[str, float, float, float]) -> str:
        ways = tuple(
            dataclasses.replace(compared().ways[0], way=way, gbps=gbps, gbps_interval=(gbps - half, gbps + half),
                                taken_cores=cores, gbps_per_core=gbps / cores)
            for way, gbps, half, cores in seen
        )  # fmt: skip
        *_, last = sentences(dataclasses.replace(compared(), ways=ways))
        return last

    two = ("sriov_veb", 12.0, 0.3, 2.0), ("s_channel", 9.9, 0.3, 1.62)
    assert last_of(*two, ("vmdq", 4.0, 0.1, 2.0)) == (
        "Most for a core: sriov_veb and s_channel, 6.00 to 6.11 Gb/s a core, alike within what chance makes likely "
        "(their 95 % intervals), with 2.00 and 1.62 cores taken."
    )
    assert last_of(*two) == "Which gives most for a core is not known: 6.00 to 6.11 Gb/s."
    assert last_of(("sriov_veb", 12.0, 0.1, 2.0), ("vepa", 7.5, 3.0, 1.5), ("vmdq", 4.0, 0.1, 2.0)) == (
        "Most for a core: sriov_veb, 6.00 Gb/s a core, with 2.00 cores taken; where vepa (5.00 Gb/s) stands is not "
        "known."
    )


def said_of(seen: Sequence[tuple[str, float, float]]) -> list[str]:
    """Return what is said of ways that give so many Gb/s, plus and minus so many."""
    ways = tuple(
        dataclasses.replace(compared().ways[0], way=way, gbps=gbps, gbps_interval=(gbps - half, gbps + half))
        for way, gbps, half in seen
    )
    return [each for each in sentences(dataclasses.replace(compared(), ways=ways)) if "for a core" not in each]


def test_no_way_gives_most_of_nothing() -> None:
    assert said_of([("sriov_veb", 0.0, 0.0), ("vmdq", 0.0, 0.0)]) == ["Nothing comes through by any way."]


def test_a_way_known_too_roughly_is_not_said_to_give_most() -> None:
    """16 +/- 9 Gb/s may be as much as 24, but nothing that gives 18 for certain is less than what was seen as 16."""
    first, second = said_of([("sriov_veb", 24.0, 1.0), ("vmdq", 16.0, 9.0), ("vswitch_copy", 18.0, 0.5)])
    assert first == "sriov_veb gives most: 24.0 Gb/s, 33.3 % more than vswitch_copy (18.0 Gb/s)."
    assert second == "Where vmdq (16.0 Gb/s) stands is not known by its 95 % interval: a longer run.duration tells."


def test_no_figure_is_given_for_ways_that_differ_by_half() -> None:
    """18.8 +/- 6.8 Gb/s may be 13, but neither 13.0 +/- 0.3 nor 13.1 +/- 0.3 is 18.8; 27.2 / 13.1 is 2.08."""
    seen = [("sriov_veb", 27.2, 0.6), ("vepa", 13.0, 0.3), ("s_channel", 13.1, 0.3), ("vmdq", 18.8, 6.8)]
    first, second = said_of(seen)
    assert first == "sriov_veb gives most: 27.2 Gb/s, 108 % more than vepa and s_channel (13.1 Gb/s)."
    assert second == "Where vmdq (18.8 Gb/s) stands is not known by its 95 % interval: a longer run.duration tells."


def test_ways_that_chance_alone_makes_alike_have_each_their_figure() -> None:
    """Of 21.4 to 24.1 and 3.0 to 3.2 Gb/s the lead is 21.4 / 3.2 - 1 to 24.1 / 3.0 - 1."""
    seen = [("vswitch_pointer", 24.1, 3.7), ("vswitch_copy", 21.4, 7.1), ("sriov_veb", 3.2, 1.4), ("vmdq", 3.0, 1.1)]
    (said,) = said_of(seen)
    assert said == (
        "vswitch_pointer and vswitch_copy give most: 21.4 to 24.1 Gb/s, alike within what chance makes likely (their "
        "95 % intervals), 569 % to 703 % more than sriov_veb and vmdq (3.00 to 3.20 Gb/s)."
    )


def test_where_all_may_be_chance_no_way_is_said_to_give_most() -> None:
    seen = [("sriov_veb", 23.9, 1.7), ("vmdq", 17.6, 10.7), ("vswitch_pointer", 24.1, 3.7), ("vswitch_copy", 21.4, 7.1)]
    (said,) = said_of(seen)
    assert said == (
        "Which way gives most is not known: 17.6 to 24.1 Gb/s, alike within what chance makes likely (their 95 % "
        "intervals). A longer run.duration tells."
    )
    (said,) = said_of([("sriov_veb", 24.0, 0.1), ("vmdq", 23.9, 0.1)])
    assert said == "sriov_veb and vmdq give most: 24.0 Gb/s, alike within 1 %."


@pytest.mark.parametrize(
    ("dropped", "said"), [(9, "Nothing that is sent arrives by any way"), (0, "No window was long enough")]
)
def test_where_all_is_dropped_a_longer_run_is_no_way_out(dropped: int, said: str) -> None:
    way = compared().ways[0]
    totals = dataclasses.replace(way.totals, delivered_frames=0, dropped_frames=dropped)
    ways = (dataclasses.replace(way, totals=totals, gbps=None, gbps_interval=None),) * 2
    assert next(iter(sentences(dataclasses.replace(compared(), ways=ways)))).startswith(said)
