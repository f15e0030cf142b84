"""Probes: the numbers that stand in a state, under the names that they have there."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.machine.server import fresh_state
from hwmodel.simulation.measurement import in_state
from hwmodel.simulation.probe import Fields, Probe

PATHS = ("clock.now_fs", "ledger.to_guest.sum_fs", "ledger.counters.delivered", "tx_buffer.area", "pipeline_busy_fs")


def test_a_probe_reads_what_stands_there_now():
    nic = fresh_state()[0]
    probe = Probe(nic, PATHS)
    assert probe.read() == dict.fromkeys(PATHS, 0)
    nic.clock.now_fs, nic.ledger.to_guest.sum_fs, nic.tx_buffer.area = 2**62 + 1, 0.1, -3.5
    nic.ledger.counters.delivered, nic.pipeline_busy_fs = 7, -1
    found = probe.read()
    assert found == {path: in_state(nic, path) for path in PATHS}
    assert {type(found[path]) for path in PATHS} == {int, float}


def test_a_step_may_be_a_place_in_an_array():
    nic = fresh_state()[0]
    nic.clock.next_at[2] = 5
    nic.tx_queue[1].highest = 9
    probe = Probe(nic, ["clock.next_at.2", "tx_queue.1.highest"])
    assert probe.read() == {"clock.next_at.2": 5, "tx_queue.1.highest": 9}


class Parts:
    """Two states that look like one, as several servers do."""

    def __init__(self):
        self.states = {"ledger": fresh_state()[0], "clock": fresh_state()[0]}

    def place_of(self, path):
        return self.states[path.partition(".")[0]], path


def test_records_may_lie_apart():
    parts = Parts()
    parts.states["ledger"].ledger.counters.delivered = 3
    parts.states["clock"].clock.now_fs = 4
    paths = ("ledger.counters.delivered", "clock.now_fs")
    assert Probe(parts, paths).read() == {"ledger.counters.delivered": 3, "clock.now_fs": 4}


def test_copied_rows_keep_what_stood_there_in_fields_of_arrays_too():
    nic = fresh_state()[0]
    flows = {name: Fields("ledger.flow", 3, name) for name in ("n_bytes", "latency.sum_fs")}
    probe = Probe(nic, ("clock.now_fs", *flows.values(), "tx_buffer.area"))
    rows = []
    for moment in range(2):
        nic.clock.now_fs, nic.tx_buffer.area = moment, 0.5 * moment
        nic["ledger"]["flow"]["n_bytes"][:4] = 10 * moment + np.arange(4)
        nic["ledger"]["flow"]["latency"]["sum_fs"][:4] = 0.25 * moment + np.arange(4)
        rows.append(probe.copy())
    copied = np.stack(rows)
    assert probe.numbers(copied, "clock.now_fs").tolist() == [0, 1]
    assert probe.numbers(copied, "tx_buffer.area").tolist() == [0.0, 0.5]
    assert probe.numbers(copied, flows["n_bytes"]).tolist() == [[0, 1, 2], [10, 11, 12]]
    assert probe.numbers(copied, flows["latency.sum_fs"]).tolist() == [[0.0, 1.0, 2.0], [0.25, 1.25, 2.25]]


@pytest.mark.parametrize("path", ["ledger", "tx_queue.1", "ledger.histogram.0"])
def test_what_is_no_number_of_eight_bytes_is_refused(path):
    with pytest.raises(ValueError, match=path):
        Probe(fresh_state()[0], [path])
