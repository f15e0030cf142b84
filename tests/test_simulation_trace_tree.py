"""The time line of PCIe switches: each TLP on each link of its way, when it may leave, whose it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from hwmodel.config import config_from_mapping, servers_of, switches_of
from hwmodel.machine.tlp_kinds import TX_DOORBELL, TX_INTERRUPT
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation import simulate
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.trace.frame_parts import names_of
from hwmodel.simulation.run.trace.link_tlps import LinkTlps, waiting_in_switches
from hwmodel.simulation.run.trace.stage import stage_of
from hwmodel.simulation.run.trace.timeline import Timeline
from hwmodel.simulation.run.trace.tree_side import WAYS
from hwmodel.units import FS_PER_US
from hwmodel.workload import build_workload
from tests.trace_cases import COUNTERS, Traced, check_document, trace_of

# w behind two switches, the lower one storing what it forwards; x beside the lower switch; z at the root port.
TREE = {
    "pcie": {"generation": 2, "lanes": 4, "dllp_model": "tlp4"},
    "nic": {"vfs": 2},
    "driver": {"preset": None},
    "bridge": {},
    "servers": [{
        "name": "a",
        "adapters": [{"name": "w", "set": {"pcie.propagation": "7ns"}}, {"name": "x"}, {"name": "z"}],
        "tree": {
            "switches": [
                {"name": "s1", "generation": 2, "lanes": 4, "propagation": "11ns", "latency": "90ns"},
                {"name": "s2", "behind": "s1", "lanes": 8, "forwarding": "store_and_forward", "latency": "120ns"},
            ],
            "slots": {"w": {"behind": "s2"}, "x": {"behind": "s1"}, "z": {}},
        },
    }],
    "workload": {"pattern": "pairs", "frame_bytes": 700, "load": "2Gbps"},
    "run": {"warmup": "0ns", "duration": "16us", "clocks": "exact"},
}  # fmt: skip
FULL = TREE | {"workload": {"pattern": "pairs", "frame_bytes": 700, "load": "saturate"}}
UP, DOWN = WAYS["up"], WAYS["down"]


class Tlp(NamedTuple):
    """A TLP on a link: what it is, whose, its begin and end in ns."""

    name: str
    adapter: str
    details: tuple[tuple[str, Any], ...]
    begins: int
    ends: int


@pytest.fixture(scope="module", params=["light", "full"])
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    config = config_from_mapping({"light": TREE, "full": FULL}[request.param])
    found = trace_of(tmp_path_factory.mktemp("trace"), config, trace_length_fs=14 * FS_PER_US)
    yield found
    found.reader.close()


def tlps(traced: Traced, group: str, row: str, adapter: str = "") -> list[Tlp]:
    """Return the TLPs of a row in order, without DLLPs; on a switch's link, of one adapter if one is named."""
    found = []
    for number, _, _, name, ts, dur, _ in traced.of(group, row):
        told = dict(traced.arguments[number])
        if name != "Ack, UpdateFC":
            whose = told.pop("adapter", group.removesuffix(": PCIe link"))
            found.append(Tlp(name, whose, tuple(sorted(told.items())), ts, ts + dur))
    return [one for one in found if adapter in ("", one.adapter)]


def by_class(found: list[Tlp]) -> dict[bool, list[Tlp]]:
    """Sort by queue: those of reads, and the rest; within each all keep their order."""
    sorted_: dict[bool, list[Tlp]] = defaultdict(list)
    for one in found:
        sorted_["tag" in dict(one.details)].append(one)
    return sorted_


def test_the_processor_takes_every_event(traced: Traced) -> None:
    check_document(traced)


def test_the_run_is_the_same_with_and_without_a_trace(traced: Traced) -> None:
    assert traced.result.to_json(include_host_run=False) == simulate(traced.config).to_json(include_host_run=False)


def test_links_add_up(traced: Traced) -> None:
    for one in traced.result.pcie_switches:
        for way, row in (("up", UP), ("down", DOWN)):
            shown = sum(dict(each.details)["bytes"] for each in tlps(traced, f"PCIe switch {one.name}", row))
            assert shown == traced.document["otherData"]["link_bytes"][f"{one.name}.{way}"] > 0
    levels = traced.reader.rows(f"{COUNTERS} WHERE name LIKE '%on their way%' GROUP BY name")
    assert {name for name, *_ in levels} >= {
        "up, a.s2 P: on their way to the link TLPs",
        "down, CPL: on their way to the link TLPs",
    }
    assert all(least >= 0 < most for _, least, most, _ in levels)


# Upward: where an adapter's TLPs come from, the switch that they come to.
HOPS = [("a.w: PCIe link", "a.s2", "a.w"), ("PCIe switch a.s2", "a.s1", "a.w"), ("a.x: PCIe link", "a.s1", "a.x")]


