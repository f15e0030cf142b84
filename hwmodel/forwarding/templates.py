"""Decisions in advance: what the switch does with each frame header of a workload."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry
from hwmodel.compiled.records import I16, I32, record
from hwmodel.forwarding.decide import decide, limit
from hwmodel.forwarding.parse import parse
from hwmodel.forwarding.rewrite import rewrite

MAX_TEMPLATES = 1 << 19  # distinct frame headers: of a whole workload, and those that come to one server
MAX_COPY_KINDS = 1 << 19  # (template, egress port) pairs
ANY_LENGTH = 2**31 - 1  # as the longest frame that passes

# Templates and kinds of copies are as many as there are flows, so that each frame finds its own in none of the
# processor's caches: they are as small as can be. Mirrored copies stand behind the others: those of a frame that its
# policer lets through, then those of one that it refuses.
TEMPLATE = record(
    ("first_copy", I32), ("flow", I32), ("longest_bytes", I32), ("queue_hash", I32),
    ("reason", I32), ("function", I16), ("policer", I16),
    ("n_copies", I16), ("n_mirrored", I16), ("n_mirrored_refused", I16),
)  # fmt: skip
# `counts_offered`: count this copy as offered, since its frame belongs to no flow. `next_template`: for a copy that
# leaves by the wire, its hop or template at the other end.
COPY_KIND = record(
    ("flow", I32), ("queue_hash", I32), ("next_template", I32),
    ("port", I16), ("function", I16), ("delta_bytes", I16), ("is_mirrored", I16), ("counts_offered", I16),
)  # fmt: skip

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
