"""A time line of a stretch of the run, for trace viewers: TLPs, frames, queues; docs/trace.md says what is on it."""

from hwmodel.simulation.trace.stage import stage_of
from hwmodel.simulation.trace.tracer import Tracer

__all__ = ["Tracer", "stage_of"]
