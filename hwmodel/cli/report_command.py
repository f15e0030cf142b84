"""`hwmodel report`: a page from what is stored, results of runs or a sweep."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hwmodel.cli.outputs import check_outputs, note, say, write_json, write_text
from hwmodel.errors import InputError, RunError

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult
    from hwmodel.results import Result


def report(arguments: Namespace) -> None:
    """Make one page from stored results, or from the folder of a sweep."""
    check_outputs([("--out", arguments.out), ("--json", arguments.json)], inputs=arguments.results)
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


def require_report_packages() -> None:
    """Raise RunError with the cure where a package is missing that pages need."""
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
    """Return a result without its configuration, which a line says, where this hwmodel could not run that.

    The page takes apart what stands there, and finds in it only what a configuration may hold.
    """
    from hwmodel.config import config_from_mapping

    try:
        config_from_mapping(result.config)
    except InputError as error:
        note(f"{path}: config: is no configuration of this hwmodel, so the page leaves it out ({error.lines[0]})")
        return replace(result, config={})
    return result
