"""`hwmodel size`: read a sizing file, find the cheapest configuration that meets its target, say how sure that is."""

from __future__ import annotations

import os
from argparse import Namespace

from hwmodel.cli.outputs import check_outputs, say, write_json
from hwmodel.cli.progress import progress_bar
from hwmodel.errors import Interrupted, RunError


def size(arguments: Namespace) -> None:
    """Find the cheapest configuration that meets a target; RunError, behind all output, where none does."""
    check_outputs([("--json", arguments.json)], inputs=[arguments.sizing])
    from hwmodel import explore
    from hwmodel.report import sizing_text

    jobs = arguments.jobs or len(os.sched_getaffinity(0))
    with progress_bar() as progress:
        try:
            result = explore.size(arguments.sizing, arguments.overrides, jobs=jobs, progress=progress)
        except Interrupted:  # what one of the runs had measured by then answers nothing
            raise KeyboardInterrupt from None
    write_json(result.to_json(), arguments.json)
    say(sizing_text(result), arguments.json)
    if result.best is None:
        raise RunError("no configuration was found that meets the target")
