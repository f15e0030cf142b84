"""The records of the PCIe link: what waits for it, what is on it, what flies, and its parameters."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import F64, I32, I64, U32, ints, record
from hwmodel.machine.frames import RING_BEGINS
from hwmodel.machine.time.clock import LANE, LANE_CAP
from hwmodel.machine.tlp_kinds import CREDIT_KINDS, KINDS

MAX_TLP_BYTES = 4096 + 64
MAX_TAGS = 1024  # a power of two with room for `rules.pcie_link.MOST_TEN_BIT_TAGS`
TLP_CAP = 1 << 16  # transactions queued in one direction and class

TO_HOST, TO_PEER, TO_PEER_BY_ROOT = range(3)  # where writes go; to a peer by the first switch above both, or the root
BY_TREE = -1  # in place of a time of flight: the links of a PCIe tree deliver the TLP (`tree_end`)
BY_BUS = -2  # likewise: a shared bus delivers it as it ends, and alone starts the next (`bus_end`)
BEHIND_TREE, ON_BUS = 1, 2  # `by_tree`: what is at the far end of the link, if not the host

ROUND_ROBIN, READS_FIRST, WRITES_FIRST, BY_ARRIVAL = range(4)  # who goes first, P or NP

TRANSACTION = record(
    *ints("at_fs", "ready_fs", "address"),
    ("kind", I32), ("queue", I32), ("n", I32), ("left_bytes", I32), ("room_bytes", I32), ("tag", I32),
    ("data_bytes", I32), ("is_last", I32),
)  # fmt: skip
TLP_QUEUE = record(*ints("head", "tail"), ("mask", U32), ("ring", far(TRANSACTION, TLP_CAP, RING_BEGINS)))
CREDITS_PARAMS = record(*ints("headers_limit", "data_limit"))
CREDITS = record(("params", CREDITS_PARAMS), *ints("headers_used", "data_used"))
# TLPs by kind; DLLPs in pairs, an Ack and an UpdateFC. `beside_fs`, `beside_bytes`: of drivers' accesses that have
# crossed an idle link beside its queues.
LINK_COUNTS = record(
    *ints("busy_fs", "dllps", "beside_fs", "beside_bytes"), ("n_tlps", I64, (KINDS,)), ("n_bytes", I64, (KINDS,))
)
LINK = record(
    *ints("is_busy", "sends_second", "place", "chosen_tail", "received", "due_dllps", "busy_until_fs", "boundary_fs"),
    ("counts", LINK_COUNTS),
    ("answered_tlps", I64, (KINDS,)),  # of whole reads, where answers may pass one another
    ("answered_bytes", I64, (KINDS,)),
    ("first", TLP_QUEUE),  # P in both directions
    ("second", TLP_QUEUE),  # NP up, CPL down
)
ENGINE_COUNTS = record(*ints("busy_fs"))
# One of the adapter's DMA engines: how long an operation keeps it (of at most `small_bytes`: `small_fs`; else the
# longer of `operation_fs` and a start, the pieces and the bytes), its latency, and what may be outstanding in it.
ENGINE_PARAMS = record(
    *ints("operation_fs", "small_bytes", "small_fs", "start_fs", "piece_bytes", "piece_fs", "num", "den", "latency_fs"),
    *ints("piece_least_bytes", "outstanding", "large_bytes"),
)
ENGINE = record(("params", ENGINE_PARAMS), *ints("n_used", "next_fs"), ("counts", ENGINE_COUNTS))
# `shared_*`: the path inside the adapter that reads and writes share; each operation takes it for its first
# `shared_bytes`.
ENGINES_PARAMS = record(*ints("shared_num", "shared_den", "shared_bytes", "shared_fs"))
ENGINES = record(
    ("params", ENGINES_PARAMS),
    ("read", ENGINE), ("write", ENGINE),
    *ints("shared_next_fs"),
    *ints("payload_ready_fs"),  # when the payload read begun last is ready
    ("counts", ENGINE_COUNTS),  # of the shared path
)  # fmt: skip
ARRIVALS = record(*ints("tail"), ("ring", TRANSACTION, (LANE_CAP,)))
PCIE_COUNTS = record(*ints("drain_busy_fs", "retries"))
PCIE_PARAMS = record(
    *ints("max_payload_bytes", "max_read_request_bytes", "completion_boundary_bytes", "whole_completions"),
    *ints("request_bytes", "read_request_bytes", "completion_bytes", "word_mask"),
    *ints("dllp_period", "dllp_fs", "propagation_fs"),
    *ints("arbitration", "has_credits", "has_iotlb", "has_memory", "ordering", "answers_in_order"),
    *ints("runs_on", "completion_shift", "credit_return_fs", "drain_num", "drain_den", "number", "host", "by_tree"),
    ("duration_fs", I64, (MAX_TLP_BYTES,)),
)
TAG = record(
    *ints("kind", "queue", "n_bytes", "n_descriptors", "address", "frame", "taken_fs", "link_bytes", "link_tlps"),
    *ints("ends_frame"),
)
TAG_COUNTS = record(*ints("fewest_free"), ("held_fs", F64))  # of all tags: hours, in a run of one
TAGS_PARAMS = record(*ints("n_tags"))
TAGS = record(
    ("params", TAGS_PARAMS),
    *ints("n_free"),
    ("counts", TAG_COUNTS),
    ("free", I32, (MAX_TAGS,)),
    ("slot", TAG, (MAX_TAGS,)),
)
# What an adapter's link and the links of the PCIe tree above it tell each other. `sent`: TLPs begun on the adapter's
# link, for the tree; `landings`: when they come to the switch. `slots`: TLPs cut at the root port, on their way down;
# `first`, `second`: those that wait at the switch for the adapter's link, P and CPL. `from_root`: credits of the root
# port that return, P and NP; `left`: completions that have left the switch by the link; `writes`: peers' writes that
# have, each with the lower port that brought it to the switch, `NO_ONE` if it came from above. The word of returned
# credits is the bytes of data.
PEER_WRITE = record(*ints("at_fs", "data_bytes", "came_by"))
LANDINGS = record(*ints("head", "tail"), ("at_fs", I64, (LANE_CAP,)))
SENT_TLP = record(*ints("begun_fs", "ends_fs", "n_bytes", "data_bytes", "is_read", "slot"))
TREE_END_PARAMS = record(
    *ints("flight_fs"),  # of the link
    *ints("writes_to", "peer"),  # whose memory all its writes are for: the host's, or a peer's, and which way
    ("root", CREDITS_PARAMS, (2,)),  # what the root port grants, P and NP
)
TREE_END = record(
    ("params", TREE_END_PARAMS),
    *ints("handed_fs", "sent_head", "sent_tail"),
    ("sent", SENT_TLP, (LANE_CAP,)),
    ("landings", LANDINGS),
    ("from_root", LANE, (2,)),
    ("left", LANE),
    *ints("writes_head", "writes_tail"),
    ("writes", PEER_WRITE, (LANE_CAP,)),
    ("slots", ARRIVALS),
    ("first", TLP_QUEUE),
    ("second", TLP_QUEUE),
)
# Of an adapter on a bus. `is_split`: reads are answered by transactions of the host's (PCI-X); `is_shared`: other
# adapters are on the bus too, so that `pci_buses` grants it. `begins_fs`: when the transaction granted last begins, if
# that is to come; `way`: whose it is; `is_contended`: another master asked too. `free_fs`: when what this adapter began
# on the bus is over. `n_delayed`: delayed reads, tried and not yet answered (PCI); `repeat_fs`: when to retry.
BUS_END_PARAMS = record(
    *ints("cycle_fs", "word_bytes", "is_split", "is_shared", "timer_clocks", "retry_fs", "try_clocks")
)
BUS_END = record(
    ("params", BUS_END_PARAMS),
    *ints("begins_fs", "way", "is_contended", "free_fs", "n_delayed", "repeat_fs"),
)
# A link, with the tags of what is read by it. `number`: its own, and of its lanes; `host`: the one at its far end.
PCIE = record(
    *ints("drain_busy_until_fs"),
    ("counts", PCIE_COUNTS),
    ("credits", CREDITS, (len(CREDIT_KINDS),)),
    ("tags", TAGS),
    ("params", PCIE_PARAMS),
    ("up", LINK),
    ("down", LINK),
    ("up_arrivals", ARRIVALS),
    ("down_arrivals", ARRIVALS),
    ("tree", TREE_END),
    ("bus", BUS_END),
)
