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
def _closed_form_from_scratch():
    """Let no test see what the closed form found for another, which may have planted a fault in it."""
    recent.forget()
    yield
    recent.forget()
