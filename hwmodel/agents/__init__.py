"""Who decides while the machine runs: agents, what is due to them, and how they reach each other."""

from hwmodel.agents.agent import Agent, Frame, Turn
from hwmodel.config.agents import OwnFrame

__all__ = ["Agent", "Frame", "OwnFrame", "Turn"]
