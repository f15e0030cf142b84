"""A copy of rtl/ with many faults at once, of which each run chooses one: what is built of it is built once."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cocotb_tests.fault_switch import Place, switched
from cocotb_tests.places import RTL

SOURCES = {".v", ".vh", ".vlt", ".rules", ".yaml"}
COMPILE = ("iverilog", "-g2005", "-t", "null")


def copy_of_rtl(folder: Path) -> Path:
    """Copy the core's sources, without what is in folders below, and return the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(RTL, folder, ignore=lambda _, names: [n for n in names if Path(n).suffix not in SOURCES])
    return folder


@dataclass(frozen=True)
class Batch:
    """Sources with faults that runs choose by number; `numbers` has those of the faults that could be put in."""

    folder: Path
    numbers: Mapping[tuple[str, Place], int]

    @classmethod
    def of(cls, faults: Sequence[tuple[str, Place]], folder: Path) -> Batch:
        """Put faults, each in a file, into a copy of rtl/, which is kept as long as it stays the same."""
        numbered = {fault: number for number, fault in enumerate(dict.fromkeys(faults), 1)}
        texts, chosen = {}, set()
        for file in sorted({file for file, _ in faults}):
            of_file = {number: place for (name, place), number in numbered.items() if name == file}
            texts[file], there = _that_compile(RTL / file, of_file)
            chosen |= there
        kept = {fault: number for fault, number in numbered.items() if number in chosen}
        unchanged = [path.read_bytes() for path in sorted(RTL.iterdir()) if path.suffix in SOURCES]
        state = json.dumps(texts) + hashlib.sha256(b"\0".join(unchanged)).hexdigest()
        stamp = folder / "state"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != state:
            copy_of_rtl(folder)
            for file, text in texts.items():
                (folder / file).write_text(text, encoding="utf-8")
            stamp.write_text(state, encoding="utf-8")
        return cls(folder, kept)


def _that_compile(path: Path, faults: Mapping[int, Place]) -> tuple[str, set[int]]:
    """Return the source with those faults that can be chosen in a run.

    Constants cannot depend on it, nor what a module below is to drive.
    """
    source = path.read_text(encoding="utf-8")
    text, there = switched(source, faults)
    if not _compiles(path, text):
        good = {n: faults[n] for n in sorted(there) if _compiles(path, switched(source, {n: faults[n]})[0])}
        text, there = switched(source, good)
    return text, there


def _compiles(path: Path, text: str) -> bool:
    others = sorted(str(other) for other in path.parent.glob("*.v") if other != path)
    command = [*COMPILE, "-I", str(path.parent), "-s", path.stem, "/dev/stdin", *others]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=60).returncode == 0
