"""What the closed form remembers of other configurations changes nothing."""

from __future__ import annotations

from hwmodel.analytic import limits
from hwmodel.analytic.recent import forget
from tests.analytic_cases import demo

CHANGES = [
    {"pcie.max_payload": "128B"}, {"pcie.max_read_request": "256B"}, {"pcie.lanes": 8}, {"pcie.tags": 3},
    {"pcie.dllp_model": "tlp1"}, {"pcie.address_bits": 32}, {"pcie.ecrc": True},
    {"pcie.read_completion_boundary": "128B", "host.completion_bytes": "rcb"},
    {"host.read_latency": "777ns"}, {"host.buffer_bytes": "512B"}, {"host.buffer_offset": "64B"}, {"host.cores": 2},
    {"nic.fetch_batch": 5}, {"nic.rx_fetch_batch": 3}, {"nic.tx_ring": 100}, {"nic.rx_ring": 100},
    {"nic.rx_writeback_batch": 3}, {"nic.tx_writeback_batch": 3}, {"nic.vfs": 4}, {"nic.rx_prefetch": 0},
    {"driver.refill_batch": 3}, {"driver.rx_interrupt_batch": 3}, {"driver.tx_interrupt_batch": 16},
    {"driver.tx_doorbell_batch": 1}, {"driver.moderation": "20us"}, {"driver.preset": "dpdk"},
    {"driver.frame_time": "100ns"}, {"workload.frame_bytes": 300}, {"workload.load": 0.1}, {"workload.wire_share": 0.3},
    {"workload.pattern": "broadcast"}, {"switch.mode": "vepa"},
]  # fmt: skip


def machine(change):
    """Give the configuration with a change, of no device, so that its rings may have any length."""
    return demo({"nic.preset": None, **change})


def found(*changes):
    """Give the closed form of configurations one after another, the last of them."""
    forget()
    return [limits(machine(one)).to_dict() for one in changes][-1]


def test_what_others_have_left_in_memory_changes_nothing():
    forget()
    afterwards = [limits(machine(one)).to_dict() for one in ({}, *CHANGES)]
    for at, change in enumerate(CHANGES, 1):
        assert afterwards[at] == found(change), change
        assert afterwards[at] != afterwards[0], change
