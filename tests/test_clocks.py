"""Clocks off their nominal rates and phases by seed: how much a run follows them, and what leaves them exact."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.analytic import limits
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.simulation import simulate
from hwmodel.simulation.fill.clocks import ADAPTER, HOST, PPB, SENDER, in_range, link_fs_per_byte, stretch
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload
from tests.clocks_beside_simpy import CORE_START, LATEST_START_FS, drawn
from tests.run_cases import merged

LINKED = {
    "pcie": {"generation": 3, "lanes": 2}, "nic": {"preset": "XL710", "vfs": 4, "rx_ring": 512},
    "driver": {"preset": "dpdk"}, "workload": {"pattern": "pairs", "frame_bytes": 64},
    "run": {"warmup": "8ms", "duration": "2ms"},
}  # fmt: skip
TIMED = {
    "pcie": {"generation": 3, "lanes": 8}, "nic": {"strict": False, "vfs": 2},
    "workload": {"load": "1Gbps", "arrivals": "periodic", "pattern": "pairs"},
    "run": {"warmup": "1ms", "duration": "5ms"},
}  # fmt: skip


def machine_of(block: dict, **run: object) -> tuple[Config, Machine]:
    config = config_from_mapping(merged(block, {"run": run}))
    return config, Machine(config, build_workload(config), config.run.seed)


@pytest.mark.real_clocks
def test_by_default_seeds_differ_where_nothing_else_is_drawn():
    fast = [simulate(config_from_mapping(merged(LINKED, {"run": {"seed": seed}}))).totals.mpps for seed in (1, 2, 3)]
    assert len(set(fast)) > 1


def test_with_exact_clocks_all_seeds_are_one():
    exact = [merged(LINKED, {"run": {"seed": seed, "clocks": "exact"}}) for seed in (1, 2)]
    first, second = (simulate(config_from_mapping(document)) for document in exact)
    assert first.totals == second.totals and first.latency_ns == second.latency_ns


@pytest.mark.parametrize("seed", [1, 2])
def test_a_full_link_carries_what_its_clock_gives(seed):
    # With batches of one no driver can refill ahead of its batch, which would cost a doorbell.
    block = merged(LINKED, {"driver": {"refill_batch": 1}, "run": {"clocks": "1000ppm", "seed": seed}})
    config = config_from_mapping(block)
    found = simulate(config).totals.mpps
    nominal = limits(config).frames_per_s / 10**6
    factor = stretch(config, seed, HOST)
    assert factor != 1
    assert found == pytest.approx(float(nominal / factor), rel=1e-4)


def test_a_core_that_begins_late_is_idle_until_then():
    # A driver whose first frame takes it a second is busy from its core's start on.
    block = {"driver": {"preset": None, "frame_time": "1s"}, "run": {"warmup": "0us", "duration": "60us"}}
    result = simulate(config_from_mapping(merged(LINKED, block, {"run": {"clocks": "40ppm"}})))
    starts_us = [drawn(1, CORE_START, core.core, LATEST_START_FS) / 1e9 for core in result.cpu.cores]
    assert [core.busy for core in result.cpu.cores] == pytest.approx([1 - at_us / 60 for at_us in starts_us], abs=1e-6)


def test_a_periodic_sender_keeps_to_its_own_clock():
    config, machine = machine_of(TIMED, clocks="1000ppm", warmup="1ms", duration="50ms")
    sources = machine.state[0].traffic.source[:2]
    nominal_fs = {source.mean_gap_fs for source in build_workload(config).sources}
    assert len(nominal_fs) == 1
    for number, source in enumerate(sources):
        assert int(source.params.mean_gap_fs) == round(nominal_fs.copy().pop() * stretch(config, 1, SENDER, number))
        assert 0 <= int(source.params.first_fs) < int(source.params.mean_gap_fs)
    assert int(sources[0].params.mean_gap_fs) != int(sources[1].params.mean_gap_fs)


def test_the_link_and_the_cores_have_one_clock_and_the_port_another():
    config, machine = machine_of(LINKED, clocks="500ppm")
    _, exact = machine_of(LINKED, clocks="exact")
    nic, nominal = machine.state[0], exact.state[0]
    of_host, of_adapter = stretch(config, 1, HOST), stretch(config, 1, ADAPTER)
    assert int(nic.guests.driver[1].frame_time_fs) == round(int(nominal.guests.driver[1].frame_time_fs) * of_host)
    assert int(nic.pcie[0].params.duration_fs[1000]) == pytest.approx(
        int(nominal.pcie[0].params.duration_fs[1000]) * of_host, abs=2
    )
    assert Fraction(
        int(nic.port[0].mac.params.fs_per_byte_num), int(nic.port[0].mac.params.fs_per_byte_den)
    ) == of_adapter * Fraction(
        int(nominal.port[0].mac.params.fs_per_byte_num), int(nominal.port[0].mac.params.fs_per_byte_den)
    )
    assert of_host != of_adapter


def test_each_offset_lies_within_the_tolerance_and_all_of_it_is_used():
    config = config_from_mapping({"run": {"clocks": "49ppm"}})
    offsets = [float((stretch(config, seed, HOST) - 1) * 10**6) for seed in range(400)]
    assert -49 <= min(offsets) < -45 and 45 < max(offsets) <= 49
    assert abs(sum(offsets) / len(offsets)) < 5  # five standard errors of a uniform draw's mean are 7.2


def test_servers_and_boxes_have_clocks_of_their_own():
    block = {"servers": [{"name": "a"}, {"name": "b"}], "run": {"clocks": "49ppm", "seed": 3}}
    _, machine = machine_of(block)
    links = {int(nic.pcie[0].params.duration_fs[4000]) for nic in machine.state}
    assert machine.system is not None
    bridge = machine.system.bridges[0]
    ports = {
        int(nic.port[0].mac.params.fs_per_byte_num) / int(nic.port[0].mac.params.fs_per_byte_den)
        for nic in machine.state
    }
    ports |= {int(port.params.fs_per_byte_num) / int(port.params.fs_per_byte_den) for port in bridge.port[:2]}
    assert len(links) == 2 and len(ports) == 3  # both ports of the bridge have its clock


@pytest.mark.real_clocks
@pytest.mark.parametrize("n_ports", [1, 2])
def test_rings_to_which_no_frame_comes_have_no_phase(n_ports):
    """What leaves by the wire is for nobody's ring, the PF's neither."""
    block = merged(LINKED, {"port": {"count": n_ports}, "workload": {"pattern": "to_wire"}})
    for seed in range(1, 5):
        _, machine = machine_of(block, seed=seed)
        assert int(machine.state[0].ledger.counts.rx_ring.level) == 0
        assert not machine.state[0].rx_queue["since_refill"].any()


def test_the_state_of_exact_clocks_is_what_it_was_without_the_key():
    _, machine = machine_of(LINKED, clocks="0ppm")
    nic = machine.state[0]
    assert not nic["guests"]["core"]["free_fs"].any() and not nic["rx_queue"]["since_refill"].any()
    assert int(nic.ledger.counts.rx_ring.level) == 0


def test_a_ratio_beyond_the_state_is_rounded_by_less_than_any_clock():
    ratio = Fraction(8 * 10**15, 1_000_000) * Fraction(PPB + 12_345, PPB)
    fitted = in_range(ratio)
    assert fitted.numerator * 10_000 < 1 << 63
    assert abs(fitted / ratio - 1) < Fraction(1, 10**12)
    assert in_range(Fraction(800_000)) == 800_000


def test_the_time_of_a_byte_is_exact():
    config = config_from_mapping(merged(LINKED, {"run": {"clocks": "30ppm"}}))
    exact = config_from_mapping(merged(LINKED, {"run": {"clocks": "exact"}}))
    stretched = link_fs_per_byte(exact, 1, 0) * stretch(config, 1, HOST)
    assert abs(link_fs_per_byte(config, 1, 0) / stretched - 1) < Fraction(1, 10**12)


@pytest.mark.parametrize("wrong", ["50", "drift", "2000ppm", "5ns", True, None])
def test_a_tolerance_is_checked(wrong):
    with pytest.raises(InputError, match=r"run\.clocks"):
        config_from_mapping({"run": {"clocks": wrong}})
