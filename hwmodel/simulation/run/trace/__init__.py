"""A time line of part of a run, for trace viewers: TLPs, frames, queues; docs/trace.md describes it."""

from hwmodel.simulation.run.trace.stage import stage_of
from hwmodel.simulation.run.trace.tracer import Tracer, check_span, write_trace
