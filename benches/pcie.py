"""Published PCIe figures beside this model's: transfers and adapters of pcie-bench (SIGCOMM 2018).

    python -m benches.pcie          the published figures
    python -m benches.pcie --all    and those that the public program gives for other links

Columns: the published figure; the closed form and how far it is off; the simulation, where a function that measures it
is handed to `rows`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hwmodel.analytic import dma_limits, published
from hwmodel.analytic.published import NICS
from hwmodel.config import Config, config_from_mapping

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "pcie_published.csv"
PUBLISHED = "pcie-bench (SIGCOMM 2018)"


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


def print_table(every_source: bool = False, measure: Measure | None = None) -> None:
    print("figure     link     MPS  bytes  way    published  closed form   off %      model   off %")
    for case, closed_gbps, model_gbps in rows(every_source, measure):
        pcie = case.config.pcie
        link = f"Gen{pcie.generation} x{pcie.lanes}"
        model = "-" if model_gbps is None else f"{model_gbps:.2f}"
        model_off = "-" if model_gbps is None else _off(model_gbps, case.published_gbps)
        print(
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
    print_table(every_source=parser.parse_args().all)


if __name__ == "__main__":
    main()
