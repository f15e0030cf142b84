"""Where results go: files (checked before the work starts), stdout for `--json -`, a progress bar on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from hwmodel.errors import InputError, RunError

if TYPE_CHECKING:
    from hwmodel.results import Result
    from hwmodel.results.json_form import Finding

STDOUT = "-"
_TO_STDOUT = ("--json", "--report")
# Output for stdout is buffered in memory up to this size, beyond it in an unnamed file.
_SPOOL_BYTES = 64 << 20
Progress = Callable[[float, str], None]
_DRAWN_EVERY_S = 0.1


def file_name(text: str) -> str:
    """Return the name of a file or folder that an argument gives, if it is one."""
    if not text:
        raise ArgumentTypeError("the file has no name")
    return text


def check_outputs(outputs: Iterable[tuple[str, str | None]], inputs: Iterable[str] = ()) -> None:
    """Raise InputError, a line for each, for output files that could not be written at the end of a long run.

    `outputs` are pairs of option and path, None where the option was not given. No output may be one of the `inputs`,
    nor may two outputs be the same file. - is stdout for JSON and pages, and invalid for other outputs.
    """
    taken = {os.path.realpath(path): path for path in inputs}
    problems = []
    to_stdout = ""
    for option, path in outputs:
        if path is None:
            continue
        if path == STDOUT:
            if option not in _TO_STDOUT:
                problems.append(f"-: {option}: does not go to stdout; name a file (./- for one of that name)")
            elif getattr(sys.stdout, "name", None) == os.devnull:
                problems.append(f"-: {option}: stdout is closed")
            elif to_stdout:
                problems.append(f"-: {option}: stdout has the output of {to_stdout} already")
            to_stdout = to_stdout or option
            continue
        real_path = os.path.realpath(path)
        problem = _problem_of(path, real_path)
        if problem is None and real_path in taken and not _is_special(real_path):
            problem = f"is {taken[real_path]} too, which would be overwritten"
        if problem is not None:
            problems.append(f"{path}: {option}: {problem}")
        taken[real_path] = option
    if problems:
        raise InputError(problems)


def check_out_folder(folder: str, files: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise InputError, a line for each, for `files` in the --out folder, existing or not, that cannot be written."""
    real_folder = os.path.realpath(folder)
    if os.path.isdir(real_folder):
        check_outputs([("--out", path) for path in files], inputs)
    elif os.path.lexists(folder):
        raise InputError(f"{folder}: --out: is not a folder")
    else:
        check_outputs([("--out", folder)])


@contextlib.contextmanager
def writing_stdout() -> Iterator[None]:
    """Name stdout where writing to it fails, as a file is named; a reader who has left is another's to know."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunError(f"stdout: writing failed: {error.strerror or error}") from error


@contextlib.contextmanager
def text_output(path: str | None) -> Iterator[Callable[[str], object] | None]:
    """Give a function that takes text piece by piece, for a file or stdout; None for None.

    The text appears only if the `with` block ends without an exception.
    """
    if path is None:
        yield None
    elif path == STDOUT:
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8", newline="") as spool:
            yield spool.write
            spool.seek(0)
            with writing_stdout():
                sys.stdout.writelines(spool)
    else:
        from hwmodel.atomic_file import AtomicFile

        with AtomicFile(path) as file:
            yield lambda text: file.write(text.encode("utf-8"))


def say(text: str, *taken: str | None) -> None:
    """Print a text for people, unless stdout belongs to one of the outputs `taken`."""
    if STDOUT not in taken:
        with writing_stdout():
            print(text.rstrip("\n"))


def run_label(path: str, overrides: Iterable[str]) -> str:
    """Return a page's label: the name of the file that was run, and what `--set` changed."""
    return ", ".join([os.path.basename(path), *overrides])


def note(text: str) -> None:
    """Print a line about the work itself, to stderr."""
    print(text, file=sys.stderr, flush=True)


def write_json(value: object, path: str | None) -> None:
    """Write plain values, or a finished JSON document given as text, to a file or stdout; nothing for None."""
    if path is None:
        return
    document = value if isinstance(value, str) else json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    write_text(document.rstrip("\n") + "\n", path)


def write_text(text: str, path: str) -> None:
    """Write a text to a file, atomically, or to stdout."""
    if path == STDOUT:
        # Line by line: in one large write to a pipe without a reader, an unbuffered stdout would lose the rest
        # silently.
        with writing_stdout():
            sys.stdout.writelines(text.splitlines(keepends=True))
        return
    from hwmodel.atomic_file import write_atomically

    write_atomically(path, text)


def write_all(*writers: Callable[[], object]) -> None:
    """Call each writer, even where one before it failed; raise the first failure afterwards.

    So a long run's results are lost only in the outputs that could not be written.
    """
    failures: list[Exception] = []
    for write in writers:
        try:
            write()
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]


def write_finding(
    found: Finding | Result,
    draw: Callable[[], str],
    arguments: Namespace,
    print_text: Callable[[], object] | None = None,
) -> None:
    """Print what was found, and write its JSON document and its page: as many of the three as can be made.

    `print_text`: prints something else than the summary.
    """

    def tell() -> None:
        if STDOUT not in (arguments.json, arguments.report):
            (print_text or partial(say, found.summary()))()

    def write_page() -> None:
        if arguments.report is not None:
            write_text(draw(), arguments.report)

    write_all(tell, lambda: write_json(found.to_json() if arguments.json else None, arguments.json), write_page)


def _problem_of(path: str, real_path: str) -> str | None:
    folder = os.path.dirname(real_path)
    problem = None
    if os.path.isdir(real_path):
        problem = "is a folder, not a file"
    elif not os.path.isdir(folder):
        shown = os.path.dirname(path) or folder
        there = folder
        while not os.path.lexists(there):
            there = os.path.dirname(there)
        cure = f"there is no folder {shown} (make it with: mkdir -p {shown})"
        problem = cure if os.path.isdir(there) else f"{there} is a file, not a folder"
    elif os.path.exists(real_path) and not os.access(real_path, os.W_OK):
        problem = "may not be written"
    elif not _is_special(real_path) and not os.access(folder, os.W_OK | os.X_OK):
        problem = f"no file may be made in {folder}"
    return problem


def _is_special(real_path: str) -> bool:
    return os.path.exists(real_path) and not os.path.isfile(real_path)


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give a function that takes the finished fraction, 0 to 1, and what is being done; None without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # `transient`: the bar disappears when the work is done, so that the summary stands alone. `auto_refresh=False`: a
    # process with a drawing thread cannot be forked for the work (`processes.worker`).
    with Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=1.0)
        due_s = 0.0

        def show(fraction: float, text: str) -> None:
            nonlocal due_s
            is_due = time.monotonic() >= due_s
            bar.update(task, completed=fraction, description=text, refresh=is_due)
            if is_due:
                due_s = time.monotonic() + _DRAWN_EVERY_S

        yield show
