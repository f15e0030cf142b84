"""The records of what is measured while the machine runs, and the rows of its histograms."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import F64, I16, I32, I64, ints, record
from hwmodel.forwarding.drop_reason import MAX_REASONS
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.counts.flow_state import FLOW_DIRECTORY, FLOWS_BEGIN, MAX_FLOWS, MAX_HISTOGRAMS
from hwmodel.machine.counts.journey_state import (
    FINISHED,
    JOURNEY_LOG,
    JOURNEYS,
    LOG_BEGINS,
    PART_SUMS,
    RX_BATCH,
    SAMPLED_PARTS,
    STAMP_SUMS,
)
from hwmodel.machine.tlp_kinds import CREDIT_KINDS, KINDS
from hwmodel.rules.figures import FUNCTION_COUNTERS, LEDGER_COUNTERS

LOG_CAP = 1 << 17
LOG_RESERVE = 1 << 16  # the most entries that one instant makes in a log: an interrupt for a whole ring

# Why a run stopped; the first is "reached its end". For JOB_GOES_ON the loop with commands stops, and goes on at once.
DONE, LOG_FULL, EVENTS_SPENT, FRAMES_REACHED, CAME_TRUE, OVERFLOW, IDLE, JOB_GOES_ON = range(8)

# Log-linear histogram: values in units of 1024 fs, 128 buckets an octave, up to 2**43 units (2.5 hours).
HISTOGRAM_SHIFT = 10
HISTOGRAM_SUB_BITS = 7
HISTOGRAM_BUCKETS = (43 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS
HISTOGRAMS_BEGIN = 2
WIRE_WAIT_HISTOGRAM, FIRST_FLOW_HISTOGRAM = range(2)  # of all ports, of each flow
LATENCY_HISTOGRAM = FIRST_FLOW_HISTOGRAM  # of a DMA run
# The histograms that count every frame stand together, bucket by bucket: apart, each would cost a line of the
# processor's cache. `delivery_fs`, `to_guest_fs`: sums of the latencies in the bucket.
LATENCY_COUNTS = record(
    ("delivery_fs", F64), ("to_guest_fs", F64),
    ("n_delivery", I32), ("n_from_doorbell", I32), ("n_to_guest", I32), ("n_sender_wait", I32),
)  # fmt: skip

GAUGE = record(("area", F64), *ints("level", "since_fs", "highest"))
STALL = record(*ints("since_fs", "total_fs"))
# What ready work waits for. `no_free_tag`: whether or not a read waits. Credits: for the first TLP of a class, whatever
# the other classes do. `rx_ring`: the part of `descriptors` in which the ring has too few to fetch. `tx_descriptors`:
# no frame is ready to be picked, though doorbells have announced descriptors that are not yet requested.
STALLS = record(
    *((name, STALL) for name in ("tags", "no_free_tag", "read_places", *(f"{kind}_credits" for kind in CREDIT_KINDS))),
    *((name, STALL) for name in ("descriptors", "rx_ring", "tx_descriptors", "tx_buffer", "rx_buffer", "tx_ring")),
    ("rate_limit", STALL),
)
# `rest_fs`: what `sum_fs` lacks, of sums that must be exact (`journey_sums.add_exactly`); of others 0.
LATENCY = record(*ints("n", "lowest_fs", "highest_fs"), ("sum_fs", F64), ("rest_fs", F64))
FLOW = record(*ints("offered", "delivered", "dropped", "n_bytes", "histogram", "stop_at"), ("latency", LATENCY))
# What whole transactions of a kind took on the link: those of `n` frames, of `n` descriptors for a descriptor read.
# `n_reads`: completed reads. With in-order answers the total is that of whole frames at every frame's end.
SERVED = record(*ints("n", "n_reads", "up_bytes", "up_tlps", "down_bytes", "down_tlps"))
_COUNTERS = (
    "offered", "delivered", "dropped", "delivered_to_wire", "from_wire", "copies_made", "copies_delivered",
    "copies_dropped", "switched", "wire_copies", "rx_copies", "rx_descriptors", "delivered_bytes", "vm_copies",
    "mirrored_made", "mirrored", "mirrored_dropped", "sent_to_bridge", "replicated",
    "sends", "send_descriptors", "receives", "whole_segments", "cut_frames",
    "lost_in_stalls",
)  # fmt: skip
# What every frame changes stands first; then what else rows of the table of figures are sums of.
COUNTERS = tuple(dict.fromkeys((*_COUNTERS, *LEDGER_COUNTERS)))
# What becomes of frames and copies, and what they wait for. Added up over servers as an array of words.
LEDGER_COUNTS = record(
    ("stalls", STALLS),
    ("tx_ring", GAUGE),
    ("rx_ring", GAUGE),
    ("delivery", LATENCY),
    ("from_doorbell", LATENCY),
    ("sender_wait", LATENCY),
    ("to_guest", LATENCY),
    ("part_sums", PART_SUMS),
    *ints(*COUNTERS),
    ("drops", I64, (MAX_REASONS,)),
    ("mirrored_drops", I64, (MAX_REASONS,)),
    ("served", SERVED, (KINDS,)),
)
# `received_bytes`, `received_frames`: of the copies that its guest could see, without mirrored ones, and `latency_fs`,
# the sum of their latencies; `multicast`, `broadcast`: of these copies, with mirrored ones. `blocking_fs`: how long its
# rings left the head of the Rx buffer without a descriptor; `waited_fs`: how long its copies were held up by other
# functions' rings, in long blocks (`LONG_BLOCK_FS`), the last up to `waited_until_fs`.
_OF_FUNCTION = ("mirrored", "multicast", "broadcast", "blocking_fs", "waited_fs", "waited_until_fs")
_FIRST = ("sent_bytes", "sent_frames", "received_bytes", "received_frames")
FUNCTION_COUNTS = record(
    *ints(*_FIRST),
    ("latency_fs", F64),
    *ints(*dict.fromkeys((*_OF_FUNCTION, *(name for name in FUNCTION_COUNTERS if name not in _FIRST)))),
    ("drops", I64, (MAX_REASONS,)),
    ("mirrored_drops", I64, (MAX_REASONS,)),
)
LOG_ENTRY = record(*ints("at_fs"), ("index", I32), ("template", I32), ("copy_kind", I32), ("n_bytes", I32))
# `enabled`: LOGGED, and HEARD where anybody listens for frames (`counts/heard.py`), or both.
LOGGED, HEARD = 1, 2
DELIVERY_LOG = record(*ints("n", "enabled"), ("entry", far(LOG_ENTRY, LOG_CAP, LOG_BEGINS)))
# A frame that passed a tap on a wire, at the port with that number: sent by this port, or come to it. `header`: what
# the kernel knows its bytes by there, a hop, a template or a kind of copy. `mirrored`: as `note_passing` has it.
TAP_ENTRY = record(
    *ints("at_fs"),
    ("index", I32), ("template", I32), ("header", I32), ("n_bytes", I32), ("mirrored", I32),
    ("port", I16), ("is_sent", I16),
)  # fmt: skip
TAP_LOG = record(*ints("n"), ("entry", far(TAP_ENTRY, LOG_CAP, LOG_BEGINS)))
# `is_stopping`: why the run is to stop behind this instant, 0 if it is not; `overflow`: a log, or the journeys, had no
# room for one more, and the run is void. What every frame changes stands first.
LEDGER = record(
    # `crosses`: frames come from a bridge, and go on to it.
    *ints("is_stopping", "overflow", "delivered_target", "crosses"),
    # The row of the histogram of the next flow that comes up, and how many rows on the one after it is.
    *ints("next_histogram", "histogram_step"),
    ("counts", LEDGER_COUNTS),
    ("stamp_sums", STAMP_SUMS),
    ("on_wire_batch", RX_BATCH),
    ("on_wire", FINISHED),  # stamps of a frame that leaves by the wire, which has no Rx ring for them
    ("function", FUNCTION_COUNTS, (MAX_FUNCTIONS,)),
    ("flow", far(FLOW, MAX_FLOWS, FLOWS_BEGIN)),
    ("directory", FLOW_DIRECTORY),
    ("latency_counts", LATENCY_COUNTS, (HISTOGRAM_BUCKETS,)),
    ("sampled_parts", SAMPLED_PARTS, (HISTOGRAM_BUCKETS,)),
    ("log", DELIVERY_LOG),
    ("journeys", JOURNEYS),
    ("journey_log", JOURNEY_LOG),
    ("tap_log", TAP_LOG),
    ("histogram", far((I32, (HISTOGRAM_BUCKETS,)), MAX_HISTOGRAMS, HISTOGRAMS_BEGIN)),
)
