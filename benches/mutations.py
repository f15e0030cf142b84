"""What damaged input does: each mutation must be read or refused with a line; no traceback, no hang, no gigabytes.

    python -m benches.mutations                    100 mutations of each kind of input
    python -m benches.mutations -n 2000 result     2000 of stored results alone
    python -m benches.mutations --seed 7 --keep F  others; what failed is kept in the folder F

Kinds: configuration, capture, result, ledger, kernels. A mutation is a random change of bytes, or of the values that
the text holds. Each command runs in a copy of this process, so that its end, memory and time are its own. Of compiled
kernels it is asked whether the damage is seen: what is seen is compiled anew, which takes too long to do each time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benches.comparison import table
from hwmodel.cli import main as command

ROOT = Path(__file__).resolve().parent.parent
MOST_S, MOST_MB = 20, 1000
GOOD_STATUS = (0, 1, 2, 3)
COMPLAINTS = ("Traceback", "fault in hwmodel", "Segmentation")
CONFIGS = ("two_servers", "extenders", "sriov_imix", "switch_vn_tag", "vepa_bridge", "burst_5g", "nfp6000_xeon_e5")
STORED = ("run sriov_imix", "run two_servers", "run vepa_bridge", "explain sriov_10g_gen2x4 --jobs 1")
Runs = list[list[str]]


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "vf0", "\ud800", "<script>alert(1)</script>", "\x00\x1b[2J", "a" * 100_000),
    *("{frames:>3000000000}", "{0.__class__.__mro__}", "%(x)s%n", "1e309", "10Gbps", "-1ns", "${HOME}", "../../etc"),
    *(0, -1, 1, 7, 10**30, 10**400, -(10**18), 2**63, 1e308, -1e308, 5e-324, 0.5),
    *([], {}, [[]], {"": {}}, [None], {"x": [1, {"y": 2}]}, nested(900), [0] * 10_000),
)


def places_of(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a document, of the holders too; however deep what was put into it lies."""
    left: list[tuple[Any, tuple[Any, ...]]] = [(value, ())]
    while left:
        value, path = left.pop()
        if path:
            yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        left += ((item, (*path, key)) for key, item in items)


def copied(value: Any) -> Any:
    """Return a copy of a value as JSON has it."""
    return json.loads(json.dumps(value))


def changed_value(text: str, rng: random.Random) -> str:
    """Replace, remove or repeat a value or a few of a JSON document."""
    document = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = list(places_of(document))
        if not places:
            break
        *way, last = rng.choice(places)
        holder = document
        for step in way:
            holder = holder[step]
        what = rng.randrange(10)
        if what == 0:
            del holder[last]
        elif what == 1:
            holder[last] = copied(rng.choice(list(holder.values() if isinstance(holder, dict) else holder)))
        elif what == 2 and isinstance(holder[last], int | float) and not isinstance(holder[last], bool):
            holder[last] = holder[last] * rng.choice((0, -1, 1000, 1e-9, 1e15))
        else:
            holder[last] = copied(rng.choice(ODD_VALUES))  # a list put into itself would have no end
    if rng.random() < 0.02:
        document = all_zero(document)
    return json.dumps(document, indent=2, ensure_ascii=rng.random() < 0.5, allow_nan=True)


def all_zero(document: Any) -> Any:
    """Set all figures of a document to 0, however deep it is; the configuration stays."""
    holders = [document]
    while holders:
        holder = holders.pop()
        for at, item in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if at in ("config", "schema_version"):
                continue
            if isinstance(item, dict | list):
                holders.append(item)
            elif isinstance(item, int | float) and not isinstance(item, bool):
                holder[at] = type(item)(0)
    return document


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip bits, cut, repeat, insert, or empty."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(found)) if found else 0
        what = rng.randrange(8)
        if what <= 2 and found:
            found[at] ^= 1 << rng.randrange(8)
        elif what == 3 and found:
            found[at] = rng.choice(b"\x00\xff{}[]:,\"'-.0129\n\t ")
        elif what == 4:
            found[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 64))))
        elif what == 5:
            del found[at : at + rng.choice((1, 4, 4096))]
        elif what == 6:
            del found[at:]
        else:
            found[at:at] = found[at : at + rng.choice((4, 256))]
    return bytes(found)


