"""The parts of the SimPy model that are easily tried alone: arbitration, the order of an instant, credits, cutting."""

import pytest
import simpy
from oracles.simpy_nic import Load, NicParameters, Stop, simulate
from oracles.simpy_nic.cutting import Uncut, completion_bytes, cut, cut_ring, on_link, write_bytes
from oracles.simpy_nic.link import Credits, Direction, Rank, Transaction

FS_PER_BYTE = 1000


def parameters(**changes: object) -> NicParameters:
    return NicParameters((FS_PER_BYTE, 1), **changes)


def direction(env: simpy.Environment, posted: Credits | None = None, arbitration: str = "round_robin") -> Direction:
    free = Credits(env, 0, 0, 0)
    return Direction(env, parameters(), arbitration, posted or free, Credits(env, 0, 0, 0))


@pytest.mark.parametrize(
    ("arbitration", "order"),
    [("round_robin", "PNPN"), ("reads_first", "NNPP"), ("writes_first", "PPNN"), ("arrival", "PPNN")],
)
def test_arbitration(arbitration: str, order: str) -> None:
    env = simpy.Environment()
    received = []
    up = direction(env, arbitration=arbitration)
    for _ in range(2):
        up.enter_other(Transaction(24, [0], lambda: received.append("N")))
        up.enter_posted(Transaction(24, [4], lambda: received.append("P")))
    env.run()
    assert "".join(received) == order
    assert env.now == (24 + 24 + 28 + 28) * FS_PER_BYTE


def test_posted_entries_of_one_instant_are_ranked() -> None:
    env = simpy.Environment()
    received: list[Rank] = []
    up = direction(env)
    for rank in map(Rank, (5, 4, 1, 6, 3, 0, 2)):
        up.enter_posted(Transaction(24, [4], lambda rank=rank: received.append(rank), rank=rank))
    env.run()
    assert received == sorted(Rank)


def tlps(uncut: Uncut) -> list[tuple[int, int]]:
    cut_off = []
    while uncut:
        cut_off.append(uncut.take()[:2])
    return cut_off


def test_cutting() -> None:
    assert list(cut(64, 600, 256)) == [(64, 192), (256, 256), (512, 152)]
    assert list(cut_ring(510, 4, 512, 512)) == [(8160, 32), (0, 32)]
    assert list(cut_ring(28, 8, 512, 512)) == [(448, 64), (512, 64)]
    by_mps = parameters(max_payload_bytes=128)
    assert tlps(Uncut(64, 200, by_mps, write_bytes)) == [(64, 64), (128, 128), (256, 8)]
    assert tlps(Uncut(32, 300, by_mps, completion_bytes)) == [(32, 96), (128, 128), (256, 76)]
    assert tlps(Uncut(96, 128, by_mps, completion_bytes)) == [(96, 128)]  # one suffices, boundary or not
    by_boundary = parameters(completion_cut="rcb")
    assert tlps(Uncut(32, 128, by_boundary, completion_bytes)) == [(32, 32), (64, 64), (128, 32)]
    assert [on_link(0, 1514, by_mps), on_link(2, 4, by_mps)] == [1516, 8]


def test_arrival_keeps_the_order_of_entry() -> None:
    env = simpy.Environment()
    received = []
    up = direction(env, arbitration="arrival")
    up.enter_posted(Transaction(24, [256, 256], lambda: received.append("first")))

    def enter_later():
        yield env.timeout(1)
        up.enter_other(Transaction(24, [0], lambda: received.append("read")))
        yield env.timeout(1)
        up.enter_posted(Transaction(24, [4], lambda: received.append("second")))

    env.process(enter_later())
    env.run()
    assert received == ["first", "read", "second"]


def test_reads_alternate_with_the_tlps_of_one_write() -> None:
    env = simpy.Environment()
    received_fs = []
    up = direction(env)
    up.enter_posted(Transaction(24, [256, 256], lambda: received_fs.append(env.now)))
    up.enter_other(Transaction(24, [0], lambda: received_fs.append(env.now)))
    env.run()
    assert received_fs == [(280 + 24) * FS_PER_BYTE, (280 + 24 + 280) * FS_PER_BYTE]


@pytest.mark.parametrize(("headers", "data"), [(2, 0), (0, 32), (0, 47)])
def test_two_writes_use_up_the_credits(headers: int, data: int) -> None:
    env = simpy.Environment()
    received_fs = []
    return_fs = 10**9
    up = direction(env, Credits(env, headers, data, return_fs))
    for _ in range(3):
        up.enter_posted(Transaction(24, [256], lambda: received_fs.append(env.now)))
    up.enter_other(Transaction(24, [0], lambda: received_fs.append(env.now)))
    env.run()
    # The read takes its turn behind the first write; the third waits for the first one's credits.
    first_fs = 280 * FS_PER_BYTE
    assert received_fs == [first_fs, 304 * FS_PER_BYTE, 584 * FS_PER_BYTE, first_fs + return_fs + first_fs]


@pytest.mark.parametrize(("received_before", "dllp_bytes"), [(3, 0), (4, 16), (7, 16), (8, 32)])
def test_dllps_go_before_the_next_tlp(received_before: int, dllp_bytes: int) -> None:
    env = simpy.Environment()
    settings = parameters(dllp_period_tlps=4)
    up, down = (Direction(env, settings, "arrival", Credits(env, 0, 0, 0), Credits(env, 0, 0, 0)) for _ in range(2))
    up.opposite, down.opposite = down, up
    for _ in range(received_before):
        down.enter_posted(Transaction(24, [4], lambda: None))
    env.run()
    assert up.dllp_bytes == 0  # they wake no idle link
    began_fs = env.now
    received_fs = []
    up.enter_posted(Transaction(24, [4], lambda: received_fs.append(env.now)))
    env.run()
    assert up.dllp_bytes == dllp_bytes
    assert received_fs == [began_fs + (dllp_bytes + 28) * FS_PER_BYTE]


def test_busy_time_counts_what_has_passed() -> None:
    env = simpy.Environment()
    up = direction(env)
    up.enter_posted(Transaction(24, [256], lambda: None))
    env.run(until=100 * FS_PER_BYTE)
    assert up.busy_fs() == 100 * FS_PER_BYTE
    env.run()
    assert up.busy_fs() == 280 * FS_PER_BYTE


def test_endless_load_wants_a_stop() -> None:
    with pytest.raises(ValueError, match="needs a stop"):
        simulate(parameters(), Load({2: [(3, 64)]}), Stop())
