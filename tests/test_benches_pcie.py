import subprocess
import sys
from pathlib import Path

import pytest

from benches import pcie
from hwmodel.analytic.published import NICS

ROOT = Path(__file__).resolve().parent.parent


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


def test_a_quick_run_prints_its_table():
    done = subprocess.run(
        [sys.executable, "-m", "benches.pcie", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == pcie.HEADS
    # 23 published figures, then three lines and two, each under a line that names their reference.
    assert [i for i, line in enumerate(lines) if line.startswith("reference: ")] == [24, 28]
    assert len(lines) == 31
    assert [line.split()[-2] != "-" for line in lines[1:24]].count(True) == 9


def test_the_table_in_the_documentation_is_what_is_printed(capsys):
    pcie.print_table(measure=pcie.measure_transfer)
    pcie.print_further_lines()
    printed = capsys.readouterr().out
    assert f"```text\n{printed}```\n" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
