"""Which flows a ledger counts: each is a sender and a receiver, whatever was decided of its frames."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel, out_of_line
from hwmodel.compiled.far_tables import far, lengthened
from hwmodel.compiled.records import I32, ints, record
from hwmodel.forwarding.header_store import FIRST_MASK

MAX_FLOWS = 1 << 19
MAX_HISTOGRAMS = 4352
FLOW_SLOTS = 4 * MAX_FLOWS
FLOWS_BEGIN = 1 << 8  # flows that a ledger has room for, before there are more
SPREAD = 0x9E3779B1  # an odd number that spreads what it multiplies over 32 bits (D. E. Knuth, TAOCP 3, 6.4)

# `order`: when the flow came up, among those of all ledgers; -1 of one that came up in mid-run.
FLOW_ENDS = record(("sender", I32), ("receiver", I32), ("order", I32))
# `slot`: by the hash of both ends, 1 more than the flow's number here, 0 for none; `mask`: of the slots in use.
FLOW_DIRECTORY = record(
    *ints("n", "n_ordered", "mask"),
    ("slot", far(I32, FLOW_SLOTS, FIRST_MASK + 1)),
    ("ends", far(FLOW_ENDS, MAX_FLOWS, FLOWS_BEGIN)),
)
# Of a flow at a virtual switch: frames and bytes with FCS that cores have taken up, and those of them that are samples,
# with the sum of the squares of their bytes; copies that could be marked, and those that were.
PASSED_FLOW = record(
    *ints("frames", "n_bytes", "samples", "sampled_bytes", "sampled_squares", "may_be_marked", "marked")
)
MAX_PASSED_FLOWS = 1 << 15  # of one server, and one row for frames that belong to none


@kernel
def slot_of_flow(directory, sender, receiver):
    """Return the place that holds a flow's number, plus 1, or the free one where it would go."""
    at = (np.int64(sender) * SPREAD >> 8 ^ np.int64(receiver) * SPREAD >> 4) & directory.mask
    while directory.slot[at] != 0:
        ends = directory.ends[directory.slot[at] - 1]
        if ends.sender == sender and ends.receiver == receiver:
            return at
        at = (at + 1) & directory.mask
    return at


@out_of_line
def widen_directory(ledger):
    """Double the slots that are in use, and enter all flows anew, where there is memory for them."""
    directory = ledger.directory
    if 2 * directory.mask + 1 >= len(directory.slot) and not lengthened(directory.slot):
        ledger.overflow = 1
        return
    for at in range(directory.mask + 1):
        directory.slot[at] = 0
    directory.mask = max(2 * directory.mask + 1, FIRST_MASK)
    for number in range(directory.n):
        ends = directory.ends[number]
        directory.slot[slot_of_flow(directory, ends.sender, ends.receiver)] = number + 1


@kernel
def flow_of(ledger, sender, receiver):
    """Return the number of a flow in a ledger; a new one gets the next."""
    directory = ledger.directory
    if 2 * directory.n >= directory.mask:
        widen_directory(ledger)
    at = slot_of_flow(directory, sender, receiver)
    if directory.slot[at] != 0:
        return directory.slot[at] - 1
    number = directory.n
    if number == len(ledger.flow) - 1 and not (lengthened(ledger.flow) and lengthened(directory.ends)):
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
    """Give a flow that comes up in mid-run a row of the histograms; those for which none is left share the last."""
    row = min(ledger.next_histogram, MAX_HISTOGRAMS - 1)
    while row >= len(ledger.histogram):
        if not lengthened(ledger.histogram):
            ledger.overflow = 1
            return
    ledger.flow[number].histogram = row
    ledger.next_histogram += ledger.histogram_step


@entry
def add_flows(into, numbers, own):
    """Add what the flows of one ledger count to another's.

    `into` and `own` are record arrays of FLOW, `numbers` int64 (n,): of each of `own` its number there, none twice.
    """
    for at in range(len(numbers)):
        flow, more = into[numbers[at]], own[at]
        flow.offered += more.offered
        flow.delivered += more.delivered
        flow.dropped += more.dropped
        flow.n_bytes += more.n_bytes
        latency, others = flow.latency, more.latency
        if others.n == 0:
            continue
        latency.lowest_fs = others.lowest_fs if latency.n == 0 else min(latency.lowest_fs, others.lowest_fs)
        latency.highest_fs = max(latency.highest_fs, others.highest_fs)
        latency.n += others.n
        latency.sum_fs += others.sum_fs
