"""Settings for all tests."""

from __future__ import annotations

import hypothesis
import pytest

from hwmodel.analytic import recent

# No deadline: a slow machine is no failure. Derandomized: CI gives the same verdict for the same commit.
hypothesis.settings.register_profile("repository", deadline=None, derandomize=True)
# `make nightly`: more examples where a test names no number of its own, and others each time.
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("repository")


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Leave nothing of what the closed form found to the next test: this one may have planted a fault in it."""
    yield
    recent.forget()
