"""Figures of pages, each drawn once for the same numbers: most pages of tests are of one result that differs in a word.

Drawing takes four fifths of a page's time, compiling templates a twelfth. Whoever tests the drawing itself clears what
is kept.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache, wraps

import pytest

from hwmodel.report import figures, html

NAMES = (
    "throughput_by_vm", "bars", "flow_matrix", "latency_distribution", "link_bytes", "waterfall", "gain_bars",
    "share_bars",
)  # fmt: skip
KEPT: dict[bytes, str] = {}


def keep_figures(patch: pytest.MonkeyPatch) -> None:
    """Let a figure that was drawn from the same arguments be the one that was drawn, and templates stay compiled."""
    patch.setattr(html, "template_environment", cache(html.template_environment))
    for name in NAMES:
        patch.setattr(figures, name, _once(getattr(figures, name)))


def _once(draw: Callable[..., str]) -> Callable[..., str]:
    @wraps(draw)
    def kept(*arguments: object, **named: object) -> str:
        asked = pickle.dumps((draw.__name__, arguments, named))
        if asked not in KEPT:
            KEPT[asked] = draw(*arguments, **named)
        return KEPT[asked]

    return kept
