"""Lengths of Ethernet frames on the wire (IEEE Std 802.3, clauses 3 and 4.4.2), and times of link aggregation.

Lengths of frames (`n_bytes`) are without the frame check sequence, unless said otherwise.
"""

from __future__ import annotations

FCS_BYTES = 4
# The least frame, without and with the frame check sequence.
MIN_UNPADDED_BYTES = 60
MIN_FRAME_BYTES = MIN_UNPADDED_BYTES + FCS_BYTES
# Preamble with start delimiter, 8 B, and the inter-packet gap of 12 B.
WIRE_OVERHEAD_BYTES = 8 + 12
# Clause 3.2.6: a smaller number in place of a type is a length, and LLC follows.
LEAST_TYPE = 0x0600

# Link aggregation (IEEE Std 802.3ad, 43.4.4; IEEE Std 802.1AX today), as Linux has it in include/net/bond_3ad.h: how
# often an end sends LACPDUs (AD_FAST_PERIODIC_TIME, AD_SLOW_PERIODIC_TIME), and after how many of these times without
# any it is given up (AD_SHORT_TIMEOUT_TIME, AD_LONG_TIMEOUT_TIME).
FAST_PERIOD_FS = 10**15
SLOW_PERIOD_FS = 30 * FAST_PERIOD_FS
PERIODS_TO_TIMEOUT = 3
LACP_TYPE = 0x8809  # slow protocols
# Of a LACPDU behind its type: subtype, version, the head of the actor's TLV, its system, key and port, the last 2 B.
LACP_HEAD_BYTES, LACP_PORT_BYTES = 18, 2
