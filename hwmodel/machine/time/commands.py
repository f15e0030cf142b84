"""Commands: the one way in which tables and parameters change while the machine runs.

A component has a ring of commands in the order of their times. A command writes some words of the component's record;
those that are due come before everything else of their instant.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import I64, NEVER, ints, record
from hwmodel.forwarding.police import refill

COMMAND_CAP = 1 << 16
VALUE_CAP = 1 << 20

# What is to be done besides writing: nothing; forget decisions, all or those in a VLAN; let a bucket earn what it has
# by its old rate; begin or end a rate limit; expect anew, by the new rate or latency, the end of a read's completions,
# of what comes on the line or is sent outside, when frames in a bridge are due; let age what has aged by now.
PLAIN, TABLE, VLAN, POLICER, SHAPER, LINK, LINE_RATE, OUTSIDE_RATE, LATENCY, AGEING = range(10)
# These write nothing: a function goes; it comes again; its driver has other work, for the time that the first value
# says (maybe none), and reads and writes as many registers as the next two say; it is watched for a condition, whose
# kind, count and number the values say; a source sends otherwise, as the record says that lies ready under the
# command's number.
FUNCTION_OFF, FUNCTION_ON, DRIVER_WORK, WATCHED, SOURCE = range(10, 15)
# These write that the wire of a port is dead, or alive, which its drivers learn; whether a ring without descriptors
# drops, which the head of the Rx buffer may wait for; after how many descriptors a driver posts them again, or never;
# what a station may receive.
WIRE_STATE, DROPPING, REFILL, RECEIVE_LIMIT = range(15, 19)
# What each changes, in words.
WORDS = {
    PLAIN: "parameters",
    TABLE: "tables",
    VLAN: "VLAN",
    POLICER: "policer",
    SHAPER: "rate limit",
    LINK: "link",
    LINE_RATE: "rate of the wire",
    OUTSIDE_RATE: "rate of stations outside",
    LATENCY: "latency",
    AGEING: "ageing",
    FUNCTION_OFF: "off",
    FUNCTION_ON: "on",
    DRIVER_WORK: "work of a driver",
    WATCHED: "watch",
    SOURCE: "load",
    WIRE_STATE: "state of a wire",
    DROPPING: "drops of a ring",
    REFILL: "refills of a driver",
    RECEIVE_LIMIT: "limit of a receiver",
}


# `part`: the VLAN, policer, function or source that a command is about. It writes `n` words from `word` on, counted
# over the records of all components of its kind, with the values from `first_value` on.
COMMAND = record(*ints("at_fs", "kind", "part", "word", "n", "first_value"))
COMMANDS = record(*ints("head", "tail", "n_values"), ("ring", COMMAND, (COMMAND_CAP,)), ("value", I64, (VALUE_CAP,)))


@kernel
def next_command_fs(commands):
    """Return when the next command is due."""
    return NEVER if commands.head == commands.tail else commands.ring[commands.head].at_fs


@kernel
def write_words(commands, command, words):
    """Write what a command says into the words of its component."""
    for at in range(command.n):
        words[command.word + at] = commands.value[command.first_value + at]


@kernel
def rewrite_bucket(commands, command, words, bucket, now_fs):
    """Change the rate of a policer: it has earned by the old one so far. A new one begins full."""
    is_new = bucket.params.rate_bps == 0
    if not is_new:
        refill(bucket, now_fs)
    write_words(commands, command, words)
    if is_new:
        bucket.tokens, bucket.remainder, bucket.last_fs = bucket.params.burst, 0, now_fs
    bucket.tokens = min(bucket.tokens, bucket.params.burst)
