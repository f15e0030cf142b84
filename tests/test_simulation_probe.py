"""Probes: the numbers that stand in a state, under the names that they have there."""

from __future__ import annotations

import pytest

from hwmodel.kernels import layout
from hwmodel.simulation.measurement import in_state
from hwmodel.simulation.probe import Probe

PATHS = ("clock.now_fs", "ledger.to_guest.sum_fs", "ledger.counters.delivered", "tx_buffer.area", "pipeline_busy_fs")


def test_a_probe_reads_what_stands_there_now():
    nic = layout.fresh_state()[0]
    probe = Probe(nic, PATHS)
    assert probe.read() == dict.fromkeys(PATHS, 0)
    nic.clock.now_fs, nic.ledger.to_guest.sum_fs, nic.tx_buffer.area = 2**62 + 1, 0.1, -3.5
    nic.ledger.counters.delivered, nic.pipeline_busy_fs = 7, -1
    found = probe.read()
    assert found == {path: in_state(nic, path) for path in PATHS}
    assert {type(found[path]) for path in PATHS} == {int, float}


def test_a_step_may_be_a_place_in_an_array():
    nic = layout.fresh_state()[0]
    nic.clock.next_at[2] = 5
    nic.tx_queue[1].highest = 9
    probe = Probe(nic, ["clock.next_at.2", "tx_queue.1.highest"])
    assert probe.read() == {"clock.next_at.2": 5, "tx_queue.1.highest": 9}


class Parts:
    """Two states that look like one, as several servers do."""

    def __init__(self):
        self.states = {"ledger": layout.fresh_state()[0], "clock": layout.fresh_state()[0]}

    def place_of(self, path):
        return self.states[path.partition(".")[0]], path


def test_records_may_lie_apart():
    parts = Parts()
    parts.states["ledger"].ledger.counters.delivered = 3
    parts.states["clock"].clock.now_fs = 4
    paths = ("ledger.counters.delivered", "clock.now_fs")
    assert Probe(parts, paths).read() == {"ledger.counters.delivered": 3, "clock.now_fs": 4}


@pytest.mark.parametrize("path", ["ledger", "tx_queue.1", "ledger.histogram.0"])
def test_what_is_no_number_of_eight_bytes_is_refused(path):
    with pytest.raises(ValueError, match=path):
        Probe(layout.fresh_state()[0], [path])
