"""Decisions in advance: what the switch does with each frame header of a workload."""

from __future__ import annotations

from . import entry
from .forward import decide, limit
from .parse import parse
from .tag_out import rewrite

LONGEST_COPY_BYTES = 60  # of a rewritten header, 12 B more than the longest that comes


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


@entry
def rewrite_headers(frames, lengths, headers, decisions, ports, out):
    """Write the headers of n copies as they leave their ports, and their lengths into `lengths`.

    `frames` uint8 (n, at least the header), `lengths` int64 (n,): of the headers as received; `headers` and `decisions`
    (n,): what was parsed and decided; `ports` int64 (n,): where each copy leaves; `out` uint8 (n, LONGEST_COPY_BYTES).
    """
    for i in range(len(ports)):
        lengths[i] = rewrite(frames[i], lengths[i], headers[i], decisions[i], ports[i], out[i])
