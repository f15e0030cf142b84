"""What would change the answer: one configuration simulated again and again, each time with one thing altered."""

from hwmodel.explore.outcomes import outcomes_of
from hwmodel.explore.ranking import explain, named_together, relaxed_of
from hwmodel.explore.search import search_loads
from hwmodel.explore.sizing import size
from hwmodel.relaxations import Relaxation, relaxations_of
from hwmodel.results import throughput_gbps

__all__ = [
    "Relaxation",
    "explain",
    "named_together",
    "outcomes_of",
    "relaxations_of",
    "relaxed_of",
    "search_loads",
    "size",
    "throughput_gbps",
]
