"""Functions that go and come again at drawn instants: nothing is lost track of, and others go on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import config_from_mapping
from hwmodel.machine.counts.ledger_state import IDLE
from hwmodel.machine.frames import GROUP_CAP
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload
from tests.beside_simpy import BASE, write_capture
from tests.drawn_commands import NAMES, draw_commands

US = 10**9


def drawn(folder: Path, seed: int) -> tuple[Any, list[Change]]:
    """Draw a machine, a capture to play, and functions that go and come again; at the end all are there."""
    chance = random.Random(f"off {seed}")
    changes, load, _ = draw_commands(seed)
    write_capture(folder / "load.pcap", load)
    # An interrupt for each write-back, so that no frame waits for more to come.
    told = {"driver.rx_interrupt_batch": 1} | {
        f"driver.vms.{name}.rx_interrupt_batch": 1
        for name, driver in changes.get("driver.vms", {}).items()
        if "rx_interrupt_batch" in driver
    }
    config = config_from_mapping(BASE, {**changes, "workload.pcap": str(folder / "load.pcap"), **told})
    end_fs = load[-1][0] * 1000
    at_fs, off, found = 0, set(), []
    for _ in range(chance.randint(1, 12)):
        at_fs = chance.randrange(end_fs * 1000) if chance.random() < 0.8 else at_fs
        found.append(at_fs)
    instants = sorted(found)
    result = []
    for at_fs in instants:
        off ^= {chance.choice(NAMES)}
        result.append(Change(at_fs, config, frozenset(off)))
    return config, [*result, Change(instants[-1] + 50 * US, config)]


def left_over(machine: Machine) -> dict[str, Any]:
    """Return what of an idle machine is not as at its start, or does not add up."""
    nic = machine.state[0]
    counts, n_queues = nic.ledger.counts, int(nic.params.n_queues)
    tx, rx = nic["tx_queue"][:n_queues], nic["rx_queue"][:n_queues]
    pcie, journeys = nic.pcie[0], nic.ledger.journeys
    queues = {
        "P": pcie.up.first, "NP": pcie.up.second, "doorbells": pcie.down.first, "CPL": pcie.down.second,
        "grants": nic.grants, "loopback": nic.loopback, "Rx buffer": nic.rx_fifo,
        "Rx fetches": nic.reads.rx_fetches, "Tx fetches": nic.reads.tx_fetches,
    }  # fmt: skip
    wanted = {
        **{name: (int(queue.tail - queue.head), 0) for name, queue in queues.items()},
        "frames": (int(counts.offered), int(counts.delivered + counts.dropped)),
        "copies": (int(counts.copies_made), int(counts.copies_delivered + counts.copies_dropped)),
        "mirrored": (int(counts.mirrored_made), int(counts.mirrored + counts.mirrored_dropped)),
        "tags": (int(pcie.tags.n_free), int(pcie.tags.params.n_tags)),
        "tag numbers": (len(set(pcie.tags.free[: pcie.tags.n_free].tolist())), int(pcie.tags.params.n_tags)),
        "Tx buffer": (int(nic.counts.tx_buffer.level), 0),
        "Rx buffer, bytes": (int(nic.counts.rx_buffer.level), 0),
        "groups": (int(nic.groups.n_free), GROUP_CAP),
        "journeys": (int(journeys.n_used), int(journeys.n_free)),
        "Tx rings": (int(counts.tx_ring.level), int((tx["reserved"] - tx["freed"]).sum())),
        "Rx rings": (
            int(counts.rx_ring.level),
            int((rx["slots"] - rx["known"] - rx["requested"] - rx["cached"]).sum()),
        ),
        "requested": (int(tx["requested"].sum() + rx["requested"].sum()), 0),
        "posted": (int((tx["reserved"] - tx["picked"]).sum()), 0),
        "seen": (int((rx["started"] - rx["taken"]).sum()), 0),
        "work": (int(nic["guests"]["work"]["n"].sum()), 0),
        "running": (int(nic["guests"]["core"]["is_running"].sum()), 0),
        "ready": (int(nic.scheduler.n_ready + nic.scheduler.n_told + nic.scheduler.n_shaped_waiting), 0),
        "writing": (int(nic.rx_writing), 0),
        "places": (int(nic.engines.read.n_used), 0),
        "credits": (sum(_used(credit) for credit in pcie.credits), 0),
        "overflow": (int(nic.clock.overflow), 0),
    }
    return {name: pair for name, pair in wanted.items() if pair[0] != pair[1]}


def _used(credit: Any) -> int:
    """Return what is not returned of a kind of credits that is bounded."""
    is_bounded = credit.params.headers_limit > 0 or credit.params.data_limit > 0
    return int(credit.headers_used + credit.data_used) if is_bounded else 0


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_left_over(tmp_path: Path, seed: int) -> None:
    config, changes = drawn(tmp_path, seed)
    machine = Machine(config, build_workload(config), 1, 1, changes)
    assert machine.advance(NEVER, 10**9) == IDLE
    assert left_over(machine) == {}


MACHINES = {
    "plain": {},
    "IOMMU": {"host.iotlb": {"entries": 64, "miss": "330ns", "walkers": 2}},
    "engines": {"nic.dma": {"read": {"outstanding": 4, "latency": "100ns"}, "write": {"outstanding": 4}}},
    "credits and flight": {"pcie.credits": {"ph": 8, "pd": 64, "nph": 4}, "pcie.propagation": "150ns"},
    "interrupts": {"driver.preset": "kernel"},
    "a core in the switch": {"switch.timing": "core"},
    "several rings": {"nic.queues_per_vf": 2, "workload.sizes": [[64, 3], [1518, 1]], "workload.frame_bytes": None},
    "wire too": {"workload.wire_share": 0.3, "workload.external": {"rate": "2Gbps"}},
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_vf_that_is_reset_works_again_and_others_are_not_touched(name: str) -> None:
    """Of three closed loops in a ring one is interrupted at drawn instants; the others go on at their rates."""
    base = {"nic.vfs": 6, "workload.pattern": "pairs", "run.warmup": "200us", "run.duration": "800us"}
    changes = {key: value for key, value in (base | MACHINES[name]).items() if value is not None}
    config = config_from_mapping({}, changes)
    workload = build_workload(config)
    chance = random.Random(name)
    for _ in range(12):
        off_fs = 300 * US + chance.randrange(100 * US)
        on_fs = off_fs + chance.randrange(1, 200 * US)
        machine = Machine(config, workload, 1, 1, [Change(off_fs, config, frozenset({"vf1"})), Change(on_fs, config)])
        nic = machine.state[0]
        machine.advance(on_fs - 1, 10**9)
        silent = _delivered(nic)
        machine.advance(on_fs + 400 * US, 10**9)
        again = _delivered(nic)
        assert nic.function[2].first_in_fs > on_fs
        assert again[2] > silent[2], "nothing is delivered to it"
        assert again[1] > silent[1], "nothing of it is delivered"


def _delivered(nic: Any) -> list[int]:
    """Return how many frames each function has been shown."""
    n = int(nic.params.n_functions)
    rings = nic["rx_queue"][: int(nic.params.n_queues)]
    shown = [0] * n
    for ring in rings:
        shown[int(ring["params"]["function"])] += int(ring["visible"])
    return shown
