"""Compile one entry point for the types that it is always called with, and leave it in the cache."""

from __future__ import annotations

import gc
import importlib
import os
import sys

import numba
import numpy as np
from numba import float64, int64, typeof, types

from hwmodel.compiled.compilation import compile_for
from hwmodel.compiled.known_answers import known_answers
from hwmodel.compiled.left_out import IS_PLAIN, PLAIN, SWITCH, in_a_line, left_out
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.frame_batch import ARRIVAL, COPY
from hwmodel.forwarding.packet import CAPTURED_PACKET
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.tables import TABLES
from hwmodel.machine.counts.flow_state import MARKED
from hwmodel.machine.counts.ledger_state import FLOW
from hwmodel.machine.network.bridge_state import BRIDGE
from hwmodel.machine.server import SERVER
from hwmodel.machine.system import SYSTEM

_BROKE: list[str] = []  # why this process does without numba's undocumented parts


def _array(dtype: np.dtype) -> types.Type:
    return typeof(np.zeros(1, dtype))


def signature(entry: str) -> tuple[types.Type, ...]:
    """Return the argument types of an entry point, dotted from the package on."""
    if entry in ("machine.engine.run", "machine.commanded.run_commanded"):
        return (_array(SERVER), int64, int64)
    if entry == "machine.system.run_system":
        return (_array(SYSTEM), _array(SERVER), _array(BRIDGE), int64, int64, int64)
    if entry == "machine.peer_writes.run_writes":
        return (_array(SYSTEM), _array(SERVER), int64)
    if entry == "machine.link_alone.run_dma":
        return (_array(SERVER), int64)
    captured = types.Array(types.uint8, 1, "C", readonly=True)
    if entry == "forwarding.frame_batch.decide_batch":
        policing = (_array(POLICER), int64[::1])
        return (_array(TABLES), *policing, _array(ARRIVAL), captured, _array(HEADER), _array(DECISION))
    if entry == "forwarding.frame_batch.copy_batch":
        made = (_array(COPY), types.Array(types.uint8, 1, "C"))
        return (_array(ARRIVAL), captured, _array(HEADER), _array(DECISION), *made)
    if entry == "forwarding.frame_batch.read_packets":
        return (captured, *[int64[::1]] * 3, _array(CAPTURED_PACKET))
    if entry == "machine.first_decisions.decide_first":
        return (_array(SERVER), _array(BRIDGE), *[int64[::1]] * 4, int64)
    if entry.startswith("machine.network.places."):
        return (_array(BRIDGE), *[int64[::1]] * 4)
    if entry == "machine.counts.flow_state.add_flows":
        return (_array(FLOW), int64[::1], _array(FLOW))
    if entry == "machine.counts.flow_state.mark_flows":
        by_target, by_flow = (float64[::1], float64[::1]), (int64[::1], float64[::1])
        return (_array(FLOW), int64[::1], int64[::1], _array(MARKED), *by_target, *by_flow)
    if entry == "machine.first_decisions.enter_flows":
        return (_array(SERVER), _array(BRIDGE), int64, int64[::1], int64[::1])
    return (_array(SERVER), int64[::1])


def compile_entry(entry: str) -> bool:
    """Compile an entry point into the cache; return whether numba can be asked to."""
    module, _, function = entry.rpartition(".")
    with known_answers():
        return compile_for(signature(entry), getattr(importlib.import_module(f"hwmodel.{module}"), function))


def compile_alone(entry: str) -> str | None:
    """Do the same in a process that does nothing else: what the compiler leaves is given back with the process.

    Return what of numba's undocumented parts was left out, "" where nothing was; None where numba cannot be asked to
    compile. Where numba breaks on one of these parts, all are left out, of what the process compiles later too.
    """
    gc.disable()
    if not _BROKE:
        try:
            return left_out() if compile_entry(entry) else None
        except Exception as error:  # what a numba of another shape raises cannot be known
            if IS_PLAIN:
                raise
            _BROKE.append(in_a_line(error))
    _compile_plainly(entry)
    return _BROKE[0]


def _compile_plainly(entry: str) -> None:
    """Compile an entry with numba's documented parts alone: by kernels that are imported anew, into the same folder."""
    os.environ[SWITCH] = PLAIN
    folder = numba.config.CACHE_DIR
    for name in [name for name in sys.modules if name.partition(".")[0] == "hwmodel"]:
        del sys.modules[name]
    importlib.import_module("hwmodel.compiled")
    numba.config.CACHE_DIR = folder
    importlib.import_module(__name__).compile_entry(entry)
