"""Published PCIe figures beside this model's: transfers and adapters of pcie-bench (SIGCOMM 2018).

    python -m benches.pcie          the published figures, what hardware reached, and reads that tags limit
    python -m benches.pcie --all    and the figures that the public program gives for other links

Columns: the reference, which is the published figure unless the line above says otherwise; the closed form and how far
it is off, per cent; the simulation and how far it is off.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hwmodel.analytic import dma_limits, limits, published
from hwmodel.analytic.published import NICS
from hwmodel.config import Config, config_from_mapping
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation import dma, simulate
from hwmodel.units import BITS_PER_BYTE

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "pcie_published.csv"
PUBLISHED = "pcie-bench (SIGCOMM 2018)"
TRANSFERS = ("read", "write", "both")
ENOUGH_TAGS = {"nic.strict": False, "pcie.tags": 256}
HEADS = "figure     link     MPS  bytes  way    reference  closed form   off %      model   off %"

GEN3_X8 = {"generation": 3, "lanes": 8, "max_payload": "256B", "max_read_request": "512B", "dllp_model": "tlp4"}
# Plateaus of a Netronome NFP-6000 with a warm cache, Gb/s each way: data of pcie-bench (SIGCOMM 2018).
HARDWARE_GBPS = {"read": 55.7, "write": 54.4, "both": 49.0}
PLATEAU_BYTES = 2048
# The published 82599 with DPDK, in this model's terms: what `hwmodel.analytic.published.NICS` says of it.
DPDK = {
    **ENOUGH_TAGS, "nic.fetch_batch": 40, "nic.tx_writeback_batch": 8, "nic.rx_fetch_batch": 1,
    "nic.rx_writeback_batch": 1, "nic.descriptor_cache": 128, "driver.preset": "dpdk", "driver.tx_doorbell_batch": 32,
    "driver.refill_batch": 32, "driver.rx_interrupt_batch": 0, "driver.tx_interrupt_batch": 0,
    # The published program knows neither cores nor timers: those never limit.
    "driver.moderation": "0us",
    "nic.writeback_timeout": "64us", "nic.queue_time": "0ns", "driver.frame_time": "20ns", "driver.byte_time": "0ns",
    "driver.doorbell_time": "0ns",
    "run.frames": 200_000, "run.duration": "1s",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Hold one published figure: `figure` is write, read, both, tlp_layer or an adapter, of `n_bytes` (None: any).

    `directions`: of an adapter, whether it sends, receives or does both.
    """

    figure: str
    config: Config
    n_bytes: int | None
    directions: str
    published_gbps: float


Measure = Callable[[Case], float | None]


def cases(every_source: bool = False) -> Iterator[Case]:
    """Read the published figures, with the configuration that each is for."""
    for row in csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()):
        if every_source or row["source"] == PUBLISHED:
            n_bytes = int(row["bytes"]) if row["bytes"] else None
            config = _config_of(row, n_bytes)
            yield Case(row["figure"], config, n_bytes, row["directions"], float(row["gbps"]))


def rows(every_source: bool = False, measure: Measure | None = None) -> Iterator[tuple[Case, float, float | None]]:
    """Give each case with the closed form's Gb/s and, from `measure`, the simulation's (None: not measured)."""
    for case in cases(every_source):
        yield case, closed_form_gbps(case), measure(case) if measure is not None else None


def closed_form_gbps(case: Case) -> float:
    """Give the closed form's figure for a case: transfers by the link's bytes alone, without tags and credits."""
    if case.figure == "tlp_layer":
        return float(published(case.config).link.bytes_per_s) * 8e-9
    if case.figure in NICS:
        return published(case.config, case.figure, directions=case.directions).gbps
    assert case.n_bytes is not None
    (limits,) = dma_limits(case.config, [case.n_bytes])
    return {"read": limits.read, "write": limits.write, "both": limits.both}[case.figure].link_gbps


def measure_transfer(case: Case) -> float | None:
    """Simulate a transfer of a case and give its Gb/s, with tags enough for the link to set the rate.

    None for other figures: the published adapters read registers, which this model's adapter does not.
    """
    if case.figure not in TRANSFERS:
        return None
    assert case.n_bytes is not None
    return _simulated_gbps(config_from_mapping(case.config.resolved(), ENOUGH_TAGS), case.figure, case.n_bytes)


def hardware_lines() -> Iterator[str]:
    """Set what hardware reached beside what the link allows."""
    config = config_from_mapping({"nic": {"strict": False}, "pcie": {**GEN3_X8, "tags": 256}})
    (closed,) = dma_limits(config, [PLATEAU_BYTES])
    for figure, reached_gbps in HARDWARE_GBPS.items():
        case = Case(figure, config, PLATEAU_BYTES, "both", reached_gbps)
        yield _line(case, getattr(closed, figure).gbps, _simulated_gbps(config, figure, PLATEAU_BYTES))


