"""`hwmodel sweep`, `size`, and `report`: commands that run many points of a file, and pages of stored results."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hwmodel.cli.outputs import (
    STDOUT,
    check_outputs,
    note,
    progress_bar,
    run_label,
    say,
    write_all,
    write_finding,
    write_json,
    write_text,
)
from hwmodel.errors import InputError, RunError
from hwmodel.processes.processors import usable_processors

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult
    from hwmodel.results import Result


SOME_FAILED = 3


def sweep(arguments: Namespace) -> int | None:
    """Run what is missing of a sweep; return exit status 3 where some of its runs failed."""
    own = _files_of_folder(arguments.out)
    check_page_outputs(arguments, arguments.sweep, *own)
    if arguments.jobs is not None and arguments.scheduler is not None:
        raise InputError("--jobs: not with --scheduler, whose workers say how many run at once")
    from hwmodel.explore.sweep import load_sweep, plan_sweep, run_sweep
    from hwmodel.report import SWEEP_PAGE_FIGURES, SWEEP_SUMMARY_FIGURES, sweep_text

    plan = plan_sweep(arguments.sweep, arguments.overrides, any_number=arguments.yes)
    check_page_outputs(arguments, *plan.files, *own)
    with progress_bar() as progress:
        done = run_sweep(
            plan,
            arguments.out,
            jobs=arguments.jobs,
            scheduler=arguments.scheduler,
            retry_failed=arguments.retry_failed,
            progress=progress,
            note=note,
        )
    # All figures of many points take much memory; the output needs only a few.
    needed = (*SWEEP_SUMMARY_FIGURES, *(SWEEP_PAGE_FIGURES if arguments.report else ()))
    found = load_sweep(done.folder, None if arguments.json else needed)
    files = [str(path) for path in done.files] + [arguments.report] * (arguments.report not in (None, STDOUT))
    write_all(
        lambda: say(sweep_text(found, files, done.wall_s, done.n_run), arguments.json, arguments.report),
        lambda: write_json(found.to_mapping() if arguments.json else None, arguments.json),
        lambda: write_sweep_report(found, arguments.report),
    )
    return SOME_FAILED if done.counts["failed"] else None


def size(arguments: Namespace) -> None:
    """Find the cheapest configuration that meets a target; RunError, after all output, if none does."""
    check_page_outputs(arguments, arguments.sizing)
    from hwmodel import explore
    from hwmodel.explore.sizing import read_sizing
    from hwmodel.report import render_sizing_page

    sizing = read_sizing(arguments.sizing, arguments.overrides)
    check_page_outputs(arguments, *sizing.base.files())
    jobs = arguments.jobs or usable_processors()
    with progress_bar() as progress:
        result = explore.size(sizing, jobs=jobs, progress=progress, note=note)
    label = run_label(arguments.sizing, arguments.overrides)
    write_finding(result, partial(render_sizing_page, result, label), arguments)
    if result.best is None:
        raise RunError("no configuration was found that meets the target")


def report(arguments: Namespace) -> None:
    """Make one page from stored results, or from the folder of a sweep."""
    inputs = [file for path in arguments.results for file in (path, *_files_of_folder(path))]
    check_outputs([("--out", arguments.out), ("--json", arguments.json)], inputs=inputs)
    require_report_packages()
    folders = [path for path in arguments.results if Path(path).is_dir()]
    if folders and len(arguments.results) > 1:
        raise InputError(f"{folders[0]}: is a folder; a sweep has a page of its own, so name nothing beside it")
    if folders:
        _report_sweep(arguments, folders[0])
    else:
        _report_results(arguments)
    say(f"wrote {arguments.out}", arguments.json)


def write_sweep_report(sweep: SweepResult, path: str | None) -> None:
    """Write the page of a sweep to a file or stdout; nothing for None."""
    if path is None:
        return
    from hwmodel.config import defaults_beside
    from hwmodel.report import render_sweep_page

    write_text(render_sweep_page(sweep, defaults_beside(sweep.config)), path)


def _files_of_folder(folder: str) -> list[str]:
    """Return the files that a sweep keeps in its folder, existing or not."""
    from hwmodel.results.explored import CSV_NAME, LEDGER_NAME, PARQUET_NAME

    return [str(Path(folder) / name) for name in (LEDGER_NAME, CSV_NAME, PARQUET_NAME)]


def check_page_outputs(arguments: Namespace, *inputs: str) -> None:
    """Raise InputError or RunError if the JSON or page of a command that reads `inputs` could not be written."""
    check_outputs([("--json", arguments.json), ("--report", arguments.report)], inputs)
    if arguments.report is not None:
        require_report_packages()


def require_report_packages() -> None:
    """Raise RunError, with the remedy, if a package that pages need is missing."""
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise RunError(f"the page needs {' and '.join(missing)}: pip install 'hwmodel[report]'")


def _report_sweep(arguments: Namespace, folder: str) -> None:
    from hwmodel.explore.sweep import load_sweep
    from hwmodel.report import SWEEP_PAGE_FIGURES

    sweep = load_sweep(folder, None if arguments.json else SWEEP_PAGE_FIGURES)
    write_sweep_report(sweep, arguments.out)
    write_json(sweep.to_mapping() if arguments.json else None, arguments.json)


def _report_results(arguments: Namespace) -> None:
    from hwmodel.config import defaults_beside
    from hwmodel.report import file_labels, render_page
    from hwmodel.results import load_result

    results, problems = [], []
    for path in arguments.results:
        try:
            results.append(_with_known_configuration(load_result(path), path))
        except InputError as error:
            problems.extend(error.lines)
    if problems:
        raise InputError(problems)
    defaults = [defaults_beside(result.config) for result in results]
    write_text(render_page(results, file_labels(arguments.results), defaults=defaults), arguments.out)
    write_json([result.to_mapping() for result in results], arguments.json)


def _with_known_configuration(result: Result, path: str) -> Result:
    """Return a result without its configuration, with a note, if this hwmodel could not run that configuration.

    The page interprets the configuration, so it must be valid.
    """
    from hwmodel.config import config_from_mapping

    try:
        config_from_mapping(result.config)
    except InputError as error:
        note(f"{path}: config: is no configuration of this hwmodel, so the page leaves it out ({error.lines[0]})")
        return replace(result, config={})
    return result
