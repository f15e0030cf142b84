"""Compile one entry point for the types that it is always called with, and leave it in the cache."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import numba
from numba import int64, types

from hwmodel.compiled.compilation import compile_for
from hwmodel.compiled.known_answers import known_answers
from hwmodel.compiled.left_out import PLAIN, SWITCH, in_a_line, is_plain, left_out
from hwmodel.compiled.programs import address_of, array_of, signature_of
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.frame_batch import ARRIVAL, COPY
from hwmodel.forwarding.packet import CAPTURED_PACKET
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.tables import TABLES
from hwmodel.machine import engine
from hwmodel.machine.counts.ledger_state import FLOW
from hwmodel.machine.network.bridge_state import BRIDGE
from hwmodel.machine.server import SERVER
from hwmodel.machine.switch import decisions
from hwmodel.machine.system import SYSTEM
from hwmodel.machine.without_options import ENTRY as WITHOUT_OPTIONS

_BROKE: list[str] = []  # why this process does without numba's undocumented parts


def signatures() -> dict[str, tuple[types.Type, ...]]:
    """Return the argument types of all entry points, dotted from the package on."""
    server, bridge, system, flow = map(array_of, (SERVER, BRIDGE, SYSTEM, FLOW))
    arrival, header, decision = map(array_of, (ARRIVAL, HEADER, DECISION))
    words, captured = int64[::1], types.Array(types.uint8, 1, "C", readonly=True)
    return {
        "machine.engine.run": signature_of(engine.ARGUMENTS),
        WITHOUT_OPTIONS: signature_of(engine.ARGUMENTS),
        "machine.commanded.run_commanded": signature_of(engine.ARGUMENTS),
        "machine.switch.decisions.decide_anew": signature_of(decisions.ARGUMENTS),
        "machine.system.run_system": (system, server, bridge, int64, int64, int64),
        "machine.peer_writes.run_writes": (system, server, int64),
        "machine.link_alone.run_dma": (server, int64),
        "machine.first_decisions.decide_alone": (server, words),
        "machine.first_decisions.decide_first": (server, bridge, words, words, words, words, int64),
        "machine.first_decisions.enter_flows": (server, bridge, int64, words, words),
        "machine.network.places.enter_homes": (bridge, words, words, words, words, words),
        "machine.network.places.announce": (bridge, words, words, words, words),
        "machine.counts.flow_state.add_flows": (flow, words, flow),
        "forwarding.frame_batch.decide_batch": (
            array_of(TABLES), array_of(POLICER), words, arrival, captured, header, decision,
        ),
        "forwarding.frame_batch.copy_batch": (
            arrival, captured, header, decision, array_of(COPY), types.Array(types.uint8, 1, "C"),
        ),
        "forwarding.frame_batch.read_packets": (captured, words, words, words, array_of(CAPTURED_PACKET)),
    }  # fmt: skip


def compile_entry(entry: str) -> bool:
    """Compile an entry point into the cache; return whether numba can be asked to."""
    module, _, function = entry.rpartition(".")
    signature, dispatcher = signatures()[entry], getattr(importlib.import_module(f"hwmodel.{module}"), function)
    with known_answers():
        is_compiled = compile_for(signature, dispatcher)
    if is_compiled and not is_plain():
        address_of(dispatcher, signature)  # fails here, where a fallback exists, with a numba that lacks this
    return is_compiled


def compile_alone(entry: str) -> str | None:
    """Compile an entry point in a process made for it, whose end frees the compiler's memory.

    Return which of numba's undocumented parts were left out ("" if none), or None if numba cannot be asked to compile.
    If numba fails with one of these parts, all are left out, also from whatever the process compiles later.
    """
    gc.disable()
    if not _BROKE:
        try:
            compile_in = _compile_with_constants if entry == WITHOUT_OPTIONS else compile_entry
            return left_out() if compile_in(entry) else None
        except Exception as error:  # another numba version may raise anything
            if is_plain():
                raise
            _BROKE.append(in_a_line(error))
    _compile_plainly(entry)
    return _BROKE[0]


def _compile_with_constants(entry: str) -> bool:
    """Compile an entry that takes fields for constants, apart from all others: kernels are compiled anew for either."""
    anew = _kernels_anew()
    constants = importlib.import_module("hwmodel.compiled.constants")
    fields = importlib.import_module("hwmodel.machine.without_options").kinds_of_constants()
    with constants.taken_for_constants(fields):
        is_compiled = anew.compile_entry(entry)
    _kernels_anew()
    return bool(is_compiled)


def _compile_plainly(entry: str) -> None:
    """Compile an entry without numba's undocumented parts."""
    os.environ[SWITCH] = PLAIN
    _kernels_anew().compile_entry(entry)


def _kernels_anew() -> Any:
    """Import all kernels anew, none of them compiled, to be kept in the same folder; return this module anew."""
    folder = numba.config.CACHE_DIR
    for name in [name for name in sys.modules if name.partition(".")[0] == "hwmodel"]:
        del sys.modules[name]
    importlib.import_module("hwmodel.compiled")
    numba.config.CACHE_DIR = folder
    return importlib.import_module(__name__)
