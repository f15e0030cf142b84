"""What lets a latency fall as the load rises: batches that more frames fill sooner, sleep, senders in step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hwmodel.units import FS_PER_NS, parse_time_fs
from hwmodel.words.modelled import is_closed_loop, is_some_time

if TYPE_CHECKING:
    from hwmodel.results.result import Result


_COSTS = ("wakeup_time", "interrupt_time", "exit_time")  # of an interrupt
MATTERS = 0.05  # of the median; what is less cannot make it fall by more


def falling_latency_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence for each thing that may make the median fall as load rises, with its keys; none where none.

    A wait for a batch ends when others come or a timer runs out; periodic senders of one gap meet on the link in the
    same way for ever, and at another load in another way. Where something else than the load sets the throughput, a
    higher one brings no more frames.
    """
    if result.bottleneck.resource == "offered_load" and not is_closed_loop(result.config):
        yield from _batches(result)
        yield from _awakened(result)
        yield from _in_step(result)


def _batches(result: Result) -> Iterator[str]:
    parts = result.latency_parts_ns.get("p50", {})
    whole, waits = sum(parts.values()), _batch_waits_ns(parts)
    if whole <= 0 or sum(waits.values()) < MATTERS * whole:
        return
    words = [_KEYS[part](result.config) for part, wait_ns in waits.items() if wait_ns > MATTERS / 4 * whole]
    share = f"{100 * sum(waits.values()) / whole:.0f} %"
    yield (
        f"Of the median frame's latency {share} is waiting for batches, which end when later frames fill them or a "
        f"timer runs out, so it falls as the load rises: {' and '.join(words)}."
    )


def _awakened(result: Result) -> Iterator[str]:
    """Tell where the median frame's core sleeps until its interrupt; one that is busy need not be woken."""
    driver, parts = result.config.get("driver", {}), result.latency_parts_ns.get("p50", {})
    costs = [key for key in _COSTS if is_some_time(str(driver.get(key, "0ns")))]
    told_ns = sum(parse_time_fs(driver[key]) for key in costs) / FS_PER_NS
    has_interrupts = driver.get("rx_interrupt_batch") != 0 or is_some_time(str(driver.get("moderation", "0ns")))
    if has_interrupts and parts.get("guest_queue", 0) >= told_ns > MATTERS * sum(parts.values()):
        words = " and ".join(f"driver.{key} {driver[key]}" for key in costs)
        yield (
            f"The median frame finds its VM's core without work: {words} "
            "are in its latency, and not in that of frames that find it busy, so it falls as the load rises."
        )


def _batch_waits_ns(parts: Mapping[str, float]) -> dict[str, float]:
    return {name: parts[name] for name in _KEYS if parts.get(name)}


def _in_step(result: Result) -> Iterator[str]:
    """Tell where the median lies above the fastest frame's because the same frames always meet."""
    workload, latency = result.config.get("workload", {}), result.latency_to_guest_ns
    if workload.get("arrivals") != "periodic" or not latency.p50 or not latency.min:
        return
    moving_ns = latency.p50 - sum(_batch_waits_ns(result.latency_parts_ns.get("p50", {})).values())
    if moving_ns > (1 + MATTERS) * latency.min:
        yield (
            "The senders' frames come in step (workload.arrivals periodic), so the same ones meet on the link for "
            f"ever: the median is {100 * (moving_ns / latency.min - 1):.0f} % above the fastest frame's, and at a "
            "higher load it may be less. workload.arrivals poisson has no such step."
        )


def _doorbells(config: Mapping[str, Any]) -> str:
    return f"driver.tx_doorbell_batch {_value(config, 'driver', 'tx_doorbell_batch')}"


def _write_backs(config: Mapping[str, Any]) -> str:
    timer = _value(config, "nic", "writeback_timeout")
    words = f"with nic.writeback_timeout {timer}" if timer else "without nic.writeback_timeout"
    return f"nic.rx_writeback_batch {_value(config, 'nic', 'rx_writeback_batch')} {words}"


def _interrupts(config: Mapping[str, Any]) -> str:
    timer = _value(config, "driver", "moderation")
    if timer and is_some_time(str(timer)):
        adapts = _value(config, "driver", "mask_interrupts") and _value(config, "driver", "adaptive_moderation")
        return f"driver.moderation {timer}{', which adapts to the load' if adapts else ''}"
    return f"driver.rx_interrupt_batch {_value(config, 'driver', 'rx_interrupt_batch')} without driver.moderation"


def _value(config: Mapping[str, Any], block: str, name: str) -> Any:
    return config.get(block, {}).get(name)


# Part of the latency -> what its wait is for, from the resolved configuration.
_KEYS = {"driver_batch": _doorbells, "writeback_batch": _write_backs, "interrupt_moderation": _interrupts}
