"""Settings for all tests."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import hypothesis
import numba
import pytest

from hwmodel.analytic import recent
from hwmodel.config import Config, resolve
from hwmodel.config import run as run_block
from hwmodel.simulation import Run
from hwmodel.simulation.fill import clocks
from hwmodel.simulation.run import kernel_cache
from hwmodel.simulation.run import run as run_module
from tests.pending import closed_form_later, for_each_adapter, limits_later, next_steps_now, when_asked_for
from tests.process_tree import children_of_this_process

DEFAULT_PPB = run_block.Run().clocks_ppb

# No deadline: a slow machine is no failure. Derandomized: CI gives the same verdict for the same commit.
hypothesis.settings.register_profile("repository", deadline=None, derandomize=True, max_examples=40)
# `make nightly`: more examples where a test names no number of its own, and others each time.
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("repository")


# These tests start hundreds of processes, each of which would parse the package anew, and pytest would rewrite the
# assertions of all files for each of its workers: what is parsed is kept beside the sources (`make clean` removes it).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# Most of what a test makes goes without a collection; one after each 700 objects takes a twentieth of the time.
gc.set_threshold(20_000, 10, 20)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile all kernels once, before there are processes that would each do so in the midst of a test."""
    if not hasattr(session.config, "workerinput") and not numba.config.DISABLE_JIT:
        used = (
            kernel_cache.RUN_ENTRIES,
            (kernel_cache.COMMANDS,),
            kernel_cache.SYSTEM_ENTRIES,
            kernel_cache.DMA_ENTRIES,
            kernel_cache.PEER_ENTRIES,
            kernel_cache.SWITCH_ENTRIES,
        )
        kernel_cache.fill_cache(tuple({entry for entries in used for entry in entries}))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker begin with other files: each rewrites the assertions of some, and finds those of the others."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    asked = [Path(session.config.invocation_params.dir, one.partition("::")[0]) for one in session.config.args]
    files = {file for path in asked for file in (path.glob("test_*.py") if path.is_dir() else [path])}
    for file in sorted(files)[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        if file.parent == Path(__file__).parent:
            with suppress(Exception, pytest.skip.Exception):  # which is told where it is collected
                importlib.import_module(f"tests.{file.stem}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make no tests of parameters that only a night has time for: they are as many as all others, to be left out."""
    if metafunc.config.getoption("--hypothesis-profile") == "nightly":
        return
    markers = metafunc.definition.own_markers
    for at, marker in enumerate(markers):
        if marker.name == "parametrize" and not isinstance(marker.kwargs.get("ids"), Sequence):
            names, values, *others = marker.args
            values = [*values]
            left = [value for value in values if not _is_for_a_night(value)]
            if 0 < len(left) < len(values):
                markers[at] = pytest.mark.parametrize(names, left, *others, **marker.kwargs).mark


def _is_for_a_night(value: object) -> bool:
    return any(mark.name == "nightly" for mark in getattr(value, "marks", ()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests out that only a night has time for."""
    if config.getoption("--hypothesis-profile") == "nightly":
        return
    n_before: Counter[str] = Counter()
    kept, left_out = [], []
    for item in items:
        is_left_out = item.get_closest_marker("nightly") is not None
        if item.get_closest_marker("a_third_by_day") is not None:
            family = item.nodeid.partition("[")[0]
            is_left_out |= n_before[family] % 3 != 0
            n_before[family] += 1
        (left_out if is_left_out else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_collection_finish() -> None:
    """Leave what stays to the end, all modules and tests, out of every search for what can be freed."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Leave nothing of what the closed form found to the next test: this one may have planted a fault in it."""
    yield
    recent.forget()


def _exact_by_default(config: Config) -> int:
    return 0 if config.run.clocks_ppb == DEFAULT_PPB else config.run.clocks_ppb


# Runs that say nothing of `run.clocks` have exact ones, as closed forms and second models have, in fixtures of whole
# modules too, and make no short runs in other phases, for their intervals. Tests marked `real_clocks` see the default
# of both; so does what runs in processes of its own.
_real_tolerance, clocks.tolerance_ppb = clocks.tolerance_ppb, _exact_by_default
_real_phases, Run._with_other_phases = Run._with_other_phases, lambda _run, result, _sureness, _shorts: (result, [])
# What limits a run is looked for when a test looks at it.
run_module.judged = when_asked_for(run_module.judged)
run_module.with_bottleneck = for_each_adapter(run_module.with_bottleneck)


# Machines of tests are seldom those of their presets' devices: faster links, longer lists. Only tests marked
# `strict_devices` see the default of `nic.strict`; so does what runs in processes of its own.
resolve.NAMED_IS_STRICT = None


@pytest.fixture(autouse=True)
def _strict_devices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("strict_devices") is not None:
        monkeypatch.setattr(resolve, "NAMED_IS_STRICT", True)


def pytest_configure(config: pytest.Config) -> None:
    """Work the closed form out when a test looks at it; at night of each run, whatever is drawn."""
    if config.getoption("--hypothesis-profile") != "nightly":
        run_module.limits_of, run_module.closed_form_of = limits_later, closed_form_later
        run_module.next_steps = next_steps_now


@pytest.fixture(autouse=True)
def _real_clocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("real_clocks") is not None:
        monkeypatch.setattr(clocks, "tolerance_ppb", _real_tolerance)
        monkeypatch.setattr(Run, "_with_other_phases", _real_phases)


@pytest.fixture
def new_children():
    """Give a function that returns the processes started since: what other libraries' tests left is not ours."""
    before = set(children_of_this_process())
    return lambda: sorted(set(children_of_this_process()) - before)


@pytest.fixture(scope="module")
def kept_figures():
    """Draw a page's figures once in a process for the same numbers; returns what is kept."""
    from tests.kept_figures import KEPT, keep_figures

    with pytest.MonkeyPatch.context() as patch:
        keep_figures(patch)
        yield KEPT


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give pages their words and tables alone: the figures, which other tests look at, take most of the time."""
    monkeypatch.setattr("hwmodel.report.html.MOST_FULL_SECTIONS", 0)
