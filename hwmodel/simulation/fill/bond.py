"""The bond on a virtual switch's uplink at time 0."""

from __future__ import annotations

from typing import Any

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config
from hwmodel.machine.network.bond import ACTIVE_BACKUP, L4_HASH, NO_LEG, SOURCE_MAC
from hwmodel.rules.ethernet import FAST_PERIOD_FS, SLOW_PERIOD_FS

MODES = {"active_backup": ACTIVE_BACKUP, "source_mac": SOURCE_MAC, "l4_hash": L4_HASH}
PERIODS_FS = {"off": 0, "fast": FAST_PERIOD_FS, "slow": SLOW_PERIOD_FS}


def is_silent(config: Config, port: int) -> bool:
    """Tell whether the other end of a leg is said to be silent."""
    return config.bond is not None and f"p{port}" in config.bond.silent


def fill_bond(nic: Any, config: Config) -> None:
    """Set a bond's parameters and the legs in use at the start; do nothing without a bond."""
    own, bond = config.bond, nic.virtual_switch.bond
    if own is None:
        return
    params = bond.params
    params.n_legs, params.mode = config.n_legs, MODES[own.mode]
    params.primary = NO_LEG if own.primary is None else config.port.number_of(own.primary)
    for name in ("monitor_fs", "down_delay_fs", "up_delay_fs"):
        params[name] = getattr(own, name)
    params.lacp_fs = PERIODS_FS[own.lacp]
    used = config.legs_in_use
    for number in range(config.n_legs):
        leg, mac = bond.leg[number], nic.port[number].mac.params
        leg.is_dead, leg.is_bare, leg.is_idle = mac.is_down, config.port.is_down(number), mac.is_idle
        leg.is_in_use, leg.found_fs = number in used, NEVER
    bond.n_in_use = len(used)
    bond.in_use[: len(used)] = used
    bond.active = params.primary if params.primary in used else used[0] if used else 0
