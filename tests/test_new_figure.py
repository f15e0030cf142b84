"""A new figure is a row of the table and the lines that count it: rehearsed in a copy of the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from hwmodel.results.figure_fields import with_figures
from hwmodel.results.json_form import to_plain
from hwmodel.rules.figures import rows_of

ROOT = Path(__file__).parents[1]
# In each file: the line behind which the new lines stand, and these.
EDITS = {
    "rules/figures.py": (
        (
            '    ("mpps", "vm_copies", FRAME_RATE, "delivered to VMs", None),\n',
            '    ("long_frames", "long_frames", FRAMES, "delivered", ("are long", "are long")),\n'
            '    ("long_gbps", "long_bytes", BIT_RATE, "delivered", None),\n',
        ),
        (
            '    tx, rx = ("tx_queue", RINGS), ("rx_queue", RINGS)\n',
            '    yield Figure("rx_long", FUNCTION, FRAMES, "received", _sum((*_OWN_COUNTS, "long_frames")),\n'
            '                 is_of_vm=True, of_run=True, column=Column("long, frames"))\n',
        ),
    ),
    "machine/counts/outcome.py": (
        (
            "    function.received_frames += 1\n",
            "    if frame_bytes > 1000:\n"
            "        counts.long_frames += 1\n"
            "        counts.long_bytes += frame_bytes\n"
            "        function.long_frames += 1\n",
        ),
    ),
}
SCRIPT = """
import json
from hwmodel import Result, simulate
from hwmodel.config import config_from_mapping
from hwmodel.report.tables import vm_table
from hwmodel.results.lives_text import event_lines
found = {}
MACHINE = {"nic": {"preset": None, "vfs": 2, "rx_writeback_batch": 1, "tx_writeback_batch": 1},
           "driver": {"preset": None, "tx_doorbell_batch": 1, "rx_interrupt_batch": 0}}
for frame_bytes in (900, 1200):
    run = {"warmup": "20us", "duration": "100us", "seed": 3}
    workload = {"pattern": "pairs", "frame_bytes": frame_bytes, "load": "3Gbps"}
    result = simulate(config_from_mapping({**MACHINE, "run": run, "workload": workload}))
    again = Result.from_json(result.to_json())
    found[frame_bytes] = {
        "json": json.loads(result.to_json(include_host_run=False)), "again": again.to_json() == result.to_json(),
        "scalars": result.scalars(), "summary": result.summary(verbose=True), "notebook": result._repr_html_(),
        "page": [list(vm_table(result).header), vm_table(result).rows],
    }
event = {"when": {"figure": "totals.long_frames", "above": 9}, "set": {"port.rate": "1Gbps"}}
result = simulate(config_from_mapping({**MACHINE, "run": run, "workload": workload, "scenario": [event]}))
found["event"] = [result.series.events[0].at_ns, [line.text for line in event_lines(result)]]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what runs of short and of long frames give, once the figures are added."""
    home = tmp_path_factory.mktemp("edited")
    shutil.copytree(ROOT / "hwmodel", home / "hwmodel", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "configs", home / "configs")
    assert len(EDITS) == 2, "a new figure is a row and its count"
    for name, edits in EDITS.items():
        path = home / "hwmodel" / name
        text = path.read_text(encoding="utf-8")
        for line, lines in edits:
            assert text.count(line) == 1, line
            text = text.replace(line, line + lines)
        path.write_text(text, encoding="utf-8")
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_results_have_it(results: dict[str, Any]) -> None:
    """All frames are long, or none is: the new figures are those of all frames, or left out."""
    short, long = (results[name]["json"] for name in ("900", "1200"))
    totals = long["totals"]
    assert totals["long_frames"] == totals["copies_delivered"] > 20
    assert totals["long_gbps"] == totals["gbps"] > 0
    assert {vm["name"]: vm.get("rx_long", 0) for vm in long["vms"]} == {
        flow["to"]: flow["delivered"] for flow in long["flows"]
    }
    assert not [name for name in (*short["totals"], *short["vms"][0]) if "long" in name]
    assert results["1200"]["again"] and results["1200"]["scalars"]["totals.long_frames"] == totals["long_frames"]


def test_a_rate_has_its_interval(results: dict[str, Any]) -> None:
    intervals = results["1200"]["json"]["intervals"]
    assert intervals["totals.long_gbps"] == intervals["totals.gbps"]
    assert "totals.long_gbps" not in results["900"]["json"]["intervals"]


def test_it_is_told(results: dict[str, Any]) -> None:
    """In the balance of frames, and in the table of VMs: of the summary, a notebook and the page."""
    n_frames = results["1200"]["json"]["totals"]["long_frames"]
    assert f"; {n_frames:,} are long" in results["1200"]["summary"] and "are long" not in results["900"]["summary"]
    header, rows = results["1200"]["page"]
    at = header.index("long, frames")
    assert [int(row[at].replace(",", "")) for row in rows] == [vm["rx_long"] for vm in results["1200"]["json"]["vms"]]
    for text in ("summary", "notebook"):
        assert "long, frames" in results["1200"][text]


def test_a_condition_may_wait_for_it(results: dict[str, Any]) -> None:
    """The tenth long frame is there after some 10 frames' time, before the window ends."""
    at_ns, lines = results["event"]
    assert at_ns is not None and 1_000 < at_ns < 100_000
    assert any("delivered more than 9 frames" in line for line in lines), lines


@dataclass(frozen=True, kw_only=True)
@with_figures("iotlb")
class Declares:
    """Declares one of the two figures that the table has of its record."""

    hits: int
    others: str = ""


def test_a_record_has_a_field_for_each_row_that_it_does_not_declare() -> None:
    assert set(rows_of("iotlb")) == {"hits", "misses"}
    assert [(one.name, one.default) for one in fields(Declares)] == [("hits", MISSING), ("others", ""), ("misses", 0)]
    assert to_plain(Declares(hits=3)) == {"hits": 3, "others": ""}
    assert to_plain(Declares(hits=3, misses=2)) == {"hits": 3, "others": "", "misses": 2}  # type: ignore[call-arg]
