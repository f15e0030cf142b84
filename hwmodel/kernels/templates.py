"""Decisions in advance: what the switch does with each frame header of a workload."""

from __future__ import annotations

from . import entry
from .forward import decide
from .parse import parse


@entry
def decide_templates(tables, ports, frames, lengths, headers, decisions):
    """Parse and decide n frame headers, each as it would arrive at its port.

    `tables` is a one-element array of TABLES; `ports` and `lengths` are int64 (n,), `frames` uint8 (n, at least 26):
    the first bytes of each frame, zeros behind its end. `headers` and `decisions` (n,) are written.
    """
    table = tables[0]
    for i in range(len(ports)):
        parse(table, ports[i], frames[i], lengths[i], headers[i])
        decide(table, headers[i], decisions[i])