def tag_lines() -> Iterator[str]:
    """Set reads that wait for tags beside tags * 64 B / round trip, with the round trip that `hwmodel limits` gives."""
    for tags in (8, 16):
        # A frame of 68 B is read in one request of 64 B.
        config = config_from_mapping({"pcie": {**GEN3_X8, "tags": tags}, "workload": {"frame_bytes": 68}})
        by_hand_gbps = tags * 64 * BITS_PER_BYTE / limits(config).round_trip_ns
        (closed,) = dma_limits(config, [64])
        yield _line(
            Case(f"{tags} tags", config, 64, "read", by_hand_gbps),
            closed.read.gbps,
            _simulated_gbps(config, "read", 64),
        )


def dpdk_lines() -> Iterator[str]:
    """Set the whole adapter, from VM to VM, beside the published program's once that adds the lost request."""
    for case in cases():
        if case.figure != "dpdk" or case.n_bytes is None:
            continue
        config = config_from_mapping(case.config.resolved(), DPDK)
        mended = Case("dpdk", config, case.n_bytes, "both", published(config, "dpdk", emulate_defect=False).gbps)
        yield _line(
            mended, _dma_gbps(limits(config).mpps, case.n_bytes), _dma_gbps(simulate(config).totals.mpps, case.n_bytes)
        )


def _dma_gbps(mpps: float, frame_bytes: int) -> float:
    """Give the rate as the published figures count it: DMA bytes, without the FCS."""
    return mpps * (frame_bytes - FCS_BYTES) * BITS_PER_BYTE / 1000


def _simulated_gbps(config: Config, figure: str, n_bytes: int) -> float:
    (row,) = dma(config, [n_bytes])
    return float(row[f"{figure}_gbps"])


def print_table(every_source: bool = False, measure: Measure | None = None) -> None:
    print(HEADS)
    for case, closed_gbps, model_gbps in rows(every_source, measure):
        print(_line(case, closed_gbps, model_gbps))


def print_further_lines(whole_adapter: bool = True) -> None:
    """Print the lines whose reference is no published figure of a link, under the same heads."""
    sections = [
        (f"reference: what an NFP-6000 reached with long transfers ({PUBLISHED}, data); DLLPs: tlp4", hardware_lines()),
        ("reference: tags * 64 B / round trip; DLLPs: tlp4", tag_lines()),
    ]
    if whole_adapter:
        sections.append(("reference: the published program with its defect mended; model: VM to VM", dpdk_lines()))
    for head, lines in sections:
        print(head)
        for line in lines:
            print(line)


def _line(case: Case, closed_gbps: float, model_gbps: float | None) -> str:
    pcie = case.config.pcie
    link = f"Gen{pcie.generation} x{pcie.lanes}"
    model = "-" if model_gbps is None else f"{model_gbps:.2f}"
    model_off = "-" if model_gbps is None else _off(model_gbps, case.published_gbps)
    return (
        f"{case.figure:<10} {link:<8} {pcie.max_payload_bytes:>3} {case.n_bytes or '-':>6}  {case.directions:<5}"
        f" {case.published_gbps:>10.2f} {closed_gbps:>12.2f} {_off(closed_gbps, case.published_gbps):>7}"
        f" {model:>10} {model_off:>7}"
    )


def _off(gbps: float, published_gbps: float) -> str:
    return f"{100 * (gbps / published_gbps - 1):+.2f}"


def _config_of(row: dict[str, str], n_bytes: int | None) -> Config:
    pcie = {
        "generation": int(row["generation"]), "lanes": int(row["lanes"]), "dllp_model": "pcie_bench",
        "max_payload": f"{row['max_payload_bytes']}B", "max_read_request": f"{row['max_read_request_bytes']}B",
        "address_bits": int(row["address_bits"]), "ecrc": row["ecrc"] == "1",
    }  # fmt: skip
    frame_bytes = n_bytes if row["figure"] in NICS and n_bytes is not None else 1518
    return config_from_mapping(
        {
            "pcie": pcie,
            "host": {"completion_bytes": row["completion_bytes"]},
            "workload": {"frame_bytes": frame_bytes},
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare published PCIe figures with this model's.")
    parser.add_argument("--all", action="store_true", help="also the public program's figures for other links")
    parser.add_argument("--quick", action="store_true", help="leave out the runs of the whole adapter")
    arguments = parser.parse_args()
    print_table(arguments.all, measure_transfer)
    print_further_lines(whole_adapter=not arguments.quick)


if __name__ == "__main__":
    main()
