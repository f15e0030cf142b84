"""A virtual switch that learns: which address stands behind which of its ports, as its forwarding tables have it.

What it learns, and what it forgets, follows the rules of bridges (`network/learning.py`).
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.ingress_rules import is_group
from hwmodel.forwarding.octets import read_bytes
from hwmodel.forwarding.port_set import add, clear, count
from hwmodel.forwarding.tables import VLAN_MAC, find, key_of, vlan_address
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.learning import learn, port_of, takes_in
from hwmodel.machine.network.places import number_of_address
from hwmodel.machine.switch.decisions import ADDRESS_BYTES, template_of

NO_REASON = DropReason.NONE.value
TEACHING = tuple(  # what becomes of frames that come to the look-up of their destination
    reason.value
    for reason in (DropReason.NONE, DropReason.NO_DESTINATION, DropReason.UNKNOWN_UNICAST, DropReason.SAME_PORT)
)


@out_of_line
def learn_of_frame(nic, now_fs, frame):
    """Learn where a frame that is switched comes from, and forget where it goes if that has not sent for too long.

    A frame that no rule lets come to the look-up of its destination teaches nothing. Tell whether the security of the
    port lets the frame pass.
    """
    template, arrival = template_of(nic, frame.template), nic.headers.template_header[frame.template]
    learned, vlan, ingress = nic.virtual_switch.learned, np.int64(arrival.vlan), np.int64(arrival.ingress)
    reason, port = template.reason, learned.port[ingress]
    if port.is_shut or frame.n_bytes > template.longest_bytes or reason not in TEACHING:
        return port.is_shut == 0
    n_aged, is_let_in = learned.box[0].counts.aged, True
    source = number_of_address(nic.clock, learned, 0, read_bytes(arrival.octets, ADDRESS_BYTES, ADDRESS_BYTES), vlan)
    if source != NOBODY and not is_configured(nic, source):
        is_let_in = takes_in(learned, now_fs, port, source, ingress)
        learned.has_shut |= port.is_shut
        tell(nic, source)
    destination = read_bytes(arrival.octets, 0, ADDRESS_BYTES)
    if is_let_in and not is_group(destination):
        target = number_of_address(nic.clock, learned, 0, destination, vlan)
        if port_of(learned, now_fs, target) == NOBODY and target != NOBODY and not is_configured(nic, target):
            learned.box[0].counts.flooded += int(reason == NO_REASON)
    if learned.box[0].counts.aged != n_aged:
        for number in range(learned.n_addresses):
            tell(nic, number)
    return is_let_in


@kernel
def is_configured(nic, number):
    """Tell whether the configuration says where an address stands in its VLAN, so that it is not learned."""
    lookup, key = nic.port[0].switch.tables.lookup, nic.virtual_switch.learned.address_key[number]
    return count(lookup.entry[find(lookup, key_of(VLAN_MAC, vlan_address(key.vlan, key.mac)))].ports) > 0


@kernel
def tell(nic, number):
    """Let the forwarding tables have what is known of an address, if that has changed."""
    learned, switch = nic.virtual_switch.learned, nic.port[0].switch
    port = learned.address[number].logical_port
    if learned.told[number] == port + 1:
        return
    learned.told[number] = port + 1
    key = learned.address_key[number]
    lookup_key = key_of(VLAN_MAC, vlan_address(np.int64(key.vlan), key.mac))
    known = switch.tables.learned.entry[find(switch.tables.learned, lookup_key)]
    known.key = lookup_key
    clear(known.ports)
    if port != NOBODY:
        add(known.ports, port)
    nic.headers.generation += 1
    switch.vlan_changed[key.vlan] = nic.headers.generation


@out_of_line
def hear_announced(nic):
    """Learn the addresses that have been announced before the run, in order."""
    learned = nic.virtual_switch.learned
    for i in range(learned.n_announced):
        one = learned.announced[i]
        number = number_of_address(nic.clock, learned, 0, one.mac, np.int64(one.vlan))
        if number != NOBODY and not is_configured(nic, number):
            learn(learned, 0, number, np.int64(one.port))
            tell(nic, number)
