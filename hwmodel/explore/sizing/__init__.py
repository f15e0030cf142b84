"""The cheapest configuration that meets a target, found with few simulations."""

from hwmodel.explore.sizing.size import size
from hwmodel.explore.sizing.sizing_file import read_sizing
