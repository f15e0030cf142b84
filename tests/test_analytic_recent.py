"""What is remembered of configurations: by what they say, but for the length of the run and the seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodel.analytic.recent import MOST_REMEMBERED, remembered
from hwmodel.config import read_base

BASE = read_base("sriov_ideal")
CAPTURE = read_base("sriov_pcap")


class Calls:
    """A function that counts how often it is asked."""

    def __init__(self, *unread):
        self.n = 0
        self.ask = remembered(*unread)(self._ask)

    def _ask(self, config, other=None):
        self.n += 1
        return config.pcie.tags, other


def test_runs_that_differ_in_seed_or_length_alone_are_asked_for_once():
    calls = Calls()
    for changes in ({}, {"run.seed": 2}, {"run.frames": 10}, {"run.duration": "1ms", "run.warmup": "0ns"}):
        assert calls.ask(BASE.with_overrides(changes)) == (BASE.with_overrides().pcie.tags, None)
    assert calls.n == 1


@pytest.mark.parametrize(
    "changes",
    [{"pcie.tags": 7}, {"workload.load": 0.5}, {"switch.ports.vf3.rate_limit": "1Gbps"}, {"host.read_latency": "1ns"},
     {"bridge": {}}],
    ids=str,
)  # fmt: skip
def test_any_other_difference_is_seen(changes):
    calls = Calls()
    calls.ask(BASE.with_overrides())
    calls.ask(BASE.with_overrides(changes))
    assert calls.n == 2


def test_what_else_is_asked_is_seen():
    calls, config = Calls(), BASE.with_overrides()
    assert [calls.ask(config, other)[1] for other in (1, 2, 1)] == [1, 2, 1]
    assert calls.n == 2


def test_only_the_last_are_kept():
    calls = Calls()
    configs = [BASE.with_overrides({"pcie.tags": 1 + number}) for number in range(MOST_REMEMBERED + 1)]
    assert [calls.ask(config)[0] for config in [*configs, configs[0]]] == [*range(1, MOST_REMEMBERED + 2), 1]
    assert calls.n == MOST_REMEMBERED + 2


def test_a_capture_is_read_each_time():
    calls, config = Calls(), CAPTURE.with_overrides()
    assert Path(config.workload.pcap).exists()
    calls.ask(config)
    calls.ask(config)
    assert calls.n == 2


def test_blocks_that_are_not_read_make_no_difference_but_between_servers():
    calls = Calls("pcie", "host")
    for changes in ({}, {"pcie.tags": 7}, {"host.read_latency": "1ns"}):
        calls.ask(BASE.with_overrides(changes))
    assert calls.n == 1
    calls.ask(BASE.with_overrides({"driver.frame_time": "7ns"}))
    assert calls.n == 2
    servers = read_base("two_servers")
    for changes in ({}, {"pcie.tags": 7}):
        calls.ask(servers.with_overrides(changes))
    assert calls.n == 4
