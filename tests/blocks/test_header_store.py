"""Headers by their bytes: a number for each distinct one, whatever else is stored, however the table grows."""

from __future__ import annotations

import random

import numpy as np

from hwmodel.compiled.records import record
from hwmodel.forwarding.header_store import FIRST_MASK, hash_of, slot_of, store, widened
from hwmodel.machine.network.bridge_state import HEADER_AT_PORT

STORE = record(("header", HEADER_AT_PORT, (512,)), ("slot", np.int32, (2048,)))


class Store:
    """Enter headers as the machine's stores do."""

    def __init__(self):
        self.record = np.zeros(1, STORE)[0]
        self.n = self.mask = 0

    def number(self, sender, target, port, octets):
        headers, slots = self.record.header, self.record.slot
        self.mask = widened(None, slots, self.mask, headers, 0, self.n)
        raw = np.frombuffer(octets, np.uint8)
        at = slot_of(slots, self.mask, headers, sender, target, port, raw, len(raw))
        if slots[at] == 0:
            slots[at] = self.n + 1
            store(headers[self.n], sender, target, port, raw, len(raw))
            self.n += 1
        return int(slots[at]) - 1


def test_each_distinct_header_has_a_number_in_the_order_of_their_coming():
    rng, known, headers = random.Random(3), {}, Store()
    for _ in range(1500):
        key = (rng.randrange(3), rng.randrange(3), rng.randrange(2), rng.randbytes(1) * rng.choice((14, 18, 26)))
        assert headers.number(*key) == known.setdefault(key, len(known)) or len(known) > 400
        if len(known) > 400:
            break
    assert headers.n == len(known)
    assert headers.mask > FIRST_MASK  # it has grown on the way


def test_a_header_of_zeros_and_a_shorter_one_differ():
    headers = Store()
    assert [headers.number(0, 0, 0, bytes(n)) for n in (14, 18, 14)] == [0, 1, 0]


def test_a_hash_stays_inside_32_bits_and_looks_at_everything():
    octets = np.arange(26, dtype=np.uint8)
    base = hash_of(1, 2, 3, octets, 26)
    changed = [hash_of(*(np.array((1, 2, 3)) + np.eye(3, dtype=int)[i]), octets, 26) for i in range(3)]
    for i in range(26):
        other = octets.copy()
        other[i] ^= 1
        changed.append(hash_of(1, 2, 3, other, 26))
    assert base not in changed and all(0 <= each < 1 << 32 for each in changed)
