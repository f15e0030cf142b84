"""Credits of the links above PCIe switches: what is granted, what returns, and when."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.pcie.links import link_at
from hwmodel.machine.pcie.tree_state import NO_ONE, POSTED, ROOT, SECOND
from hwmodel.machine.time.clock import LANE_CAP
from hwmodel.machine.time.events import first_fs
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES


@kernel
def give_back(credit, returns, late_fs, now_fs):
    """Give back the credits that return up to now; `late_fs`: how much later than is noted."""
    while first_fs(returns) <= now_fs - late_fs:
        credit.headers_used -= 1
        data_bytes = returns.ring[returns.head & (LANE_CAP - 1)].word
        credit.data_used -= (data_bytes + CREDIT_DATA_BYTES - 1) // CREDIT_DATA_BYTES
        returns.head += 1


@kernel
def give_all_back(trees, servers, switch, now_fs):
    """Give back what returns up to now of the credits of a switch's link, up and down."""
    params = switch.params
    for way in range(2):
        if params.above == ROOT:
            for at in range(params.n_members):
                end = link_at(servers[params.member[at]], 0).tree
                give_back(switch.up.credits[way], end.from_root[way], 0, now_fs)
        else:
            give_back(switch.up.credits[way], switch.up.returned[way], 0, now_fs)
        give_back(switch.down.credits[way], switch.down.returned[way], 0, now_fs)
    for at in range(params.first_port, params.first_port + params.n_ports):
        server = trees.port[at].params.server
        if server != NO_ONE:
            left = link_at(servers[server], 0).tree.left
            give_back(switch.down.credits[SECOND], left, params.return_fs, now_fs)


@kernel
def next_back_up_fs(servers, switch):
    """Return when credits for the link up are back next."""
    at_fs, params = np.int64(NEVER), switch.params
    for way in range(2):
        if params.above == ROOT:
            for at in range(params.n_members):
                at_fs = min(at_fs, first_fs(link_at(servers[params.member[at]], 0).tree.from_root[way]))
        else:
            at_fs = min(at_fs, first_fs(switch.up.returned[way]))
    return at_fs


@kernel
def next_back_down_fs(trees, servers, switch):
    """Return when credits for the link down are back next."""
    params = switch.params
    at_fs = min(first_fs(switch.down.returned[POSTED]), first_fs(switch.down.returned[SECOND]))
    for at in range(params.first_port, params.first_port + params.n_ports):
        server = trees.port[at].params.server
        if server != NO_ONE:
            at_fs = min(at_fs, first_fs(link_at(servers[server], 0).tree.left) + params.return_fs)
    return at_fs


@kernel
def is_granted(switch, way):
    """Say whether TLPs on a switch's link down take credits.

    Completions always do; posted TLPs only where a limit is set: with peers' writes, or where hosts share an adapter.
    """
    return way == SECOND or switch.down.credits[POSTED].params.headers_limit > 0
