"""Virtual switches of four servers behind a bridge, beside Open vSwitch: each frame's deliveries, each table after it.

What Open vSwitch has done stands in tests/vectors/open_vswitch_learning.txt; `python -m tests.record_open_vswitch` has
written it. Frames are 200 us apart, so that one has come everywhere before the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from hwmodel.config import Config, config_from_mapping
from hwmodel.forwarding.port_set import UPLINK as UPLINK_PORT
from hwmodel.machine.counts.ledger_state import EVENTS_SPENT
from hwmodel.machine.network.bridge_state import NOBODY
from tests.record_open_vswitch import can_record, recorded
from tests.switching_systems import BRIDGE, FILE, UPLINK, Port, Sent, System, drawn, lines_of, systems_of
from tests.system_beside_simpy import LATER_FS, Frame, SystemRun, with_window, workload_of

GAP_FS = 200 * 10**9
Table = dict[tuple[str, int, int], str]


@cache
def systems() -> list[System]:
    return systems_of(FILE.read_text(encoding="utf-8"))


def vlans_of(port: Port) -> dict[str, Any]:
    return {"native_vlan": port.native or None, "vlans": list(port.vlans)}


def station_of(name: str, port: Port) -> dict[str, Any]:
    return {
        "name": name,
        "port_vlan": port.native,
        "vlans": list(port.vlans),
        "admit": "untagged" if port.is_access else "all",
        "spoof_check": False,
        "vlan_spoof_check": True,
    }


def config_of(system: System, changes: Mapping[str, Any] | None = None) -> Config:
    """Return the configuration of a system."""
    servers = []
    for name, ports in system.switches.items():
        if name == BRIDGE:
            continue
        own = {
            "nic.vfs": len(ports) - 2,
            "switch.ports": [station_of(one, port) for one, port in ports.items() if one != UPLINK],
            "switch.uplink": vlans_of(ports[UPLINK]),
        }
        servers.append({"name": name, "set": own})
    bridge = {"ports": {name: vlans_of(port) for name, port in system.switches[BRIDGE].items()}}
    switch = {"pass_by": "pointer", "learning": {}}
    return config_from_mapping(
        {"nic": {"mode": "vswitch"}, "driver": {"preset": "dpdk"}, "host": {"virtual_switch": switch}},
        {"servers": servers, "bridge": bridge, "workload.pattern": "uniform", **(changes or {})},
    )


class Watched(SystemRun):
    """A run that stops before each frame, and then looks what all switches know."""

    def __init__(self, config: Config, system: System) -> None:
        frames = [
            Frame(GAP_FS * at, sent.sender, f"{at}", bytes.fromhex(sent.header), 64)
            for at, sent in enumerate(system.frames)
        ]
        config = with_window(config, 0, GAP_FS * len(frames))
        super().__init__(config, workload_of(frames, replace(frames[-1], at_fs=LATER_FS)))
        self.stops = [GAP_FS * (at + 1) - 1 for at in range(len(frames))]
        self.tables: list[Table] = []

    def call(self, until_fs: int, n_events: int) -> int:
        while self.stops and self.stops[0] < until_fs:
            if super().call(self.stops[0], n_events) == EVENTS_SPENT:
                return EVENTS_SPENT
            self.tables.append(self.table())
            self.stops.pop(0)
        return super().call(until_fs, n_events)

    def table(self) -> Table:
        assert self.machine.system is not None
        record = self.machine.system.bridges[0]
        by_port = {port.number: port.name for port in self.machine.system.ports}
        found = {}
        for number in range(int(record.n_addresses)):
            logical, key = int(record.address[number].logical_port), record.address_key[number]
            if logical != NOBODY:
                port = by_port[int(record.logical_port[logical].params.port)]
                found[BRIDGE, int(key.vlan), int(key.mac)] = port
        for server in self.machine.servers:
            learned = server.nic.virtual_switch.learned
            names = {number: name for name, number in server.book.port_numbers.items()}
            for number in range(int(learned.n_addresses)):
                logical, key = int(learned.address[number].logical_port), learned.address_key[number]
                if logical != NOBODY:
                    port = UPLINK if logical == UPLINK_PORT else names[logical].rpartition(".")[2]
                    found[server.name, int(key.vlan), int(key.mac)] = port
        return found


def became_of(config: Config, system: System) -> list[Sent]:
    """Return the frames with what the model does with them."""
    run = Watched(config, system)
    for _ in run.pieces():
        pass
    came: list[dict[str, str]] = [{} for _ in system.frames]
    for at, book in enumerate(run.machine.books()):
        for entry in run.entries(run.places[at], "log"):
            header = book.headers[int(entry["copy_kind"])].hex()
            tag = header[28:32] if header[24:28] == "8100" else ""
            to = run.receiver(at, int(entry["copy_kind"]))
            found = came[int(entry["at_fs"]) // GAP_FS]
            assert to not in found
            found[to] = tag
    before: Table = {}
    frames = []
    for sent, known, each in zip(system.frames, run.tables, came, strict=True):
        changed = {key: known.get(key) for key in {**before, **known} if before.get(key) != known.get(key)}
        frames.append(replace(sent, came=each, learned=changed))
        before = known
    return frames


def differences(found: list[Sent], expected: list[Sent]) -> list[tuple[int, Sent, Sent]]:
    return [(at, ours, theirs) for at, (ours, theirs) in enumerate(zip(found, expected, strict=True)) if ours != theirs]


@pytest.mark.parametrize("number", range(8))
def test_each_frame_comes_where_open_vswitch_brings_it_and_teaches_what_it_teaches(number: int) -> None:
    system = systems()[number]
    assert differences(became_of(config_of(system), system), system.frames) == []


def test_a_switch_that_knows_its_vms_is_another() -> None:
    system = systems()[0]
    config = config_of(system, {"host.virtual_switch.learning": None})
    assert len(differences(became_of(config, system), system.frames)) > 20


def test_the_file_has_the_systems_that_are_drawn() -> None:
    for seed, system in enumerate(systems()):
        asked = [Sent(sent.sender, sent.header) for sent in system.frames]
        assert System(system.switches, asked) == drawn(seed)
    assert systems_of("\n".join(lines_of(systems()))) == systems()


@pytest.mark.slow
@pytest.mark.skipif(not can_record(), reason="needs Open vSwitch, and network namespaces")
def test_open_vswitch_does_so_again() -> None:
    assert recorded(drawn(3)) == systems()[3]
