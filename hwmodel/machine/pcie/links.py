"""Which link, which host and which lane: the maps from rings to links, and from links to their hosts and lanes.

Numbers are masked at the access, like positions in rings: where there is room for one link alone, the compiler knows
its number, and looking it up costs nothing.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined
from hwmodel.machine.time.clock import ADAPTER_LINKS

MASK = ADAPTER_LINKS - 1


@inlined
def link_at(nic, number):
    """Return a link by its number, as a lane or a read gives it."""
    return nic.pcie[number & MASK]


@inlined
def link_of(nic, ring_queue):
    """Return the link by which the adapter reaches a ring."""
    return link_at(nic, nic.tx_queue[ring_queue].params.link)


@inlined
def host_of(nic, pcie):
    """Return the host at the far end of a link."""
    return nic.host[pcie.params.host & MASK]


@inlined
def number_of(pcie):
    """Return the number of a link, which is added to the first of its kind to get its lane."""
    return pcie.params.number & MASK


@inlined
def is_in_memory(nic, ring):
    """Say whether a ring is a guest's of the virtual switch: both its ends are in the host's memory."""
    return nic.params.has_virtual_switch and ring < nic.virtual_switch.params.first_ring


@inlined
def is_of_uplink(nic, ring):
    """Say whether a ring, Tx or Rx, is one of the virtual switch's uplink."""
    return nic.params.has_virtual_switch and ring >= nic.virtual_switch.params.first_ring


@inlined
def uplink_ring_of(nic, ring):
    """Return the uplink's ring, of its first leg, for a guest's ring: that of the core that passes its frames."""
    params = nic.virtual_switch.params
    return params.first_ring + ring % params.n_cores % params.n_leg_rings


@inlined
def core_place(nic, ring):
    """Return the place, among the virtual switch's cores, of the core that passes the frames of a ring."""
    params = nic.virtual_switch.params
    if ring >= params.first_ring:
        ring = (ring - params.first_ring) % params.n_leg_rings
    return ring % params.n_cores
