"""Model a PCIe network adapter that virtual machines share.

The names below are the public API. Each is imported when it is first used, because numba and pydantic take longer to
import than most commands take to run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwmodel.analytic import limits
    from hwmodel.config import Config, load_config
    from hwmodel.errors import InputError, Interrupted, RunError
    from hwmodel.explore import explain, search_loads, size
    from hwmodel.explore.sweep import load_sweep, sweep
    from hwmodel.report.sweep.result import SweepResult
    from hwmodel.results import LoadSearch, Result, SizingResult, SystemResult, load_result
    from hwmodel.simulation import lone_frame, simulate
    from hwmodel.switch_frames import forward_frames
    from hwmodel.version import __version__

__all__ = [
    "Config",
    "InputError",
    "Interrupted",
    "LoadSearch",
    "Result",
    "RunError",
    "SizingResult",
    "SweepResult",
    "SystemResult",
    "__version__",
    "explain",
    "forward_frames",
    "limits",
    "load_config",
    "load_result",
    "load_sweep",
    "lone_frame",
    "search_loads",
    "simulate",
    "size",
    "sweep",
]

_MODULE_OF = {
    "__version__": "hwmodel.version",
    "Config": "hwmodel.config",
    "InputError": "hwmodel.errors",
    "Interrupted": "hwmodel.errors",
    "LoadSearch": "hwmodel.results",
    "Result": "hwmodel.results",
    "RunError": "hwmodel.errors",
    "SizingResult": "hwmodel.results",
    "SweepResult": "hwmodel.report.sweep.result",
    "SystemResult": "hwmodel.results",
    "explain": "hwmodel.explore",
    "forward_frames": "hwmodel.switch_frames",
    "limits": "hwmodel.analytic",
    "load_config": "hwmodel.config",
    "load_result": "hwmodel.results",
    "load_sweep": "hwmodel.explore.sweep",
    "lone_frame": "hwmodel.simulation",
    "search_loads": "hwmodel.explore",
    "simulate": "hwmodel.simulation",
    "size": "hwmodel.explore",
    "sweep": "hwmodel.explore.sweep",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
