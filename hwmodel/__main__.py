"""Run the command line: `hwmodel`, `python -m hwmodel`."""

import gc
import sys

from hwmodel.interrupts import signals_end_the_command


def main() -> int:
    """Run one command and return its exit status; it can be interrupted from here on."""
    with signals_end_the_command():
        from hwmodel.cli import main as run_command

        status = run_command()
    gc.freeze()  # spares a garbage collection over all imports at exit: a tenth of a short command
    return status


if __name__ == "__main__":
    sys.exit(main())
