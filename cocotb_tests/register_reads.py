"""Registers of rtl/ that are read while frames pass: each answer is what the register held at some time of the access.

Reads and writes are under way at once, so that a read may be answered before or after a write of its time. A counter is
exact: it holds the events up to two cycles before the one in which the read's address was accepted.
"""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import Access, Outcome, Stage
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.divergence import Divergence
from cocotb_tests.register_list import Word, all_words, kept
from hwmodel.forwarding.drop_reason import DropReason

QUEUE_FULL = int(DropReason.QUEUE_FULL)
LOW_WORDS = (regs.COUNTER_RECEIVED, regs.COUNTER_LOST, regs.COUNTER_COPIES, regs.COUNTER_SENT, 8 * QUEUE_FULL)
TABLES = (
    (regs.VLAN_BASE, regs.LIST_BASE, regs.VLAN_STRIDE, 3),
    (regs.LIST_BASE, regs.ADDRESS_BASE, regs.LIST_STRIDE, 2),
    (regs.ADDRESS_BASE, regs.COUNTER_BASE, regs.ADDRESS_STRIDE, 3),
)
CYCLES_TO_COUNT = 2  # from an event to the first read that sees it
I64 = npt.NDArray[np.int64]


def random_reads(parameters: CoreParameters, rng: random.Random, number: int) -> list[Access]:
    """Return reads of counters and other words; of the counters those of the uplink are read most."""
    others = [word.address for word in _words(parameters)]
    result = []
    for _ in range(number):
        if rng.randrange(3) == 0:
            result.append(rng.choice(others))
        else:
            base = regs.COUNTER_BASE + regs.COUNTER_STRIDE * rng.choice((0, rng.randrange(parameters.ports)))
            low = base + rng.choice((*LOW_WORDS, 8 * rng.randrange(24)))
            result += [low] * rng.randrange(3) + [low + 4] * rng.randrange(2)
    return [Access(address, is_read=True, overlaps=True) for address in result]


def _words(parameters: CoreParameters) -> list[Word]:
    """Return all words but the counters'."""
    return [word for word in all_words(parameters) if word.address < regs.COUNTER_BASE]


def wrong_read(parameters: CoreParameters, stage: Stage, outcome: Outcome) -> Divergence | None:
    """Return the first read that overlaps others whose answer its register never had at the time."""
    reads = [
        (int(answer["address"]), int(answer["data"]), int(answer["accepted"]), int(answer["cycle"]))
        for access, answer in outcome.answered(stage.accesses)
        if access.is_read and access.overlaps
    ]
    if not reads:
        return None
    words = {word.address: word for word in _words(parameters)}
    histories = _histories(outcome, {address for address, *_ in reads})
    counted = _counted(outcome)
    for address, data, begin, end in reads:
        if (word := words.get(address)) is not None:
            history = [(0, word.reset), *((cycle, kept(word, value)) for cycle, value in histories[address])]
            held = {value for (_, value), (until, _) in pairwise([*history, (end + 1, 0)]) if until >= begin}
            mask = ~1 if ".STATIONS" in word.name else ~0  # bit 0 is the uplink, which is no station
            if data & mask not in {value & mask for value in held}:
                return _wrong(address, data, " or ".join(f"{value:#x}" for value in sorted(held)), end)
        elif address >= regs.COUNTER_BASE:
            wanted = _count(counted, address, begin - CYCLES_TO_COUNT)
            if data != wanted:
                return _wrong(address, data, f"{wanted:#x}", end)
    return None


def _wrong(address: int, data: int, held: str, cycle: int) -> Divergence:
    return Divergence(f"register read at {address:#06x}", cycle, held, f"{data:#x}")


def _histories(outcome: Outcome, wanted: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Return the cycles and data with which writes changed each of the wanted words."""
    result: dict[int, list[tuple[int, int]]] = defaultdict(list)
    staged: dict[int, int] = {}
    for write in outcome.writes:
        address, data, cycle = int(write["address"]), int(write["data"]), int(write["cycle"])
        table = next((each for each in TABLES if each[0] <= address < each[1]), None)
        if table is None:
            result[address].append((cycle, data))
            continue
        base, _, stride, n_words = table
        place = (address - base) % stride // 4
        if place < n_words - 1:
            staged[place] = data
            continue
        for i in range(n_words - 1):
            result[address - 4 * (n_words - 1 - i)].append((cycle, staged.get(i, 0)))
        result[address].append((cycle, data))
    return defaultdict(list, {address: result[address] for address in wanted})


def _counted(outcome: Outcome) -> dict[int, I64]:
    """Return the cycles in which each counter, by the address of its low word, went up by one."""
    events, copies = outcome.events, outcome.copies
    cycles = events["cycle"].astype(np.int64)
    ports = {*events["port"].tolist(), *copies["port"].tolist(), *range(17)}
    result = {}
    for port in ports:
        base = regs.COUNTER_BASE + regs.COUNTER_STRIDE * port
        own = events["port"] == port
        for reason in np.unique(events["reason"][own]).tolist():
            at = regs.COUNTER_LOST if reason == QUEUE_FULL else 8 * reason
            result[base + at] = cycles[own & (events["reason"] == reason)]
        result[base] = np.zeros(0, np.int64)  # forwarded frames have no counter
        result[base + regs.COUNTER_RECEIVED] = cycles[own]
        result[base + regs.COUNTER_COPIES] = cycles[events["ports"] >> port & 1 == 1]
        result[base + 8 * QUEUE_FULL] = cycles[events["full"] >> port & 1 == 1]
        result[base + regs.COUNTER_SENT] = np.sort(copies["last"][copies["port"] == port].astype(np.int64))
    return result


def _count(counted: dict[int, I64], address: int, cycle: int) -> int:
    """Return what was counted up to a cycle, that one too; high words hold 0 in runs that fit in a simulation."""
    return 0 if address & 4 else int(np.searchsorted(counted.get(address, np.zeros(0, np.int64)), cycle, "right"))
