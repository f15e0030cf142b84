"""What would change the answer: one configuration simulated again and again, each time with one thing altered."""

from hwmodel.explore.ranking import explain, named_together, relaxed_of, throughput_gbps
from hwmodel.explore.relaxations import Relaxation, relaxations_of

__all__ = ["Relaxation", "explain", "named_together", "relaxations_of", "relaxed_of", "throughput_gbps"]
