"""The records of the bridges at the other ends of the wires, with the port extenders below them.

Bridges and extenders are boxes with physical ports. A port leads to a server, outside, or by an internal wire to a port
of another box. On a bridge's own ports are logical ports: one of its own, or one for each S-channel or virtual
interface; each port of an extender has one of its own.
What it does with a header that comes in on one of them is looked up in its tables frame by frame; where the header goes
on from there, with which tags, is known before the run (`HOP`, `WAY`).
"""

from __future__ import annotations

from hwmodel.compiled.records import I16, I32, I64, ints, record
from hwmodel.forwarding.drop_reason import MAX_REASONS
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.templates import MAX_COPY_KINDS
from hwmodel.machine.counts.ledger_state import GAUGE, LEDGER
from hwmodel.machine.network.wires import CROSSING
from hwmodel.machine.time.clock import CLOCK

MAX_BRIDGE_PORTS = 1024
MAX_BOXES = 256
MAX_LOGICAL_PORTS = 1 << 13
MAX_HOPS = 1 << 20  # headers, each at the logical port by which it comes
MAX_WAYS = 1 << 23
MAX_ADDRESSES = 1 << 16
MAX_BRIDGE_POLICERS = 1024

NOBODY = -1  # in place of a logical port, an address, a policer, a frame's place
SLOT_CAP = 1 << 20  # frames in one bridge

# Timers of a bridge; those of one instant in this order: what is sent makes room for what is forwarded.
SENT, RESUMED, DUE, LEFT = range(4)

# A frame in the bridge: in one list at a time, by the places of the next. `holds`: who still needs it of its port, that
# sends it, and the other end, that is to be given it. `logical_port`: by which it leaves.
SLOT = record(("crossing", CROSSING), ("following", I32), ("holds", I32), ("logical_port", I32))
LIST = record(*ints("first", "last"))

PORT_COUNTS = record(
    *ints("rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "tx_busy_fs"),
    ("waiting", GAUGE),  # bytes without FCS, of the frame being sent too
    ("drops", I64, (MAX_REASONS,)),
)
BRIDGE_PORT = record(
    # Parameters: whose it is, the other end (`peer`: the component's number; `joined`: the port there if it is one of
    # this component, else `NOBODY`), the shortest frame's time on the wire.
    *ints("fs_per_byte_num", "fs_per_byte_den", "box", "peer", "joined", "is_outside", "cuts_through", "crossing_fs"),
    *ints("propagation_fs", "is_tapped", "is_scheduled"),
    ("counts", PORT_COUNTS),
    *ints("sending"),  # the frame's place
    ("come", LIST),  # not yet forwarded
    ("queue", LIST),  # not yet begun; of a port that is scheduled each logical port has one
    ("begun", LIST),  # begun, and the other end not yet told
    *ints("n_given"),  # how many frames the server there has given
    # Of a port that is scheduled: its logical ports with frames, in turn, and when one that its rate holds back may go
    # on, `NEVER` if nobody waits for that.
    ("active", LIST),
    *ints("resumes_fs"),
)  # fmt: skip
# What all ports of a bridge, or of an extender, have together; an extender has no table.
BOX_COUNTS = record(
    *ints("forwarded", "flooded", "replicated", "dropped", "learned", "moved", "aged", "not_learned"),
    ("waiting", GAUGE),  # in all queues together
    ("drops", I64, (MAX_REASONS,)),
)
BOX = record(
    *ints("latency_fs", "shares_buffer", "buffer_bytes", "learns", "table_entries", "ageing_fs"),
    *ints("n_known", "next_expiry_fs"),
    ("counts", BOX_COUNTS),
)
WAY = record(("template", I32), ("logical_port", I16), ("port", I16), ("delta_bytes", I16))
# What a bridge knows of a header that comes in on a logical port, or an extender of one that comes in on a port.
# `reason`: why it is dropped, whoever it is for. `source`, `target`: its addresses in its VLAN, by number; a group has
# none. The ways of a flood are in the order of the logical ports; several headers may share them. If the flood covers
# the target's configured port, `home` replaces that entry; `NOBODY` as its logical port: no home. In an extender
# nothing is looked up. There are as many hops as flows, so they are kept small: each use of one is a cache miss.
HOP = record(
    ("home", WAY), ("source", I32), ("target", I32), ("first_flood", I32),
    ("reason", I16), ("logical_port", I16), ("policer", I16), ("n_flood", I16),
)  # fmt: skip
ADDRESS = record(*ints("box", "logical_port", "seen_fs"))  # an entry of the table of one bridge
# A service level stands with its logical port: `buffer_bytes` is the most that its queue holds, `deficit_bytes` what it
# may still send in its turn, `following` the one whose turn is next. Its rate (`shaper_den` 0: none) holds it back
# until `eligible_fs`.
LOGICAL_PORT_COUNTS = record(
    *ints("rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "dropped"),
    ("waiting", GAUGE),  # as the port's
)
LOGICAL_PORT = record(
    *ints("port", "is_hairpin"),
    ("counts", LOGICAL_PORT_COUNTS),
    *ints("buffer_bytes", "quantum_bytes", "deficit_bytes", "following"),
    *ints("shaper_num", "shaper_den", "burst_fs", "eligible_fs"),
    ("queue", LIST),
)

BRIDGE = record(
    ("clock", CLOCK),
    # `n_outer_ports`: those that lead to servers and outside; they come first.
    *ints("n_ports", "n_outer_ports", "n_boxes", "n_logical_ports", "n_addresses"),
    *ints("n_used", "first_free"),  # places that were ever used, and the list of those that are free again
    ("box", BOX, (MAX_BOXES,)),  # bridges, then extenders
    ("port", BRIDGE_PORT, (MAX_BRIDGE_PORTS,)),
    ("logical_port", LOGICAL_PORT, (MAX_LOGICAL_PORTS,)),
    ("address", ADDRESS, (MAX_ADDRESSES,)),
    ("policer", POLICER, (MAX_BRIDGE_POLICERS,)),
    ("hop", HOP, (MAX_HOPS,)),
    ("way", WAY, (MAX_WAYS,)),
    ("slot", SLOT, (SLOT_CAP,)),
    ("outside_flow", I32, (MAX_COPY_KINDS,)),  # of each kind of copy that goes outside
    ("ledger", LEDGER),  # of what comes to the stations outside
)  # fmt: skip
