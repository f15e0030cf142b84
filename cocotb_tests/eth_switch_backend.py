"""The back-end of rtl/eth_switch_core.v."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from cocotb_tests import register_map as regs
from cocotb_tests.backend import Backend, PortCounters
from cocotb_tests.batch_files import Access, Outcome, Stage
from cocotb_tests.core_registers import CoreParameters, Write, changed, switch_writes
from cocotb_tests.divergence import Divergence
from cocotb_tests.pauses import random_pauses
from cocotb_tests.register_image import RegisterImage
from cocotb_tests.register_reads import random_reads, wrong_read
from hwmodel.simulation.fill.switch_core import PortSchedule

N_REASONS = 32
WORDS_BY_REASON = range(0, 8 * N_REASONS, 4)
WORDS_IN_ALL = range(regs.COUNTER_RECEIVED, regs.COUNTER_SENT + 8, 4)


class EthSwitchBackend(Backend):
    """Writes all registers and tables, and reads all counters."""

    def __init__(self, parameters: Mapping[str, int]) -> None:
        known = {each.name for each in fields(CoreParameters)}
        chosen = {name.lower(): value for name, value in parameters.items()}
        if unknown := set(chosen) - known:
            raise ValueError(f"no parameters of the core: {', '.join(sorted(unknown)).upper()}")
        self.parameters = CoreParameters(**chosen)

    @property
    def shape(self) -> CoreParameters:
        """Return the parameters; the timing twin takes them too."""
        return self.parameters

    def writes(self, switch: Any, schedules: Mapping[int, PortSchedule]) -> Sequence[Write]:
        """Return writes to all registers and every table entry."""
        return switch_writes(switch, self.parameters, schedules)

    def changes(self, before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]]) -> Sequence[Write]:
        """Return the writes that change something, entries of tables whole."""
        return changed((Write(*write) for write in before), [Write(*write) for write in after])

    def counter_reads(self) -> Sequence[Access]:
        """Return reads of all counters, the low word of each first."""
        return [
            Access(regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + offset, is_read=True)
            for port in range(self.parameters.ports)
            for offset in (*WORDS_BY_REASON, *WORDS_IN_ALL)
        ]

    def counters(self, data: Sequence[int]) -> Mapping[int, PortCounters]:
        """Return all that the core counts."""
        wholes = [low | high << 32 for low, high in zip(data[::2], data[1::2], strict=True)]
        result = {}
        for port in range(self.parameters.ports):
            *drops, received, lost, copies, sent = wholes[36 * port : 36 * port + 36]
            result[port] = PortCounters(
                received=received, copies=copies, sent=sent, lost_frames=lost, drops=dict(enumerate(drops))
            )
        return result

    def reads_in_traffic(self, rng: random.Random, number: int) -> Sequence[Access]:
        """Return reads of counters, each word several times, and of what can be written."""
        return random_reads(self.parameters, rng, number)

    def pauses(self, rng: random.Random, begin: int, end: int) -> Sequence[Access]:
        """Return writes of PAUSE, as many as the twin takes; after the last of a port nothing is paused there."""
        return random_pauses(self.parameters, rng, begin, end) if self.parameters.pause else ()

    def wrong_read(self, stage: Stage, outcome: Outcome) -> Divergence | None:
        """Compare what was read while frames passed."""
        return wrong_read(self.parameters, stage, outcome)

    def image(self) -> RegisterImage:
        """Return the registers after a reset."""
        return RegisterImage(self.parameters)
