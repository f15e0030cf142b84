"""Ethernet: the adapter's MAC, the wires, the bridges at their other ends."""
