"""Each resource of a configuration made larger: what one run can be compared with to see what limits it."""

from hwmodel.relaxations.relaxation import Relaxation, relaxations_of, together

__all__ = ["Relaxation", "relaxations_of", "together"]
