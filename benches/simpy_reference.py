"""The SimPy model of tests/oracles on the configuration that the engine runs, and how fast it goes."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.rules.pcie_link import link_rate_of, tlp_overhead_of
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config

TESTS = Path(__file__).resolve().parent.parent / "tests"
FIRST_VF = 2  # port number


@dataclass(frozen=True)
class OracleRun:
    """Hold the frames that were delivered in a window, and the seconds of wall time that it took."""

    frames: int
    wall_s: float


def run_oracle(config: Config, lengths: Sequence[int], window_ns: int) -> OracleRun:
    """Run VM pairs that send frames of these lengths in turn, rings full; measure the second `window_ns` of the run.

    Filling the rings and the first frames' way are not timed. Raises ValueError for a configuration with what the
    oracle is not told here.
    """
    package = _oracle()
    start_fs = window_ns * FS_PER_NS
    model = package.model.Model(oracle_parameters(config), package.Stop(start_fs=start_fs, end_fs=2 * start_fs))
    model.receiver.start()
    model.saturate(package.Load(saturating=_pairs(config.nic.vfs, lengths)))
    model.env.run(until=start_fs)
    # What the compiler left in memory is no part of SimPy's garbage collection.
    gc.collect()
    gc.freeze()
    try:
        started_s = time.perf_counter()
        model.env.run(until=model.meter.finished)
        wall_s = time.perf_counter() - started_s
    finally:
        gc.unfreeze()
    outcome = model.meter.outcome(model.left_over)
    return OracleRun(outcome.delivered_frames, wall_s)


def oracle_parameters(config: Config) -> Any:
    """Give the oracle's parameters for a configuration.

    Raises ValueError for a feature that is not handed over: it would be compared with a different adapter.
    """
    pcie, host, nic, driver, credits = config.pcie, config.host, config.nic, config.driver, config.pcie.credits
    left_out = {
        "host.jitter": host.jitter.kind != "fixed", "host.write_drain": host.write_drain_bps is not None,
        "nic.store_rate": nic.store_rate_bps is not None, "nic.queues_per_vf": nic.queues_per_vf != 1,
        "pcie.dllp_model": pcie.dllp_model == "pcie_bench",
        "host.iotlb": host.iotlb is not None, "switch.mirrors": bool(config.switch.mirrors),
    }  # fmt: skip
    if any(left_out.values()):
        raise ValueError(f"not for the oracle: {', '.join(key for key, is_used in left_out.items() if is_used)}")
    rate, overhead = link_rate_of(pcie), tlp_overhead_of(pcie)
    return _oracle().NicParameters(
        link_fs_per_byte=(rate.fs_numerator, rate.fs_denominator),
        max_payload_bytes=pcie.max_payload_bytes, max_read_request_bytes=pcie.max_read_request_bytes,
        read_completion_boundary_bytes=pcie.read_completion_boundary_bytes,
        request_header_bytes=overhead.memory_write_bytes, completion_header_bytes=overhead.completion_bytes,
        tags=pcie.tags, dllp_period_tlps={"tlp4": 4, "tlp1": 1}.get(pcie.dllp_model, 0),
        propagation_fs=pcie.propagation_fs, arbitration=pcie.arbitration,
        posted_header_credits=credits.ph, posted_data_credits=credits.pd, read_header_credits=credits.nph,
        completion_header_credits=credits.cplh, completion_data_credits=credits.cpld,
        credit_return_fs=credits.return_fs, read_latency_fs=host.read_latency_fs,
        completion_cut=host.completion_bytes, buffer_bytes=host.buffer_bytes,
        buffer_offset_bytes=host.buffer_offset_bytes, cores=host.cores,
        vfs=nic.vfs, tx_ring=nic.tx_ring, rx_ring=nic.rx_ring, fetch_batch=nic.fetch_batch,
        rx_fetch_batch=nic.rx_fetch_batch, rx_prefetch=nic.rx_prefetch, descriptor_cache=nic.descriptor_cache,
        queue_time_fs=nic.queue_time_fs, tx_writeback_batch=nic.tx_writeback_batch,
        rx_writeback_batch=nic.rx_writeback_batch,
        writeback_timeout_fs=nic.writeback_timeout_fs, tx_buffer_bytes=nic.tx_buffer_bytes,
        rx_buffer_bytes=nic.rx_buffer_bytes, max_pps=nic.max_pps, drop_enable=nic.drop_enable,
        port_rate_bps=config.port.rate_bps, tx_doorbell_batch=driver.tx_doorbell_batch,
        refill_batch=driver.refill_batch, rx_interrupt_batch=driver.rx_interrupt_batch,
        tx_interrupt_batch=driver.tx_interrupt_batch, moderation_fs=driver.moderation_fs,
        frame_time_fs=driver.frame_time_fs, byte_time_fs=driver.byte_time_fs,
        doorbell_time_fs=driver.doorbell_time_fs, interrupt_time_fs=driver.interrupt_time_fs,
        exit_time_fs=driver.exit_time_fs, wakeup_time_fs=driver.wakeup_time_fs, poll_budget=driver.poll_budget,
        send_burst=driver.send_burst, mask_interrupts=driver.mask_interrupts,
        adaptive_moderation=driver.adaptive_moderation,
    )  # fmt: skip


def _pairs(n_vfs: int, lengths: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Let each VF send to its neighbour, each beginning at another place of the cycle of lengths."""
    turned = [[*lengths[k % len(lengths) :], *lengths[: k % len(lengths)]] for k in range(n_vfs)]
    return {FIRST_VF + k: [(FIRST_VF + (k ^ 1), n_bytes) for n_bytes in turned[k]] for k in range(n_vfs)}


def _oracle() -> Any:
    """Import the oracle: its folder is no package that is installed."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    import oracles.simpy_nic.model

    return oracles.simpy_nic
