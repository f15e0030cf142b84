"""The table that each bench prints, and how fresh processes and the switch core are timed."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benches import cosim, coverage, pcie, scenarios, short_runs, startup, steadiness
from benches.comparison import Requirement
from benches.cosim import AXI_MODELS, BATCH, Run
from benches.fresh_process import Duration, duration, peak_memory_mb
from benches.known_queues import known_queues
from benches.report_cases import REPORTS
from benches.switch_core import LOADS, Load, measure, offers_of

ROOT = Path(__file__).resolve().parent.parent
BENCHES = sorted(path.stem for path in (ROOT / "benches").glob("*.py") if "__main__" in path.read_text("utf-8"))
HAS_COCOTB = importlib.util.find_spec("cocotb") is not None
NO_ICARUS = pytest.mark.skipif(HAS_COCOTB and shutil.which("iverilog") is None, reason="needs Icarus Verilog")

# ---- Each bench: run quickly, documented, and run by make ----


def engine_prints(lines):
    *lines, simulated = lines
    assert lines[0].startswith("A / B")
    names = [re.split(r"  +", line.strip())[0] for line in lines[1:]]
    assert names == [
        *(f"{size}: engine / {other}" for size in ("64 B", "1518 B", "IMIX") for other in ("core path", "SimPy")),
        "64 B: a run 2 times as long / the run",
        "X550, 64 B, pairs: 64 VFs / 8 VFs",
        "X550, 64 B, uniform: 64 VFs / 8 VFs",
        "peak memory of a fresh run, MB",
        "8 times as long",
        "X550, 64 B, uniform, 64 VFs",
    ]
    # All but the mix beside the core path are judged.
    judged = [name for name, line in zip(names, lines[1:], strict=True) if re.search(r" (PASS|below|above)$", line)]
    assert judged == [name for name in names if name != "IMIX: engine / core path"]
    counts = re.findall(r"(\d+) and (\d+)", simulated)
    # Engine and SimPy deliver the same frames, give or take the batches at the ends of the window, 8 a VM.
    assert len(counts) == 3
    assert all(abs(int(a) - int(b)) <= 64 for a, b in counts)


def pcie_prints(lines):
    assert lines[0] == pcie.HEADS
    # 23 published figures, then three lines and two, each under a line that names their reference.
    assert [i for i, line in enumerate(lines) if line.startswith("reference: ")] == [24, 28]
    assert len(lines) == 31
    assert [line.split()[-2] != "-" for line in lines[1:24]].count(True) == 9


def startup_prints(lines):
    assert lines[0].split() == [
        *("a", "fresh", "process", "median", "s", "min", "max", "CPU", "s", "times", "bare", "required", "s"),
    ]
    assert [line.split("  ")[0] for line in lines[1:]] == list(startup.MEASURED)
    assert [line.split()[-1] in ("PASS", "above") for line in lines[1:]] == [*[False] * 3, *[True] * 4]


def short_runs_prints(lines):
    *lines, summary = lines
    assert [line.split("  ")[0] for line in lines[1:]] == list(short_runs.POINTS)
    for line in lines[1:]:
        cells = re.split(r"  +", line.strip())[1:]
        *stages, total, beside = map(float, cells[: len(short_runs.STAGES) + 2])
        assert total == pytest.approx(sum(stages), rel=0.02)
        assert beside == pytest.approx(total - stages[short_runs.STAGES.index("kernels")], rel=0.02)
    assert re.fullmatch(r"The median of all points is [\d.]+ ms\.", summary)


def scenarios_prints(lines):
    assert lines[1].startswith("with 100 events / without, frames/s")
    assert lines[2].startswith("100 events, s") and "reactions, us each" in lines[3]
    rows = [re.split(r"  +", line.strip()) for line in lines[6:]]
    assert [row[0] for row in rows] == list(scenarios.MACHINES)
    assert all(row[1] == "1" and row[-2:] == ["0", "0"] for row in rows)  # before it none other, all are back


def validation_prints(lines):
    assert lines[0] == "# The model beside measurements"
    assert sum(line.startswith("| published model") for line in lines) == 3


def switch_core_prints(lines):
    assert [line.split("  ")[0] for line in lines[1:]] == [load.name for load in LOADS]
    assert all(line.split()[-1] in ("PASS", "below") for line in lines[1:])


def cosim_prints(lines):
    if not HAS_COCOTB:
        assert lines == ["nothing measured: cocotb is not installed (make cosim installs it)"]
        return
    assert lines[0].split("  ")[0] == cosim.HEADS[0]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "icarus, batch, 64 B",
        "icarus, AXI models, 64 B",
        "icarus, 64 B: batch / AXI models",
        "icarus, batch, 1518 B",
        "icarus, batch, mixed",
        f"icarus, {cosim.QUICK_FRAMES} frames, mixed, s",
    ]


def bottleneck_prints(lines):
    assert re.match(r"\d+ configurations, \d+ left out", lines[0])
    assert sum("throughput rises by 2 % or more in" in line for line in lines) == 1


def parts_prints(lines):
    assert re.match(r"\d+ systems, \d+ left out; the load alone is named in \d", lines[0])
    assert "named part alone larger: throughput rises by 2 % or more in" in lines[1]


def ceilings_prints(lines):
    machines = [line for line in lines if re.match(r"1/\d", line)]
    assert [line.split()[0] for line in machines] == ["1/0", "1/1"]
    assert re.fullmatch(r"\d machines, \d left out \(nothing arrived, no rate, or no room\)", lines[2])
    assert re.fullmatch(r"above the closed form: \d; within 5 %: \d", lines[3])


def coverage_prints(lines):
    n = 1 + len(coverage.tallies(0.8))
    assert [line.split()[0] for line in lines[:n]] == ["figure", *coverage.tallies(0.8)]
    assert [line.split()[-1] in ("PASS", "below", "above") for line in lines[1:n]] == [True, *4 * [False]]
    assert all(re.search(r" \d of 4 ", line) for line in lines[1:n])
    known = [line for line in lines[n:] if line.strip()]
    assert [line.startswith(one.name) for line, one in zip(known[1:], known_queues(), strict=True)].count(False) == 0
    assert all(re.search(r" [01]\.\d\d$", line.rstrip()) for line in known[1:])


def load_sweep_prints(lines):
    assert lines[0].startswith("configuration")
    assert lines[1].split()[:2] == ["sriov_10g_gen2x4", "kernel"]
    assert re.fullmatch(r"(\d+) of \1 falls of more than 5 % are told", lines[2])


def steadiness_prints(lines):
    assert sum(line.startswith("Against ") for line in lines) == 2
    for word in steadiness.FIGURES:
        assert sum(bool(re.match(rf"{re.escape(word)} .*(% of \d|-)", line)) for line in lines) == 2
    assert re.match(r"2 runs: \d warn, \d warn though all holds, \d miss silently", lines[-1])


def interval_coverage_prints(lines):
    assert lines[0].startswith("figure: holds") and lines[1].split()[0] == "rates"
    assert re.match(r"2 runs: ", lines[-1])


def pci_x_card_prints(lines):
    assert lines[0].startswith("| ports | published") and len(lines) == 3


def virtual_switches_prints(lines):
    assert lines[0].startswith("| preset | path |") and len(lines) == 2 + 1


def reports_prints(lines):
    name = REPORTS[-1].name
    assert lines and all(line.startswith(f"{name} | ") and line.endswith(" | fits") for line in lines)


def systems_prints(lines):
    assert lines[0].startswith("servers")
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]
    assert [line.split()[-1] in ("PASS", "below") for line in lines[1:]] == [False, True]


def sizing_prints(lines):
    """Two problems, each answered as trying all answers it, and no row that contradicts another."""
    assert [line.split()[:2] for line in lines[:2]] == [["1/0", "same"], ["1/1", "same"]]
    assert lines[2:] == ["2 problems: same 2", "contradictions in the answers: 0"]


def sweep_prints(lines):
    assert lines[0].split()[:3] == ["a", "sweep", "runs"]
    assert [line.split()[-1] in ("PASS", "below", "above") for line in lines[1:]] == [
        False,
        *4 * [True],
        False,
        *3 * [True],
    ]


def mutations_prints(lines):
    assert lines[0].split()[:2] == ["kind", "mutations"]
    assert [line.split()[:3] for line in lines[1:]] == [
        [kind, "1", "0"] for kind in ("configuration", "capture", "result", "ledger", "kernels")
    ]


def other_cores_prints(lines):
    assert lines[0].split() == ["core", "runs", "passed", "copies", "frames", "longest", "stage"]
    assert len(lines) == 4


PRINTS = {
    "bottleneck": bottleneck_prints,
    "ceilings": ceilings_prints,
    "cosim": cosim_prints,
    "coverage": coverage_prints,
    "engine": engine_prints,
    "interval_coverage": interval_coverage_prints,
    "load_sweep": load_sweep_prints,
    "mutations": mutations_prints,
    "other_cores": other_cores_prints,
    "parts": parts_prints,
    "pcie": pcie_prints,
    "reports": reports_prints,
    "scenarios": scenarios_prints,
    "short_runs": short_runs_prints,
    "sizing": sizing_prints,
    "startup": startup_prints,
    "steadiness": steadiness_prints,
    "sweep": sweep_prints,
    "switch_core": switch_core_prints,
    "systems": systems_prints,
    "validation": validation_prints,
    "pci_x_card": pci_x_card_prints,
    "virtual_switches": virtual_switches_prints,
}


def test_every_bench_is_known_here():
    assert sorted(PRINTS) == BENCHES


# A second each and more: who runs a bench reads its table, and sees where it breaks.
LONGEST = (
    "bottleneck", "ceilings", "cosim", "engine", "interval_coverage", "mutations", "other_cores", "parts", "scenarios",
    "short_runs", "sizing", "startup", "steadiness", "sweep", "switch_core", "systems", "validation",
)  # fmt: skip
MARKS = {name: (pytest.mark.nightly, *([NO_ICARUS] if name == "cosim" else [])) for name in LONGEST}


@pytest.mark.slow
@pytest.mark.parametrize("bench", [pytest.param(name, marks=MARKS.get(name, ())) for name in PRINTS])
@pytest.mark.real_clocks
@pytest.mark.filterwarnings("ignore")  # as in a process of its own
def test_a_quick_run_prints_its_table(bench, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [f"benches/{bench}.py", "--quick"])
    monkeypatch.chdir(ROOT)
    try:
        runpy.run_module(f"benches.{bench}", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert not end.code
    PRINTS[bench](capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("bench", BENCHES)
def test_a_bench_is_documented(bench):
    assert f"benches.{bench}" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_make_runs_each_bench():
    done = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("for bench in ")]
    files = line.removeprefix("for bench in ").split(";")[0].split()
    assert files == [f"benches/{bench}.py" for bench in BENCHES]


# ---- Fresh processes ----


def test_a_process_is_timed_from_start_to_end():
    slept = duration(["-c", "import time; time.sleep(0.2)"])
    assert slept.wall_s >= 0.2
    worked = duration(["-c", "import time\nwhile time.process_time() < 0.2: pass"])
    assert worked.cpu_s >= 0.2
    assert slept.cpu_s < slept.wall_s


def test_the_environment_is_passed_on():
    code = "import os; assert os.environ['HWMODEL_CACHE_DIR'] == 'here' and 'PATH' in os.environ"
    duration(["-c", code], {"HWMODEL_CACHE_DIR": "here"})


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="a bad day"):
        duration(["-c", "raise SystemExit('a bad day')"])


def test_the_peak_is_the_processes_own():
    held = b"\1" * 200_000_000  # more than the process needs, and none of its business
    assert 20 < peak_memory_mb(["schema"]) < len(held) / 1e6


def test_a_row_tells_seconds_and_times_the_bare_interpreter():
    samples = [Duration(0.3, 0.1), Duration(0.1, 0.3), Duration(0.4, 0.2)]
    bare = [Duration(0.1, 0.1), Duration(0.1, 0.1), Duration(0.2, 0.1)]
    cells = startup.row("help", samples, bare, Requirement(0.2, at_least=False))
    assert cells == ("help", "0.300", "0.100", "0.400", "0.200", "2.00", "< 0.2", "above")
    assert startup.row("help", samples, bare, None)[-2:] == ("-", "")


def test_the_first_run_finds_an_empty_cache(monkeypatch):
    seen = []

    def run(arguments, environment):
        folder = Path(environment["HWMODEL_CACHE_DIR"])
        seen.append((folder, list(folder.iterdir()), tuple(arguments)))
        return Duration(1.0, 1.0)

    monkeypatch.setattr(startup, "duration", run)
    startup.first_run()
    startup.first_run()
    (first, first_files, arguments), (second, second_files, _) = seen
    assert first != second and first_files == second_files == []
    assert not first.exists() and arguments == startup.SHORT_RUN


# ---- The switch core's twin ----


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_frames_are_forwarded(load):
    frames_per_s, copies = measure(load, 200)
    assert frames_per_s > 0
    assert copies > 0.5


def test_stations_send_to_each_other():
    offers = offers_of(Load("", (60, 100)), 300)
    assert {offer.port for offer in offers} == set(range(1, 9))
    assert {offer.data[5] for offer in offers} == set(range(1, 9))
    assert {len(offer.data) for offer in offers} == {60, 100}
    assert all(offer.data[5] != offer.port for offer in offers)


# ---- The switch core in simulation ----

RUNS = [Run(600, wall_s=4.0, cpu_s=2.0, check_s=0.5), Run(600, 9.0, 1.0, 0.7), Run(600, 3.0, 3.0, 0.6)]


def test_frames_a_second_are_by_processor_time():
    cells = cosim.row("batch", RUNS, Requirement(250, at_least=True), BATCH)
    assert cells == ("batch", "600", "300", "200", "600", "4.00", "0.600", ">= 250", "PASS")


def test_a_requirement_is_one_of_the_batch_driver():
    cells = cosim.row("models", RUNS, Requirement(250, at_least=True), AXI_MODELS)
    assert cells[-3:] == ("-", "-", "")
    assert cosim.row("mixed", RUNS, None, BATCH)[-2:] == ("-", "")


def test_a_ratio_is_formed_within_a_turn():
    slow = [Run(30, 1.0, 1.0, 0.0), Run(30, 1.0, 0.5, 0.0), Run(30, 1.0, 1.5, 0.0)]
    assert cosim.ratio_row("ratio", RUNS, slow)[2:5] == ("10.0", "10.0", "10.0")


def test_a_long_run_counts_with_its_check():
    limit = str(cosim.MIXED_SECONDS["verilator"])
    assert cosim.duration_row("long", RUNS[0], "verilator")[2:] == ("2.50", "", "", "", "", limit, "PASS")
    assert cosim.duration_row("long", Run(1, 0.0, 59.0, 2.0), "verilator")[-1] == "above"
