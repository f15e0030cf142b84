"""Which flows a ledger counts: each is a sender and a receiver, whatever was decided of its frames."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import I32, ints, record

MAX_FLOWS = 1 << 19
FLOW_SLOTS = 2 * MAX_FLOWS
SPREAD = 0x9E3779B1  # an odd number that spreads what it multiplies over 32 bits (D. E. Knuth, TAOCP 3, 6.4)

# `order`: when the flow came up, among those of all ledgers; -1 of one that came up in mid-run.
FLOW_ENDS = record(("sender", I32), ("receiver", I32), ("order", I32))
# `slot`: by the hash of both ends, 1 more than the flow's number here, 0 where there is none.
FLOW_DIRECTORY = record(*ints("n", "n_ordered"), ("slot", I32, (FLOW_SLOTS,)), ("ends", FLOW_ENDS, (MAX_FLOWS,)))


@kernel
def flow_of(ledger, sender, receiver):
    """Return the number of a flow in a ledger; a new one gets the next."""
    directory = ledger.directory
    at = ((sender * SPREAD & 0xFFFFFFFF) ^ (receiver * SPREAD >> 7)) % FLOW_SLOTS
    while True:
        number = directory.slot[at] - 1
        if number < 0:
            break
        if directory.ends[number].sender == sender and directory.ends[number].receiver == receiver:
            return number
        at = (at + 1) % FLOW_SLOTS
    number = directory.n
    if number == MAX_FLOWS - 1:
        ledger.overflow = 1  # the last place is written, and the run ends
    else:
        directory.n += 1
    directory.slot[at] = number + 1
    ends = directory.ends[number]
    ends.sender, ends.receiver, ends.order = sender, receiver, -1
    begin_histogram(ledger, number)
    return number


@kernel
def begin_histogram(ledger, number):
    """Give a flow that comes up in mid-run a row of the histograms, if one is left."""
    flow = ledger.flow[number]
    flow.histogram = ledger.next_histogram
    if flow.histogram >= 0:
        ledger.next_histogram += ledger.histogram_step
        if ledger.next_histogram >= ledger.n_histograms:
            ledger.next_histogram = -1
