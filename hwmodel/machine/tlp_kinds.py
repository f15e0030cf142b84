"""What TLPs are for: the kinds of transactions, of credits and of their order."""

from __future__ import annotations

# What a TLP or a queued transaction is for. The first five are posted, the next three non-posted, all toward the host;
# then the register writes and the completions that come down.
(
    PAYLOAD_WRITE, RX_WRITEBACK, RX_INTERRUPT, TX_WRITEBACK, TX_INTERRUPT,
    RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ, PAYLOAD_READ,
    TX_DOORBELL, RX_DOORBELL, INTERRUPT_ENABLE,
    RX_DESCRIPTOR_COMPLETION, TX_DESCRIPTOR_COMPLETION, PAYLOAD_COMPLETION,
    KINDS,
) = range(15)  # fmt: skip
READ_TO_COMPLETION = RX_DESCRIPTOR_COMPLETION - RX_DESCRIPTOR_READ


# What credits are for, each kind apart.
CREDIT_KINDS = ("posted", "non_posted", "completion")
POSTED_CREDIT, NON_POSTED_CREDIT, COMPLETION_CREDIT = range(len(CREDIT_KINDS))

STRICT_ORDER, RELAXED_ORDER, ID_ORDER = range(3)  # `pcie.ordering`
