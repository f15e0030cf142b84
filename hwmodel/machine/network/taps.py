"""Taps on wires: each frame that passes a port is logged, for a capture."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.machine.counts.ledger_state import LOG_CAP, LOG_FULL
from hwmodel.machine.counts.outcome import LOG_RESERVE


@kernel
def note_passing(ledger, at_fs, port_number, is_sent, header, n_bytes, template, index):
    """Enter a frame whose last byte passes a port into the log; of those that come, some time ahead.

    `header` says its bytes there, `template` and `index` what its sender sent.
    """
    log = ledger.tap_log
    if log.n == LOG_CAP:
        ledger.overflow = 1
        return
    entry = log.entry[log.n]
    entry.at_fs = at_fs
    entry.index = index
    entry.template = template
    entry.header = header
    entry.n_bytes = n_bytes
    entry.port = port_number
    entry.is_sent = is_sent
    log.n += 1
    if log.n > LOG_CAP - LOG_RESERVE:
        ledger.is_stopping = LOG_FULL
