"""Plant single faults in copies of rtl/ and say which test finds each: `python -m cocotb_tests.mutants`.

The faults are those of mutants.yaml, or, with --random, operators changed at random. What was found is kept under
build/ until sources or tests change: a run that was interrupted goes on where it stopped. Exit status 1 if a fault of
the list survives that should not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from cocotb_tests.mutant_detection import FURTHER_TESTS, NO_BUILD, Detection
from cocotb_tests.mutation_operators import all_changes, spread_sample
from cocotb_tests.places import BENCHES, BUILDS, CHECKERS, RTL
from cocotb_tests.runners import SIMULATORS
from cocotb_tests.simulators import Simulator

LIST = Path(__file__).resolve().parent / "mutants.yaml"
FOLDER = BUILDS / "mutants"
SOURCES = {".v", ".vh", ".yaml"}
SURVIVED = "survived"


@dataclass(frozen=True)
class Mutant:
    """A change to one file: `text` gives way to `replacement`, at its one place or at `offset`."""

    file: str
    text: str
    replacement: str
    breaks: str
    equivalent: str | None = None
    offset: int | None = None

    def changed(self, source: str) -> str:
        """Return the file's text with the fault. Raises ValueError where it has not one place."""
        at = source.find(self.text) if self.offset is None else self.offset
        if not source.startswith(self.text, max(at, 0)) or (self.offset is None and source.count(self.text) != 1):
            raise ValueError(f"{self.file} has not one {self.text!r}")
        return source[:at] + self.replacement + source[at + len(self.text) :]

    def plant(self, folder: Path) -> Path:
        """Copy the core's sources into a folder, this fault among them, and return the folder."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(RTL, folder, ignore=lambda _, names: [n for n in names if Path(n).suffix not in SOURCES])
        source = (RTL / self.file).read_text(encoding="utf-8")
        (folder / self.file).write_text(self.changed(source), encoding="utf-8")
        return folder


@dataclass
class Fate:
    """What became of a fault: what found it, with the first difference, or SURVIVED."""

    caught_by: str
    detail: str
    seconds: float


@dataclass
class Results:
    """The fates that are known, kept in a file as they come."""

    path: Path
    fates: dict[str, Fate] = field(default_factory=dict)

    @classmethod
    def of(cls, simulator: Simulator) -> Results:
        """Read what earlier runs have found with the same sources and tests."""
        results = cls(FOLDER / f"{simulator.name}-{_digest_of_all()}.jsonl")
        if results.path.exists():
            for line in results.path.read_text(encoding="utf-8").splitlines():
                key, fate = json.loads(line)
                results.fates[key] = Fate(**fate)
        return results

    def add(self, mutant: Mutant, fate: Fate) -> None:
        """Keep a fate."""
        self.fates[_key(mutant)] = fate
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([_key(mutant), asdict(fate)]) + "\n")

    def get(self, mutant: Mutant) -> Fate | None:
        """Return a fault's fate if it is known."""
        return self.fates.get(_key(mutant))


def _key(mutant: Mutant) -> str:
    return json.dumps([mutant.file, mutant.text, mutant.replacement, mutant.offset])


