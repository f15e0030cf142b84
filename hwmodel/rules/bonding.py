"""Times of link aggregation: how often ends send LACPDUs, and when one that says nothing is given up.

IEEE Std 802.1AX, 6.4.4: Fast_Periodic_Time 1 s, Slow_Periodic_Time 30 s, Short_Timeout_Time 3 s, Long_Timeout_Time
90 s; Linux has the same numbers in include/net/bond_3ad.h (AD_FAST_PERIODIC_TIME and so on).
"""

from __future__ import annotations

FAST_PERIOD_FS = 10**15
SLOW_PERIOD_FS = 30 * FAST_PERIOD_FS
PERIODS_TO_TIMEOUT = 3