def repeated_line(text: str, rng: random.Random) -> str:
    """Repeat, remove or move a line."""
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    what = rng.randrange(3)
    if what == 0:
        lines.insert(at, lines[at])
    elif what == 1:
        del lines[at]
    else:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    return "\n".join(lines)


class Inputs:
    """Make whole inputs of each kind once, and mutations of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._results: dict[str, str] = {}

    def configuration(self, rng: random.Random) -> Runs:
        """Mutate a shipped configuration."""
        text = (ROOT / f"configs/{rng.choice(CONFIGS)}.yaml").read_text(encoding="utf-8")
        path = self.folder / "case.yaml"
        what = rng.randrange(3)
        if what == 0:
            path.write_bytes(changed_bytes(text.encode(), rng))
        elif what == 1:
            path.write_text(repeated_line(text, rng), encoding="utf-8")
        else:
            import yaml

            document = changed_value(json.dumps(yaml.safe_load(text), default=str), rng)
            path.write_bytes(document.encode("utf-8", "surrogatepass"))
        return [["check", str(path)], ["limits", str(path)]]

    def capture(self, rng: random.Random) -> Runs:
        """Mutate the shipped capture."""
        path = self.folder / "case.pcap"
        path.write_bytes(changed_bytes((ROOT / "configs/example.pcap").read_bytes(), rng))
        config = str(ROOT / "configs/sriov_pcap.yaml")
        switched = ["switch", str(ROOT / "configs/switch_bridge.yaml"), "--in", str(path), "--in-port", "auto"]
        replayed = [config, "--set", f"workload.pcap={path}"]
        short = ["--set", "run.duration=50us", "--set", "run.warmup=0ns"]
        return [switched, ["limits", *replayed], ["run", *replayed, *short]]

    def result(self, rng: random.Random) -> Runs:
        """Mutate what a run stores: of one server, of several, with what explains it."""
        text, path = self._stored(rng.choice(STORED)), self.folder / "case.json"
        if rng.random() < 0.3:
            path.write_bytes(
                changed_bytes(text.encode(), rng) if rng.random() < 0.7 else repeated_line(text, rng).encode()
            )
        else:
            path.write_bytes(changed_value(text, rng).encode("utf-8", "surrogatepass"))
        return [["report", str(path), "--out", str(self.folder / "page.html")]]

    def _stored(self, what: str) -> str:
        if what not in self._results:
            path = self.folder / "whole.json"
            short = ["--set", "run.duration=300us", "--set", "run.warmup=100us", "--json", str(path)]
            command, name, *options = what.split()
            run([command, str(ROOT / f"configs/{name}.yaml"), *short, *options])
            self._results[what] = path.read_text(encoding="utf-8")
        return self._results[what]

    def ledger(self, rng: random.Random) -> Runs:
        """Mutate the ledger of a sweep that is half done."""
        sweep, whole, out = self.folder / "sweep.yaml", self.folder / "whole", self.folder / "out"
        if not whole.exists():
            shutil.copy(ROOT / "configs/wire_only.yaml", self.folder / "base.yaml")
            sweep.write_text(
                "base: base.yaml\nset: {run.duration: 50us, run.warmup: 0ns}\n"
                "grid: {pcie.lanes: [1, 2, 4, 8], nic.rx_ring: [64, 128]}\n",
                encoding="utf-8",
            )
            run(["sweep", str(sweep), "--out", str(whole), "--jobs", "1"])
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(whole, out)
        ledger = out / "ledger.sqlite"
        ledger.write_bytes(changed_bytes(ledger.read_bytes(), rng))
        page = str(self.folder / "page.html")
        return [["report", str(out), "--out", page], ["sweep", str(sweep), "--out", str(out), "--jobs", "1"]]


def run(arguments: list[str], said: Path | None = None) -> tuple[int, float, float]:
    """Run a command in a copy of this process; return its status (less the signal that ended it), seconds, and MB."""
    started_s = time.monotonic()
    child = os.fork()
    if child == 0:
        with open(said or os.devnull, "ab", buffering=0) as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S + 1))
        signal.alarm(10 * MOST_S)  # of waiting; other work may have the processors
        os._exit(command(arguments))
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - started_s, used.ru_maxrss / 1024


def problem_of(status: int, memory_mb: float, text: str) -> str:
    """Say what is wrong with how a command ended; empty where nothing is."""
    if status in (-signal.SIGALRM, -signal.SIGXCPU):
        return f"took more than {MOST_S} s of a processor, or hung"
    if status not in GOOD_STATUS:
        return f"ended with {status}"
    if memory_mb > MOST_MB:
        return f"took {memory_mb:.0f} MB"
    complaint = next((line for line in text.splitlines() if any(word in line for word in COMPLAINTS)), "")
    return f"{text.splitlines()[0][:150]}" if complaint else ""


def try_commands(mutation: Callable[[random.Random], Runs], rng: random.Random, said: Path) -> Iterator[str]:
    """Mutate once and run what reads it; yield what is wrong."""
    for arguments in mutation(rng):
        said.write_bytes(b"")
        status, _, memory_mb = run(arguments, said)
        wrong = problem_of(status, memory_mb, said.read_text(encoding="utf-8", errors="replace"))
        if wrong:
            yield f"{arguments[0]}: {wrong}"


def unseen_damage(rng: random.Random, folder: Path) -> Iterator[str]:
    """Damage a copy of a compiled kernel; yield what is wrong where that is not seen."""
    from hwmodel.simulation.run import kernel_cache

    entry = kernel_cache.RUN_ENTRIES[0]
    whole = kernel_cache.CACHE_DIR
    if not kernel_cache.kernels_are_cached((entry,)):
        kernel_cache.fill_cache((entry,))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in [
        *(path for path in whole.rglob(kernel_cache._files_of(entry)) if path.suffix in (".nbi", ".nbc")),
        whole / f"{entry}.crc32",
    ]:
        shutil.copy(path, folder)
    path = rng.choice(sorted(folder.iterdir()))
    before = path.read_bytes()
    after = changed_bytes(before, rng)
    path.write_bytes(after)
    kernel_cache.CACHE_DIR = folder
    try:
        kernel_cache._WHOLE.clear()
        if kernel_cache.kernels_are_cached((entry,)) != (before == after):
            yield f"damage to {path.name} is not seen"
    finally:
        kernel_cache.CACHE_DIR = whole


def campaign(kinds: list[str], n: int, seed: int, keep: Path | None) -> int:
    """Try `n` mutations of each kind, print what came of them, return how many went wrong."""
    rows, n_wrong = [], 0
    with tempfile.TemporaryDirectory() as name:
        inputs = Inputs(Path(name))
        for kind in kinds:
            found: Counter[str] = Counter()
            started_s = time.monotonic()
            for number in range(n):
                rng = random.Random(f"{kind} {seed} {number}")
                if kind == "kernels":
                    wrong = list(unseen_damage(rng, Path(name) / "kernels"))
                else:
                    wrong = list(try_commands(getattr(inputs, kind), rng, Path(name) / "said"))
                for each in wrong:
                    found[each] += 1
                    print(f"{kind} {number}: {each}", file=sys.stderr, flush=True)
                if wrong and keep is not None:
                    for path in Path(name).glob("case.*"):
                        shutil.copy(path, keep / f"{kind}-{number}{path.suffix}")
            n_wrong += found.total()
            rows.append([kind, str(n), str(found.total()), f"{time.monotonic() - started_s:.0f}"])
    print(table(("kind", "mutations", "went wrong", "s"), rows))
    return n_wrong


KINDS = ("configuration", "capture", "result", "ledger", "kernels")


def main() -> int:
    """Read the arguments and try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quick", action="store_true", help="one of each: shows that it works")
    arguments = parser.parse_args()
    kinds = arguments.kinds or list(KINDS)
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"{', '.join(sorted(unknown))}: kinds are {', '.join(KINDS)}")
    if arguments.quick:
        arguments.n = 1
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(ImportError):  # what each copy would have to import
        import hwmodel.analytic
        import hwmodel.cli.commands
        import hwmodel.explore.sweep
        import hwmodel.report
        import hwmodel.simulation  # noqa: F401
    return 1 if campaign(kinds, arguments.n, arguments.seed, arguments.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
