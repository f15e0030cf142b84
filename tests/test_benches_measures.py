"""The benches measure what their tables say: the yardstick, the engine, the link, SimPy, each beside a sum by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benches import engine, pcie
from benches.comparison import Requirement, Spread
from benches.core_path import run_core_path
from benches.engine import Row, Speed
from benches.simpy_reference import oracle_parameters, run_oracle
from hwmodel.analytic import limits
from hwmodel.analytic.published import NICS
from tests.analytic_cases import demo

ROOT = Path(__file__).resolve().parent.parent
IMIX = [64] * 7 + [570] * 4 + [1518]

# ---- The yardstick: a sum by hand, an earlier implementation, the interpreter ----


def figures(run):
    return {name: value for name, value in asdict(run).items() if name != "wall_s"}


# Flight 100 ns each way, 64 ps a byte, 24 B a TLP; memory 4 ns, then 200 ns.
DOORBELL_PS = 28 * 64 + 100_000
DESCRIPTOR_PS = (24 * 64 + 100_000) + 204_000 + (40 * 64 + 100_000)


def test_a_short_frame_alone():
    read_ps = (24 * 64 + 100_000) + 204_000 + (88 * 64 + 100_000)
    switch_ps = 4_000 + 2_000 + 50_000
    write_ps = (88 + 40 + 40 + 28) * 64 + 100_000
    latency_ps = DOORBELL_PS + DESCRIPTOR_PS + read_ps + switch_ps + DESCRIPTOR_PS + write_ps
    assert run_core_path([64], 1).latency_sum_ps == latency_ps == 1_497_696


def test_a_long_frame_alone():
    # The first of three requests is the one that counts: its completions keep the link busy until the others' are read.
    read_ps = (24 * 64 + 100_000) + 204_000 + (5 * 280 + 262) * 64 + 100_000
    switch_ps = 4_000 + 24 * 2_000 + 50_000
    write_ps = (5 * 280 + 262 + 40 + 40 + 28) * 64 + 100_000
    latency_ps = DOORBELL_PS + DESCRIPTOR_PS + read_ps + switch_ps + DESCRIPTOR_PS + write_ps
    assert run_core_path([1518], 1).latency_sum_ps == latency_ps == 1_745_168


@pytest.mark.parametrize(
    ("frame_bytes", "events", "end_ps", "latency_sum_ps"),
    [(64, 17_000_116, 19_900_274_544, 2_498_907_525_600), (1500, 31_000_126, 179_285_435_776, 22_899_148_144_256)],
)
def test_an_earlier_implementation_gave_the_same(frame_bytes, events, end_ps, latency_sum_ps):
    run = run_core_path([frame_bytes], 1_000_000)
    assert (run.events, run.end_ps, run.latency_sum_ps) == (events, end_ps, latency_sum_ps)


@pytest.mark.parametrize(("frame_bytes", "events"), [(64, 17), (256, 17), (1281, 31), (1518, 31), (1536, 31)])
def test_events_of_a_frame(frame_bytes, events):
    first, second = run_core_path([frame_bytes], 1000), run_core_path([frame_bytes], 11_000)
    assert (second.events - first.events) / 10_000 == pytest.approx(events, rel=0.005)


@pytest.mark.parametrize("lengths", [[64], [1518], IMIX])
def test_all_frames_are_delivered_within_the_links_rate(lengths):
    run = run_core_path(lengths, 20_000)
    assert run.frames == 20_000
    assert run.frame_bytes / run.frames == pytest.approx(sum(lengths) / len(lengths), rel=0.02)
    # Up: three read requests at least, payload, two write-backs, an interrupt.
    assert run.end_ps > (20_000 * (3 * 24 + 24 + 40 + 40 + 28) + run.frame_bytes) * 64
    assert run.wall_s > 0


@pytest.mark.parametrize("lengths", [[64], IMIX])
def test_runs_agree_bit_for_bit(lengths):
    assert figures(run_core_path(lengths, 5000)) == figures(run_core_path(lengths, 5000))


def test_the_interpreter_gives_the_same():
    code = (
        "import json, dataclasses; from benches.core_path import run_core_path;"
        f"print(json.dumps(dataclasses.asdict(run_core_path({IMIX}, 300))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    interpreted = json.loads(done.stdout)
    del interpreted["wall_s"]
    assert interpreted == figures(run_core_path(IMIX, 300))


@pytest.mark.parametrize("lengths", [[], [0], [1537], [64] * 17])
def test_lengths_out_of_range_are_refused(lengths):
    with pytest.raises(ValueError, match="1 to 16 lengths of 1 B to 1536 B"):
        run_core_path(lengths, 1)


# ---- The engine ----


def test_the_mix_is_the_one_of_the_example():
    assert engine.lengths_change(engine.SIZES["IMIX"]) == {
        "workload.frame_bytes": None,
        "workload.sizes": [[64, 7], [570, 4], [1518, 1]],
    }
    config = engine.configured(engine.lengths_change(engine.SIZES["IMIX"]), 1000)
    assert [tuple(size) for size in config.workload.sizes] == [(64, 7), (570, 4), (1518, 1)]


def test_one_length_stays_one():
    config = engine.configured(engine.lengths_change((64,)), 1000)
    assert (config.workload.frame_bytes, config.workload.load.kind) == (64, "saturate")
    assert (config.run.frames, config.nic.vfs, config.pcie.generation, config.pcie.lanes) == (1000, 8, 2, 4)


@pytest.mark.parametrize("n_vfs", [8, 64])
def test_many_vfs_are_possible(n_vfs):
    config = engine.configured({**engine.X550, "workload.pattern": "uniform", "nic.vfs": n_vfs}, 1000)
    assert (config.nic.preset, config.nic.vfs, config.pcie.generation, config.pcie.lanes) == ("X550", n_vfs, 3, 4)


def test_the_frames_for_a_second_are_found_from_a_quarter_of_it():
    runs = []

    def speed_of(n_frames):
        runs.append(n_frames)
        # The first run of all compiles; later ones speed up until caches are warm.
        return Speed(100.0 if len(runs) == 1 else 1e6 if len(runs) == 2 else 4e6)

    assert engine.frames_for(2.0, speed_of, first_frames=1000) == 8_000_000
    assert runs[:2] == [1000, 1000]
    assert runs[-1] >= 0.25 * 8_000_000


def test_a_slow_machine_runs_no_fewer_frames_than_the_first():
    assert engine.frames_for(1.0, lambda _: Speed(10.0), first_frames=50) == 50


def test_a_row_divides_the_first_by_the_second():
    samples = {"a": [Speed(3e6, 6e6), Speed(1e6, 2e6)], "b": [Speed(2e6), Speed(2e6)]}
    row = engine.compared("a / b", samples, Requirement(0.9, at_least=True))
    assert row.figure == Spread(1.0, 0.5, 1.5)
    assert row.cells() == ("a / b", "2.00", "4.00", "2.00", "-", "1.00", "0.500", "1.50", ">= 0.9", "PASS")


def test_an_amount_has_no_speeds():
    row = Row("memory", Spread(500.0, 400.0, 600.0), Requirement(400, at_least=False))
    assert row.cells() == ("memory", "", "", "", "", "500", "400", "600", "< 400", "above")
    assert Row("memory", row.figure, None).cells()[-2:] == ("-", "")


def test_the_engine_runs_as_many_frames_as_asked():
    speed = engine.engine_speed(engine.lengths_change((64,)), 20_000)
    assert speed.events_per_s > speed.frames_per_s > 0
    assert engine.core_path_speed((64,), 1000).events_per_s > 0


def test_a_window_holds_the_frames_that_it_is_made_for():
    changes = engine.lengths_change((1518,))
    window_ns = engine.window_of(changes, 2000)
    # 1.1027 M frames/s by the closed form.
    assert window_ns == pytest.approx(2000 / 1.1027e-3, rel=0.01)
    assert engine.frames_in_window(changes, window_ns) == pytest.approx(2000, rel=0.02)


# ---- The link ----


def test_the_closed_form_is_within_half_a_percent():
    found = [(case, pcie.closed_form_gbps(case)) for case in pcie.cases(every_source=True)]
    assert len(found) > 100
    assert [case for case, gbps in found if gbps != pytest.approx(case.published_gbps, rel=0.005)] == []


def test_a_measurement_fills_its_own_column(capsys):
    measured = [
        gbps for _, _, gbps in pcie.rows(measure=lambda case: case.published_gbps if case.n_bytes == 64 else None)
    ]
    assert len(measured) == 23
    assert measured.count(None) == 14
    pcie.print_table(measure=lambda case: 2 * case.published_gbps)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 24
    assert lines[3].split()[-2:] == ["84.20", "+100.00"]


def table_of(lines):
    """Return figure, reference and model of each line."""
    return [(line[:10].strip(), float(line.split()[-5]), float(line.split()[-2])) for line in lines]


def test_the_simulated_link_gives_the_published_transfers():
    found = [(case, pcie.measure_transfer(case)) for case in pcie.cases()]
    measured = [(case, gbps) for case, gbps in found if gbps is not None]
    assert len(measured) == 9
    assert [case for case, gbps in measured if gbps != pytest.approx(case.published_gbps, rel=0.005)] == []
    assert {case.figure for case, gbps in found if gbps is None} == {"tlp_layer", *NICS}


def test_hardware_reaches_most_of_what_the_link_allows():
    rows = table_of(pcie.hardware_lines())
    assert [(figure, reached) for figure, reached, _ in rows] == [("read", 55.7), ("write", 54.4), ("both", 49.0)]
    assert all(0.85 * model < reached < model for _, reached, model in rows)


def test_tags_limit_reads_to_their_share_of_a_round_trip():
    rows = table_of(pcie.tag_lines())
    # 450 ns, and 24 B and 84 B at 8 GT/s * 8 lanes, 128b/130b, less SKP: 463.75 ns.
    assert [(figure, reference) for figure, reference, _ in rows] == [("8 tags", 8.83), ("16 tags", 17.66)]
    # Acks and updates in between lengthen the round trip by 2 ns.
    assert all(0.99 * reference < model <= reference for _, reference, model in rows)


def test_the_whole_adapter_gives_the_published_one_without_its_defect():
    rows = table_of(pcie.dpdk_lines())
    assert [round(reference, 2) for _, reference, _ in rows] == [18.07, 48.31, 4.51, 12.05]
    assert all(model == pytest.approx(reference, rel=0.005) for _, reference, model in rows)


def test_the_adapters_batches_are_the_published_ones():
    nic = NICS["dpdk"]
    assert {key: value for key, value in pcie.DPDK.items() if isinstance(value, int) and "batch" in key} == {
        "nic.fetch_batch": nic.tx_fetch,
        "nic.tx_writeback_batch": nic.tx_writeback,
        "nic.rx_fetch_batch": nic.rx_fetch,
        "nic.rx_writeback_batch": nic.rx_writeback,
        "driver.tx_doorbell_batch": nic.tx_doorbell,
        "driver.refill_batch": nic.rx_doorbell,
        "driver.rx_interrupt_batch": nic.rx_interrupt,
        "driver.tx_interrupt_batch": nic.tx_interrupt,
    }


def test_the_table_in_the_documentation_is_what_is_printed(capsys):
    pcie.print_table(measure=pcie.measure_transfer)
    pcie.print_further_lines()
    printed = capsys.readouterr().out
    assert f"```text\n{printed}```\n" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


# ---- SimPy ----

# Contract keys with values that are no defaults, and the oracle's parameters that they must become.
CHANGED = {
    "pcie.max_payload": ("128B", "max_payload_bytes", 128),
    "pcie.max_read_request": ("1024B", "max_read_request_bytes", 1024),
    "pcie.read_completion_boundary": ("128B", "read_completion_boundary_bytes", 128),
    "pcie.tags": (17, "tags", 17),
    "pcie.dllp_model": ("tlp1", "dllp_period_tlps", 1),
    "pcie.propagation": ("30ns", "propagation_fs", 30_000_000),
    "pcie.arbitration": ("reads_first", "arbitration", "reads_first"),
    "pcie.address_bits": (32, "request_header_bytes", 20),
    "pcie.credits.ph": (11, "posted_header_credits", 11),
    "pcie.credits.pd": (120, "posted_data_credits", 120),
    "pcie.credits.nph": (13, "read_header_credits", 13),
    "pcie.credits.cplh": (14, "completion_header_credits", 14),
    "pcie.credits.cpld": (150, "completion_data_credits", 150),
    "pcie.credits.return": ("90ns", "credit_return_fs", 90_000_000),
    "host.read_latency": ("333ns", "read_latency_fs", 333_000_000),
    "host.completion_bytes": ("rcb", "completion_cut", "rcb"),
    "host.buffer_bytes": ("4KiB", "buffer_bytes", 4096),
    "host.buffer_offset": ("64B", "buffer_offset_bytes", 64),
    "host.cores": (3, "cores", 3),
    "nic.vfs": (4, "vfs", 4),
    "nic.tx_ring": (128, "tx_ring", 128),
    "nic.rx_ring": (256, "rx_ring", 256),
    "nic.fetch_batch": (4, "fetch_batch", 4),
    "nic.rx_fetch_batch": (5, "rx_fetch_batch", 5),
    "nic.rx_prefetch": (6, "rx_prefetch", 6),
    "nic.descriptor_cache": (40, "descriptor_cache", 40),
    "nic.tx_writeback_batch": (3, "tx_writeback_batch", 3),
    "nic.rx_writeback_batch": (2, "rx_writeback_batch", 2),
    "nic.writeback_timeout": ("5us", "writeback_timeout_fs", 5_000_000_000),
    "nic.tx_buffer": ("32KiB", "tx_buffer_bytes", 32768),
    "nic.rx_buffer": ("48KiB", "rx_buffer_bytes", 49152),
    "nic.max_pps": (9_000_000, "max_pps", 9_000_000),
    "nic.drop_enable": (False, "drop_enable", False),
    "port.rate": ("40Gbps", "port_rate_bps", 40_000_000_000),
    "driver.tx_doorbell_batch": (7, "tx_doorbell_batch", 7),
    "driver.refill_batch": (16, "refill_batch", 16),
    "driver.rx_interrupt_batch": (9, "rx_interrupt_batch", 9),
    "driver.tx_interrupt_batch": (10, "tx_interrupt_batch", 10),
    "driver.moderation": ("3us", "moderation_fs", 3_000_000_000),
    "driver.frame_time": ("44ns", "frame_time_fs", 44_000_000),
}


def test_each_parameter_is_handed_over():
    config = demo({key: value for key, (value, _, _) in CHANGED.items()})
    parameters = oracle_parameters(config)
    assert {name: getattr(parameters, name) for _, name, _ in CHANGED.values()} == {
        name: expected for _, name, expected in CHANGED.values()
    }


def test_the_links_rate_is_handed_over():
    numerator, denominator = oracle_parameters(demo()).link_fs_per_byte
    # 8 bits at 16 Gb/s, 4 symbols of 1538 being SKP.
    assert numerator * 1534 == denominator * 500_000 * 1538


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host.jitter", {"kind": "uniform", "range": "100ns"}),
        ("host.write_drain", "20Gbps"),
        ("nic.store_rate", "20Gbps"),
        ("nic.queues_per_vf", 2),
        ("pcie.dllp_model", "pcie_bench"),
    ],
)
def test_what_is_not_handed_over_is_refused(key, value):
    with pytest.raises(ValueError, match=f"not for the oracle: {key}"):
        oracle_parameters(demo({key: value}))


# A small Rx buffer is full, and the rate settled, after few frames.
@pytest.mark.parametrize("lengths", [(1518,), (570, 64)])
def test_a_window_carries_what_the_closed_form_says(lengths):
    sizes = {"workload.frame_bytes": None, "workload.sizes": [[n_bytes, 1] for n_bytes in lengths]}
    config = demo({**sizes, "nic.rx_buffer": "16KiB", "nic.tx_buffer": "32KiB", "nic.tx_ring": 64, "nic.rx_ring": 64})
    mpps = limits(config).mpps
    window_ns = round(1600 / mpps * 1000)
    run = run_oracle(config, lengths, window_ns)
    assert run.frames == pytest.approx(1600, rel=0.05)
    assert run.wall_s > 0
