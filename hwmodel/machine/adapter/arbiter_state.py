"""The records of the two planes in which classes of traffic take turns (`nic.arbitration`), and of limits on receivers.

Credits are counted in bytes: a register's value times 64.
"""

from __future__ import annotations

from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.frames import CLASS_QUEUE, WAITING_COPIES
from hwmodel.machine.guest.guest_state import MAX_QUEUES
from hwmodel.machine.time.clock import ADAPTER_PORTS
from hwmodel.rules.transmit_credits import MOST_CLASSES

CLASS_PARAMS = record(*ints("refill_bytes", "most_bytes", "group", "is_link_strict", "is_group_strict"))
GROUP_PARAMS = record(*ints("refill_bytes", "most_bytes"))
POOL_PARAMS = record(*ints("refill_bytes", "most_bytes"))
# `reads_by_order`, `sends_by_order`: of the classes that have credits, the highest number goes first, else round robin.
# `weighs_pools`: pools need credits too. `room_bytes`: of the Tx buffer, for each class.
ARBITER_PARAMS = record(
    *ints("n_classes", "reads_by_order", "sends_by_order", "weighs_pools", "room_bytes"),
    ("of_class", CLASS_PARAMS, (MOST_CLASSES,)),
    ("group", GROUP_PARAMS, (MOST_CLASSES,)),
    ("pool", POOL_PARAMS, (MAX_FUNCTIONS,)),
    ("class_of_ring", I32, (MAX_QUEUES,)),
)
# `wants`: whether the class has something that may go now.
PLANE_CLASS = record(*ints("wants", "credits_bytes", "group_credits_bytes"))
PLANE = record(*ints("pointer"), ("of_class", PLANE_CLASS, (MOST_CLASSES,)))
# `held`: mask of the classes that may not send although copies wait: flow control has stopped them, or there is no room
# where they go.
PACKET_PLANE = record(*ints("n_waiting"), ("plane", PLANE), ("queue", CLASS_QUEUE, (MOST_CLASSES,)), *ints("held"))
# Frame bytes with FCS: by class, those begun on the wire and those switched to VMs; by pool and class, those read.
ARBITER_COUNTS = record(
    ("wire_bytes", I64, (MOST_CLASSES,)),
    ("local_bytes", I64, (MOST_CLASSES,)),
    ("read_bytes", I64, (MAX_FUNCTIONS * MOST_CLASSES,)),
)
# `next_pool`: by class, the function from which the search for the next one starts. `pool_credits_bytes`: credits of
# each function in each class. `level_bytes`: what each class holds of the Tx buffer. `local`, `wire`: the planes of
# copies that leave the Tx buffer for VMs, and for each port's wire. `receives`: token buckets of the functions' receive
# limits.
ARBITER = record(
    ("params", ARBITER_PARAMS),
    *ints("chosen_class"),
    ("plane", PLANE),
    ("next_pool", I64, (MOST_CLASSES,)),
    ("level_bytes", I64, (MOST_CLASSES,)),
    ("local", PACKET_PLANE),
    ("wire", PACKET_PLANE, (ADAPTER_PORTS,)),
    ("counts", ARBITER_COUNTS),
    ("pool_credits_bytes", I64, (MAX_FUNCTIONS * MOST_CLASSES,)),
    ("receives", POLICER, (MAX_FUNCTIONS,)),
    ("waiting", WAITING_COPIES),
)
