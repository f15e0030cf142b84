"""Simulated time: lanes of pending events, timers, random numbers."""
