"""The command line as a process: `python -m hwmodel`, what it imports, signals and pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FULL_STDOUT = "stdout: writing failed: No space left on device"
EXAMPLE, SHORT_RUN = "configs/example.pcap", "run sriov_10g_gen2x4 --set run.duration=20us --set run.warmup=0ns"
SLOW_IMPORTS = {"numpy", "numba", "pydantic", "yaml", "matplotlib", "jinja2", "rich", "scapy"}

# Commands that run with a simulation that does what the test says instead of simulating.
PREPARE = """
import os, signal, sys, types
import hwmodel
for name, contents in {
    "config": {
        "read_base": lambda path: types.SimpleNamespace(
            with_overrides=lambda overrides: None, files=lambda overrides: [],
            place_lines=lambda overrides, lines: lines,
        ),
    },
    "simulation": {
        "simulate": lambda config, **options: act(),
        "entries_of": lambda config: (),
        "announce_compilation": lambda entries, say: None,
    },
    "results.summary": {"print_summary": lambda result, verbose: None},
}.items():
    module = types.ModuleType("hwmodel." + name)
    vars(module).update(contents)
    sys.modules[module.__name__] = module
    setattr(hwmodel, name, module)
from hwmodel.cli import main
"""


def python(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository; its output is kept as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        **options,
    )


def imports_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint('modules', *sys.modules)"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "statement",
    [
        "import hwmodel",
        "import hwmodel.cli",
        "import hwmodel.cli.commands",
        "from hwmodel import InputError, RunError, __version__",
        "from hwmodel.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from hwmodel.cli import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_slow_is_imported_early(statement):
    assert imports_after(statement) & SLOW_IMPORTS == set()


def test_the_closed_form_alone_needs_neither_results_nor_kernels():
    modules = imports_after("from hwmodel.cli import main\nmain(['limits', 'sriov_10g_gen2x4', '--no-run'])")
    assert "hwmodel.analytic" in modules
    assert modules & {"hwmodel.results", "hwmodel.simulation", "numba", "matplotlib", "pandas", "rich"} == set()


def test_the_check_for_slow_imports_sees_them():
    assert "yaml" in imports_after("import hwmodel, yaml") & SLOW_IMPORTS


def test_python_dash_m_passes_the_status_on():
    assert python("-m", "hwmodel", "--version").returncode == 0
    done = python("-m", "hwmodel", "no-such-command")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_and_sigterm_end_with_130_and_a_line(number, tmp_path):
    code = (
        PREPARE
        + f"act = lambda: os.kill(os.getpid(), signal.{number})\nstatus = main(['run', 'c', '--json', sys.argv[1]])\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\nsys.exit(status)"
    )
    done = python("-c", code, str(tmp_path / "r.json"))
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1 and "interrupted" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shell", "status", "stderr"),
    [
        ('"$0" -m hwmodel configs >&-', 0, ""),
        ('"$0" -m hwmodel configs --json - >&-', 2, "-: --json: stdout is closed\n"),
        ('"$0" -m hwmodel check no-such-file 2>&-', 2, ""),
        *(
            (f'{buffered}"$0" -m hwmodel {command} >/dev/full', 1, f"hwmodel: {FULL_STDOUT}\n")
            for commands, buffered in (
                (("--help", "configs", f"switch vmdq_10g --in {EXAMPLE} --in-port vf0", SHORT_RUN), ""),
                (("--version", "configs --json -", SHORT_RUN), "PYTHONUNBUFFERED=1 "),
            )
            for command in commands
        ),
    ],
)
def test_closed_and_full_streams_are_no_fault(shell, status, stderr):
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, "", stderr)


def test_a_fault_shows_its_traceback_only_on_demand():
    code = PREPARE + "act = lambda: 1 // 0\nsys.exit(main(['run', 'c']))"
    plain = {name: value for name, value in os.environ.items() if name != "HWMODEL_DEBUG"}
    done = python("-c", code, env=plain)
    assert done.returncode == 1
    assert "HWMODEL_DEBUG=1" in done.stderr and "Traceback" not in done.stderr
    done = python("-c", code, env={**plain, "HWMODEL_DEBUG": "1"})
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_complaint(unbuffered):
    code = PREPARE + (
        "act = lambda: types.SimpleNamespace(to_json=lambda: '[' + '1,\\n' * 100000 + '1]')\n"
        "sys.exit(main(['run', 'c', '--json', '-']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        complaint = process.stderr.read()
        status = process.wait(timeout=60)
    assert (complaint, status) == (b"", 1)


def test_a_terminal_without_utf8_is_no_failure():
    code = PREPARE + (
        "sys.modules['hwmodel.results.summary'].print_summary = lambda result, verbose: print('5 µs × 3')\n"
        "act = lambda: types.SimpleNamespace(to_json=lambda: '')\n"
        "sys.exit(main(['run', 'c']))"
    )
    done = python("-c", code, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "5 ?s ? 3\n", "")
