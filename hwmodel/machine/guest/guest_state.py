"""The records of the guests: their cores and what these have to do, their drivers, their rings."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I16, I32, I64, ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.counts.journey_state import FINISHED, POST_BATCH, RX_BATCH
from hwmodel.machine.time.stalls import STALL_PARAMS

RING_POOL = 1 << 22  # slots of all Tx (or Rx) rings together: 2**21, each ring's rounded up to a power of two
MAX_QUEUES = 1024  # Tx or Rx rings
MAX_CORES = 1024  # of the host
# The few places that each ring begins with lie side by side, before the pool; a ring that needs more moves there.
FIRST_PLACES = 1 << 4
NARROW_PLACES = MAX_QUEUES * FIRST_PLACES
PLACES = NARROW_PLACES + RING_POOL

NO_RING = -1  # in place of the number of one
NO_WORK = -1

# Work of a core: of a guest that runs there, or of the virtual switch, whose slow path is a work of its own.
POST_TASK, TAKE_TASK, SWITCH_TASK, SLOW_TASK = range(4)
N_TASKS = 4
LOWEST_CLASS, MIDDLE_CLASS, BULK_CLASS = range(3)  # of loads, for adaptive moderation

# WORK: `n` frames of a ring for its core to handle, by task, in each by ring. `following` links a core's rings with
# work into a list, of which the first that may go has its turn, with `left` frames to go. CORE: a piece of `n` frames,
# of ring `queue` for work of its `kind`, takes `work_fs`, the frames from `started_fs` to `ends_fs`; the next cannot
# begin before `free_fs` (the end of a doorbell of `doorbell_time_fs`) and `awake_fs`. `is_owed`: the piece is for a
# guarantee. `n_claimed`: slots of the uplink reserved for it. Doorbells last from
# `doorbell_begins_fs` to `doorbell_ends_fs`, as work of the task `doorbell_kind`. A job keeps a core as work of kind
# N_TASKS, from `started_fs` on; `first_wanting` to `last_wanting` are the accesses that wait for it.
WORK = record(*ints("n", "left"), ("following", I32), ("is_listed", I32))
# `busy_fs` by kind of task; of it: interrupts, bytes (`byte_time`), passing frames between adapter and guest, writes to
# registers, and jobs.
CORE_COUNTS = record(
    ("busy_fs", I64, (N_TASKS,)), *ints("interrupt_fs", "copying_fs", "passing_fs", "doorbell_fs", "beside_fs")
)
CORE = record(
    *ints("first_work", "last_work", "kind", "queue", "n", "started_fs", "ends_fs", "work_fs"),
    *ints("is_owed", "n_claimed", "is_running", "is_forgotten"),
    *ints("free_fs", "awake_fs", "doorbell_time_fs", "copying_fs", "passing_fs"),
    *ints("doorbell_begins_fs", "doorbell_ends_fs", "doorbell_kind"),
    *ints("first_wanting", "last_wanting"),
    ("counts", CORE_COUNTS),
)  # fmt: skip
# The parameters of a VM's driver, whichever core runs it: times, batches, interrupts. `refill_batch`: `NEVER` if it
# posts no descriptor again. `send_time_fs`, `descriptor_time_fs`, `send_byte_time_fs`: for sends that the adapter cuts
# into frames; a send has a context descriptor if its ring's last one had another template or, without `keeps_context`,
# always. `pass_time_fs`: the part of `frame_time_fs`, and of `send_time_fs`, in which the hypervisor passes the frame
# to the guest or from it. `lone_doorbell_bytes`: length of a doorbell for a single descriptor; `rings_inline`: it
# carries that descriptor.
DRIVER = record(
    *ints("frame_time_fs", "byte_time_fs", "doorbell_time_fs", "interrupt_time_fs", "wakeup_time_fs", "pass_time_fs"),
    *ints("tx_doorbell_batch", "refill_batch", "rx_interrupt_batch", "tx_interrupt_batch", "moderation_fs"),
    *ints("polls", "mask_interrupts", "adapts_moderation", "poll_budget", "send_burst"),
    *ints("send_time_fs", "descriptor_time_fs", "send_byte_time_fs", "keeps_context"),
    ("adaptive_ns", I64, (3,)),  # intervals of the classes of load
    *ints("lone_doorbell_bytes", "rings_inline"),
)  # fmt: skip
# One place of a Tx ring for each descriptor. A frame has one; a send (to be segmented by the adapter) has several, of
# which the first tells how many there are, how many frames are cut from it, and its bytes in memory, header and
# payload. In the others these counts and lengths are 0.
POST = record(
    *ints("offered_fs"), ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32), ("marks", I32),
    ("n_descriptors", I16), ("n_frames", I16),
)  # fmt: skip
# `mss_bytes`: payload of each frame that the adapter cuts from a send, behind a copy of its `header_bytes`; 0 where it
# cuts none. `posts_sends`: drivers post sends, which a virtual switch takes whole. `early_refills`: how many of 2**32
# pieces of taking frames end with a refill before its batch is full.
GUESTS_PARAMS = record(
    *ints("buffer_bytes", "buffer_offset_bytes", "n_cores", "early_refills", "mss_bytes", "header_bytes"),
    *ints("posts_sends"),
    ("stall", STALL_PARAMS),
)
GUESTS = record(
    ("params", GUESTS_PARAMS),
    ("core", CORE, (MAX_CORES,)),
    ("driver", DRIVER, (MAX_FUNCTIONS,)),
    ("work", WORK, (N_TASKS * MAX_QUEUES,)),
    # The rings, which lie in the memory of their guests' host.
    ("post", far(POST, PLACES)),
    ("post_batch", far(POST_BATCH, PLACES)),
    ("finished", far(FINISHED, PLACES)),
    ("finished_batch", far(RX_BATCH, PLACES)),
)
