"""The engine beside the SimPy model: the same loads, the same window, every figure.

Where no two things happen in the same femtosecond, both take the same course, and all figures are the same. Where many
do, as in saturated loops of short frames, the two may put one instant in a different order: those cases have
tolerances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import simulate
from tests.beside_simpy import (
    EVERYONE,
    GROUP,
    GROUP_OF,
    GUESTS,
    VF0,
    VF1,
    VF2,
    VF3,
    VFS,
    WIRE,
    WIRE_TOO,
    Loops,
    Recorded,
    check_same_course,
    pairs,
    poisson,
    run_both,
    window_of,
)
from tests.journey_runs import mean_parts


@dataclass(frozen=True)
class Case:
    """A load, what differs from `beside_simpy.BASE`, and a look whether it makes the difference it is here for."""

    load: Recorded | Loops
    changes: Mapping[str, Any] = field(default_factory=dict)
    matters: Callable[[Result], bool] = lambda result: True
    parts: int = 3
    """Of the load, of which a run of all tests has the first; a night has all."""


def stalled(kind: str, share: float = 0.05) -> Callable[[Result], bool]:
    return lambda result: getattr(result.stalls_ns, kind) > share * result.window.duration_ns


def drops(reason: str, n: int = 15) -> Callable[[Result], bool]:
    return lambda result: list(result.drops) == [reason] and result.drops[reason] > n


def mirrored(n: int = 150, lost: str | None = None) -> Callable[[Result], bool]:
    return lambda result: result.totals.mirrored > n and (lost is None or result.mirrored_drops.get(lost, 0) > 15)


AT_ONCE = {"walkers": None, "walk_lines": 0}  # any number of page walks


def translations(missed: float) -> Callable[[Result], bool]:
    return lambda result: result.iotlb.misses > missed * (result.iotlb.hits + result.iotlb.misses) > 0


def busy(resource: str, share: float = 0.8) -> Callable[[Result], bool]:
    return lambda result: result.utilization[resource] > share


LONG_FRAMES = {"switch.ports": [{"name": name, "max_frame": "9728B"} for name in ("pf", *VFS)]}
ALL_ONE = dict.fromkeys(
    ("nic.fetch_batch", "nic.rx_fetch_batch", "nic.tx_writeback_batch", "nic.rx_writeback_batch",
     "driver.tx_doorbell_batch", "driver.refill_batch", "driver.rx_interrupt_batch", "driver.tx_interrupt_batch"), 1,
)  # fmt: skip
MIXED_BATCHES = {
    "nic.fetch_batch": 5, "nic.rx_fetch_batch": 3, "nic.rx_prefetch": 11, "nic.tx_writeback_batch": 3,
    "nic.rx_writeback_batch": 5, "driver.tx_doorbell_batch": 7, "driver.refill_batch": 6,
    "driver.rx_interrupt_batch": 3, "driver.tx_interrupt_batch": 4, "nic.tx_ring": 67, "nic.rx_ring": 71,
}  # fmt: skip

SAME = {
    "mixed sizes": Case(poisson(1500, 800), matters=lambda result: result.pcie.up.utilization > 0.4),
    "tags": Case(poisson(1500, 700), {"pcie.tags": 2}, stalled("tags", 0.2)),
    "one tag, reads first": Case(
        poisson(2000, 1300), {"pcie.tags": 1, "pcie.arbitration": "reads_first"}, stalled("tags", 0.2)
    ),
    "writes first": Case(poisson(1500, 550), {"pcie.arbitration": "writes_first"}, busy("pcie.up", 0.6)),
    "by arrival": Case(poisson(1500, 550), {"pcie.arbitration": "arrival"}, busy("pcie.up", 0.6)),
    "posted credits": Case(
        poisson(1250, 1000), {"pcie.credits": {"ph": 4, "pd": 48, "return": "600ns"}}, stalled("credits")
    ),
    "read and completion credits": Case(
        poisson(1250, 1000), {"pcie.credits": {"nph": 1, "cplh": 3, "cpld": 32, "return": "300ns"}}, stalled("credits")
    ),
    "slow memory": Case(
        poisson(1250, 1000), {"pcie.credits": {"pd": 64, "return": "200ns"}, "host.write_drain": "6Gbps"},
        stalled("credits"),
    ),
    "rings, waiting": Case(
        poisson(1250, 700), {"nic.tx_ring": 12, "nic.rx_ring": 65},
        lambda result: result.latency_ns.mean > 10_000 and result.queues["tx_ring"].max == 11,
    ),
    "rings, dropping": Case(
        poisson(1500, 600), {"nic.tx_ring": 12, "workload.on_full": "drop"}, drops("TX_RING_FULL")
    ),
    "small buffers": Case(
        poisson(1500, 400, senders=(WIRE, WIRE, *GUESTS)),
        {"nic.strict": False,
         "nic.tx_buffer": "3KiB", "nic.rx_buffer": "3KiB", "port.rate": "39.7Gbps"}, drops("RX_BUFFER_FULL"), parts=2,
    ),
    "slow guests, dropping": Case(
        poisson(3000, 400), {"driver.frame_time": "1500.7ns", "driver.poll_budget": 12, "nic.tx_ring": 256},
        drops("NO_DESCRIPTOR"), parts=2,
    ),
    "slow guests, waiting": Case(
        poisson(1500, 600),
        {"driver.frame_time": "1500.7ns", "driver.poll_budget": 5, "nic.drop_enable": False, "nic.rx_ring": 65},
        stalled("descriptors"), parts=1,  # late in it a frame fills the Rx buffer to its last byte
    ),
    "shared cores": Case(
        poisson(1500, 700), {"host.cores": 2, "driver.frame_time": "500.9ns"},
        lambda result: result.cpu.cores_busy > 1,
    ),
    "pools": Case(
        poisson(1000, 900), {
            "nic.mode": "vmdq", "nic.queues_per_vf": 2, "host.cores": 3, "driver.pass_by": "copy",
            "driver.pass_time": "300.0013ns", "driver.pass_byte_time": "0.1ns",
            "switch.ports": [{"name": "vf0", "cores": [2, 0]}, {"name": "vf1", "cores": [0]},
                             {"name": "vf2", "cores": [1, 2]}],
        },
        lambda result: min(core.by["passing"] for core in result.cpu.cores) > 0.05,
    ),
    "moderation": Case(poisson(1500, 700), {"driver.moderation": "25.0013us"}),
    "polled, one by one": Case(poisson(1500, 900), {**ALL_ONE, "driver.rx_interrupt_batch": 0,
                                                   "driver.tx_interrupt_batch": 0}),
    "batches that fit nothing": Case(poisson(1500, 700), MIXED_BATCHES),
    "short timers": Case(poisson(1500, 700), {"nic.writeback_timeout": "1.0007us"}),
    "Rx descriptors on demand": Case(
        poisson(1250, 1100), {"nic.rx_prefetch": 0}, stalled("descriptors")
    ),
    "jitter": Case(poisson(1500, 900), {"host.jitter": {"kind": "uniform", "range": "3us"}},
                   lambda result: result.latency_ns.max > 10_000),
    "to and from the wire": Case(
        poisson(3000, 750, senders=(WIRE, WIRE, *GUESTS), receivers=(WIRE, WIRE, *EVERYONE)),
        {"nic.strict": False, "nic.rx_ring": 256, "port.rate": "9.7Gbps"},
        lambda result: result.totals.from_wire > 250 and result.totals.delivered_to_wire > 160,
    ),
    "slow wire": Case(
        poisson(1250, 1500, receivers=WIRE_TOO), {"port.rate": "1Gbps"}, busy("wire.tx", 0.6)
    ),
    "groups": Case(
        poisson(1000, 2000, receivers=(GROUP, *GUESTS), senders=WIRE_TOO), {},
        lambda result: result.totals.copies_made > 1.5 * result.totals.delivered_frames,
    ),
    "jumbo frames": Case(poisson(1500, 2500, (64, 1518, 9018)), LONG_FRAMES, busy("pcie.up", 0.6)),
    "jumbo frames in small buffers": Case(
        poisson(1500, 2500, (64, 1518, 9018)), {**LONG_FRAMES, "host.buffer_bytes": "2KiB"}, busy("pcie.up", 0.6)
    ),
    "jumbo frames of one size": Case(
        poisson(1250, 5000, (9018,)),
        {**LONG_FRAMES, **MIXED_BATCHES, "host.buffer_bytes": "2KiB", "host.buffer_offset": "100B"},
        busy("pcie.up", 0.6),
    ),
    "jumbo frames, small cache, jitter": Case(
        poisson(1500, 2500, (64, 1518, 4000, 9018), senders=WIRE_TOO),
        {**LONG_FRAMES, "host.buffer_bytes": "1KiB", "host.buffer_offset": "64B", "nic.descriptor_cache": 11,
         "nic.rx_ring": 128, "driver.rx_interrupt_batch": 2, "pcie.max_payload": "128B",
         "host.jitter": {"kind": "uniform", "range": "2us"}},
        stalled("descriptors", 0.1),
    ),
    "jumbo frames, slow guests": Case(
        poisson(1500, 5000, (570, 9018), senders=(VF1, VF2, VF3), receivers=(VF0,)),
        {**LONG_FRAMES, "host.buffer_bytes": "2KiB", "nic.rx_prefetch": 0, "driver.frame_time": "9000.7ns"},
        drops("NO_DESCRIPTOR"),
    ),
    "jumbo frames, waiting": Case(
        poisson(1500, 3000, (570, 9018), receivers=EVERYONE),
        {**LONG_FRAMES, "host.buffer_bytes": "512B", "nic.drop_enable": False, "driver.rx_interrupt_batch": 1,
         "driver.moderation": "9.0013us"},
        stalled("descriptors"),
    ),
    "pipeline": Case(poisson(1250, 1100), {"nic.max_pps": 1_000_003}, busy("nic.pipeline", 0.7)),
    "pipeline full from the wire": Case(
        poisson(6000, 500, (65, 570, 1518), senders=(WIRE, WIRE, WIRE, *GUESTS), receivers=(WIRE, *EVERYONE)),
        {"nic.max_pps": 1_500_003, "nic.rx_buffer": "16KiB", "port.rate": "10Gbps"},
        lambda result: result.drops.get("RX_BUFFER_FULL", 0) > 120 and busy("nic.pipeline", 0.99)(result),
    ),
    "switch core": Case(poisson(1500, 800), {"switch.timing": "core", "switch.clock": "161.132813MHz"}),
    "busy bus": Case(
        poisson(1500, 650, senders=WIRE_TOO, receivers=(WIRE, WIRE, GROUP, *EVERYONE)),
        {"nic.strict": False,
         "switch.timing": "core", "switch.bus_bits": 64, "switch.clock": "97.13MHz", "port.rate": "39.7Gbps"},
        busy("switch.bus", 0.85),
    ),
    "full bus": Case(
        poisson(1500, 500, (64, 300, 1518), senders=(WIRE, WIRE, WIRE, *GUESTS)),
        {"nic.strict": False,
         "switch.timing": "core", "switch.bus_bits": 128, "switch.clock": "41.13MHz", "port.rate": "39.7Gbps",
         "nic.max_pps": 3_000_003},
        drops("RX_BUFFER_FULL"), parts=2,
    ),
    "store": Case(poisson(1250, 1100), {"nic.store_rate": "8Gbps"}),
    "far host": Case(poisson(1500, 700), {"pcie.propagation": "150.01ns", "pcie.dllp_model": "tlp1"}),
    "odd cuts": Case(
        poisson(1500, 400, (65, 570, 1001, 1518)),
        {"nic.strict": False,
         "pcie.generation": 3, "pcie.max_payload": "512B", "pcie.max_read_request": "1KiB", "pcie.address_bits": 32,
         "pcie.ecrc": True, "pcie.read_completion_boundary": "128B", "host.buffer_offset": "100B"},
    ),
    "completions of 64 B": Case(poisson(1500, 700), {"host.completion_bytes": "rcb", "host.buffer_offset": "64B"},
                                busy("pcie.down", 0.5)),
    "mirrored ingress, groups": Case(
        poisson(2000, 2500, receivers=(GROUP, *GUESTS, WIRE), senders=WIRE_TOO),
        {"switch.mirrors": [{"to": "vf3", "from": "vf0"}, {"to": "vf2", "from": "vf0"}]}, mirrored(),
    ),
    "mirrored egress": Case(
        poisson(1250, 1000, receivers=(VF0, VF1, VF1, WIRE)),
        {"switch.mirrors": [{"to": "pf", "from": "vf1", "direction": "egress"}], "nic.tx_buffer": "3KiB"}, mirrored(),
    ),
    "mirrored VLAN, slow guest": Case(
        poisson(2500, 1000, senders=WIRE_TOO, receivers=WIRE_TOO),
        {"switch.mirrors": [{"to": "pf", "vlan": 1}], "driver.frame_time": "1500.7ns"}, mirrored(lost="NO_DESCRIPTOR"),
    ),
    "mirrored uplink, small buffer": Case(
        poisson(1500, 700, senders=(WIRE, WIRE, *GUESTS), receivers=WIRE_TOO),
        {"nic.strict": False,
         "switch.mirrors": [{"to": "pf", "from": "uplink"}, {"to": "vf3", "from": "uplink", "direction": "egress"}],
         "nic.tx_buffer": "3KiB", "nic.rx_buffer": "3KiB", "port.rate": "39.7Gbps"},
        mirrored(lost="RX_BUFFER_FULL"),
    ),
    "mirrored though dropped": Case(
        poisson(2500, 1000, receivers=(WIRE, WIRE, *GUESTS)),
        {"switch.uplink": {"native_vlan": 7, "vlans": [7]}, "nic.tx_buffer": "3KiB", "nic.rx_buffer": "3KiB",
         "switch.mirrors": [{"to": "vf3", "from": "vf0"}, {"to": "pf", "from": "vf0"}, {"to": "pf", "from": "vf1"}]},
        lambda result: mirrored()(result) and drops("NO_DESTINATION", 150)(result),
    ),
    "translations, writes take time": Case(
        poisson(1250, 900, senders=WIRE_TOO, receivers=WIRE_TOO),
        {"host.iotlb": {"entries": 8, "miss": "330.0013ns", **AT_ONCE}, "host.write_latency": "170.0007ns"},
        translations(0.4),
    ),
    "translations, many misses": Case(
        poisson(1250, 900, senders=WIRE_TOO, receivers=WIRE_TOO),
        {"host.iotlb": {"entries": 8, "miss": "330.0013ns", **AT_ONCE}}, translations(0.4),
    ),
    "translations, polled, writes wait": Case(
        poisson(1250, 900, senders=(WIRE, WIRE, *GUESTS)),
        {"host.iotlb": {"entries": 3, "miss": "2100.0013ns", **AT_ONCE}, "driver.rx_interrupt_batch": 0,
         "driver.tx_interrupt_batch": 0, "host.buffer_bytes": "2KiB", "nic.rx_writeback_batch": 3,
         "pcie.credits": {"ph": 12, "pd": 120, "return": "200ns"}},
        lambda result: translations(0.4)(result) and stalled("credits")(result),
    ),
    "translations, jitter, slow memory": Case(
        poisson(1250, 1100, (64, 570, 1518, 4000)),
        {**LONG_FRAMES, "host.iotlb": {"entries": 64, "miss": "330.0013ns", **AT_ONCE}, "host.buffer_bytes": "1KiB",
         "host.buffer_offset": "100B", "host.jitter": {"kind": "uniform", "range": "1us"},
         "pcie.credits": {"pd": 64, "return": "200ns"}, "host.write_drain": "12Gbps", "nic.rx_ring": 128,
         "pcie.propagation": "50.01ns"},
        translations(0.1),
    ),
    "translations, mirrors, one entry": Case(
        poisson(2000, 2500, receivers=(GROUP, *GUESTS, WIRE), senders=WIRE_TOO),
        {"switch.mirrors": [{"to": "vf3", "from": "vf0"}],
         "host.iotlb": {"entries": 1, "miss": "330.0013ns", **AT_ONCE},
         "driver.moderation": "9.0013us"},
        lambda result: translations(0.5)(result) and mirrored(60)(result),
    ),
    "saturated": Case(pairs(1518), {}, busy("pcie.up", 0.999)),
    "saturated, mixed sizes": Case(
        {VF0: [(VF1, 64), (VF2, 570)], VF1: [(VF2, 1518)], VF2: [(VF0, 570), (WIRE, 1518)], VF3: [(VF0, 1001)]}, {},
        busy("pcie.down", 0.999),
    ),
    "incast of a wide link": Case(
        {port: [(VF0, 1518)] for port in (VF1, VF2, VF3)},
        {"nic.strict": False,
         "pcie.generation": 3, "pcie.lanes": 16, "nic.drop_enable": False, "driver.frame_time": "300.7ns"},
        busy("driver.rx", 0.99),
    ),
}  # fmt: skip

# Both directions' ends coincide again and again where all TLPs have a few lengths and timers go with whole times.
TIES = {
    "short frames": Case(poisson(2000, 160, (64,))),
    "interrupts, one by one": Case(poisson(1500, 900), ALL_ONE),
    "short frames, saturated": Case(pairs(64), {}, busy("pcie.up", 0.999)),
    "short frames, saturated, one by one": Case(pairs(64), ALL_ONE, busy("pcie.up", 0.99)),
    "short frames, few tags": Case(poisson(2000, 200, (64,)), {"pcie.tags": 4}, stalled("tags")),
    "pipeline in step with timers": Case(poisson(1250, 1100), {"nic.max_pps": 1_000_000}, busy("nic.pipeline", 0.7)),
}
QUICK = ("mixed sizes", "tags", "jitter", "jumbo frames, small cache, jitter")


def run(folder, case: Case, parts: int = 1):
    """Run the first of so many parts of the load; loops go on as long as ever."""
    load = case.load if isinstance(case.load, Mapping) else case.load[: len(case.load) // parts]
    group = () if isinstance(load, Mapping) else GROUP_OF
    both = run_both(folder, {**window_of(load), **case.changes}, load, group)
    assert case.matters(both.result), "the case does not show what it is for"
    return both


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=(pytest.mark.slow, pytest.mark.nightly))])
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SAME]
)
def test_the_same_course(tmp_path, name, whole):
    case = SAME[name]
    parts = 1 if whole else case.parts
    from_wire = not isinstance(case.load, Mapping) and any(source == WIRE for _, source, _, _ in case.load)
    check_same_course(run(tmp_path, case, parts), at_least=800 if whole else 200, wire_too=from_wire)


@pytest.mark.slow
@pytest.mark.parametrize("name", TIES)
def test_nearly_the_same_course(tmp_path, name):
    both = run(tmp_path, TIES[name])
    engine, oracle = both.engine, both.oracle
    assert engine.gbps == pytest.approx(oracle.gbps, rel=0.015)
    assert engine.latency_ns == pytest.approx(oracle.latency_ns, rel=0.02)
    assert engine.from_doorbell_ns == pytest.approx(oracle.from_doorbell_ns, rel=0.02)
    assert (engine.up_busy, engine.down_busy) == pytest.approx((oracle.up_busy, oracle.down_busy), rel=0.015)
    assert engine.up_bytes == pytest.approx(oracle.up_bytes, rel=0.015)
    assert engine.down_bytes == pytest.approx(oracle.down_bytes, rel=0.015)
    assert engine.vm_frames == pytest.approx(oracle.vm_frames, rel=0.015)
    parts, of_oracle = mean_parts(both.engine_journeys), mean_parts(both.oracle_journeys)
    assert parts == pytest.approx(of_oracle, abs=0.02 * sum(of_oracle))


def test_waits_for_the_wire(tmp_path):
    load = poisson(2000, 2500, receivers=WIRE_TOO)
    whole = {"run.warmup": "0ns", "run.duration": f"{load[-1][0] + 10**6}ns", "port.rate": "1Gbps"}
    _, engine, oracle, *_ = run_both(tmp_path, whole, load)
    assert engine.wire_wait_ns > 1000
    assert engine.wire_wait_ns == pytest.approx(oracle.wire_wait_ns, rel=1e-9)
    assert engine.wire_frames == oracle.wire_frames > 300


@pytest.mark.parametrize("arrivals", ["periodic", "poisson", "on_off"])
def test_every_sender_goes_on_sending(arrivals):
    """The first frame of one of them comes at time 0, when the machine starts."""
    workload = {"pattern": "pairs", "load": 0.5, "arrivals": arrivals, "peak_rate": "5Gbps", "mean_burst": 4}
    result = simulate(config_from_mapping({"workload": workload, "run": {"duration": "20ms"}}))
    sent = [vm.tx_gbps for vm in result.vms]
    assert len(sent) == 8
    assert sent == pytest.approx([sum(sent) / 8] * 8, rel=0.3)
