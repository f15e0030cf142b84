"""Frames that agents hear of: those delivered to a function, or outside, by what their headers say."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import lengthened
from hwmodel.forwarding.octets import read_bytes
from hwmodel.forwarding.parse import TAG_OFFSET
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.ledger_state import CAME_TRUE
from hwmodel.rules.switch_modes import C_TAG, TYPE_BYTES

ADDRESS_BYTES = 6
ANY_VALUE = -1  # of what a listener does not ask for
OUTSIDE = -1  # in place of a function: who is at the other end of the wire, without a bridge there
NO_TYPE = -2  # of a frame that ends before it
C_TAG_TYPE, C_TAG_BYTES = C_TAG.ethertype, C_TAG.n_bytes


@kernel
def ethertype_of(header):
    """Return the type behind a header's C-TAG, if it has one."""
    at = TAG_OFFSET
    if header.n_bytes >= at + TYPE_BYTES and read_bytes(header.octets, at, TYPE_BYTES) == C_TAG_TYPE:
        at += C_TAG_BYTES
    return read_bytes(header.octets, at, TYPE_BYTES) if header.n_bytes >= at + TYPE_BYTES else NO_TYPE


@kernel
def is_asked_for(asked, found):
    """Tell whether a field has the value that a listener asks for."""
    return asked in (ANY_VALUE, found)


@kernel
def fits(listener, header):
    """Tell whether a header is one that a listener asks for."""
    has_type = is_asked_for(listener.ethertype, ethertype_of(header))
    has_sender = is_asked_for(listener.sender, read_bytes(header.octets, ADDRESS_BYTES, ADDRESS_BYTES))
    return has_type and has_sender and is_asked_for(listener.destination, read_bytes(header.octets, 0, ADDRESS_BYTES))


@kernel
def hear(nic, now_fs, finished, index):
    """Note a frame that a guest, or who is outside, can see for each who listens, and let the run end behind it.

    `index`: of its journey, from which its message is known.
    """
    watches, kind = nic.watches, nic.traffic.copy_kind[finished.copy_kind]
    function = OUTSIDE if kind.port == UPLINK else kind.function
    header = nic.headers.copy_header[finished.copy_kind]
    for at in range(watches.n_listeners):
        listener = watches.listener[at]
        if listener.function != function or not fits(listener, header):
            continue
        if watches.n_heard == len(watches.heard) and not lengthened(watches.heard):
            nic.ledger.overflow = 1
            return
        heard = watches.heard[watches.n_heard]
        heard.at_fs, heard.number, heard.copy_kind = now_fs, listener.number, finished.copy_kind
        heard.n_bytes, heard.index = finished.n_bytes, index
        watches.n_heard += 1
        nic.ledger.is_stopping = CAME_TRUE
