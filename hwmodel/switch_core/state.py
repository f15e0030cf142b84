"""The state of the switch core's twin: records named as the blocks of docs/switch_core.md.

Times are clock cycles; cycle 0 is the first rising edge with reset low. Sizes are capacities; fields say how many are
in use. Memory that a run does not touch costs nothing.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.records import I32, ints, record

MAX_CORE_PORTS = 17  # ports of the Verilog switch core
MAX_CORE_QUEUES = 8  # of a port
MAX_PATTERN_CYCLES = 1 << 20
MAX_SCHEDULES = 1 << 11
MAX_INGRESS_WORDS = 1 << 14  # so many frames, of a word each, wait at most
BEAT_BYTES = 8
PRIORITY_CLASSES = 8  # of frames, each of which a port can be told not to send

# What SCHEDULER holds; 3 is strict priority too.
CORE_ROUND_ROBIN, CORE_DEFICIT, CORE_STRICT = range(3)
NOBODY = -1

# Cycles in which something may happen (an output is ready, a source may offer a beat), repeated for ever. `cycle_of`:
# the cycle of the n-th of them within the period; `n_before`: how many lie before a cycle of the period.
PATTERN = record(
    *ints("is_always", "n_cycles", "n_set"),
    ("cycle_of", I32, (MAX_PATTERN_CYCLES,)),
    ("n_before", I32, (MAX_PATTERN_CYCLES,)),
)

# A frame offered at a port, and what becomes of it. `first_byte`: its place among all frames' bytes. `lead_cycles`:
# idle cycles from the last beat of the port's frame before; `not_before`: first cycle in which it may be offered.
# `look` is the cycle in which the tables are looked at. `ports`, `full` and `tagged` (who gets a C-TAG) are bitmaps;
# `outer_bytes` is the length of the outer tag that the uplink's copy gets.
CORE_FRAME = record(
    *ints("port", "first_byte", "n_bytes", "n_beats", "is_bad", "not_before", "lead_cycles"),
    *ints("following", "n_words", "first_beat", "last_beat", "grant", "look", "decided"),
    *ints("reason", "ports", "full", "priority", "n_tag_bytes", "tagged", "outer_bytes"),
)
# A copy that found room. `added_bytes`: how much longer than the frame it leaves. `choice` is the cycle of the
# scheduler's choice, `first_beat` and `last_beat` are those in which the beats are accepted; NEVER where its queue is
# paused for good.
CORE_COPY = record(
    *ints("frame", "port", "queue", "n_words", "frame_bytes", "added_bytes", "following"),
    *ints("choice", "first_beat", "last_beat"),
)

# A frame read from an ingress FIFO: the number of words of the port's frames before it, and its grant. `n_given_back`:
# words that the frame taken in last gave back with its last beat, and that are free a cycle late.
READ_FRAME = record(*ints("words_before", "n_words", "grant"))
INGRESS = record(
    *ints("head", "ready_at", "free_at", "n_given_back", "words_before", "oldest_read", "n_read"),
    ("allowed", PATTERN),
    ("read_frame", READ_FRAME, (MAX_INGRESS_WORDS,)),
)
CORE_QUEUE = record(*ints("first", "last", "n_waiting", "n_words", "deficit"))
# The copy that an output sends, or sent last. `step_rank`: the rank, among the cycles in which the port is ready, of
# the step `paced_from`, from which on each step takes a ready cycle of its own. `last_moved` is the cycle in which the
# frame's last beat is moved; `before_*` are the queue of the copy before and the cycle in which its last word is read.
SENDING = record(
    *ints("queue", "n_words", "word_0_read", "move_0", "step_0", "paced_from", "step_rank", "last_moved", "last_step"),
    *ints("free_at", "before_queue", "before_last_read"),
)
OUTPUT = record(
    *ints("look_at", "waiting", "pointer", "n_listed", "schedule"),
    ("listed", np.int64, (MAX_CORE_QUEUES,)),
    ("queue", CORE_QUEUE, (MAX_CORE_QUEUES,)),
    ("sending", SENDING),
    ("ready", PATTERN),
)
# `paused`: a bitmap of the queues from which nothing is chosen.
PORT_SCHEDULE = record(*ints("kind", "paused"), ("quantum", np.int64, (MAX_CORE_QUEUES,)))
SCHEDULE = record(*ints("from_cycle"), ("port", PORT_SCHEDULE, (MAX_CORE_PORTS,)))
CORE_COUNTERS = record(*ints("received", "lost", "copies", "sent"), ("drops", np.int64, (32,)))

CORE = record(
    *ints("n_ports", "n_priorities", "word_bytes", "word_beats", "ingress_words", "queue_words"),
    *ints("longest_stored_bytes", "swallowed_words", "ready_delay", "look_delay", "decision_delay", "n_schedules"),
    ("schedule", SCHEDULE, (MAX_SCHEDULES,)),
    ("ingress", INGRESS, (MAX_CORE_PORTS,)),
    ("output", OUTPUT, (MAX_CORE_PORTS,)),
    ("counters", CORE_COUNTERS, (MAX_CORE_PORTS,)),
)
