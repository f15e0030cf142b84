"""Why a frame or a copy of it was not delivered: the one home of the 8-bit numbers and their names."""

from __future__ import annotations

from enum import IntEnum

MAX_REASONS = 64


class DropReason(IntEnum):
    """Number the drop reasons; the results, the counters and the hardware description use the same numbers.

    The decision's reasons come in the order of the rules that give them. The order carries meaning in one place: a
    frame dropped for a reason up to CONTROL_FRAME leaves no mirrored copy.
    """

    NONE = 0

    # The frame itself and who sent it.
    PORT_DISABLED = 1
    BAD_FRAME = 2
    RUNT = 3
    OVERSIZE = 4
    BAD_SOURCE = 5
    CONTROL_FRAME = 6
    SPOOFED_MAC = 7
    FORBIDDEN_TAG = 8
    VLAN_ADMIT = 9
    VLAN_MEMBER = 10
    ACL_DENY = 11
    RATE_LIMITED = 12

    # Where it would go.
    SAME_PORT = 13
    NO_DESTINATION = 14
    UNKNOWN_UNICAST = 15

    # The outer tag of a frame from the uplink.
    VNTAG_MISSING = 16
    VNTAG_VERSION = 17
    VNTAG_DIRECTION = 18
    VNTAG_UNKNOWN_VIF = 19
    ETAG_MISSING = 20
    ETAG_UNKNOWN_ECID = 21
    STAG_UNKNOWN = 22

    # No room, or nobody there, after the decision.
    QUEUE_FULL = 23
    TX_RING_FULL = 24
    RX_BUFFER_FULL = 25
    NO_DESCRIPTOR = 26
    LINK_DOWN = 27
    FUNCTION_RESET = 28

    # Reserved for private VLANs and for limits on the addresses of a port.
    PVLAN = 29
    PORT_SECURITY = 30

    # More than a station may receive (`receive_limit`).
    RECEIVE_LIMIT = 31

    # What a guard of the port drops (`guards`).
    ARP_GUARD = 32
    DHCP_GUARD = 33
    ND_GUARD = 34
    IP_GUARD = 35
