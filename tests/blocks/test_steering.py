"""Which of a function's rings a hash names."""

from __future__ import annotations

import pytest

from hwmodel.forwarding.steering import ring_of
from tests.blocks.idle_machine import VF0, VF1, machine


@pytest.mark.parametrize(("n_queues", "function", "rss_hash", "ring"), [
    (1, VF1, 0, 2), (1, VF1, 2**31 - 1, 2), (2, VF0, 6, 2), (2, VF0, 7, 3), (3, VF1, 4, 7), (3, VF1, 5, 8),
])  # fmt: skip
def test_rings_of_a_function_stand_together_and_the_remainder_chooses(n_queues, function, rss_hash, ring):
    nic = machine(nic={"queues_per_vf": n_queues})
    assert ring_of(nic.function[function], rss_hash) == ring
