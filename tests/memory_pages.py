"""Runs in tests have their memory in small pages."""

from __future__ import annotations

from hwmodel.simulation import nic_state, system_state

real_is_long = nic_state.is_long


def take_small_pages() -> None:
    """Give no run large pages: to fill them with zeros takes ten ms, more than most of the thousands of runs here."""
    nic_state.is_long = system_state.is_long = lambda _config: False
