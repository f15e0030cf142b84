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
# `goes_by_order`: the class of the highest number first, else in turn. `room_bytes`: of the Tx buffer, for each class.
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
# `held`: classes, as a mask, that do not want though copies wait: they are stopped, or have no room where they go.
PACKET_PLANE = record(*ints("n_waiting"), ("plane", PLANE), ("queue", CLASS_QUEUE, (MOST_CLASSES,)), *ints("held"))
# Frame bytes with FCS by class: that began on the wire, that went to VMs by the switch; and read, of each pool.
ARBITER_COUNTS = record(
    ("wire_bytes", I64, (MOST_CLASSES,)),
    ("local_bytes", I64, (MOST_CLASSES,)),
    ("read_bytes", I64, (MAX_FUNCTIONS * MOST_CLASSES,)),
)
# `next_pool`: by class, from which function on the next is sought. `pool`: credits of a function in a class.
# `level_bytes`: what each class holds of the Tx buffer. `local`, `wire`: what leaves the Tx buffer for VMs, for the
# wire of each port. `receives`: the buckets of what functions may receive.
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
