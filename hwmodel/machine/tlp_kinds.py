"""What TLPs are for: each kind's direction, class, purpose and credits, in one table."""

from __future__ import annotations

from typing import NamedTuple

# What a TLP or a queued transaction is for; those of P and of one instant leave in this order.
(
    PAYLOAD_WRITE, RX_WRITEBACK, RX_INTERRUPT, TX_WRITEBACK, TX_INTERRUPT,
    RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ, PAYLOAD_READ,
    TX_DOORBELL, RX_DOORBELL, INTERRUPT_ENABLE,
    RX_DESCRIPTOR_COMPLETION, TX_DESCRIPTOR_COMPLETION, PAYLOAD_COMPLETION,
    REGISTER_READ, REGISTER_WRITE, REGISTER_COMPLETION, MAILBOX_INTERRUPT,
    KINDS,
) = range(19)  # fmt: skip
NO_KIND = -1

# The classes of transactions, each with credits of its own.
CREDIT_KINDS = ("posted", "non_posted", "completion")
POSTED_CREDIT, NON_POSTED_CREDIT, COMPLETION_CREDIT = range(len(CREDIT_KINDS))
UP, DOWN = ("up", "down")

STRICT_ORDER, RELAXED_ORDER, ID_ORDER = range(3)  # `pcie.params.ordering`


class TlpKind(NamedTuple):
    """Say of a kind what it is called, which way it goes, of which class it is, what for, and what answers it.

    `purpose`: by the names of `pcie.up` and `pcie.down` in the result. `served_by`: the unit by which its cost is
    counted: a frame that is read, a copy that is written, an Rx descriptor.
    """

    words: str
    direction: str
    of_class: int
    purpose: str
    served_by: str = ""
    completion: int = NO_KIND


_READ, _WRITTEN, _DESCRIPTOR = "read", "written", "descriptors"
OF_KIND = {
    PAYLOAD_WRITE: TlpKind("payload write", UP, POSTED_CREDIT, "payload", _WRITTEN),
    RX_WRITEBACK: TlpKind("Rx write-back", UP, POSTED_CREDIT, "writeback", _WRITTEN),
    RX_INTERRUPT: TlpKind("Rx interrupt", UP, POSTED_CREDIT, "interrupt", _WRITTEN),
    TX_WRITEBACK: TlpKind("Tx write-back", UP, POSTED_CREDIT, "writeback", _READ),
    TX_INTERRUPT: TlpKind("Tx interrupt", UP, POSTED_CREDIT, "interrupt", _READ),
    RX_DESCRIPTOR_READ: TlpKind(
        "Rx descriptor read", UP, NON_POSTED_CREDIT, "descriptor", _DESCRIPTOR, RX_DESCRIPTOR_COMPLETION
    ),
    TX_DESCRIPTOR_READ: TlpKind(
        "Tx descriptor read", UP, NON_POSTED_CREDIT, "descriptor", _READ, TX_DESCRIPTOR_COMPLETION
    ),
    PAYLOAD_READ: TlpKind("payload read", UP, NON_POSTED_CREDIT, "read_request", _READ, PAYLOAD_COMPLETION),
    TX_DOORBELL: TlpKind("Tx doorbell", DOWN, POSTED_CREDIT, "doorbell", _READ),
    RX_DOORBELL: TlpKind("Rx doorbell", DOWN, POSTED_CREDIT, "doorbell", _DESCRIPTOR),
    INTERRUPT_ENABLE: TlpKind("interrupt enable", DOWN, POSTED_CREDIT, "doorbell", _WRITTEN),
    RX_DESCRIPTOR_COMPLETION: TlpKind("Rx descriptors", DOWN, COMPLETION_CREDIT, "descriptor"),
    TX_DESCRIPTOR_COMPLETION: TlpKind("Tx descriptors", DOWN, COMPLETION_CREDIT, "descriptor"),
    PAYLOAD_COMPLETION: TlpKind("payload completion", DOWN, COMPLETION_CREDIT, "payload"),
    # What drivers do with registers beside doorbells. Requests and completions may not pass posted writes, and stand in
    # their queue; their credits are taken to be those of posted writes (an approximation).
    REGISTER_READ: TlpKind("register read", DOWN, POSTED_CREDIT, "doorbell"),
    REGISTER_WRITE: TlpKind("register write", DOWN, POSTED_CREDIT, "doorbell"),
    REGISTER_COMPLETION: TlpKind("register completion", UP, POSTED_CREDIT, "doorbell"),
    MAILBOX_INTERRUPT: TlpKind("mailbox interrupt", UP, POSTED_CREDIT, "interrupt"),
}
# By kind, for compiled code. A kind that the table leaves out is an error here.
CLASS_OF = tuple(OF_KIND[kind].of_class for kind in range(KINDS))
COMPLETION_OF = tuple(OF_KIND[kind].completion for kind in range(KINDS))
READS = tuple(kind for kind in range(KINDS) if CLASS_OF[kind] == NON_POSTED_CREDIT)
# Among what is posted toward the host: no write into its memory, but an interrupt, or the content of a register.
WITHOUT_ADDRESS = (RX_INTERRUPT, TX_INTERRUPT, REGISTER_COMPLETION, MAILBOX_INTERRUPT)
REGISTER_ACCESSES = (REGISTER_READ, REGISTER_WRITE, REGISTER_COMPLETION, MAILBOX_INTERRUPT)
COMPLETIONS = tuple(kind for kind in range(KINDS) if CLASS_OF[kind] == COMPLETION_CREDIT)
