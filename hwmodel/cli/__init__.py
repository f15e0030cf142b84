"""The command line: reads arguments, calls the library, writes what it gives. Computes nothing."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import TextIO

from hwmodel.cli.arguments import build_parser
from hwmodel.cli.outputs import writing_stdout
from hwmodel.errors import InputError, Interrupted, RunError
from hwmodel.interrupts import INTERRUPTED, signals_end_the_command
from hwmodel.processes.addresses import said_to_be_taken

DONE, RUN_FAILED, BAD_INPUT = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done; 1: the run failed; 2: bad input, one line each on stderr; 3: a sweep in which runs failed; 130:
    interrupted, by Ctrl-C, SIGTERM or SIGHUP. `argv` defaults to the process's arguments. Shows the traceback of a
    failure where the environment holds HWMODEL_DEBUG=1.
    """
    _open_closed_streams()
    _never_fail_on_a_character()
    debug = os.environ.get("HWMODEL_DEBUG") == "1"
    try:
        with signals_end_the_command(), _warnings_as_lines():
            status = _run_command(argv)
            with writing_stdout():
                sys.stdout.flush()
    except InputError as error:
        _complain(*map(_on_one_line, error.lines))
        status = BAD_INPUT
    except KeyboardInterrupt as error:
        said = error.said if isinstance(error, Interrupted) and error.result is None else ""  # else nobody told it
        _complain(f"hwmodel: interrupted; {said or 'no result was written'}")
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, a pager) has left. Python flushes stdout again at exit: send that nowhere.
        _send_stdout_nowhere()
        status = RUN_FAILED
    except (RunError, OSError, MemoryError) as error:
        if debug:
            raise
        said = _no_memory(error) if isinstance(error, MemoryError) else str(error)
        _complain(f"hwmodel: {said or type(error).__name__}")
        if not _flushes(sys.stdout):  # stdout is on a full disk: as above
            _send_stdout_nowhere()
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


def _no_memory(error: MemoryError) -> str:
    """Say that memory is short; keep the amount from numpy's message, without its list of the array's fields."""
    wanted = re.match(r"Unable to allocate ([\d.,]+ \w+(?: of addresses)?)", str(error))
    how_much = f": {wanted[1]} at once are more than there is{said_to_be_taken()}" if wanted else ""
    return f"out of memory{how_much}; fewer servers, VFs or queues, and shorter rings, take less"


def _run_command(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return BAD_INPUT
    # Imported only here, so that `--help` stays fast.
    from hwmodel.cli import commands

    status = commands.COMMANDS[arguments.command](arguments)
    return DONE if status is None else status


@contextlib.contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print the library's warnings as one line each, without their place in the code."""
    usual = warnings.showwarning
    warnings.showwarning = lambda message, *_where: _complain(f"hwmodel: {message}")
    try:
        yield
    finally:
        warnings.showwarning = usual


def _open_closed_streams() -> None:
    """Replace missing stdout or stderr (None in Python, after `>&-`) by /dev/null."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open as long as the process


def _flushes(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _never_fail_on_a_character() -> None:
    # A terminal or pipe that is not UTF-8 gets '?' for µ and ×, not an exception at the end of a long run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _on_one_line(text: str) -> str:
    """Write control characters of what was given as escapes: they would end a line, or steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)


def _complain(*lines: str) -> None:
    with contextlib.suppress(OSError):
        for line in lines:
            print(line, file=sys.stderr, flush=True)


def _send_stdout_nowhere() -> None:
    # Suppressed: stdout may have no file descriptor, as when another program calls `main`.
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
