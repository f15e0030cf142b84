"""The line that makes a failed test fail again, from where the user stands."""

from __future__ import annotations

import os
import shlex

import pytest

REPEAT_OPTION = "--repeat-with"
REPEAT_HELP = "command that a line which repeats a test begins with, in place of python -m pytest FILE::TEST"
# Those that decide what is built and what runs, besides simulator, seed and number of frames.
KEPT = ("--build-arg", "--run-arg", "--out")


def repeat_line(item: pytest.Item, *options: str) -> str:
    """Return a shell command that runs one test again; `options` are those that the test has chosen itself."""
    config = item.config
    words = list(options)
    if (dut := config.getoption("--dut")) is not None:
        words += ["--dut", dut]
    for name in KEPT:
        given = config.getoption(name) or []
        words += [f"{name}={each}" for each in ([given] if isinstance(given, str) else given)]
    file, _, name = item.nodeid.partition("::")
    if (command := config.getoption(REPEAT_OPTION)) is not None:
        return f"{command} {shlex.join(['--only', name, *words])}"
    here = os.path.relpath(config.rootpath / file, config.invocation_params.dir)
    return f"python -m pytest {shlex.join([f'{here}::{name}', *words])}"
