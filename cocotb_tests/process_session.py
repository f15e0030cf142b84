"""Run a command for a limited time, and leave nothing of it behind: it is ended with all that it started.

The command has a session of its own, in which its children stay whatever process groups they make for themselves.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def run_limited(command: Sequence[Any], max_seconds: float, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a command as `subprocess.run` does; raises TimeoutExpired, or what else interrupts it, when it is ended."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=max_seconds)
        except BaseException:
            end_session(process.pid)
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def end_session(session: int) -> None:
    """End all processes of a session, those that are started meanwhile too."""
    while members := members_of(session):
        for each in members:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue


def members_of(session: int) -> list[int]:
    """Return the processes of a session that run."""
    if not PROC.is_dir():
        said = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=False).stdout
        rows = [line.split() for line in said.splitlines()]
        return [int(pid) for pid, state in rows if not state.startswith("Z") and _session_of(int(pid)) == session]
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                # Behind the command's name in parentheses: state, parent, process group, session.
                state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(of) == session and state not in "ZX":
                found.append(int(folder.name))
    return found


def _session_of(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:
        return None
