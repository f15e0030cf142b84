"""Run the command line: `hwmodel`, `python -m hwmodel`."""

import gc
import sys

from hwmodel.interrupts import signals_end_the_command


def main() -> int:
    """Run one command and return its exit status; it can be interrupted from here on."""
    gc.set_threshold(200_000)  # imports make more objects, which stay: scanning them takes a tenth of a short command
    with signals_end_the_command():
        from hwmodel.cli import main as run_command

        status = run_command()
    gc.freeze()  # spares scanning them once more at exit: another tenth
    return status


if __name__ == "__main__":
    sys.exit(main())
