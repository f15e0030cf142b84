"""The time line of a shared bus: one transaction at a time, phase by phase, as busy as the result says, whose it is."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from hwmodel.config import Config, config_from_mapping, servers_of
from hwmodel.results.shared_links import BusResult
from hwmodel.rules.pci_bus import CYCLE_FS
from hwmodel.simulation import simulate
from hwmodel.simulation.run.trace.bus_side import RETRY
from tests.trace_cases import Traced, check_document, trace_of

BASE: dict[str, Any] = {
    "pcie": {"bus": {"kind": "pci_x", "clock_mhz": 133, "initial_wait_clocks": 2}, "max_payload": "512B"},
    "nic": {"preset": None, "vfs": 2},
    "driver": {"preset": None},
    "workload": {"pattern": "pairs", "frame_bytes": 700, "load": "saturate"},
    "run": {"warmup": "0ns", "duration": "100us"},
}
PCI = {
    "nic.strict": False,
    "pcie.bus": {"kind": "pci", "width_bits": 32, "clock_mhz": 33, "decode_clocks": 1},
    "run.duration": "200us",
}
SEVERAL: dict[str, Any] = {"nic.strict": False,
    "pcie.bus.latency_timer": 16, "host.completion_bytes": "rcb", "run.duration": "40us",
    "servers": [
        {"name": "a", "adapters": [{"name": "x"}, {"name": "y"}, {"name": "linked", "set": {"pcie.bus": None}}]}
    ],
}  # fmt: skip
OF_PCI = {"nic.strict": False, **SEVERAL, **PCI, "pcie.bus.latency_timer": 8, "run.duration": "250us"}
MACHINES = {"PCI-X": {}, "PCI": PCI, "several on PCI-X": SEVERAL, "several on PCI": OF_PCI}
REQUESTS = {"Rx descriptor read", "Tx descriptor read", "payload read"}


class Transaction(NamedTuple):
    """A transaction, or a try in vain, with its phases: begin by edges of the clock, length in clocks."""

    name: str
    master: str
    edge: int
    clocks: int
    told: dict[str, Any]
    phases: list[tuple[str, int]]


def transactions(document: dict[str, Any], row: str = "transactions") -> list[Transaction]:
    """Read a bus's row of a document; a phase follows the transaction in which it lies."""
    rows = {(one["pid"], one["tid"]) for one in document["traceEvents"]
            if one["name"] == "thread_name" and one["args"]["name"] == row}  # fmt: skip
    found: list[Transaction] = []
    for one in document["traceEvents"]:
        if one["ph"] != "X" or (one["pid"], one["tid"]) not in rows:
            continue
        told = one["args"]
        if "master" in told:
            found.append(Transaction(one["name"], told["master"], told["edge"], told["clocks"], told, []))
        else:
            found[-1].phases.append((one["name"], told["clocks"]))
    return found


@pytest.fixture(scope="module", params=MACHINES)
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    config = config_from_mapping(BASE, MACHINES[request.param])
    found = trace_of(tmp_path_factory.mktemp("trace"), config)
    assert found.document["otherData"]["end_ns"] == found.result.window.end_ns
    yield found
    found.reader.close()


def bus_of(traced: Traced) -> BusResult:
    (bus,) = traced.result.buses
    return bus


def test_the_processor_takes_every_event(traced: Traced) -> None:
    check_document(traced)


def test_the_run_is_the_same_with_and_without_a_trace(traced: Traced) -> None:
    assert traced.result.to_json(include_host_run=False) == simulate(traced.config).to_json(include_host_run=False)


def test_transactions_never_overlap_and_phases_fill_them(traced: Traced) -> None:
    found = transactions(traced.document)
    assert len(found) > 100
    assert all(first.edge + first.clocks <= second.edge for first, second in pairwise(found))
    for one in found:
        assert sum(clocks for _, clocks in one.phases) == one.clocks
        assert [name for name, _ in one.phases[:2]] == ["turnaround", "address"]


def test_clocks_add_up_to_the_busy_share_by_phases_and_by_masters(traced: Traced) -> None:
    """Of what is cut by the window's end all clocks are in one sum and some in the other: of one transaction."""
    bus, found = bus_of(traced), transactions(traced.document)
    window = traced.result.window.duration_ns * 1e6 / CYCLE_FS[bus.clock_mhz]
    held = sum(min(one.edge + one.clocks, window) - one.edge for one in found)
    assert held / window == pytest.approx(bus.utilization, abs=1e-12)
    assert traced.document["otherData"]["bus_clocks"] == {bus.name: sum(one.clocks for one in found)}
    own: Counter[str] = Counter()
    shares: Counter[str] = Counter()
    for one in found:
        own[one.master] += one.clocks
        if one.name in REQUESTS or one.name == RETRY:
            shares["retries" if one.name == RETRY else "read_requests"] += one.clocks
            continue
        for name, clocks in one.phases:
            shares[{"attribute": "address", "wait": "waits"}.get(name, name)] += clocks
    cut = max(one.clocks for one in found) / window
    assert {name: shares[name] / window for name in bus.clocks} == pytest.approx(dict(bus.clocks), abs=cut)
    total = sum(own.values())
    assert {name: own[name] / total for name in bus.masters} == pytest.approx(dict(bus.masters), abs=cut)
    assert sum(one.name == RETRY for one in found) == bus.retries
    assert (bus.retries > 10) == (bus.kind == "pci")


