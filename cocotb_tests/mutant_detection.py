"""Find a fault in a copy of the core by a short simulation of it, whole.

It gets traffic in each mode, resets in the midst of it, and accesses to every register; whatever it does is
compared with the model and the twin in every cycle. What that cannot see (bytes of a write, answers that wait, counters
about to wrap, parameters out of bounds) is for the module's own tests and those of the registers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from cocotb_tests.backend import MODES
from cocotb_tests.batch_files import Access, Outcome, Stage
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, Core, read_dut
from cocotb_tests.load import CYCLES_BEFORE_LOAD
from cocotb_tests.mode_changes import mode_change_stage
from cocotb_tests.places import BUILDS, BUILDS_OF_A_COPY, RTL
from cocotb_tests.protocol import broken_rule
from cocotb_tests.register_image import RegisterImage
from cocotb_tests.register_list import Word, all_words, kept
from cocotb_tests.runners import SimulationError
from cocotb_tests.simulators import Simulator
from cocotb_tests.stages import busy_stage, counter_reads
from cocotb_tests.traffic import random_frame

# No number of words is a power of two, so that pointers that wrap in the wrong place are seen. One shape has several
# header words, lanes and queues, the other has one lane and one queue. The longest frame has one byte in its last word,
# or fills it.
SHAPES = {
    "whole core": CoreParameters(
        ports=5, bus_w=128, priorities=4, ingress_bytes=336, queue_bytes=432, max_frame_bytes=193,
        mac_entries=12, vlan_entries=5, list_entries=9, pool_filters=1, pause=1, private_vlans=1,
    ),
    "whole core, 64 bits, 1 queue": CoreParameters(
        ports=3, bus_w=64, priorities=1, ingress_bytes=280, queue_bytes=296, max_frame_bytes=152,
        mac_entries=9, vlan_entries=5, list_entries=9,
    ),
}  # fmt: skip
# Traffic with stalls and pauses, cut traffic, and as many short frames as the bus can take.
FRAMES, CUT_FRAMES, DENSE_FRAMES = 100, 60, 350
DENSE_BYTES = 72
RESET_FRAMES, RESET_PHASE, RESET_PHASES = 40, 8, 24
UNMAPPED = 400
RUN_SECONDS = 120
# A stage ends as late as this after the unchanged core has ended it.
GRACE = 2
SLVERR = 2

Found = tuple[str, str]


def stages_of(core: Core, parameters: CoreParameters, seed: str) -> list[Stage]:
    """Return what the whole core is put through, each stage from a reset."""
    stages = [register_stage(parameters, seed)]
    for mode in MODES:
        traffic = busy_stage(core, seed, mode, FRAMES)
        traffic.accesses = [*traffic.accesses, *counter_reads(core), *reads_of_tables(parameters)]
        cut = busy_stage(core, seed, mode, CUT_FRAMES, cut=True)
        stages += [cut, register_stage(parameters, seed, is_short=True), traffic]
        stages[-2].reset_cycles = stages[-1].reset_cycles = 1
        stages += [dense_stage(core, f"{seed} {number}", mode) for number in range(2)]
    stages += reset_stages(core, seed)
    return [*stages, mode_change_stage(parameters, seed, DENSE_FRAMES)]


def reset_stages(core: Core, seed: str) -> list[Stage]:
    """Return frames that resets of one cycle and more cut at every phase; disabled ports show each at once."""
    rng = random.Random(seed)
    frames = [random_frame(rng, rng.choice(MODES), core.shape, serial) for serial in range(RESET_FRAMES)]
    short = [replace(frame, data=frame.data[:DENSE_BYTES]) for frame in frames]
    stages = [
        Stage(short, cut_at=RESET_PHASE + phase, reset_cycles=1 + phase % 3 // 2) for phase in range(RESET_PHASES)
    ]
    return [*stages, Stage(short, last_cycle=20_000, reset_cycles=1)]


def dense_stage(core: Core, seed: str, mode: str) -> Stage:
    """Return short frames at full load through one switch, in which rare cases are frequent for their time."""
    stage = busy_stage(core, seed, mode, DENSE_FRAMES, stalls=False)
    writes = [access for access in stage.accesses if access.not_before == 0]
    start = CYCLES_BEFORE_LOAD * len(writes)
    frames = [replace(frame, data=frame.data[:DENSE_BYTES], not_before=start) for frame in stage.frames]
    return replace(stage, frames=frames, accesses=writes)


def register_stage(parameters: CoreParameters, seed: str, *, is_short: bool = False) -> Stage:
    """Return accesses: words after a reset; if not `is_short` all, then writes, all again, and where none is."""
    rng, words = random.Random(seed), all_words(parameters)
    reads = [Access(word.address, is_read=True) for word in words]
    mapped = {word.address for word in words}
    holes = sorted({word.address + step for word in words for step in (-4, 4)} - mapped - {-4})
    if is_short:
        # The stage of an entry's first words is empty, too.
        last = [word.address for word in words if word.is_last]
        made = [Access(address, 0xFFFFFFFF) for address in last[:: rng.randrange(2, 4)]]
        whole = [Access(access.address - 4 * i, is_read=True) for access in made for i in range(2)]
        return Stage([], [*reads[:: rng.randrange(2, 5)], *made, *whole])
    holes += [
        address for address in range(0, 1 << 16, 4) if address not in mapped and rng.randrange(1 << 14) < UNMAPPED
    ]
    # Counters of all ports and reasons are alike.
    some = [word for word in words if word.is_writable or rng.randrange(8) == 0]
    writes = [Access(word.address, rng.getrandbits(32)) for word in some]
    # No bytes, in a word that is 0 and in one that has bits above them.
    quanta = [Access(word.address, i % 2 << 16) for i, word in enumerate(words) if "QUANTUM" in word.name][::3]
    tried = [Access(address, rng.getrandbits(32), is_read=i % 2 == 0) for i, address in enumerate(holes)]
    return Stage([], [*reads, *writes, *quanta, *tried, *(Access(word.address, is_read=True) for word in some)])


def reads_of_tables(parameters: CoreParameters) -> list[Access]:
    """Return reads of all words that can be written, when the traffic is over."""
    return [Access(w.address, is_read=True, after_traffic=True) for w in all_words(parameters) if w.is_writable]


def wrong_answer(parameters: CoreParameters, stage: Stage, outcome: Outcome) -> str | None:
    """Say which access was not answered as the map says, or None."""
    words = {word.address: word for word in all_words(parameters)}
    image = RegisterImage(parameters)
    for access, answer in outcome.answered(stage.accesses):
        word = words.get(access.address)
        if int(answer["address"]) != access.address:
            return f"answer for {int(answer['address']):#06x} instead of {access.address:#06x}"
        is_good = word is not None and (access.is_read or word.is_writable)
        if int(answer["response"]) != (0 if is_good else SLVERR):
            return f"response {int(answer['response'])} at {access.address:#06x}"
        if is_good and not access.is_read:
            image.write(access.address, access.data)
        elif access.is_read and not access.overlaps and (wrong := _wrong_word(image, word, int(answer["data"]))):
            return f"{wrong} at {access.address:#06x}"
    if len(outcome.answers) != len(stage.accesses) and stage.cut_at is None:
        return f"{len(outcome.answers)} answers for {len(stage.accesses)} accesses"
    return None


def _wrong_word(image: RegisterImage, word: Word | None, found: int) -> str | None:
    if word is None:
        return None if found == 0 else f"{found:#x} where no register is"
    if word.name.startswith("COUNTER"):
        return None  # counter_comparison.py knows the traffic
    holds = kept(word, image.word[word.address]) if word.address in image.word else word.reset
    # Bit 0 of a list is the uplink, which is no station.
    mask = ~1 if ".STATIONS" in word.name else ~0
    return None if found & mask == holds & mask else f"{found:#x} instead of {holds:#x}"


def is_same(one: Outcome, other: Outcome) -> bool:
    """Say whether a core did the same in two runs of a stage, to the cycle and the bit."""
    pairs = ((getattr(one, each.name), getattr(other, each.name)) for each in fields(Outcome))
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


@dataclass
class WholeCore:
    """One shape of the core with what it is put through."""

    name: str
    parameters: CoreParameters
    simulator: Simulator
    folder: Path
    stages: list[Stage] = field(default_factory=list)
    unchanged: list[Outcome] = field(default_factory=list)

    def core(self, rtl: Path) -> Core:
        """Return the core in this shape, from a folder with its sources and its file."""
        return read_dut(rtl / OWN_CORE.name).core_with(self.parameters.verilog(), self.name)

    def prepare(self) -> None:
        """Make the stages and let the unchanged core through. Raises AssertionError if it differs from the model."""
        self.stages = stages_of(self.core(RTL), self.parameters, self.name)
        self.unchanged = CoreBench.of(self.simulator, self.core(RTL), self.folder).run(self.stages)
        found = self._difference(self.unchanged)
        assert found is None, f"the unchanged core: {found}"
        self.stages = [
            replace(stage, last_cycle=GRACE * outcome.last_cycle) if stage.cut_at is None else stage
            for stage, outcome in zip(self.stages, self.unchanged, strict=True)
        ]

    def find(self, rtl: Path) -> Found | None:
        """Return what is found, or None. Raises SimulationError where the sources do not build.

        A stage in which the core does what the unchanged one did is not compared with the model again.
        """
        if not self.stages:
            self.prepare()
        builds = BUILDS if rtl == RTL else rtl / BUILDS_OF_A_COPY
        bench = CoreBench.of(self.simulator, self.core(rtl), self.folder, builds=builds)
        try:
            outcomes = bench.run(self.stages, RUN_SECONDS)
        except SimulationError as error:
            return self.name, str(error).strip().splitlines()[0]
        found = self._difference(outcomes, self.unchanged)
        return None if found is None else (self.name, found)

    def _difference(self, outcomes: Sequence[Outcome], known: Sequence[Outcome] = ()) -> str | None:
        core = self.core(RTL)
        for number, (stage, outcome) in enumerate(zip(self.stages, outcomes, strict=True)):
            if known and is_same(outcome, known[number]):
                continue
            where = f"stage {number}, cycle"
            if stage.frames:
                divergence, _ = compare(core, stage, outcome)
                if divergence is not None:
                    return f"{where} {divergence.cycle}: {divergence.what}"
            elif outcome.saw_x:
                return f"{where} {outcome.last_cycle}: X"
            elif (rule := broken_rule(outcome)) is not None:
                return f"{where} {rule.cycle}: {rule.what}, {rule.found}"
            elif len(outcome.events) or len(outcome.copies):
                return f"{where} 0: frames from nowhere"
            if (wrong := wrong_answer(self.parameters, stage, outcome)) is not None:
                return f"{where} {outcome.last_cycle}: register access, {wrong}"
        return None
