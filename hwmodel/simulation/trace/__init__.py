"""A time line of part of a run, for trace viewers: TLPs, frames, queues; docs/trace.md describes it."""

from hwmodel.simulation.trace.stage import stage_of
from hwmodel.simulation.trace.tracer import Tracer
