"""Collect these tests in an interpreter without compilation only: `tests/test_blocks_interpreted.py` starts one.

A compiled block has no wrapper for Python, which halves the time to compile it; calling one from Python would crash.
"""

import numba

collect_ignore_glob = [] if numba.config.DISABLE_JIT else ["test_*.py"]
