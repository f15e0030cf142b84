import csv
from pathlib import Path

import pytest

from hwmodel.analytic import dma_limits
from hwmodel.analytic.published import NICS, published
from hwmodel.errors import InputError
from tests.analytic_cases import demo

VECTORS = Path(__file__).parent / "vectors" / "pcie_published.csv"
ROWS = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()))


def config_of(row, frame_bytes=1518, *, as_published=False):
    return demo(
        {
            "pcie.generation": int(row["generation"]), "pcie.lanes": int(row["lanes"]),
            "pcie.max_payload": f"{row['max_payload_bytes']}B",
            "pcie.max_read_request": f"{row['max_read_request_bytes']}B",
            "pcie.address_bits": int(row["address_bits"]), "pcie.ecrc": row["ecrc"] == "1",
            "host.completion_bytes": row["completion_bytes"], "workload.frame_bytes": frame_bytes,
            "pcie.dllp_model": "pcie_bench" if as_published else "spec",
        }
    )  # fmt: skip


def figure_of(row):
    if row["figure"] == "tlp_layer":
        return float(published(config_of(row)).link.bytes_per_s) * 8e-9
    if row["figure"] in NICS:
        found = published(config_of(row, int(row["bytes"])), row["figure"], directions=row["directions"])
        return found.gbps
    (transfer,) = dma_limits(config_of(row, as_published=True), [int(row["bytes"])])
    return getattr(transfer, row["figure"]).link_gbps


def test_there_are_published_figures_and_runs_of_the_program():
    published_rows = [row for row in ROWS if row["source"].endswith("(SIGCOMM 2018)")]
    assert (len(published_rows), len(ROWS) > 100) == (23, True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(list(row.values())[1:-1]))
def test_figures_are_reproduced_to_their_last_digit(row):
    decimals = len(row["gbps"].partition(".")[2])
    assert f"{figure_of(row):.{decimals}f}" == row["gbps"]


def test_without_the_defect():
    gen3_x8 = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8, "workload.frame_bytes": 64}
    with_defect, without = (published(demo(gen3_x8), "simple", emulate_defect=defect) for defect in (True, False))
    assert (f"{with_defect.gbps:.2f}", f"{without.gbps:.2f}") == ("12.58", "11.58")
    assert without.up_bytes - with_defect.up_bytes == 24
    assert any("defect" in note for note in with_defect.notes)
    assert not any("defect" in note for note in without.notes)


def test_the_simple_adapter_by_hand():
    # 64 B: up 24 + 24 + 28 + 24 sending, 84 + 40 + 28 + 24 receiving, and 24 for the Rx descriptor's request.
    found = published(demo({"workload.frame_bytes": 64}), "simple", emulate_defect=False)
    assert (found.up_bytes, found.down_bytes) == (300, 28 + 36 + 80 + 24 + 28 + 36 + 24)
    assert found.limited_by == "up"
    assert found.to_dict()["unloaded_latency_ns"] is None


def test_the_configured_dllp_model_does_not_matter():
    assert published(demo({"pcie.dllp_model": "none"})).gbps == published(demo({"pcie.dllp_model": "tlp1"})).gbps


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="simple, kernel, dpdk"):
        published(demo(), "firmware")
    with pytest.raises(InputError, match="one frame size"):
        published(demo({"workload.frame_bytes": None, "workload.sizes": [[64, 1], [1518, 1]]}))
