"""Ctrl-C, SIGTERM and SIGHUP end a command with one line, while it is being imported too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.interrupts import signals_end_the_command

ROOT = Path(__file__).resolve().parent.parent
# A finder that is asked for each module, and sends a signal at one of them: that is in the midst of imports.
AT_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{number})
        return None
sys.meta_path.insert(0, Finder())
from hwmodel.__main__ import main
sys.argv = ["hwmodel", "check", "configs/sriov_10g_gen2x4.yaml"]
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("number", "module"),
    [("SIGINT", "hwmodel.cli"), ("SIGINT", "pydantic"), ("SIGTERM", "hwmodel.cli.arguments"), ("SIGHUP", "pydantic")],
)
def test_a_signal_during_imports_ends_with_130_and_a_line(number, module):
    code = AT_IMPORT.format(module=module, number=number)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "hwmodel: interrupted; no result was written\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_keyboard_interrupt_and_afterwards_what_it_was(number):
    def own_handler(_number, _frame):
        raise AssertionError("the command's handler is in force")

    before = signal.signal(number, own_handler)
    try:
        with signals_end_the_command(), pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is own_handler
    finally:
        signal.signal(number, before)


def test_what_the_process_was_started_to_ignore_stays_ignored():
    code = "import os, signal\nfrom hwmodel.__main__ import main\nimport sys\nsys.argv = ['hwmodel', 'configs']\n"
    code += "os.kill(os.getpid(), signal.SIGHUP)\nsys.exit(main())"
    done = subprocess.run(["nohup", sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "sriov_10g_gen2x4" in done.stdout
