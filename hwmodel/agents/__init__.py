"""Who decides while the machine runs: agents, what is due to them, and how they reach each other."""

from hwmodel.agents.agent import Agent, Turn

__all__ = ["Agent", "Turn"]
