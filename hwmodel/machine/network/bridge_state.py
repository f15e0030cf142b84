"""The records of the bridges at the other ends of the wires, with the port extenders below them.

Bridges and extenders are boxes with physical ports. A port leads to a server, outside, or by an internal wire to a port
of another box. A bridge's port carries logical ports: one, or one for each S-channel or virtual interface; each port of
an extender has one of its own.

What a bridge does with a header that comes in on a logical port is decided when a frame brings it, and kept (`HOP`,
`WAY`); behind which port an address stands is looked up for each frame.
"""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I16, I32, I64, U8, ints, record
from hwmodel.forwarding.drop_reason import MAX_REASONS
from hwmodel.forwarding.header_store import FIRST_MASK, HEADER_ROOM, HEADERS_BEGIN, MAX_COPY_KINDS
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.tables import ACL_ENTRY, MAX_GUARD_ENTRIES, PACKET_RULE, PREFIX, VIDS
from hwmodel.machine.counts.ledger_state import GAUGE, LEDGER
from hwmodel.machine.frames import RING_BEGINS
from hwmodel.machine.network.pauses import BRIDGE_PAUSES, PAUSES_PARAMS
from hwmodel.machine.network.wires import CROSSING
from hwmodel.machine.time.clock import CLOCK
from hwmodel.machine.time.commands import COMMANDS
from hwmodel.rules.capacities import (
    MAX_ADDRESSES,
    MAX_BOXES,
    MAX_BRIDGE_MIRRORS,
    MAX_BRIDGE_POLICERS,
    MAX_BRIDGE_PORTS,
    MAX_BRIDGE_SAMPLERS,
    MAX_HOMES,
    MAX_LISTED,
    MAX_LOGICAL_PORTS,
    MAX_POLICY,
    MAX_STATION_ADDRESSES,
)
from hwmodel.rules.remote_mirror import ENCAPSULATION_BYTES

MAX_HOPS = 1 << 20  # headers, each at the logical port by which it comes
MAX_WAYS = 1 << 23
HOME_SLOTS = 2 * MAX_HOMES
MAX_LISTS = 1 << 14
MAX_STATIONS = 1 << 16
MAX_RULES = MAX_POLICY + MAX_BOXES * MAX_GUARD_ENTRIES
MAX_PATH = 1 << 11  # bridges and extenders that one header passes

# A bridge has a port of its own, with one logical port, by which what it makes itself comes in: the first of all.
OWN_PORTS, OWN_LOGICAL_PORTS = MAX_BRIDGE_PORTS, MAX_LOGICAL_PORTS
CAME, LEFT_BY = range(2)  # which way a frame passed that is mirrored
TO_PORT, IN_VLAN, TO_COLLECTOR = range(3)  # where the copies of a mirror go

CONTROL_FRAME_SENT = -2  # in place of the frame that a port sends: a control frame
NOBODY = -1  # in place of a logical port, an address, a policer, a frame's place
SLOT_CAP = 1 << 20  # frames in one bridge
MOST_KEPT = 1 << 16  # frames to addresses that bridges keep to themselves, until the run stops for them

# Timers of a bridge; those of one instant in this order: what is sent makes room for what is forwarded.
SENT, CONTROL_SENT, CONTROL_TAKEN, RESUMED, REFRESH_DUE, DUE, LEFT = range(7)

# A frame in the bridge, in one list at a time, linked by `following`. `holds`: how many still need it: the port that
# sends it, and the other end until it has taken it. `logical_port`: by which it leaves. `due_fs`: when it is to be
# forwarded. `came_by`, `of_class`: the ingress port and the class by which flow control counts it.
SLOT = record(
    *ints("due_fs"),
    ("crossing", CROSSING),
    ("following", I32),
    ("holds", I32),
    ("logical_port", I32),
    ("came_by", I16),
    ("of_class", I16),
)
LIST = record(*ints("first", "last"))

