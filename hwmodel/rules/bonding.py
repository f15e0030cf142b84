"""Times of link aggregation: how often ends send LACPDUs, and when one that says nothing is given up.

IEEE 802.3ad, 43.4.4 (IEEE Std 802.1AX today), as Linux has it in include/net/bond_3ad.h: AD_FAST_PERIODIC_TIME 1 s,
AD_SLOW_PERIODIC_TIME 30 s, AD_SHORT_TIMEOUT_TIME and AD_LONG_TIMEOUT_TIME three of these.
"""

from __future__ import annotations

FAST_PERIOD_FS = 10**15
SLOW_PERIOD_FS = 30 * FAST_PERIOD_FS
PERIODS_TO_TIMEOUT = 3
