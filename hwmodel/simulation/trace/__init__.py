"""A time line of a stretch of the run, for trace viewers: TLPs, frames, queues; docs/trace.md says what is on it."""

from hwmodel.simulation.trace.stage import Stage, TracedServer, stage_of
from hwmodel.simulation.trace.tracer import Tracer

__all__ = ["Stage", "TracedServer", "Tracer", "stage_of"]
