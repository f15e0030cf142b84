"""The far end of the link: TLPs fly (`pcie.propagation`), land, are counted, and send their credits back."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.host.memory import passes_fs, read_begins_fs, write_lands_fs
from hwmodel.machine.pcie.link import catch_up, down_is_done, keep_slot, on_wire, received
from hwmodel.machine.pcie.link_state import BY_BUS, BY_TREE
from hwmodel.machine.pcie.links import number_of
from hwmodel.machine.time.clock import CREDIT, DOWN_ARRIVAL, UP_ARRIVAL, UP_DONE
from hwmodel.machine.time.events import append, insert
from hwmodel.machine.tlp_kinds import (
    CLASS_OF,
    COMPLETION_CREDIT,
    NON_POSTED_CREDIT,
    POSTED_CREDIT,
)
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES

CREDIT_KIND_SHIFT = 32  # in the word of a return of credits, over the bytes of data
PASSES_THEN = 1 << 34  # in that word: the write passes into memory only then, and its data drain from then on


@kernel
def credit_word(kind, data_bytes):
    """Return the word of a TLP's credits."""
    return (kind << CREDIT_KIND_SHIFT) | int(data_bytes)  # interpreted, `data_bytes` is a numpy integer of 32 bits


@kernel
def is_infinite(limits):
    """Say whether credits of a kind are infinite, so that none need come back."""
    return limits.headers_limit == 0 and limits.data_limit == 0


@kernel
def return_credits(clock, pcie, now_fs, kind, data_bytes):
    """Send a received TLP's credits back; a write's once memory has drained its data, behind that of earlier writes."""
    is_of_root = pcie.params.by_tree and kind != COMPLETION_CREDIT  # a root port that several adapters may share
    if is_infinite(pcie.tree.params.root[kind] if is_of_root else pcie.credits[kind].params):
        return  # nobody waits for them, and behind a slow drain they would pile up
    taken_fs = now_fs
    if kind == POSTED_CREDIT and pcie.params.drain_den > 0:
        drain_fs = data_bytes * pcie.params.drain_num // pcie.params.drain_den
        taken_fs = max(now_fs, pcie.drain_busy_until_fs) + drain_fs
        pcie.drain_busy_until_fs = taken_fs
        pcie.counts.drain_busy_fs += drain_fs
    if is_of_root:
        insert(pcie.tree.from_root[kind], taken_fs + pcie.params.credit_return_fs, data_bytes)
        return
    append(clock, CREDIT + number_of(pcie), taken_fs + pcie.params.credit_return_fs, credit_word(kind, data_bytes))


@kernel
def return_when_passed(clock, pcie, now_fs, pass_fs, data_bytes):
    """Return the credits of a received write when it passes, maybe before a write received earlier does."""
    if pass_fs == now_fs or pcie.params.drain_den == 0:
        return_credits(clock, pcie, pass_fs, POSTED_CREDIT, data_bytes)
    elif not is_infinite(pcie.credits[POSTED_CREDIT].params):
        append(clock, CREDIT + number_of(pcie), pass_fs, credit_word(POSTED_CREDIT, data_bytes) | PASSES_THEN)


@kernel
def credits_returned(clock, pcie, now_fs, word):
    """Add returned credits; those of a write that passes only now begin their way back."""
    data_bytes = word & ((1 << CREDIT_KIND_SHIFT) - 1)
    if word & PASSES_THEN:
        return_credits(clock, pcie, now_fs, POSTED_CREDIT, data_bytes)
        return
    credit = pcie.credits[word >> CREDIT_KIND_SHIFT]
    credit.headers_used -= 1
    credit.data_used -= (data_bytes + CREDIT_DATA_BYTES - 1) // CREDIT_DATA_BYTES


@inlined
def reaches_host(nic, pcie, now_fs, sending):
    """Count a TLP that the host has received, and send its credits back.

    Return when the host begins to read, or when a write is in memory. A write's credits go when it passes.
    """
    catch_up(nic.clock, pcie, now_fs)
    if pcie.params.by_tree == 0:  # else it was received by a switch
        received(pcie, pcie.up, pcie.down)
    pass_fs = now_fs
    ready_fs = now_fs
    is_write = CLASS_OF[sending.kind] == POSTED_CREDIT
    if pcie.params.has_memory:
        if is_write:
            pass_fs = passes_fs(nic, pcie, now_fs, sending)
            ready_fs = write_lands_fs(nic, pcie, pass_fs, sending)
        else:
            ready_fs = read_begins_fs(nic, pcie, now_fs, pcie.tags.slot[sending.tag])
    if pcie.params.has_credits > 0:
        if is_write:
            return_when_passed(nic.clock, pcie, now_fs, pass_fs, sending.data_bytes)
        else:
            return_credits(nic.clock, pcie, now_fs, NON_POSTED_CREDIT, 0)
    return ready_fs


@inlined
def reaches_adapter(clock, pcie, now_fs, sending):
    """Count a TLP that the adapter has received, and send a completion's credits back."""
    received(pcie, pcie.down, pcie.up)
    if pcie.params.has_credits > 0 and CLASS_OF[sending.kind] == COMPLETION_CREDIT:
        return_credits(clock, pcie, now_fs, COMPLETION_CREDIT, sending.data_bytes)


@inlined
def has_landed(clock, pcie, link, lane, arrivals, now_fs):
    """Tell whether a TLP that has left by a direction of a link is there at once; else let it fly."""
    flight_fs = pcie.params.propagation_fs
    if flight_fs == 0:
        return True
    if flight_fs == BY_BUS:
        link.is_busy = 1  # on a bus the link never starts a TLP by itself
        return True
    if flight_fs != BY_TREE:
        append(clock, lane + number_of(pcie), now_fs + flight_fs, keep_slot(arrivals, on_wire(link)))
    return False


@inlined
def up_has_landed(clock, pcie, now_fs):
    """Free the link that a TLP has left toward the host; return True if it is there at once."""
    pcie.up.is_busy = 0
    clock.next_at[UP_DONE + number_of(pcie)] = NEVER
    return has_landed(clock, pcie, pcie.up, UP_ARRIVAL, pcie.up_arrivals, now_fs)


@inlined
def down_has_landed(clock, pcie, now_fs):
    """Free the link that a TLP has left toward the adapter, if it has; return True if it is there at once."""
    if not down_is_done(clock, pcie, now_fs):
        return False
    return has_landed(clock, pcie, pcie.down, DOWN_ARRIVAL, pcie.down_arrivals, now_fs)
