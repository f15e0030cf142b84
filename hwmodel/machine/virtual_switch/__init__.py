"""The host's virtual switch: frames from ring to ring in memory, passed on by cores of the host."""
