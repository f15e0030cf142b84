"""What a core counted against what it should have counted, of each thing that it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cocotb_tests.backend import PortCounters
from cocotb_tests.batch_files import Outcome, Stage
from cocotb_tests.divergence import REASON_NAMES, Divergence
from cocotb_tests.dut_file import Core

TOTALS = ("received", "dropped", "copies", "sent", "lost_frames")


def read_counters(core: Core, stage: Stage, outcome: Outcome) -> Mapping[int, PortCounters]:
    """Return what the core counted; nothing if this stage did not read it."""
    answers = zip(stage.accesses, outcome.answers["data"].tolist(), strict=False)
    data = [int(word) for access, word in answers if access.after_traffic and access.is_read]
    # What a test reads besides comes after the counters.
    n_words = sum(access.is_read for access in core.backend.counter_reads())
    return core.backend.counters(data[:n_words]) if data else {}


def compare_counters(
    core: Core, stage: Stage, outcome: Outcome, wanted: Mapping[int, PortCounters]
) -> list[Divergence]:
    """Return the first counter that is wrong; what either side does not know is not compared."""
    for port, found in read_counters(core, stage, outcome).items():
        for name, model, counted in _pairs(wanted[port], found):
            if model != counted:
                return [Divergence(f"counter {name} of port {port}", outcome.last_cycle, str(model), str(counted))]
    return []


def _pairs(wanted: PortCounters, found: PortCounters) -> Iterable[tuple[str, int, int]]:
    for name in TOTALS:
        model, counted = getattr(wanted, name), getattr(found, name)
        if model is not None and counted is not None:
            yield name, model, counted
    for reason, counted in found.drops.items():
        if reason in wanted.drops:
            yield f"drops[{REASON_NAMES.get(reason, reason)}]", wanted.drops[reason], counted
