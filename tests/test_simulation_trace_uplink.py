"""The time line of what crosses a virtual switch's uplink: whose frames, on which rows, beside what a run measures."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.machine.tlp_kinds import PAYLOAD_WRITE, RX_WRITEBACK, TX_DOORBELL, TX_WRITEBACK
from hwmodel.simulation import simulate
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.trace.frame_parts import TO_THE_SWITCH, names_of
from hwmodel.simulation.run.trace.link_tlps import LinkTlps
from hwmodel.simulation.run.trace.stage import stage_of
from hwmodel.simulation.run.trace.timeline import Timeline
from hwmodel.units import FS_PER_US
from hwmodel.workload import build_workload
from tests.trace_cases import COUNTERS, Traced, check_document, trace_of

# Two cores of the switch, one of them with a ring of the uplink that two guests' frames go by; a pipeline besides.
UPLINK = {
    "pcie": {"generation": 2, "lanes": 4},
    "nic": {"mode": "vswitch", "vfs": 4, "max_pps": 3_000_000},
    "host": {"virtual_switch": {"frame_time": "250ns", "byte_time": "0ns", "reach": "external"}},
    "driver": {"preset": "dpdk"},
    "workload": {"pattern": "pairs", "wire_share": 0.5, "frame_bytes": 700, "load": "3Gbps",
                 "external": {"rate": "2Gbps"}},
    "run": {"warmup": "0ns", "duration": "60us", "clocks": "exact"},
}  # fmt: skip


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory):
    found = trace_of(tmp_path_factory.mktemp("trace"), config_from_mapping(UPLINK))
    yield found
    found.reader.close()


def test_the_processor_takes_every_event_and_the_run_is_the_same(traced: Traced) -> None:
    check_document(traced)
    assert traced.result.to_json(include_host_run=False) == simulate(traced.config).to_json(include_host_run=False)


def ids(traced: Traced, group: str, row: str, name: str = "") -> list[str]:
    return [traced.arguments[one[0]]["frame"] for one in traced.of(group, row)
            if one[3].startswith(name) and "frame" in traced.arguments[one[0]]]  # fmt: skip


def test_frames_have_their_ids_on_every_row(traced: Traced) -> None:
    shown = {one[3] for one in traced.slices} | {str(each.get("frame")) for each in traced.arguments.values()}
    assert not any("mirrored" in name or name.startswith("uplink") for name in shown)
    out, come = ids(traced, "Wire", "out"), ids(traced, "Wire", "in")
    assert len(out) > 15 and all(one.startswith("vf") for one in out)
    assert come == [f"wire/{number}" for number in range(len(come))] and len(come) > 5
    # One ring of the uplink: what is read first leaves first; each frame has two reads, of 512 B and of 184 B.
    reads = ids(traced, "PCIe link", "up", "payload read")
    assert list(dict.fromkeys(reads))[: len(out)] == out
    writes = list(dict.fromkeys(ids(traced, "PCIe link", "up", "payload write")))
    assert writes == come[: len(writes)] and len(writes) > 3
    piped = ids(traced, "Switch", "pipeline")
    assert [one for one in piped if one.startswith("vf")][: len(out)] == out


def test_links_and_rings_add_up(traced: Traced) -> None:
    for way in ("up", "down"):
        shown = sum(traced.arguments[one[0]]["bytes"] for one in traced.of("PCIe link", way))
        assert 0 < traced.document["otherData"]["link_bytes"][way] <= shown
    levels = {name: (least, most) for name, least, most, _ in traced.reader.rows(f"{COUNTERS} GROUP BY name")}
    n_tx, n_rx = (int(getattr(traced.config.nic, name)) - 1 for name in ("tx_ring", "rx_ring"))
    assert levels[f"uplink Tx ring, of {n_tx} frames"][1] > 0
    assert levels[f"uplink Rx ring, of {n_rx} descriptors"][1] > 0
    assert all(least >= 0 for least, _ in levels.values())


def test_the_parts_of_a_frame_follow_one_another(traced: Traced) -> None:
    """From its post to the last bit on the wire; from the wire to the guest that takes it."""
    parts: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for number, group, row, _, ts, dur, _ in traced.slices:
        told = traced.arguments[number]
        if "whole_ns" in told and "frame" in told and (group.startswith("Guest") or group in
                                                       ("Adapter", "Switch", "Host memory")):  # fmt: skip
            parts[told["frame"]].append((ts, ts + dur, row.partition(" (")[0]))
    n_out = n_in = 0
    for name, own in parts.items():
        own.sort()
        titles = [title for *_, title in own]
        joined = all(abs(end - start) <= 1 for (_, end, _), (start, _, _) in itertools.pairwise(own))
        if titles[-1] == "waits for the wire, and is sent" and titles[0] == "waits to be posted":
            assert joined and name.startswith("vf"), own
            n_out += 1
        if titles[0] == TO_THE_SWITCH and titles[-1] == "waits for the guest":
            assert joined and name.startswith("wire/"), own
            n_in += 1
    assert n_out > 10 and n_in > 0


def test_cores_pass_what_comes(traced: Traced) -> None:
    passed = [one for one in traced.of("Host cores", "core") if one[3].startswith("pass")]
    come = [one for one in passed if traced.arguments[one[0]]["function"] == "uplink"]
    assert len(come) > 2 and len(passed) > len(come)
    for one in come:
        n = 1 if "wire/" in one[3] else int(one[3].split()[1])
        assert one[5] == pytest.approx(270 * n, abs=1)  # a copy for one VM each, and 20 ns of the uplink's driver


def test_a_time_line_that_begins_amid_the_run_names_the_same_frames() -> None:
    """At any instant, but for those that have left the wire and whose descriptor is not written back."""
    config = config_from_mapping(UPLINK)
    workload = build_workload(config, None)
    machine = Machine(config, workload, seed=1)
    stage = stage_of(machine, workload)
    (nic,), (names,) = stage.machine.state, names_of(stage)
    watching = LinkTlps(nic, names, Timeline())
    ring, n_same, n_unknown = names.n_rings - 1, 0, 0
    while stage.machine.now_fs < 50 * FS_PER_US:
        stage.step(50 * FS_PER_US, machine.advance)
        names.note_carried()
        list(watching.look())
        if stage.machine.now_fs % 3 == 0:
            (fresh,) = names_of(stage)
            found = LinkTlps(nic, fresh, Timeline())._next
            sent = [(kind, ring) for kind in (TX_DOORBELL, TX_WRITEBACK, PAYLOAD_WRITE, RX_WRITEBACK)]
            assert [found[key] for key in sent] == [watching._next[key] for key in sent]
            queue = nic.tx_queue[ring]
            for number in range(int(queue.freed), int(queue.posted)):
                own = fresh.posted(ring, number)
                assert own in (names.posted(ring, number), f"uplink.0/{number}")
                n_unknown += own.startswith("uplink")
                n_same += not own.startswith("uplink")
    assert n_same > 200 and n_unknown < n_same


def test_each_leg_of_a_bond_has_rings_of_its_own(tmp_path: Path) -> None:
    """What is read from the ring of a leg leaves by that leg's port, and by no other."""
    legs = {
        "port": {"count": 2},
        "host": {"cores": 6, "virtual_switch": {"reach": "external", "bond": {"mode": "l4_hash"}}},
        "workload": UPLINK["workload"] | {"pattern": "to_wire", "wire_share": 0.0, "connections": 16},
    }
    traced = trace_of(tmp_path, config_from_mapping(UPLINK | legs))
    with closing(traced.reader):
        check_document(traced)
        levels = {name: most for name, _, most, _ in traced.reader.rows(f"{COUNTERS} GROUP BY name")}
        n_tx = traced.config.nic.tx_ring - 1
        for leg, other in (("p0", "p1"), ("p1", "p0")):
            own, others = ({traced.arguments[one[0]].get("frame") for one in traced.of("PCIe link", "up")
                            if traced.arguments[one[0]].get("function") == f"{name}.uplink"
                            and one[3].startswith("payload read")} for name in (leg, other))  # fmt: skip
            left = set(ids(traced, "Wire", f"{leg} out"))
            assert len(left) > 5 and left <= own and not left & others
            assert levels[f"{leg}.uplink Tx ring, of {n_tx} frames"] > 0


