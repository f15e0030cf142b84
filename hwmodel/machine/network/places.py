"""Where a header stands at a bridge: on which logical port it comes, in which VLAN, and where its addresses belong."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.forwarding.ingress_rules import is_group
from hwmodel.forwarding.outer_tag import sender_of
from hwmodel.machine.counts.flow_state import SPREAD
from hwmodel.machine.network.bridge_state import HOME_SLOTS, NOBODY, VLANS_PER_WORD
from hwmodel.machine.network.learning import learn
from hwmodel.rules import private_vlan

reaches = kernel(private_vlan.reaches)


@kernel
def carries(vlans, vlan):
    """Tell whether a logical port is in a VLAN."""
    return vlans.members[vlan // VLANS_PER_WORD] >> vlan % VLANS_PER_WORD & 1 != 0


@kernel
def is_untagged(vlans, vlan):
    """Tell whether a logical port sends a VLAN's frames without a C-TAG."""
    return vlans.untagged[vlan // VLANS_PER_WORD] >> vlan % VLANS_PER_WORD & 1 != 0


@kernel
def may_reach(bridge, sender, receiver):
    """Tell whether private VLANs let what comes in on one logical port leave by another."""
    return reaches(bridge.logical_port[sender].params.pvlan, bridge.logical_port[receiver].params.pvlan)


@kernel
def is_kept_apart(bridge, number):
    """Tell whether private VLANs keep what is inside from a logical port, by which it would leave, and count it."""
    if may_reach(bridge, bridge.inside.logical_port, number):
        return False
    bridge.inside.n_kept_apart += 1
    return True


@kernel
def comes_in(bridge, port, inside):
    """Find on which logical port a header comes, and its VLAN in the bridge; False where its outer tag names none.

    VID 0 and VLAN 0 mean none.
    """
    interface, vid = sender_of(inside.header), inside.header.vid
    found = False
    for at in range(port.params.first_logical, port.params.first_logical + port.params.n_logical):
        number = bridge.listed[at]
        logical = bridge.logical_port[number]
        if logical.params.interface != interface:
            continue
        vlan = vid if vid != 0 else logical.params.native_vlan
        if logical.params.wire_vlan == 0:
            found, inside.logical_port, inside.vlan = True, number, vlan
        elif logical.params.wire_vlan == vlan:
            inside.logical_port, inside.vlan = number, logical.params.inner_vlan
            return True
    return found


@kernel
def hash_of_address(box, mac, vlan):
    """Return a hash of an address in a VLAN at a bridge."""
    low = (np.int64(mac) ^ np.int64(mac) >> 24 ^ np.int64(vlan) << 7 ^ np.int64(box) << 19) & 0x7FFFFFFF
    return low * SPREAD >> 16 & 0xFFFFFFFF


@kernel
def address_of(bridge, box, mac, vlan):
    """Return the number of an address in a VLAN at a bridge; group addresses are never learned."""
    number = number_of_address(bridge.clock, bridge, box, mac, vlan)
    if number != NOBODY and bridge.box[box].params.learns == 0:
        bridge.address[number].logical_port = home_of(bridge, box, mac, vlan)
    return number


@kernel
def number_of_address(clock, table, box, mac, vlan):
    """Return the number of an address in a VLAN in what a bridge, or a virtual switch, learns; a group has none."""
    if is_group(mac):
        return NOBODY
    mask = len(table.address_slot) - 1
    at = hash_of_address(box, mac, vlan) & mask
    while table.address_slot[at] != 0:
        number = np.int64(table.address_slot[at] - 1)
        key = table.address_key[number]
        if key.mac == mac and key.vlan == vlan and key.box == box:
            return number
        at = (at + 1) & mask
    if table.n_addresses == len(table.address):
        clock.overflow = 1
        return NOBODY
    number = table.n_addresses
    table.n_addresses += 1
    table.address_slot[at] = number + 1
    key, address = table.address_key[number], table.address[number]
    key.mac, key.vlan, key.box = mac, vlan, box
    address.box, address.logical_port = box, NOBODY
    return number


@kernel
def home_slot(bridge, box, mac, vlan):
    """Return the place where the home of an address stands, or would stand."""
    at = hash_of_address(box, mac, vlan) & (HOME_SLOTS - 1)
    while bridge.home[at].logical_port != 0:
        home = bridge.home[at]
        if home.mac == mac and home.vlan == vlan and home.box == box:
            return at
        at = (at + 1) & (HOME_SLOTS - 1)
    return at


@kernel
def home_of(bridge, box, mac, vlan):
    """Return the logical port behind which the configuration puts an address, `NOBODY` if it does not say."""
    return bridge.home[home_slot(bridge, box, mac, vlan)].logical_port - 1


@entry
def enter_homes(bridges, boxes, macs, vlans, logical_ports, slots):
    """Enter where the configuration puts addresses, and note in which `slots`; if at two places, the first counts.

    `bridges` is a one-element record array of BRIDGE, the others int64 (n,).
    """
    bridge = bridges[0]
    for i in range(len(macs)):
        slots[i] = home_slot(bridge, boxes[i], macs[i], vlans[i])
        home = bridge.home[slots[i]]
        if home.logical_port == 0:
            home.mac, home.vlan, home.box = macs[i], vlans[i], boxes[i]
            home.logical_port = logical_ports[i] + 1


@entry
def announce(bridges, boxes, macs, vlans, logical_ports):
    """Let bridges know addresses that stations have announced; arguments are those of `enter_homes`."""
    bridge = bridges[0]
    for i in range(len(macs)):
        learn(bridge, 0, address_of(bridge, boxes[i], macs[i], vlans[i]), logical_ports[i])
