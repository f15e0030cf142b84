"""What lies between the kernels and a result: cache, signatures, templates, window, warm-up, log."""

from __future__ import annotations

import numpy as np
import pytest
from numba import typeof

import hwmodel.compiled
import hwmodel.simulation
from hwmodel.config import config_from_mapping
from hwmodel.machine.server import fresh_state
from hwmodel.machine.tlp_kinds import PAYLOAD_WRITE
from hwmodel.simulation import Run, simulate
from hwmodel.simulation.figures.adapter_figures import frame_bytes
from hwmodel.simulation.figures.measurement import take_snapshot
from hwmodel.simulation.figures.observation import observe_window, utilization_of
from hwmodel.simulation.figures.outcome import make_result
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.run.compile_entry import signatures
from hwmodel.simulation.run.kernel_cache import DMA_ENTRIES, RUN_ENTRIES, fill_cache, kernels_are_cached
from hwmodel.workload import build_workload

SMALL = {
    "nic": {"vfs": 2},
    "driver": {  # batches alone decide when frames are told
        "preset": None, "tx_doorbell_batch": 1, "refill_batch": 32, "rx_interrupt_batch": 32, "tx_interrupt_batch": 32,
    },
    "workload": {"frame_bytes": 512, "load": "2Gbps", "arrivals": "periodic"},
    "run": {"warmup": "50us", "duration": "200us"},
}  # fmt: skip


def finished_run(keys=SMALL):
    config = config_from_mapping(keys)
    run = Run(config, build_workload(config), lambda _share, _text: None)
    for _ in run.pieces():
        pass
    return config, run


def test_the_package_offers_what_commands_and_tests_call():
    assert {"Run", "announce_compilation", "dma", "simulate"} <= set(vars(hwmodel.simulation))


def test_filling_the_cache_leaves_every_entry_there():
    fill_cache((*RUN_ENTRIES, *DMA_ENTRIES))
    assert kernels_are_cached((*RUN_ENTRIES, *DMA_ENTRIES))
    assert str(hwmodel.compiled.CACHE_DIR).startswith("/") and not kernels_are_cached(("machine.engine.no_such_entry",))


def test_what_is_compiled_is_what_is_called():
    server, words = typeof(fresh_state()), typeof(np.zeros(1, np.int64))
    assert signatures()["machine.engine.run"][0] == server
    assert signatures()["machine.first_decisions.decide_alone"] == (server, words)


def test_the_window_is_the_difference_of_two_snapshots():
    config, run = finished_run()
    span = Span(run.start, run.end)
    assert run.start.now_fs == 50_000_000_000 and span.fs == 200_000_000_000
    assert span.gbps(25_000) == pytest.approx(1.0) and span.mpps(200) == pytest.approx(1.0)
    n_tlps, n_bytes, _ = span.tlps("up")
    # 508 B of payload a frame: MPS 256 makes two writes of 24 B header each.
    assert n_bytes[PAYLOAD_WRITE] == n_tlps[PAYLOAD_WRITE] / 2 * (508 + 48)
    shares = utilization_of(config, span)
    assert all(0 <= share <= 1 for share in shares.values())
    later = take_snapshot(run.state[0], run.book)
    assert later.counts.tobytes() == run.end.counts.tobytes()


def test_the_result_is_made_of_the_window():
    config, run = finished_run()
    result, _ = make_result(config, run.workload, run.book, Span(run.start, run.end))
    # 2 Gb/s for each of two VMs, to within the frames at the window's ends.
    assert result.totals.gbps == pytest.approx(4.0, rel=0.1)
    span = Span(run.start, run.end)
    per_frame = frame_bytes(config, span)
    seen = observe_window(config, span, result.utilization, per_frame)
    assert seen.open_load and seen.frame_bytes == 512
    assert seen.up.payload_bytes_per_frame == result.pcie.up.per_frame["payload"] == 508  # by whole frames: exact


def test_the_log_gives_each_delivery_once():
    config = config_from_mapping(SMALL)
    run = Run(config, build_workload(config), lambda _share, _text: None)
    run.machine.log_deliveries()
    pieces = list(run.pieces())
    assert sum(len(piece) for piece in pieces) == int(run.state[0].ledger.counts.copies_delivered) > 0
    times = np.concatenate([piece.at_fs for piece in pieces])
    assert (np.diff(times) >= 0).all() and set(np.concatenate([p.frame_bytes for p in pieces])) == {512}
    assert not run.machine.has_logged()


def test_progress_comes_and_ends_at_the_whole():
    seen = []
    simulate(config_from_mapping(SMALL), progress=lambda share, text: seen.append((share, text)))
    assert seen[-1] == (1.0, "measuring") and {text for _, text in seen} == {"warm-up", "measuring"}


def test_an_automatic_window_ends_right_behind_a_delivery_of_the_busiest_flow():
    flows = {
        "pattern": "flows",
        "flows": [["vf0", "vf1", "300Mbps"], ["vf1", "vf0", "900Mbps"]],
        "arrivals": "periodic",
    }
    config, run = finished_run({**SMALL, "workload": flows, "run": {"warmup": "auto", "duration": "400us"}})
    assert run.book.flows[1] == ("vf1", "vf0")
    nic = run.state[0]
    assert nic.clock.now_fs - run.start.now_fs != 400_000_000_000
    delivered = int(nic.ledger.flow[1].delivered)
    assert run.busiest_flow() == 1
    # The window holds whole batches of 32 frames, at whose end the run stands.
    assert (run.end.flows["delivered"][1] - run.start.flows["delivered"][1]) % 32 == 0
    assert nic.ledger.flow[1].stop_at == 0
    for _ in run.to_next_delivery(run.busiest_flow(), 10**12):
        pass
    assert nic.ledger.flow[1].delivered == delivered + 32
    assert config.driver.rx_interrupt_batch == 32


def test_a_run_is_told_what_compiling_took_when_it_is_made():
    config = config_from_mapping(SMALL)
    plain = Run(config, build_workload(config), lambda _share, _text: None)
    told = Run(config, build_workload(config), lambda _share, _text: None, compile_s=1.5)
    for run in (plain, told):
        for _ in run.pieces():
            pass
    assert (plain.result().host_run.compile_s, told.result().host_run.compile_s) == (0.0, 1.5)
