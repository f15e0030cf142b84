"""How long the headers before a mirrored frame are on its way to a collector, and the places in an ERSPAN header.

The writer of whole headers (`hwmodel/wire/remote_mirror.py`) and the kernel that enters what differs from frame to
frame share them: RFC 791, RFC 2784 with RFC 2890 (GRE, sequence number), draft-foschiano-erspan-03, 4.2 (type II).
"""

from __future__ import annotations

from hwmodel.rules.packets import IPV4_BYTES
from hwmodel.rules.switch_modes import C_TAG, TYPE_BYTES

GRE_BYTES, ERSPAN_BYTES = 8, 8
_ADDRESSES_BYTES = 12

# The longest head: addresses, C-TAG, type, and what follows.
ENCAPSULATION_BYTES = _ADDRESSES_BYTES + C_TAG.n_bytes + TYPE_BYTES + IPV4_BYTES + GRE_BYTES + ERSPAN_BYTES

# In the ERSPAN header's first word: the version, of which 1 is type II, the frame's VLAN and priority, and En, which
# says whether the frame came without a VLAN tag, or has it still.
VERSION_PLACE, VLAN_PLACE, PRIORITY_PLACE, TAG_PLACE = 28, 16, 13, 11
VERSION = 1
WITHOUT_TAG, TAG_PRESERVED = 0, 3
