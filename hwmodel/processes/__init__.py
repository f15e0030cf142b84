"""Work through a list in several processes, of which any may be killed. Imports nothing slow: each process pays it."""

from hwmodel.processes.pool import Done, work_through

__all__ = ["Done", "work_through"]
