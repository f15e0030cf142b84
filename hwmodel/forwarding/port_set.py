"""Sets of switch ports as bitmaps: port 0 is the uplink, port F + 1 the function with number F."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import I64, record
from hwmodel.rules.function_names import MOST_FUNCTIONS

MAX_FUNCTIONS = MOST_FUNCTIONS
UPLINK = 0
MAX_PORTS = MAX_FUNCTIONS + 1
# A word holds 48 ports, so that no shift reaches the sign of a 64-bit integer.
PORTS_PER_WORD = 48
PORT_WORDS = -(-MAX_PORTS // PORTS_PER_WORD)

PORT_SET = record(("word", I64, (PORT_WORDS,)))


@kernel
def bit(port, word):
    """Return the bits that `word` of a set has for the port alone; 0 in the words of other ports."""
    return 1 << (port % PORTS_PER_WORD) if port // PORTS_PER_WORD == word else 0


@kernel
def contains(ports, port):
    """Tell whether a port is in the set."""
    return (ports.word[port // PORTS_PER_WORD] >> (port % PORTS_PER_WORD)) & 1 != 0


@kernel
def add(ports, port):
    """Put a port into the set."""
    ports.word[port // PORTS_PER_WORD] |= 1 << (port % PORTS_PER_WORD)


@kernel
def remove(ports, port):
    """Take the port out of the set."""
    ports.word[port // PORTS_PER_WORD] &= ~(1 << (port % PORTS_PER_WORD))


@kernel
def clear(ports):
    """Take all ports out of the set."""
    for w in range(PORT_WORDS):
        ports.word[w] = 0


@kernel
def count(ports):
    """Return the number of ports in the set."""
    n = 0
    for w in range(PORT_WORDS):
        left = ports.word[w]
        while left != 0:
            left &= left - 1
            n += 1
    return n
