"""What drivers and agents do on cores beside frames, step by step, and which ends are told (docs/engine.md)."""

from __future__ import annotations

from typing import NamedTuple

# TAKE_CORE: wait for the function's core, and keep it until RELEASE. WORK: for a time. WAIT: a pause. READ, WRITE: so
# many accesses to registers, one after the other. DOORBELLS: so many writes, one each time, for which nobody waits.
TAKE_CORE, RELEASE, WORK, WAIT, READ, WRITE, DOORBELLS = range(7)
# What is told: the driver is done; its first write has arrived, its last; the interrupt that this raises has come; the
# core is given. At one instant in this order.
LEFT, FIRST_ARRIVED, ARRIVED, RAISED, GIVEN = range(5)
# `tells` of a job is the sum of `1 << which`; what is told has the number `JOBS_FROM + ENDS * job + which` among those
# of watches (`watches.came`).
ENDS = 8
JOBS_FROM = 1 << 40
# Jobs of agents have these numbers, by the agent; they go on as the function goes on whose core they are.
AGENTS_FROM = 1 << 32


class JobStep(NamedTuple):
    """A step of a job: what, how often, and a time."""

    op: int
    times: int = 1
    fs: int = 0
