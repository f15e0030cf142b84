"""`hwmodel sweep`: a grid or list of points around one configuration."""

from __future__ import annotations

from argparse import Namespace

from hwmodel.cli.outputs import STDOUT, check_outputs, note, say, write_all, write_json
from hwmodel.cli.progress import progress_bar
from hwmodel.cli.report_command import require_report_packages, write_sweep_report
from hwmodel.errors import InputError

SOME_FAILED = 3


def sweep(arguments: Namespace) -> int | None:
    """Run what is missing of a sweep; return exit status 3 where some of its runs failed."""
    check_outputs([("--json", arguments.json), ("--report", arguments.report)], inputs=[arguments.sweep])
    if arguments.report is not None:
        require_report_packages()
    if arguments.jobs is not None and arguments.scheduler is not None:
        raise InputError("--jobs: not with --scheduler, whose workers say how many run at once")
    from hwmodel.explore.sweep import load_sweep, run_sweep
    from hwmodel.report import SWEEP_PAGE_FIGURES, SWEEP_SUMMARY_FIGURES, sweep_text

    with progress_bar() as progress:
        done = run_sweep(
            arguments.sweep,
            arguments.out,
            jobs=arguments.jobs,
            scheduler=arguments.scheduler,
            overrides=arguments.overrides,
            retry_failed=arguments.retry_failed,
            any_number=arguments.yes,
            progress=progress,
            note=note,
        )
    # Of many points all figures take much room; what is printed needs a few of them.
    needed = (*SWEEP_SUMMARY_FIGURES, *(SWEEP_PAGE_FIGURES if arguments.report else ()))
    found = load_sweep(done.folder, None if arguments.json else needed)
    files = [str(path) for path in done.files] + [arguments.report] * (arguments.report not in (None, STDOUT))
    write_all(
        lambda: say(sweep_text(found, files, done.wall_s, done.n_run), arguments.json, arguments.report),
        lambda: write_json(found.to_mapping() if arguments.json else None, arguments.json),
        lambda: write_sweep_report(found, arguments.report),
    )
    return SOME_FAILED if done.counts["failed"] else None
