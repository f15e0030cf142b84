"""The closed form beside a run: its figures for the result, and what the next steps of a design would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hwmodel.analytic import Limits, limits
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import CeilingFigure, ClosedForm, NextStep

if TYPE_CHECKING:
    from hwmodel.config import Config

LANES = (1, 2, 4, 8, 16, 32)
MOST_PAYLOAD_BYTES = 4096


def closed_form_of(found: Limits, steps: tuple[NextStep, ...] = ()) -> ClosedForm:
    """Return the figures of a closed form that a result keeps."""
    parts: dict[str, Any] = getattr(found, "latency_parts_fs", {})
    return ClosedForm(
        link_name=found.link_name,
        gbps=found.gbps,
        mpps=found.mpps,
        offered_mpps=float(found.frames_per_s / 10**6),
        limited_by=found.limited_by,
        up_bytes=found.up_bytes,
        down_bytes=found.down_bytes,
        unloaded_latency_ns=found.unloaded_latency_ns,
        latency_parts_ns={name: time_fs / 1e6 for name, time_fs in parts.items() if time_fs is not None},
        ceilings=tuple(
            CeilingFigure(
                resource=one.resource,
                what=one.what,
                offered_mpps=None if one.frames_per_s is None else float(one.frames_per_s / 10**6),
            )
            for one in found.ceilings
        ),
        next_steps=steps,
    )


def next_steps(config: Config) -> tuple[NextStep, ...]:
    """Return what the closed form gives with one thing of the design doubled: lanes, MPS, batches, rings, tags.

    A step that the configuration refuses, or that changes neither the rate nor the latency, is left out.
    """
    now = limits(config)
    found = []
    for key, was, value in _steps(config):
        try:
            then = limits(config_from_mapping(config.resolved(), {key: value}))
        except InputError:
            continue
        found.append(
            NextStep(
                key=key,
                was=was,
                value=value,
                gbps=then.gbps,
                mpps=then.mpps,
                limited_by=then.limited_by,
                unloaded_latency_ns=then.unloaded_latency_ns,
            )
        )
    return tuple(step for step in found if _differs(step, now))


def _differs(step: NextStep, now: Limits) -> bool:
    latency = now.unloaded_latency_ns or 0.0
    return (
        abs(step.mpps - now.mpps) > 1e-3 * now.mpps or abs((step.unloaded_latency_ns or 0.0) - latency) > 1e-3 * latency
    )


def _steps(config: Config) -> Iterator[tuple[str, str, str]]:
    pcie, nic, driver = config.pcie, config.nic, config.driver
    wider = [lanes for lanes in LANES if lanes > pcie.lanes][:1]
    yield from (("pcie.lanes", str(pcie.lanes), str(lanes)) for lanes in wider)
    if pcie.generation < 3:
        yield "pcie.generation", str(pcie.generation), str(pcie.generation + 1)
    if pcie.max_payload_bytes < MOST_PAYLOAD_BYTES:
        yield "pcie.max_payload", f"{pcie.max_payload_bytes}B", f"{2 * pcie.max_payload_bytes}B"
    if pcie.max_read_request_bytes < MOST_PAYLOAD_BYTES:
        yield "pcie.max_read_request", f"{pcie.max_read_request_bytes}B", f"{2 * pcie.max_read_request_bytes}B"
    yield "pcie.tags", str(pcie.tags), str(min(256, 2 * pcie.tags))
    yield "nic.rx_writeback_batch", str(nic.rx_writeback_batch), str(2 * nic.rx_writeback_batch)
    yield "nic.fetch_batch", str(nic.fetch_batch), str(2 * nic.fetch_batch)
    yield "driver.rx_interrupt_batch", str(driver.rx_interrupt_batch), str(2 * driver.rx_interrupt_batch)
    yield "driver.tx_doorbell_batch", str(driver.tx_doorbell_batch), str(2 * driver.tx_doorbell_batch)
    yield "nic.rx_ring", str(nic.rx_ring), str(2 * nic.rx_ring)
    yield "nic.tx_ring", str(nic.tx_ring), str(2 * nic.tx_ring)
