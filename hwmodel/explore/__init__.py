"""What would change the answer: one configuration simulated again and again, each time with one thing altered."""

from hwmodel.explore.outcomes import outcomes_of
from hwmodel.explore.ranking import explain, named_together, relaxed_of
from hwmodel.explore.search import search_loads
from hwmodel.explore.sizing import size

__all__ = [
    "explain",
    "named_together",
    "outcomes_of",
    "relaxed_of",
    "search_loads",
    "size",
]
