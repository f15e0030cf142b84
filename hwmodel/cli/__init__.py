"""The command line: reads arguments, calls the library, writes what it gives. Computes nothing."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence

from hwmodel.cli.arguments import build_parser
from hwmodel.errors import InputError, RunError

DONE, RUN_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done; 1: the run failed; 2: bad input, one line each on stderr; 130: interrupted. `argv` defaults to the
    process's arguments. Shows the traceback of a failure where the environment holds HWMODEL_DEBUG=1.
    """
    _never_fail_on_a_character()
    debug = os.environ.get("HWMODEL_DEBUG") == "1"
    try:
        status = _run_command(argv)
        sys.stdout.flush()
    except InputError as error:
        _complain(*error.lines)
        status = BAD_INPUT
    except KeyboardInterrupt:
        _complain("hwmodel: interrupted; no result was written")
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, a pager) has left. Python flushes stdout once more at exit, into nothing then.
        _send_stdout_nowhere()
        status = RUN_FAILED
    except (RunError, OSError, MemoryError) as error:
        if debug:
            raise
        _complain(f"hwmodel: {str(error) or type(error).__name__}")
        status = RUN_FAILED
    except Exception as error:
        if debug:
            raise
        _complain(
            f"hwmodel: {type(error).__name__}: {error}",
            "This is a fault in hwmodel. HWMODEL_DEBUG=1 in the environment shows where it happened.",
        )
        status = RUN_FAILED
    return status


def _run_command(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return BAD_INPUT
    with _rare_collection():
        # Only now: with `--help` no command's imports are paid for.
        from hwmodel.cli import commands

        commands.COMMANDS[arguments.command](arguments)
    return DONE


@contextlib.contextmanager
def _rare_collection() -> Iterator[None]:
    # What is imported stays; looking through it for garbage again and again takes a tenth of a short run.
    usual = gc.get_threshold()
    gc.set_threshold(100_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _never_fail_on_a_character() -> None:
    # A terminal or pipe that is not UTF-8 gets '?' for µ and ×, not an exception at the end of a long run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _complain(*lines: str) -> None:
    with contextlib.suppress(OSError):
        for line in lines:
            print(line, file=sys.stderr, flush=True)


def _send_stdout_nowhere() -> None:
    # Suppressed: a stdout without a file descriptor, as when another program calls `main`.
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
