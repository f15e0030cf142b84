"""The example core that comes along, for `hwmodel cosim --example`. Needs nothing that is installed for simulations."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from cocotb_tests.places import make_folder
from hwmodel.errors import InputError

EXAMPLE = Path(__file__).resolve().parent / "dut_example"
EXAMPLE_CORE, BROKEN_CORE = "small_switch.yaml", "broken_switch.yaml"
CHEATS = "cheats.yaml"  # for our own tests


def write_example(folder: Path) -> str:
    """Write the example core with its file and back-end into a new folder, and return what to say of it.

    Raises InputError if the folder holds something or cannot be made.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: --example: is there already; name a new folder")
    make_folder(folder, "--example")
    for path in sorted(EXAMPLE.iterdir()):
        if path.is_file() and path.name != CHEATS:
            shutil.copyfile(path, folder / path.name)
    passes, fails = (shlex.quote(str(folder / name)) for name in (EXAMPLE_CORE, BROKEN_CORE))
    return (
        f"wrote {folder}: a small switch in Verilog, its file {EXAMPLE_CORE}, and its registers' back-end in Python\n"
        f"  hwmodel cosim --dut {passes} --quick    passes\n"
        f"  hwmodel cosim --dut {fails} --quick   has a fault, and fails"
    )
