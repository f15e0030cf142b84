"""Settings for all tests."""

from __future__ import annotations

import hypothesis

# No deadline: a slow machine is no failure. Derandomized: CI gives the same verdict for the same commit.
hypothesis.settings.register_profile("repository", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repository")
