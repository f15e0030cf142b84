"""How many Rx descriptors frames take, and how many batches can hold back for ever."""

from __future__ import annotations

from itertools import product

import pytest

from hwmodel.config import config_from_mapping, descriptors_of, rx_descriptors_in_use
from hwmodel.config.frame_lengths import most_held


def machine(**driver):
    nic = {"preset": None, "rx_writeback_batch": driver.pop("writeback", 1), "writeback_timeout": None,
           "rx_ring": 4096, "rx_fetch_batch": 4, "rx_prefetch": 4}  # fmt: skip
    return config_from_mapping({"nic": nic, "driver": {"preset": None, **driver}})


@pytest.mark.parametrize(
    ("host", "ports", "frame_bytes", "expected"),
    [
        ({}, [], 64, 1),
        ({}, [], 2052, 1),  # 2048 B without FCS
        ({}, [], 2053, 2),
        ({}, [], 9018, 5),
        ({"buffer_offset": "64B"}, [], 1988, 1),
        ({"buffer_offset": "64B"}, [], 1989, 2),
        ({}, [{"name": "vf0", "vlans": [1, 2]}], 2052, 2),  # in VLAN 2 with a C-TAG
        ({}, [{"name": "vf0", "vlans": [1, 2], "untagged": [1, 2]}], 2052, 1),
        ({"buffer_bytes": "256B"}, [], 0, 1),
    ],
)
def test_a_frame_takes_a_descriptor_for_each_buffer_begun(host, ports, frame_bytes, expected):
    assert descriptors_of(config_from_mapping({"host": host, "switch": {"ports": ports}}), frame_bytes) == expected


def walk(n_frames, descriptors, writeback, interrupt, refill):
    """Pass frames on one by one; return their descriptors that are not posted again."""
    held, counted, taken = [], [], 0
    for _ in range(n_frames):
        held.append(descriptors)
        if sum(held) >= writeback:
            counted, held = counted + held, []
            if len(counted) >= interrupt:
                for n in counted:
                    taken += n
                    taken = 0 if taken >= refill else taken
                counted = []
    return sum(held) + sum(counted) + taken


@pytest.mark.parametrize(("writeback", "interrupt", "refill"), list(product((1, 3, 8), (1, 4), (1, 5, 8))))
def test_what_batches_hold_back_of_frames_alike(writeback, interrupt, refill):
    config = machine(writeback=writeback, rx_interrupt_batch=interrupt, refill_batch=refill)
    assert rx_descriptors_in_use(config, []) == rx_descriptors_in_use(config, [1])
    for n in (1, 2, 5):
        held = max(walk(n_frames, n, writeback, interrupt, refill) for n_frames in range(200))
        assert rx_descriptors_in_use(config, [n]) == (held, max(4, n))


def test_batches_that_divide_each_other_hold_back_least():
    assert most_held(8, 8, 8) == 7
    assert most_held(1, 32, 32) == 31
    assert most_held(1, 1, 1) == 0
    # Six are told, not four of them: six are taken, three more counted and two held.
    assert most_held(3, 4, 8) == 6 + 3 + 2


def test_what_batches_hold_back_of_mixed_frames_is_bounded():
    config = machine(writeback=8, rx_interrupt_batch=4, refill_batch=6)
    assert rx_descriptors_in_use(config, [1, 5]) == (7 + 3 * 5 + 5, 5)
    assert rx_descriptors_in_use(machine(writeback=8, moderation="5us", refill_batch=6), [1, 5]) == (7 + 5, 5)
    polled = machine(writeback=8, rx_interrupt_batch=0, refill_batch=6)
    assert rx_descriptors_in_use(polled, [1, 5]) == (7 + 5, 5)
