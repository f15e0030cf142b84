"""Lengths of Ethernet frames on the wire: IEEE Std 802.3, clauses 3 and 4.4.2.

Lengths of frames (`n_bytes`) are without the frame check sequence, unless said otherwise.
"""

from __future__ import annotations

FCS_BYTES = 4
# The least frame, without and with the frame check sequence.
MIN_UNPADDED_BYTES = 60
MIN_FRAME_BYTES = MIN_UNPADDED_BYTES + FCS_BYTES
# Preamble with start delimiter, 8 B, and the inter-packet gap of 12 B.
WIRE_OVERHEAD_BYTES = 8 + 12
