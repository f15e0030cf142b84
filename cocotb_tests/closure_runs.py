"""What each run has hit of the functional coverage, kept in a file for each run, and added up over all of them.

Runs of one design belong together, whatever their seeds and simulators: a core's sources, by their digest. Those of
another design, such as an older version of it, are forgotten.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cocotb_tests.dut_file import Core, Dut
from cocotb_tests.functional_coverage import Bin, Hit, bins_of
from cocotb_tests.places import REPORTS
from cocotb_tests.simulators import Design
from hwmodel.atomic_file import write_atomically

FOLDER = REPORTS / "coverage"
# Of the Verilog: what all runs have reached, and its report. No run has these names.
UNITED, VERILOG = "verilator.dat", "verilog_report.txt"


@dataclass(frozen=True)
class RunRecord:
    """A run and the bins that it hit; `seed` as it is given to repeat it, such as `--seed 1`."""

    began_ns: int
    simulator: str
    seed: str
    shape: str
    mode: str
    n_frames: int
    hits: Mapping[Bin, Hit]


@dataclass(frozen=True)
class FirstHit:
    """A bin over all runs: how often it was hit, by which run first, and at which of its frames."""

    n_times: int
    run: RunRecord
    frame: int


def folder_of(dut: Dut) -> Path:
    """Return where the runs of a design are kept."""
    digest = hashlib.sha256()
    for path in (*dut.sources, *Design(dut.sources, dut.include_folders).included()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return FOLDER / f"{dut.path.stem}-{digest.hexdigest()[:12]}"


def keep_run(dut: Dut, record: RunRecord) -> None:
    """Write the file of a run."""
    folder = folder_of(dut)
    folder.mkdir(parents=True, exist_ok=True)
    hits = [[name, bins, *hit] for (name, bins), hit in record.hits.items()]
    text = json.dumps({**asdict(record), "hits": hits})
    # Whole or not at all: another session may be adding runs up, and each later one reads what this one leaves.
    write_atomically(folder / f"{record.began_ns}-{uuid.uuid4().hex[:8]}.json", text + "\n")


def new_record(core: Core, simulator: str, seed: str, mode: str, n_frames: int, hits: Mapping[Bin, Hit]) -> RunRecord:
    """Return the record of a run that has ended now."""
    return RunRecord(time.time_ns(), simulator, seed, core.shape_name, mode, n_frames, hits)


def kept_runs(dut: Dut) -> list[RunRecord]:
    """Return the runs of a design in the order in which they came, and forget those of its other versions."""
    own = folder_of(dut)
    for other in FOLDER.glob(f"{dut.path.stem}-*"):
        if other != own and len(other.name) == len(own.name):
            shutil.rmtree(other, ignore_errors=True)
    return sorted((_read(path) for path in own.glob("*.json")), key=lambda run: run.began_ns)


def _read(path: Path) -> RunRecord:
    keys = json.loads(path.read_text(encoding="utf-8"))
    return RunRecord(**{**keys, "hits": {(name, tuple(bins)): Hit(*hit) for name, bins, *hit in keys["hits"]}})


def first_hits(runs: Sequence[RunRecord]) -> dict[Bin, FirstHit]:
    """Add runs up; of each bin the first run, in their order, is the one that is named."""
    found: dict[Bin, FirstHit] = {}
    for run in runs:
        for bins, hit in run.hits.items():
            before = found.get(bins)
            found[bins] = (
                FirstHit(hit.n_times, run, hit.first_frame)
                if before is None
                else FirstHit(before.n_times + hit.n_times, before.run, before.frame)
            )
    return found


def reachable(core: Core) -> Iterable[Bin]:
    """Return the bins that can be hit."""
    for name, bins in bins_of(core).items():
        yield from ((name, each) for each, why in bins.items() if why is None)
