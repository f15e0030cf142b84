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
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import yaml

from cocotb_tests.fault_finding import FURTHER_TESTS, NO_BUILD, Detection, Planted
from cocotb_tests.fault_switch import Place
from cocotb_tests.mutant_batch import Batch, copy_of_rtl
from cocotb_tests.mutation_operators import all_changes, spread_sample
from cocotb_tests.places import BENCHES, BUILDS, CHECKERS, RTL
from cocotb_tests.simulators import Simulator, locked

HERE = Path(__file__).resolve().parent
LIST, EQUIVALENTS = HERE / "mutants.yaml", HERE / "equivalent_mutants.yaml"
FOLDER = BUILDS / "mutants"
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

    def place(self, source: str) -> Place:
        """Return where the fault is in the file's text. Raises ValueError where it has not one place."""
        at = source.find(self.text) if self.offset is None else self.offset
        if not source.startswith(self.text, max(at, 0)) or (self.offset is None and source.count(self.text) != 1):
            raise ValueError(f"{self.file} has not one {self.text!r}")
        return Place(at, self.text, self.replacement)

    def changed(self, source: str) -> str:
        """Return the file's text with the fault. Raises ValueError where it has not one place."""
        place = self.place(source)
        return source[: place.offset] + self.replacement + source[place.end :]

    def plant(self, folder: Path) -> Path:
        """Copy the core's sources into a folder, this fault among them, and return the folder."""
        copy_of_rtl(folder)
        (folder / self.file).write_text(self.changed(source_of(self.file)), encoding="utf-8")
        return folder


@dataclass
class Fate:
    """What became of a fault: what found it, with the first difference, or SURVIVED."""

    caught_by: str
    detail: str
    seconds: float


@dataclass
class Ledger:
    """The fates that are known, kept in a file as they come; one file for each state of the core's sources.

    That something finds a fault is known for good. That nothing does holds until tests or proofs change.
    """

    path: Path
    tests: str
    fates: dict[str, Fate] = field(default_factory=dict)

    @classmethod
    def of_rtl(cls, *, is_quick: bool) -> Ledger:
        """Read what earlier runs have found; what a quick one has not, another may."""
        tests = _digest(_tests()) + " quick" * is_quick
        ledger = cls(FOLDER / f"{_digest(RTL.glob('*.*'))}.jsonl", tests)
        if ledger.path.exists():
            for line in ledger.path.read_text(encoding="utf-8").splitlines():
                key, tests, fate = json.loads(line)
                if fate["caught_by"] != SURVIVED or tests in (ledger.tests, ledger.tests.removesuffix(" quick")):
                    ledger.fates[key] = Fate(**fate)
        return ledger

    def add(self, mutant: Mutant, fate: Fate) -> None:
        """Keep a fate."""
        self.fates[_key(mutant)] = fate
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([_key(mutant), self.tests, asdict(fate)]) + "\n")

    def get(self, mutant: Mutant) -> Fate | None:
        """Return a fault's fate if it is known."""
        return self.fates.get(_key(mutant))


def source_of(file: str) -> str:
    """Return the text of a file of rtl/."""
    return (RTL / file).read_text(encoding="utf-8")


def _key(mutant: Mutant) -> str:
    return json.dumps([mutant.file, hashlib.sha256(mutant.changed(source_of(mutant.file)).encode()).hexdigest()[:16]])


def _tests() -> list[Path]:
    """Return the files on which it depends whether a fault survives."""
    further = {test.partition("::")[0] for test in FURTHER_TESTS}
    asked = {*further, "test_lint.py", *(f"test_{path.stem}.py" for path in RTL.glob("*.v"))}
    own = [path for path in HERE.glob("*.py") if path.name in asked or not path.name.startswith("test_")]
    return [*own, *BENCHES.iterdir(), *CHECKERS.iterdir(), *(RTL / "formal").glob("*.*")]


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def read_list() -> list[Mutant]:
    """Return the planted faults of mutants.yaml."""
    return [Mutant(**entry) for entry in yaml.safe_load(LIST.read_text(encoding="utf-8"))]


def read_equivalents() -> list[Mutant]:
    """Return the changes that were drawn once and change nothing, with the reason."""
    entries = yaml.safe_load(EQUIVALENTS.read_text(encoding="utf-8"))
    return [Mutant(**entry, breaks="nothing") for entry in entries]


def random_mutants(number: int, seed: int) -> list[Mutant]:
    """Return faults made by changing operators at random, spread over the files, with reasons that are known."""
    changes = {path.name: list(all_changes(path.read_text(encoding="utf-8"))) for path in sorted(RTL.glob("*.v"))}
    drawn = [
        Mutant(file, change.text, change.replacement, f"line {change.line}: {change.what}", offset=change.offset)
        for file, change in spread_sample(changes, number, seed)
    ]
    known = {_key(mutant): mutant.equivalent for mutant in (*read_list(), *read_equivalents()) if mutant.equivalent}
    return [replace(mutant, equivalent=known.get(_key(mutant))) for mutant in drawn]


