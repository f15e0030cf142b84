"""A progress bar on stderr, where stderr is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Progress = Callable[[float, str], None]
_DRAWN_EVERY_S = 0.1


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
    # `transient`: the bar goes away when the work is done, so that the summary stands alone. It is drawn from here: a
    # process with a thread that draws is not copied for the work (`processes.worker`).
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
