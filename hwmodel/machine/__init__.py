"""The simulated machine, compiled: a room for each part of the hardware, with its records beside its code."""
