"""`hwmodel size`: read a sizing file, find the cheapest configuration that meets its target, say how sure that is."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from hwmodel.cli.outputs import check_outputs, run_label, write_finding
from hwmodel.cli.progress import progress_bar
from hwmodel.cli.report_command import require_report_packages
from hwmodel.errors import Interrupted, RunError
from hwmodel.processes.processors import usable_processors


def size(arguments: Namespace) -> None:
    """Find the cheapest configuration that meets a target; RunError, behind all output, where none does."""
    check_outputs([("--json", arguments.json), ("--report", arguments.report)], inputs=[arguments.sizing])
    if arguments.report is not None:
        require_report_packages()
    from hwmodel import explore
    from hwmodel.report import render_sizing_page
    from hwmodel.words.sizing_text import sizing_text

    jobs = arguments.jobs or usable_processors()
    with progress_bar() as progress:
        try:
            result = explore.size(arguments.sizing, arguments.overrides, jobs=jobs, progress=progress)
        except Interrupted:  # what one of the runs had measured by then answers nothing
            raise KeyboardInterrupt from None
    label = run_label(arguments.sizing, arguments.overrides)
    draw = partial(render_sizing_page, result, label)
    write_finding(partial(sizing_text, result), result.to_json, draw, arguments.json, arguments.report)
    if result.best is None:
        raise RunError("no configuration was found that meets the target")
