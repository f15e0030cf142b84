"""The busiest core of the host's virtual switch: whose it is, and the keys that its time is made of.

A switching core, the thread of a VM, which takes frames from it and hands frames to it, and a core of the slow path
spend their time on different things. Which keys make one faster follows from what it did in the window.
"""

from __future__ import annotations

from typing import NamedTuple

from hwmodel.config import Config
from hwmodel.config.virtual_switch import BYTE_TIME, VirtualSwitch
from hwmodel.machine.guest.guest_state import POST_TASK, SLOW_TASK, SWITCH_TASK, TAKE_TASK
from hwmodel.results import SwitchingCore
from hwmodel.results.bottleneck import FULL
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import PF
from hwmodel.simulation.figures.measurement import CORE_WORK
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.virtual_switch_use import flow_cache_use
from hwmodel.simulation.fill.nic_state import function_of
from hwmodel.units import parse_time_fs

MATTERS = 0.25  # what takes less than this part of the largest is not named
BLOCK = "host.virtual_switch"
CACHE = "flow_cache"


class Passed(NamedTuple):
    """Hold what a core passed on, in frames: of VMs, from the wire, out to it; their mean bytes; the rings of VMs."""

    of_vms: float
    from_wire: float
    to_wire: float
    mean_bytes: float
    n_rings: int


def busiest_switching_core(config: Config, own: VirtualSwitch, span: Span) -> SwitchingCore:
    """Return the busiest core of a virtual switch, of its VMs' threads, and of those for misses.

    Of several that are full it is the thread that hands over most: who passes frames on to that is busy for nothing.
    """
    by_task = span.grown("core_busy_fs")
    misses = () if own.flow_cache is None else own.flow_cache.miss_cores

    def rank(core: int) -> tuple[float, int]:
        busy = min(FULL, span.core_share(int(by_task[core].sum())))
        return busy, int(by_task[core][SLOW_TASK]) if core in config.thread_cores else 0

    number = max((*own.cores, *config.thread_cores, *misses), key=rank)
    share = span.core_share(int(by_task[number].sum()))
    if number in misses and number not in own.cores:
        keys = tuple(f"{BLOCK}.{CACHE}.{name}" for name in ("miss_cores", "miss_time"))
        return SwitchingCore(share=share, kind="slow", keys=keys)
    vms = config.vms_of_thread(number)
    passed = _passed_by(config, own, span, number)
    spent_fs = _spent_beside_fs(config, span, number)
    drives_fs = float(by_task[number][[POST_TASK, TAKE_TASK]].sum())
    left_fs = float(by_task[number][SWITCH_TASK]) - sum(spent_fs.values())
    tasks = [(passing_weights(config, span, passed), left_fs)]
    if config.thread_cores:
        tasks += [(handing_weights(own, passed.mean_bytes), float(by_task[number][SLOW_TASK]))]
    for weights, task_fs in tasks:
        whole = sum(weights.values()) or 1.0
        for name, weight in weights.items():
            spent_fs[f"{BLOCK}.{name}"] = spent_fs.get(f"{BLOCK}.{name}", 0.0) + max(0.0, task_fs) * weight / whole
    on_core = (one.name for one in config.switch.ports if number in config.cores_of_queues(function_of(one.number)))
    if drives_fs > 0:
        spent_fs[f"{config.driver_block_of(next(on_core, PF))}.frame_time"] = drives_fs
    keys = largest(spent_fs)
    if f"{BLOCK}.byte_time" in keys and own.byte_time_fs == parse_time_fs(BYTE_TIME[own.pass_by]) > 0:
        keys = (*keys, f"{BLOCK}.pass_by")  # where it says what a byte takes
    if max(len(vms), passed.n_rings) > 1:
        keys = (f"{BLOCK}.{'thread_cores' if vms else 'cores'}", *keys)
    return SwitchingCore(share=share, kind="thread" if vms else "switch", vms=vms, keys=keys)


def largest(spent_fs: dict[str, float]) -> tuple[str, ...]:
    """Return the keys of the times that matter, those that take most first."""
    least = MATTERS * max(spent_fs.values(), default=0.0)
    named = [key for key, fs in spent_fs.items() if fs > 0 and fs >= least]
    return tuple(sorted(named, key=lambda key: -spent_fs[key]))


