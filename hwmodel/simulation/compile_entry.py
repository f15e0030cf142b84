"""Compile one entry point for the types that it is always called with, and leave it in the cache."""

from __future__ import annotations

import gc
import importlib

import numpy as np
from numba import int64, typeof, types

from hwmodel.kernels import compile_for, layout, quick_compilation
from hwmodel.kernels.adjacent_layout import BRIDGE
from hwmodel.kernels.forward import DECISION
from hwmodel.kernels.frame_batch import ARRIVAL, COPY
from hwmodel.kernels.parse import HEADER
from hwmodel.kernels.police import BUCKET
from hwmodel.kernels.switch_tables import TABLES
from hwmodel.kernels.system_layout import SYSTEM


def _array(dtype: np.dtype) -> types.Type:
    return typeof(np.zeros(1, dtype))


def signature(entry: str) -> tuple[types.Type, ...]:
    """Return the argument types of an entry point, named `module.function`."""
    if entry == "engine.run":
        return (_array(layout.SERVER), int64, int64)
    if entry == "system.run_system":
        return (_array(SYSTEM), _array(layout.SERVER), _array(BRIDGE), int64, int64, int64)
    if entry == "dma.run_dma":
        return (_array(layout.SERVER), int64)
    captured = types.Array(types.uint8, 1, "C", readonly=True)
    if entry == "frame_batch.decide_batch":
        policing = (_array(BUCKET), int64[::1])
        return (_array(TABLES), *policing, _array(ARRIVAL), captured, _array(HEADER), _array(DECISION))
    if entry == "frame_batch.copy_batch":
        made = (_array(COPY), types.Array(types.uint8, 1, "C"))
        return (_array(ARRIVAL), captured, _array(HEADER), _array(DECISION), *made)
    frames = types.Array(types.uint8, 2, "C")
    if entry == "templates.rewrite_headers":
        return (frames, int64[::1], _array(HEADER), _array(DECISION), int64[::1], frames)
    return (_array(TABLES), int64[::1], frames, int64[::1], _array(HEADER), _array(DECISION), _array(DECISION))


def compile_entry(entry: str) -> bool:
    """Compile an entry point into the cache; return whether numba can be asked to."""
    module, function = entry.split(".")
    with quick_compilation():
        return compile_for(signature(entry), getattr(importlib.import_module(f"hwmodel.kernels.{module}"), function))


def compile_alone(entry: str) -> bool:
    """Do the same in a process that does nothing else: what the compiler leaves is given back with the process."""
    gc.disable()
    return compile_entry(entry)
