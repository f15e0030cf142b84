"""What a core did in a stage against what the model decides: as closely as the core's file allows.

Copies and drops are compared of every core. One that records its decisions is asked frame by frame, with the ports and
the reason; of any other, the copies of each flow are looked at. The timing twin and the counters come last.
"""

from __future__ import annotations

from cocotb_tests.batch_files import Outcome, Stage
from cocotb_tests.counter_comparison import compare_counters
from cocotb_tests.divergence import Divergence
from cocotb_tests.dut_file import Core
from cocotb_tests.event_comparison import compare_events
from cocotb_tests.expectation import Expectation
from cocotb_tests.flow_comparison import compare_flows
from cocotb_tests.protocol import broken_rule
from cocotb_tests.timing_comparison import compare_timing
from hwmodel.words.quantities import counted


def compare(core: Core, stage: Stage, outcome: Outcome) -> tuple[Divergence | None, Expectation | None]:
    """Return the earliest divergence, or None, and what was expected."""
    keys = core.dut.keys
    if outcome.saw_x:
        return Divergence("X", outcome.last_cycle, "defined values", "X on an output, or tkeep with gaps"), None
    if wrong := broken_rule(outcome) or _compare_accesses(core, stage, outcome):
        return wrong, None
    has_events = keys.records.events is not None
    expected, seen = (compare_events if has_events else compare_flows)(core, stage, outcome)
    found = expected.divergences
    if not found and keys.timing == "twin":
        found += compare_timing(core, stage, outcome, expected.frame_of_event)
    if not found and (wrong := core.backend.wrong_read(stage, outcome)):
        found.append(wrong)
    if not found and outcome.failed:
        n_frames, what = (len(outcome.events), "decided") if has_events else (len(outcome.accepted), "taken in")
        done = f"{counted(n_frames, 'frame')} {what}, {counted(len(outcome.answers), 'access')} answered"
        wanted = f"{counted(len(stage.frames), 'frame')}, {counted(len(stage.accesses), 'register access')}"
        found.append(Divergence("no end", outcome.last_cycle, wanted, done))
    if not found and stage.cut_at is None:
        found += compare_counters(core, stage, outcome, seen)
    return min(found, key=lambda each: each.cycle, default=None), expected


def _compare_accesses(core: Core, stage: Stage, outcome: Outcome) -> Divergence | None:
    """Each access was answered, and each write shown, where writes are recorded, once and in order."""
    for answer in outcome.answers:
        if answer["response"] != 0:
            where = f"at {int(answer['address']):#06x}"
            return Divergence("register access", int(answer["cycle"]), f"OKAY {where}", f"{answer['response']} {where}")
    if core.dut.keys.records.writes is None:
        return None
    asked = [(access.address, access.data) for access in stage.accesses if not access.is_read]
    shown = [(int(write["address"]), int(write["data"])) for write in outcome.writes]
    is_whole = stage.cut_at is None and not outcome.failed
    for i, (write, expected) in enumerate(zip(shown, asked, strict=False)):
        if write != expected:
            return Divergence("register write", int(outcome.writes[i]["cycle"]), _hex(expected), _hex(write))
    if len(shown) > len(asked) or (is_whole and len(shown) < len(asked)):
        wanted, done = (counted(len(writes), "write") for writes in (asked, shown))
        return Divergence("register writes", outcome.last_cycle, wanted, done)
    return None


def _hex(write: tuple[int, int]) -> str:
    return f"{write[0]:#06x} <= {write[1]:#010x}"
