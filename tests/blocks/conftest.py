"""Collect these tests in an interpreter without compilation only: `tests/test_blocks_interpreted.py` starts one.

A compiled block has no machine code of its own, which saves much of the time to compile it; calling one from Python
would crash.
"""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

collect_ignore_glob = [] if numba.config.DISABLE_JIT else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is named on the command line, which pytest collects all the same."""
    if not numba.config.DISABLE_JIT:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="blocks are called interpreted: set NUMBA_DISABLE_JIT=1"))
