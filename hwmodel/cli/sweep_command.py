"""`hwmodel sweep`: a grid or list of points around one configuration."""

from __future__ import annotations

from argparse import Namespace

from hwmodel.cli.outputs import check_outputs, note, say, write_json
from hwmodel.cli.progress import progress_bar
from hwmodel.errors import InputError

SOME_FAILED = 3


def sweep(arguments: Namespace) -> int | None:
    """Run what is missing of a sweep; return exit status 3 where some of its runs failed."""
    check_outputs([("--json", arguments.json)], inputs=[arguments.sweep])
    if arguments.jobs is not None and arguments.scheduler is not None:
        raise InputError("--jobs: not with --scheduler, whose workers say how many run at once")
    from hwmodel.explore.sweep import load_sweep, run_sweep
    from hwmodel.report import SWEEP_SUMMARY_FIGURES, sweep_text

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
    found = load_sweep(done.folder, None if arguments.json else SWEEP_SUMMARY_FIGURES)
    write_json(found.to_mapping() if arguments.json else None, arguments.json)
    say(sweep_text(found, [str(path) for path in done.files], done.wall_s, done.n_run), arguments.json)
    return SOME_FAILED if done.counts["failed"] else None
