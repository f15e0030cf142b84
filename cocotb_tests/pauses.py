"""Pauses of output queues at random, as PFC frames bring them: short ones, of some priorities of a port or of all."""

from __future__ import annotations

import random

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import Access
from cocotb_tests.core_registers import CoreParameters

PAUSES = 120  # each begins and ends in a write, and the twin takes so many changes of a schedule
SHORTEST, LONGEST = 4, 600  # cycles; a longer one fills queues
ALL_PRIORITIES = 0xFF


def random_pauses(parameters: CoreParameters, rng: random.Random, begin: int, end: int) -> list[Access]:
    """Return writes of the registers PAUSE in their order; each port's last one, in `end`, pauses nothing."""
    at = [regs.PORT_BASE + port * regs.PORT_STRIDE + regs.PORT_PAUSE for port in range(parameters.ports)]
    writes = []
    for _ in range(min(PAUSES, max(1, (end - begin) // 20))):
        port, cycle = rng.randrange(parameters.ports), rng.randrange(begin, max(end, begin + 1))
        paused = rng.choice((ALL_PRIORITIES, 1 << rng.randrange(8), rng.getrandbits(8), rng.getrandbits(8)))
        # Bits that the register does not have mean nothing.
        writes.append(Access(at[port], paused | rng.getrandbits(24) << 8, not_before=cycle))
        writes.append(Access(at[port], 0, not_before=min(cycle + rng.randint(SHORTEST, LONGEST), end)))
    writes += [Access(address, 0, not_before=end) for address in at]
    return sorted(writes, key=lambda access: access.not_before)
