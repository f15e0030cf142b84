"""Faults of DMA engines and of the order of writes, planted in the SimPy model, and the machines that show them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.beside_simpy import GUESTS, Recorded, poisson
from tests.oracles.simpy_nic import receiving, timing, writeback
from tests.oracles.simpy_nic.engines import NO_OPERATION, Engines, Kind, Operation
from tests.oracles.simpy_nic.link import Direction, Purpose, Transaction, nothing
from tests.oracles.simpy_nic.memory import HostMemory, WritesBefore
from tests.oracles.simpy_nic.reads import Read, ReadArbiter
from tests.oracles.simpy_nic.sending import Picked, Sender
from tests.planted_hosts import Patch, Plant, with_host

READ = {
    "operation": "297.0007ns", "small": "16B", "small_operation": "41.0003ns", "start": "151.0003ns", "piece": "100B",
    "piece_time": "7.0007ns", "piece_least": "90B", "rate": "41.3Gbps", "latency": "185.0003ns",
    "outstanding": 5, "large": "40B",
}  # fmt: skip
WRITE = {
    "operation": "41.0009ns", "small": "32B", "small_operation": "53.0003ns", "start": "17.0003ns", "piece": "64B",
    "piece_time": "5.0007ns", "piece_least": "50B", "rate": "52.7Gbps", "latency": "900.0007ns", "outstanding": 2,
}  # fmt: skip
PATH = {"shared_rate": "31Gbps", "shared_time": "4.0003ns", "shared_bytes": "100B"}
ENGINES = {
    "nic.dma": {"read": READ, "write": WRITE, **PATH},
    "nic.tx_writeback_batch": 3, "nic.rx_writeback_batch": 3, "nic.writeback_timeout": "20.0011us", "nic.tx_ring": 13,
    "nic.rx_ring": 65, "nic.fetch_batch": 3, "driver.tx_doorbell_batch": 1, "pcie.switch_hops": 2,
    "host.buffer_bytes": "512B", "host.buffer_offset": "100B",
}  # fmt: skip
MEMORY = {
    "host.iotlb": {"entries": 12, "miss": "330.0013ns"}, "host.buffer_bytes": "512B",
    "host.write_latency": "470.0009ns", "pcie.credits": {"ph": 4, "return": "600.0003ns"},
    "nic.writeback_timeout": "3.0007us",
    "driver.rx_interrupt_batch": 1, "nic.rx_writeback_batch": 1,
}  # fmt: skip
CALM = poisson(250, 2500, (65, 570, 950, 1518), senders=GUESTS, receivers=GUESTS)  # 950 B: a short last read
BUSY = poisson(250, 1500, senders=GUESTS, receivers=GUESTS)

MACHINES: Mapping[str, tuple[Mapping[str, Any], Recorded]] = {
    "engines": (ENGINES, CALM),
    "relaxed": ({**MEMORY, "pcie.ordering": "relaxed"}, BUSY),
    "by function": ({"nic.strict": False, **MEMORY, "pcie.ordering": "id_based", "host.write_drain": "12Gbps"}, BUSY),
}


def other_than_path(part: str) -> Mapping[str, Plant]:
    """Return a fault of each parameter of an engine."""
    changes: Mapping[str, Any] = {
        "operation_fs": 0, "small_bytes": 0, "small_operation_fs": 0, "start_fs": 0, "piece_bytes": 128,
        "piece_time_fs": 0, "fs_per_byte": None, "latency_fs": 0, "outstanding": 6, "large_bytes": 511,
        "piece_least_bytes": 0,
    }  # fmt: skip
    found = {f"{part}.{name}": with_host(part, **{name: value}) for name, value in changes.items()}
    if part == "dma_write":
        del found["dma_write.large_bytes"]  # which counts for reads alone
    return found


def other_path(**changes: Any) -> Plant:
    """Return a plant of another path that the engines share."""

    def plant(patch: Patch) -> None:
        original = Engines.__init__

        def begin(engines: Engines, env: Any, read: Any, write: Any, path: Any) -> None:
            original(engines, env, read, write, path._replace(**changes) if changes else None)

        patch.setattr(Engines, "__init__", begin)

    return plant


def other_operation(change: Callable[[Transaction], Operation]) -> Plant:
    """Return a plant of what is asked of the engines."""

    def plant(patch: Patch) -> None:
        original = Direction._begin_operation

        def begin(direction: Direction, transaction: Transaction) -> None:
            transaction.operation = change(transaction)
            original(direction, transaction)

        patch.setattr(Direction, "_begin_operation", begin)

    return plant


def interrupts_need_one(transaction: Transaction) -> Operation:
    return Operation(Kind.WRITE, 4) if transaction.purpose is Purpose.INTERRUPT else transaction.operation


def writebacks_need_none(transaction: Transaction) -> Operation:
    return NO_OPERATION if transaction.purpose is Purpose.WRITEBACK else transaction.operation


def with_padding(transaction: Transaction) -> Operation:
    operation = transaction.operation
    operation.n_bytes = -(-operation.n_bytes // 4) * 4
    return operation


def an_operation_for_each_request(transaction: Transaction) -> Operation:
    operation = transaction.operation
    is_read = operation.kind is Kind.READ
    return Operation(Kind.READ, min(operation.n_bytes, 512)) if is_read else operation


def one_engine(patch: Patch) -> None:
    original = Engines.__init__

    def begin(engines: Engines, *arguments: Any) -> None:
        original(engines, *arguments)
        engines._engines[Kind.WRITE].free_fs = 0
        read = engines._engines[Kind.READ]
        engines._engines = {Kind.READ: read, Kind.WRITE: read}

    patch.setattr(Engines, "__init__", begin)


def ready(*, read_at_its_end: bool, write_at_its_begin: bool) -> Plant:
    """Return a plant of when an operation is ready for the link."""

    def plant(patch: Patch) -> None:
        original = Engines.ready_fs

        def ready_fs(engines: Engines, operation: Operation) -> int:
            found_fs = original(engines, operation)
            if operation.kind is Kind.READ and read_at_its_end:
                found_fs += engines._engines[Kind.READ].busy_fs(operation.n_bytes)
            if operation.kind is Kind.WRITE and write_at_its_begin:
                found_fs -= engines._engines[Kind.WRITE].busy_fs(operation.n_bytes)
            return found_fs

        patch.setattr(Engines, "ready_fs", ready_fs)

    return plant


def one_operation_a_frame(patch: Patch) -> None:
    original = receiving.Receiver._write_buffer

    def write_buffer(
        receiver: receiving.Receiver, ring: Any, copy: Any, number: int, part: Any, *, is_last: bool
    ) -> None:
        whole = NO_OPERATION if number else Operation(Kind.WRITE, copy.data_bytes)
        with pytest.MonkeyPatch.context() as each:
            each.setattr(receiving, "Operation", lambda _kind, _n_bytes: whole)
            original(receiver, ring, copy, number, part, is_last=is_last)

    patch.setattr(receiving.Receiver, "_write_buffer", write_buffer)


def one_operation_a_writeback(patch: Patch) -> None:
    original = writeback.HeldDescriptors._write_part

    def write_part(held: writeback.HeldDescriptors, position: int, descriptors: int, received: Any) -> None:
        is_first_of_two = received is nothing
        n_bytes = held._descriptors * held._entry_bytes
        whole = NO_OPERATION if is_first_of_two else Operation(Kind.WRITE, n_bytes)
        with pytest.MonkeyPatch.context() as each:
            each.setattr(writeback, "Operation", lambda _kind, _n_bytes: whole)
            original(held, position, descriptors, received)

    patch.setattr(writeback.HeldDescriptors, "_write_part", write_part)


def reads_pass_one_without_places(patch: Patch) -> None:
    def first_waiting(arbiter: ReadArbiter) -> deque[Read] | None:
        for queue in arbiter._waiting:
            if queue and arbiter._places(queue[0]) <= arbiter._free_places:
                return queue
        return None

    patch.setattr(ReadArbiter, "_first_waiting", first_waiting)


def waiting_reads_go_last(patch: Patch) -> None:
    def finish(arbiter: ReadArbiter, read: Read) -> None:
        arbiter.free_tags += 1
        if not read.transfer.reads_left:
            arbiter._free_places += arbiter._places_of(read.transfer)
            read.complete()
        arbiter.look()

    patch.setattr(ReadArbiter, "_finish", finish)


def done_before_it_moves(patch: Patch) -> None:
    original = Sender._payload_in

    def payload_in(sender: Sender, picked: Picked) -> None:
        done = picked.ring.done
        hold, done.hold = done.hold, nothing_held  # type: ignore[method-assign]
        hold(1)
        original(sender, picked)
        done.hold = hold  # type: ignore[method-assign]

    patch.setattr(Sender, "_payload_in", payload_in)


def nothing_held(_owner: Any, _descriptors: int = 1) -> None:
    """Hold nothing."""


def rx_timers_last(patch: Patch) -> None:
    def later_place(_phase: timing.Phase, *which: int) -> int:
        return timing.place(timing.Phase.LINK, *which)

    patch.setattr(receiving, "place", later_place)


def all_writes_pass(patch: Patch) -> None:
    original = HostMemory.write

    def write(memory: HostMemory, *arguments: Any, is_payload: bool) -> None:
        original(memory, *arguments, is_payload=True)

    patch.setattr(HostMemory, "write", write)


def none_waits_for_payload(patch: Patch) -> None:
    original = HostMemory.write

    def write(memory: HostMemory, port: int, *arguments: Any, is_payload: bool) -> None:
        before = memory._before_it(port)
        times_fs = before.all_passed_fs, before.all_there_fs
        original(memory, port, *arguments, is_payload=is_payload)
        if is_payload:
            before.all_passed_fs, before.all_there_fs = times_fs

    patch.setattr(HostMemory, "write", write)


def interrupts_pass(patch: Patch) -> None:
    def interrupt(memory: HostMemory, _port: int, passes: Callable[[], None], lands: Callable[[], None]) -> None:
        memory._pass(WritesBefore(), memory._env.now, 0, passes, lands)

    patch.setattr(HostMemory, "interrupt", interrupt)


def credits_in_order_of_receipt(patch: Patch) -> None:
    original = HostMemory._pass

    def pass_(memory: HostMemory, before: WritesBefore, may_pass_fs: int, latency_fs: int, *tells: Any) -> None:
        passes, lands = tells
        last = memory._before[-1]
        last.all_passed_fs = max(last.all_passed_fs, before.all_passed_fs, may_pass_fs)
        memory._at(last.all_passed_fs, last, passes)
        original(memory, before, may_pass_fs, latency_fs, nothing, lands)

    patch.setattr(HostMemory, "_pass", pass_)


def functions_in_pairs(patch: Patch) -> None:
    patch.setattr(HostMemory, "_before_it", lambda memory, port: memory._before[port // 2])


def reads_wait_for_all(patch: Patch) -> None:
    def read_wait_fs(memory: HostMemory, _port: int, wait_fs: int) -> int:
        return max([wait_fs, *(before.all_there_fs - memory._env.now for before in memory._before.values())])

    patch.setattr(HostMemory, "read_wait_fs", read_wait_fs)


def reads_wait_for_none(patch: Patch) -> None:
    patch.setattr(HostMemory, "read_wait_fs", lambda _memory, _port, wait_fs: wait_fs)


ENGINE_FAULTS: Mapping[str, Plant] = {
    **other_than_path("dma_read"),
    **other_than_path("dma_write"),
    "no path": other_path(),
    "all bytes on the path": other_path(bytes_each=1 << 20),
    "no time of the path itself": other_path(time_fs=0),
    "a path of another rate": other_path(fs_per_byte=(200_000, 1)),
    "one engine for reads and writes": one_engine,
    "a read is ready as its operation ends": ready(read_at_its_end=True, write_at_its_begin=False),
    "a write is ready as its operation begins": ready(read_at_its_end=False, write_at_its_begin=True),
    "interrupts need an engine": other_operation(interrupts_need_one),
    "write-backs need none": other_operation(writebacks_need_none),
    "padding counts": other_operation(with_padding),
    "an operation for each request": other_operation(an_operation_for_each_request),
    "one operation for a frame in several buffers": one_operation_a_frame,
    "one operation for a write-back that wraps": one_operation_a_writeback,
    "reads pass one that lacks places": reads_pass_one_without_places,
    "what waits for places goes last": waiting_reads_go_last,
    "a descriptor is done before its frame moves": done_before_it_moves,
    "timers of Rx rings behind those of Tx rings": rx_timers_last,
    "no PCIe switches": with_host("host", switch_hops=0),
}
ORDER_FAULTS: Mapping[str, tuple[str, Plant]] = {
    "strict for relaxed": ("relaxed", with_host("host", ordering="strict")),
    "by function for relaxed": ("relaxed", with_host("host", ordering="id_based")),
    "write-backs are relaxed too": ("relaxed", all_writes_pass),
    "nothing waits for relaxed payload": ("relaxed", none_waits_for_payload),
    "interrupts pass writes": ("relaxed", interrupts_pass),
    "relaxed reads": ("relaxed", reads_wait_for_none),
    "strict for functions": ("by function", with_host("host", ordering="strict")),
    "relaxed for functions": ("by function", with_host("host", ordering="relaxed")),
    "functions in pairs": ("by function", functions_in_pairs),
    "reads wait for all functions": ("by function", reads_wait_for_all),
    "reads wait for none": ("by function", reads_wait_for_none),
    "interrupts pass their function's writes": ("by function", interrupts_pass),
    "credits go back in the order of receipt": ("by function", credits_in_order_of_receipt),
}
FAULTS = {**{name: ("engines", plant) for name, plant in ENGINE_FAULTS.items()}, **ORDER_FAULTS}