def _digest_of_all() -> str:
    """Return a digest of everything on which a fate depends, the list of faults aside."""
    digest = hashlib.sha256()
    asked = {*FURTHER_TESTS, *(f"test_{path.stem}.py" for path in RTL.glob("*.v"))}
    own = [path for path in LIST.parent.glob("*.py") if path.name in asked or not path.name.startswith("test_")]
    for path in sorted((*RTL.glob("*.*"), *own, *BENCHES.iterdir(), *CHECKERS.iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def read_list() -> list[Mutant]:
    """Return the planted faults of mutants.yaml."""
    return [Mutant(**entry) for entry in yaml.safe_load(LIST.read_text(encoding="utf-8"))]


def random_mutants(number: int, seed: int) -> list[Mutant]:
    """Return faults made by changing operators at random, spread over the files."""
    changes = {path.name: list(all_changes(path.read_text(encoding="utf-8"))) for path in sorted(RTL.glob("*.v"))}
    return [
        Mutant(file, change.text, change.replacement, f"line {change.line}: {change.what}", offset=change.offset)
        for file, change in spread_sample(changes, number, seed)
    ]


def fate_of(mutant: Mutant, detection: Detection, folder: Path) -> Fate:
    """Plant a fault and run the tests until one finds it."""
    started = time.monotonic()
    try:
        found = detection.find(mutant.plant(folder), Path(mutant.file).stem)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    caught_by, detail = found or (SURVIVED, mutant.equivalent or "")
    return Fate(caught_by, detail, round(time.monotonic() - started, 1))


def is_as_wanted(mutant: Mutant, fate: Fate) -> bool:
    """Say whether a fault was found, or, where it changes nothing, was not; one of the list must build."""
    if fate.caught_by == NO_BUILD:
        return mutant.offset is not None
    return (fate.caught_by == SURVIVED) == (mutant.equivalent is not None)


def run(mutants: Sequence[Mutant], simulator: Simulator) -> list[tuple[Mutant, Fate]]:
    """Run faults one after the other and print a line for each; return them with their fates."""
    results, fates = Results.of(simulator), []
    detection = None
    for number, mutant in enumerate(mutants, 1):
        fate = results.get(mutant)
        is_known = fate is not None
        if fate is None:
            detection = detection or Detection(simulator, FOLDER / f"{simulator.name}-run")
            fate = fate_of(mutant, detection, FOLDER / f"{simulator.name}-rtl")
            results.add(mutant, fate)
        fates.append((mutant, fate))
        seconds = "   known" if is_known else f"{fate.seconds:6.1f} s"
        how = f"{fate.caught_by}: {fate.detail}" if fate.detail else fate.caught_by
        print(f"{number:4}/{len(mutants)} {seconds}  {mutant.file}: {mutant.breaks}\n{'':18}  {how}", flush=True)
    return fates


def scores(fates: Sequence[tuple[Mutant, Fate]]) -> list[str]:
    """Say for each file how many of its faults were found, of those that build and change something."""
    lines = []
    for file in sorted({mutant.file for mutant, _ in fates}):
        own = [(m, f) for m, f in fates if m.file == file and f.caught_by != NO_BUILD and m.equivalent is None]
        lines.append(f"{file}: {sum(fate.caught_by != SURVIVED for _, fate in own)} of {len(own)} found")
    return lines


def summary(fates: Sequence[tuple[Mutant, Fate]]) -> str:
    """Say how many faults were found by what, and name those that were not."""
    wrong = [(mutant, fate) for mutant, fate in fates if not is_as_wanted(mutant, fate)]
    counts: dict[str, int] = {}
    for mutant, fate in fates:
        name = fate.caught_by if mutant.equivalent is None or fate.caught_by != SURVIVED else "change nothing"
        counts[name] = counts.get(name, 0) + 1
    lines = [f"{count:5}  {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1])]
    lines += scores(fates)
    lines.append(f"{sum(fate.seconds for _, fate in fates) / max(len(fates), 1):.1f} s a fault")
    for mutant, fate in wrong:
        what = fate.caught_by if mutant.equivalent is None else "was found though it should change nothing"
        lines.append(f"{what}: {mutant.file}: {mutant.breaks}\n  - {mutant.text!r}\n  + {mutant.replacement!r}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m cocotb_tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sim", choices=SIMULATORS, default="icarus")
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults with this text in their file or effect")
    parser.add_argument("--random", type=int, metavar="N", help="N operators changed at random instead of the list")
    parser.add_argument("--seed", type=int, default=1, help="seed of --random")
    options = parser.parse_args(arguments)
    simulator = Simulator(options.sim)
    if (missing := simulator.missing()) is not None:
        print(f"{options.sim}: {missing}", file=sys.stderr)
        return 2
    mutants = read_list() if options.random is None else random_mutants(options.random, options.seed)
    chosen = [mutant for mutant in mutants if options.only in f"{mutant.file}: {mutant.breaks}"]
    try:
        fates = run(chosen, simulator)
    except KeyboardInterrupt:
        print("\nInterrupted; the next run goes on from here.", file=sys.stderr)
        return 130
    print(summary(fates))
    return int(not all(is_as_wanted(mutant, fate) for mutant, fate in fates))


if __name__ == "__main__":
    sys.exit(main())
