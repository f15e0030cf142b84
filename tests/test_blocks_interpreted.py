"""The blocks of the machine one by one (`tests/blocks`) as plain Python: compiled, only blocks can call them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = ROOT / "tests" / "blocks"


def test_blocks_interpreted():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(BLOCKS)]
    finished = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    # pytest's status is 0 only where tests were collected and all of them passed; 5 stands for none collected.
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_blocks_are_not_collected_where_they_are_compiled():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", str(BLOCKS)]
    finished = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NUMBA_DISABLE_JIT": "0"}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 5, finished.stdout + finished.stderr