def fate_of(mutant: Mutant, detection: Detection, folder: Path, batch: Batch | None = None) -> Fate:
    """Plant a fault and run the tests until one finds it."""
    started = time.monotonic()
    number = batch.numbers.get((mutant.file, mutant.place(source_of(mutant.file))), 0) if batch else 0
    try:
        of_batch = batch.folder if batch is not None and number else None
        found = detection.find(Planted(Path(mutant.file).stem, mutant.plant(folder), of_batch, number))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    caught_by, detail = found or (SURVIVED, mutant.equivalent or "; ".join(detection.out_of_time))
    return Fate(caught_by, detail, round(time.monotonic() - started, 1))


def is_as_wanted(mutant: Mutant, fate: Fate) -> bool:
    """Say whether a fault was found, or, where it changes nothing, was not; one of the list must build."""
    if fate.caught_by == NO_BUILD:
        return mutant.offset is not None
    return (fate.caught_by == SURVIVED) == (mutant.equivalent is not None)


def run(mutants: Sequence[Mutant], *, is_quick: bool = False) -> list[tuple[Mutant, Fate]]:
    """Run faults one after the other and print a line for each; return them with their fates.

    A drawn fault with a reason for which it changes nothing is not run.
    """
    with locked(FOLDER / "run"):  # two at once would share the folders of their runs
        return _run_each(mutants, is_quick)


def _run_each(mutants: Sequence[Mutant], is_quick: bool) -> list[tuple[Mutant, Fate]]:
    ledger, fates = Ledger.of_rtl(is_quick=is_quick), []
    due = [m for m in mutants if ledger.get(m) is None and not (m.equivalent and m.offset is not None)]
    batch = Batch.of([(m.file, m.place(source_of(m.file))) for m in mutants], FOLDER / "batch-rtl") if due else None
    detection = Detection(FOLDER / "runs", is_quick=is_quick) if due else None
    for number, mutant in enumerate(mutants, 1):
        fate = ledger.get(mutant)
        seconds = "   known"
        if mutant in due and detection is not None:
            fate = fate_of(mutant, detection, FOLDER / "one-rtl", batch)
            ledger.add(mutant, fate)
            seconds = f"{fate.seconds:6.1f} s"
        fate = fate or Fate(SURVIVED, mutant.equivalent or "", 0)
        fates.append((mutant, fate))
        how = f"{fate.caught_by}: {fate.detail}" if fate.detail else fate.caught_by
        print(f"{number:4}/{len(mutants)} {seconds}  {mutant.file}: {mutant.breaks}\n{'':18}  {how}", flush=True)
    return fates


def scores(fates: Sequence[tuple[Mutant, Fate]]) -> list[str]:
    """Say for each file how many of its faults that build were found or change nothing, and how many are left."""
    lines = []
    built = [(mutant, fate) for mutant, fate in fates if fate.caught_by != NO_BUILD]
    for file in (*sorted({mutant.file for mutant, _ in built}), "all"):
        own = [(m, f) for m, f in built if file in (m.file, "all")]
        n_found = sum(fate.caught_by != SURVIVED for _, fate in own)
        n_same = sum(fate.caught_by == SURVIVED and mutant.equivalent is not None for mutant, fate in own)
        n_left = len(own) - n_found - n_same
        lines.append(f"{file:24} {len(own):4} faults: {n_found:4} found, {n_same:3} change nothing, {n_left:3} survive")
    return lines


def summary(fates: Sequence[tuple[Mutant, Fate]]) -> str:
    """Say how many faults were found by what, and name those that were not."""
    wrong = [(mutant, fate) for mutant, fate in fates if not is_as_wanted(mutant, fate)]
    seconds: dict[str, list[float]] = {}
    for mutant, fate in fates:
        name = fate.caught_by if mutant.equivalent is None or fate.caught_by != SURVIVED else "change nothing"
        seconds.setdefault(name, []).append(fate.seconds)
    ordered = sorted(seconds.items(), key=lambda item: -len(item[1]))
    lines = [f"{len(each):5}  {name}, {sum(each) / len(each):.1f} s each" for name, each in ordered]
    lines += scores(fates)
    lines.append(f"{sum(fate.seconds for _, fate in fates) / max(len(fates), 1):.1f} s a fault")
    for mutant, fate in wrong:
        what = fate.caught_by if mutant.equivalent is None else "was found though it should change nothing"
        lines.append(f"{what}: {mutant.file}: {mutant.breaks}\n  - {mutant.text!r}\n  + {mutant.replacement!r}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m cocotb_tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults with this text in their file or effect")
    parser.add_argument("--random", type=int, metavar="N", help="N operators changed at random instead of the list")
    parser.add_argument("--seed", type=int, default=1, help="seed of --random")
    parser.add_argument("--quick", action="store_true", help="without the tests that take minutes a fault")
    options = parser.parse_args(arguments)
    if (missing := Simulator("icarus").missing()) is not None:
        print(f"icarus: {missing}", file=sys.stderr)
        return 2
    listed = options.random is None
    mutants = [*read_list(), *read_equivalents()] if listed else random_mutants(options.random, options.seed)
    chosen = [mutant for mutant in mutants if options.only in f"{mutant.file}: {mutant.breaks}"]
    try:
        fates = run(chosen, is_quick=options.quick)
    except KeyboardInterrupt:
        print("\nInterrupted; the next run goes on from here.", file=sys.stderr)
        return 130
    print(summary(fates))
    return int(not all(is_as_wanted(mutant, fate) for mutant, fate in fates))


if __name__ == "__main__":
    sys.exit(main())
