"""An independent SimPy model of the adapter, written from docs/datapath/ alone.

It shares no code with the package: parameters and loads are plain numbers, times are whole femtoseconds. The
fast engine is checked against it, and measured against it.
"""

from .agents import (
    Action,
    AgentParameters,
    Agents,
    Every,
    Hears,
    Listens,
    Rule,
    SentFrame,
    Sets,
    Silence,
    Together,
    Watch,
)
from .bring_up import Asks, BringUps, Starts
from .classes import Planes, TrafficClass
from .conditions import Condition, Waiting
from .core import Stalls
from .flow_control import ControlFrame, FlowControl
from .jobs import End, Op, Told
from .model import Model, simulate
from .parameters import (
    Arrival,
    DmaEngine,
    DmaPath,
    DriverJob,
    JobStep,
    LastLevelCache,
    Load,
    NicParameters,
    Stop,
    TranslationCache,
)
from .parts import PARTS, Journey
from .results import Delivery, FinalCounts, LinkUse, Outcome
from .sources import Choice, SourceLoad, SourceParameters
from .watchdog import Calls, Leaves, Rules, Sends, Watchdogs, asked_again, asks_of
