"""The closed form beside the independent SimPy model: one frame alone exactly, a full link within a few per mille."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.rules.pcie_link import link_rate_of
from tests.analytic_cases import demo
from tests.oracles.simpy_nic import Arrival, Load, NicParameters, Stop, simulate

JUMBO = {
    "workload.frame_bytes": 9018,
    "switch.ports": [{"name": name, "max_frame": "9018B"} for name in ("pf", *(f"vf{k}" for k in range(8)))],
}  # fmt: skip
# A frame alone meets no refill and no write-back of its own sender; DLLPs sent one by one are not in the formula.
ALONE = {
    "pcie.dllp_model": "none", "nic.fetch_batch": 1, "nic.rx_prefetch": 1, "nic.rx_writeback_batch": 1,
    "driver.tx_doorbell_batch": 1, "driver.refill_batch": 8, "driver.rx_interrupt_batch": 1,
}  # fmt: skip


def parameters_of(config):
    pcie, host, nic, driver, rate = config.pcie, config.host, config.nic, config.driver, link_rate_of(config.pcie)
    return NicParameters(
        link_fs_per_byte=(rate.fs_numerator, rate.fs_denominator),
        max_payload_bytes=pcie.max_payload_bytes, max_read_request_bytes=pcie.max_read_request_bytes,
        read_completion_boundary_bytes=pcie.read_completion_boundary_bytes, tags=pcie.tags,
        dllp_period_tlps={"tlp4": 4, "tlp1": 1}.get(pcie.dllp_model, 0), propagation_fs=pcie.propagation_fs,
        posted_header_credits=pcie.credits.ph, read_latency_fs=host.read_latency_fs,
        completion_cut=host.completion_bytes, buffer_bytes=host.buffer_bytes,
        buffer_offset_bytes=host.buffer_offset_bytes, cores=host.cores,
        vfs=nic.vfs, tx_ring=nic.tx_ring, rx_ring=nic.rx_ring, fetch_batch=nic.fetch_batch,
        rx_fetch_batch=nic.rx_fetch_batch, rx_prefetch=nic.rx_prefetch, descriptor_cache=nic.descriptor_cache,
        tx_writeback_batch=nic.tx_writeback_batch, rx_writeback_batch=nic.rx_writeback_batch,
        writeback_timeout_fs=nic.writeback_timeout_fs, max_pps=nic.max_pps, rx_buffer_bytes=nic.rx_buffer_bytes,
        tx_buffer_bytes=nic.tx_buffer_bytes, tx_doorbell_batch=driver.tx_doorbell_batch,
        refill_batch=driver.refill_batch, rx_interrupt_batch=driver.rx_interrupt_batch,
        tx_interrupt_batch=driver.tx_interrupt_batch, frame_time_fs=driver.frame_time_fs,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"workload.frame_bytes": 64},
        {"driver.rx_interrupt_batch": 0},
        {"pcie.tags": 1},
        {"pcie.tags": 2},
        {"pcie.propagation": "30ns"},
        {"host.buffer_offset": "64B"},
        {"host.completion_bytes": "rcb"},
        {
            "nic.strict": False,
            "pcie.generation": 3,
            "pcie.lanes": 8,
            "pcie.dllp_model": "spec",
            "workload.frame_bytes": 570,
        },
        {"pcie.generation": 1, "pcie.lanes": 1, "host.read_latency": "1ns"},
        {"nic.max_pps": 1_000_000},
        JUMBO,
        {**JUMBO, "host.buffer_bytes": "1KiB", "host.buffer_offset": "64B", "nic.rx_fetch_batch": 16},
    ],
)
def test_a_frame_alone_takes_the_same_time(changes):
    config = demo({**ALONE, **changes})
    load = Load(arrivals=[Arrival(10**10, 2, 3, config.workload.frame_bytes)])
    outcome = simulate(parameters_of(config), load, Stop(end_fs=10**12, keep_deliveries=True))
    assert [delivery.latency_fs for delivery in outcome.deliveries] == [round(limits(config).unloaded_latency_ns * 1e6)]


# Small buffers and rings are full after few frames.
SMALL = {"nic.rx_buffer": "16KiB", "nic.tx_buffer": "32KiB", "nic.tx_ring": 64, "nic.rx_ring": 64}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize(
    ("changes", "batch"),
    [
        ({}, 8),
        ({}, 1),
        ({"host.completion_bytes": "rcb"}, 8),
        ({"nic.strict": False, "pcie.generation": 3, "workload.frame_bytes": 300, "nic.rx_writeback_batch": 1}, 8),
        (JUMBO, 8),
        ({"driver.tx_doorbell_batch": 32, "driver.rx_interrupt_batch": 0, "driver.tx_interrupt_batch": 0}, 8),
    ],
)
def test_a_full_link_carries_what_the_closed_form_says(changes, batch):
    config = demo({**SMALL, **changes}, batch)
    found = limits(config)
    assert found.limited_by in ("up", "down")
    load = Load(saturating={k + 2: [((k ^ 1) + 2, config.workload.frame_bytes)] for k in range(8)})
    outcome = simulate(parameters_of(config), load, Stop(warmup_frames=1000, frames=1024))
    assert outcome.mpps == pytest.approx(found.mpps, rel=0.01)