def test_bursts_say_what_ended_them(traced: Traced) -> None:
    """The latency timer only where others asked; the rest of a burst is a transaction of its own."""
    ended: defaultdict[str, list[Transaction]] = defaultdict(list)
    for one in transactions(traced.document):
        ended[one.told.get("ended_by", "")].append(one)
    settings = servers_of(traced.config)[0].config.pcie.bus
    assert settings is not None
    is_by_rcb = traced.config.host.completion_bytes == "rcb"
    expected = {"latency_timer", "read_completion_boundary" if is_by_rcb else "max_payload"}
    assert expected <= set(ended) <= {"", "latency_timer", "max_payload", "read_completion_boundary"}
    assert all(one.told["left_bytes"] > 0 for name, own in ended.items() if name for one in own)
    for one in ended["latency_timer"]:
        n_words = dict(one.phases)["data"]
        before = one.clocks - 1 - n_words
        if settings.kind == "pci":
            assert n_words == max(1, settings.latency_timer - before)
        else:  # to the next multiple of 128 B behind what the timer lets through
            assert n_words >= settings.latency_timer - before


def test_who_waits_is_not_served_meanwhile(traced: Traced) -> None:
    """Each master's wait ends as it is granted the bus; in it others have the bus, or nothing until the next edge."""
    found, waits = transactions(traced.document), 0
    starts = defaultdict(set)
    for one in found:
        starts[one.master].add(one.edge * CYCLE_FS[bus_of(traced).clock_mhz] // 10**6)
    group = next(group for _, group, *_ in traced.slices if group.startswith("PCI") and "bus" in group)
    for _, _, row, name, ts, dur, _ in traced.of(group):
        if row.endswith(" waits for the bus"):
            assert ts + dur in starts[row.removesuffix(" waits for the bus")]
            assert name.startswith("for ")
            waits += 1
    assert waits > 20


def document_of(config: Config, path: Any) -> dict[str, Any]:
    simulate(config, trace_path=str(path))
    return json.loads(path.read_text())


ONE_EACH = {f"driver.{way}_interrupt_batch": 1 for way in ("rx", "tx")} | {
    f"nic.{way}_writeback_batch": 1 for way in ("rx", "tx")
}


def lone(path: Any, **changes: Any) -> list[Transaction]:
    """Return what the first frame makes the bus do, from its doorbell on."""
    light = {"workload.load": "10Mbps", "workload.frame_bytes": 1518, "run.duration": "400us"}
    document = document_of(config_from_mapping(BASE, {**ONE_EACH, **light, **changes}), path)
    found = transactions(document)
    first = next(at for at, one in enumerate(found) if one.name == "Tx doorbell")
    return found[first:]


def test_a_lone_frame_on_pci_x_by_hand(tmp_path: Any) -> None:
    """133 MHz, 64 bits, no initial wait: 5 clocks beside the words, 6 a request; 450 ns are 60 clocks."""
    found = lone(tmp_path / "t.json", **{"nic.strict": False,
                                         "pcie.bus.initial_wait_clocks": 0, "pcie.max_payload": "4KiB",
                                        "host.read_latency": "450ns"})  # fmt: skip
    begin = found[0].edge
    assert [(one.name, one.edge - begin, one.clocks) for one in found[:9]] == [
        ("Tx doorbell", 0, 6),
        ("Tx descriptor read", 6, 6),
        ("Tx descriptors", 72, 7),  # 60 clocks behind the request's end
        ("payload read", 79, 6),
        ("payload read", 85, 6),
        ("payload read", 91, 6),
        ("payload completion", 145, 69),  # 60 behind 85
        ("payload completion", 214, 69),
        ("payload completion", 283, 67),
    ]
    write = next(one for one in found if one.name == "payload write")
    assert (write.edge - begin, write.master, write.told["bytes"]) == (350, "adapter", 1514)
    assert write.phases == [("turnaround", 1), ("address", 1), ("attribute", 1), ("wait", 2), ("data", 190)]
    assert found[1].phases == [("turnaround", 1), ("address", 1), ("attribute", 1), ("wait", 2), ("split response", 1)]
    assert [one.master for one in found[:4]] == ["bridge", "adapter", "bridge", "adapter"]


def test_a_lone_frame_on_pci_by_hand(tmp_path: Any) -> None:
    """33 MHz, 32 bits, medium decode: a try takes 5 clocks, and comes again 2 behind; 600 ns are 20 clocks."""
    bus = {"kind": "pci", "width_bits": 32, "clock_mhz": 33, "initial_wait_clocks": 0}
    changes = {"pcie.bus": bus, "pcie.max_read_request": "2KiB", "host.read_latency": "600ns"}
    found = lone(tmp_path / "t.json", **changes)
    begin = found[0].edge
    tries = [(RETRY, 11 + 7 * k, 5) for k in range(3)]
    assert [(one.name, one.edge - begin, one.clocks) for one in found[:6]] == [
        ("Tx doorbell", 0, 4),
        ("Tx descriptor read", 4, 5),
        *tries,  # the host has the data 20 clocks behind the end of the first try, at 29
        ("Tx descriptors", 32, 3 + 4),
    ]
    read = found[5]
    assert (read.master, read.told["adapter"]) == ("adapter", "adapter")
    assert read.phases == [("turnaround", 1), ("address", 1), ("turnaround", 1), ("data", 4)]
    assert found[2].phases == [("turnaround", 1), ("address", 1), ("wait", 1), ("retry", 2)]
    assert found[0].phases == [("turnaround", 1), ("address", 1), ("wait", 1), ("data", 1)]
