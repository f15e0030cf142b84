"""Commands on the PCIe link of the SimPy model: TLPs end as they began, and what is cut later is cut anew."""

from __future__ import annotations

from dataclasses import replace

import simpy

from tests.oracles.simpy_nic import NicParameters
from tests.oracles.simpy_nic.commands import Current
from tests.oracles.simpy_nic.cutting import Uncut, completion_bytes, write_bytes
from tests.oracles.simpy_nic.link import Credits, Direction, Transaction

FS_PER_BYTE = 1000
PARAMETERS = NicParameters((FS_PER_BYTE, 1), max_payload_bytes=256)
HEADER = 24


class Link:
    """A direction that sends a write of 512 B and a read request, and what it has received."""

    def __init__(self, parameters: NicParameters = PARAMETERS, data_credits: int = 0) -> None:
        self.env = env = simpy.Environment()
        self.current = Current(parameters)
        self.received: list[tuple[str, int]] = []
        credit = Credits(env, 0, data_credits, 10**15)
        self.up = Direction(env, self.current, "writes_first", credit, Credits(env, 0, 0, 0))
        self.up.enter_posted(Transaction(HEADER, Uncut(0, 512, self.current, write_bytes), self._told("write")))
        self.up.enter_other(Transaction(HEADER, [0], self._told("read")))

    def _told(self, name: str):
        return lambda: self.received.append((name, self.env.now))

    def change_at(self, at_fs: int, **changes: object) -> Link:
        self.env.run(until=at_fs)
        self.current.replace(replace(PARAMETERS, **changes))
        self.up.look()
        return self

    def finish(self) -> dict[str, int]:
        self.env.run()
        return dict(self.received)


TLP_FS, READ_FS = (HEADER + 256) * FS_PER_BYTE, HEADER * FS_PER_BYTE


def test_a_tlp_ends_as_it_began() -> None:
    assert Link().finish() == {"write": 2 * TLP_FS, "read": 2 * TLP_FS + READ_FS}
    changed = Link().change_at(TLP_FS // 2, link_fs_per_byte=(2 * FS_PER_BYTE, 1)).finish()
    assert changed == {"write": 3 * TLP_FS, "read": 3 * TLP_FS + 2 * READ_FS}
    # A TLP that begins at the instant takes the new rate.
    assert Link().change_at(TLP_FS, link_fs_per_byte=(2 * FS_PER_BYTE, 1)).finish() == changed


def test_what_has_not_left_is_cut_anew() -> None:
    link = Link().change_at(TLP_FS // 2, max_payload_bytes=128)
    assert link.finish()["write"] == (3 * HEADER + 512) * FS_PER_BYTE
    assert link.up.tlps == 3 + 1
    link = Link(replace(PARAMETERS, max_payload_bytes=128)).change_at(1, max_payload_bytes=256)
    # From 128 B on: up to the next multiple of 256 B, then 256 B.
    assert link.finish()["write"] == (3 * HEADER + 512) * FS_PER_BYTE


def test_completions_are_cut_anew() -> None:
    current = Current(PARAMETERS)
    left = Uncut(32, 700, current, completion_bytes)
    taken = [left.take()[:2]]
    current.replace(replace(PARAMETERS, max_payload_bytes=128))
    while left:
        taken.append(left.take()[:2])
    assert taken == [(32, 224), (256, 128), (384, 128), (512, 128), (640, 92)]


def test_an_idle_link_looks_at_what_a_command_lets_go() -> None:
    assert Link(data_credits=8).finish() == {"read": READ_FS}
    link = Link(data_credits=8).change_at(5 * TLP_FS, max_payload_bytes=128)
    link.env.run(until=10 * TLP_FS)
    assert link.up.tlps == 2  # of the write's four the one for which there are credits
    assert link.up.busy_fs() == READ_FS + (HEADER + 128) * FS_PER_BYTE


def test_a_flight_lasts_as_it_began_and_none_passes_another() -> None:
    far = {"propagation_fs": 3 * TLP_FS}
    assert Link(replace(PARAMETERS, **far)).finish()["write"] == 5 * TLP_FS
    # The first TLP of the write flies as it began; the second and the read are near, and wait for it.
    assert Link(replace(PARAMETERS, **far)).change_at(1).finish() == {"write": 4 * TLP_FS, "read": 4 * TLP_FS}
    assert Link().change_at(1, **far).finish() == {"write": 5 * TLP_FS, "read": 5 * TLP_FS + READ_FS}
    assert Link().change_at(TLP_FS + 1, **far).finish() == {"write": 2 * TLP_FS, "read": 5 * TLP_FS + READ_FS}
    assert Link().change_at(1, switch_hops=2, switch_latency_fs=7).finish()["write"] == 2 * TLP_FS + 14