@pytest.mark.parametrize(
    ("changes", "what", "time_ns"),
    [
        ({"preset": "ovs_kernel", "byte_time": "0ns", "guest_time": "600ns"}, "hand over", 600),
        ({"flow_cache": {"exact_entries": 0, "wildcard_entries": 0, "miss_cores": [9], "miss_time": "700ns"}},
         "decide on", 700),
    ],
)  # fmt: skip
def test_a_thread_hands_over_and_the_slow_path_decides_on_what_it_has(
    changes: dict, what: str, time_ns: int, tmp_path: Path
) -> None:
    host = {"cores": 10, "virtual_switch": {"reach": "external"} | changes}
    workload = UPLINK["workload"] | {"load": "500Mbps", "external": {"rate": "300Mbps"}}
    config = config_from_mapping(UPLINK | {"host": host, "workload": workload})
    traced = trace_of(tmp_path, config)
    with closing(traced.reader):
        check_document(traced)
        found = [one for one in traced.of("Host cores", "core") if one[3].startswith(what)]
        cores = {int(row.removeprefix("core ")) for _, _, row, *_ in found}
        assert cores <= {*config.thread_cores, 9} and len(found) > 5
        alone = {one[3].removeprefix(f"{what} "): one[4] + one[5] for one in found if "frames" not in one[3]}
        assert all(one[5] == pytest.approx(time_ns, abs=1) for one in found if "frames" not in one[3])
        assert {name.partition("/")[0].partition(".")[0] for name in alone} > {"wire"}
        switched = {traced.arguments[one[0]]["frame"]: one[4] + one[5] for one in traced.of("Switch", "switch")
                    if "frame" in traced.arguments[one[0]]}  # fmt: skip
        both = [name for name in alone if name in switched]
        assert len(both) > 3 and all(abs(alone[name] - switched[name]) <= 1 for name in both)
