"""Validate the block `host.virtual_switch.bond`: Ethernet ports of the adapter as legs of one uplink."""

from __future__ import annotations

from typing import Annotated, Literal

from .kinds import Block, Duration, Listing, Word, key
from .names import PortName

Mode = Literal["active_backup", "source_mac", "l4_hash"]
Lacp = Literal["off", "fast", "slow"]
_DELAY = Duration("0ns", "1000s")


class Bond(Block):
    """All Ethernet ports of the adapter as legs of one uplink, as Linux' bonding has it: who uses which, how long."""

    mode: Annotated[Mode, Word(Mode)] = key(
        "active_backup",
        "By which leg a frame goes: all by the active one; by its source address and VLAN (Linux: xmit_hash_policy "
        "vlan+srcmac); by addresses and ports (layer3+4).",
    )
    primary: Annotated[str, PortName()] | None = key(
        None,
        "With active_backup the leg that is active whenever it is in use; null: none, the one that takes over stays.",
    )
    monitor_fs: Annotated[int, _DELAY] = key(
        "100ms",
        "How often the host looks whether legs have a carrier (Linux: miimon); 0ns: it is told at once. The default is "
        "what the driver's documentation calls a good start.",
        alias="monitor",
    )
    down_delay_fs: Annotated[int, _DELAY] = key(
        "0ns", "For how long a leg is without a carrier before it is given up (downdelay).", alias="down_delay"
    )
    up_delay_fs: Annotated[int, _DELAY] = key(
        "0ns", "For how long a leg has its carrier again before it is used (updelay).", alias="up_delay"
    )
    lacp: Annotated[Lacp, Word(Lacp)] = key(
        "off",
        "Whether the ends of a leg send each other LACPDUs: each second (fast) or each 30 s (slow); a leg whose other "
        "end is silent is given up three of these after the last one, 3 s or 90 s. Not with active_backup.",
    )
    silent: Annotated[tuple[Annotated[str, PortName()], ...], Listing("[p1]", least=0, most=4)] = key(
        [],
        "Legs whose other end is silent though they have a carrier: nothing passes, and LACP alone finds it. May "
        "change in mid-run, as `port.down` may.",
    )
