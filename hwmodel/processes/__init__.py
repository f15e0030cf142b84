"""Work through a list in several processes, of which any may be killed. Imports nothing slow: each process pays it."""

from hwmodel.processes.pool import MOST_JOBS, Done, check_jobs, work_through
