"""An independent SimPy model of the adapter, written from docs/datapath.md alone.

It shares no code with the package: parameters and loads are plain numbers, times are whole femtoseconds. The
fast engine is checked against it, and measured against it.
"""

from .conditions import Condition, Waiting
from .model import simulate
from .parameters import Arrival, DmaEngine, DmaPath, LastLevelCache, Load, NicParameters, Stop, TranslationCache
from .parts import PARTS, Journey
from .results import Delivery, FinalCounts, LinkUse, Outcome

__all__ = [
    "PARTS",
    "Arrival",
    "Condition",
    "Delivery",
    "DmaEngine",
    "DmaPath",
    "FinalCounts",
    "Journey",
    "LastLevelCache",
    "LinkUse",
    "Load",
    "NicParameters",
    "Outcome",
    "Stop",
    "TranslationCache",
    "Waiting",
    "simulate",
]
