"""`hwmodel search`: the highest load without loss, what more of it loses, the longest burst, latencies at loads."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from hwmodel.cli.outputs import check_outputs, run_label, write_finding
from hwmodel.cli.progress import progress_bar
from hwmodel.cli.report_command import require_report_packages
from hwmodel.errors import InputError, Interrupted
from hwmodel.processes.processors import usable_processors

# OPTION -> the kinds of search that it is for.
_ONLY_FOR = {
    "loss": ("partial_drop",),
    "precision": ("zero_loss", "partial_drop", "latency_at_load"),
    "loads": ("loss_curve", "latency_at_load"),
    "arrivals": ("loss_curve", "latency_at_load"),
    "burst_rate": ("back_to_back",),
}


def search(arguments: Namespace) -> None:
    """Search over the load of a configuration."""
    problems = [
        f"--{name.replace('_', '-')}: only with --kind {' or '.join(kinds)}"
        for name, kinds in _ONLY_FOR.items()
        if getattr(arguments, name) is not None and arguments.kind not in kinds
    ]
    if problems:
        raise InputError(problems)
    check_outputs([("--json", arguments.json), ("--report", arguments.report)], inputs=[arguments.config])
    if arguments.report is not None:
        require_report_packages()
    from hwmodel import explore
    from hwmodel.config import load_config, place_lines
    from hwmodel.report import render_search_page
    from hwmodel.words.search_text import search_text

    config = load_config(arguments.config, arguments.overrides)
    given = {"loss": arguments.loss, "precision": arguments.precision, "loads": arguments.loads,
             "arrivals": arguments.arrivals, "burst_rate_bps": arguments.burst_rate}  # fmt: skip
    jobs = arguments.jobs or usable_processors()
    with progress_bar() as progress:
        try:
            found = explore.search_loads(
                config,
                arguments.kind,
                jobs=jobs,
                progress=progress,
                **{name: value for name, value in given.items() if value is not None},
            )
        except Interrupted:  # what one of the runs had measured by then answers nothing
            raise KeyboardInterrupt from None
        except InputError as error:
            raise InputError(place_lines(arguments.config, arguments.overrides, error.lines)) from None
    label = run_label(arguments.config, arguments.overrides)
    draw = partial(render_search_page, found, label)
    write_finding(partial(search_text, found), found.to_json, draw, arguments.json, arguments.report)