@pytest.mark.parametrize(("below", "switch", "adapter"), HOPS)
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_tlp_goes_on_as_the_rules_say(traced: Traced, below: str, switch: str, adapter: str, way: str) -> None:
    """Of each class in order, with what it was; no sooner than it may leave, and at once where the link is idle."""
    link_below = tlps(traced, below, way, adapter)
    above = f"PCIe switch {switch}"
    first, then = (link_below, tlps(traced, above, way, adapter))[:: 1 if way == "up" else -1]
    settings = {one.name: one for one in switches_of(traced.config)}[switch].settings
    flight_ns = settings.propagation_fs / 1e6 if way == "down" else {"a.w: PCIe link": 7}.get(below, 0)
    n_prompt = 0
    for is_read in (False, True):
        came, left = by_class(first)[is_read], by_class(then)[is_read]
        first_ns = came[0].begins if settings.forwarding == "cut_through" else came[0].ends
        soonest = first_ns + flight_ns + settings.latency_fs / 1e6
        left = [one for one in left if one.begins >= soonest - 1]  # what began below within the stretch
        assert len(came) >= len(left) > 5
        for before, after in zip(came, left, strict=False):
            assert (before.name, before.adapter) == (after.name, after.adapter)
            told = dict(after.details)
            assert {key: value for key, value in before.details if key in told} == told or way == "down"
            if way == "down" and is_read:
                assert dict(before.details)["tag"] == told["tag"]
            whole = before.ends + flight_ns + settings.latency_fs / 1e6
            takes = after.ends - after.begins
            ready = whole
            if settings.forwarding == "cut_through":
                ready = max(before.begins, before.ends - takes) + flight_ns + settings.latency_fs / 1e6
            assert after.begins >= ready - 2
            n_prompt += after.begins <= ready + 2
    assert n_prompt > 3


def test_reads_say_when_the_host_has_them(traced: Traced) -> None:
    """From receipt at the root port the host's answer takes its latency, whatever switches are below."""
    shown = defaultdict(list)
    end_ns = traced.document["otherData"]["end_ns"]
    for _, group, _, name, ts, dur, depth in traced.slices:
        if group.endswith("PCIe reads") and depth == 1 and ts + dur < end_ns:
            shown[group, name].append(dur)
    latency_ns = traced.config.host.read_latency_fs / 1e6
    for adapter in ("a.w", "a.x", "a.z"):
        group = f"{adapter}: PCIe reads"
        assert len(shown[group, "host"]) > 10
        assert all(abs(dur - latency_ns) <= 1 for dur in shown[group, "host"])
        # At least the ways through the switches: 90 + 11 ns, and below s2 120 + 7 ns more.
        least_ns = {"a.w": 228, "a.x": 101, "a.z": 0}[adapter]
        assert min(shown[group, "request"]) >= least_ns and min(shown[group, "completions"]) >= least_ns


def test_a_trace_that_begins_amid_the_run_names_the_same_frames() -> None:
    """At any instant, whatever doorbells and interrupts are in switches, as one that has looked since the start."""
    config = config_from_mapping(FULL)
    workload = build_workload(config, None)
    machine = Machine(config, workload, seed=1)
    stage = stage_of(machine, workload)
    names = names_of(stage)
    watching = [
        LinkTlps(each.nic, own, Timeline(), stage.machine.trees)
        for each, own in zip(stage.machine.servers, names, strict=True)
    ]
    seen: Counter[str] = Counter()
    while stage.machine.now_fs < 12 * FS_PER_US:
        stage.step(12 * FS_PER_US, machine.advance)
        for number, one in enumerate(watching):
            list(one.look())
            waits = {way: list(waiting_in_switches(stage.machine.trees, number, way)) for way in ("up", "down")}
            kept = {"up": one._nic.pcie[0].up_arrivals.ring, "down": one._nic.pcie[0].tree.slots.ring}
            seen.update(int(kept[way][slot]["kind"]) for way, slots in waits.items() for slot in slots)
            if stage.machine.now_fs % 2 == 0:
                fresh = LinkTlps(one._nic, names[number], Timeline(), stage.machine.trees)
                assert fresh._next == one._next
    assert seen[TX_DOORBELL] > 100 and seen[TX_INTERRUPT] > 10


def test_link_times_are_those_of_each_link(traced: Traced) -> None:
    for one in switches_of(traced.config):
        rate = link_rate_of(one.link_of(servers_of(traced.config)))
        for each in tlps(traced, f"PCIe switch {one.name}", ""):
            assert each.ends - each.begins == pytest.approx(rate.transfer_fs(dict(each.details)["bytes"]) / 1e6, abs=1)


HOSTS = {
    "pcie": {"generation": 2, "lanes": 4},
    "nic": {"vfs": 2},
    "driver": {"preset": None},
    "servers": [{"name": "a"}, {"name": "b"}],
    "multi_root": {"hosts": {"a": {"weight": 2}}},
    "workload": {"pattern": "uniform", "frame_bytes": 700, "load": "saturate"},
    "run": {"warmup": "0ns", "duration": "12us", "clocks": "exact"},
}


def test_hosts_share_a_link_one_tlp_at_a_time(tmp_path) -> None:
    config = config_from_mapping(HOSTS)
    found = trace_of(tmp_path, config, trace_length_fs=12 * FS_PER_US)
    try:
        for row, far in ((UP, "NIC to host"), (DOWN, "host to NIC")):
            of_hosts = {name: tlps(found, f"PCIe switch multi_root.{name}.inside", row) for name in "ab"}
            assert all(len(own) > 20 for own in of_hosts.values()), far
            on_link = sorted((one.begins, one.ends) for own in of_hosts.values() for one in own)
            assert all(first[1] <= second[0] for first, second in pairwise(on_link)), far
        traced_result = simulate(config, trace_path=str(tmp_path / "again.json"))
        assert traced_result.totals == simulate(config).totals
    finally:
        found.reader.close()
