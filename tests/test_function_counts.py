"""Functions and ledgers count what flows count: bytes, frames and latencies of all flows that end there, added up."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.simulation.fill.nic_state import function_of
from tests.run_cases import begun, merged

SMALL = {"nic": {"vfs": 4}, "run": {"warmup": "100us", "duration": "1ms"}}
POISSON = {"frame_bytes": 300, "load": "800Mbps", "arrivals": "poisson"}
TO_ALL = {"workload": {**POISSON, "pattern": "broadcast", "wire_share": 0.2, "external": {"rate": "1Gbps"}}}
MIRRORED = {"switch": {"mirrors": [{"from": "vf1", "to": "vf3"}]}}
UNIFORM = {"workload": {**POISSON, "pattern": "uniform"}}
BRIDGE = {"bridge": {"announce": True}}
SYSTEM = {**BRIDGE, "servers": [{"name": "a"}, {"name": "b", "set": {"nic.vfs": 2}}]}
CASES = {
    "one adapter": (TO_ALL, MIRRORED),
    "behind a bridge": (TO_ALL, BRIDGE),
    "two servers": (UNIFORM, SYSTEM),
    "changed": (UNIFORM, {}),
}
CHANGES = {600_000: {"run.seed": 1, "switch.ports": [{"name": "vf1", "port_vlan": 7}, {"name": "vf2", "port_vlan": 7}]}}


@pytest.fixture(scope="module", params=CASES)
def run(request):
    found = begun(SMALL, merged(*CASES[request.param]), changes=CHANGES if request.param == "changed" else None)
    found.go_through()
    return found


def flows_of(machine, at):
    """Return a server's flows, and the names of the stations at which they end."""
    numbers, ledger = machine.book.numbers.of_ledgers[at], machine.ledgers()[at]
    return ledger["flow"][: len(numbers)], [machine.book.flows[number][1] for number in numbers.tolist()]


def test_a_function_has_received_what_its_flows_say(run):
    for at, server in enumerate(run.machine.servers):
        flows, targets = flows_of(run.machine, at)
        functions = server.nic["ledger"]["function"]
        received = 0
        for port in server.config.switch.ports:
            own = flows[[name == server.station(port.name) for name in targets]]
            counts = functions[function_of(port.number)]
            assert counts["received_bytes"] == own["n_bytes"].sum()
            assert counts["received_frames"] == own["delivered"].sum()
            received += int(counts["received_frames"])
        assert received == server.nic.ledger.counts.vm_copies > 0


def test_a_ledgers_latency_is_that_of_its_flows_together(run):
    for ledger in run.machine.ledgers():
        flows = ledger["flow"][: int(ledger.directory.n)]
        each = flows["latency"][flows["latency"]["n"] > 0]
        together = ledger.counts.delivery
        assert together.n == each["n"].sum()
        assert together.sum_fs == pytest.approx(each["sum_fs"].sum(), rel=1e-12)
        if len(each):
            assert (together.lowest_fs, together.highest_fs) == (each["lowest_fs"].min(), each["highest_fs"].max())


def test_the_mean_latency_of_a_functions_copies_is_that_of_the_flows_since_the_beginning():
    run = begun({**SMALL, "run": {"warmup": "0ns", "duration": "1ms"}}, TO_ALL)
    run.go_through()
    (server,) = run.machine.servers
    flows, targets = flows_of(run.machine, 0)
    for port in server.config.switch.ports:
        own = flows["latency"][[name == server.station(port.name) for name in targets]]
        counts = server.nic["ledger"]["function"][function_of(port.number)]
        assert counts["latency_fs"] == pytest.approx(np.sum(own["sum_fs"]), rel=1e-12)
        assert (counts["latency_fs"] > 0) == (counts["received_frames"] > 0)
