"""What would change the answer: one configuration simulated again and again, each time with one thing altered."""

from hwmodel.explore.control_ways import compare_control
from hwmodel.explore.over import compare_over
from hwmodel.explore.search import search_loads
from hwmodel.explore.side_by_side import explain, named_together, relaxed_of
from hwmodel.explore.sizing import size
from hwmodel.explore.ways import compare
