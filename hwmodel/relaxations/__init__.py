"""Relaxations: a configuration with one resource each made larger, to compare a run with and see what limits it."""

from hwmodel.relaxations.relaxation import (
    Relaxation,
    built,
    joined,
    listed_relaxations,
    relaxations_of,
    shared,
    together,
)
