"""Decisions in advance: what the switch does with each frame header of a workload."""

from __future__ import annotations

from . import entry
from .forward import decide, limit
from .parse import parse


@entry
def decide_templates(tables, ports, frames, lengths, headers, decisions, refused):
    """Parse and decide n frame headers, each as it would arrive at its port.

    `tables` is a one-element array of TABLES; `ports` and `lengths` are int64 (n,), `frames` uint8 (n, at least 26):
    the first bytes of each frame, zeros behind its end. `headers` and `decisions` (n,) are written, and `refused` (n,)
    where a decision names a policer: what becomes of the frame if the policer refuses it.
    """
    table = tables[0]
    for i in range(len(ports)):
        parse(table, ports[i], frames[i], lengths[i], headers[i])
        decide(table, headers[i], decisions[i])
        if decisions[i].policer >= 0:
            decide(table, headers[i], refused[i])
            limit(table, headers[i], refused[i])