def _passed_by(config: Config, own: VirtualSwitch, span: Span, number: int) -> Passed:
    """Return what a core passed on; frames to the wire, and from there, are taken to be spread alike over cores."""
    sent_bytes, n_queues = span.by_function("sent_bytes"), config.nic.queues_per_vf
    n_sent, n_rings, at_core = max(1, span.count("switched")), 0, 0.0
    mean_bytes = max(1.0, float(sent_bytes.sum()) / n_sent - FCS_BYTES)
    if not span.count("switched") and span.count("vm_copies"):
        mean_bytes = span.count("delivered_bytes") / span.count("vm_copies") - FCS_BYTES
    for port in config.switch.ports:
        at = config.function_number(port.name)
        if config.thread_cores and at:
            own_rings = n_queues * (config.thread_of(at) == number)
        else:
            rings = range(at * n_queues, (at + 1) * n_queues)
            own_rings = sum(own.cores[ring % len(own.cores)] == number for ring in rings)
        if sent_bytes[at] > 0 and own_rings:
            n_rings += own_rings
            at_core += float(sent_bytes[at]) / (mean_bytes + FCS_BYTES) * own_rings / n_queues
    from_wire = span.count("from_wire") / len(own.cores) if number in own.cores else 0.0
    if from_wire:
        n_rings += max(1, own.n_uplink_rings // len(own.cores))
    return Passed(at_core, from_wire, at_core * span.count("wire_copies") / n_sent, mean_bytes, n_rings)


def _spent_beside_fs(config: Config, span: Span, number: int) -> dict[str, float]:
    """Return what a core spent on writes of doorbells, and on interrupts, of the uplink's driver, by key."""
    work_fs = dict(zip(CORE_WORK, span.grown("core_work_fs")[number].tolist(), strict=True))
    block = config.driver_block_of(PF)
    return {f"{block}.{name}_time": float(work_fs[name]) for name in ("doorbell", "interrupt") if work_fs[name] > 0}


def handing_weights(own: VirtualSwitch, mean_bytes: float) -> dict[str, float]:
    """Return what handing a frame over takes of a VM's thread, by key."""
    return {
        "guest_time": own.guest_time_fs,
        "byte_time": own.byte_time_fs * mean_bytes,
        "batch_time": own.batch_time_fs / own.batch,
    }


def passing_weights(config: Config, span: Span, passed: Passed) -> dict[str, float]:
    """Return what the frames that a core passed on took of it, by key, up to a common factor."""
    own, times = config.virtual_switch, config.passing_times_fs
    assert own is not None, "who asks has one"
    n, n_driven = passed.of_vms + passed.from_wire, passed.from_wire + passed.to_wire
    n_ends, n_copies = passed.of_vms, passed.of_vms
    if not config.thread_cores:
        n_ends, n_copies = n_ends + n - passed.to_wire, n
    amounts = {
        "frame_time": n,
        "guest_time": n_ends,
        "byte_time": n_copies * passed.mean_bytes,
        "batch_time": n / own.batch,
        "uplink_time": n_driven,
        "uplink_byte_time": n_driven * passed.mean_bytes,
        "tag_time": n_driven,
        "ring_time": n * min(own.further_rings, max(0, passed.n_rings - 1)),
        "rule_time": n,
        "sample_time": n / (own.sample_one_in or 1),
        "segment_frame_time": passed.to_wire * config.workload.frames_a_send,
    }
    found = {name: amount * times[name] for name, amount in amounts.items()}
    used = flow_cache_use(config, span)
    if used is not None and own.flow_cache is not None and used.looked_up:
        wildcard_fs, miss_fs = config.looking_costs_fs
        at_tables = n * (1 - used.exact_hits / used.looked_up)
        found[f"{CACHE}.exact_time"] = n * own.flow_cache.exact_time_fs
        found[f"{CACHE}.wildcard_time"] = found[f"{CACHE}.exact_entries"] = at_tables * wildcard_fs
        n_near, n_held = own.flow_cache.near_entries, max(1, used.exact_entries, used.wildcard_entries)
        is_far = max(0.0, 1 - n_near / n_held) if n_near else 0.0  # of connections that come alike
        found[f"{CACHE}.far_time"] = n * is_far * own.flow_cache.far_time_fs
        if not own.flow_cache.miss_cores:
            found[f"{CACHE}.miss_time"] = n * used.misses / used.looked_up * miss_fs
    return found
