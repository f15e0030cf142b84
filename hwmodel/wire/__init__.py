"""Bytes on the wire: Ethernet headers, bridging tags, capture files and the receive hash.

Nothing here knows a configuration. Lengths called `frame_bytes` count the frame check sequence, as RFC 2544 does;
a frame held as `bytes` never has one, so `len(frame) == frame_bytes - 4` for a whole frame.
"""