PORT_COUNTS = record(
    *ints("rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "tx_busy_fs"),
    ("waiting", GAUGE),  # bytes without FCS, of the frame being sent too
    ("drops", I64, (MAX_REASONS,)),
)
BRIDGE_PORT_PARAMS = record(
    # `box`: the bridge or extender that it belongs to. The other end: `peer`, the component's number; `adapter_port`,
    # the port of its adapter; `joined`, the port there if it is one of this component, else `NOBODY`. `crossing_fs`,
    # the lookahead: the least time from a frame's first bit at the other end to its being due here.
    *ints("fs_per_byte_num", "fs_per_byte_den", "box", "peer", "adapter_port", "joined", "is_outside"),
    *ints("cuts_through", "crossing_fs", "propagation_fs", "is_tapped", "is_scheduled"),
    # `root`: the bridge's own port that leads here; `bridge`: that bridge's number; `server`: the one at the other end;
    # `outer_kind`: of the outer tag. Parts of `listed`: its logical ports, and the numbers of lists that the
    # configuration has taken. `own_logical`: the logical port of an extender's port; `groups`: the one for copies to
    # lists.
    *ints("root", "bridge", "server", "outer_kind", "has_interfaces", "is_of_extender", "is_uplink"),
    *ints("first_logical", "n_logical", "first_taken", "n_taken", "own_logical", "groups"),
    # With flow control: the first of its queues for classes, which stand behind all logical ports, and how many it has.
    *ints("first_class_queue", "n_classes"),
    # Port security: the most addresses that it may have in the table, 0 for no limit; whether one more shuts it.
    *ints("most_addresses", "shuts"),
)
BRIDGE_PORT = record(
    ("params", BRIDGE_PORT_PARAMS),
    ("counts", PORT_COUNTS),
    *ints("sending"),  # the frame's place
    ("come", LIST),  # not yet forwarded
    ("queue", LIST),  # not yet begun; of a port that is scheduled each logical port has one
    ("begun", LIST),  # begun, and the other end not yet told
    *ints("forwards_fs"),  # when the first of `come` is due
    *ints("n_given"),  # how many frames the server there has given
    *ints("n_addresses", "is_shut"),  # addresses in the table at its logical ports; shut by its security
    # Of a scheduled port: the list of its logical ports with frames, in turn, and when the timer for those that their
    # rates hold back is due, `NEVER` if none is set.
    ("active", LIST),
    *ints("resumes_fs"),
)  # fmt: skip
# What all ports of a bridge, or of an extender, have together; an extender has no table.
BOX_COUNTS = record(
    *ints("forwarded", "flooded", "replicated", "dropped", "learned", "moved", "aged", "not_learned"),
    ("waiting", GAUGE),  # in all queues together
    ("drops", I64, (MAX_REASONS,)),
)
BOX_PARAMS = record(
    *ints("latency_fs", "shares_buffer", "buffer_bytes", "learns", "table_entries", "ageing_fs"),
    # Of a bridge: `way_out`, the logical port to the stations outside, or towards them; its logical ports and its own
    # ports, parts of `listed`; its entries of `rules.acl`. Of an extender: `uplink`, and its ports downwards.
    *ints("is_controlling", "way_out", "first_logical", "n_logical", "first_port", "n_ports"),
    *ints("first_acl", "n_acl", "uplink"),
)
BOX = record(("params", BOX_PARAMS), *ints("n_known", "next_expiry_fs"), ("counts", BOX_COUNTS))
# One way out of a bridge or an extender; `template`: the header's number beyond it: a hop there, a template of an
# adapter or, outside, a kind of copy.
WAY = record(("template", I32), ("logical_port", I16), ("delta_bytes", I16))
# What a bridge does with a header that comes in on a port, or an extender: a decision, kept until the tables change
# (`stamp`, their generation). `reason`: why it is dropped, whoever it is for. `source`, `target`: its addresses in its
# VLAN, by number; a group has none. The ways of a flood, in the order of the logical ports, are found when a frame
# floods (`n_flood` is `NOT_SOUGHT` until then). If the flood covers the target's configured port, `home` replaces that
# entry; `NOBODY` as its logical port: no home. In an extender nothing is looked up. There are as many hops as flows, so
# they are kept small: each use of one is a cache miss.
HOP = record(
    ("home", WAY), ("source", I32), ("target", I32), ("first_flood", I32), ("stamp", I32),
    ("reason", I16), ("logical_port", I16), ("policer", I16), ("n_flood", I16),
)  # fmt: skip
NOT_SOUGHT = -1
STEP = record(*ints("hop", "way", "floods"))  # of a walk through bridges: which way of which hop comes next
# A header as it comes to a port, or goes outside: who sent it and for whom, by the numbers of stations, and its bytes.
HEADER_AT_PORT = record(
    ("sender", I32), ("target", I32), ("port", I16), ("n_bytes", I16), ("octets", U8, (HEADER_ROOM,))
)  # fmt: skip
# Whom a frame is from: the guards that check it, of a station those that may; the station's addresses, parts of
# `own_ip` and `own_mac` of the rules.
OWNER = record(*ints("guards", "first_ip", "n_ips", "first_mac", "n_macs"))
# The rules of all bridges, as an adapter's tables have them, and what stations own where a rule asks for it.
RULES = record(
    *ints("n_acl_entries", "reads_packets"),
    ("acl", ACL_ENTRY, (MAX_RULES,)),
    ("packet_rule", PACKET_RULE, (MAX_RULES,)),
    ("own_ip", PREFIX, (MAX_STATION_ADDRESSES,)),
    ("own_mac", I64, (MAX_STATION_ADDRESSES,)),
    ("station", OWNER, (MAX_STATIONS,)),
)
# A header in a bridge: which hop's, parsed, in its VLAN, on its logical port, with the priority that its copies have.
# `n_kept_apart`: logical ports by which it does not leave because of private VLANs alone, of those asked so far.
INSIDE = record(
    *ints("hop", "vlan", "logical_port", "priority", "dei", "reason", "policer", "n_kept_apart"),
    ("owner", OWNER), ("header", HEADER),
)  # fmt: skip
ADDRESS = record(*ints("box", "logical_port", "seen_fs"))  # an entry of the table of one bridge
ADDRESS_KEY = record(("mac", I64), ("vlan", I32), ("box", I32))  # of the same entry
# Where the configuration puts an address: the logical port, of the bridge and in the VLAN, plus 1.
HOME = record(("mac", I64), ("vlan", I16), ("box", I16), ("logical_port", I32))
VLANS_PER_WORD = 32
VLAN_WORDS = VIDS // VLANS_PER_WORD
VLAN_SETS = record(("members", I64, (VLAN_WORDS,)), ("untagged", I64, (VLAN_WORDS,)))  # of a logical port, a bit a VLAN
# A mirror of what passes some ports: `watched_in` and `watched_out` of these logical ports have a bit for each mirror.
# `vlan`: whose frames it copies, 0: all; `to`: the logical port that gets the copies; `to_vlan`: in which they are
# flooded; `octets`: what stands before them on their way to a collector. `n_sent`: copies so far.
MIRROR_PARAMS = record(
    *ints("box", "kind", "vlan", "to", "to_vlan", "n_octets"), ("octets", U8, (-(-ENCAPSULATION_BYTES // 8) * 8,))
)  # fmt: skip
MIRROR = record(("params", MIRROR_PARAMS), *ints("n_sent"))
# What is sampled of the frames that come by some logical ports, whose `sampler` is its number plus 1.
SAMPLER_PARAMS = record(*ints("one_in"))
SAMPLER = record(
    ("params", SAMPLER_PARAMS), ("rng", I64, (4,)),
    *ints("frames", "n_bytes", "samples", "sampled_bytes", "sampled_squares"),
)  # fmt: skip
# A sample, for who tells of it; `pool`: frames that had come to its sampler by then.
SAMPLE = record(
    *ints("at_fs", "pool"),
    ("index", I32), ("template", I32), ("hop", I32), ("n_bytes", I32),
    ("sampler", I16), ("vlan", I16), ("priority", I16), ("reserved", I16),
)  # fmt: skip
MOST_SAMPLES = 1 << 20  # until they are told of
SAMPLE_LOG = record(*ints("n"), ("entry", far(SAMPLE, MOST_SAMPLES)))
OCTETS = record(*ints("n_bytes"), ("octets", U8, (HEADER_ROOM,)))
# Interfaces that a bridge has set up a list for, below one of its own ports; `number`: that of the list in tags.
LIST_OF_INTERFACES = record(*ints("port", "number", "first_member", "n_members"))
# A service level stands with its logical port: `buffer_bytes` is the most that its queue holds, `deficit_bytes` what it
# may still send in its turn, `following` the one whose turn is next. Its rate (`shaper_den` 0: none) holds it back
# until `eligible_fs`.
LOGICAL_PORT_COUNTS = record(
    *ints("rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "dropped"),
    ("waiting", GAUGE),  # as the port's
)
LOGICAL_PORT_PARAMS = record(
    # `interface`: its S-VID, VIF or E-CID, `NOBODY` where its frames have no outer tag. `wire_vlan`: the VLAN on the
    # wire that it translates into `inner_vlan`, 0 where it translates none. `server`, `adapter_port`, `station`: whose
    # interface it is, and the port of the switch there. `guards`: a bit for each that checks what comes in;
    # `watched_in`, `watched_out`: for each mirror that copies what comes in, and what leaves. `sampler`: of what comes
    # in. `pvlan`: its class in private VLANs.
    *ints("port", "is_hairpin", "interface", "native_vlan", "wire_vlan", "inner_vlan"),
    *ints("server", "adapter_port", "station", "guards", "watched_in", "watched_out", "sampler", "pvlan"),
    *ints("buffer_bytes", "quantum_bytes", "shaper_num", "shaper_den", "burst_fs"),
)
LOGICAL_PORT = record(
    ("params", LOGICAL_PORT_PARAMS),
    *ints("deficit_bytes", "following", "eligible_fs"),
    ("counts", LOGICAL_PORT_COUNTS),
    ("queue", LIST),
)
# A frame to an address that bridges keep to themselves, for agents there. `index`: of its journey.
KEPT = record(*ints("at_fs", "port", "hop", "n_bytes", "index"))
# `n_outer_ports`: ports that lead to servers and outside; they come first.
BRIDGE_PARAMS = record(*ints("n_ports", "n_outer_ports", "n_boxes", "n_logical_ports", "n_mirrors"))

BRIDGE = record(
    ("clock", CLOCK),
    ("params", BRIDGE_PARAMS),
    *ints("n_addresses"),
    *ints("n_used", "first_free"),  # places that were ever used, and the list of those that are free again
    ("box", BOX, (MAX_BOXES,)),  # bridges, then extenders
    ("port", BRIDGE_PORT, (MAX_BRIDGE_PORTS + MAX_BOXES,)),
    ("logical_port", LOGICAL_PORT, (MAX_LOGICAL_PORTS + MAX_BOXES,)),
    ("address", ADDRESS, (MAX_ADDRESSES,)),
    ("policer", POLICER, (MAX_BRIDGE_POLICERS,)),
    ("hop", far(HOP, MAX_HOPS, HEADERS_BEGIN)),
    ("way", far(WAY, MAX_WAYS, HEADERS_BEGIN)),
    ("slot", far(SLOT, SLOT_CAP, RING_BEGINS)),
    ("outside_flow", far(I32, MAX_COPY_KINDS, HEADERS_BEGIN)),  # of each kind of copy that goes outside
    # What decides on headers, and what has been decided on; `n_hops` and so on: how many there are of each.
    *ints("generation", "n_hops", "n_ways", "n_outside", "n_touched", "n_lists", "n_members", "n_flows"),
    *ints("hop_mask", "outside_mask"),
    ("path", STEP, (MAX_PATH,)),
    ("inside", INSIDE),
    ("made", U8, (HEADER_ROOM,)),
    ("has_flooded", U8, (MAX_STATIONS * MAX_BRIDGE_PORTS // 8,)),  # a bit for each sender at each port
    ("touched", I32, (MAX_BRIDGE_PORTS,)),  # servers in the order in which a header first went to each
    ("listed", I32, (MAX_LISTED,)),  # one list behind the other of ports, logical ports, servers
    ("rules", RULES),
    ("list", LIST_OF_INTERFACES, (MAX_LISTS,)),
    ("member", I32, (MAX_LISTED,)),
    ("vlans", VLAN_SETS, (MAX_LOGICAL_PORTS + MAX_BOXES,)),
    ("unlearned", VLAN_SETS, (MAX_BOXES,)),  # of each bridge `members`, in which nothing is learned, and all floods
    ("home", HOME, (HOME_SLOTS,)),
    ("address_key", ADDRESS_KEY, (MAX_ADDRESSES,)),
    ("address_slot", I32, (2 * MAX_ADDRESSES,)),
    ("hop_header", far(HEADER_AT_PORT, MAX_HOPS, HEADERS_BEGIN)),
    ("hop_slot", far(I32, 4 * MAX_HOPS, FIRST_MASK + 1)),
    ("outside_header", far(HEADER_AT_PORT, MAX_COPY_KINDS, HEADERS_BEGIN)),
    ("outside_slot", far(I32, 4 * MAX_COPY_KINDS, FIRST_MASK + 1)),
    # `has_agents`: somebody hears what bridges keep to themselves, and sends: `n_own` so far, each by the way `own`.
    *ints("has_agents", "n_kept", "n_own"),
    ("kept", far(KEPT, MOST_KEPT)),
    ("own", WAY),
    # Mirrors, and frames that have passed them in this instant; of the one being copied its header as it passed.
    ("mirror", MIRROR, (MAX_BRIDGE_MIRRORS,)),
    ("watched", LIST),
    ("seen", OCTETS),
    ("sampler", SAMPLER, (MAX_BRIDGE_SAMPLERS,)),
    ("sample_log", SAMPLE_LOG),
    ("commands", COMMANDS),
    ("ledger", LEDGER),  # of what comes to the stations outside
    ("flow_params", PAUSES_PARAMS, (MAX_BOXES,)),
    ("pauses", BRIDGE_PAUSES, (MAX_BRIDGE_PORTS,)),
    ("class_of_hop", U8, (MAX_HOPS,)),  # plus 1; 0: not yet known
)  # fmt: skip
