import re
import subprocess
import sys
from pathlib import Path

import pytest

from benches import engine
from benches.comparison import Requirement, Spread
from benches.engine import Row, Speed

ROOT = Path(__file__).resolve().parent.parent


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


@pytest.mark.slow
def test_a_quick_run_prints_the_whole_table():
    done = subprocess.run(
        [sys.executable, "-m", "benches.engine", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *lines, simulated = done.stdout.splitlines()
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
