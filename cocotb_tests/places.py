"""Where the co-verification finds its Verilog and leaves what it makes, in a checkout and where a wheel was installed.

A wheel holds `cocotb_tests/` and the Verilog of `rtl/` side by side, as a checkout does, and nothing is written there.
"""

from __future__ import annotations

import os
from pathlib import Path

from hwmodel.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (ROOT / "pyproject.toml").is_file()
# The folder that takes builds, runs and reports, for `hwmodel cosim --out`.
OUT_VARIABLE = "HWMODEL_COSIM_OUT"
DEFAULT_OUT = "cosim_out"
# Faults are looked for in copies of the sources; what is built of a copy lies in it.
OTHER_RTL = os.environ.get("SWITCH_CORE_RTL")
RTL = Path(OTHER_RTL).resolve() if OTHER_RTL else ROOT / "rtl"
BENCHES = Path(__file__).resolve().parent / "verilog"
CHECKERS = ROOT / "rtl" / "checkers"  # which proofs share
WRAPPERS = ROOT / "rtl" / "wrappers"  # of the whole core
BUILDS_OF_A_COPY = "build"

_ASKED = os.environ.get(OUT_VARIABLE) or ("" if IS_CHECKOUT else DEFAULT_OUT)
_OWN = RTL / BUILDS_OF_A_COPY if OTHER_RTL else Path(_ASKED).resolve() if _ASKED else None
REPORTS = _OWN or ROOT / "out"
BUILDS = _OWN or ROOT / "build" / "cosim"
# Of the C++ of all builds more than half is the same.
COMPILER_CACHE = ROOT / "build" / "ccache" if IS_CHECKOUT else None


def make_folder(folder: Path, option: str) -> None:
    """Make a folder that an option names; raise InputError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {option}: cannot be made: {error.strerror or error}") from None
