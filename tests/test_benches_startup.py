import subprocess
import sys
from pathlib import Path

from benches import startup
from benches.comparison import Requirement
from benches.fresh_process import Duration

ROOT = Path(__file__).resolve().parent.parent


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


def test_a_quick_run_prints_its_table():
    done = subprocess.run(
        [sys.executable, "-m", "benches.startup", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "a",
        "fresh",
        "process",
        "median",
        "s",
        "min",
        "max",
        "CPU",
        "s",
        "times",
        "bare",
        "required",
        "s",
    ]
    assert [line.split("  ")[0] for line in lines[1:]] == list(startup.MEASURED)
    assert [line.split()[-1] in ("PASS", "above") for line in lines[1:]] == [False, False, False, True, True]
