"""The records of PCIe trees: the switches of all hosts, each with its lower ports and the link of its upper port."""

from __future__ import annotations

from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.machine.pcie.link_state import CREDITS, LANDINGS, MAX_TLP_BYTES
from hwmodel.machine.time.clock import LANE
from hwmodel.machine.time.commands import COMMANDS
from hwmodel.rules.capacities import MAX_SERVERS

MAX_SWITCHES = 32
MAX_LOWER_PORTS = MAX_SERVERS + MAX_SWITCHES
MOST_BELOW = MAX_SERVERS  # adapters
HOP_CAP = 1 << 10  # TLPs that stand at a port of a switch, by class
ROOT = -1  # in place of the switch above: a root port
NO_ONE = -1  # in place of an adapter, or of a switch below
POSTED, SECOND = 0, 1  # the two queues of a port: P, and NP on the way up, CPL on the way down

# A TLP in a switch: from when it may leave, its bytes on a link, its data, whose it is and where the adapter keeps it.
# `came_by`: of one that turns down again (peer to peer) the lower port that brought it; `NO_ONE` of all others.
HOP = record(*ints("at_fs", "n_bytes", "data_bytes", "server", "slot", "came_by"))
HOPS = record(*ints("head", "tail"), ("ring", HOP, (HOP_CAP,)))
# `switch`: whose port it is; `server`, `below`: the adapter, or the switch, at it; `weight`: TLPs that it may send per
# turn. `waiting`: P and NP. `n_tlps`, `n_bytes`: of what has gone up.
LOWER_PORT_PARAMS = record(*ints("switch", "server", "below", "weight"))
LOWER_PORT = record(("params", LOWER_PORT_PARAMS), *ints("n_tlps", "n_bytes"), ("waiting", HOPS, (2,)))
DIRECTION_COUNTS = record(*ints("busy_fs", "n_tlps", "n_bytes", "dllps"))
# A direction of the upper port's link. `waiting`: down only, what waits at the switch above, P and CPL. `returned`:
# credits on their way back, by class; down, those of P only where a limit is set.
DIRECTION = record(
    *ints("is_busy", "busy_until_fs", "received", "due_dllps"),
    ("counts", DIRECTION_COUNTS),
    ("landings", LANDINGS),
    ("credits", CREDITS, (2,)),
    ("returned", LANE, (2,)),
    ("waiting", HOPS, (2,)),
)
TREE_SWITCH_PARAMS = record(
    *ints("above", "port_above", "first_port", "n_ports", "n_members", "cuts_through", "latency_fs", "flight_fs"),
    *ints("return_fs", "dllp_fs", "dllp_period"),
    ("duration_fs", I64, (MAX_TLP_BYTES,)),
    ("member", I32, (MOST_BELOW,)),  # the adapters below, in order
    ("port_to", I32, (MOST_BELOW,)),  # by adapter
)
# Deficit round robin on the link that hosts share, of the first `n_sharing` switches: whose turn it is, and by switch
# the bytes that it may still send.
SHARED_WAY = record(*ints("turn"), ("balance", I64, (MAX_SWITCHES,)))
# `turn`, `left`: the lower port whose turn it is, by its place, and how many TLPs it may still have in this turn.
TREE_SWITCH = record(
    ("params", TREE_SWITCH_PARAMS), *ints("turn", "left"), ("up", DIRECTION), ("down", DIRECTION)
)  # fmt: skip
# `now_fs`: up to when the switches have been run. Lookahead: what a switch chooses reaches no adapter or host before
# `ahead_fs` later; what it chooses because of something that an adapter or its host does, not before `beyond_fs` after
# that. `due_fs`: when each switch has something to do next, `UNKNOWN` where something has come to it since that was
# worked out. `leaf`, `root`: of each adapter the switch that its link leads to, and the one at its root port.
# `n_sharing`: the first so many switches have one link together, `shared` up and down, weighted by `quantum_bytes`,
# which `commands` may rewrite.
UNKNOWN = 0  # as a time: before all that switches do
TREES = record(
    *ints("n_switches", "now_fs", "next_fs", "ahead_fs", "beyond_fs", "overflow"),
    *ints("n_sharing"),
    ("commands", COMMANDS),
    ("due_fs", I64, (MAX_SWITCHES,)),
    ("leaf", I32, (MOST_BELOW,)),
    ("root", I32, (MOST_BELOW,)),
    ("shared", SHARED_WAY, (2,)),
    ("quantum_bytes", I64, (MAX_SWITCHES,)),
    ("switch", TREE_SWITCH, (MAX_SWITCHES,)),
    ("port", LOWER_PORT, (MAX_LOWER_PORTS,)),
)
