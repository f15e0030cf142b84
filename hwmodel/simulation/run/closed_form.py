"""The closed-form model beside a run: its figures for the result, and the gain from the next larger designs."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.analytic import Limits, limits
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.relaxations.resources import larger
from hwmodel.results import CeilingFigure, ClosedForm, NextStep
from hwmodel.rules.pci_bus import faster
from hwmodel.rules.pcie_link import NEWEST_GENERATION
from hwmodel.simulation.run.one_frame import lone_frame
from hwmodel.units import FS_PER_NS

LANES = (1, 2, 4, 8, 16, 32)
DOUBLED = (
    "pcie.max_payload", "pcie.max_read_request", "pcie.tags", "nic.rx_writeback_batch", "nic.fetch_batch",
    "driver.rx_interrupt_batch", "driver.tx_doorbell_batch", "nic.rx_ring", "nic.tx_ring",
)  # fmt: skip


def limits_of(config: Config) -> Limits | None:
    """Return what the closed form says of a configuration; None where it has nothing to say of the load."""
    try:
        return limits(config)
    except InputError:  # such as a capture whose frames all drop, which is still worth a run
        return None


def closed_form_of(config: Config, found: Limits, steps: tuple[NextStep, ...] = ()) -> ClosedForm:
    """Return the figures of a closed form that a result keeps, with a run of the frame alone that it names."""
    lone, alone = found.lone_frame, lone_frame(config)
    parts_fs = {} if alone is None else alone.parts_fs
    return ClosedForm(
        link_name=found.link_name,
        gbps=found.gbps,
        mpps=found.mpps,
        offered_mpps=float(found.frames_per_s / 10**6),
        limited_by=found.limited_by,
        up_bytes=found.up_bytes,
        down_bytes=found.down_bytes,
        unloaded_latency_ns=found.unloaded_latency_ns,
        lone_frame="" if lone is None else f"{lone.frame_bytes} B from {lone.source} to {lone.target}",
        latency_parts_ns={name: part_fs / FS_PER_NS for name, part_fs in parts_fs.items() if part_fs is not None},
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


def next_steps(config: Config, now: Limits) -> tuple[NextStep, ...]:
    """Return what the closed form gives with one parameter larger: lanes, generation, MPS, MRRS, tags, batches, rings.

    Each is doubled, or set to its next value (generation, PCI bus). A step that the configuration refuses, or that
    changes neither the rate nor the latency, is left out.
    """
    found = []
    for key, was, value in _steps(config):
        try:
            then = limits(config_from_mapping(config.resolved(), {key: value}))
        except InputError:
            continue
        found.append(
            NextStep(
                key=key,
                was=str(was),
                value=str(value),
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


def _steps(config: Config) -> Iterator[tuple[str, int | str, int | str]]:
    """Yield the key, the present value and the next value of each step."""
    pcie = config.pcie
    if pcie.bus is not None:
        yield from ((f"pcie.bus.{name}", old, new) for name, old, new in faster(pcie.bus)[:1] if name != "kind")
    else:
        wider = [lanes for lanes in LANES if lanes > pcie.lanes][:1]
        yield from (("pcie.lanes", pcie.lanes, lanes) for lanes in wider)
        if pcie.generation < NEWEST_GENERATION:
            yield "pcie.generation", pcie.generation, pcie.generation + 1
    # Those of VMs' own drivers stay.
    yield from (step for step in larger(*DOUBLED)(config) if not step[0].startswith("driver.vms."))
