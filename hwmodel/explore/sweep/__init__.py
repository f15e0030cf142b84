"""A grid or list of points around one configuration, run in parallel; it can be stopped and resumed at will."""

from hwmodel.explore.sweep.plan import plan_sweep
from hwmodel.explore.sweep.run import run_sweep, sweep
from hwmodel.explore.sweep.tables import load_sweep
