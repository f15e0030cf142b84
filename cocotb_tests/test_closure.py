"""Coverage added up over runs: each bin has the run that hit it first, and the page shows it with what is missing."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from cocotb_coverage.coverage import coverage_db

from cocotb_tests import closure_page, closure_runs
from cocotb_tests.closure_page import render, write_page
from cocotb_tests.closure_runs import RunRecord, first_hits, keep_run, kept_runs, reachable
from cocotb_tests.coverage_session import RUNS_COVERAGE
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.functional_coverage import CROSSES, Hit, count_stage, hits_of
from hwmodel.atomic_file import AtomicFile
from hwmodel.forwarding.drop_reason import DropReason

ROOM = ("core.room", ("up to 64 B", "room", "one"))
FULL = ("core.room", ("up to 64 B", "full", "one"))
VERDICTS = np.dtype(
    [(name, "i8") for name in ("tag_kind", "destination_kind", "reason", "admit", "vid_class", "ports")]
)


def record(began_ns, hits, simulator="icarus", seed="--seed 1"):
    return RunRecord(began_ns, simulator, seed, "9 ports", "veb", 100, hits)


@pytest.fixture
def runs():
    return [
        record(1, {ROOM: Hit(5, 7)}),
        record(2, {ROOM: Hit(2, 1), FULL: Hit(1, 60)}, "verilator", "--fresh-seed 42"),
        record(3, {FULL: Hit(10, 2)}),
    ]


@pytest.fixture
def own_core(tmp_path, monkeypatch):
    """Return the core of rtl/, whose runs are kept in a folder of this test."""
    monkeypatch.setattr(closure_runs, "FOLDER", tmp_path / "coverage")
    monkeypatch.setattr(closure_page, "REPORTS", tmp_path)
    return read_dut(OWN_CORE)


def test_the_first_run_that_hits_a_bin_is_named(runs):
    found = first_hits(runs)
    assert (found[ROOM].n_times, found[ROOM].run, found[ROOM].frame) == (7, runs[0], 7)
    assert (found[FULL].n_times, found[FULL].run, found[FULL].frame) == (11, runs[1], 60)
    assert set(found) == {ROOM, FULL}


def test_runs_are_kept_in_their_order_and_those_of_another_version_forgotten(own_core, runs):
    for each in reversed(runs):
        keep_run(own_core, each)
    (other := closure_runs.FOLDER / "core-0123456789ab").mkdir()
    (another_core := closure_runs.FOLDER / "small_core-0123456789ab").mkdir()
    assert kept_runs(own_core) == runs
    assert (other.exists(), another_core.exists()) == (False, True)


def test_a_run_that_cannot_be_written_whole_leaves_nothing(own_core, runs, monkeypatch):
    """Half a record would end each later session with an error."""

    def is_interrupted(*_):
        raise KeyboardInterrupt

    keep_run(own_core, runs[0])
    monkeypatch.setattr(AtomicFile, "write", is_interrupted)
    with pytest.raises(KeyboardInterrupt):
        keep_run(own_core, runs[1])
    assert kept_runs(own_core) == runs[:1]


def test_what_a_session_counts_lies_elsewhere():
    """A session clears its own counts at its begin, and `hwmodel cosim` has one folder for all."""
    assert RUNS_COVERAGE.name != closure_runs.FOLDER.name


def test_the_page_has_each_bin_with_its_run_and_needs_nothing_else(own_core, runs, tmp_path):
    for each in runs:
        keep_run(own_core, each)
    n_bins = len(list(reachable(own_core.core())))
    assert write_page(own_core) == f"functional coverage of 3 runs: 2 of {n_bins} bins: {tmp_path / 'coverage.html'}"
    page = (tmp_path / "coverage.html").read_text(encoding="utf-8")
    rows = [re.sub(r"<[^>]+>", "|", row) for row in page.splitlines() if row.startswith("<tr>")]
    (row,) = [row for row in rows if "up to 64 B" in row and "full" in row and "|one|" in row]
    assert "11" in row
    assert "verilator, --fresh-seed 42, veb, 9 ports" in row
    assert page.count("<p>Not hit: ") == n_bins - 2
    assert "the core has no access list and no policers" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    told = json.loads((tmp_path / "coverage.json").read_text(encoding="utf-8"))
    (bin_told,) = [each for each in told["bins"] if (each["cross"], tuple(each["bin"])) == FULL]
    assert (bin_told["hits"], bin_told["first"]["seed"], bin_told["first"]["frame"]) == (11, "--fresh-seed 42", 60)


def test_one_run_is_no_runs(own_core, runs):
    keep_run(own_core, runs[0])
    assert write_page(own_core).startswith("functional coverage of 1 run: 1 of ")
    assert "1 run, 100 frames in all, under icarus; 1 seed." in render(own_core.core(), runs[:1], None)


def test_the_page_has_the_verilog_beside_it(own_core, runs):
    counts = {"lines": {"hit": 9, "all": 10, "waived": 1}, "toggles": {"hit": 3, "all": 8, "waived": 0}}
    waivers = [{"what": "x <= 0;", "reason": "never <here>"}]
    verilog = {"totals": counts, "modules": {"parser": {"file": "parser.v", **counts, "waivers": waivers}}}
    page = render(own_core.core(), runs, verilog)
    assert "lines 100.0 % (1 of them waived), toggles 37.5 %" in page
    assert "9 + 1 waived of 10" in page
    assert "never &lt;here&gt;" in page


def test_hits_are_those_that_cocotb_coverage_counts():
    """Of frames at random; the bins whose counts rise are those that were hit."""
    rng = np.random.default_rng(5)
    verdicts = np.zeros(400, VERDICTS)
    for name, n_values in (("tag_kind", 6), ("destination_kind", 5), ("admit", 3), ("vid_class", 3), ("ports", 8)):
        verdicts[name] = rng.integers(0, n_values, len(verdicts))
    verdicts["reason"] = rng.choice([int(reason) for reason in DropReason], len(verdicts))
    frames = [SimpleNamespace(port=int(rng.integers(3)), data=bytes(int(rng.integers(20, 1600)))) for _ in verdicts]
    stage = SimpleNamespace(frames=frames)
    expected = SimpleNamespace(frame_of_event=np.arange(len(frames)), verdicts=verdicts, full=rng.integers(0, 8, 400))

    def counts():
        return {(name, each): n for name in CROSSES for each, n in coverage_db[name].detailed_coverage.items()}

    before = counts()
    count_stage("veb", stage, expected)
    counted = {each for each, n in counts().items() if n > before[each]}
    hits = hits_of("veb", [(stage, expected), (stage, expected)])
    assert set(hits) == counted
    assert len(counted) > 50
    assert all(hit.n_times % 2 == 0 and 1 <= hit.first_frame <= len(frames) for hit in hits.values())
