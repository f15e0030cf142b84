"""The records of the PCIe link: what waits for it, what is on it, what flies, and its parameters."""

from __future__ import annotations

from .records import I32, I64, U32, ints, record

MAX_TLP_BYTES = 4096 + 64
TLP_CAP = 1 << 16  # transactions queued in one direction and class
LANE_CAP = 1 << 12

# What a TLP or a queued transaction is for. The first five are posted, the next three non-posted, all toward the host;
# then the register writes and the completions that come down.
(
    PAYLOAD_WRITE, RX_WRITEBACK, RX_INTERRUPT, TX_WRITEBACK, TX_INTERRUPT,
    RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ, PAYLOAD_READ,
    TX_DOORBELL, RX_DOORBELL, INTERRUPT_ENABLE,
    RX_DESCRIPTOR_COMPLETION, TX_DESCRIPTOR_COMPLETION, PAYLOAD_COMPLETION,
    KINDS,
) = range(15)  # fmt: skip
DESCRIPTOR_BYTES = 16  # of every adapter modelled here
REGISTER_BYTES = 4  # what a doorbell or an interrupt writes
READ_TO_COMPLETION = RX_DESCRIPTOR_COMPLETION - RX_DESCRIPTOR_READ

TRANSACTION = record(
    *ints("at_fs", "ready_fs", "address"),
    ("kind", I32), ("queue", I32), ("n", I32), ("left_bytes", I32), ("room_bytes", I32), ("tag", I32),
    ("data_bytes", I32), ("is_last", I32),
)  # fmt: skip
TLP_QUEUE = record(*ints("head", "tail"), ("mask", U32), ("ring", TRANSACTION, (TLP_CAP,)))
# What credits are for, each kind apart.
CREDIT_KINDS = ("posted", "non_posted", "completion")
POSTED_CREDIT, NON_POSTED_CREDIT, COMPLETION_CREDIT = range(len(CREDIT_KINDS))
CREDITS = record(*ints("headers_limit", "headers_used", "data_limit", "data_used"))
LINK = record(
    *ints("is_busy", "sends_second", "place", "chosen_tail", "received", "due_dllps", "busy_until_fs", "boundary_fs"),
    *ints("busy_fs", "dllps"),
    ("n_tlps", I64, (KINDS,)),
    ("n_bytes", I64, (KINDS,)),
    ("answered_tlps", I64, (KINDS,)),  # of whole reads, where answers may pass one another
    ("answered_bytes", I64, (KINDS,)),
    ("first", TLP_QUEUE),  # P in both directions
    ("second", TLP_QUEUE),  # NP up, CPL down
)
# One of the adapter's DMA engines: how long an operation keeps it (of at most `small_bytes`: `small_fs`; else the
# longer of `operation_fs` and a start, the pieces and the bytes), its latency, and what may be outstanding in it.
ENGINE = record(
    *ints("operation_fs", "small_bytes", "small_fs", "start_fs", "piece_bytes", "piece_fs", "num", "den", "latency_fs"),
    *ints("piece_least_bytes"),
    *ints("outstanding", "large_bytes", "n_used", "next_fs", "busy_fs"),
)
# `shared`: the path inside the adapter that reads and writes share, of each operation the first `shared_bytes`.
ENGINES = record(
    ("read", ENGINE), ("write", ENGINE),
    *ints("shared_num", "shared_den", "shared_bytes", "shared_fs", "shared_next_fs", "shared_busy_fs"),
    *ints("payload_ready_fs"),  # when the payload read begun last is ready
)  # fmt: skip
STRICT_ORDER, RELAXED_ORDER, ID_ORDER = range(3)  # `pcie.ordering`
ARRIVALS = record(*ints("head", "tail"), ("ring", TRANSACTION, (LANE_CAP,)))
PCIE = record(
    *ints(
        "max_payload_bytes", "max_read_request_bytes", "completion_boundary_bytes", "whole_completions", "request_bytes"
    ),
    *ints(
        "completion_bytes",
        "whole_words",
        "dllp_period",
        "dllp_fs",
        "propagation_fs",
        "arbitration",
        "has_credits",
        "has_iotlb",
        "has_memory",
        "has_engines",
        "ordering",
        "answers_in_order",
        "runs_on",
        "completion_shift",
    ),
    *ints("credit_return_fs", "drain_num", "drain_den", "drain_busy_until_fs", "drain_busy_fs"),
    ("duration_fs", I64, (MAX_TLP_BYTES,)),
)
